//! A connection for reading rows. Without TLS its socket is handed over once tokio-postgres has done what
//! makes a connection (start-up, authentication); with TLS it stays tokio-postgres's.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::config::SslMode;
use tokio_postgres::{CancelToken, Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::canceller::{Canceller, Target};
use super::tls::Encryption;
use crate::error::Cause;

/// Asks for TLS: the length of the message, and 80877103 (PostgreSQL's protocol, SSLRequest).
pub(super) const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
/// The answer to it that means yes.
pub(super) const WILLING: [u8; 1] = [b'S'];
/// When a connection on which nothing comes is asked for a sign of life, and how often and how many times again
/// before it counts as lost.
pub(super) const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
pub(super) const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
pub(super) const KEEPALIVE_RETRIES: u32 = 3;

/// A connection. It is closed when it is dropped.
pub(crate) struct Connected {
    pub(crate) link: Link,
    pub(crate) canceller: Canceller,
}

/// What is used of a connection.
pub(crate) enum Link {
    /// Its socket, which blocks.
    Socket(Socket),
    /// Its client; the runtime that made it works for it.
    Client(Client),
}

/// The socket of a connection that is ready for a query.
pub(crate) struct Socket(File);

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Connects to `target`.
pub(super) async fn connect(
    target: &Target,
    config: &Config,
    encryption: Encryption,
    tls: MakeRustlsConnect,
) -> Result<Connected, Cause> {
    let canceller = |token: CancelToken| Canceller::of_client(token, target.clone(), encryption, tls.clone());
    let plain = match target {
        Target::Socket(path) => Some(hand_over(UnixStream::connect(path).await?, config).await?),
        Target::Host(host, port) if encryption != Encryption::Always => {
            let mut stream = TcpStream::connect((host.as_str(), *port)).await?;
            prepare(&stream)?;
            // A server that has TLS is asked again, through the library.
            if encryption == Encryption::IfOffered && offers_tls(&mut stream).await? {
                None
            } else {
                Some(hand_over(stream, config).await?)
            }
        }
        Target::Host(..) => None,
    };
    if let Some((socket, token)) = plain {
        return Ok(Connected { link: Link::Socket(socket), canceller: canceller(token) });
    }
    let (client, connection) = config.connect(tls.clone()).await?;
    tokio::spawn(async move {
        // Whoever waits for an answer gets an error too.
        if let Err(error) = connection.await {
            tracing::debug!("a connection to PostgreSQL has ended: {error}");
        }
    });
    let canceller = canceller(client.cancel_token());
    Ok(Connected { link: Link::Client(client), canceller })
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive =
        TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL).with_retries(KEEPALIVE_RETRIES);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

async fn offers_tls(stream: &mut TcpStream) -> io::Result<bool> {
    stream.write_all(&SSL_REQUEST).await?;
    // Exactly this byte: what comes after it without encryption is none of the server's words.
    let mut answer = [0; 1];
    stream.read_exact(&mut answer).await?;
    Ok(answer == WILLING)
}

/// Lets tokio-postgres start the connection, and takes its socket. Between two queries nothing is on its way,
/// so nothing is lost with the library's buffers.
async fn hand_over<S>(stream: S, config: &Config) -> Result<(Socket, CancelToken), Cause>
where
    S: AsFd + AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let socket: OwnedFd = BorrowedFd::try_clone_to_owned(&stream.as_fd())?;
    let (client, connection) = config.clone().ssl_mode(SslMode::Disable).connect_raw(stream, NoTls).await?;
    let token = client.cancel_token();
    // In this order, and without having been polled, they say no good-bye to the server.
    drop(connection);
    drop(client);
    SockRef::from(&socket).set_nonblocking(false)?;
    Ok((Socket(File::from(socket)), token))
}
