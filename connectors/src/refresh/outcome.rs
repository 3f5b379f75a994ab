//! From what was read of a table to its entry in the next manifest: files that stay, rows of them that were
//! deleted or replaced, and new files.

use std::collections::{BTreeMap, HashMap};

use super::job::{Strategy, TableJob};
use super::pull_all::{Pulled, PulledRelation};
use super::{compaction, replaced};
use crate::as_of::AsOf;
use crate::error::Result;
use crate::pull::Digits;
use crate::snapshot::{Deletes, FileEntry, SnapshotStore, Staging, TableEntry};

/// What the entry of a table is made with.
pub(super) struct Assembly<'a> {
    pub(super) store: &'a SnapshotStore,
    pub(super) staging: &'a Staging,
    pub(super) as_of: AsOf,
    pub(super) previous: Option<&'a TableEntry>,
    /// The beginning of the names of new files.
    pub(super) prefix: &'a str,
}

impl Assembly<'_> {
    /// The entry of the `table`th table of the refresh. Its version is that of before where no row has changed,
    /// and 0 where the commit has to give it one.
    pub(super) async fn entry(&self, table: usize, job: &TableJob, pulled: Pulled) -> Result<TableEntry> {
        let watermarks = self.watermarks(job, &pulled);
        let mut kept: Vec<(FileEntry, Deletes)> = vec![];
        let mut new = vec![];
        for (relation, pulled) in job.relations.iter().zip(pulled.relations) {
            let PulledRelation { mut files, mut difference, whole, .. } = pulled;
            if relation.strategy != Strategy::Whole && !whole {
                let stay = relation.files.iter().cloned().enumerate();
                kept.extend(stay.map(|(index, file)| (file, difference.gone.remove(&index).unwrap_or_default())));
            }
            files.sort_by_key(|(partition, _)| *partition);
            new.extend(files.into_iter().flat_map(|(_, files)| files));
        }
        let digits = digits(kept.iter().map(|(file, _)| file).chain(&new));
        let schema = job.plan.table_schema(&digits);
        let mut new: Vec<(FileEntry, Deletes)> = new.into_iter().map(|file| (file, Deletes::default())).collect();
        if job.relations.iter().any(|relation| matches!(relation.strategy, Strategy::Newer(_))) {
            replaced::find(self.store, job, &schema, &mut kept, &mut new).await?;
        }
        let mut files = vec![];
        for (index, (file, gone)) in kept.into_iter().chain(new).enumerate() {
            files.extend(self.without_deleted(format!("{}{table}-{index}", self.prefix), file, gone)?);
        }

        let mut entry = TableEntry {
            files,
            relations: job.relation_entries(),
            layout: job.layout.clone(),
            watermarks,
            needed_text: job.needed_text.clone(),
            ..TableEntry::described(&job.plan.description, schema, self.as_of)
        };
        match self.previous.filter(|previous| has_same_rows(previous, &entry)) {
            Some(previous) => {
                entry.version = previous.version;
                // Damage on a disk is mended by the files that were just written.
                let paths = |files: &[FileEntry]| files.iter().map(|file| file.path.clone()).collect::<Vec<_>>();
                if paths(&entry.files) != paths(&previous.files) && self.store.are_whole(&previous.files) {
                    entry.files.clone_from(&previous.files);
                }
            }
            None => {
                let name = format!("{}{table}", self.prefix);
                let (store, staging) = (self.store, self.staging);
                entry.files = compaction::compact(store, staging, &name, &job.sort_by, entry.files).await?;
            }
        }
        Ok(entry)
    }

    /// The larger of the largest values that were there and that have come, in each shard.
    fn watermarks(&self, job: &TableJob, pulled: &Pulled) -> BTreeMap<String, String> {
        let mut largest: BTreeMap<&String, i128> = BTreeMap::new();
        for (relation, pulled) in job.relations.iter().zip(&pulled.relations) {
            let shard = &relation.relation.shard_name;
            let previous = self.previous.filter(|_| relation.strategy != Strategy::Whole);
            let before = previous.and_then(|entry| entry.watermarks.get(shard)?.parse().ok());
            if let Some(value) = before.max(pulled.watermark) {
                largest.entry(shard).and_modify(|known| *known = value.max(*known)).or_insert(value);
            }
        }
        largest.into_iter().map(|(shard, value)| (shard.clone(), value.to_string())).collect()
    }

    /// The file without the rows that are gone now; nothing when none is left.
    fn without_deleted(&self, name: String, file: FileEntry, gone: Deletes) -> Result<Option<FileEntry>> {
        if gone.rows() == 0 {
            return Ok(Some(file));
        }
        let mut deletes = gone;
        if let Some(before) = self.store.read_deletes(&file)? {
            deletes.merge(before);
        }
        if deletes.rows() >= file.rows {
            return Ok(None);
        }
        let deletes = self.staging.write_deletes(&name, &deletes)?;
        Ok(Some(FileEntry { deletes: Some(deletes), ..file }))
    }
}

/// For every column the digits that the values of all files need.
fn digits<'a>(files: impl Iterator<Item = &'a FileEntry>) -> Vec<Option<Digits>> {
    let mut all: HashMap<usize, Digits> = HashMap::new();
    let mut width = 0;
    for file in files {
        width = width.max(file.columns.len());
        for (column, digits) in file.digits.iter().enumerate() {
            if let Some(digits) = digits {
                let known = all.entry(column).or_default();
                *known = known.union(*digits);
            }
        }
    }
    (0..width).map(|column| all.get(&column).copied()).collect()
}

/// Whether the same rows were read again, and mean the same: the files are written from the same rows in the same order, so they
/// are the same byte for byte.
fn has_same_rows(previous: &TableEntry, entry: &TableEntry) -> bool {
    let same = |(left, right): (&FileEntry, &FileEntry)| {
        (left.rows, left.bytes, &left.checksum) == (right.rows, right.bytes, &right.checksum)
            && left.deletes == right.deletes
    };
    previous.schema == entry.schema
        && (previous.collations_read, &previous.collation) == (entry.collations_read, &entry.collation)
        && previous.files.len() == entry.files.len()
        && previous.files.iter().zip(&entry.files).all(same)
}
