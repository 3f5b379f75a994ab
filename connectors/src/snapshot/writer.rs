//! Writes one partition's batches into one Parquet file.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::Array;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowRowGroupWriterFactory;
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedFileWriter;

use super::checksum::ChecksumWriter;
use super::manifest::{FileEntry, RelationId};
use super::row_group::{self, RowGroup};
use super::sorted_rows::{SortedPart, SortedRows};
use super::statistics;
use super::storage::NewFile;
use super::stored_form::{stored_schema, to_stored};
use crate::error::{Error, Result};

/// A Parquet file being written. After an error it must be dropped.
pub(crate) struct PartitionWriter {
    path: PathBuf,
    relative: String,
    relation: RelationId,
    schema: SchemaRef,
    stored_schema: SchemaRef,
    rows: u64,
    /// NULLs of each column.
    nulls: Vec<u64>,
    file: SerializedFileWriter<ChecksumWriter<Box<dyn NewFile>>>,
    writers: ArrowRowGroupWriterFactory,
    group: Option<RowGroup>,
    /// Where the table's settings name columns to sort by.
    sorted: Option<SortedRows>,
}

impl PartitionWriter {
    /// Begins a file that messages call `path`, and the manifest `relative`, for rows of this relation.
    pub(super) fn begin(
        file: Box<dyn NewFile>,
        path: PathBuf,
        relative: String,
        relation: RelationId,
        schema: SchemaRef,
    ) -> Result<Self> {
        let stored_schema = stored_schema(&schema);
        let nulls = vec![0; schema.fields().len()];
        let properties = row_group::properties(&stored_schema);
        let (file, writers) =
            ArrowWriter::try_new(ChecksumWriter::new(file), Arc::clone(&stored_schema), Some(properties))
                .and_then(ArrowWriter::into_serialized_writer)
                .map_err(|error| failed(&path, unwrapped(error)))?;
        let (group, sorted) = (None, None);
        Ok(Self { path, relative, relation, schema, stored_schema, rows: 0, nulls, file, writers, group, sorted })
    }

    /// Sorts rows by these columns, in parts.
    pub(crate) fn sorted_by(self, columns: &[usize]) -> Self {
        let sorted = (!columns.is_empty()).then(|| SortedRows::new(columns.to_vec()));
        Self { sorted, ..self }
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
        let written = match &mut self.sorted {
            None => self.write_rows(batch),
            Some(sorted) => {
                sorted.add(batch).map_err(ParquetError::from).and_then(|part| self.write_part(part.into_iter()))
            }
        };
        written.map_err(|error| failed(&self.path, unwrapped(error)))
    }

    fn write_part(&mut self, parts: impl Iterator<Item = SortedPart>) -> Result<(), ParquetError> {
        for batch in parts.flatten() {
            self.write_rows(batch?)?;
        }
        Ok(())
    }

    /// Writes what still waits.
    fn write_rest(&mut self) -> Result<(), ParquetError> {
        if let Some(sorted) = &mut self.sorted {
            let part = sorted.sort()?;
            self.write_part(std::iter::once(part))?;
        }
        self.group.take().map_or(Ok(()), |group| group.finish(&mut self.file))
    }

    fn write_rows(&mut self, mut rows: RecordBatch) -> Result<(), ParquetError> {
        while rows.num_rows() > 0 {
            let mut group = match self.group.take() {
                Some(group) => group,
                None => RowGroup::begin(&self.file, &self.writers, &rows)?,
            };
            let taken = group.room().min(rows.num_rows());
            group.write(&rows.slice(0, taken))?;
            rows = rows.slice(taken, rows.num_rows() - taken);
            if group.room() == 0 {
                group.finish(&mut self.file)?;
            } else {
                self.group = Some(group);
            }
        }
        Ok(())
    }

    /// Completes the file and makes it durable.
    pub(crate) fn finish(mut self) -> Result<FileEntry> {
        let rest = self.write_rest();
        let metadata = rest.and_then(|()| self.file.finish()).map_err(|error| failed(&self.path, unwrapped(error)))?;
        let output = self.file.inner_mut();
        output.inner_mut().finish().map_err(|cause| failed(&self.path, cause))?;
        let (bytes, checksum) = (output.bytes(), output.checksum());
        let columns = statistics::of_parquet(&metadata, &self.stored_schema, &self.nulls)
            .map_err(|error| failed(&self.path, io::Error::other(error)))?;
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
