//! A file as the hot tier loads it: column by column, with an estimate of what each will take in memory before
//! it is decoded, and an end when it takes more.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::util::display::FormatOptions;
use datafusion::common::{Result, exec_datafusion_err};
use futures::StreamExt;
use object_store::ObjectStore;
use object_store::path::Path;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;
use parquet::basic::Type as PhysicalType;
use parquet::file::metadata::ColumnChunkMetaData;

use super::super::file_reader::StoredFile;
use super::column::{CHUNK_ROWS, HotColumn};

/// A view of text: its length, and its first bytes or where it is.
const VIEW_BYTES: u64 = 16;
/// Where a list's or a text's values begin.
const OFFSET_BYTES: u64 = 4;
/// What is added to an estimate for bounds and the arrays themselves, in bytes for each chunk.
const CHUNK_BYTES: u64 = 1_024;

/// What does not fit is an error.
const EXACT: CastOptions<'_> = CastOptions { safe: false, format_options: FormatOptions::new() };

/// A file whose footer has been read.
pub(super) struct Footer {
    store: Arc<dyn ObjectStore>,
    path: Path,
    bytes: u64,
    metadata: ArrowReaderMetadata,
    /// The columns as scans give them.
    schema: SchemaRef,
}

impl Footer {
    /// Reads the footer of a file of so many bytes.
    pub(super) async fn read(store: Arc<dyn ObjectStore>, path: &str, bytes: u64, schema: &SchemaRef) -> Result<Self> {
        let path = Path::from(path);
        let mut file = StoredFile { store: Arc::clone(&store), path: path.clone(), bytes };
        let found = ArrowReaderMetadata::load_async(&mut file, ArrowReaderOptions::new()).await?;
        // Text is read as scans give it. All else is read as it is stored: digits of a decimal may differ.
        let wanted = |field: &FieldRef| match (field.data_type(), schema.field_with_name(field.name())) {
            (DataType::Utf8 | DataType::Binary, Ok(scanned)) => {
                Arc::new(Field::new(field.name(), scanned.data_type().clone(), field.is_nullable()))
            }
            _ => Arc::clone(field),
        };
        let fields: Vec<FieldRef> = found.schema().fields().iter().map(wanted).collect();
        let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)));
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(found.metadata()), options)?;
        Ok(Self { store, path, bytes, metadata, schema: Arc::clone(schema) })
    }

    /// What a column will take in memory, as far as the footer tells.
    pub(super) fn estimate(&self, column: &str) -> u64 {
        let data_type = self.schema.field_with_name(column).ok().map(Field::data_type);
        let groups = self.metadata.metadata().row_groups();
        let rows: u64 = groups.iter().map(|group| group.num_rows() as u64).sum();
        let leaves = groups.iter().flat_map(|group| group.columns());
        let of_column = leaves.filter(|leaf| leaf.column_path().parts().first().is_some_and(|root| root == column));
        let values: u64 = of_column.map(|leaf| values_bytes(leaf, data_type)).sum();
        values + rows / 8 + (rows / CHUNK_ROWS as u64 + 1) * CHUNK_BYTES
    }

    /// Decodes a column; `None` when it takes more than `at_most` bytes.
    pub(super) async fn load(&self, column: &str, at_most: u64) -> Result<Option<HotColumn>> {
        let file = StoredFile { store: Arc::clone(&self.store), path: self.path.clone(), bytes: self.bytes };
        let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(file, self.metadata.clone());
        let index = builder.schema().index_of(column)?;
        let mask = ProjectionMask::roots(builder.parquet_schema(), [index]);
        let mut batches = builder.with_projection(mask).with_batch_size(CHUNK_ROWS).build()?;
        let scanned = self.schema.field_with_name(column)?.data_type();
        let (mut read, mut bytes): (Vec<ArrayRef>, u64) = (vec![], 0);
        while let Some(batch) = batches.next().await {
            let batch = batch?;
            let array = batch.columns().first().ok_or_else(|| exec_datafusion_err!("the file has no {column}"))?;
            let array = cast_with_options(array, scanned, &EXACT)?;
            bytes += array.to_data().get_slice_memory_size()? as u64;
            if bytes > at_most {
                return Ok(None);
            }
            read.push(array);
        }
        Ok(Some(HotColumn::new(read)?).filter(|column| column.bytes() <= at_most))
    }
}

/// What the values of a column chunk take in memory.
fn values_bytes(chunk: &ColumnChunkMetaData, data_type: Option<&DataType>) -> u64 {
    let values = chunk.num_values() as u64;
    let text = || chunk.unencoded_byte_array_data_bytes().unwrap_or_else(|| chunk.uncompressed_size()) as u64;
    match (data_type, chunk.column_type()) {
        (_, PhysicalType::BYTE_ARRAY) => values * VIEW_BYTES + text(),
        (Some(DataType::Boolean), _) => values / 8,
        (Some(DataType::FixedSizeBinary(width)), _) => values * *width as u64,
        (Some(known), _) if known.is_primitive() => values * known.primitive_width().unwrap_or_default() as u64,
        // An element of a list: no value is wider than a decimal.
        _ => values * (VIEW_BYTES + OFFSET_BYTES),
    }
}
