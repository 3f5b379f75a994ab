//! Writes one partition's batches into one Parquet file.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::Array;
use arrow::datatypes::{DECIMAL64_MAX_PRECISION, DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::checksum::ChecksumWriter;
use super::manifest::{FileEntry, RelationId};
use super::statistics;
use super::storage::NewFile;
use super::stored_form::{stored_schema, to_stored};
use crate::error::{Error, Result};

/// Rows of a row group: the unit that a scan skips or reads. A multiple of the reader's batch.
const ROW_GROUP_ROWS: usize = 262_144;
/// A column whose distinct values in a row group take more than this is written plainly: looking every value
/// up in a dictionary that is then given up costs more than the rest of its encoding.
const DICTIONARY_BYTES: usize = 64 << 10;
/// Texts that are as long on average are compressed. Numbers and short texts are not: a dictionary has taken
/// out what repeats, and what is left costs more time in compression, and again at each scan, than its bytes do
/// on a disk.
const COMPRESSED_BYTES: usize = 64;

/// A Parquet file being written.
pub(crate) struct PartitionWriter {
    path: PathBuf,
    relative: String,
    relation: RelationId,
    schema: SchemaRef,
    stored_schema: SchemaRef,
    rows: u64,
    /// NULLs of each column.
    nulls: Vec<u64>,
    output: Output,
}

/// The encoding is chosen by the first batch.
enum Output {
    Waiting(Box<dyn NewFile>),
    Begun(Box<ArrowWriter<ChecksumWriter<Box<dyn NewFile>>>>),
    /// Something has failed; the file is dropped with the error.
    Failed,
}

impl PartitionWriter {
    /// Begins a file that messages call `path`, and the manifest `relative`, for rows of this relation.
    pub(super) fn begin(
        file: Box<dyn NewFile>,
        path: PathBuf,
        relative: String,
        relation: RelationId,
        schema: SchemaRef,
    ) -> Self {
        let stored_schema = stored_schema(&schema);
        let nulls = vec![0; schema.fields().len()];
        Self { path, relative, relation, schema, stored_schema, rows: 0, nulls, output: Output::Waiting(file) }
    }

    /// The schema that its batches have.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Appends a batch.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        for (nulls, column) in self.nulls.iter_mut().zip(batch.columns()) {
            *nulls += column.logical_null_count() as u64;
        }
        let batch =
            to_stored(batch, &self.stored_schema).map_err(|error| failed(&self.path, io::Error::other(error)))?;
        let path = self.path.clone();
        self.writer(&batch)?.write(&batch).map_err(|error| failed(&path, unwrapped(error)))
    }

    /// Completes the file and makes it durable.
    pub(crate) fn finish(mut self) -> Result<FileEntry> {
        let path = self.path.clone();
        let empty = RecordBatch::new_empty(Arc::clone(&self.stored_schema));
        let writer = self.writer(&empty)?;
        let metadata = writer.finish().map_err(|error| failed(&path, unwrapped(error)))?;
        let output = writer.inner_mut();
        output.inner_mut().finish().map_err(|cause| failed(&path, cause))?;
        let (bytes, checksum) = (output.bytes(), output.checksum());
        let columns = statistics::of_parquet(&metadata, &self.stored_schema, &self.nulls)
            .map_err(|error| failed(&path, io::Error::other(error)))?;
        Ok(FileEntry {
            path: self.relative,
            rows: self.rows,
            bytes,
            checksum,
            columns,
            relation: self.relation,
            digits: vec![],
            deletes: None,
        })
    }

    /// The writer, which is made for what the first batch is like.
    fn writer(&mut self, first: &RecordBatch) -> Result<&mut ArrowWriter<ChecksumWriter<Box<dyn NewFile>>>> {
        if let Output::Waiting(_) = &self.output
            && let Output::Waiting(file) = std::mem::replace(&mut self.output, Output::Failed)
        {
            let schema = Arc::clone(&self.stored_schema);
            let writer = ArrowWriter::try_new(ChecksumWriter::new(file), schema, Some(properties(first)))
                .map_err(|error| failed(&self.path, unwrapped(error)))?;
            self.output = Output::Begun(Box::new(writer));
        }
        match &mut self.output {
            Output::Begun(writer) => Ok(writer),
            Output::Waiting(_) | Output::Failed => {
                Err(failed(&self.path, io::Error::other("its writing has failed before")))
            }
        }
    }
}

/// How the columns of batches like this one are written. Bounds of texts are not kept: they would be cut off, and
/// finding them compares every value with two others. Those of floating-point numbers are not, because they leave out
/// NaN, which is above every other number in PostgreSQL.
fn properties(batch: &RecordBatch) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_compression(Compression::UNCOMPRESSED)
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        let path = ColumnPath::new(vec![field.name().clone()]);
        if let Some(are_small) = integers(field.data_type()) {
            builder = builder.set_column_encoding(path.clone(), Encoding::DELTA_BINARY_PACKED);
            if are_small {
                builder = builder.set_column_dictionary_enabled(path, false);
            }
            continue;
        }
        let is_text = matches!(field.data_type(), DataType::Utf8 | DataType::Binary);
        if !is_text && !field.data_type().is_floating() {
            continue;
        }
        builder = builder.set_column_statistics_enabled(path.clone(), EnabledStatistics::None);
        if !is_text {
            continue;
        }
        if column.get_buffer_memory_size() / batch.num_rows().max(1) >= COMPRESSED_BYTES {
            builder = builder.set_column_compression(path, Compression::SNAPPY);
        }
    }
    builder.build()
}

/// Whether Parquet has integers for the type, and small ones. Their differences take half the bytes or less, and bytes
/// are what writing costs. Looking values up in a dictionary first takes twice the time, and saves nothing where they
/// are small. Among large ones, as generated keys are, there may be few that repeat.
fn integers(data_type: &DataType) -> Option<bool> {
    match data_type {
        DataType::Int16 | DataType::Int32 | DataType::UInt32 | DataType::Date32 => Some(true),
        DataType::Decimal128(precision, _) if *precision <= DECIMAL64_MAX_PRECISION => Some(true),
        DataType::Int64 | DataType::Time64(_) | DataType::Timestamp(..) => Some(false),
        _ => None,
    }
}

/// What the system or the object store has said, without Parquet's wrapping.
fn unwrapped(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(cause) => *cause,
            Err(cause) => io::Error::other(cause),
        },
        other => io::Error::other(other),
    }
}

fn failed(path: &std::path::Path, cause: io::Error) -> Error {
    Error::storage("cannot write", path)(cause)
}
