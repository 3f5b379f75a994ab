//! A refresh's files before any manifest names them, and the commit that makes one name them. Any number of
//! refreshes write at the same time, each into a folder of its own. A commit takes the manifest that is
//! current at that moment as its base, so that none undoes another's work.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use chrono::Utc;

use super::checksum;
use super::deletes::Deletes;
use super::layout::Layout;
use super::manifest::{DeletesEntry, FORMAT, Manifest, RefusedTable, RelationId, TableEntry};
use super::store::{SnapshotStore, lock};
use super::writer::PartitionWriter;
use crate::error::{Error, Result};

impl SnapshotStore {
    /// Prepares a folder for the files of a refresh.
    pub(crate) fn begin(self: &Arc<Self>) -> Staging {
        let mut state = self.state();
        let folder = Layout::new_data_folder(state.next_version);
        state.garbage.protect(&folder);
        Staging { store: Arc::clone(self), folder, ended: false }
    }
}

/// Files that no manifest names yet. Dropped without a commit, it leaves nothing behind.
pub(crate) struct Staging {
    store: Arc<SnapshotStore>,
    folder: String,
    ended: bool,
}

impl Staging {
    /// Starts a file of this refresh; `name` must be its own. Its rows are of this relation.
    pub(crate) fn create_file(&self, name: &str, relation: RelationId, schema: SchemaRef) -> Result<PartitionWriter> {
        let relative = format!("{}/{name}.parquet", self.folder);
        let (file, path): (_, PathBuf) = self.store.layout.create_file(&relative)?;
        PartitionWriter::begin(file, path, relative, relation, schema)
    }

    /// Writes a bitmap of deleted rows; `name` must be its own.
    pub(crate) fn write_deletes(&self, name: &str, deletes: &Deletes) -> Result<DeletesEntry> {
        let relative = format!("{}/{name}.deletes", self.folder);
        let (mut file, path) = self.store.layout.create_file(&relative)?;
        let bytes = deletes.to_bytes().map_err(Error::storage("cannot write", &path))?;
        file.write_all(&bytes).and_then(|()| file.finish()).map_err(Error::storage("cannot write", &path))?;
        let checksum = checksum::of_bytes(&bytes);
        Ok(DeletesEntry { path: relative, rows: deletes.rows(), bytes: bytes.len() as u64, checksum })
    }

    /// Makes the tables current that `next` computes from the current manifest, all at once. Those of version
    /// 0 are new in the version that this makes, which it gives. They may name
    /// this refresh's files and the current manifest's, and no others. Blocks.
    ///
    /// # Errors
    /// [`Error::Storage`] or [`Error::DiskFull`] when the manifest cannot be written, and
    /// [`Error::AnotherServer`] when another server has written it. The snapshot before stays current, and
    /// what this refresh has written is removed.
    pub(crate) fn commit(
        mut self,
        next: impl FnOnce(&Manifest) -> (Vec<TableEntry>, Vec<RefusedTable>),
    ) -> Result<u64> {
        let committed = self.try_commit(next);
        self.end();
        self.clean_up();
        committed
    }

    fn try_commit(&self, next: impl FnOnce(&Manifest) -> (Vec<TableEntry>, Vec<RefusedTable>)) -> Result<u64> {
        let store = &self.store;
        store.layout.sync_folder(&self.folder)?;
        let _turn = lock(&store.committing);
        let (base, version) = {
            let state = store.state();
            (Arc::clone(&state.current), state.next_version)
        };
        let (mut tables, mut refused) = next(&base.manifest);
        tables.sort_by(|left, right| left.name.cmp(&right.name));
        for table in tables.iter_mut().filter(|table| table.version == 0) {
            table.version = version;
        }
        refused.sort_by(|left, right| left.name.cmp(&right.name));
        let manifest = Manifest { format: FORMAT, version, committed_at: Utc::now(), tables, refused };
        self.check_files(&manifest)?;
        let snapshot = store.files.snapshot(manifest, &store.layout)?;
        if let Err(error) = store.layout.write_manifest(&snapshot.manifest) {
            if matches!(error, Error::AnotherServer { .. }) {
                store.catch_up();
            }
            return Err(error);
        }
        store.replace(snapshot);
        Ok(version)
    }

    /// Where other servers may write, one of them may have taken this refresh's files for garbage.
    fn check_files(&self, manifest: &Manifest) -> Result<()> {
        if !self.store.layout.is_shared() {
            return Ok(());
        }
        let there = self.store.layout.files_in(&self.folder)?;
        let named = manifest.files().filter(|file| Layout::folder_of(&file.path) == self.folder);
        for file in named {
            if !there.iter().any(|stored| stored.path == file.path && stored.bytes == file.bytes) {
                return Err(Error::AnotherServer { location: self.store.layout.root() });
            }
        }
        Ok(())
    }

    /// Removes what is garbage now. Whoever waits for a refresh does not wait for an object store to do so.
    fn clean_up(&self) {
        if self.store.layout.is_shared() {
            self.clean_up_elsewhere();
        } else {
            self.store.collect_garbage();
        }
    }

    fn clean_up_elsewhere(&self) {
        let store = Arc::clone(&self.store);
        let cleanup = std::thread::Builder::new().name("cleanup".to_owned()).spawn(move || store.collect_garbage());
        if let Err(error) = cleanup {
            tracing::warn!(%error, "old files are removed later");
        }
    }

    /// Leaves the folder to the collection of garbage, which keeps what a manifest names now.
    fn end(&mut self) {
        self.ended = true;
        self.store.state().garbage.release(&self.folder);
    }
}

impl Drop for Staging {
    /// May run on a thread that must not block: the future of a refresh is dropped when its client goes away.
    fn drop(&mut self) {
        if !self.ended {
            self.end();
            self.clean_up_elsewhere();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::retention::Retention;
    use super::super::storage::testing::Bucket;
    use super::super::testing::{commit, commit_table, open_bucket, open_folder, paths, write_table};
    use super::*;

    fn tables(store: &SnapshotStore) -> Vec<String> {
        store.pin().manifest.tables.iter().map(|table| table.name.table.clone()).collect()
    }

    #[test]
    fn refreshes_side_by_side_keep_each_others_tables() {
        for (store, _place) in [open_folder(Retention::default()), open_bucket(Retention::default())] {
            let (first, second) = (store.begin(), store.begin());
            let (a, b) = (write_table(&first, "a"), write_table(&second, "b"));
            assert_eq!(commit_table(second, b).unwrap(), 1);
            assert_eq!(commit_table(first, a).unwrap(), 2);
            assert_eq!(tables(&store), ["a", "b"]);
            assert_eq!(paths(&store).len(), 2);
            assert_eq!(store.pin_version(1).unwrap().manifest.tables.len(), 1);
        }
    }

    #[test]
    fn a_dropped_refresh_leaves_nothing() {
        for (store, _place) in [open_folder(Retention::default()), open_bucket(Retention::default())] {
            let staging = store.begin();
            write_table(&staging, "t");
            drop(staging);
            let deadline = Instant::now() + Duration::from_secs(10);
            while !store.layout.data_sizes().unwrap().is_empty() {
                assert!(Instant::now() < deadline, "files stay");
                std::thread::yield_now();
            }
        }
    }

    #[test]
    fn what_was_committed_is_there_after_a_restart() {
        let (store, place) = open_folder(Retention::default());
        commit(&store, "a");
        commit(&store, "b");
        drop(store);
        let store = place.folder().open(Retention::default());
        assert_eq!(tables(&store), ["a", "b"]);
        assert_eq!(commit(&store, "c"), 3);
    }

    #[test]
    fn a_second_server_is_found_at_its_commit() {
        let bucket = Bucket::new();
        let (here, there) = (bucket.open(Retention::default()), bucket.open(Retention::default()));
        let staging = there.begin();
        let late = write_table(&staging, "late");
        commit(&here, "a");
        let before = there.pin();
        let error = commit_table(staging, late).unwrap_err();
        assert!(error.to_string().contains("another rail-forge server writes to s3://bucket/some/prefix"), "{error}");
        assert!(before.manifest.tables.is_empty());
        // Nothing of the loser stays, and its next refresh builds on what the winner has committed.
        assert_eq!(paths(&there).len(), 1);
        assert_eq!(tables(&there), ["a"]);
        assert_eq!(commit(&there, "b"), 2);
        assert_eq!(tables(&there), ["a", "b"]);
        assert_eq!(tables(&bucket.open(Retention::default())), ["a", "b"]);
    }

    #[test]
    fn a_server_that_starts_leaves_the_other_what_it_reads() {
        let bucket = Bucket::new();
        let here = bucket.open(Retention::default());
        for _ in 0..4 {
            commit(&here, "t");
        }
        let there = bucket.open(Retention::default());
        assert_eq!(paths(&there).len(), 4);
        assert_eq!(there.pin_version(1).unwrap().manifest.tables, here.pin_version(1).unwrap().manifest.tables);
    }

    #[test]
    fn a_commit_whose_files_are_gone_is_refused() {
        let (store, _place) = open_bucket(Retention::default());
        let staging = store.begin();
        let table = write_table(&staging, "t");
        store.layout.remove_files(&[table.files[0].path.clone()]).unwrap();
        assert!(matches!(commit_table(staging, table), Err(Error::AnotherServer { .. })));
        assert!(tables(&store).is_empty());
    }
}
