//! A row group on its way into a Parquet file. What most columns are made of (integers, dates, decimals of up to 18
//! digits, short texts) is encoded here, page by page; Parquet's own writer, which takes any type, takes the rest. It
//! copies every value by its index, compares each with two others through what the schema says of their order, and
//! packs bits one value at a time (docs/decisions/0005-reading-rows.md).

mod bit_packing;
mod bounds;
mod delta;
mod dictionary;
mod hybrid;
mod integers;
mod pages;
mod texts;
mod varint;

use std::borrow::Cow;
use std::io::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DECIMAL32_MAX_PRECISION, DECIMAL64_MAX_PRECISION, DataType, Date32Type, Decimal128Type, FieldRef, Int16Type,
    Int32Type, Int64Type, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType, UInt32Type,
};
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression, Encoding};
use parquet::errors::Result;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnDescPtr, ColumnPath};

use self::integers::Integers;
use self::pages::EncodedChunk;
use self::texts::Texts;

/// Rows of a row group: the unit that a scan skips or reads. A multiple of the reader's batch.
pub(super) const ROW_GROUP_ROWS: usize = 262_144;
/// Rows of a page at most: as many as are encoded within a processor's cache.
pub(super) const PAGE_ROWS: usize = 16_384;
/// So many values show what a column's are like.
const SAMPLE: usize = 1024;
/// A column whose distinct values in a row group take more than this is written plainly: looking every value
/// up in a dictionary that is then given up costs more than the rest of its encoding.
const DICTIONARY_BYTES: usize = 64 << 10;
/// Texts that are as long on average are compressed. Numbers and short texts are not: a dictionary has taken
/// out what repeats, and what is left costs more time in compression, and again at each scan, than its bytes do
/// on a disk.
const COMPRESSED_BYTES: usize = 64;

/// The rows of a file that are being gathered.
pub(super) struct RowGroup {
    columns: Vec<Column>,
    rows: usize,
}

/// What takes the values of one column.
enum Column {
    Int32(Integers<i32>),
    Int64(Integers<i64>),
    Texts(Texts),
    Any(FieldRef, Box<ArrowColumnWriter>),
}

/// The encoded values of one column.
enum Chunk {
    Encoded(EncodedChunk),
    Any(ArrowColumnChunk),
}

/// How Parquet's own writer writes what it is given. Pages have the same rows as ours, and bounds as ours do, so that a scan
/// that leaves some out needs no part of another. Bounds of long texts are not kept: finding them compares every value
/// with two others. Those of floating-point numbers are not, because they leave out NaN, which is above every other
/// number in PostgreSQL.
pub(super) fn properties(schema: &arrow::datatypes::Schema) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_compression(Compression::UNCOMPRESSED)
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_statistics_enabled(EnabledStatistics::Page);
    for field in schema.fields() {
        let path = ColumnPath::new(vec![field.name().clone()]);
        match field.data_type() {
            DataType::Utf8 | DataType::Binary => {
                builder = builder
                    .set_column_statistics_enabled(path.clone(), EnabledStatistics::None)
                    .set_column_compression(path, Compression::SNAPPY);
            }
            data_type if data_type.is_floating() => {
                builder = builder.set_column_statistics_enabled(path, EnabledStatistics::None);
            }
            DataType::Int64 | DataType::Time64(_) | DataType::Timestamp(..) => {
                builder = builder.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
            }
            _ => {}
        }
    }
    builder.build()
}

/// Whether so many distinct values in a sample say that there are too many of them for a dictionary: where one in
/// sixteen repeats, there are about eight thousand to choose from.
fn repeats_little(distinct: usize, sampled: usize) -> bool {
    distinct * 16 > sampled * 15
}

impl RowGroup {
    /// The next row group of a file; how its columns are encoded is chosen by the batch that will be the first.
    pub(super) fn begin<W: Write + Send>(
        file: &SerializedFileWriter<W>,
        writers: &ArrowRowGroupWriterFactory,
        first: &RecordBatch,
    ) -> Result<Self> {
        // Columns are numbers, texts and lists of these: each has one leaf.
        let writers = writers.create_column_writers(file.flushed_row_groups().len())?;
        let fields = first.schema_ref().fields().iter().zip(first.columns());
        let leaves = file.schema_descr().columns().iter().zip(writers);
        let columns =
            fields.zip(leaves).map(|((field, values), (leaf, writer))| Column::begin(field, values, leaf, writer));
        Ok(Self { columns: columns.collect(), rows: 0 })
    }

    /// Rows that it has room for.
    pub(super) fn room(&self) -> usize {
        ROW_GROUP_ROWS - self.rows
    }

    /// Appends a batch.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows();
        self.columns.iter_mut().zip(batch.columns()).try_for_each(|(column, values)| column.write(values))
    }

    /// Appends it to its file.
    pub(super) fn finish<W: Write + Send>(self, file: &mut SerializedFileWriter<W>) -> Result<()> {
        let mut group = file.next_row_group()?;
        self.columns.into_iter().try_for_each(|column| column.finish()?.append_to(&mut group))?;
        group.close()?;
        Ok(())
    }
}

impl Column {
    fn begin(field: &FieldRef, values: &ArrayRef, leaf: &ColumnDescPtr, writer: ArrowColumnWriter) -> Self {
        let leaf = Arc::clone(leaf);
        match field.data_type() {
            DataType::Int16 | DataType::Int32 | DataType::UInt32 | DataType::Date32 => Self::Int32(Integers::new(leaf)),
            DataType::Decimal128(..=DECIMAL32_MAX_PRECISION, _) => Self::Int32(Integers::new(leaf)),
            DataType::Decimal128(..=DECIMAL64_MAX_PRECISION, _) => Self::Int64(Integers::new(leaf)),
            DataType::Int64 | DataType::Time64(_) | DataType::Timestamp(..)
                if !integers::should_be_looked_up(&long_integers(values)) =>
            {
                Self::Int64(Integers::new(leaf))
            }
            DataType::Utf8 | DataType::Binary if texts::average_bytes(values) < COMPRESSED_BYTES => {
                Self::Texts(Texts::new(leaf))
            }
            _ => Self::Any(Arc::clone(field), Box::new(writer)),
        }
    }

    fn write(&mut self, values: &ArrayRef) -> Result<()> {
        match self {
            Self::Int32(column) => column.write(&short_integers(values), values.nulls()),
            Self::Int64(column) => column.write(&long_integers(values), values.nulls()),
            Self::Texts(column) => match values.data_type() {
                DataType::Utf8 => column.write(values.as_string::<i32>()),
                _ => column.write(values.as_binary::<i32>()),
            },
            Self::Any(field, writer) => compute_leaves(field, values)?.iter().try_for_each(|leaf| writer.write(leaf)),
        }
    }

    fn finish(self) -> Result<Chunk> {
        Ok(match self {
            Self::Int32(column) => Chunk::Encoded(column.finish()?),
            Self::Int64(column) => Chunk::Encoded(column.finish()?),
            Self::Texts(column) => Chunk::Encoded(column.finish()?),
            Self::Any(_, writer) => Chunk::Any(writer.close()?),
        })
    }
}

impl Chunk {
    fn append_to<W: Write + Send>(self, group: &mut SerializedRowGroupWriter<'_, W>) -> Result<()> {
        match self {
            Self::Encoded(chunk) => group.append_column(&chunk.bytes, chunk.close),
            Self::Any(chunk) => chunk.append_to_row_group(group),
        }
    }
}

/// Values as Parquet's 32-bit integers.
fn short_integers(values: &ArrayRef) -> Cow<'_, [i32]> {
    match values.data_type() {
        DataType::Int16 => values.as_primitive::<Int16Type>().values().iter().map(|value| i32::from(*value)).collect(),
        // Unsigned ones by their bits.
        DataType::UInt32 => values.as_primitive::<UInt32Type>().values().inner().typed_data::<i32>().into(),
        DataType::Date32 => values.as_primitive::<Date32Type>().values()[..].into(),
        DataType::Decimal128(..) => {
            values.as_primitive::<Decimal128Type>().values().iter().map(|value| *value as i32).collect()
        }
        _ => values.as_primitive::<Int32Type>().values()[..].into(),
    }
}

/// Values as Parquet's 64-bit integers.
fn long_integers(values: &ArrayRef) -> Cow<'_, [i64]> {
    match values.data_type() {
        DataType::Time64(_) => values.as_primitive::<Time64MicrosecondType>().values()[..].into(),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            values.as_primitive::<TimestampMicrosecondType>().values()[..].into()
        }
        DataType::Decimal128(..) => {
            values.as_primitive::<Decimal128Type>().values().iter().map(|value| *value as i64).collect()
        }
        _ => values.as_primitive::<Int64Type>().values()[..].into(),
    }
}

#[cfg(test)]
mod tests;
