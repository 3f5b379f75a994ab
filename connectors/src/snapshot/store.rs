//! The snapshot store: hands out the current snapshot to readers, and swaps it for the next in one
//! assignment. Refreshes write side by side; only their commits wait for each other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::execution::object_store::ObjectStoreUrl;
use object_store::ObjectStore;

use super::catalog;
use super::deletes::Deletes;
use super::file_reader::FileReader;
use super::garbage::Garbage;
use super::hot::HotTier;
use super::layout::Layout;
use super::manifest::{DeletesEntry, FileEntry, Manifest};
use super::retention::{Retained, Retention};
use super::version::{PinnedSnapshot, Snapshot};
use crate::error::{Error, Result};

/// A place of snapshots that this process serves.
#[derive(Debug)]
pub struct SnapshotStore {
    pub(super) layout: Layout,
    pub(super) files: StoreFiles,
    pub(super) retention: Retention,
    state: Mutex<State>,
    /// Held by the refresh that computes its manifest from the current one and writes it.
    pub(super) committing: Mutex<()>,
    /// Held by whoever removes files. A commit does not wait for it.
    pub(super) collecting: Mutex<()>,
}

/// Where DataFusion finds the files.
#[derive(Debug)]
pub(super) struct StoreFiles {
    pub(super) url: ObjectStoreUrl,
    pub(super) objects: Arc<dyn ObjectStore>,
    /// What of them is in memory.
    pub(super) hot: Arc<HotTier>,
}

impl StoreFiles {
    /// A manifest with its table providers.
    pub(super) fn snapshot(&self, manifest: Manifest, layout: &Layout) -> Result<Arc<Snapshot>> {
        let deletes = |entry: &DeletesEntry| layout.read_deletes(entry);
        let catalogs = catalog::build(&manifest, deletes, &self.objects, &self.url, &self.hot).map_err(|cause| {
            Error::storage("cannot describe the tables of", layout.root())(std::io::Error::other(cause))
        })?;
        Ok(Arc::new(Snapshot { manifest, catalogs }))
    }
}

/// What changes. No input or output happens while it is locked.
#[derive(Debug)]
pub(super) struct State {
    pub(super) current: Arc<Snapshot>,
    pub(super) retained: Retained,
    /// The number of the next commit. On an object store it is taken when another server has committed.
    pub(super) next_version: u64,
    pub(super) garbage: Garbage,
}

impl State {
    /// Makes a snapshot the current one.
    pub(super) fn replace(&mut self, snapshot: Arc<Snapshot>) {
        self.next_version = self.next_version.max(snapshot.manifest.version + 1);
        self.current = Arc::clone(&snapshot);
        self.retained.push(snapshot);
    }
}

impl SnapshotStore {
    pub(super) fn new(layout: Layout, files: StoreFiles, retention: Retention, state: State) -> Self {
        let state = Mutex::new(state);
        Self { layout, files, retention, state, committing: Mutex::default(), collecting: Mutex::default() }
    }

    /// The current snapshot, for as long as the result is held.
    pub fn pin(&self) -> PinnedSnapshot {
        PinnedSnapshot(Arc::clone(&self.state().current))
    }

    /// The snapshot of a version that a ticket names.
    ///
    /// # Errors
    /// [`Error::SnapshotGone`] when it is no longer kept.
    pub fn pin_version(&self, version: u64) -> Result<PinnedSnapshot> {
        let state = self.state();
        if state.current.manifest.version == version {
            return Ok(PinnedSnapshot(Arc::clone(&state.current)));
        }
        state.retained.get(version).cloned().map(PinnedSnapshot).ok_or(Error::SnapshotGone { version })
    }

    /// Makes a snapshot the current one.
    pub(super) fn replace(&self, snapshot: Arc<Snapshot>) {
        self.files.hot.adopt(&snapshot.manifest);
        self.state().replace(snapshot);
    }

    /// Where the tables' files are: a URL, and the store that DataFusion is to use for it.
    pub fn object_store(&self) -> (&ObjectStoreUrl, Arc<dyn ObjectStore>) {
        (&self.files.url, Arc::clone(&self.files.objects))
    }

    /// A reader of a file of a snapshot that the caller has pinned, or has written. Blocks.
    pub(crate) fn read_file(&self, file: &FileEntry) -> Result<FileReader> {
        let objects = Arc::clone(&self.files.objects);
        Ok(FileReader { store: objects, file: file.clone(), deletes: self.read_deletes(file)? })
    }

    /// The rows of a file that are deleted, if any are. Blocks.
    pub(crate) fn read_deletes(&self, file: &FileEntry) -> Result<Option<Deletes>> {
        file.deletes.as_ref().map(|entry| self.layout.read_deletes(entry)).transpose()
    }

    /// Whether files of a snapshot are as they were written; what is wrong goes to the log. Blocks.
    pub(crate) fn are_whole(&self, files: &[FileEntry]) -> bool {
        let checked = self
            .layout
            .sizes_beside(files)
            .and_then(|sizes| files.iter().try_for_each(|file| self.layout.check_file(file, &sizes)));
        checked.inspect_err(|error| tracing::warn!("{error}; its table is read anew")).is_ok()
    }

    /// The bytes of all files that are there, those of replaced versions and of refreshes under way included.
    /// Blocks: the files are listed.
    ///
    /// # Errors
    /// [`Error::Storage`] when they cannot be listed.
    pub fn bytes_stored(&self) -> Result<u64> {
        self.layout.bytes()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// What the locks protect is replaced in single assignments, so a panic elsewhere cannot leave it half changed.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
