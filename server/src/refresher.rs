//! Keeps the snapshots fresh: the first refresh with retries, refreshes on a schedule and on request, and
//! what there is to tell about sources and tables.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rail_forge_connectors as connectors;
use rail_forge_connectors::{Observer, PinnedSnapshot, RefreshEvent, RefreshReport, SnapshotStore, Source, TableEntry};
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

use crate::settings::InitialRefresh;

/// The first wait after a refresh that failed; it doubles up to the last.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(60);
/// How long `status` waits for the sizes of files; everything else that it tells is known.
const LISTING_TIMEOUT: Duration = Duration::from_secs(3);

/// A source and how often its tables are refreshed.
#[derive(Debug, Clone)]
pub struct ScheduledSource {
    pub source: Arc<Source>,
    pub every: Option<Duration>,
}

/// Refreshes the tables of all sources.
#[derive(Debug)]
pub struct Refresher {
    sources: Vec<ScheduledSource>,
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
    state: State,
    message: Option<String>,
}

/// What `status` tells.
#[derive(Debug, Serialize, Deserialize)]
pub struct ServerStatus {
    pub version: String,
    pub sources: Vec<SourceStatus>,
    pub tables: Vec<TableStatus>,
    /// Bytes of all files, of replaced versions too; `None` when the object store does not tell in time.
    pub stored_bytes: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct SourceStatus {
    pub catalog: String,
    pub state: State,
    pub message: Option<String>,
}

/// A table; without `as_of` it is not served, and `error` says why.
#[derive(Debug, Serialize, Deserialize)]
pub struct TableStatus {
    pub catalog: String,
    pub schema: String,
    pub table: String,
    pub rows: u64,
    pub bytes: u64,
    pub as_of: Option<DateTime<Utc>>,
    pub lsn: Option<String>,
    pub lag_seconds: Option<f64>,
    pub error: Option<String>,
}

impl Refresher {
    pub fn new(sources: Vec<ScheduledSource>, store: Arc<SnapshotStore>) -> Self {
        Self { sources, store, states: Mutex::default() }
    }

    /// The current snapshot.
    pub fn pin(&self) -> PinnedSnapshot {
        self.store.pin()
    }

    /// The names of the sources.
    pub fn catalogs(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().map(|scheduled| scheduled.source.name())
    }

    /// Refreshes the named tables, or all; one report for each source that has some of them.
    ///
    /// # Errors
    /// The first source's error; sources before it have been refreshed.
    pub async fn refresh(&self, tables: &[String], observer: Arc<Observer>) -> connectors::Result<Vec<RefreshReport>> {
        let mut reports = vec![];
        for (source, tables) in self.assign(tables) {
            reports.push(self.refresh_source(source, &tables, Arc::clone(&observer)).await?);
        }
        Ok(reports)
    }

    /// Which source each name belongs to: the one it names, the one that has such a table, or the first.
    fn assign(&self, tables: &[String]) -> Vec<(&ScheduledSource, Vec<String>)> {
        if tables.is_empty() {
            return self.sources.iter().map(|scheduled| (scheduled, vec![])).collect();
        }
        let snapshot = self.pin();
        let catalog_of = |requested: &str| {
            let known = snapshot.manifest.tables.iter().map(|table| &table.name);
            let refused = snapshot.manifest.refused.iter().map(|table| &table.name);
            known.chain(refused).find(|name| name.matches(requested)).map(|name| name.catalog.clone())
        };
        let mut assigned: Vec<(&ScheduledSource, Vec<String>)> = vec![];
        for requested in tables {
            let catalog = catalog_of(requested);
            let owner = self.sources.iter().find(|scheduled| {
                let name = scheduled.source.name();
                catalog.as_deref() == Some(name) || requested.starts_with(&format!("{name}."))
            });
            let Some(owner) = owner.or(self.sources.first()) else { continue };
            match assigned.iter_mut().find(|(source, _)| source.source.name() == owner.source.name()) {
                Some((_, names)) => names.push(requested.clone()),
                None => assigned.push((owner, vec![requested.clone()])),
            }
        }
        assigned
    }

    async fn refresh_source(
        &self,
        scheduled: &ScheduledSource,
        tables: &[String],
        observer: Arc<Observer>,
    ) -> connectors::Result<RefreshReport> {
        let source = &scheduled.source;
        let name = source.name();
        let started = std::time::Instant::now();
        self.set_state(name, State::Refreshing, None);
        let guard = ResetOnDrop { refresher: self, name };
        let result = connectors::refresh(Arc::clone(source), Arc::clone(&self.store), tables, observer).await;
        guard.disarm();
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
                self.set_state(name, State::Ready, None);
            }
            // A wrong name says nothing about the source.
            Err(error @ connectors::Error::UnknownTable { .. }) => {
                tracing::info!(source = name, "{error}");
                self.set_state(name, State::Ready, None);
            }
            Err(error) => {
                let cause = std::error::Error::source(error);
                tracing::error!(
                    source = name,
                    error = cause,
                    "the refresh failed, the last snapshot is served: {error}"
                );
                self.set_state(name, State::Failing, Some(error.to_string()));
            }
        }
        result
    }

    /// Runs the first refreshes and the schedules, for as long as the future is polled.
    pub async fn run(&self, initial: InitialRefresh) {
        let schedules = self.sources.iter().map(|scheduled| self.run_source(scheduled, initial));
        futures::future::join_all(schedules).await;
    }

    async fn run_source(&self, scheduled: &ScheduledSource, initial: InitialRefresh) {
        let name = scheduled.source.name();
        let has_tables = self.pin().manifest.tables.iter().any(|table| table.name.catalog == name);
        let mut wanted = match initial {
            InitialRefresh::Always => true,
            InitialRefresh::Missing => !has_tables,
            InitialRefresh::Never => false,
        };
        loop {
            if wanted {
                self.refresh_until_done(scheduled).await;
            }
            let Some(every) = scheduled.every else { return };
            sleep(every).await;
            wanted = true;
        }
    }

    async fn refresh_until_done(&self, scheduled: &ScheduledSource) {
        let mut wait = FIRST_RETRY;
        while let Err(error) = self.refresh_source(scheduled, &[], Arc::new(|_: RefreshEvent| {})).await {
            if matches!(error, connectors::Error::Configuration { .. }) {
                return;
            }
            tracing::info!(source = scheduled.source.name(), seconds = wait.as_secs(), "trying again later");
            sleep(wait).await;
            wait = (wait * 2).min(LAST_RETRY);
        }
    }

    /// Sources and tables as they are now.
    pub async fn status(&self) -> ServerStatus {
        let stored_bytes = self.stored_bytes().await;
        let snapshot = self.pin();
        let states = self.states().clone();
        let sources = self
            .catalogs()
            .map(|catalog| {
                let SourceState { state, message } = states.get(catalog).cloned().unwrap_or_default();
                SourceStatus { catalog: catalog.to_owned(), state, message }
            })
            .collect();
        let now = Utc::now();
        let refused = snapshot.manifest.refused.iter().map(|refused| TableStatus {
            catalog: refused.name.catalog.clone(),
            schema: refused.name.schema.clone(),
            table: refused.name.table.clone(),
            rows: 0,
            bytes: 0,
            as_of: None,
            lsn: None,
            lag_seconds: None,
            error: Some(refused.reason.clone()),
        });
        let tables = snapshot.manifest.tables.iter().map(|table| table_status(table, now)).chain(refused).collect();
        ServerStatus { version: env!("CARGO_PKG_VERSION").to_owned(), sources, tables, stored_bytes }
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

    fn set_state(&self, source: &str, state: State, message: Option<String>) {
        self.states().insert(source.to_owned(), SourceState { state, message });
    }

    fn states(&self) -> MutexGuard<'_, HashMap<String, SourceState>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn table_status(table: &TableEntry, now: DateTime<Utc>) -> TableStatus {
    let lag = now.signed_duration_since(table.as_of.time);
    TableStatus {
        catalog: table.name.catalog.clone(),
        schema: table.name.schema.clone(),
        table: table.name.table.clone(),
        rows: table.rows(),
        bytes: table.bytes(),
        as_of: Some(table.as_of.time),
        lsn: Some(table.as_of.lsn.to_string()),
        lag_seconds: Some(lag.as_seconds_f64()),
        error: table.stale.clone(),
    }
}

/// A refresh whose future is dropped, because its client went away, is no longer under way.
struct ResetOnDrop<'a> {
    refresher: &'a Refresher,
    name: &'a str,
}

impl ResetOnDrop<'_> {
    fn disarm(self) {
        std::mem::forget(self);
    }
}

impl Drop for ResetOnDrop<'_> {
    fn drop(&mut self) {
        self.refresher.set_state(self.name, State::Waiting, Some("the last refresh was cancelled".to_owned()));
    }
}
