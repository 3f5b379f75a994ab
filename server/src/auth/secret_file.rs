//! Files that only the server's own user may read, written so that whoever opens one sees all of it or none, and so
//! that a crash leaves the old one or the new one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::hash;

/// Read and write for the owner, nothing for others.
const MODE: u32 = 0o600;
const OTHERS: u32 = 0o077;
/// What makes the name of a file that is being written one of its own.
const NAME_BYTES: usize = 8;

/// Replaces a file, or makes it.
///
/// # Errors
/// When it cannot be written; then the old one is as it was.
pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    // Where the name is a link, the file it leads to is replaced.
    let path = match path.canonicalize() {
        Ok(target) => target,
        Err(error) if error.kind() == ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(error),
    };
    let partial = Partial::write(&path, content)?;
    fs::rename(&partial.path, &path)?;
    sync_folder(&path)
}

/// Makes a file, unless there is one; says whether it was made.
///
/// # Errors
/// When it cannot be written.
pub(super) fn create(path: &Path, content: &[u8]) -> io::Result<bool> {
    let partial = Partial::write(path, content)?;
    match fs::hard_link(&partial.path, path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
        // Not every file system has links. Two servers that make the same file at once are not to be feared there.
        Err(_) if !path.try_exists()? => fs::rename(&partial.path, path)?,
        Err(error) => return Err(error),
    }
    sync_folder(path)?;
    Ok(true)
}

/// The content of a file of at most `limit` bytes, and how it was when it was read.
///
/// # Errors
/// When it cannot be read, or is larger.
pub(super) fn read(path: &Path, limit: u64) -> io::Result<(Vec<u8>, fs::Metadata)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut content = vec![];
    file.take(limit + 1).read_to_end(&mut content)?;
    if content.len() as u64 > limit {
        return Err(io::Error::new(ErrorKind::InvalidData, format!("it has more than {limit} bytes")));
    }
    Ok((content, metadata))
}

/// Whether users besides the owner may do something with a file.
pub(super) fn is_open_to_others(metadata: &fs::Metadata) -> bool {
    metadata.permissions().mode() & OTHERS != 0
}

/// The folder of a file; that of a bare name is the current one.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

/// A file under another name in the same folder, which goes when this is dropped.
struct Partial {
    path: PathBuf,
}

impl Partial {
    fn write(beside: &Path, content: &[u8]) -> io::Result<Self> {
        // Not by the number of the process: servers in containers that share the folder may all have the same.
        let random = hash::random::<NAME_BYTES>().map_err(io::Error::other)?;
        let mut name = beside.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.partial", hash::hexadecimal(&random)));
        let path = beside.with_file_name(name);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&path)?;
        let partial = Self { path };
        file.write_all(content)?;
        file.sync_all()?;
        Ok(partial)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
pub(super) mod testing {
    //! Folders for tests.

    use std::path::{Path, PathBuf};

    /// A folder that goes with the test.
    pub(in crate::auth) struct Folder(PathBuf);

    impl Folder {
        pub(in crate::auth) fn new() -> Self {
            let mut number = [0; 8];
            getrandom::fill(&mut number).unwrap();
            let path = std::env::temp_dir().join(format!("rail-forge-test-{:016x}", u64::from_ne_bytes(number)));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        pub(in crate::auth) fn join(&self, name: &str) -> PathBuf {
            Path::join(&self.0, name)
        }

        pub(in crate::auth) fn names(&self) -> Vec<String> {
            let entries = std::fs::read_dir(&self.0).unwrap();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::Folder;
    use super::*;

    #[test]
    fn files_are_whole_and_private() {
        let folder = Folder::new();
        let path = folder.join("secret");
        assert!(create(&path, b"one").unwrap());
        assert!(!create(&path, b"two").unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        replace(&path, b"three").unwrap();
        let (content, metadata) = read(&path, 5).unwrap();
        assert_eq!(content, b"three");
        assert!(!is_open_to_others(&metadata));
        assert_eq!(folder.names(), ["secret"]);
        assert_eq!(read(&path, 4).unwrap_err().kind(), ErrorKind::InvalidData);
    }

    #[test]
    fn of_many_that_make_a_file_at_once_one_does_and_it_is_whole() {
        let folder = Folder::new();
        let path = folder.join("secret");
        let made = std::thread::scope(|scope| {
            let path = &path;
            let make = |number: u8| move || create(path, &[number; 1_000]).unwrap().then_some(number);
            let makers: Vec<_> = (0..8).map(|number| scope.spawn(make(number))).collect();
            makers.into_iter().filter_map(|maker| maker.join().unwrap()).collect::<Vec<u8>>()
        });
        assert_eq!(made.len(), 1);
        assert_eq!(fs::read(&path).unwrap(), [made[0]; 1_000]);
        assert_eq!(folder.names(), ["secret"]);
    }

    #[test]
    fn a_link_stays_a_link() {
        let folder = Folder::new();
        let (target, link) = (folder.join("target"), folder.join("link"));
        replace(&target, b"old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        replace(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&target).unwrap(), b"new");
    }
}
