//! Where things are in the place of the snapshots, and how a manifest is written and read.
//!
//! ```text
//! manifests/0000000012.json                one for every version that is kept
//! data/0000000012-5f0c91ab/3-0.parquet     partition 0 of the 4th table of the refresh that was to be version 12
//! ```
//!
//! The letters after the number are random: refreshes that run side by side, in one server or in two, never
//! write the same file.

use std::collections::{HashMap, HashSet};
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use object_store::ObjectStore;
use uuid::Uuid;

use super::checksum;
use super::deletes::Deletes;
use super::manifest::{DeletesEntry, FORMAT, FileEntry, Manifest, ManifestFormat};
use super::storage::{NewFile, PARTIAL, Storage, Stored};
use crate::error::{Error, Result};

const MANIFESTS: &str = "manifests";
const DATA: &str = "data";

/// A place and the names in it.
#[derive(Debug)]
pub(super) struct Layout {
    storage: Arc<dyn Storage>,
}

impl Layout {
    /// The folders that files are put into.
    pub(super) const FOLDERS: [&str; 2] = [MANIFESTS, DATA];

    pub(super) fn new(storage: Arc<dyn Storage>) -> Self {
        Self { storage }
    }

    /// The place, as messages name it.
    pub(super) fn root(&self) -> PathBuf {
        self.storage.locate("")
    }

    /// What DataFusion reads the files from.
    pub(super) fn object_store(&self) -> Arc<dyn ObjectStore> {
        self.storage.object_store()
    }

    /// Whether other servers may write here at the same time.
    pub(super) fn is_shared(&self) -> bool {
        self.storage.is_shared()
    }

    /// A new name for the folder of a refresh that may become `version`.
    pub(super) fn new_data_folder(version: u64) -> String {
        let random = Uuid::new_v4().simple().to_string();
        format!("{DATA}/{version:010}-{}", &random[..8])
    }

    /// The folder of a file.
    pub(super) fn folder_of(path: &str) -> &str {
        path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// Starts a file; gives also what messages call it.
    pub(super) fn create_file(&self, path: &str) -> Result<(Box<dyn NewFile>, PathBuf)> {
        let name = self.storage.locate(path);
        let file = self.storage.create(path).map_err(Error::storage("cannot create", &name))?;
        Ok((file, name))
    }

    /// Reads a bitmap of deleted rows.
    ///
    /// # Errors
    /// [`Error::Damaged`] when it is not what was written.
    pub(super) fn read_deletes(&self, entry: &DeletesEntry) -> Result<Deletes> {
        let bytes = self.storage.read(&entry.path).map_err(self.unreadable(&entry.path))?;
        let damaged =
            |message: &str| Error::Damaged { path: self.storage.locate(&entry.path), message: message.to_owned() };
        if checksum::of_bytes(&bytes) != entry.checksum {
            return Err(damaged("its checksum does not match"));
        }
        Deletes::from_bytes(&bytes).map_err(|_| damaged("it is no bitmap"))
    }

    /// Makes the names of a folder's files durable.
    pub(super) fn sync_folder(&self, folder: &str) -> Result<()> {
        self.storage.sync(folder).map_err(self.failed("cannot make durable the folder", folder))
    }

    /// The folders of files that are there.
    pub(super) fn data_folders(&self) -> Result<Vec<String>> {
        self.storage.folders(DATA).map_err(self.failed("cannot list", DATA))
    }

    /// The files in a folder.
    pub(super) fn files_in(&self, folder: &str) -> Result<Vec<Stored>> {
        self.storage.list(folder).map_err(self.failed("cannot list", folder))
    }

    /// The sizes of all data files, by path.
    pub(super) fn data_sizes(&self) -> Result<HashMap<String, u64>> {
        Ok(self.files_in(DATA)?.into_iter().map(|file| (file.path, file.bytes)).collect())
    }

    /// The sizes of the files that are in the folders of these.
    pub(super) fn sizes_beside(&self, files: &[FileEntry]) -> Result<HashMap<String, u64>> {
        let folders: HashSet<&str> = files.iter().map(|file| Self::folder_of(&file.path)).collect();
        let mut sizes = HashMap::new();
        for folder in folders {
            sizes.extend(self.files_in(folder)?.into_iter().map(|file| (file.path, file.bytes)));
        }
        Ok(sizes)
    }

    /// The bytes of all data files and manifests.
    pub(super) fn bytes(&self) -> Result<u64> {
        let files = [self.files_in(DATA)?, self.files_in(MANIFESTS)?];
        Ok(files.iter().flatten().map(|file| file.bytes).sum())
    }

    /// When the youngest file of a folder was written; `None` when it has no files.
    pub(super) fn last_written(&self, folder: &str) -> Result<Option<DateTime<Utc>>> {
        Ok(self.files_in(folder)?.iter().map(|file| file.modified).max())
    }

    /// The versions that have a manifest, newest first.
    pub(super) fn versions(&self) -> Result<Vec<u64>> {
        let mut versions: Vec<u64> = self
            .files_in(MANIFESTS)?
            .iter()
            .filter_map(|file| file.path.rsplit('/').next()?.strip_suffix(".json")?.parse().ok())
            .collect();
        versions.sort_unstable_by(|left, right| right.cmp(left));
        Ok(versions)
    }

    /// Removes what a manifest's writing has left when it was ended half way.
    pub(super) fn remove_partial_manifests(&self) -> Result<()> {
        let files = self.files_in(MANIFESTS)?.into_iter().map(|file| file.path);
        let partial: Vec<String> = files.filter(|path| path.rsplit('.').next() == Some(PARTIAL)).collect();
        if partial.is_empty() { Ok(()) } else { self.remove_files(&partial) }
    }

    /// Writes a manifest so that it is there whole or not at all. Its last line is its checksum.
    ///
    /// # Errors
    /// [`Error::AnotherServer`] when there is a manifest of that version.
    pub(super) fn write_manifest(&self, manifest: &Manifest) -> Result<()> {
        let path = manifest_path(manifest.version);
        let failed = self.failed("cannot write the manifest", &path);
        let body = match serde_json::to_string_pretty(manifest) {
            Ok(body) => body,
            Err(error) => return Err(failed(error.into())),
        };
        self.storage.write_new(&path, with_checksum(&body).as_bytes()).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => Error::AnotherServer { location: self.root() },
            _ => failed(error),
        })
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// [`Error::Damaged`] when it is not what [`Layout::write_manifest`] wrote.
    pub(super) fn read_manifest(&self, version: u64) -> Result<Manifest> {
        let path = manifest_path(version);
        let damaged = |message: &str| self.damaged(&path, message);
        let bytes = self.storage.read(&path).map_err(self.unreadable(&path))?;
        let text = String::from_utf8(bytes).map_err(|_| damaged("it is not UTF-8"))?;
        let (body, checksum) = text.trim_end().rsplit_once('\n').ok_or_else(|| damaged("it is cut off"))?;
        if checksum::of_bytes(body.as_bytes()) != checksum {
            return Err(damaged("its checksum does not match"));
        }
        let parsed = |_| damaged("it cannot be parsed");
        // Of another format, nothing but its number can be relied on.
        let ManifestFormat { format } = serde_json::from_str(body).map_err(parsed)?;
        if format != FORMAT {
            return Err(damaged("it is of another RailForge's format; empty the data folder to start anew"));
        }
        let manifest: Manifest = serde_json::from_str(body).map_err(parsed)?;
        if manifest.version != version {
            return Err(damaged("it is that of another version; empty the data folder to start anew"));
        }
        Ok(manifest)
    }

    /// Compares a file with what its manifest says: its length, which `sizes` has, and its content where
    /// that can be read cheaply.
    ///
    /// # Errors
    /// [`Error::Damaged`] when it differs.
    pub(super) fn check_file(&self, file: &FileEntry, sizes: &HashMap<String, u64>) -> Result<()> {
        let damaged = |message: &str| self.damaged(&file.path, message);
        let length = *sizes.get(&file.path).ok_or_else(|| damaged("it is missing"))?;
        if length != file.bytes {
            return Err(damaged(&format!("it has {length} bytes instead of {}", file.bytes)));
        }
        match self.storage.checksum(&file.path).map_err(self.unreadable(&file.path))? {
            Some(checksum) if checksum != file.checksum => Err(damaged("its checksum does not match")),
            _ => Ok(()),
        }
    }

    pub(super) fn remove_manifests(&self, versions: &[u64]) -> Result<()> {
        self.remove_files(&versions.iter().map(|&version| manifest_path(version)).collect::<Vec<_>>())
    }

    pub(super) fn remove_files(&self, paths: &[String]) -> Result<()> {
        let first = paths.first().map_or("", String::as_str);
        self.storage.delete(paths).map_err(self.failed("cannot remove", first))
    }

    /// Removes a folder of files and all in it, if it is there.
    pub(super) fn remove_folder(&self, folder: &str) -> Result<()> {
        self.storage.delete_folder(folder).map_err(self.failed("cannot remove", folder))
    }

    fn failed(&self, action: &'static str, path: &str) -> impl FnOnce(io::Error) -> Error + use<> {
        Error::storage(action, self.storage.locate(path))
    }

    fn damaged(&self, path: &str, message: &str) -> Error {
        Error::Damaged { path: self.storage.locate(path), message: message.to_owned() }
    }

    /// A file that cannot be read is damaged when its disk says so. A store far away may answer tomorrow.
    fn unreadable(&self, path: &str) -> impl FnOnce(io::Error) -> Error + use<> {
        let (name, shared) = (self.storage.locate(path), self.is_shared());
        move |error| match error.kind() {
            ErrorKind::NotFound => Error::Damaged { path: name, message: "it is missing".to_owned() },
            _ if shared => Error::storage("cannot read", name)(error),
            _ => Error::Damaged { path: name, message: format!("it cannot be read: {error}") },
        }
    }
}

fn manifest_path(version: u64) -> String {
    format!("{MANIFESTS}/{version:010}.json")
}

/// A manifest's text with a line for its checksum.
fn with_checksum(body: &str) -> String {
    format!("{body}\n{}\n", checksum::of_bytes(body.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::super::retention::Retention;
    use super::super::testing::open_folder;
    use super::*;

    #[test]
    fn a_manifest_of_another_format_says_what_to_do() {
        let (store, _place) = open_folder(Retention::default());
        let body = r#"{"format": 3, "what": "older or newer servers write"}"#;
        store.layout.storage.write_new(&manifest_path(7), with_checksum(body).as_bytes()).unwrap();
        let error = store.layout.read_manifest(7).unwrap_err().to_string();
        assert!(error.contains("0000000007.json") && error.contains("empty the data folder"), "{error}");
    }
}
