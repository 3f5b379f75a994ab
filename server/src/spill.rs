//! The folder that queries spill to: a new one for every server, inside of the folder that the settings name,
//! which may be shared. What a server that was killed has left there is removed by the next.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// What the folders of all servers are called, before the number of the process.
const PREFIX: &str = "rail-forge-spill-";
/// Names that are tried: servers in other containers may have the same process number.
const TRIED_NAMES: u32 = 1_000;

/// A folder that goes with the server. It is locked, so that nobody takes it for left over.
#[derive(Debug)]
pub struct SpillFolder {
    path: PathBuf,
    _lock: File,
}

impl SpillFolder {
    /// Makes a folder in `parent`, and removes those of servers that have gone.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn create(parent: &Path) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::work(format!("cannot spill to {}: {error}", parent.display()));
        fs::create_dir_all(parent).map_err(failed)?;
        remove_left_over(parent).map_err(failed)?;
        for number in 0..TRIED_NAMES {
            let path = parent.join(format!("{PREFIX}{}-{number}", std::process::id()));
            match fs::create_dir(&path).and_then(|()| lock(&path)) {
                // A server that starts at the same time may have removed it before it was locked.
                Ok(Some(lock)) if path.exists() => return Ok(Self { path, _lock: lock }),
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Err(failed(ErrorKind::AlreadyExists.into()))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SpillFolder {
    fn drop(&mut self) {
        // What stays is removed by the next server.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Locks a folder, unless another server has. The operating system unlocks it however the server ends.
fn lock(folder: &Path) -> io::Result<Option<File>> {
    let folder = File::open(folder)?;
    match folder.try_lock() {
        Ok(()) => Ok(Some(folder)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

fn remove_left_over(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let path = entry?.path();
        let is_ours = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX));
        if is_ours
            && let Ok(Some(_lock)) = lock(&path)
            && let Err(error) = fs::remove_dir_all(&path)
        {
            tracing::warn!(folder = %path.display(), %error, "what queries of an earlier server have spilled stays");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_with_its_server_or_with_the_next_one() {
        let parent = std::env::temp_dir().join(format!("rail-forge-test-{}", std::process::id()));
        let first = SpillFolder::create(&parent).unwrap();
        let second = SpillFolder::create(&parent).unwrap();
        assert_ne!(first.path(), second.path());
        fs::write(first.path().join("spilled"), "x").unwrap();
        let gone = second.path().to_owned();
        drop(second);
        assert!(!gone.exists());
        fs::create_dir(parent.join("rail-forge-spill-left-over")).unwrap();
        let third = SpillFolder::create(&parent).unwrap();
        assert!(first.path().join("spilled").exists());
        assert_eq!(fs::read_dir(&parent).unwrap().count(), 2);
        drop((first, third));
        fs::remove_dir(&parent).unwrap();
    }
}
