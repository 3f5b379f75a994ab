//! A folder of this machine. What makes a commit durable and atomic here: fsync of files, fsync of folders,
//! and a rename that replaces nothing.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::super::checksum;
use super::{NewFile, Storage, Stored, lock};
use crate::error::{Error, Result};

/// What a file is called while [`Storage::write_new`] writes it.
pub(in crate::snapshot) const PARTIAL: &str = "partial";
const BUFFER_BYTES: usize = 1 << 20;

/// A folder that this process has locked.
#[derive(Debug)]
pub(super) struct LocalStorage {
    root: PathBuf,
    files: Arc<LocalFileSystem>,
    _lock: File,
}

impl LocalStorage {
    /// Opens a folder, making it and `folders` in it if they are missing.
    pub(super) fn open(root: &Path, folders: &[&str]) -> Result<Self> {
        for folder in std::iter::once(root.to_owned()).chain(folders.iter().map(|name| root.join(name))) {
            fs::create_dir_all(&folder).map_err(Error::storage("cannot create the folder", &folder))?;
        }
        let root = root.canonicalize().map_err(Error::storage("cannot open the folder", root))?;
        let lock = lock::acquire(&root)?;
        let files = LocalFileSystem::new_with_prefix(&root)
            .map_err(|cause| Error::storage("cannot open the folder", &root)(io::Error::other(cause)))?;
        Ok(Self { root, files: Arc::new(files), _lock: lock })
    }
}

impl Storage for LocalStorage {
    fn locate(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }

    fn object_store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.files) as _
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn NewFile>> {
        let path = self.locate(path);
        create_folder_of(&path)?;
        let file = BufWriter::with_capacity(BUFFER_BYTES, File::create_new(&path)?);
        Ok(Box::new(LocalFile { path, file, finished: false }))
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        fs::read(self.locate(path))
    }

    fn write_new(&self, path: &str, content: &[u8]) -> io::Result<()> {
        let path = self.locate(path);
        let partial = path.with_extension(PARTIAL);
        create_folder_of(&path)?;
        let written = write_durably(&partial, content).and_then(|()| rename_new(&partial, &path));
        if written.is_err() {
            // What cannot be removed is removed when the folder is opened next.
            let _ = fs::remove_file(&partial);
        }
        written?;
        let durable = self.sync_from(path.parent().unwrap_or(&self.root));
        if durable.is_err() {
            // A name that may be gone after a crash must not be there now.
            let _ = fs::remove_file(&path);
        }
        durable
    }

    fn list(&self, folder: &str) -> io::Result<Vec<Stored>> {
        let mut found = vec![];
        walk(&self.locate(folder), folder, &mut found)?;
        Ok(found)
    }

    fn folders(&self, folder: &str) -> io::Result<Vec<String>> {
        let mut folders = vec![];
        for entry in entries(&self.locate(folder))? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(join(folder, &entry.file_name().to_string_lossy()));
            }
        }
        Ok(folders)
    }

    fn delete(&self, paths: &[String]) -> io::Result<()> {
        paths.iter().try_for_each(|path| unless_missing(fs::remove_file(self.locate(path))))
    }

    fn delete_folder(&self, folder: &str) -> io::Result<()> {
        unless_missing(fs::remove_dir_all(self.locate(folder)))
    }

    fn sync(&self, folder: &str) -> io::Result<()> {
        let folder = self.locate(folder);
        // A refresh of empty tables has written no file and made no folder.
        if folder.try_exists()? { self.sync_from(&folder) } else { Ok(()) }
    }

    fn checksum(&self, path: &str) -> io::Result<Option<String>> {
        checksum::of_file(&self.locate(path)).map(Some)
    }
}

impl LocalStorage {
    /// Makes the names in a folder durable, and its own name, and those of the folders around it.
    fn sync_from(&self, folder: &Path) -> io::Result<()> {
        let mut around = folder.ancestors().take_while(|folder| folder.starts_with(&self.root));
        around.try_for_each(|folder| File::open(folder)?.sync_all())
    }
}

/// A file being written under its own name, which no manifest has yet.
struct LocalFile {
    path: PathBuf,
    file: BufWriter<File>,
    finished: bool,
}

impl Write for LocalFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.file.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl NewFile for LocalFile {
    fn finish(&mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for LocalFile {
    fn drop(&mut self) {
        if !self.finished {
            // What cannot be removed goes with its folder.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn create_folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

fn write_durably(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Renames a file unless there is one of the new name.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some file systems cannot do it in one step. The lock keeps others away between the two.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) if to.try_exists()? => Err(ErrorKind::AlreadyExists.into()),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => fs::rename(from, to),
        result => Ok(result?),
    }
}

fn unless_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// The entries of a folder; none when it is missing.
fn entries(folder: &Path) -> io::Result<impl Iterator<Item = io::Result<fs::DirEntry>>> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(Some(entries).into_iter().flatten()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None.into_iter().flatten()),
        Err(error) => Err(error),
    }
}

/// Notes the files of a folder and of its folders; `name` is what paths in it begin with.
fn walk(folder: &Path, name: &str, found: &mut Vec<Stored>) -> io::Result<()> {
    for entry in entries(folder)? {
        let entry = entry?;
        let path = join(name, &entry.file_name().to_string_lossy());
        let metadata = match entry.metadata() {
            // It was removed since it was listed.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            metadata => metadata?,
        };
        if metadata.is_dir() {
            walk(&entry.path(), &path, found)?;
        } else {
            let modified = metadata.modified().map_or(DateTime::UNIX_EPOCH, DateTime::<Utc>::from);
            found.push(Stored { path, bytes: metadata.len(), modified });
        }
    }
    Ok(())
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}
