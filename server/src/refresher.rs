//! Keeps the snapshots fresh: the first refresh with retries, refreshes on a schedule and on request, and
//! what there is to tell about sources and tables.

mod status;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::future::join_all;
use rail_forge_connectors as connectors;
use rail_forge_connectors::{
    Observer, PinnedSnapshot, RefreshEvent, RefreshReport, Schedule, Scope, SnapshotStore, Source, TableEntry,
};
use tokio::time::sleep;

use self::status::State;
pub use self::status::{CacheStatus, ServerStatus, TableStatus};
use crate::authorisation::Misfits;
use crate::metrics::{Metrics, Outcome};
use crate::settings::InitialRefresh;

/// The first wait after a refresh that failed; it doubles up to the last.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(60);

/// Refreshes the tables of all sources.
#[derive(Debug)]
pub struct Refresher {
    sources: Vec<Arc<Source>>,
    store: Arc<SnapshotStore>,
    states: Mutex<HashMap<String, SourceState>>,
    metrics: Arc<Metrics>,
    misfits: Misfits,
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
    /// Some tables failed, each of which says why; the source is well.
    Partly,
    Failed(String),
    Cancelled,
}

impl SourceState {
    fn state(&self) -> State {
        match (&self.ended, self.running) {
            (_, 1..) => State::Refreshing,
            (None | Some(Ended::Cancelled), 0) => State::Waiting,
            (Some(Ended::Done | Ended::Partly), 0) => State::Ready,
            (Some(Ended::Failed(_)), 0) => State::Failing,
        }
    }

    fn message(&self) -> Option<String> {
        match &self.ended {
            Some(Ended::Failed(message)) => Some(message.clone()),
            Some(Ended::Cancelled) => Some("the last refresh was cancelled".to_owned()),
            Some(Ended::Done | Ended::Partly) | None => None,
        }
    }
}

impl Refresher {
    /// `metrics` counts refreshes, and `misfits` looks through what they have brought.
    pub fn new(sources: Vec<Arc<Source>>, store: Arc<SnapshotStore>, metrics: Arc<Metrics>, misfits: Misfits) -> Self {
        Self { sources, store, states: Mutex::default(), metrics, misfits }
    }

    /// The current snapshot, with all that is in it. What a client is told of it goes through
    /// [`Policy::visible`](rail_forge_planner::Policy::visible).
    pub fn pin_whole(&self) -> PinnedSnapshot {
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
        let snapshot = self.pin_whole();
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
        let started = Instant::now();
        let running = Running::start(self, name);
        let result = connectors::refresh(Arc::clone(source), Arc::clone(&self.store), scope, observer).await;
        match &result {
            Ok(report) => {
                self.misfits.tell(&self.pin_whole().manifest);
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
                let is_whole = report.tables.iter().all(|table| table.error.is_none());
                running.end(if is_whole { Ended::Done } else { Ended::Partly });
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
        self.misfits.tell(&self.pin_whole().manifest);
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
        let snapshot = self.pin_whole();
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

    fn states(&self) -> MutexGuard<'_, HashMap<String, SourceState>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A refresh under way. One whose future is dropped, because its client went away, was cancelled.
struct Running<'a> {
    refresher: &'a Refresher,
    source: &'a str,
    started: Instant,
    ended: Ended,
}

impl<'a> Running<'a> {
    fn start(refresher: &'a Refresher, source: &'a str) -> Self {
        refresher.states().entry(source.to_owned()).or_default().running += 1;
        Self { refresher, source, started: Instant::now(), ended: Ended::Cancelled }
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
        drop(states);
        let outcome = match self.ended {
            Ended::Done => Outcome::Done,
            Ended::Partly | Ended::Failed(_) => Outcome::Failed,
            Ended::Cancelled => Outcome::Cancelled,
        };
        self.refresher.metrics.refresh_ended(self.source, outcome, self.started.elapsed());
    }
}
