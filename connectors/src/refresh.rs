//! A refresh: all asked-for tables of a source, pulled side by side as one PostgreSQL snapshot sees them,
//! and made current in one commit. A table that cannot be pulled keeps its last good rows and says why; a
//! connection that breaks ends the whole refresh and changes nothing.

mod nearest;
mod pull_all;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::TableName;
use crate::as_of::AsOf;
use crate::catalogue::TableDescription;
use crate::error::{Error, Result};
use crate::pull::{ExportedSnapshot, TablePlan};
use crate::snapshot::{Manifest, RefusedTable, SnapshotStore, TableEntry};
use crate::source::Source;

pub use self::nearest::nearest;

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

/// Refreshes the tables of `source` that `requested` names (see [`TableName::matches`]), or all of them
/// when it is empty. A dropped future cancels the refresh.
///
/// # Errors
/// [`Error::Source`] when the database cannot be read, [`Error::UnknownTable`] when it has no such table,
/// [`Error::Storage`] when the files cannot be written. In each case the tables stay as they were.
pub async fn refresh(
    source: Arc<Source>,
    store: Arc<SnapshotStore>,
    requested: &[String],
    observer: Arc<Observer>,
) -> Result<RefreshReport> {
    let staging = store.begin();
    let mut exported = ExportedSnapshot::export(&source).await?;
    let descriptions = exported.describe(&source).await?;
    let existing: Vec<TableName> = descriptions.iter().map(|table| table.name.clone()).collect();
    let selected = select(descriptions, requested, &source)?;
    let (plans, mut refused) = plan(selected);
    for plan in &plans {
        observer(RefreshEvent::Started { table: plan.name().clone(), estimated_rows: plan.description.estimated_rows });
    }

    let cancelled = CancelOnDrop::default();
    let pull = pull_all::PullAll {
        source: Arc::clone(&source),
        snapshot_id: exported.id.clone(),
        as_of: exported.as_of,
        staging,
        plans,
        observer: Arc::clone(&observer),
        cancelled: Arc::clone(&cancelled.0),
    };
    let (staging, outcomes) = blocking(move || pull.run()).await?;
    let as_of = exported.as_of;
    exported.close().await;

    let mut reports: Vec<TableReport> = refused.iter().map(refused_report).collect();
    reports.extend(outcomes.iter().map(Outcome::report));
    reports.sort_by(|left, right| left.table.cmp(&right.table));
    let catalog = source.name().to_owned();
    let version = blocking(move || {
        staging.commit(|current| {
            let mut pulled = vec![];
            for outcome in outcomes {
                match outcome.result {
                    Ok(entry) => pulled.push(entry),
                    Err(error) => match current.table(&outcome.table) {
                        Some(old) => pulled.push(TableEntry { stale: Some(error.to_string()), ..old.clone() }),
                        None => refused.push(RefusedTable { name: outcome.table, reason: error.to_string() }),
                    },
                }
            }
            merge(current, &catalog, &existing, as_of, pulled, refused)
        })
    })
    .await?;
    for report in &reports {
        observer(RefreshEvent::Finished(report.clone()));
    }
    Ok(RefreshReport { version, as_of, tables: reports })
}

/// Sets its flag when the refresh ends, however it ends.
#[derive(Default)]
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs work that blocks on a thread for such work.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    // A join error means that the runtime is stopping: the work's own panics are results of its threads.
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Error::Cancelled))
}

fn select(tables: Vec<TableDescription>, requested: &[String], source: &Source) -> Result<Vec<TableDescription>> {
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
    let wanted =
        |table: &TableDescription| requested.is_empty() || requested.iter().any(|request| table.name.matches(request));
    Ok(tables.into_iter().filter(wanted).collect())
}

fn plan(tables: Vec<TableDescription>) -> (Vec<Arc<TablePlan>>, Vec<RefusedTable>) {
    let (mut plans, mut refused) = (vec![], vec![]);
    for table in tables {
        let name = table.name.clone();
        match TablePlan::new(table) {
            Ok(plan) => plans.push(Arc::new(plan)),
            Err(error) => refused.push(RefusedTable { name, reason: error.to_string() }),
        }
    }
    (plans, refused)
}

fn refused_report(refused: &RefusedTable) -> TableReport {
    TableReport { table: refused.name.clone(), rows: 0, bytes: 0, error: Some(refused.reason.clone()) }
}

/// The next manifest's tables: what was pulled now, and of the rest what still exists. A table that a refresh
/// of a later moment has committed meanwhile stays as that has left it.
fn merge(
    current: &Manifest,
    catalog: &str,
    existing: &[TableName],
    as_of: AsOf,
    mut pulled: Vec<TableEntry>,
    mut refused: Vec<RefusedTable>,
) -> (Vec<TableEntry>, Vec<RefusedTable>) {
    let is_newer = |name: &TableName| current.table(name).is_some_and(|table| table.as_of > as_of);
    pulled.retain(|table| !is_newer(&table.name));
    refused.retain(|table| !is_newer(&table.name));
    let decided: Vec<TableName> =
        pulled.iter().map(|table| &table.name).chain(refused.iter().map(|table| &table.name)).cloned().collect();
    let stays = |name: &TableName| {
        name.catalog != catalog || is_newer(name) || (existing.contains(name) && !decided.contains(name))
    };
    let tables = current.tables.iter().filter(|table| stays(&table.name)).cloned().chain(pulled).collect();
    let refused = current.refused.iter().filter(|table| stays(&table.name)).cloned().chain(refused).collect();
    (tables, refused)
}

/// One table's files, or why there are none.
pub(crate) struct Outcome {
    table: TableName,
    result: Result<TableEntry>,
}

impl Outcome {
    fn report(&self) -> TableReport {
        let (rows, bytes, error) = match &self.result {
            Ok(entry) => (entry.rows(), entry.bytes(), None),
            Err(error) => (0, 0, Some(error.to_string())),
        };
        TableReport { table: self.table.clone(), rows, bytes, error }
    }
}
