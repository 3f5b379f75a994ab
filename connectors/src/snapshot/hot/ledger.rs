//! What is used how often, what is held in memory, and what may take whose place. Reads no files.
//!
//! A column is worth the time that holding it saves, for the place that it takes. Both grow with its bytes, so
//! what is left to compare is how often it is used: least frequently used goes first, and uses fade, so that
//! what was hot last week makes room (LFU with aging). A column that is to be loaded is admitted when there
//! is room, or when it is used more than every one that would have to go for it; one scan of a large table
//! pushes out nothing. Admission by comparing frequencies is TinyLFU's (Einziger, Friedman, Manes: "TinyLFU: A
//! Highly Efficient Cache Admission Policy", 2017); exact counts take the place of its sketch, because there
//! are as many as there are columns of files.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Instant;

use arrow::datatypes::SchemaRef;

use super::column::HotColumn;
use super::uses::Uses;
use crate::TableName;

/// By how many uses a column must be ahead of one that goes for it: tables that are scanned in turns are
/// never further apart than one use, and must not push each other out for ever.
const LEAD_USES: f64 = 1.0;
/// What is used less is not loaded: one use, within the last hour.
const WORTH_LOADING_USES: f64 = 0.5;
/// Columns of a file whose uses differ by less are taken as used together, and loaded together.
const TOGETHER_USES: f64 = 0.5;
/// Fewer uses than this are forgotten when they are written down or passed on to a new file.
const FORGOTTEN_USES: f64 = 0.01;
/// A summary that claims more than this is not believed.
const MOST_USES: f64 = 1e6;

/// A table of the current version.
#[derive(Debug)]
pub(super) struct CurrentTable<'a> {
    pub(super) name: &'a TableName,
    /// The columns as scans give them.
    pub(super) schema: SchemaRef,
    /// The paths of its files, with their bytes.
    pub(super) files: Vec<(&'a str, u64)>,
}

/// Columns of one file that should be held and are not.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    pub(super) path: Arc<str>,
    pub(super) file_bytes: u64,
    pub(super) schema: SchemaRef,
    pub(super) columns: Vec<String>,
    /// The uses of that column which has the fewest.
    uses: f64,
    /// What the columns take in memory, if that is known or was estimated.
    pub(super) needed_bytes: Option<u64>,
}

/// The books of the hot tier.
#[derive(Debug)]
pub(super) struct Ledger {
    budget_bytes: u64,
    files: HashMap<Arc<str>, File>,
    /// Of what is held.
    held_bytes: u64,
    /// Promised to columns that are being loaded.
    reserved_bytes: u64,
    /// Columns that are held no longer, but that queries may still be reading.
    leaving: Vec<(Weak<HotColumn>, u64)>,
}

#[derive(Debug)]
struct File {
    table: TableName,
    bytes: u64,
    schema: SchemaRef,
    /// Whether the current version names it.
    is_current: bool,
    columns: HashMap<String, Column>,
}

#[derive(Debug)]
struct Column {
    uses: Uses,
    bytes: Option<u64>,
    held: Option<Arc<HotColumn>>,
    /// Not to be loaded before.
    not_before: Option<Instant>,
}

/// A held column that may go.
struct Victim {
    uses: f64,
    bytes: u64,
    path: Arc<str>,
    column: String,
}

impl Ledger {
    pub(super) fn new(budget_bytes: u64) -> Self {
        Self { budget_bytes, files: HashMap::new(), held_bytes: 0, reserved_bytes: 0, leaving: vec![] }
    }

    /// Takes up the tables of a version that has become the current one. A file that is new inherits the uses
    /// of its table's columns, so that a table that was hot before its refresh is hot after it.
    pub(super) fn adopt(&mut self, tables: &[CurrentTable<'_>], now: Instant) {
        let inherited = self.uses_by_table(now);
        self.files.values_mut().for_each(|file| file.is_current = false);
        let mut outdated = vec![];
        for table in tables {
            for &(path, bytes) in &table.files {
                if let Some(known) = self.files.get_mut(path) {
                    known.is_current = true;
                    outdated.extend(known.adopt(&table.schema));
                    continue;
                }
                let inherited = inherited.get(table.name).into_iter().flatten();
                let columns = inherited
                    .filter(|(column, _)| table.schema.index_of(column).is_ok())
                    .map(|(column, &count)| (column.clone(), Column::used(count, now)));
                let file = File {
                    table: table.name.clone(),
                    bytes,
                    schema: Arc::clone(&table.schema),
                    is_current: true,
                    columns: columns.collect(),
                };
                self.files.insert(path.into(), file);
            }
        }
        outdated.into_iter().for_each(|held| self.let_go(held));
    }

    /// The most uses of every column in a current file of its table.
    fn uses_by_table(&self, now: Instant) -> HashMap<TableName, HashMap<String, f64>> {
        let mut tables: HashMap<TableName, HashMap<String, f64>> = HashMap::new();
        for file in self.files.values().filter(|file| file.is_current) {
            for (name, column) in &file.columns {
                let uses = column.uses.now(now);
                if uses >= FORGOTTEN_USES {
                    let most = tables.entry(file.table.clone()).or_default().entry(name.clone()).or_default();
                    *most = most.max(uses);
                }
            }
        }
        tables
    }

    /// Drops what belongs to files that are not needed any longer.
    pub(super) fn retain(&mut self, is_needed: impl Fn(&str) -> bool) {
        let gone = self.files.extract_if(|path, _| !is_needed(path));
        let columns: Vec<_> = gone.flat_map(|(_, file)| file.columns.into_values()).collect();
        columns.into_iter().filter_map(|column| column.held).for_each(|held| self.let_go(held));
    }

    /// A scan has read these columns of a file.
    pub(super) fn note<'a>(&mut self, path: &str, columns: impl Iterator<Item = &'a str>, now: Instant) {
        self.add_uses(path, columns.map(|column| (column, 1.0)), now);
    }

    fn add_uses<'a>(&mut self, path: &str, columns: impl Iterator<Item = (&'a str, f64)>, now: Instant) {
        let Some(file) = self.files.get_mut(path) else { return };
        for (name, count) in columns {
            match file.columns.get_mut(name) {
                Some(column) => column.uses.add(count, now),
                None if file.schema.index_of(name).is_ok() => {
                    file.columns.insert(name.to_owned(), Column::used(count, now));
                }
                None => {}
            }
        }
    }

    /// A column of a file, if it is held.
    pub(super) fn held(&self, path: &str, column: &str) -> Option<Arc<HotColumn>> {
        self.files.get(path)?.columns.get(column)?.held.clone()
    }

    /// What should be loaded next: of the columns for which there is room, or would be when others that are
    /// used less went, those that are used most. Those whose size is not known come with `needed_bytes: None`.
    pub(super) fn next(&mut self, now: Instant) -> Option<Candidate> {
        let current = self.files.iter().filter(|(_, file)| file.is_current);
        let mut candidates: Vec<_> = current.filter_map(|(path, file)| file.candidate(path, now)).collect();
        candidates.sort_by(|left, right| right.uses.total_cmp(&left.uses).then_with(|| left.path.cmp(&right.path)));
        let victims = self.victims(now);
        let free = self.free_bytes();
        candidates.into_iter().find(|candidate| match candidate.needed_bytes {
            Some(needed) => free + bytes_before(&victims, candidate.uses) >= needed,
            None => true,
        })
    }

    /// Notes what columns will take in memory.
    pub(super) fn set_bytes(&mut self, path: &str, bytes: impl IntoIterator<Item = (String, u64)>) {
        for (name, bytes) in bytes {
            if let Some(column) = self.files.get_mut(path).and_then(|file| file.columns.get_mut(&name)) {
                column.bytes = Some(bytes);
            }
        }
    }

    /// Reserves place for a candidate; what is used less goes for it. Gives the bytes, or `None` when there is
    /// no room.
    pub(super) fn reserve(&mut self, candidate: &Candidate, now: Instant) -> Option<u64> {
        let needed = candidate.needed_bytes?;
        let victims = self.victims(now);
        if self.free_bytes() + bytes_before(&victims, candidate.uses) < needed {
            return None;
        }
        for victim in victims {
            if self.free_bytes() >= needed {
                break;
            }
            self.evict(&victim);
        }
        if self.free_bytes() < needed {
            return None;
        }
        self.reserved_bytes += needed;
        Some(needed)
    }

    /// Holds columns of a file, in the place that was reserved for them. One that takes more is held only if it
    /// fits all the same.
    pub(super) fn hold(&mut self, path: &str, columns: Vec<(String, HotColumn)>, reserved: u64) {
        self.reserved_bytes -= reserved;
        for (name, loaded) in columns {
            let fits = loaded.bytes() <= self.free_bytes();
            let Some(file) = self.files.get_mut(path) else { return };
            let is_wanted = file.schema.field_with_name(&name).is_ok_and(|field| loaded.is_of(field.data_type()));
            let Some(column) = file.columns.get_mut(&name) else { continue };
            column.bytes = Some(loaded.bytes());
            if fits && is_wanted && column.held.is_none() {
                self.held_bytes += loaded.bytes();
                column.held = Some(Arc::new(loaded));
            }
        }
    }

    /// Gives back what was reserved for columns that are not loaded after all.
    pub(super) fn release(&mut self, reserved: u64) {
        self.reserved_bytes -= reserved;
    }

    /// Leaves columns that could not be loaded alone for a time.
    pub(super) fn postpone(&mut self, candidate: &Candidate, not_before: Instant) {
        let Some(file) = self.files.get_mut(&candidate.path) else { return };
        for name in &candidate.columns {
            if let Some(column) = file.columns.get_mut(name) {
                column.not_before = Some(not_before);
            }
        }
    }

    /// Drops what is used least until no more than so many bytes are held.
    pub(super) fn shrink(&mut self, bytes: u64, now: Instant) {
        for victim in self.least_used(now, |_| true) {
            if self.held_bytes <= bytes {
                break;
            }
            self.evict(&victim);
        }
    }

    /// Bytes in memory: held, being loaded, and dropped while a query still reads them.
    pub(super) fn used_bytes(&mut self) -> u64 {
        self.leaving.retain(|(column, _)| column.strong_count() > 0);
        self.held_bytes + self.reserved_bytes + self.leaving.iter().map(|(_, bytes)| bytes).sum::<u64>()
    }

    /// Bytes of the columns that are held, and how many they are.
    pub(super) fn held_totals(&self) -> (u64, usize) {
        let columns = self.files.values().flat_map(|file| file.columns.values());
        (self.held_bytes, columns.filter(|column| column.held.is_some()).count())
    }

    pub(super) fn budget_bytes(&self) -> u64 {
        self.budget_bytes
    }

    /// The uses of all columns of current files, for a summary.
    pub(super) fn uses(&self, now: Instant) -> Vec<(&str, Vec<(&str, f64)>)> {
        let current = self.files.iter().filter(|(_, file)| file.is_current);
        let files = current.map(|(path, file)| {
            let columns = file.columns.iter().map(|(name, column)| (name.as_str(), column.uses.now(now)));
            (path.as_ref(), columns.filter(|&(_, uses)| uses >= FORGOTTEN_USES).collect::<Vec<_>>())
        });
        files.filter(|(_, columns)| !columns.is_empty()).collect()
    }

    /// Takes uses from a summary, which may be of anything.
    pub(super) fn restore<'a>(&mut self, path: &str, uses: impl Iterator<Item = (&'a str, f64)>, now: Instant) {
        let believed = uses.filter(|(_, count)| (FORGOTTEN_USES..=MOST_USES).contains(count));
        self.add_uses(path, believed, now);
    }

    fn free_bytes(&mut self) -> u64 {
        self.budget_bytes.saturating_sub(self.used_bytes())
    }

    /// What may go for something that is used more, the least used first. Dropping what a query reads would
    /// free nothing.
    fn victims(&self, now: Instant) -> Vec<Victim> {
        self.least_used(now, |held| Arc::strong_count(held) == 1)
    }

    fn least_used(&self, now: Instant, may_go: impl Fn(&Arc<HotColumn>) -> bool) -> Vec<Victim> {
        let mut victims = vec![];
        for (path, file) in &self.files {
            for (name, column) in &file.columns {
                let Some(held) = column.held.as_ref().filter(|held| may_go(held)) else { continue };
                // Nothing new is read of a file that was replaced; its columns go for anything.
                let uses = if file.is_current { column.uses.now(now) } else { f64::NEG_INFINITY };
                victims.push(Victim { uses, bytes: held.bytes(), path: Arc::clone(path), column: name.clone() });
            }
        }
        victims.sort_by(|left, right| {
            let names = |victim: &Victim| (Arc::clone(&victim.path), victim.column.clone());
            left.uses.total_cmp(&right.uses).then_with(|| names(left).cmp(&names(right)))
        });
        victims
    }

    fn evict(&mut self, victim: &Victim) {
        let column = self.files.get_mut(&victim.path).and_then(|file| file.columns.get_mut(&victim.column));
        if let Some(held) = column.and_then(|column| column.held.take()) {
            self.let_go(held);
        }
    }

    fn let_go(&mut self, held: Arc<HotColumn>) {
        self.held_bytes -= held.bytes();
        self.leaving.push((Arc::downgrade(&held), held.bytes()));
    }
}

impl File {
    /// Takes the types that the table has now, and gives the columns that are held with others: a numeric without a
    /// precision has as many digits as the table's values need.
    fn adopt(&mut self, schema: &SchemaRef) -> Vec<Arc<HotColumn>> {
        if self.schema == *schema {
            return vec![];
        }
        self.schema = Arc::clone(schema);
        let changed = |name: &str, held: &HotColumn| {
            schema.field_with_name(name).is_ok_and(|field| !held.is_of(field.data_type()))
        };
        let held = self.columns.iter_mut().filter_map(|(name, column)| {
            let is_changed = column.held.as_deref().is_some_and(|held| changed(name, held));
            column.held.take_if(|_| is_changed)
        });
        held.collect()
    }

    fn candidate(&self, path: &Arc<str>, now: Instant) -> Option<Candidate> {
        let may_load = |column: &Column| column.held.is_none() && column.not_before.is_none_or(|time| time <= now);
        let missing: Vec<(&String, &Column, f64)> = self
            .columns
            .iter()
            .filter(|(_, column)| may_load(column))
            .map(|(name, column)| (name, column, column.uses.now(now)))
            .filter(|&(_, _, uses)| uses >= WORTH_LOADING_USES)
            .collect();
        let most = missing.iter().map(|&(_, _, uses)| uses).reduce(f64::max)?;
        let together = || missing.iter().filter(|&&(_, _, uses)| uses > most - TOGETHER_USES);
        let mut columns: Vec<String> = together().map(|(name, _, _)| String::clone(name)).collect();
        columns.sort_unstable();
        Some(Candidate {
            path: Arc::clone(path),
            file_bytes: self.bytes,
            schema: Arc::clone(&self.schema),
            columns,
            uses: together().map(|&(_, _, uses)| uses).fold(most, f64::min),
            needed_bytes: together().map(|(_, column, _)| column.bytes).sum(),
        })
    }
}

impl Column {
    fn used(count: f64, now: Instant) -> Self {
        Self { uses: Uses::new(count, now), bytes: None, held: None, not_before: None }
    }
}

/// The bytes of those that may go for something of so many uses.
fn bytes_before(victims: &[Victim], uses: f64) -> u64 {
    victims.iter().take_while(|victim| victim.uses + LEAD_USES < uses).map(|victim| victim.bytes).sum()
}

#[cfg(test)]
mod tests;
