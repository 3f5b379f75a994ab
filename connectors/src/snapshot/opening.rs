//! The opening of a place of snapshots: finds its newest whole version, and what refreshes that were killed
//! have left. Refuses a place that another server holds or that cannot be written, and one that cannot be
//! read: an object store that does not answer is no reason to serve something older.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::execution::object_store::ObjectStoreUrl;

use super::garbage::{Garbage, abandoned};
use super::hot::HotTier;
use super::layout::Layout;
use super::location::Location;
use super::manifest::Manifest;
use super::retention::{Retained, Retention};
use super::storage::{self, Storage};
use super::store::{SnapshotStore, State, StoreFiles};
use super::version::Snapshot;
use crate::error::{Error, Result};

/// Under this URL, DataFusion finds the files of the store, and nothing else of the machine or the network.
const STORE_URL: &str = "snapshot://store";

/// What opening a place has found.
#[derive(Debug)]
pub struct Opened {
    pub store: SnapshotStore,
    /// Versions that were damaged and are not served, each with what is wrong.
    pub damaged: Vec<Error>,
}

impl SnapshotStore {
    /// Opens a place, creating it if it is missing, and serves its newest whole version. In a folder, every
    /// file of that version is read once to compare its checksum. In an object store, files are listed, and
    /// only their existence and length is compared; it keeps checksums of its own. The checksum of a manifest is
    /// compared in any case. Blocks; for an object store, to be called on a thread of a tokio runtime, which
    /// then talks to the store for as long as it lives.
    ///
    /// # Errors
    /// [`Error::Locked`] when another server holds the folder, [`Error::Storage`] when the place cannot be read
    /// and written.
    pub fn open(location: &Location, retention: Retention) -> Result<Opened> {
        Self::open_storage(storage::open(location, &Layout::FOLDERS)?, retention)
    }

    pub(super) fn open_storage(storage: Arc<dyn Storage>, retention: Retention) -> Result<Opened> {
        let layout = Layout::new(storage);
        let url = ObjectStoreUrl::parse(STORE_URL)
            .map_err(|cause| Error::storage("cannot open", layout.root())(std::io::Error::other(cause)))?;
        let files = StoreFiles { url, objects: layout.object_store(), hot: HotTier::off() };
        layout.remove_partial_manifests()?;
        // In this order: a folder that another server commits in between is named by a manifest.
        let folders = layout.data_folders()?;
        let versions = layout.versions()?;
        let sizes = layout.data_sizes()?;

        let (mut retained, mut damaged, mut current) = (Retained::default(), vec![], None);
        for &version in &versions {
            // In a shared place, a server that is about to stop may still read older ones for a while.
            if retained.len() >= retention.keep_versions.get() && !layout.is_shared() {
                break;
            }
            // An older version is only for tickets, and for a start after the newest is damaged.
            let loaded = match current {
                None => load_whole(&layout, version, &sizes),
                Some(_) => layout.read_manifest(version),
            };
            match loaded {
                Ok(manifest) => {
                    let snapshot = files.snapshot(manifest, &layout)?;
                    if current.is_none() {
                        retained.push(Arc::clone(&snapshot));
                        current = Some(snapshot);
                    } else {
                        retained.push_previous(snapshot);
                    }
                }
                Err(error @ Error::Damaged { .. }) if current.is_none() => damaged.push(error),
                Err(Error::Damaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let current = match current {
            Some(current) => current,
            None => files.snapshot(Manifest::empty(), &layout)?,
        };

        let mut garbage = Garbage::new();
        let named: HashSet<String> = retained.needed().iter().map(|path| Layout::folder_of(path).to_owned()).collect();
        garbage.add_folders(abandoned(&layout, folders, &named)?.iter().chain(&named).map(String::as_str));
        garbage.add_manifests(versions.iter().copied().filter(|&version| retained.get(version).is_none()));
        let next_version = versions.first().map_or(0, |newest| newest + 1).max(1);
        let store = Self::new(layout, files, retention, State { current, retained, next_version, garbage });
        store.collect_garbage();
        Ok(Opened { store, damaged })
    }

    /// Takes up what another server has committed, so that the next refresh builds on it.
    pub(super) fn catch_up(&self) {
        match self.newest_of_another() {
            // What is older is not theirs.
            Ok(snapshot) if snapshot.manifest.version <= self.pin().manifest.version => {}
            Ok(snapshot) => {
                tracing::warn!(version = snapshot.manifest.version, "another server's snapshot is served from now on");
                self.replace(snapshot);
            }
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "what another server has committed cannot be served: {error}"
            ),
        }
    }

    fn newest_of_another(&self) -> Result<Arc<Snapshot>> {
        let newest = self.layout.versions()?.first().copied().unwrap_or(0);
        let loaded = load_whole(&self.layout, newest, &self.layout.data_sizes()?);
        if let Err(Error::Damaged { .. }) = &loaded {
            // The next commit goes past it, and it goes with that.
            let mut state = self.state();
            state.next_version = state.next_version.max(newest + 1);
            state.garbage.add_manifests([newest]);
        }
        self.files.snapshot(loaded?, &self.layout)
    }
}

/// Reads a manifest and compares all of its files with it.
fn load_whole(layout: &Layout, version: u64, sizes: &HashMap<String, u64>) -> Result<Manifest> {
    let manifest = layout.read_manifest(version)?;
    for file in manifest.files() {
        layout.check_file(file, sizes)?;
        file.deletes.as_ref().map(|deletes| layout.read_deletes(deletes)).transpose()?;
    }
    Ok(manifest)
}
