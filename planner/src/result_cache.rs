//! Results that were computed before, for statements that are asked again while the tables that they read are the same.
//!
//! A result is found by the statement's text, its parameters, its session and what its sender may read, and holds for
//! the versions of the tables that it was computed on: it is never older than what a new computation would give.
//! Identical statements that come at the same time are computed once; the others wait for the first. What is not the
//! same every time (`random()`, `now()`) and what is asked of PostgreSQL itself (live tables) is not kept.

mod compact;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::ScalarValue;
use rail_forge_connectors::{Manifest, TableName};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use self::compact::compact;
use crate::bind::Wanted;
use crate::policy::Policy;
use crate::query::{Query, SessionOptions, TableTruth, Truth};
use crate::unshared::unshared_bytes;

/// One result may take so much of the budget, and not more than waits for a slow reader in any case: the batches of a
/// result that is kept do not wait for its reader.
const LARGEST_SHARE: u64 = 4;
const LARGEST_BYTES: u64 = 4 << 20;
/// What an entry takes beside its rows, its text and its columns: its places in the maps.
const ENTRY_BYTES: u64 = 1_024;
/// What a column's description takes beside its texts.
const FIELD_BYTES: usize = 256;

/// What a result is found by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    sql: String,
    parameters: Option<Vec<ScalarValue>>,
    /// Of the parameters: moments with and without a time zone are equal constants.
    types: Vec<DataType>,
    options: SessionOptions,
    /// Whoever may read the same is given the same.
    policy: Arc<Policy>,
    /// For statements that ask which day it is: days since 1970-01-01.
    day: Option<i32>,
}

/// The tables of a result, each with the version in which its rows last changed.
type Versions = Vec<(TableName, u64)>;

/// A result.
#[derive(Debug)]
pub(crate) struct CachedResult {
    pub(crate) schema: SchemaRef,
    pub(crate) wanted: Wanted,
    pub(crate) batches: Vec<RecordBatch>,
    tables: Versions,
    bytes: u64,
}

/// How the cache is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The results by their last use.
    uses: BTreeMap<u64, Arc<Key>>,
    bytes: u64,
    /// Counts uses and computations.
    clock: u64,
    /// The version of the manifest that entries were last compared with.
    swept: u64,
}

#[derive(Debug)]
enum Entry {
    /// It is being computed, by the computation of that number; whoever subscribes hears how that has ended.
    Running {
        tables: Versions,
        number: u64,
        ended: watch::Sender<Ended>,
    },
    Done {
        result: Arc<CachedResult>,
        used: u64,
    },
}

/// How a computation has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Ended {
    #[default]
    NotYet,
    Kept,
    /// It failed, its client went away, or the result is too large.
    GivenUp,
}

/// What a statement that was not found has to do.
pub(crate) enum Turn {
    /// Compute the result, and keep it.
    Compute(Recording),
    /// Wait until another has computed it. If that keeps it, look again, else compute it for itself.
    Wait(watch::Receiver<Ended>),
    /// Nothing: it is there by now.
    Done(Arc<CachedResult>),
    /// Compute the result for itself.
    Alone,
}

impl Key {
    pub(crate) fn new(query: &Query, day: Option<i32>) -> Self {
        let Query { sql, parameters, options, policy, .. } = query;
        let types = parameters.iter().flatten().map(ScalarValue::data_type).collect();
        let (sql, parameters, options) = (sql.clone(), parameters.clone(), options.clone());
        Self { sql, parameters, types, options, policy: Arc::clone(policy), day }
    }

    fn bytes(&self) -> u64 {
        let parameters: usize = self.parameters.iter().flatten().map(ScalarValue::size).sum();
        (self.sql.len() + parameters + self.policy.bytes()) as u64
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
fn versions(truth: &Truth, manifest: &Manifest) -> Option<Versions> {
    let version = |table: &TableTruth| {
        let known = manifest.table(&table.name).filter(|_| !table.live)?;
        Some((table.name.clone(), known.version))
    };
    truth.tables.iter().map(version).collect()
}

fn are_current(tables: &Versions, manifest: &Manifest) -> bool {
    tables.iter().all(|(name, version)| manifest.table(name).is_some_and(|table| table.version == *version))
}

/// Whether some of the tables have changed since others were read.
fn are_newer(tables: &Versions, others: &Versions) -> bool {
    tables.iter().any(|(name, version)| others.iter().any(|(other, than)| name == other && version > than))
}

fn schema_bytes(schema: &Schema) -> u64 {
    let field = |field: &FieldRef| {
        let metadata: usize = field.metadata().iter().map(|(key, value)| key.len() + value.len()).sum();
        FIELD_BYTES + field.name().len() + metadata
    };
    schema.fields().iter().map(field).sum::<usize>() as u64
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
            results: state.uses.len(),
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
        }
    }

    /// What one result may take.
    fn largest(&self) -> u64 {
        (self.budget / LARGEST_SHARE).min(LARGEST_BYTES)
    }

    /// The result of a statement, whether it asks which day it is or not.
    pub(crate) fn find(&self, query: &Query, today: i32, manifest: &Manifest) -> Option<Arc<CachedResult>> {
        if self.budget == 0 {
            return None;
        }
        let mut key = Key::new(query, None);
        let mut state = self.lock();
        state.get(&key, manifest).or_else(|| {
            key.day = Some(today);
            state.get(&key, manifest)
        })
    }

    /// Counts a statement that is answered from the cache.
    pub(crate) fn count_hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes part in the computation of a result with such columns. `anew` does so whatever there is.
    pub(crate) fn turn(
        self: &Arc<Self>,
        key: Key,
        schema: &Schema,
        truth: &Truth,
        manifest: &Manifest,
        anew: bool,
    ) -> Turn {
        let bytes = ENTRY_BYTES + key.bytes() + schema_bytes(schema);
        let Some(tables) = versions(truth, manifest).filter(|_| bytes <= self.largest()) else { return Turn::Alone };
        let mut state = self.lock();
        state.sweep(manifest);
        if !anew && let Some(result) = state.get(&key, manifest) {
            self.count_hit();
            return Turn::Done(result);
        }
        match state.entries.get(&key) {
            // A newer one is no use to this statement, and is not given up for it.
            Some(Entry::Done { result, .. }) if are_newer(&result.tables, &tables) => return Turn::Alone,
            Some(Entry::Running { tables: others, ended, .. }) if !anew => {
                return if *others == tables { Turn::Wait(ended.subscribe()) } else { Turn::Alone };
            }
            _ => {}
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        state.clock += 1;
        let (key, number) = (Arc::new(key), state.clock);
        state.remove(&key);
        let running = Entry::Running { tables: tables.clone(), number, ended: watch::Sender::default() };
        state.entries.insert(Arc::clone(&key), running);
        Turn::Compute(Recording {
            cache: Arc::clone(self),
            key,
            number,
            tables,
            batches: vec![],
            bytes,
            is_over: false,
        })
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
                let key = self.uses.remove(used)?;
                *used = self.clock;
                self.uses.insert(self.clock, key);
                Some(Arc::clone(result))
            }
            _ => None,
        }
    }

    /// Removes an entry; who waits for it hears that it is gone.
    fn remove(&mut self, key: &Key) {
        if let Some(Entry::Done { result, used }) = self.entries.remove(key) {
            self.uses.remove(&used);
            self.bytes -= result.bytes;
        }
    }

    /// Drops the results of tables that have changed, once for each new version.
    fn sweep(&mut self, manifest: &Manifest) {
        if manifest.version <= self.swept {
            return;
        }
        self.swept = manifest.version;
        let is_old = |entry: &Entry| match entry {
            Entry::Done { result, .. } => !are_current(&result.tables, manifest),
            Entry::Running { .. } => false,
        };
        let old: Vec<Arc<Key>> =
            self.entries.iter().filter(|(_, entry)| is_old(entry)).map(|(key, _)| Arc::clone(key)).collect();
        for key in old {
            self.remove(&key);
        }
    }

    /// Drops the results that were not used for the longest time until so many bytes are free.
    fn make_room(&mut self, wanted: u64, budget: u64) {
        while self.bytes + wanted > budget
            && let Some((_, oldest)) = self.uses.first_key_value()
        {
            let oldest = Arc::clone(oldest);
            self.remove(&oldest);
        }
    }

    /// Whether the entry is that of a computation.
    fn is_of(&self, key: &Key, own: u64) -> bool {
        matches!(self.entries.get(key), Some(Entry::Running { number, .. }) if *number == own)
    }

    /// Ends a computation, whose entry it has been.
    fn end(&mut self, key: &Key, how: Ended) {
        if let Some(Entry::Running { ended, .. }) = self.entries.remove(key) {
            ended.send_replace(how);
        }
    }
}

/// A result that is being computed. Dropped before its end, it leaves nothing.
pub(crate) struct Recording {
    cache: Arc<ResultCache>,
    key: Arc<Key>,
    number: u64,
    tables: Versions,
    batches: Vec<RecordBatch>,
    bytes: u64,
    /// Whether the entry was given up.
    is_over: bool,
}

impl Recording {
    /// Keeps a batch, and gives it in the form in which it is kept. None when the result has grown too large.
    pub(crate) fn add(&mut self, batch: &RecordBatch) -> Option<RecordBatch> {
        if self.is_over {
            return None;
        }
        // In compact form, texts that share memory have each their own.
        if self.bytes + unshared_bytes(batch) as u64 > self.cache.largest() {
            self.batches.clear();
            self.give_up();
            return None;
        }
        let batch = compact(batch);
        self.bytes += batch.get_array_memory_size() as u64;
        self.batches.push(batch.clone());
        Some(batch)
    }

    /// The result is whole.
    pub(crate) fn finish(mut self, schema: SchemaRef, wanted: Wanted) {
        if self.is_over || self.bytes > self.cache.largest() {
            return;
        }
        let mut state = self.cache.lock();
        if !state.is_of(&self.key, self.number) {
            // Somebody has it computed anew.
            return;
        }
        state.end(&self.key, Ended::Kept);
        state.make_room(self.bytes, self.cache.budget);
        state.clock += 1;
        let used = state.clock;
        let (batches, tables) = (std::mem::take(&mut self.batches), std::mem::take(&mut self.tables));
        let result = Arc::new(CachedResult { schema, wanted, batches, tables, bytes: self.bytes });
        state.bytes += self.bytes;
        state.entries.insert(Arc::clone(&self.key), Entry::Done { result, used });
        state.uses.insert(used, Arc::clone(&self.key));
        drop(state);
        self.is_over = true;
    }

    fn give_up(&mut self) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let mut state = self.cache.lock();
        if state.is_of(&self.key, self.number) {
            state.end(&self.key, Ended::GivenUp);
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.give_up();
    }
}
