//! The hot tier: columns that queries use often, decoded, in memory, under a budget. What is held is one column
//! of one file, as Arrow arrays of the type that plans work on. Files never change, so nothing that is held is
//! ever stale; rows that are deleted are left out when a scan reads.
//!
//! ```text
//! scan ── attach: which files have all columns of this scan here? ──► HotSource, in Parquet's place
//!          note: these columns of this file were read ──► ledger ──► loader's thread ──► ledger holds them
//! ```
//!
//! Refuses to make anybody wait: a query reads what is held when it is planned, and the rest from Parquet.

mod column;
mod file_in_memory;
mod ledger;
mod loader;
mod one_piece;
mod scan;
mod source;
mod stored_file;
mod summary;
mod uses;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Instant;

use arrow::datatypes::SchemaRef;
use datafusion::datasource::physical_plan::FileGroup;
use datafusion_datasource::file::FileSource;
use object_store::ObjectStore;

use self::file_in_memory::FileInMemory;
pub(super) use self::file_in_memory::StoredRows;
use self::ledger::{CurrentTable, Ledger};
use self::loader::Loader;
use self::source::HotSource;
pub use self::source::reads_memory;
use self::summary::Summary;
use super::manifest::Manifest;
use super::store::{SnapshotStore, lock};
use super::stored_form::stored_schema;
use super::table::in_memory_schema;

/// How the hot tier works.
pub struct HotTierSettings {
    /// Memory that it may take.
    pub budget_bytes: u64,
    /// Where it writes what is hot, for the next start.
    pub summary: Option<PathBuf>,
    /// Whether the server runs short of memory; the tier then gives some back.
    pub memory_is_short: Box<dyn Fn() -> bool + Send>,
}

use HotTierSettings as Settings;

impl fmt::Debug for HotTierSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HotTierSettings").field("budget_bytes", &self.budget_bytes).finish_non_exhaustive()
    }
}

/// What the hot tier holds, and what it was good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HotTierStatus {
    pub budget_bytes: u64,
    /// Bytes in memory, those included that are being loaded or were dropped while a query still reads them.
    pub bytes: u64,
    /// Columns of files.
    pub columns: usize,
    /// Files that scans have read from memory, since the start.
    pub hits: u64,
    /// Files that scans have read from where they are stored.
    pub misses: u64,
}

/// The hot tier of a store. It is off until it is started.
#[derive(Debug)]
pub(super) struct HotTier {
    ledger: Mutex<Ledger>,
    started: OnceLock<Started>,
    is_stopping: AtomicBool,
    hits: AtomicU64,
    misses: AtomicU64,
}

#[derive(Debug)]
struct Started {
    /// Wakes the loader. When it is dropped, the loader ends.
    wake: SyncSender<()>,
    summary: Option<PathBuf>,
}

impl HotTier {
    pub(super) fn off() -> Arc<Self> {
        Arc::new(Self {
            ledger: Mutex::new(Ledger::new(0)),
            started: OnceLock::new(),
            is_stopping: AtomicBool::new(false),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        })
    }

    fn start(self: &Arc<Self>, store: Arc<dyn ObjectStore>, manifest: &Manifest, settings: Settings) -> io::Result<()> {
        let (wake, woken) = sync_channel(1);
        let started = Started { wake, summary: settings.summary.clone() };
        *self.ledger() = Ledger::new(settings.budget_bytes);
        self.started.set(started).map_err(|_| io::Error::other("it was started before"))?;
        self.adopt(manifest);
        self.restore();
        let loader = Loader::new(self, store, settings)?;
        std::thread::Builder::new().name("hot-tier".to_owned()).spawn(move || loader.run(&woken))?;
        self.wake();
        Ok(())
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    fn wake(&self) {
        if let Some(started) = self.started.get() {
            // When a message waits already, that one wakes it.
            let _ = started.wake.try_send(());
        }
    }

    /// Takes up the files of a version that becomes the current one.
    pub(super) fn adopt(&self, manifest: &Manifest) {
        if self.started.get().is_none() {
            return;
        }
        let tables = manifest.tables.iter().map(|table| CurrentTable {
            name: &table.name,
            schema: stored_schema(&in_memory_schema(&table.schema)),
            files: table.files.iter().map(|file| (file.path.as_str(), file.bytes)).collect(),
        });
        self.ledger().adopt(&tables.collect::<Vec<_>>(), Instant::now());
        self.wake();
    }

    /// Forgets files that no version needs.
    pub(super) fn retain(&self, is_needed: impl Fn(&str) -> bool) {
        if self.started.get().is_some() {
            self.ledger().retain(is_needed);
        }
    }

    /// The files of a scan, those marked that are in memory, and a source that reads them from there.
    pub(super) fn attach(
        self: &Arc<Self>,
        files: &FileGroup,
        schema: &SchemaRef,
        projection: Option<&Vec<usize>>,
        parquet: Arc<dyn FileSource>,
    ) -> (FileGroup, Arc<dyn FileSource>) {
        if self.started.get().is_none() {
            return (files.clone(), parquet);
        }
        let all = || (0..schema.fields().len()).collect();
        let indices = projection.cloned().unwrap_or_else(all);
        let mut marked = files.files().to_vec();
        let mut in_memory = 0;
        let ledger = self.ledger();
        for file in &mut marked {
            let Some(rows) = file.extension::<StoredRows>() else { continue };
            let held = indices.iter().map(|&index| {
                let field = schema.field(index);
                let column = ledger.held(file.path().as_ref(), field.name())?;
                // Another version of the table may have given it more digits.
                column.is_of(field.data_type()).then_some((index, column))
            });
            let known = held.collect::<Option<Vec<_>>>().and_then(|columns| FileInMemory::new(columns, rows.clone()));
            if let Some(known) = known.filter(|_| !indices.is_empty()) {
                in_memory += 1;
                file.extensions.insert(known);
            }
        }
        drop(ledger);
        let source = HotSource::new(parquet, Arc::clone(self), (in_memory, marked.len()));
        (FileGroup::new(marked), Arc::new(source))
    }

    /// A scan reads these columns of a file, from memory or not.
    fn note<'a>(&self, path: &str, columns: impl Iterator<Item = &'a str>, from_memory: bool) {
        let counter = if from_memory { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        self.ledger().note(path, columns, Instant::now());
        if !from_memory {
            self.wake();
        }
    }

    fn give_back_half(&self, now: Instant) {
        let mut ledger = self.ledger();
        let (held, columns) = ledger.held_totals();
        if held > 0 {
            ledger.shrink(held / 2, now);
            tracing::info!(bytes = held, columns, "memory is short; half of what is kept in memory is dropped");
        }
    }

    fn restore(&self) {
        let Some(path) = self.started.get().and_then(|started| started.summary.as_ref()) else { return };
        let Some(summary) = Summary::read(path) else { return };
        let mut ledger = self.ledger();
        for (path, columns) in &summary.files {
            ledger.restore(path, columns.iter().map(|(name, &uses)| (name.as_str(), uses)), Instant::now());
        }
    }

    fn write_summary(&self) {
        let Some(path) = self.started.get().and_then(|started| started.summary.as_ref()) else { return };
        let summary = Summary::new(&self.ledger().uses(Instant::now()));
        if let Err(error) = summary.write(path) {
            tracing::debug!(path = %path.display(), %error, "what is hot cannot be written down");
        }
    }
}

impl SnapshotStore {
    /// Keeps columns that queries use often in memory, from now on. Once for a store.
    ///
    /// # Errors
    /// When the thread that loads them cannot be had, or the tier was started before.
    pub fn start_hot_tier(&self, settings: HotTierSettings) -> io::Result<()> {
        if settings.budget_bytes == 0 {
            return Ok(());
        }
        self.files.hot.start(Arc::clone(&self.files.objects), &self.pin().manifest, settings)
    }

    /// Writes down what is hot, for the next start. Nothing is loaded afterwards.
    pub fn stop_hot_tier(&self) {
        self.files.hot.is_stopping.store(true, Ordering::Relaxed);
        self.files.hot.write_summary();
    }

    /// What the hot tier does; `None` when it is off.
    pub fn hot_tier(&self) -> Option<HotTierStatus> {
        let tier = &self.files.hot;
        tier.started.get()?;
        let mut ledger = tier.ledger();
        Some(HotTierStatus {
            budget_bytes: ledger.budget_bytes(),
            bytes: ledger.used_bytes(),
            columns: ledger.held_totals().1,
            hits: tier.hits.load(Ordering::Relaxed),
            misses: tier.misses.load(Ordering::Relaxed),
        })
    }
}

#[cfg(test)]
mod tests;
