//! The Unix domain socket, for clients on the same host. Its file is for the user of the server alone. What a dead
//! server has left is replaced; the socket of a server that lives, and a file that is no socket, are not.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::{UnixListener, UnixStream};

use super::door::Door;
use crate::failure::Failure;

/// Reading and writing, which is what connecting takes, for the owner.
const MODE: u32 = 0o600;
/// Clients that have connected and wait until they are accepted; as many as tokio lets wait at a TCP port.
const BACKLOG: i32 = 1_024;
/// How long a server that lives may take to accept.
const LIFE_SIGN: Duration = Duration::from_secs(1);

/// A socket that listens, and its file.
pub(super) struct UnixSocket {
    listener: UnixListener,
    file: SocketFile,
}

/// The file of a socket, which goes with it.
struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl UnixSocket {
    /// Listens at a path.
    ///
    /// # Errors
    /// When it is too long, cannot be used, or is another server's.
    pub(super) async fn bind(path: &Path) -> Result<Self, Failure> {
        // Clients find an absolute path only.
        let path = std::path::absolute(path).map_err(|error| cannot(path, &error))?;
        let address = SockAddr::unix(&path).map_err(|_| {
            Failure::usage(format!(
                "unix_socket {} has {} bytes, which is more than the system lets the path of a socket have (107 on \
                 Linux); name a shorter one",
                path.display(),
                path.as_os_str().len()
            ))
        })?;
        make_way(&path).await?;
        let (listener, file) = listen(&path, &address).map_err(|error| cannot(&path, &error))?;
        Ok(Self { listener, file })
    }

    pub(super) fn path(&self) -> &Path {
        &self.file.path
    }
}

/// Removes what a dead server has left.
async fn make_way(path: &Path) -> Result<(), Failure> {
    let shown = path.display();
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(cannot(path, &error)),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(Failure::work(format!(
                "unix_socket {shown} is there already and is no socket; remove it, or name another path"
            )));
        }
        Ok(_) => {}
    }
    match tokio::time::timeout(LIFE_SIGN, UnixStream::connect(path)).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            tracing::info!("the socket {shown} of a server that has ended is replaced");
            std::fs::remove_file(path).map_err(|error| cannot(path, &error))
        }
        Ok(Err(error)) => Err(Failure::work(format!(
            "cannot tell whether another server listens at unix_socket {shown} ({error}); stop it and remove the \
             file, or name another path"
        ))),
        Ok(Ok(_)) | Err(_) => {
            Err(Failure::work(format!("another server listens at unix_socket {shown}; stop it, or name another path")))
        }
    }
}

fn listen(path: &Path, address: &SockAddr) -> io::Result<(UnixListener, SocketFile)> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(address)?;
    let metadata = std::fs::symlink_metadata(path)?;
    let file = SocketFile { path: path.to_owned(), device: metadata.dev(), inode: metadata.ino() };
    // Before it listens: nobody can connect until then.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(MODE))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let listener = std::os::unix::net::UnixListener::from(OwnedFd::from(socket));
    Ok((UnixListener::from_std(listener)?, file))
}

fn cannot(path: &Path, error: &io::Error) -> Failure {
    Failure::work(format!("cannot listen at unix_socket {}: {error}", path.display()))
}

impl Door for UnixSocket {
    type Stream = UnixStream;

    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<(UnixStream, Option<SocketAddr>)>> {
        self.listener.poll_accept(context).map_ok(|(stream, _)| (stream, None))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = std::fs::symlink_metadata(&self.path)
            .is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == (self.device, self.inode));
        if is_ours {
            // If it is gone already, good.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
