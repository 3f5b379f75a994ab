//! Checksums of files, computed while they are written and compared when a data folder is opened. They
//! find what a disk or a copy has damaged; they are no protection against intent.

use std::fs::File;
use std::hash::Hasher;
use std::io::{self, Read, Write};
use std::path::Path;

use twox_hash::XxHash64;

const SEED: u64 = 0;
const READ_BUFFER_BYTES: usize = 1 << 20;

/// A writer that hashes what passes through it.
pub(super) struct ChecksumWriter<W> {
    inner: W,
    hasher: XxHash64,
    bytes: u64,
}

impl<W: Write> ChecksumWriter<W> {
    pub(super) fn new(inner: W) -> Self {
        Self { inner, hasher: XxHash64::with_seed(SEED), bytes: 0 }
    }

    pub(super) fn inner_mut(&mut self) -> &mut W {
        &mut self.inner
    }

    /// The number of bytes written so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The checksum of what was written so far.
    pub(super) fn checksum(&self) -> String {
        hexadecimal(&self.hasher)
    }
}

impl<W: Write> Write for ChecksumWriter<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.hasher.write(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The checksum of a file.
pub(super) fn of_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = XxHash64::with_seed(SEED);
    let mut buffer = vec![0; READ_BUFFER_BYTES];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hexadecimal(&hasher)),
            read => hasher.write(&buffer[..read]),
        }
    }
}

/// The checksum of bytes in memory.
pub(super) fn of_bytes(bytes: &[u8]) -> String {
    let mut hasher = XxHash64::with_seed(SEED);
    hasher.write(bytes);
    hexadecimal(&hasher)
}

fn hexadecimal(hasher: &XxHash64) -> String {
    format!("{:016x}", hasher.finish())
}
