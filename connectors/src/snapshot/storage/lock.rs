//! The lock of a folder: one server at a time, told apart by the process id that the lock file holds. The
//! operating system releases it however the process ends.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::error::{Error, Result};

/// Takes the lock of the folder `root`, for as long as the result is held.
pub(super) fn acquire(root: &Path) -> Result<File> {
    let path = root.join("lock");
    let mut lock = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(Error::storage("cannot write", &path))?;
    if let Err(error) = flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        if error != rustix::io::Errno::WOULDBLOCK {
            return Err(Error::storage("cannot lock", path)(error.into()));
        }
        let mut holder = String::new();
        let pid = lock.read_to_string(&mut holder).ok().and_then(|_| holder.trim().parse().ok());
        return Err(Error::Locked { path: root.to_owned(), pid });
    }
    lock.set_len(0)
        .and_then(|()| lock.rewind())
        .and_then(|()| write!(lock, "{}", std::process::id()))
        .map_err(Error::storage("cannot write", &path))?;
    Ok(lock)
}
