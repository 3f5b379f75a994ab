//! Where things are in the data folder, and the two operations that make a commit atomic and durable:
//! write-fsync-rename, and fsync of a folder.
//!
//! ```text
//! DIR/lock                       held while a server runs
//! DIR/manifests/0000000012.json  one for every version that is kept
//! DIR/data/0000000012/3-0.parquet   partition 0 of the 4th table that version 12 pulled
//! ```

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::checksum;
use super::manifest::{FORMAT, Manifest};
use crate::error::{Error, Result};

const MANIFESTS: &str = "manifests";
const DATA: &str = "data";
const PARTIAL: &str = "partial";

/// The paths of a data folder.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Makes the folders that are missing.
    pub(super) fn create(root: &Path) -> Result<Self> {
        for folder in [root.to_owned(), root.join(MANIFESTS), root.join(DATA)] {
            fs::create_dir_all(&folder).map_err(Error::storage("cannot create the folder", &folder))?;
        }
        let root = root.canonicalize().map_err(Error::storage("cannot open the folder", root))?;
        Ok(Self { root })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    pub(super) fn file(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// The folder of the files that a version adds, relative to the root.
    pub(super) fn data_folder(version: u64) -> String {
        format!("{DATA}/{version:010}")
    }

    /// The folders of files that are there.
    pub(super) fn data_folders(&self) -> Result<Vec<PathBuf>> {
        list(&self.root.join(DATA))
    }

    pub(super) fn manifest(&self, version: u64) -> PathBuf {
        self.root.join(MANIFESTS).join(format!("{version:010}.json"))
    }

    /// The versions that have a manifest, newest first.
    pub(super) fn versions(&self) -> Result<Vec<u64>> {
        let mut versions: Vec<u64> = list(&self.root.join(MANIFESTS))?
            .iter()
            .filter_map(|path| path.file_name()?.to_str()?.strip_suffix(".json")?.parse().ok())
            .collect();
        versions.sort_unstable_by(|left, right| right.cmp(left));
        Ok(versions)
    }

    /// Removes what a manifest's writing has left when it was ended half way.
    pub(super) fn remove_partial_manifests(&self) -> Result<()> {
        for path in list(&self.root.join(MANIFESTS))? {
            if path.extension().is_some_and(|extension| extension == PARTIAL) {
                fs::remove_file(&path).map_err(Error::storage("cannot remove", &path))?;
            }
        }
        Ok(())
    }

    /// Writes a manifest so that it is there whole or not at all. Its last line is its checksum.
    pub(super) fn write_manifest(&self, manifest: &Manifest) -> Result<()> {
        let path = self.manifest(manifest.version);
        let partial = path.with_extension(PARTIAL);
        let failed = |cause| Error::Storage { action: "cannot write the manifest", path: path.clone(), cause };
        let mut text = serde_json::to_string_pretty(manifest).map_err(|error| failed(error.into()))?;
        let checksum = checksum::of_bytes(text.as_bytes());
        text.push('\n');
        text.push_str(&checksum);
        text.push('\n');

        let mut file = File::create(&partial).map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&partial, &path).map_err(failed)?;
        sync_folder(&self.root.join(MANIFESTS))
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// [`Error::Damaged`] when it is not what [`Layout::write_manifest`] wrote.
    pub(super) fn read_manifest(&self, version: u64) -> Result<Manifest> {
        let path = self.manifest(version);
        let damaged = |message: &str| Error::Damaged { path: path.clone(), message: message.to_owned() };
        let bytes = fs::read(&path).map_err(Error::storage("cannot read the manifest", &path))?;
        let text = String::from_utf8(bytes).map_err(|_| damaged("it is not UTF-8"))?;
        let (body, checksum) = text.trim_end().rsplit_once('\n').ok_or_else(|| damaged("it is cut off"))?;
        if checksum::of_bytes(body.as_bytes()) != checksum {
            return Err(damaged("its checksum does not match"));
        }
        let manifest: Manifest = serde_json::from_str(body).map_err(|_| damaged("it cannot be parsed"))?;
        if manifest.format != FORMAT || manifest.version != version {
            return Err(damaged("it is of another format or version; empty the data folder to start anew"));
        }
        Ok(manifest)
    }

    /// Removes a folder of files and all in it, if it is there.
    pub(super) fn remove_folder(&self, folder: &Path) {
        if let Err(error) = fs::remove_dir_all(folder)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(folder = %folder.display(), %error, "files that no snapshot needs could not be removed");
        }
    }
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(Error::storage("cannot make durable the folder", folder))
}

fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |cause| Error::Storage { action: "cannot list the folder", path: folder.to_owned(), cause };
    fs::read_dir(folder).map_err(failed)?.map(|entry| entry.map(|entry| entry.path()).map_err(failed)).collect()
}
