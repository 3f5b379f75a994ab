//! A file on its way into an object store: in parts, of which few are in memory at a time. A file that fits
//! into one part is one request.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;

use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use tokio::task::JoinHandle;

use super::NewFile;
use super::object::Objects;

/// The size of a part: S3 takes at least 5 MiB, and at most 10,000 parts, so a file may have 78 GiB.
const PART_BYTES: usize = 8 << 20;
/// Parts that travel at the same time. With the one that is being filled, a file takes 24 MiB of memory.
const PARTS_IN_FLIGHT: usize = 2;

/// A file being uploaded.
pub(super) struct Upload {
    objects: Objects,
    path: Path,
    /// The part that is being filled.
    part: Vec<u8>,
    /// Begun when the first part is full.
    multipart: Option<Box<dyn MultipartUpload>>,
    in_flight: VecDeque<JoinHandle<object_store::Result<()>>>,
}

impl Upload {
    pub(super) fn new(objects: Objects, path: Path) -> Self {
        Self { objects, path, part: vec![], multipart: None, in_flight: VecDeque::new() }
    }

    /// Sends the part, once there is room for it on the way.
    fn send_part(&mut self) -> io::Result<()> {
        self.wait_until_in_flight(PARTS_IN_FLIGHT - 1)?;
        let part = PutPayload::from(std::mem::take(&mut self.part));
        let multipart = match &mut self.multipart {
            Some(multipart) => multipart,
            None => {
                let (store, path) = (Arc::clone(&self.objects.store), self.path.clone());
                let begun = self.objects.wait(async move { store.put_multipart(&path).await })?;
                self.multipart.insert(begun)
            }
        };
        self.in_flight.push_back(self.objects.runtime.spawn(multipart.put_part(part)));
        Ok(())
    }

    fn wait_until_in_flight(&mut self, most: usize) -> io::Result<()> {
        while self.in_flight.len() > most
            && let Some(part) = self.in_flight.pop_front()
        {
            self.objects.wait(async move { part.await? })?;
        }
        Ok(())
    }
}

impl Write for Upload {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if self.part.len() == PART_BYTES {
            self.send_part()?;
        }
        let taken = buffer.len().min(PART_BYTES - self.part.len());
        self.part.extend_from_slice(&buffer[..taken]);
        Ok(taken)
    }

    /// Parts go when they are full.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl NewFile for Upload {
    fn finish(&mut self) -> io::Result<()> {
        if self.multipart.is_none() {
            let (store, path) = (Arc::clone(&self.objects.store), self.path.clone());
            let content = PutPayload::from(std::mem::take(&mut self.part));
            return self.objects.wait(async move { store.put(&path, content).await }).map(drop);
        }
        if !self.part.is_empty() {
            self.send_part()?;
        }
        self.wait_until_in_flight(0)?;
        let Some(mut multipart) = self.multipart.take() else { return Ok(()) };
        self.objects.wait(async move {
            match multipart.complete().await {
                Ok(_) => Ok(()),
                Err(error) => {
                    // Parts that stay take room until the bucket's own rules remove them.
                    let _ = multipart.abort().await;
                    Err(error)
                }
            }
        })
    }
}

impl Drop for Upload {
    /// Takes an unfinished upload back, without waiting for it.
    fn drop(&mut self) {
        let in_flight = std::mem::take(&mut self.in_flight);
        if let Some(mut multipart) = self.multipart.take() {
            self.objects.runtime.spawn(async move {
                for part in in_flight {
                    part.abort();
                    // A part that arrives after the upload was taken back would stay.
                    let _ = part.await;
                }
                let _ = multipart.abort().await;
            });
        }
    }
}
