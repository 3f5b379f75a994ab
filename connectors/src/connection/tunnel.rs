//! TLS for the catalogue's connection where the server is to be identified, or asks who we are.
//!
//! sqlx's own TLS would be less than what `sslmode` promises: beside the authorities of `sslrootcert` it
//! trusts all of the system's, so that with verify-ca anybody's server with a public certificate would pass;
//! and it takes a process-wide crypto provider. It cannot be given a stream either. So TLS is made here, and
//! sqlx connects to a Unix socket of our own, behind which it is forwarded. The socket is in a directory that
//! only this user can enter, and gone when sqlx has connected.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpStream, UnixListener};
use tokio::task::JoinHandle;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;
use uuid::Uuid;

use super::error::{ConnectionError, NO_TLS};
use super::link::{SSL_REQUEST, WILLING};
use crate::error::Cause;

/// The port in the socket's name; PostgreSQL's clients build the name with one.
pub(super) const PORT: u16 = 5432;

/// How much of a UUID the directory's name has: 60 random bits.
const NAME_CHARACTERS: usize = 16;

/// Where to put the socket's directory when the place for temporary files does not do: in a container with a
/// read-only file system, or when its path is too long.
const SHARED_MEMORY: &str = "/dev/shm";

/// How long the stream may take to be done with when its client is.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// A TLS connection to the server.
pub(super) type Stream = <MakeRustlsConnect as MakeTlsConnect<TcpStream>>::Stream;

/// Connects to the server and starts TLS.
pub(super) async fn connect(host: &str, port: u16, mut tls: MakeRustlsConnect) -> Result<Stream, Cause> {
    let mut stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    stream.write_all(&SSL_REQUEST).await?;
    // Exactly this byte: what comes after it without encryption is none of the server's words.
    let mut answer = [0; 1];
    stream.read_exact(&mut answer).await?;
    if answer != WILLING {
        return Err(NO_TLS.into());
    }
    let tls = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut tls, host)?;
    Ok(tls.connect(stream).await?)
}

/// A socket that leads to a [`Stream`]. Dropped before [`Tunnel::keep`], it closes the stream.
pub(super) struct Tunnel {
    directory: PathBuf,
    forwarding: Option<JoinHandle<io::Result<()>>>,
}

impl Tunnel {
    /// Puts a socket before `stream`, for one client.
    pub(super) fn new(mut stream: Stream) -> Result<Self, ConnectionError> {
        let temporary = std::env::temp_dir();
        let listening = listen_in(&temporary).or_else(|cause| listen_in(Path::new(SHARED_MEMORY)).map_err(|_| cause));
        let (directory, listener) = listening.map_err(|cause| {
            let message = format!("no socket can be made in {}; set TMPDIR to another directory", temporary.display());
            ConnectionError::setting(message, Some(cause.into()))
        })?;
        let mut tunnel = Self { directory, forwarding: None };
        tunnel.forwarding = Some(tokio::spawn(async move {
            let (mut client, _) = listener.accept().await?;
            let forwarded = copy_bidirectional(&mut client, &mut stream).await;
            if let Err(error) = &forwarded {
                tracing::debug!("the catalogue's TLS connection has ended: {error}");
            }
            forwarded.map(|_| ())
        }));
        Ok(tunnel)
    }

    /// The directory in which a client finds the socket.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Says that the client has connected: the stream lasts as long as it does.
    pub(super) fn keep(mut self) {
        self.forwarding = None;
    }

    /// Why the stream has ended, after the client has seen that it did. A server that does not like our
    /// certificate says so only then (TLS 1.3).
    pub(super) async fn end(mut self) -> Option<io::Error> {
        let forwarding = self.forwarding.take()?;
        tokio::time::timeout(END_TIMEOUT, forwarding).await.ok()?.ok()?.err()
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        if let Some(forwarding) = self.forwarding.take() {
            forwarding.abort();
        }
        // A connection outlives the name of its socket.
        if let Err(error) = fs::remove_dir_all(&self.directory) {
            tracing::debug!("{} could not be removed: {error}", self.directory.display());
        }
    }
}

/// A socket in a new directory that only this user can enter.
fn listen_in(parent: &Path) -> io::Result<(PathBuf, UnixListener)> {
    // Short, because the path of a socket is limited to about 100 bytes.
    let mut name = Uuid::new_v4().simple().to_string();
    name.truncate(NAME_CHARACTERS);
    let directory = parent.join(format!("rail-forge-{name}"));
    DirBuilder::new().mode(0o700).create(&directory)?;
    match UnixListener::bind(directory.join(format!(".s.PGSQL.{PORT}"))) {
        Ok(listener) => Ok((directory, listener)),
        Err(error) => fs::remove_dir(&directory).and(Err(error)),
    }
}
