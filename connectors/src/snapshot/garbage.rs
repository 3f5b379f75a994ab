//! The removal of files that no kept version needs. What may be garbage is noted when it becomes so: the
//! folder of a refresh that has ended, the manifest and the folders of a version that was forgotten. Files are
//! removed without any lock on readers and commits: a commit names only files of its own folder, which is
//! protected until it has ended, and files of the current version, which are needed.

use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};

use super::layout::Layout;
use super::retention::Retention;
use super::store::{SnapshotStore, State, lock};
use crate::error::Result;

/// Where other servers may write, a folder that no manifest names may be that of a refresh of theirs. It is
/// garbage when its youngest file is older than this; a refresh that lives completes files within minutes.
const ABANDONED_AFTER: TimeDelta = TimeDelta::hours(1);
/// How often such a place is searched for abandoned folders.
const SEARCH_PERIOD: Duration = Duration::from_secs(3600);

/// What may be removed.
#[derive(Debug)]
pub(super) struct Garbage {
    /// Folders that may have files that nobody needs.
    folders: BTreeSet<String>,
    /// Versions with a manifest that is not served: forgotten, or damaged.
    manifests: BTreeSet<u64>,
    /// Folders of refreshes that are under way.
    protected: HashSet<String>,
    /// When abandoned folders were last searched for.
    searched: Instant,
    /// The last removal has failed, and was told.
    failing: bool,
}

/// One round of removal.
struct Round {
    manifests: Vec<u64>,
    folders: Vec<String>,
    needed: HashSet<String>,
}

impl Garbage {
    pub(super) fn new() -> Self {
        Self {
            folders: BTreeSet::new(),
            manifests: BTreeSet::new(),
            protected: HashSet::new(),
            searched: Instant::now(),
            failing: false,
        }
    }

    /// The folder is that of a refresh under way.
    pub(super) fn protect(&mut self, folder: &str) {
        self.protected.insert(folder.to_owned());
    }

    /// The refresh has ended, one way or the other.
    pub(super) fn release(&mut self, folder: &str) {
        self.protected.remove(folder);
        self.folders.insert(folder.to_owned());
    }

    pub(super) fn add_folders<'a>(&mut self, folders: impl IntoIterator<Item = &'a str>) {
        self.folders.extend(folders.into_iter().map(str::to_owned));
    }

    pub(super) fn add_manifests(&mut self, versions: impl IntoIterator<Item = u64>) {
        self.manifests.extend(versions);
    }
}

impl State {
    /// Forgets what may go, and plans a round.
    fn plan(&mut self, retention: &Retention) -> Round {
        for forgotten in self.retained.forget(retention) {
            self.garbage.manifests.insert(forgotten.manifest.version);
            let paths = forgotten.manifest.files().flat_map(|file| file.paths());
            self.garbage.add_folders(paths.map(Layout::folder_of));
        }
        let current = self.current.manifest.version;
        let manifests: Vec<u64> = self.garbage.manifests.range(..current).copied().collect();
        // The files of a damaged version stay, for whoever wants to look at them, until the next commit.
        let damaged = self.garbage.manifests.range(current..).next().is_some();
        let may_go = |folder: &&String| !damaged && !self.garbage.protected.contains(*folder);
        let folders: Vec<String> = self.garbage.folders.iter().filter(may_go).cloned().collect();
        let needed = if folders.is_empty() { HashSet::new() } else { self.retained.needed() };
        Round { manifests, folders, needed }
    }
}

impl SnapshotStore {
    /// Removes the files of versions that need not be kept any longer. Costs nothing when there are none.
    /// Blocks, and may take long on an object store that does not answer; what cannot be removed is tried
    /// again the next time.
    pub fn collect_garbage(&self) {
        let _turn = lock(&self.collecting);
        self.search_abandoned_folders();
        let round = self.state().plan(&self.retention);
        if !round.folders.is_empty() {
            self.files.hot.retain(|path| round.needed.contains(path));
        }
        let result = self.remove(&round);
        let told = std::mem::replace(&mut self.state().garbage.failing, result.is_err());
        if let Err(error) = result
            && !told
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "old files cannot be removed yet: {error}");
        }
    }

    /// Removes what the round says, and notes how far it came.
    fn remove(&self, round: &Round) -> Result<()> {
        // A manifest goes before its files, so that none names what is not there.
        if !round.manifests.is_empty() {
            self.layout.remove_manifests(&round.manifests)?;
            self.state().garbage.manifests.retain(|version| !round.manifests.contains(version));
        }
        let used: HashSet<&str> = round.needed.iter().map(|path| Layout::folder_of(path)).collect();
        for folder in &round.folders {
            if used.contains(folder.as_str()) {
                let files = self.layout.files_in(folder)?.into_iter().map(|file| file.path);
                let unneeded: Vec<String> = files.filter(|path| !round.needed.contains(path)).collect();
                if !unneeded.is_empty() {
                    self.layout.remove_files(&unneeded)?;
                }
            } else {
                self.layout.remove_folder(folder)?;
            }
            self.state().garbage.folders.remove(folder);
        }
        Ok(())
    }

    /// Finds what refreshes of servers that were killed have left in a place that several may use. A folder
    /// of this machine is searched when it is opened.
    fn search_abandoned_folders(&self) {
        if !self.layout.is_shared() {
            return;
        }
        {
            let garbage = &mut self.state().garbage;
            if garbage.searched.elapsed() < SEARCH_PERIOD {
                return;
            }
            garbage.searched = Instant::now();
        }
        if let Err(error) = self.try_search() {
            tracing::warn!(error = &error as &dyn std::error::Error, "abandoned files cannot be looked for: {error}");
        }
    }

    fn try_search(&self) -> Result<()> {
        // In this order: what is committed in between is named by the manifest that is read afterwards.
        let folders = self.layout.data_folders()?;
        let newest = self.layout.versions()?.first().copied().unwrap_or(0);
        let named: HashSet<String> = {
            let state = self.state();
            if newest > state.current.manifest.version {
                // Another server is ahead, and this one does not know which folders it needs.
                return Ok(());
            }
            let needed = state.retained.needed();
            let served = needed.iter().map(|path| Layout::folder_of(path).to_owned());
            served.chain(state.garbage.protected.iter().cloned()).collect()
        };
        let abandoned = abandoned(&self.layout, folders, &named)?;
        self.state().garbage.add_folders(abandoned.iter().map(String::as_str));
        Ok(())
    }
}

/// Of the folders that are there, those that no manifest names and no refresh can be using.
pub(super) fn abandoned(layout: &Layout, folders: Vec<String>, named: &HashSet<String>) -> Result<Vec<String>> {
    let mut abandoned = vec![];
    for folder in folders.into_iter().filter(|folder| !named.contains(folder)) {
        let is_old = || {
            let youngest = layout.last_written(&folder)?;
            Ok(youngest.is_none_or(|written| Utc::now() - written > ABANDONED_AFTER))
        };
        if !layout.is_shared() || is_old()? {
            abandoned.push(folder);
        }
    }
    Ok(abandoned)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::super::storage::testing::{Bucket, Folder};
    use super::super::testing::{commit, open_bucket, open_folder, paths, write_table};
    use super::*;

    const KEEP_LITTLE: Retention = Retention { keep_versions: NonZeroUsize::MIN, keep_replaced: Duration::ZERO };

    #[test]
    fn a_version_stays_while_it_is_read() {
        for (store, _place) in [open_folder(KEEP_LITTLE), open_bucket(KEEP_LITTLE)] {
            commit(&store, "t");
            let reader = store.pin();
            let [first] = paths(&store).try_into().unwrap();
            commit(&store, "t");
            assert_eq!(paths(&store).len(), 2);
            drop(reader);
            store.collect_garbage();
            let [second] = paths(&store).try_into().unwrap();
            assert_ne!(first, second);
            assert_eq!(store.layout.versions().unwrap(), [2]);
        }
    }

    #[test]
    fn versions_are_kept_by_number_and_by_time() {
        let two = NonZeroUsize::new(2).unwrap();
        for (keep_replaced, versions) in [(Duration::ZERO, vec![5, 4]), (Duration::MAX, vec![5, 4, 3, 2, 1])] {
            let (store, _place) = open_folder(Retention { keep_versions: two, keep_replaced });
            for _ in 0..5 {
                commit(&store, "t");
            }
            assert_eq!(store.layout.versions().unwrap(), versions);
            assert_eq!(paths(&store).len(), versions.len());
        }
    }

    #[test]
    fn a_file_that_a_newer_version_names_stays() {
        let (store, _place) = open_folder(KEEP_LITTLE);
        commit(&store, "a");
        commit(&store, "b");
        commit(&store, "b");
        let current = store.pin();
        let mut named: Vec<&str> = current.manifest.files().map(|file| file.path.as_str()).collect();
        named.sort_unstable();
        assert_eq!(paths(&store), named);
        assert!(named[0].contains("0000000001-") && named[1].contains("0000000003-"), "{named:?}");
    }

    #[test]
    fn a_refresh_under_way_loses_nothing() {
        for (store, _place) in [open_folder(KEEP_LITTLE), open_bucket(KEEP_LITTLE)] {
            let slow = store.begin();
            let table = write_table(&slow, "slow");
            commit(&store, "t");
            store.state().garbage.searched -= SEARCH_PERIOD;
            store.collect_garbage();
            assert!(paths(&store).contains(&table.files[0].path));
            drop(slow);
            store.collect_garbage();
            assert!(!paths(&store).contains(&table.files[0].path));
        }
    }

    #[test]
    fn what_a_killed_server_has_left_is_removed_when_nobody_else_can_be_using_it() {
        let (folder, bucket) = (Folder::new(), Bucket::new());
        let open = |shared: bool| if shared { bucket.open(KEEP_LITTLE) } else { folder.open(KEEP_LITTLE) };
        for shared in [false, true] {
            let store = open(shared);
            commit(&store, "t");
            let left_over = "data/0000000002-aaaaaaaa/0-0.parquet";
            let (mut file, _) = store.layout.create_file(left_over).unwrap();
            file.finish().unwrap();
            drop(store);
            let store = open(shared);
            // In a bucket, it may be the refresh of a server that is alive.
            assert_eq!(paths(&store).contains(&left_over.to_owned()), shared);
            assert_eq!(paths(&store).len(), if shared { 2 } else { 1 });
        }
    }
}
