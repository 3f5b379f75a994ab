//! The snapshot store: opens a data folder, hands out the current snapshot to readers, and takes the next
//! one in a single commit. One server at a time holds the folder.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::datatypes::SchemaRef;
use chrono::Utc;
use datafusion::catalog::CatalogProviderList;
use datafusion::execution::object_store::ObjectStoreUrl;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use rustix::fs::{FlockOperation, flock};
use tokio::sync::OwnedMutexGuard;

use super::catalog;
use super::checksum;
use super::deletes::Deletes;
use super::file_reader::FileReader;
use super::layout::{self, Layout};
use super::manifest::{DeletesEntry, FORMAT, FileEntry, Manifest, RefusedTable, TableEntry};
use super::retention::Retained;
use super::writer::PartitionWriter;
use crate::error::{Error, Result};

/// Under this URL, DataFusion finds the files of the data folder, and nothing else of the machine.
const STORE_URL: &str = "snapshot://store";

/// A data folder that this process holds.
#[derive(Debug)]
pub struct SnapshotStore {
    layout: Layout,
    files: Arc<dyn ObjectStore>,
    url: ObjectStoreUrl,
    state: Mutex<State>,
    /// Held by the one refresh that may commit next.
    committing: Arc<tokio::sync::Mutex<()>>,
    _lock: File,
}

#[derive(Debug)]
struct State {
    current: Arc<Snapshot>,
    retained: Retained,
}

/// A manifest with its table providers.
pub struct Snapshot {
    pub manifest: Manifest,
    catalogs: Arc<dyn CatalogProviderList>,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Snapshot").field("version", &self.manifest.version).finish_non_exhaustive()
    }
}

/// A snapshot that stays on disk for as long as this lives.
#[derive(Debug, Clone)]
pub struct PinnedSnapshot(Arc<Snapshot>);

impl Deref for PinnedSnapshot {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.0
    }
}

impl Snapshot {
    /// The tables, as DataFusion's catalogues.
    pub fn catalogs(&self) -> Arc<dyn CatalogProviderList> {
        Arc::clone(&self.catalogs)
    }
}

/// What opening a data folder found.
#[derive(Debug)]
pub struct Opened {
    pub store: SnapshotStore,
    /// Versions that were damaged and are not served, each with what is wrong.
    pub damaged: Vec<Error>,
}

impl SnapshotStore {
    /// Opens the data folder, creating it if it is missing, and serves its newest whole version. Every file
    /// of that version is read once to compare its checksum.
    ///
    /// # Errors
    /// [`Error::Locked`] when another server holds it, [`Error::Storage`] when it cannot be written.
    pub fn open(root: &Path) -> Result<Opened> {
        let layout = Layout::create(root)?;
        let lock = acquire_lock(&layout)?;
        let files = LocalFileSystem::new_with_prefix(layout.root())
            .map_err(|cause| storage("cannot open the data folder", layout.root(), cause))?;
        let files: Arc<dyn ObjectStore> = Arc::new(files);
        let url = ObjectStoreUrl::parse(STORE_URL)
            .map_err(|cause| storage("cannot name the data folder", layout.root(), cause))?;

        let versions = layout.versions()?;
        remove_unfinished(&layout, versions.first().copied().unwrap_or(0))?;
        let mut damaged = vec![];
        let mut retained = Retained::default();
        let mut current = None;
        for version in versions {
            let wanted_whole = current.is_none();
            match load(&layout, version, wanted_whole) {
                Ok(manifest) => {
                    let snapshot = Arc::new(with_tables(manifest, &files, &url, &layout)?);
                    if wanted_whole {
                        retained.push(Arc::clone(&snapshot));
                        current = Some(snapshot);
                    } else {
                        retained.push_previous(snapshot);
                        break;
                    }
                }
                Err(error) if wanted_whole => damaged.push(error),
                Err(_) => {}
            }
        }
        retained.collect_garbage(&layout);
        let current = match current {
            Some(current) => current,
            None => Arc::new(with_tables(Manifest::empty(), &files, &url, &layout)?),
        };
        let state = Mutex::new(State { current, retained });
        let store = Self { layout, files, url, state, committing: Arc::default(), _lock: lock };
        Ok(Opened { store, damaged })
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

    /// Where the tables' files are: a URL, and the store that DataFusion is to use for it.
    pub fn object_store(&self) -> (&ObjectStoreUrl, Arc<dyn ObjectStore>) {
        (&self.url, Arc::clone(&self.files))
    }

    /// A reader of a file of a snapshot that the caller has pinned, or has written.
    pub(crate) fn read_file(&self, file: &FileEntry) -> Result<FileReader> {
        let deletes = file.deletes.as_ref().map(|entry| self.load_deletes(entry)).transpose()?;
        Ok(FileReader { store: Arc::clone(&self.files), file: file.clone(), deletes })
    }

    /// The rows of a file that are deleted, if any are.
    pub(crate) fn read_deletes(&self, file: &FileEntry) -> Result<Option<Arc<Deletes>>> {
        file.deletes.as_ref().map(|entry| self.load_deletes(entry)).transpose()
    }

    fn load_deletes(&self, entry: &DeletesEntry) -> Result<Arc<Deletes>> {
        load_deletes(&self.layout, entry).map(Arc::new)
    }

    /// Prepares the next version; waits for another refresh that is under way.
    pub(crate) async fn begin(self: &Arc<Self>) -> Result<Staging> {
        let turn = Arc::clone(&self.committing).lock_owned().await;
        let newest = self.layout.versions()?.first().copied().unwrap_or(0);
        let version = newest.max(self.pin().manifest.version) + 1;
        let folder = Layout::data_folder(version);
        let path = self.layout.file(&folder);
        fs::create_dir_all(&path).map_err(Error::storage("cannot create the folder", &path))?;
        Ok(Staging { store: Arc::clone(self), version, folder, committed: false, _turn: turn })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is replaced in single assignments, so a panic elsewhere cannot leave it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The next version while its files are written. Dropped without a commit, it leaves nothing behind.
pub(crate) struct Staging {
    store: Arc<SnapshotStore>,
    version: u64,
    folder: String,
    committed: bool,
    _turn: OwnedMutexGuard<()>,
}

impl Staging {
    /// Starts a file of this refresh; `name` must be its own. Its rows are of the relation of this oid.
    pub(crate) fn create_file(&self, name: &str, relation: u32, schema: SchemaRef) -> Result<PartitionWriter> {
        let relative = format!("{}/{name}.parquet", self.folder);
        PartitionWriter::create(self.store.layout.file(&relative), relative, relation, schema)
    }

    /// Writes a bitmap of deleted rows; `name` must be its own.
    pub(crate) fn write_deletes(&self, name: &str, deletes: &Deletes) -> Result<DeletesEntry> {
        let relative = format!("{}/{name}.deletes", self.folder);
        let path = self.store.layout.file(&relative);
        let failed = |cause| Error::Storage { action: "cannot write", path: path.clone(), cause };
        let bytes = deletes.to_bytes().map_err(failed)?;
        let mut file = File::create_new(&path).map_err(failed)?;
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(failed)?;
        Ok(DeletesEntry {
            path: relative,
            rows: deletes.rows(),
            bytes: bytes.len() as u64,
            checksum: checksum::of_bytes(&bytes),
        })
    }

    /// Makes the new tables current, all at once.
    pub(crate) fn commit(mut self, mut tables: Vec<TableEntry>, mut refused: Vec<RefusedTable>) -> Result<u64> {
        let store = &self.store;
        tables.sort_by(|left, right| left.name.cmp(&right.name));
        for table in tables.iter_mut().filter(|table| table.version == 0) {
            table.version = self.version;
        }
        refused.sort_by(|left, right| left.name.cmp(&right.name));
        let manifest = Manifest { format: FORMAT, version: self.version, committed_at: Utc::now(), tables, refused };
        let data = store.layout.file(&self.folder);
        layout::sync_folder(&data)?;
        data.parent().map_or(Ok(()), layout::sync_folder)?;
        let snapshot = with_tables(manifest, &store.files, &store.url, &store.layout)?;
        store.layout.write_manifest(&snapshot.manifest)?;

        let snapshot = Arc::new(snapshot);
        let mut state = store.state();
        state.current = Arc::clone(&snapshot);
        state.retained.push(snapshot);
        state.retained.collect_garbage(&store.layout);
        drop(state);
        self.committed = true;
        Ok(self.version)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.committed {
            self.store.layout.remove_folder(&self.store.layout.file(&self.folder));
        }
    }
}

fn load_deletes(layout: &Layout, entry: &DeletesEntry) -> Result<Deletes> {
    let path = layout.file(&entry.path);
    let bytes = fs::read(&path).map_err(Error::storage("cannot read", &path))?;
    if checksum::of_bytes(&bytes) != entry.checksum {
        return Err(Error::Damaged { path, message: "its checksum does not match".to_owned() });
    }
    Deletes::from_bytes(&bytes).map_err(Error::storage("cannot read", &path))
}

/// Takes the folder's lock, which the operating system releases however the process ends.
fn acquire_lock(layout: &Layout) -> Result<File> {
    let path = layout.lock();
    let mut lock = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(Error::storage("cannot write", &path))?;
    if let Err(error) = flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        if error != rustix::io::Errno::WOULDBLOCK {
            return Err(Error::Storage { action: "cannot lock", path, cause: error.into() });
        }
        let mut holder = String::new();
        let pid = lock.read_to_string(&mut holder).ok().and_then(|_| holder.trim().parse().ok());
        return Err(Error::Locked { path: layout.root().to_owned(), pid });
    }
    lock.set_len(0)
        .and_then(|()| lock.rewind())
        .and_then(|()| write!(lock, "{}", std::process::id()))
        .map_err(Error::storage("cannot write", &path))?;
    Ok(lock)
}

/// Removes the files of refreshes that ended before their commit.
fn remove_unfinished(layout: &Layout, newest: u64) -> Result<()> {
    layout.remove_partial_manifests()?;
    for folder in layout.data_folders()? {
        let number = folder.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
        if number.is_none_or(|number: u64| number > newest) {
            layout.remove_folder(&folder);
        }
    }
    Ok(())
}

/// Reads a manifest and, if asked, compares all of its files with their checksums.
fn load(layout: &Layout, version: u64, check_files: bool) -> Result<Manifest> {
    let manifest = layout.read_manifest(version)?;
    if check_files {
        for file in manifest.tables.iter().flat_map(|table| &table.files) {
            let path = layout.file(&file.path);
            let damaged = |message: &str| Error::Damaged { path: path.clone(), message: message.to_owned() };
            let length = fs::metadata(&path).map_err(|_| damaged("it is missing"))?.len();
            if length != file.bytes {
                return Err(damaged(&format!("it has {length} bytes instead of {}", file.bytes)));
            }
            let checksum = checksum::of_file(&path).map_err(Error::storage("cannot read", &path))?;
            if checksum != file.checksum {
                return Err(damaged("its checksum does not match"));
            }
        }
    }
    Ok(manifest)
}

fn with_tables(
    manifest: Manifest,
    files: &Arc<dyn ObjectStore>,
    url: &ObjectStoreUrl,
    layout: &Layout,
) -> Result<Snapshot> {
    let deletes = |entry: &DeletesEntry| load_deletes(layout, entry);
    let catalogs = catalog::build(&manifest, deletes, files, url)
        .map_err(|cause| storage("cannot describe the tables of", layout.root(), cause))?;
    Ok(Snapshot { manifest, catalogs })
}

fn storage(action: &'static str, path: &Path, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Storage { action, path: PathBuf::from(path), cause: std::io::Error::other(cause) }
}
