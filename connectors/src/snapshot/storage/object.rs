//! An object store, seen as a place for files. There are no folders, no partial files and no locks: an object
//! appears whole or not at all, and one that must be new is written with `If-None-Match`.
//!
//! The store's calls are asynchronous. Each runs on the runtime while the thread that called waits for it, so
//! no call may come from a thread of that runtime itself.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{Error, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use tokio::runtime::Handle;

use super::object_error::{describe, stopping};
use super::read_only::ReadOnly;
use super::upload::Upload;
use super::{NewFile, Storage, Stored};

/// An object that says what the place is for. It is written twice, to see that a second time is refused.
const MARKER: &str = "rail-forge";

/// A prefix of an object store.
#[derive(Debug)]
pub(super) struct ObjectStorage {
    objects: Objects,
    /// What messages call the place.
    name: String,
}

/// The objects, and the runtime that talks to them.
#[derive(Debug, Clone)]
pub(super) struct Objects {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) runtime: Handle,
}

impl Objects {
    /// Waits for a call of the store.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        call: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> io::Result<T> {
        let (sender, receiver) = sync_channel(1);
        self.runtime.spawn(async move {
            // Nobody waits any more when a thread has panicked.
            let _ = sender.send(call.await);
        });
        // A runtime that stops drops the call, and with it the sender.
        receiver.recv().map_err(|_| stopping())?.map_err(|error| describe(&error))
    }
}

impl ObjectStorage {
    /// `store` holds nothing but what is ours.
    pub(super) fn new(store: Arc<dyn ObjectStore>, name: String, runtime: Handle) -> Self {
        Self { objects: Objects { store, runtime }, name }
    }

    /// Makes sure that the store keeps what is there when it is asked to write only what is new. A store that
    /// ignores `If-None-Match` would let two servers overwrite each other's manifests.
    pub(super) fn check_conditional_writes(&self) -> io::Result<()> {
        for _ in 0..2 {
            match self.put_new(MARKER, b"snapshots of rail-forge\n") {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
                written => written?,
            }
        }
        Err(io::Error::other(
            "the object store ignores If-None-Match, which commits depend on; use one that honours it",
        ))
    }

    fn put_new(&self, path: &str, content: &[u8]) -> io::Result<()> {
        let (store, location) = (Arc::clone(&self.objects.store), self::path(path));
        let payload = PutPayload::from(content.to_vec());
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        self.objects.wait(async move { store.put_opts(&location, payload, options).await }).map(drop)
    }
}

impl Storage for ObjectStorage {
    fn locate(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.name.clone().into() } else { format!("{}/{path}", self.name).into() }
    }

    fn object_store(&self) -> Arc<dyn ObjectStore> {
        Arc::new(ReadOnly(Arc::clone(&self.objects.store)))
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn NewFile>> {
        Ok(Box::new(Upload::new(self.objects.clone(), self::path(path))))
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let (store, path) = (Arc::clone(&self.objects.store), self::path(path));
        self.objects.wait(async move { Ok(store.get(&path).await?.bytes().await?.to_vec()) })
    }

    fn write_new(&self, path: &str, content: &[u8]) -> io::Result<()> {
        self.put_new(path, content).or_else(|error| match self.read(path) {
            // The write has arrived and its answer was lost; a second attempt then found its own work.
            Ok(found) if found == content => Ok(()),
            _ => Err(error),
        })
    }

    fn list(&self, folder: &str) -> io::Result<Vec<Stored>> {
        let (store, folder) = (Arc::clone(&self.objects.store), path(folder));
        self.objects.wait(async move { store.list(Some(&folder)).map_ok(stored).try_collect().await })
    }

    fn folders(&self, folder: &str) -> io::Result<Vec<String>> {
        let (store, folder) = (Arc::clone(&self.objects.store), path(folder));
        let listed = self.objects.wait(async move { store.list_with_delimiter(Some(&folder)).await })?;
        Ok(listed.common_prefixes.into_iter().map(String::from).collect())
    }

    fn delete(&self, paths: &[String]) -> io::Result<()> {
        let store = Arc::clone(&self.objects.store);
        let paths: Vec<_> = paths.iter().map(|path| Ok(self::path(path))).collect();
        self.objects.wait(async move {
            let mut deleted = store.delete_stream(stream::iter(paths).boxed());
            let mut failed = Ok(());
            while let Some(result) = deleted.next().await {
                match result {
                    Ok(_) | Err(Error::NotFound { .. }) => {}
                    Err(error) => failed = Err(error),
                }
            }
            failed
        })
    }

    fn delete_folder(&self, folder: &str) -> io::Result<()> {
        let paths: Vec<String> = self.list(folder)?.into_iter().map(|file| file.path).collect();
        self.delete(&paths)
    }

    /// An object is durable when its write is answered.
    fn sync(&self, _folder: &str) -> io::Result<()> {
        Ok(())
    }

    /// All data would travel at every start; the object store keeps checksums of its own.
    fn checksum(&self, _path: &str) -> io::Result<Option<String>> {
        Ok(None)
    }
}

/// A path as it was listed or made by us. What cannot be one names nothing.
pub(super) fn path(text: &str) -> Path {
    Path::parse(text).unwrap_or_else(|_| Path::from(text))
}

fn stored(object: ObjectMeta) -> Stored {
    Stored { path: object.location.into(), bytes: object.size, modified: object.last_modified }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bucket;
    use super::*;

    #[test]
    fn a_store_that_keeps_what_is_there_passes() {
        let bucket = Bucket::new();
        let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
        let storage = ObjectStorage::new(Arc::clone(&bucket.objects), "s3://b".into(), runtime.handle().clone());
        storage.check_conditional_writes().unwrap();
        storage.check_conditional_writes().unwrap();
    }

    #[test]
    fn a_write_whose_answer_was_lost_counts() {
        let bucket = Bucket::new();
        let storage = bucket.storage();
        storage.write_new("manifests/1", b"ours").unwrap();
        storage.write_new("manifests/1", b"ours").unwrap();
        assert_eq!(storage.write_new("manifests/1", b"theirs").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_runtime_that_has_stopped_is_an_error() {
        let bucket = Bucket::new();
        let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
        let storage = ObjectStorage::new(Arc::clone(&bucket.objects), "s3://b".into(), runtime.handle().clone());
        runtime.shutdown_background();
        assert!(storage.read("manifests/1").unwrap_err().to_string().contains("stopping"));
    }
}
