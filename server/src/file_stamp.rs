//! How a file is, so that a change is seen without reading it: one system call, also for files that are looked at with
//! every call. Contents that were replaced by others of the same length and time are told apart by the inode.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What tells a changed file from the one before; times are seconds since 1970 and nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileStamp {
    /// How a file was that has been opened.
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// How the file at a path is now.
    ///
    /// # Errors
    /// The kind of error alone, so that two of them can be compared.
    pub fn now(path: &Path) -> Result<Self, io::ErrorKind> {
        std::fs::metadata(path).map(|metadata| Self::of(&metadata)).map_err(|error| error.kind())
    }
}
