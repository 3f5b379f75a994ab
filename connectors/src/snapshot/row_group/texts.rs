//! Columns of short texts: places in a dictionary while it is small, then the texts one behind the other.

use arrow::array::{Array, ArrayRef, AsArray, GenericByteArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{ByteArrayType, DataType};
use parquet::basic::Encoding;
use parquet::errors::Result;
use parquet::schema::types::ColumnDescPtr;

use super::bit_packing::width_of;
use super::bounds::{ChunkBounds, Extremes, TextBounds};
use super::dictionary::Dictionary;
use super::hybrid::{self, encode_levels};
use super::pages::{EncodedChunk, PageValues, Pages};
use super::{DICTIONARY_BYTES, PAGE_ROWS, SAMPLE, repeats_little};

/// A page of longer texts has fewer of them.
const PAGE_BYTES: i32 = 1 << 20;

/// The average length of texts.
pub(super) fn average_bytes(texts: &ArrayRef) -> usize {
    let all = match texts.data_type() {
        DataType::Utf8 => bytes(texts.as_string::<i32>()),
        _ => bytes(texts.as_binary::<i32>()),
    };
    all / texts.len().max(1)
}

/// The texts of a row group.
pub(super) struct Texts {
    pages: Pages,
    dictionary: Dictionary,
    /// Texts are looked up, until one page shows that they should not be.
    look_up: bool,
    bounds: ChunkBounds,
}

impl Texts {
    pub(super) fn new(column: ColumnDescPtr) -> Self {
        let bounds = ChunkBounds::default();
        Self { pages: Pages::new(column), dictionary: Dictionary::new(), look_up: true, bounds }
    }

    /// Appends texts.
    pub(super) fn write<T: ByteArrayType<Offset = i32>>(&mut self, texts: &GenericByteArray<T>) -> Result<()> {
        let offsets = texts.value_offsets();
        let mut start = 0;
        while start < texts.len() {
            let last = offsets[start].saturating_add(PAGE_BYTES);
            let rows = offsets[start + 1..].partition_point(|end| *end <= last).clamp(1, PAGE_ROWS);
            let page = texts.slice(start, rows);
            start += if self.look_up { self.write_looked_up(&page)? } else { self.write_plain(&page)? };
        }
        Ok(())
    }

    /// Writes a page of the first texts, as many as the dictionary takes. How many.
    fn write_looked_up<T: ByteArrayType<Offset = i32>>(&mut self, texts: &GenericByteArray<T>) -> Result<usize> {
        let mut numbers = Vec::with_capacity(texts.len());
        let mut rows = 0;
        while rows < texts.len() && self.look_up {
            let sample = texts.slice(rows, SAMPLE.min(texts.len() - rows));
            for_each_present(&sample, |text| numbers.push(self.dictionary.number(text)));
            rows += sample.len();
            let is_first = self.pages.rows() == 0 && rows == sample.len();
            if is_first && repeats_little(self.dictionary.len(), numbers.len()) {
                (self.dictionary, self.look_up) = (Dictionary::new(), false);
                return Ok(0);
            }
            self.look_up = self.dictionary.bytes() <= DICTIONARY_BYTES;
        }
        let mut content = self.begin_page(texts.slice(0, rows).nulls(), rows);
        let width = width_of(self.dictionary.len().saturating_sub(1) as u64);
        content.push(width as u8);
        hybrid::encode(&numbers, width, &mut content);
        let bounds = self.bounds_of(&numbers);
        self.add_page(rows, Encoding::RLE_DICTIONARY, content, rows - numbers.len(), bounds)?;
        Ok(rows)
    }

    /// Writes a page of all the texts. How many they are.
    fn write_plain<T: ByteArrayType<Offset = i32>>(&mut self, texts: &GenericByteArray<T>) -> Result<usize> {
        let mut content = self.begin_page(texts.nulls(), texts.len());
        content.reserve(texts.len() * size_of::<u32>() + bytes(texts));
        for_each_present(texts, |text| {
            content.extend_from_slice(&(text.len() as u32).to_le_bytes());
            content.extend_from_slice(text);
        });
        let bounds = Extremes::of(texts).bounds();
        self.add_page(texts.len(), Encoding::PLAIN, content, texts.null_count(), bounds)?;
        Ok(texts.len())
    }

    /// The bounds of the texts of these numbers, each of which is compared once.
    fn bounds_of(&self, numbers: &[u32]) -> Option<TextBounds> {
        let mut used = vec![false; self.dictionary.len()];
        numbers.iter().for_each(|number| used[*number as usize] = true);
        let mut extremes = Extremes::default();
        let used = (0_u32..).zip(used).filter(|(_, is_used)| *is_used);
        used.for_each(|(number, _)| extremes.add(self.dictionary.text(number)));
        extremes.bounds()
    }

    fn add_page(
        &mut self,
        rows: usize,
        encoding: Encoding,
        content: Vec<u8>,
        nulls: usize,
        bounds: Option<TextBounds>,
    ) -> Result<()> {
        let in_index = bounds.clone().and_then(|(smallest, largest)| Some((smallest.bytes, largest?.bytes)));
        self.bounds.add(bounds, nulls);
        self.pages.add(rows, encoding, content, PageValues { nulls, bounds: in_index })
    }

    fn begin_page(&self, nulls: Option<&NullBuffer>, rows: usize) -> Vec<u8> {
        let mut content = vec![];
        if self.pages.have_levels() {
            encode_levels(nulls, rows, &mut content);
        }
        content
    }

    pub(super) fn finish(self) -> Result<EncodedChunk> {
        self.pages.finish(self.dictionary, Some(self.bounds.statistics()))
    }
}

fn bytes<T: ByteArrayType<Offset = i32>>(texts: &GenericByteArray<T>) -> usize {
    let offsets = texts.value_offsets();
    offsets.last().zip(offsets.first()).map_or(0, |(end, start)| (end - start) as usize)
}

/// Hands on every text that is not NULL.
#[inline]
fn for_each_present<T: ByteArrayType<Offset = i32>>(texts: &GenericByteArray<T>, mut take: impl FnMut(&[u8])) {
    let (offsets, data) = (texts.value_offsets(), texts.value_data());
    let text = |index: usize| &data[offsets[index] as usize..offsets[index + 1] as usize];
    match texts.nulls() {
        None => (0..texts.len()).for_each(|index| take(text(index))),
        Some(nulls) => nulls.valid_indices().for_each(|index| take(text(index))),
    }
}
