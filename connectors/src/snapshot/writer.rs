//! Writes one partition's batches into one Parquet file.

use std::path::PathBuf;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::checksum::ChecksumWriter;
use super::manifest::FileEntry;
use super::statistics;
use super::storage::NewFile;
use super::stored_form::{stored_schema, to_stored};
use crate::error::{Error, Result};

/// Rows of a row group: the unit that a scan skips or reads. A multiple of the reader's batch.
const ROW_GROUP_ROWS: usize = 262_144;
/// A column whose distinct values in a row group take more than this is written plainly: looking every value
/// up in a dictionary that is then given up costs more than the rest of its encoding.
const DICTIONARY_BYTES: usize = 64 << 10;

/// A Parquet file being written.
pub(crate) struct PartitionWriter {
    path: PathBuf,
    relative: String,
    relation: u32,
    schema: SchemaRef,
    stored_schema: SchemaRef,
    rows: u64,
    writer: ArrowWriter<ChecksumWriter<Box<dyn NewFile>>>,
}

impl PartitionWriter {
    /// Begins a file that messages call `path`, and the manifest `relative`, for rows of the relation of this
    /// oid.
    pub(super) fn begin(
        file: Box<dyn NewFile>,
        path: PathBuf,
        relative: String,
        relation: u32,
        schema: SchemaRef,
    ) -> Result<Self> {
        let stored_schema = stored_schema(&schema);
        let writer = ArrowWriter::try_new(ChecksumWriter::new(file), stored_schema.clone(), Some(properties()))
            .map_err(|error| failed(&path, error.into()))?;
        Ok(Self { path, relative, relation, schema, stored_schema, rows: 0, writer })
    }

    /// The schema that its batches have.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Appends a batch.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        let batch =
            to_stored(batch, &self.stored_schema).map_err(|error| failed(&self.path, std::io::Error::other(error)))?;
        self.writer.write(&batch).map_err(|error| failed(&self.path, error.into()))
    }

    /// Completes the file and makes it durable.
    pub(crate) fn finish(mut self) -> Result<FileEntry> {
        let metadata = self.writer.finish().map_err(|error| failed(&self.path, error.into()))?;
        let columns = statistics::of_parquet(&metadata, &self.stored_schema)
            .map_err(|error| failed(&self.path, std::io::Error::other(error)))?;
        let output = self.writer.inner_mut();
        output.inner_mut().finish().map_err(|cause| failed(&self.path, cause))?;
        let (bytes, checksum) = (output.bytes(), output.checksum());
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
}

fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .build()
}

fn failed(path: &std::path::Path, cause: std::io::Error) -> Error {
    Error::storage("cannot write", path)(cause)
}
