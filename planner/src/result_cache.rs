//! Results that were computed before, for statements that are asked again while the tables that they read are the same.
//!
//! A result is found by the statement's text, its parameters and its session, and holds for the versions of the tables that
//! it was computed on: it is never older than what a new computation would give. Identical statements that come at the same
//! time are computed once; the others wait for the first. What is not the same every time (`random()`, `now()`) and what is
//! asked of PostgreSQL itself (live tables) is not kept.

mod compact;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::ScalarValue;
use rail_forge_connectors::{Manifest, TableName};
use tokio::sync::watch;

use self::compact::compact;
use crate::bind::Wanted;
use crate::query::{Query, SessionOptions, TableTruth, Truth};

/// One result may take so much of the budget.
const LARGEST_SHARE: u64 = 4;
/// What an entry takes beside its rows and its text: its places in the maps, its schema.
const ENTRY_BYTES: u64 = 1_024;

/// What a result is found by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    sql: String,
    parameters: Option<Vec<ScalarValue>>,
    options: SessionOptions,
    /// For statements that ask which day it is: days since 1970-01-01.
    day: Option<i32>,
}

/// A result.
#[derive(Debug)]
pub(crate) struct CachedResult {
    pub(crate) schema: SchemaRef,
    pub(crate) wanted: Wanted,
    pub(crate) batches: Vec<RecordBatch>,
    /// The tables that it was computed from, each with the version in which its rows last changed.
    tables: Vec<(TableName, u64)>,
    bytes: u64,
}

/// How the cache is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheStatistics {
    pub limit_bytes: u64,
    pub bytes: u64,
    pub results: usize,
    /// Statements that were answered from it, those that waited for another included.
    pub hits: u64,
    /// Statements that were computed, and could have been answered from it.
    pub misses: u64,
}

/// The cache.
#[derive(Debug)]
pub(crate) struct ResultCache {
    budget: u64,
    state: Mutex<State>,
    hits: AtomicU64,
    misses: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<Arc<Key>, Entry>,
    bytes: u64,
    /// Counts the uses of entries.
    clock: u64,
    /// The version of the manifest that entries were last compared with.
    swept: u64,
}

#[derive(Debug)]
enum Entry {
    /// It is being computed; whoever subscribes hears when that has ended.
    Running { tables: Vec<(TableName, u64)>, ended: watch::Sender<()> },
    Done { result: Arc<CachedResult>, used: u64 },
}

/// What a statement that was not found has to do.
pub(crate) enum Turn {
    /// Compute the result, and keep it.
    Compute(Recording),
    /// Wait until another has computed it, and look again.
    Wait(watch::Receiver<()>),
    /// Nothing: it is there by now.
    Done(Arc<CachedResult>),
    /// Compute the result for itself.
    Alone,
}

impl Key {
    pub(crate) fn new(query: &Query, day: Option<i32>) -> Self {
        let Query { sql, parameters, options } = query;
        Self { sql: sql.clone(), parameters: parameters.clone(), options: options.clone(), day }
    }

    fn bytes(&self) -> u64 {
        let parameters: usize = self.parameters.iter().flatten().map(ScalarValue::size).sum();
        (self.sql.len() + parameters) as u64
    }
}

impl CachedResult {
    /// What it is true for now: as old as the tables of a manifest in which they have not changed.
    pub(crate) fn truth(&self, manifest: &Manifest) -> Truth {
        let tables = self.tables.iter().filter_map(|(name, _)| manifest.table(name));
        let truths = tables.map(|table| TableTruth { name: table.name.clone(), as_of: table.as_of, live: false });
        Truth::new(manifest.version, truths.collect())
    }
}

/// The versions of the tables that a result reads; none where it cannot be kept.
fn versions(truth: &Truth, manifest: &Manifest) -> Option<Vec<(TableName, u64)>> {
    let version = |table: &TableTruth| {
        let known = manifest.table(&table.name).filter(|_| !table.live)?;
        Some((table.name.clone(), known.version))
    };
    truth.tables.iter().map(version).collect()
}

fn are_current(tables: &[(TableName, u64)], manifest: &Manifest) -> bool {
    tables.iter().all(|(name, version)| manifest.table(name).is_some_and(|table| table.version == *version))
}

impl ResultCache {
    /// A cache of so many bytes; of none, it keeps nothing.
    pub(crate) fn new(budget: u64) -> Self {
        Self { budget, state: Mutex::default(), hits: AtomicU64::default(), misses: AtomicU64::default() }
    }

    pub(crate) fn statistics(&self) -> CacheStatistics {
        let state = self.lock();
        CacheStatistics {
            limit_bytes: self.budget,
            bytes: state.bytes,
            results: state.entries.values().filter(|entry| matches!(entry, Entry::Done { .. })).count(),
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
        }
    }

    /// The result of a statement, whether it asks which day it is or not.
    pub(crate) fn find(&self, query: &Query, today: i32, manifest: &Manifest) -> Option<Arc<CachedResult>> {
        if self.budget == 0 {
            return None;
        }
        let mut key = Key::new(query, None);
        let found = self.get(&key, manifest).or_else(|| {
            key.day = Some(today);
            self.get(&key, manifest)
        });
        if found.is_some() {
            self.hits.fetch_add(1, Ordering::Relaxed);
        }
        found
    }

    fn get(&self, key: &Key, manifest: &Manifest) -> Option<Arc<CachedResult>> {
        self.lock().get(key, manifest)
    }

    /// Takes part in the computation of a result. `anew` does so whatever there is.
    pub(crate) fn turn(self: &Arc<Self>, key: Key, truth: &Truth, manifest: &Manifest, anew: bool) -> Turn {
        let Some(tables) = versions(truth, manifest).filter(|_| self.budget > 0) else { return Turn::Alone };
        let mut state = self.lock();
        state.sweep(manifest);
        if !anew {
            if let Some(result) = state.get(&key, manifest) {
                self.hits.fetch_add(1, Ordering::Relaxed);
                return Turn::Done(result);
            }
            if let Some(Entry::Running { tables: others, ended }) = state.entries.get(&key) {
                // One that reads other versions is no use to wait for, and keeps its place.
                return if *others == tables { Turn::Wait(ended.subscribe()) } else { Turn::Alone };
            }
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        let key = Arc::new(key);
        let running = Entry::Running { tables: tables.clone(), ended: watch::Sender::new(()) };
        if let Some(Entry::Done { result, .. }) = state.entries.insert(Arc::clone(&key), running) {
            state.bytes -= result.bytes;
        }
        let bytes = ENTRY_BYTES + key.bytes();
        Turn::Compute(Recording { cache: Arc::clone(self), key, tables, batches: vec![], bytes, is_over: false })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What is shared is changed in single steps.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn get(&mut self, key: &Key, manifest: &Manifest) -> Option<Arc<CachedResult>> {
        self.clock += 1;
        match self.entries.get_mut(key) {
            Some(Entry::Done { result, used }) if are_current(&result.tables, manifest) => {
                *used = self.clock;
                Some(Arc::clone(result))
            }
            _ => None,
        }
    }

    /// Drops the results of tables that have changed, once for each new version.
    fn sweep(&mut self, manifest: &Manifest) {
        if manifest.version <= self.swept {
            return;
        }
        self.swept = manifest.version;
        let mut freed = 0;
        self.entries.retain(|_, entry| match entry {
            Entry::Done { result, .. } if !are_current(&result.tables, manifest) => {
                freed += result.bytes;
                false
            }
            _ => true,
        });
        self.bytes -= freed;
    }

    /// Drops the results that were not used for the longest time until so many bytes are free.
    fn make_room(&mut self, wanted: u64, budget: u64) {
        while self.bytes + wanted > budget {
            let used = |(key, entry): (&Arc<Key>, &Entry)| match entry {
                Entry::Done { result, used } => Some((*used, result.bytes, Arc::clone(key))),
                Entry::Running { .. } => None,
            };
            let Some((_, bytes, oldest)) = self.entries.iter().filter_map(used).min_by_key(|(used, ..)| *used) else {
                return;
            };
            self.entries.remove(&oldest);
            self.bytes -= bytes;
        }
    }
}

/// A result that is being computed. Dropped before its end, it leaves nothing, and those that wait take their turn.
pub(crate) struct Recording {
    cache: Arc<ResultCache>,
    key: Arc<Key>,
    tables: Vec<(TableName, u64)>,
    batches: Vec<RecordBatch>,
    bytes: u64,
    /// Whether the place of the entry was given up.
    is_over: bool,
}

impl Recording {
    /// Keeps a batch; false when the result has grown too large for the cache.
    pub(crate) fn add(&mut self, batch: &RecordBatch) -> bool {
        if self.is_over {
            return false;
        }
        let batch = compact(batch);
        self.bytes += batch.get_array_memory_size() as u64;
        if self.bytes > self.cache.budget / LARGEST_SHARE {
            self.batches.clear();
            self.give_up();
            return false;
        }
        self.batches.push(batch);
        true
    }

    /// The result is whole.
    pub(crate) fn finish(mut self, schema: SchemaRef, wanted: Wanted) {
        if self.is_over {
            return;
        }
        self.is_over = true;
        let (batches, tables, bytes) = (std::mem::take(&mut self.batches), std::mem::take(&mut self.tables), self.bytes);
        let result = Arc::new(CachedResult { schema, wanted, batches, tables, bytes });
        let mut state = self.cache.lock();
        state.make_room(bytes, self.cache.budget);
        state.clock += 1;
        let done = Entry::Done { result, used: state.clock };
        state.bytes += bytes;
        // Another one may have begun anew in between, and ended.
        if let Some(Entry::Done { result, .. }) = state.entries.insert(Arc::clone(&self.key), done) {
            state.bytes -= result.bytes;
        }
    }

    fn give_up(&mut self) {
        if !std::mem::replace(&mut self.is_over, true) {
            let mut state = self.cache.lock();
            if matches!(state.entries.get(&self.key), Some(Entry::Running { .. })) {
                state.entries.remove(&self.key);
            }
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.give_up();
    }
}
