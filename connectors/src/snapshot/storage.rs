//! The outside world of the snapshot store: a place that keeps files. Two are known, a folder and an object
//! store. Paths are relative to the place, with `/`, and are what manifests name.
//!
//! All calls block, and belong on threads that may: those of pulls, and the runtime's threads for blocking
//! work. Refuses to overwrite: a file has one content for ever.

mod local;
mod lock;
mod object;
mod object_error;
mod read_only;
mod s3;
mod upload;

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use object_store::ObjectStore;

use self::local::LocalStorage;
pub(super) use self::local::PARTIAL;
use super::location::Location;
use crate::error::Result;

/// A place that keeps files.
pub(super) trait Storage: fmt::Debug + Send + Sync {
    /// A path as messages name it.
    fn locate(&self, path: &str) -> PathBuf;

    /// What DataFusion reads the files from.
    fn object_store(&self) -> Arc<dyn ObjectStore>;

    /// Whether other servers may write here at the same time: there is no lock that keeps them away.
    fn is_shared(&self) -> bool;

    /// Starts a file. Its name must be one that nobody else can choose.
    fn create(&self, path: &str) -> io::Result<Box<dyn NewFile>>;

    /// Reads a small file whole.
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;

    /// Writes a small file so that it is there, durable and whole, or not at all. An error of the kind
    /// [`io::ErrorKind::AlreadyExists`] says that there is one of that name.
    fn write_new(&self, path: &str, content: &[u8]) -> io::Result<()>;

    /// All files in a folder and in its folders; none when it is missing.
    fn list(&self, folder: &str) -> io::Result<Vec<Stored>>;

    /// The folders in a folder; none when it is missing.
    fn folders(&self, folder: &str) -> io::Result<Vec<String>>;

    /// Removes files; one that is gone already is no error.
    fn delete(&self, paths: &[String]) -> io::Result<()>;

    /// Removes a folder and all in it; one that is gone already is no error.
    fn delete_folder(&self, folder: &str) -> io::Result<()>;

    /// Makes the names of finished files durable, those of the folder and of the folders that it is in.
    fn sync(&self, folder: &str) -> io::Result<()>;

    /// The checksum of a file's content; `None` where reading all files at every start would cost too much.
    fn checksum(&self, path: &str) -> io::Result<Option<String>>;
}

/// A file being written. Dropped before it is finished, it leaves nothing that can be seen.
pub(super) trait NewFile: Write + Send {
    /// Makes the file's content durable. Nothing can be written afterwards.
    fn finish(&mut self) -> io::Result<()>;
}

/// A file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) path: String,
    pub(super) bytes: u64,
    pub(super) modified: DateTime<Utc>,
}

/// Opens a place, and locks it if it can be locked. `folders` are made where there are such things.
///
/// # Errors
/// [`crate::Error::Locked`] when another server holds it, [`crate::Error::Storage`] when it cannot be used.
pub(super) fn open(location: &Location, folders: &[&str]) -> Result<Arc<dyn Storage>> {
    Ok(match location {
        Location::Folder(root) => Arc::new(LocalStorage::open(root, folders)?),
        Location::S3 { bucket, prefix } => Arc::new(s3::open(bucket, prefix, &location.to_string())?),
    })
}

#[cfg(test)]
pub(super) mod testing {
    //! Places for tests.

    use std::path::{Path, PathBuf};

    use object_store::memory::InMemory;
    use object_store::prefix::PrefixStore;
    use tokio::runtime::Runtime;

    use super::object::ObjectStorage;
    use super::*;

    /// A folder that goes with the test.
    pub(in crate::snapshot) struct Folder(PathBuf);

    impl Folder {
        pub(in crate::snapshot) fn new() -> Self {
            let path = std::env::temp_dir().join(format!("rail-forge-test-{}", uuid::Uuid::new_v4()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        pub(in crate::snapshot) fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    /// An object store in memory, under a prefix as in a bucket.
    pub(in crate::snapshot) struct Bucket {
        pub(in crate::snapshot) objects: Arc<dyn ObjectStore>,
        runtime: Runtime,
    }

    impl Bucket {
        pub(in crate::snapshot) fn new() -> Self {
            let objects = Arc::new(PrefixStore::new(InMemory::new(), "some/prefix"));
            Self { objects, runtime: tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap() }
        }

        pub(in crate::snapshot) fn storage(&self) -> Arc<dyn Storage> {
            let objects = Arc::clone(&self.objects);
            Arc::new(ObjectStorage::new(objects, "s3://bucket/some/prefix".into(), self.runtime.handle().clone()))
        }
    }

    /// Runs a test on each kind of place.
    pub(in crate::snapshot) fn on_each(test: impl Fn(Arc<dyn Storage>)) {
        let folder = Folder::new();
        test(open(&Location::Folder(folder.path().to_owned()), &[]).unwrap());
        test(Bucket::new().storage());
    }
}

#[cfg(test)]
mod tests {
    use super::super::checksum;
    use super::testing::on_each;
    use super::*;

    fn write(storage: &dyn Storage, path: &str, content: &[u8]) {
        let mut file = storage.create(path).unwrap();
        file.write_all(content).unwrap();
        file.finish().unwrap();
    }

    fn paths(storage: &dyn Storage, folder: &str) -> Vec<String> {
        let mut paths: Vec<String> = storage.list(folder).unwrap().into_iter().map(|file| file.path).collect();
        paths.sort();
        paths
    }

    #[test]
    fn a_finished_file_is_there_whole() {
        on_each(|storage| {
            // More than one part of an upload, and an end that fills none.
            let content: Vec<u8> = (0..20_000_001_u32).map(|number| (number % 251) as u8).collect();
            write(&*storage, "data/a/large", &content);
            write(&*storage, "data/a/empty", b"");
            storage.sync("data/a").unwrap();
            assert_eq!(storage.read("data/a/large").unwrap(), content);
            assert_eq!(storage.read("data/a/empty").unwrap(), b"");
            let sizes: Vec<u64> = storage.list("data").unwrap().iter().map(|file| file.bytes).collect();
            assert_eq!(sizes.iter().sum::<u64>(), content.len() as u64);
            let expected = (!storage.is_shared()).then(|| checksum::of_bytes(&content));
            assert_eq!(storage.checksum("data/a/large").unwrap(), expected);
        });
    }

    #[test]
    fn an_unfinished_file_leaves_nothing() {
        on_each(|storage| {
            for bytes in [10, 20_000_000] {
                let mut file = storage.create("data/a/half").unwrap();
                file.write_all(&vec![7; bytes]).unwrap();
                drop(file);
                assert_eq!(paths(&*storage, "data"), [""; 0]);
            }
        });
    }

    #[test]
    fn a_name_is_written_once() {
        on_each(|storage| {
            storage.write_new("manifests/1.json", b"one").unwrap();
            let error = storage.write_new("manifests/1.json", b"two").unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(storage.read("manifests/1.json").unwrap(), b"one");
            assert_eq!(paths(&*storage, "manifests"), ["manifests/1.json"]);
        });
    }

    #[test]
    fn what_is_missing_is_called_missing() {
        on_each(|storage| {
            assert_eq!(storage.read("manifests/1.json").unwrap_err().kind(), io::ErrorKind::NotFound);
            assert_eq!(storage.list("nowhere").unwrap(), []);
            assert_eq!(storage.folders("nowhere").unwrap(), [""; 0]);
            storage.delete(&["nowhere/file".to_owned()]).unwrap();
            storage.delete_folder("nowhere").unwrap();
            storage.sync("nowhere").unwrap();
        });
    }

    #[test]
    fn files_and_folders_are_removed() {
        on_each(|storage| {
            for path in ["data/a/1", "data/a/2", "data/b/1", "manifests/1"] {
                write(&*storage, path, b"x");
            }
            storage.delete(&["data/a/1".to_owned(), "data/a/gone".to_owned()]).unwrap();
            assert_eq!(paths(&*storage, "data"), ["data/a/2", "data/b/1"]);
            storage.delete_folder("data/a").unwrap();
            let mut folders = storage.folders("data").unwrap();
            folders.sort();
            assert_eq!(folders, ["data/b"]);
            assert_eq!(paths(&*storage, "data"), ["data/b/1"]);
            assert_eq!(paths(&*storage, "manifests"), ["manifests/1"]);
        });
    }

    #[test]
    fn what_is_written_can_be_read_by_the_same_path() {
        on_each(|storage| {
            write(&*storage, "data/a/1", b"content");
            let objects = storage.object_store();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let read = runtime.block_on(async {
                let result = objects.get_opts(&"data/a/1".into(), object_store::GetOptions::default()).await;
                result.unwrap().bytes().await.unwrap()
            });
            assert_eq!(&read[..], b"content");
        });
    }
}
