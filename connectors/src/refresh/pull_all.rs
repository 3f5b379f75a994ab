//! The part of a refresh that blocks: partitions of all tables in one queue, the largest table first, and
//! as many workers as the source may have connections. Each worker writes what its reader reads.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::{Observer, Outcome, RefreshEvent};
use crate::as_of::AsOf;
use crate::error::{Error, Result};
use crate::pull::{PageRange, PartitionReader, TablePlan};
use crate::snapshot::{FileEntry, PartitionWriter, Staging, TableEntry};
use crate::source::Source;

pub(super) struct PullAll {
    pub(super) source: Arc<Source>,
    pub(super) snapshot_id: String,
    pub(super) as_of: AsOf,
    pub(super) staging: Staging,
    pub(super) plans: Vec<Arc<TablePlan>>,
    pub(super) observer: Arc<Observer>,
    pub(super) cancelled: Arc<AtomicBool>,
}

/// A partition that waits for a worker; the indices are those of the table and of the partition in it.
struct Unit {
    table: usize,
    partition: usize,
    range: PageRange,
}

/// What the workers share.
struct Shared {
    queue: VecDeque<Unit>,
    /// For every table its files, or the first error.
    tables: Vec<Result<Vec<(usize, FileEntry)>>>,
    /// What ends the refresh as a whole.
    fatal: Option<Error>,
}

impl PullAll {
    /// Pulls every plan's table. The outcomes are in the plans' order.
    pub(super) fn run(self) -> Result<(Staging, Vec<Outcome>)> {
        let shared = Mutex::new(Shared {
            queue: self.units(),
            tables: self.plans.iter().map(|_| Ok(vec![])).collect(),
            fatal: None,
        });
        thread::scope(|scope| {
            for _ in 0..self.source.connections() {
                scope.spawn(|| self.work(&shared));
            }
        });
        let shared = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = shared.fatal {
            self.staging.discard();
            return Err(error);
        }
        let outcomes = self
            .plans
            .iter()
            .zip(shared.tables)
            .map(|(plan, files)| Outcome {
                table: plan.name().clone(),
                result: files.map(|files| entry(plan, files, self.as_of)),
            })
            .collect();
        Ok((self.staging, outcomes))
    }

    fn units(&self) -> VecDeque<Unit> {
        let mut order: Vec<usize> = (0..self.plans.len()).collect();
        order.sort_by_key(|&table| std::cmp::Reverse(self.plans[table].description.pages));
        order
            .into_iter()
            .flat_map(|table| {
                let partitions = self.plans[table].partitions().into_iter().enumerate();
                partitions.map(move |(partition, range)| Unit { table, partition, range })
            })
            .collect()
    }

    /// Reads partitions until none is left. The end of a file is encoded and made durable while PostgreSQL
    /// sends the first rows of the next partition.
    fn work(&self, shared: &Mutex<Shared>) {
        let mut ending: Option<(Unit, Result<Option<PartitionWriter>>)> = None;
        while let Some(unit) = self.next_unit(shared) {
            let reader = PartitionReader::start(&self.source, &self.snapshot_id, &self.plans[unit.table], unit.range);
            if let Some((unit, written)) = ending.take() {
                finish(shared, &unit, written);
            }
            let written = reader.and_then(|reader| self.write(&unit, reader, shared));
            ending = Some((unit, written));
        }
        if let Some((unit, written)) = ending {
            finish(shared, &unit, written);
        }
    }

    /// The next partition of a table that has not failed; none once the refresh has.
    fn next_unit(&self, shared: &Mutex<Shared>) -> Option<Unit> {
        let mut shared = lock(shared);
        if shared.fatal.is_some() {
            return None;
        }
        while let Some(unit) = shared.queue.pop_front() {
            if shared.tables[unit.table].is_ok() {
                return Some(unit);
            }
        }
        None
    }

    /// Writes what the reader reads; an empty partition has no file.
    fn write(&self, unit: &Unit, reader: PartitionReader, shared: &Mutex<Shared>) -> Result<Option<PartitionWriter>> {
        let plan = &self.plans[unit.table];
        let mut writer: Option<PartitionWriter> = None;
        while let Some(batch) = reader.next_batch() {
            if self.is_stopped(unit, shared) {
                return Err(Error::Cancelled);
            }
            let output = match &mut writer {
                Some(output) => output,
                None => writer.insert(self.staging.create_file(unit.table, unit.partition, plan.schema.clone())?),
            };
            output.write(&batch)?;
            (self.observer)(RefreshEvent::Advanced {
                table: plan.name().clone(),
                rows: batch.num_rows() as u64,
                bytes: batch.get_array_memory_size() as u64,
            });
        }
        reader.finish()?;
        Ok(writer)
    }

    fn is_stopped(&self, unit: &Unit, shared: &Mutex<Shared>) -> bool {
        let shared = lock(shared);
        self.cancelled.load(Ordering::Relaxed) || shared.fatal.is_some() || shared.tables[unit.table].is_err()
    }
}

/// Completes a partition's file, and notes it or what went wrong.
fn finish(shared: &Mutex<Shared>, unit: &Unit, written: Result<Option<PartitionWriter>>) {
    let file = written.and_then(|writer| writer.map(PartitionWriter::finish).transpose());
    let Shared { tables, fatal, .. } = &mut *lock(shared);
    match (file, &mut tables[unit.table]) {
        (Ok(file), Ok(files)) => files.extend(file.map(|file| (unit.partition, file))),
        // The table has failed in another partition, and this one was stopped or came too late.
        (Ok(_) | Err(Error::Cancelled | Error::Table { .. }), Err(_)) => {}
        (Err(error @ Error::Table { .. }), table) => *table = Err(error),
        (Err(error), _) => {
            fatal.get_or_insert(error);
        }
    }
}

/// What is shared is changed in single assignments, so a panic elsewhere cannot leave it half changed.
fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn entry(plan: &TablePlan, mut files: Vec<(usize, FileEntry)>, as_of: AsOf) -> TableEntry {
    files.sort_by_key(|(partition, _)| *partition);
    let description = &plan.description;
    TableEntry {
        name: description.name.clone(),
        comment: description.comment.clone(),
        schema: plan.schema.clone(),
        primary_key: description.primary_key.clone(),
        foreign_keys: description.foreign_keys.clone(),
        as_of,
        files: files.into_iter().map(|(_, file)| file).collect(),
        stale: None,
    }
}
