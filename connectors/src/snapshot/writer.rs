//! Writes one partition's batches into one Parquet file.

use std::io;
use std::path::PathBuf;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::checksum::ChecksumWriter;
use super::manifest::FileEntry;
use super::statistics;
use super::storage::NewFile;
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
    schema: SchemaRef,
    rows: u64,
    writer: ArrowWriter<ChecksumWriter<Box<dyn NewFile>>>,
}

impl PartitionWriter {
    /// Begins a file that messages call `path`, and the manifest `relative`.
    pub(super) fn begin(file: Box<dyn NewFile>, path: PathBuf, relative: String, schema: SchemaRef) -> Result<Self> {
        let writer = ArrowWriter::try_new(ChecksumWriter::new(file), schema.clone(), Some(properties()))
            .map_err(|error| failed(&path, unwrapped(error)))?;
        Ok(Self { path, relative, schema, rows: 0, writer })
    }

    /// Appends a batch.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        self.writer.write(batch).map_err(|error| failed(&self.path, unwrapped(error)))
    }

    /// Completes the file and makes it durable.
    pub(crate) fn finish(mut self) -> Result<FileEntry> {
        let metadata = self.writer.finish().map_err(|error| failed(&self.path, unwrapped(error)))?;
        let columns = statistics::of_parquet(&metadata, &self.schema)
            .map_err(|error| failed(&self.path, io::Error::other(error)))?;
        let output = self.writer.inner_mut();
        output.inner_mut().finish().map_err(|cause| failed(&self.path, cause))?;
        let (bytes, checksum) = (output.bytes(), output.checksum());
        Ok(FileEntry { path: self.relative, rows: self.rows, bytes, checksum, columns, deletes: None })
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
