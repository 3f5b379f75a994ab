//! The thread that writes what a connection's thread reads. Ranges of a relation that a connection reads one after
//! the other share files until these are large enough: ranges are small towards a table's end, and files should not be.

use std::sync::mpsc::Receiver;

use super::{Shared, lock};
use crate::error::Result;
use crate::pull::PulledBatch;
use crate::refresh::RefreshEvent;
use crate::refresh::partition_files::PartitionFiles;
use crate::refresh::watermark::Watermark;
use crate::snapshot::RelationId;

/// From the thread that reads to the one that writes.
pub(super) enum Message {
    Begin { table: usize, relation: usize, partition: usize },
    Batch(PulledBatch),
    End,
}

/// Files that are being written.
struct OpenFiles<'a> {
    table: usize,
    relation: usize,
    /// The first partition in them.
    partition: usize,
    /// Their last partition has ended. One that never ends is of a table that has failed.
    is_complete: bool,
    files: PartitionFiles<'a>,
}

impl Shared<'_> {
    /// Writes what one connection's thread reads.
    pub(super) fn write_files(&self, input: Receiver<Message>) {
        let mut open: Option<OpenFiles<'_>> = None;
        for message in input {
            match message {
                Message::Begin { table, relation, partition } => {
                    let files = match open.take() {
                        Some(files) if files.take_more_of(table, relation) => files,
                        other => {
                            self.finish(other);
                            self.open(table, relation, partition)
                        }
                    };
                    open = Some(OpenFiles { is_complete: false, ..files });
                }
                Message::Batch(batch) => {
                    let Some(files) = &mut open else { continue };
                    if let Err(error) = self.write(files, batch) {
                        self.fail(files.table, error.into());
                        open = None;
                    }
                }
                Message::End => {
                    if let Some(files) = &mut open {
                        files.is_complete = true;
                    }
                }
            }
        }
        self.finish(open);
    }

    fn open(&self, table: usize, relation: usize, partition: usize) -> OpenFiles<'_> {
        let name = format!("{}{table}-{relation}-{partition}", self.pull.prefix);
        let job = &self.pull.jobs[table];
        let id = RelationId::from(&job.relations[relation].relation);
        let files = PartitionFiles::new(&self.pull.staging, name, id, &job.sort_by);
        OpenFiles { table, relation, partition, is_complete: false, files }
    }

    fn write(&self, open: &mut OpenFiles<'_>, pulled: PulledBatch) -> Result<()> {
        let job = &self.pull.jobs[open.table];
        let largest = job.watermark.as_ref().and_then(|known| Watermark::largest(pulled.batch.column(known.index)));
        if largest.is_some()
            && let Ok(pulled) = &mut *lock(&self.tables[open.table])
        {
            let known = &mut pulled.relations[open.relation].watermark;
            *known = largest.max(*known);
        }
        let (rows, bytes) = (pulled.batch.num_rows() as u64, pulled.batch.get_array_memory_size() as u64);
        open.files.write(pulled)?;
        (self.pull.observer)(RefreshEvent::Advanced { table: job.plan.name().clone(), rows, bytes });
        Ok(())
    }

    /// Completes files, if all of their rows have come.
    fn finish(&self, open: Option<OpenFiles<'_>>) {
        let Some(OpenFiles { table, relation, partition, files, is_complete: true }) = open else { return };
        match files.finish() {
            Ok(files) => {
                if let Ok(pulled) = &mut *lock(&self.tables[table]) {
                    pulled.relations[relation].files.push((partition, files));
                }
            }
            Err(error) => self.fail(table, error.into()),
        }
    }
}

impl OpenFiles<'_> {
    /// Whether another partition of the relation should be added.
    fn take_more_of(&self, table: usize, relation: usize) -> bool {
        self.is_complete && (self.table, self.relation) == (table, relation) && !self.files.are_full()
    }
}
