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

/// Where to put the socket's directory when the place for temporary files cannot be written, as in a container
/// with a read-only file system.
const SHARED_MEMORY: &str = "/dev/shm";

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
    forwarding: Option<JoinHandle<()>>,
}

impl Tunnel {
    /// Puts a socket before `stream`, for one client.
    pub(super) fn new(mut stream: Stream) -> Result<Self, ConnectionError> {
        let directory = private_directory()?;
        let mut tunnel = Self { directory, forwarding: None };
        let listener = UnixListener::bind(tunnel.socket()).map_err(|cause| {
            let message = format!("no socket can be made in {}", tunnel.directory.display());
            ConnectionError::setting(message, Some(cause.into()))
        })?;
        tunnel.forwarding = Some(tokio::spawn(async move {
            let forwarded = match listener.accept().await {
                Ok((mut client, _)) => copy_bidirectional(&mut client, &mut stream).await,
                Err(error) => Err(error),
            };
            if let Err(error) = forwarded {
                tracing::debug!("the catalogue's TLS connection has ended: {error}");
            }
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

    fn socket(&self) -> PathBuf {
        self.directory.join(format!(".s.PGSQL.{PORT}"))
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        if let Some(forwarding) = self.forwarding.take() {
            forwarding.abort();
        }
        // A connection outlives the name of its socket.
        let removed = fs::remove_file(self.socket()).and_then(|()| fs::remove_dir(&self.directory));
        if let Err(error) = removed {
            tracing::debug!("{} could not be removed: {error}", self.directory.display());
        }
    }
}

/// A new directory that only this user can enter. Its path is short, because a socket's is limited to about
/// 100 bytes.
fn private_directory() -> Result<PathBuf, ConnectionError> {
    let name = format!("rail-forge-{:.16}", Uuid::new_v4().simple());
    let make = |parent: &Path| {
        let directory = parent.join(&name);
        DirBuilder::new().mode(0o700).create(&directory).map(|()| directory)
    };
    let temporary = std::env::temp_dir();
    make(&temporary).or_else(|cause: io::Error| {
        make(Path::new(SHARED_MEMORY)).map_err(|_| {
            let message =
                format!("no directory can be made in {}; set TMPDIR to one that can be written", temporary.display());
            ConnectionError::setting(message, Some(cause.into()))
        })
    })
}
