//! A refresh: all asked-for tables of a source, pulled side by side as one PostgreSQL snapshot (of each of its
//! databases) sees them, and made current in one commit. A table that cannot be pulled keeps its last good rows and
//! says why; a connection that breaks ends the whole refresh and changes nothing.

mod cancellation;
mod commit;
mod compaction;
mod compare;
mod connection_permits;
mod describe_live;
mod job;
mod nearest;
mod outcome;
mod partition_files;
mod pull_all;
mod replaced;
mod reservations;
mod watermark;
mod work_queue;

use std::collections::HashMap;
use std::sync::Arc;

use tokio::runtime::Handle;

use self::cancellation::CancelOnDrop;
use self::job::TableJob;
use self::outcome::Assembly;
use self::pull_all::{PullAll, Pulled};
use crate::TableName;
use crate::as_of::AsOf;
use crate::catalogue::TableDescription;
use crate::error::{Error, Result};
use crate::pull::{PullFailure, ShardSnapshots};
use crate::snapshot::{Manifest, SnapshotStore, TableEntry};
use crate::source::Source;
use crate::source_settings::{RefreshMode, Schedule};

pub(crate) use self::connection_permits::ConnectionPermits;
pub use self::nearest::nearest;
pub(crate) use self::reservations::Reservations;

/// What a refresh says while it runs.
#[derive(Debug, Clone)]
pub enum RefreshEvent {
    /// The table will be pulled; `estimated_rows` is the planner's estimate.
    Started { table: TableName, estimated_rows: Option<u64> },
    /// Rows have been read, and the bytes that they take in memory.
    Advanced { table: TableName, rows: u64, bytes: u64 },
    /// The table is done, or was not pulled.
    Finished(TableReport),
}

/// How the refresh of one table ended.
#[derive(Debug, Clone)]
pub struct TableReport {
    pub table: TableName,
    pub rows: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Whether it is live: it was described, and has no rows here.
    pub live: bool,
    /// Why it was not refreshed.
    pub error: Option<String>,
}

/// How a refresh ended.
#[derive(Debug, Clone)]
pub struct RefreshReport {
    /// The version that is current now.
    pub version: u64,
    /// What the refreshed tables are true for.
    pub as_of: AsOf,
    pub tables: Vec<TableReport>,
}

/// Receives events, on any thread.
pub type Observer = dyn Fn(RefreshEvent) + Send + Sync;

/// Which tables are refreshed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    All,
    /// Those that these name; see [`TableName::matches`].
    Tables(Vec<String>),
    /// Those of a schedule.
    Schedule(Schedule),
    /// Those that are live now and were not when they were refreshed last, or the other way round; see
    /// [`SourceSettings::agrees_with`](crate::SourceSettings::agrees_with).
    SettingsChanged,
}

/// Refreshes tables of `source`. A dropped future cancels the refresh.
///
/// # Errors
/// [`Error::Source`] when the database cannot be read, [`Error::UnknownTable`] when it has no such table,
/// [`Error::Storage`] when the files cannot be written. In each case the tables stay as they were.
pub async fn refresh(
    source: Arc<Source>,
    store: Arc<SnapshotStore>,
    scope: &Scope,
    observer: Arc<Observer>,
) -> Result<RefreshReport> {
    let (_reserved, mut exported, existing, mut tables) = loop {
        let mut exported = ShardSnapshots::export(&source).await?;
        let descriptions = exported.describe(&source).await?;
        let existing: Vec<TableName> = descriptions.iter().map(|table| table.name.clone()).collect();
        let tables = select(descriptions, scope, &source, &store.pin().manifest)?;
        let names: Vec<TableName> = tables.iter().map(|table| table.name.clone()).collect();
        if let Some(reserved) = source.reservations().take(&names) {
            break (reserved, exported, existing, tables);
        }
        // The snapshot would be old by the time that the other refresh is done.
        exported.close().await;
        source.reservations().wait_for(&names).await;
    };
    let as_of = exported.as_of;
    if tables.iter().any(|table| source.settings().refresh_policy(&table.name).mode.builds_on_rows()) {
        exported.outlives_crashes(&source).await?;
    }
    let staging = Arc::new(store.begin());
    for table in &tables {
        observer(RefreshEvent::Started { table: table.name.clone(), estimated_rows: table.estimated_rows });
    }
    let previous = store.pin();
    let mut again: HashMap<TableName, Again> = HashMap::new();
    let mut outcomes: Vec<(TableName, Result<TableEntry>)> = vec![];
    // Again for tables that have turned out to need a column as text; each time it is one column more.
    for attempt in 0.. {
        let (jobs, settled) =
            plan(&source, &exported.history, &previous.manifest, as_of, std::mem::take(&mut tables), &again);
        outcomes.extend(settled);
        if jobs.is_empty() {
            break;
        }
        let cancelled = CancelOnDrop::new();
        let pull = PullAll {
            source: Arc::clone(&source),
            snapshot_ids: exported.ids(),
            store: Arc::clone(&store),
            staging: Arc::clone(&staging),
            jobs,
            prefix: format!("{attempt}-"),
            observer: Arc::clone(&observer),
            cancellation: Arc::clone(&cancelled.cancellation),
            runtime: Handle::current(),
        };
        let previous = previous.clone();
        let done = blocking(move || {
            let pulled = pull.run()?;
            Ok(pull.runtime.clone().block_on(assemble(pull, pulled, as_of, &previous.manifest)))
        });
        let done = done.await?;
        cancelled.disarm();
        for (name, outcome) in done {
            match outcome {
                Assembled::Outcome(outcome) => outcomes.push((name, outcome)),
                Assembled::Again(description, reason) => {
                    let again = again.entry(name).or_default();
                    match reason {
                        Reason::NeedsText(column, printed_type) => again.needed_text.push((column, printed_type)),
                        Reason::NothingToBuildOn => again.whole = true,
                    }
                    tables.push(description);
                }
            }
        }
    }
    exported.close().await;
    let mut reports: Vec<TableReport> = outcomes.iter().map(|(name, outcome)| report(name, outcome)).collect();
    reports.sort_by(|left, right| left.table.cmp(&right.table));
    let next = commit::NextTables { catalog: source.name().to_owned(), existing, as_of, outcomes };
    let staging = Arc::into_inner(staging).ok_or(Error::Cancelled)?;
    let version = blocking(move || staging.commit(|current| next.after(current))).await?;
    for report in &reports {
        observer(RefreshEvent::Finished(report.clone()));
    }
    Ok(RefreshReport { version, as_of, tables: reports })
}

/// What became of a table that was pulled.
enum Assembled {
    Outcome(Result<TableEntry>),
    /// It has to be pulled again.
    Again(TableDescription, Reason),
}

/// Why a table is pulled once more in the same refresh.
enum Reason {
    /// This column, of which the PostgreSQL type is given, has turned out to need text.
    NeedsText(String, String),
    /// What the refresh would have built on cannot be read.
    NothingToBuildOn,
}

/// Makes the entries of the tables that were pulled.
async fn assemble(
    pull: PullAll,
    pulled: Vec<Result<Pulled, PullFailure>>,
    as_of: AsOf,
    previous: &Manifest,
) -> Vec<(TableName, Assembled)> {
    let mut assembled = vec![];
    for (index, (job, pulled)) in pull.jobs.into_iter().zip(pulled).enumerate() {
        let name = job.plan.name().clone();
        let outcome = match pulled {
            Ok(pulled) => {
                let assembly = Assembly {
                    store: &pull.store,
                    staging: &pull.staging,
                    as_of,
                    previous: previous.table(&name),
                    prefix: &pull.prefix,
                };
                match assembly.entry(index, &job, pulled).await {
                    Err(error @ (Error::Storage { .. } | Error::Damaged { .. })) if job.builds_on_files() => {
                        again_whole(job, &error)
                    }
                    outcome => Assembled::Outcome(outcome),
                }
            }
            Err(PullFailure::Unreadable(error)) => again_whole(job, &error),
            Err(PullFailure::NeedsText { column, reason }) => {
                let column = &job.plan.description.columns[column];
                tracing::info!(table = %name, column = column.name, "is read as text because of {reason}");
                let reason = Reason::NeedsText(column.name.clone(), column.printed_type.clone());
                Assembled::Again(job.plan.description, reason)
            }
            Err(PullFailure::Error(error)) => Assembled::Outcome(Err(error)),
        };
        assembled.push((name, outcome));
    }
    assembled
}

/// What an earlier attempt of the same refresh has found out about a table.
#[derive(Debug, Clone, Default)]
struct Again {
    /// Columns that need text, each with its PostgreSQL type.
    needed_text: Vec<(String, String)>,
    /// Its files cannot be built on.
    whole: bool,
}

fn again_whole(job: TableJob, error: &Error) -> Assembled {
    let cause = std::error::Error::source(error);
    tracing::warn!(table = %job.plan.name(), error = cause, "is read whole, because its files cannot be used: {error}");
    Assembled::Again(job.plan.description, Reason::NothingToBuildOn)
}

/// Runs work that blocks on a thread for such work.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    // A join error means that the runtime is stopping: the work's own panics are results of its threads.
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Error::Cancelled))
}

fn select(
    tables: Vec<TableDescription>,
    scope: &Scope,
    source: &Source,
    previous: &Manifest,
) -> Result<Vec<TableDescription>> {
    let settings = source.settings();
    match scope {
        Scope::All => Ok(tables),
        Scope::Schedule(schedule) => {
            Ok(tables.into_iter().filter(|table| settings.refresh_policy(&table.name).schedule == *schedule).collect())
        }
        Scope::SettingsChanged => {
            let has_changed = |table: &TableDescription| {
                previous.table(&table.name).is_some_and(|entry| !settings.agrees_with(entry))
            };
            Ok(tables.into_iter().filter(has_changed).collect())
        }
        Scope::Tables(requested) => {
            for request in requested {
                if !tables.iter().any(|table| table.name.matches(request)) {
                    let names: Vec<String> = tables.iter().map(|table| table.name.table.clone()).collect();
                    return Err(Error::UnknownTable {
                        requested: request.clone(),
                        searched: format!("source \"{}\"", source.name()),
                        suggestion: nearest(request, names.iter().map(String::as_str)).map(str::to_owned),
                    });
                }
            }
            let is_wanted = |table: &TableDescription| requested.iter().any(|request| table.name.matches(request));
            Ok(tables.into_iter().filter(is_wanted).collect())
        }
    }
}

type Planned = (Vec<TableJob>, Vec<(TableName, Result<TableEntry>)>);

/// What to do for each table; live ones are done, and those that cannot be pulled at all come back with the reason.
fn plan(
    source: &Source,
    history: &str,
    previous: &Manifest,
    as_of: AsOf,
    tables: Vec<TableDescription>,
    again: &HashMap<TableName, Again>,
) -> Planned {
    let (mut jobs, mut settled) = (vec![], vec![]);
    for table in tables {
        let name = table.name.clone();
        if source.settings().refresh_policy(&name).mode == RefreshMode::Live {
            settled.push((name, describe_live::entry(source, table, as_of)));
            continue;
        }
        let again = again.get(&name).cloned().unwrap_or_default();
        match TableJob::new(source, history, table, previous.table(&name), again) {
            Ok(job) => jobs.push(job),
            Err(error) => settled.push((name, Err(error))),
        }
    }
    (jobs, settled)
}

fn report(table: &TableName, outcome: &Result<TableEntry>) -> TableReport {
    let (entry, error) = match outcome {
        Ok(entry) => (Some(entry), None),
        Err(error) => (None, Some(error.to_string())),
    };
    TableReport {
        table: table.clone(),
        rows: entry.map_or(0, TableEntry::rows),
        bytes: entry.map_or(0, TableEntry::bytes),
        live: entry.is_some_and(|entry| entry.live.is_some()),
        error,
    }
}
