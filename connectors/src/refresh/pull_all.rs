//! The part of a refresh that blocks: as many connections as the source may have take units of work, each
//! with a thread that reads and decodes and one that encodes and writes, so that PostgreSQL never waits for
//! a disk.

mod changed_rows;
mod write_files;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use tokio::runtime::Handle;

use self::write_files::Message;
use super::Observer;
use super::cancellation::{Cancellable, Cancellation};
use super::compare::Difference;
use super::connection_permits::ConnectionPermit;
use super::job::{RelationJob, Strategy, TableJob};
use super::work_queue::{Unit, Work, WorkQueue};
use crate::error::{Error, Result};
use crate::pull::{PageRange, PullFailure, PulledBatch, Selection, Session};
use crate::shard::in_shard;
use crate::snapshot::{FileEntry, SnapshotStore, Staging};
use crate::source::Source;

/// Batches that wait between the reader and the writer of a connection.
const QUEUED_BATCHES: usize = 2;

pub(super) struct PullAll {
    pub(super) source: Arc<Source>,
    /// Of each shard, in their order.
    pub(super) snapshot_ids: Vec<String>,
    pub(super) store: Arc<SnapshotStore>,
    pub(super) staging: Arc<Staging>,
    pub(super) jobs: Vec<TableJob>,
    /// The beginning of the names of its files.
    pub(super) prefix: String,
    pub(super) observer: Arc<Observer>,
    pub(super) cancellation: Arc<Cancellation>,
    pub(super) runtime: Handle,
}

/// What was read of a table.
#[derive(Debug, Default)]
pub(super) struct Pulled {
    pub(super) relations: Vec<PulledRelation>,
}

/// What was read of a relation.
#[derive(Debug, Default)]
pub(super) struct PulledRelation {
    /// New files, by the number of the partition.
    pub(super) files: Vec<(usize, Vec<FileEntry>)>,
    pub(super) difference: Difference,
    /// It was read whole after all, because too much had changed.
    pub(super) whole: bool,
    /// The largest value of the watermark column among the rows that were read.
    pub(super) watermark: Option<i128>,
    comparisons: usize,
}

/// How far a table is, or why it failed.
type Progress = Mutex<Result<Pulled, PullFailure>>;

/// A connection of a thread that reads.
struct Connection {
    session: Session,
    _cancellable: Cancellable,
    /// Given back after the connection.
    _permit: ConnectionPermit,
}

impl Connection {
    /// Closes it in order, if there is one.
    fn close(connection: &mut Option<Self>) {
        if let Some(Self { session, _cancellable, _permit }) = connection.take() {
            session.close();
        }
    }
}

/// What all threads share.
struct Shared<'a> {
    pull: &'a PullAll,
    queue: WorkQueue,
    tables: Vec<Progress>,
    fatal: Mutex<Option<Error>>,
}

impl PullAll {
    /// Pulls every job's table. The outcomes are in the jobs' order.
    pub(super) fn run(&self) -> Result<Vec<Result<Pulled, PullFailure>>> {
        let shared = Shared {
            pull: self,
            queue: WorkQueue::new(self.first_units()),
            tables: self.jobs.iter().map(|job| Mutex::new(Ok(Pulled::of(job)))).collect(),
            fatal: Mutex::default(),
        };
        thread::scope(|scope| {
            for _ in 0..self.source.settings().connections.max(1) {
                let (sender, receiver) = sync_channel(QUEUED_BATCHES);
                scope.spawn(|| Shared::read_units(&shared, sender));
                scope.spawn(|| Shared::write_files(&shared, receiver));
            }
        });
        if let Some(error) = shared.fatal.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        Ok(shared.tables.into_iter().map(|table| table.into_inner().unwrap_or_else(PoisonError::into_inner)).collect())
    }

    /// The largest relations come first, so that the last units are small ones.
    fn first_units(&self) -> Vec<Unit> {
        let mut units: Vec<(u64, Unit)> = vec![];
        for (table, job) in self.jobs.iter().enumerate() {
            for (relation, RelationJob { relation: known, strategy, .. }) in job.relations.iter().enumerate() {
                let in_parts = known.kind.has_heap() && job.plan.description.readable;
                let work = match strategy {
                    Strategy::Newer(condition) => Work::Read { condition: condition.clone(), partition: 0 },
                    Strategy::Whole | Strategy::Changed if in_parts => Work::Measure,
                    Strategy::Whole | Strategy::Changed => Work::Read { condition: String::new(), partition: 0 },
                };
                units.push((known.estimated_pages, Unit { shard: known.shard, table, relation, work }));
            }
        }
        units.sort_by_key(|(pages, _)| std::cmp::Reverse(*pages));
        units.into_iter().map(|(_, unit)| unit).collect()
    }
}

impl Pulled {
    fn of(job: &TableJob) -> Self {
        Self { relations: job.relations.iter().map(|_| PulledRelation::default()).collect() }
    }
}

impl Shared<'_> {
    /// Takes units until none is left, with one connection as long as nobody else waits for it and there are units
    /// of its shard.
    fn read_units(&self, output: SyncSender<Message>) {
        let _runtime = self.pull.runtime.enter();
        let mut connection = None;
        while let Some(unit) = self.next_unit(&mut connection) {
            let following = if self.is_stopped(unit.table) {
                Err(Error::Cancelled.into())
            } else {
                self.read_unit_guarded(&unit, &mut connection, &output)
            };
            let following = following.unwrap_or_else(|failure| {
                // Its transaction has failed, or it is in the middle of rows.
                connection = None;
                self.fail(unit.table, failure);
                vec![]
            });
            self.queue.done(following);
        }
    }

    /// The next unit. The connection is given up where another refresh waits for it, or this one has no use for it
    /// for now.
    fn next_unit(&self, connection: &mut Option<Connection>) -> Option<Unit> {
        if self.pull.source.connection_permits().are_wanted() {
            Connection::close(connection);
        }
        let connected_to = connection.as_ref().map(|open| open.session.shard());
        self.queue.try_next(connected_to).or_else(|| {
            Connection::close(connection);
            self.queue.next()
        })
    }

    /// Does one unit. A panic is the failure of its table: whoever waits for the unit must hear of its end.
    fn read_unit_guarded(
        &self,
        unit: &Unit,
        connection: &mut Option<Connection>,
        output: &SyncSender<Message>,
    ) -> Result<Vec<Unit>, PullFailure> {
        catch_unwind(AssertUnwindSafe(|| self.read_unit(unit, connection, output))).unwrap_or_else(|_| {
            let table = self.pull.jobs[unit.table].plan.name();
            Err(Error::table(table, "its reader has stopped where it should not; exclude it and report this").into())
        })
    }

    /// Does one unit, and says which come of it.
    fn read_unit(
        &self,
        unit: &Unit,
        connection: &mut Option<Connection>,
        output: &SyncSender<Message>,
    ) -> Result<Vec<Unit>, PullFailure> {
        if connection.as_ref().is_some_and(|open| open.session.shard() != unit.shard) {
            Connection::close(connection);
        }
        let Connection { session, .. } = match connection {
            Some(connection) => connection,
            None => connection.insert(self.connect(unit)?),
        };
        match &unit.work {
            Work::Measure => self.measure(unit, session),
            Work::Compare(range) => self.compare(unit, *range, session),
            Work::Read { condition, partition } => {
                self.read(unit, condition, *partition, session, output)?;
                Ok(vec![])
            }
        }
    }

    /// Connects, when it is this refresh's turn.
    fn connect(&self, unit: &Unit) -> Result<Connection> {
        let turn = self.pull.source.connection_permits().take(|| self.is_stopped(unit.table));
        let permit = self.pull.runtime.block_on(turn)?;
        let session = Session::open(&self.pull.source, unit.shard, &self.pull.snapshot_ids[unit.shard])?;
        let cancellable = self.pull.cancellation.add(session.canceller());
        Ok(Connection { session, _cancellable: cancellable, _permit: permit })
    }

    /// The ranges of a relation's heap as it is now. It waits for a lock, as the reading of the rows would.
    fn ranges(&self, unit: &Unit, session: &mut Session) -> Result<Vec<PageRange>, PullFailure> {
        let job = &self.pull.jobs[unit.table];
        let oid = job.relations[unit.relation].relation.oid;
        let pages = format!("pg_catalog.pg_relation_size({oid}) / current_setting('block_size')::int8");
        let pages = number(session, job, &pages)?.unsigned_abs();
        Ok(PageRange::guided(pages, self.pull.source.settings().connections.max(1) as u64))
    }

    fn measure(&self, unit: &Unit, session: &mut Session) -> Result<Vec<Unit>, PullFailure> {
        let job = &self.pull.jobs[unit.table];
        let relation = &job.relations[unit.relation];
        let ranges = self.ranges(unit, session)?;
        if relation.strategy == Strategy::Changed {
            self.with_relation(unit, |pulled| pulled.comparisons = ranges.len());
            return Ok(ranges.into_iter().map(|range| unit.followed_by(Work::Compare(range))).collect());
        }
        Ok(whole(unit, ranges))
    }

    fn read(
        &self,
        unit: &Unit,
        condition: &str,
        partition: usize,
        session: &mut Session,
        output: &SyncSender<Message>,
    ) -> Result<(), PullFailure> {
        let job = &self.pull.jobs[unit.table];
        let selection = &job.plan.selection;
        let send = |message| output.send(message).map_err(|_| Error::Cancelled);
        send(Message::Begin { table: unit.table, relation: unit.relation, partition })?;
        let query = selection.query(&job.relations[unit.relation].relation, condition);
        session.read(selection, &query, &mut |batch| {
            if self.is_stopped(unit.table) { Err(Error::Cancelled) } else { send(Message::Batch(batch)) }
        })?;
        self.refuse_rewritten(unit, session)?;
        Ok(send(Message::End)?)
    }

    /// TRUNCATE and what of ALTER TABLE rewrites a table show an older snapshot no rows at all
    /// (<https://www.postgresql.org/docs/current/mvcc-caveats.html>). The lock of the reading is held, so what
    /// is true now was true while it went on.
    fn refuse_rewritten(&self, unit: &Unit, session: &mut Session) -> Result<(), PullFailure> {
        let job = &self.pull.jobs[unit.table];
        let relation = &job.relations[unit.relation].relation;
        if !relation.kind.has_heap() {
            return Ok(());
        }
        let file_node = format!("coalesce(pg_catalog.pg_relation_filenode({}), 0)::int8", relation.oid);
        if number(session, job, &file_node)? == i64::from(relation.file_node) {
            return Ok(());
        }
        let message = "it was rewritten while it was read; it is read again at the next refresh";
        Err(Error::table(job.plan.name(), in_shard(&relation.shard_name, message)).into())
    }

    /// Whether nothing more need be done for a table.
    fn is_stopped(&self, table: usize) -> bool {
        self.pull.cancellation.is_cancelled() || lock(&self.fatal).is_some() || lock(&self.tables[table]).is_err()
    }

    /// Notes the first failure of a table, or of the refresh.
    fn fail(&self, table: usize, failure: PullFailure) {
        match failure {
            failure @ (PullFailure::NeedsText { .. }
            | PullFailure::Unreadable(_)
            | PullFailure::Error(Error::Table { .. })) => {
                let mut progress = lock(&self.tables[table]);
                if progress.is_ok() {
                    *progress = Err(failure);
                }
            }
            // The table has failed elsewhere, and this part of it was stopped.
            PullFailure::Error(Error::Cancelled) if lock(&self.tables[table]).is_err() => {}
            PullFailure::Error(error) => {
                lock(&self.fatal).get_or_insert(error);
                self.queue.close();
            }
        }
    }

    fn with_relation<T>(&self, unit: &Unit, change: impl FnOnce(&mut PulledRelation) -> T) -> Option<T> {
        match &mut *lock(&self.tables[unit.table]) {
            Ok(pulled) => Some(change(&mut pulled.relations[unit.relation])),
            Err(_) => None,
        }
    }
}

/// The value of an SQL expression.
fn number(session: &mut Session, job: &TableJob, expression: &str) -> Result<i64, PullFailure> {
    let selection = Selection::number(job.plan.name(), expression);
    let mut number = 0;
    session.read(&selection, &selection.select(), &mut |pulled: PulledBatch| {
        number = pulled.batch.column(0).as_primitive::<Int64Type>().values().first().copied().unwrap_or(0);
        Ok(())
    })?;
    Ok(number)
}

fn whole(unit: &Unit, ranges: Vec<PageRange>) -> Vec<Unit> {
    let ranges = ranges.into_iter().enumerate();
    ranges.map(|(partition, range)| unit.followed_by(Work::Read { condition: range.to_string(), partition })).collect()
}

/// What is shared is changed in single steps, so a panic elsewhere cannot leave it half changed.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
