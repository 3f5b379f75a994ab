//! The pages of one column in a row group, and what the file's footer says of them.

use std::collections::BTreeSet;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, EncodingMask, PageType};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, PageEncodingStats};
use parquet::file::page_index::offset_index::{OffsetIndexMetaData, PageLocation};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::dictionary::Dictionary;

/// Data pages, in their order.
pub(super) struct Pages {
    column: ColumnDescPtr,
    output: TrackedWrite<Vec<u8>>,
    locations: Vec<PageLocation>,
    encodings: Vec<PageEncodingStats>,
    /// Bounds and NULLs of each page, by which scans leave pages out.
    index: ColumnIndexBuilder,
    rows: usize,
}

/// What is known of the values of a page.
pub(super) struct PageValues {
    pub(super) nulls: usize,
    /// The smallest and the largest value, as Parquet writes them plainly.
    pub(super) bounds: Option<(Vec<u8>, Vec<u8>)>,
}

/// A column of a row group as it will lie in the file.
pub(super) struct EncodedChunk {
    pub(super) bytes: Bytes,
    pub(super) close: ColumnCloseResult,
}

impl Pages {
    pub(super) fn new(column: ColumnDescPtr) -> Self {
        let index = ColumnIndexBuilder::new(column.physical_type());
        Self { column, output: TrackedWrite::new(vec![]), locations: vec![], encodings: vec![], index, rows: 0 }
    }

    /// Rows of all pages.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Whether pages begin with which rows have a value.
    pub(super) fn have_levels(&self) -> bool {
        self.column.max_def_level() > 0
    }

    /// Adds a page of so many rows.
    pub(super) fn add(&mut self, rows: usize, encoding: Encoding, content: Vec<u8>, values: PageValues) -> Result<()> {
        let PageValues { nulls, bounds } = values;
        match bounds {
            Some((smallest, largest)) => self.index.append(false, smallest, largest, nulls as i64),
            None if nulls == rows => self.index.append(true, vec![], vec![], nulls as i64),
            // The others would be of no use: an index tells of all pages or of none.
            None => self.index.to_invalid(),
        }
        let page = Page::DataPage {
            buf: content.into(),
            num_values: rows as u32,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let (offset, bytes) = write(page, &mut self.output)?;
        let location = PageLocation { offset, compressed_page_size: bytes, first_row_index: self.rows as i64 };
        self.locations.push(location);
        match self.encodings.last_mut() {
            Some(last) if last.encoding == encoding => last.count += 1,
            _ => self.encodings.push(PageEncodingStats { page_type: PageType::DATA_PAGE, encoding, count: 1 }),
        }
        self.rows += rows;
        Ok(())
    }

    /// Puts the pages behind the page of their dictionary, if they need it.
    pub(super) fn finish(mut self, dictionary: Dictionary, statistics: Option<Statistics>) -> Result<EncodedChunk> {
        let mut bytes = self.output.into_inner()?;
        let mut pages_start = 0;
        if self.encodings.iter().any(|counted| counted.encoding == Encoding::RLE_DICTIONARY) {
            let page = Page::DictionaryPage {
                num_values: dictionary.len() as u32,
                buf: dictionary.into_page().into(),
                encoding: Encoding::PLAIN,
                is_sorted: false,
            };
            let mut output = TrackedWrite::new(vec![]);
            write(page, &mut output)?;
            let first = output.into_inner()?;
            pages_start = first.len();
            bytes.splice(..0, first);
            self.locations.iter_mut().for_each(|location| location.offset += pages_start as i64);
            let counted =
                PageEncodingStats { page_type: PageType::DICTIONARY_PAGE, encoding: Encoding::PLAIN, count: 1 };
            self.encodings.insert(0, counted);
        }
        let mut encodings: BTreeSet<Encoding> = self.encodings.iter().map(|counted| counted.encoding).collect();
        encodings.insert(Encoding::RLE);
        let mut metadata = ColumnChunkMetaData::builder(self.column)
            .set_compression(Compression::UNCOMPRESSED)
            .set_encodings_mask(EncodingMask::new_from_encodings(encodings.iter()))
            .set_page_encoding_stats(self.encodings)
            .set_total_compressed_size(bytes.len() as i64)
            .set_total_uncompressed_size(bytes.len() as i64)
            .set_num_values(self.rows as i64)
            .set_dictionary_page_offset((pages_start > 0).then_some(0))
            .set_data_page_offset(pages_start as i64);
        if let Some(statistics) = statistics {
            metadata = metadata.set_statistics(statistics);
        }
        let column_index = self.index.valid().then(|| self.index.build()).transpose()?;
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: self.rows as u64,
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index,
            offset_index: Some(OffsetIndexMetaData {
                page_locations: self.locations,
                unencoded_byte_array_data_bytes: None,
            }),
        };
        Ok(EncodedChunk { bytes: bytes.into(), close })
    }
}

/// Writes a page with its header. Where it begins, and its bytes.
fn write(page: Page, output: &mut TrackedWrite<Vec<u8>>) -> Result<(i64, i32)> {
    let bytes = page.buffer().len();
    let written = SerializedPageWriter::new(output).write_page(CompressedPage::new(page, bytes))?;
    Ok((written.offset as i64, written.compressed_size as i32))
}
