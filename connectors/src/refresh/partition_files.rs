//! The files of a partition, or of several of a relation, one after the other: one file, unless the type of a
//! `numeric` without a precision widens on the way. A file has one type, so a wider one begins another file.

use crate::error::Result;
use crate::pull::{Digits, PulledBatch};
use crate::snapshot::{FileEntry, PartitionWriter, RelationId, Staging};

/// A file of so many rows is as large as it need be: a row group of Parquet.
pub(super) const FULL_ROWS: u64 = 262_144;

/// Writes the batches of a partition.
pub(super) struct PartitionFiles<'a> {
    staging: &'a Staging,
    /// The beginning of the files' names.
    name: String,
    relation: RelationId,
    /// The columns that rows are sorted by.
    sort_by: &'a [usize],
    rows: u64,
    current: Option<PartitionWriter>,
    digits: Vec<Option<Digits>>,
    finished: Vec<FileEntry>,
}

impl<'a> PartitionFiles<'a> {
    pub(super) fn new(staging: &'a Staging, name: String, relation: RelationId, sort_by: &'a [usize]) -> Self {
        Self { staging, name, relation, sort_by, rows: 0, current: None, digits: vec![], finished: vec![] }
    }

    /// Appends a batch.
    pub(super) fn write(&mut self, pulled: PulledBatch) -> Result<()> {
        let schema = pulled.batch.schema();
        if self.current.as_ref().is_some_and(|writer| writer.schema() != &schema) {
            self.end_file()?;
        }
        let writer = match &mut self.current {
            Some(writer) => writer,
            None => {
                let name = format!("{}-{}", self.name, self.finished.len());
                let file = self.staging.create_file(&name, self.relation.clone(), schema)?;
                self.current.insert(file.sorted_by(self.sort_by))
            }
        };
        // The digits of a batch include those of all before it.
        self.digits = pulled.digits;
        self.rows += pulled.batch.num_rows() as u64;
        writer.write(&pulled.batch)
    }

    /// Whether no other partition should be added.
    pub(super) fn are_full(&self) -> bool {
        self.rows >= FULL_ROWS
    }

    /// Completes the files and makes them durable. An empty partition has none.
    pub(super) fn finish(mut self) -> Result<Vec<FileEntry>> {
        self.end_file()?;
        Ok(self.finished)
    }

    fn end_file(&mut self) -> Result<()> {
        if let Some(writer) = self.current.take() {
            let digits = if self.digits.iter().any(Option::is_some) { self.digits.clone() } else { vec![] };
            self.finished.push(FileEntry { digits, ..writer.finish()? });
        }
        Ok(())
    }
}
