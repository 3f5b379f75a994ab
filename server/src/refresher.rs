//! Keeps the snapshots fresh: the first refresh with retries, refreshes on a schedule and on request, and
//! what there is to tell about sources and tables.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::join_all;
use rail_forge_connectors as connectors;
use rail_forge_connectors::{
    HotTierStatus, Observer, PinnedSnapshot, RefreshEvent, RefreshReport, Schedule, Scope, SnapshotStore, Source,
    TableEntry,
};
use rail_forge_planner::{CacheStatistics, FallbackStatistics};
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

use crate::settings::InitialRefresh;

/// The first wait after a refresh that failed; it doubles up to the last.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(60);
/// How long `status` waits for the sizes of files; everything else that it tells is known.
const LISTING_TIMEOUT: Duration = Duration::from_secs(3);

/// Refreshes the tables of all sources.
#[derive(Debug)]
pub struct Refresher {
    sources: Vec<Arc<Source>>,
    store: Arc<SnapshotStore>,
    states: Mutex<HashMap<String, SourceState>>,
}

/// How a source is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing was tried since the start.
    #[default]
    Waiting,
    Refreshing,
    /// The last refresh succeeded.
    Ready,
    /// The last refresh failed; the snapshot before it is served.
    Failing,
}

#[derive(Debug, Clone, Default)]
struct SourceState {
    /// Refreshes that are under way.
    running: usize,
    /// How the last one ended, if one has.
    ended: Option<Ended>,
}

#[derive(Debug, Clone)]
enum Ended {
    Done,
    Failed(String),
    Cancelled,
}

impl SourceState {
    fn state(&self) -> State {
        match (&self.ended, self.running) {
            (_, 1..) => State::Refreshing,
            (None | Some(Ended::Cancelled), 0) => State::Waiting,
            (Some(Ended::Done), 0) => State::Ready,
            (Some(Ended::Failed(_)), 0) => State::Failing,
        }
    }

    fn message(&self) -> Option<String> {
        match &self.ended {
            Some(Ended::Failed(message)) => Some(message.clone()),
            Some(Ended::Cancelled) => Some("the last refresh was cancelled".to_owned()),
            Some(Ended::Done) | None => None,
        }
    }
}

/// What `status` tells.
#[derive(Debug, Serialize, Deserialize)]
pub struct ServerStatus {
    pub version: String,
    pub sources: Vec<SourceStatus>,
    pub tables: Vec<TableStatus>,
    /// Bytes of all files, of replaced versions too; `None` when the object store does not tell in time.
    pub stored_bytes: Option<u64>,
    /// The columns that are kept in memory; `None` when none are.
    #[serde(default)]
    pub cache: Option<CacheStatus>,
    /// The results that are kept, and how queries have used them since the start.
    #[serde(default)]
    pub results: CacheStatistics,
    /// The queries that PostgreSQL has answered as a whole since the start.
    #[serde(default)]
    pub fallback: FallbackStatistics,
}

/// The columns that are kept in memory, and the files that queries have read since the start.
#[derive(Debug, Serialize, Deserialize)]
pub struct CacheStatus {
    pub limit_bytes: u64,
    pub bytes: u64,
    /// Columns of files.
    pub columns: usize,
    /// Files that were read from memory.
    pub hits: u64,
    /// Files that were read from the data folder.
    pub misses: u64,
}

impl From<HotTierStatus> for CacheStatus {
    fn from(status: HotTierStatus) -> Self {
        let HotTierStatus { budget_bytes, bytes, columns, hits, misses } = status;
        Self { limit_bytes: budget_bytes, bytes, columns, hits, misses }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub struct SourceStatus {
    pub catalog: String,
    pub state: State,
    pub message: Option<String>,
}

/// A table. Without `as_of` it is live, or it is not served and `error` says why.
#[derive(Debug, Serialize, Deserialize)]
pub struct TableStatus {
    pub catalog: String,
    pub schema: String,
    pub table: String,
    /// `None` for a live table, whose rows PostgreSQL has.
    pub rows: Option<u64>,
    pub bytes: Option<u64>,
    pub live: bool,
    pub as_of: Option<DateTime<Utc>>,
    pub lsn: Option<String>,
    pub lag_seconds: Option<f64>,
    pub error: Option<String>,
}

impl Refresher {
    pub fn new(sources: Vec<Arc<Source>>, store: Arc<SnapshotStore>) -> Self {
        Self { sources, store, states: Mutex::default() }
    }

    /// The current snapshot.
    pub fn pin(&self) -> PinnedSnapshot {
        self.store.pin()
    }

    /// The names of the sources.
    pub fn catalogs(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().map(|source| source.name())
    }

    /// Refreshes the named tables, or all; one report for each source that has some of them.
    ///
    /// # Errors
    /// The first source's error; sources before it have been refreshed.
    pub async fn refresh(&self, tables: &[String], observer: Arc<Observer>) -> connectors::Result<Vec<RefreshReport>> {
        let mut reports = vec![];
        for (source, scope) in self.assign(tables) {
            reports.push(self.refresh_source(source, &scope, Arc::clone(&observer)).await?);
        }
        Ok(reports)
    }

    /// Which source each name belongs to: the one it names, the one that has such a table, or the first.
    fn assign(&self, tables: &[String]) -> Vec<(&Arc<Source>, Scope)> {
        if tables.is_empty() {
            return self.sources.iter().map(|source| (source, Scope::All)).collect();
        }
        let snapshot = self.pin();
        let catalog_of = |requested: &str| {
            let known = snapshot.manifest.tables.iter().map(|table| &table.name);
            let refused = snapshot.manifest.refused.iter().map(|table| &table.name);
            known.chain(refused).find(|name| name.matches(requested)).map(|name| name.catalog.clone())
        };
        let mut assigned: Vec<(&Arc<Source>, Vec<String>)> = vec![];
        for requested in tables {
            let catalog = catalog_of(requested);
            let owner = self.sources.iter().find(|source| {
                let name = source.name();
                catalog.as_deref() == Some(name) || requested.starts_with(&format!("{name}."))
            });
            let Some(owner) = owner.or(self.sources.first()) else { continue };
            match assigned.iter_mut().find(|(source, _)| source.name() == owner.name()) {
                Some((_, names)) => names.push(requested.clone()),
                None => assigned.push((owner, vec![requested.clone()])),
            }
        }
        assigned.into_iter().map(|(source, names)| (source, Scope::Tables(names))).collect()
    }

    async fn refresh_source(
        &self,
        source: &Arc<Source>,
        scope: &Scope,
        observer: Arc<Observer>,
    ) -> connectors::Result<RefreshReport> {
        let name = source.name();
        let started = std::time::Instant::now();
        let running = Running::start(self, name);
        let result = connectors::refresh(Arc::clone(source), Arc::clone(&self.store), scope, observer).await;
        match &result {
            Ok(report) => {
                for table in &report.tables {
                    match &table.error {
                        Some(error) => tracing::warn!(table = %table.table, "not refreshed: {error}"),
                        None => {
                            tracing::debug!(table = %table.table, rows = table.rows, bytes = table.bytes, "refreshed")
                        }
                    }
                }
                let rows: u64 = report.tables.iter().map(|table| table.rows).sum();
                tracing::info!(
                    source = name, version = report.version, tables = report.tables.len(), rows,
                    lsn = %report.as_of.lsn, seconds = started.elapsed().as_secs_f64(), "refreshed"
                );
                running.end(Ended::Done);
            }
            // A wrong name says nothing about the source.
            Err(error @ connectors::Error::UnknownTable { .. }) => {
                tracing::info!(source = name, "{error}");
                running.end(Ended::Done);
            }
            Err(error) => {
                let cause = std::error::Error::source(error);
                tracing::error!(
                    source = name,
                    error = cause,
                    "the refresh failed, the last snapshot is served: {error}"
                );
                running.end(Ended::Failed(error.to_string()));
            }
        }
        result
    }

    /// Runs the first refreshes and the schedules, for as long as the future is polled.
    pub async fn run(&self, initial: InitialRefresh) {
        join_all(self.sources.iter().map(|source| self.run_source(source, initial))).await;
    }

    async fn run_source(&self, source: &Arc<Source>, initial: InitialRefresh) {
        if let Some(scope) = self.first_scope(source, initial) {
            self.refresh_until_done(source, &scope).await;
        }
        let schedules = source.settings().schedules();
        join_all(schedules.into_iter().map(|schedule| self.run_schedule(source, schedule))).await;
    }

    /// What is refreshed at the start.
    fn first_scope(&self, source: &Source, initial: InitialRefresh) -> Option<Scope> {
        let snapshot = self.pin();
        let of_source = snapshot.manifest.tables.iter().filter(|table| table.name.catalog == source.name());
        let tables: Vec<&TableEntry> = of_source.collect();
        match initial {
            InitialRefresh::Never => None,
            InitialRefresh::Missing if !tables.is_empty() && source.has_databases_of(tables.iter().copied()) => {
                let have_changed = tables.iter().any(|table| !source.settings().agrees_with(table));
                have_changed.then_some(Scope::SettingsChanged)
            }
            InitialRefresh::Missing | InitialRefresh::Always => Some(Scope::All),
        }
    }

    async fn run_schedule(&self, source: &Arc<Source>, schedule: Schedule) {
        let Some(every) = schedule.every else { return };
        loop {
            sleep(every + schedule.jitter.mul_f64(fastrand::f64())).await;
            self.refresh_until_done(source, &Scope::Schedule(schedule)).await;
        }
    }

    async fn refresh_until_done(&self, source: &Arc<Source>, scope: &Scope) {
        let mut wait = FIRST_RETRY;
        while let Err(error) = self.refresh_source(source, scope, Arc::new(|_: RefreshEvent| {})).await {
            if matches!(error, connectors::Error::Configuration { .. }) {
                return;
            }
            tracing::info!(source = source.name(), seconds = wait.as_secs(), "trying again later");
            sleep(wait).await;
            wait = (wait * 2).min(LAST_RETRY);
        }
    }

    /// Sources and tables as they are now.
    pub async fn status(&self, results: CacheStatistics, fallback: FallbackStatistics) -> ServerStatus {
        let stored_bytes = self.stored_bytes().await;
        let snapshot = self.pin();
        let states = self.states().clone();
        let sources = self
            .catalogs()
            .map(|catalog| {
                let known = states.get(catalog).cloned().unwrap_or_default();
                SourceStatus { catalog: catalog.to_owned(), state: known.state(), message: known.message() }
            })
            .collect();
        let now = Utc::now();
        let refused = snapshot.manifest.refused.iter().map(|refused| TableStatus {
            catalog: refused.name.catalog.clone(),
            schema: refused.name.schema.clone(),
            table: refused.name.table.clone(),
            rows: Some(0),
            bytes: Some(0),
            live: false,
            as_of: None,
            lsn: None,
            lag_seconds: None,
            error: Some(refused.reason.clone()),
        });
        let tables = snapshot.manifest.tables.iter().map(|table| table_status(table, now)).chain(refused).collect();
        let cache = self.store.hot_tier().map(CacheStatus::from);
        let version = env!("CARGO_PKG_VERSION").to_owned();
        ServerStatus { version, sources, tables, stored_bytes, cache, results, fallback }
    }

    async fn stored_bytes(&self) -> Option<u64> {
        let store = Arc::clone(&self.store);
        let listing = tokio::task::spawn_blocking(move || store.bytes_stored());
        match timeout(LISTING_TIMEOUT, listing).await {
            Ok(Ok(Ok(bytes))) => Some(bytes),
            Ok(Ok(Err(error))) => {
                tracing::warn!(error = std::error::Error::source(&error), "{error}");
                None
            }
            // Too slow, or the server is stopping.
            Err(_) | Ok(Err(_)) => None,
        }
    }

    fn states(&self) -> MutexGuard<'_, HashMap<String, SourceState>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn table_status(table: &TableEntry, now: DateTime<Utc>) -> TableStatus {
    // A live table has no rows that could be old.
    let kept = table.live.is_none().then_some(table);
    TableStatus {
        catalog: table.name.catalog.clone(),
        schema: table.name.schema.clone(),
        table: table.name.table.clone(),
        rows: kept.map(TableEntry::rows),
        bytes: kept.map(TableEntry::bytes),
        live: kept.is_none(),
        as_of: kept.map(|table| table.as_of.time),
        lsn: kept.map(|table| table.as_of.lsn.to_string()),
        lag_seconds: kept.map(|table| now.signed_duration_since(table.as_of.time).as_seconds_f64()),
        error: table.stale.clone(),
    }
}

/// A refresh under way. One whose future is dropped, because its client went away, was cancelled.
struct Running<'a> {
    refresher: &'a Refresher,
    source: &'a str,
    ended: Ended,
}

impl<'a> Running<'a> {
    fn start(refresher: &'a Refresher, source: &'a str) -> Self {
        refresher.states().entry(source.to_owned()).or_default().running += 1;
        Self { refresher, source, ended: Ended::Cancelled }
    }

    fn end(mut self, ended: Ended) {
        self.ended = ended;
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut states = self.refresher.states();
        let state = states.entry(self.source.to_owned()).or_default();
        state.running -= 1;
        state.ended = Some(self.ended.clone());
    }
}
