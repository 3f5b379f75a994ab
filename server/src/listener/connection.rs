//! A client that is connected, whichever way it came in. One that says nothing after it has connected does not keep its
//! place: HTTP/2's own pings, by which peers that have gone are found, begin only after its first words.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, join};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Sleep, sleep};
use tokio_rustls::server::TlsStream;

use super::accept::{Accepted, Place};
use super::authority::AuthorityReader;
use super::lingering::LingeringStream;
use crate::auth::ClientCertificate;
use crate::duplex::Duplex;

/// How long a client may take for its first words.
const LONGEST_SILENCE: Duration = Duration::from_secs(10);
/// The preface of HTTP/2, which every client sends first and unasked (RFC 9113, 3.4).
const FIRST_WORDS_BYTES: usize = 24;

/// A connection to serve.
pub struct Connection {
    stream: Box<dyn Duplex>,
    peer: Peer,
    /// Until the client has said its first words.
    silence: Option<Silence>,
    _place: Place,
}

/// Who is at the other end. Every request of the connection has it among its extensions.
#[derive(Debug, Clone, Default)]
pub struct Peer {
    /// `None` for a client on this host that came in through the Unix domain socket.
    pub address: Option<SocketAddr>,
    /// What the client has proved to be, if it has.
    pub certificate: Option<Arc<ClientCertificate>>,
}

struct Silence {
    missing_bytes: usize,
    end: Pin<Box<Sleep>>,
}

impl Connection {
    pub(super) fn over_tcp(Accepted { stream, address, place }: Accepted<TcpStream>) -> Self {
        send_at_once(&stream);
        Self::new(LingeringStream::new(stream), Peer { address, certificate: None }, place)
    }

    pub(super) fn over_tls(
        stream: TlsStream<LingeringStream<TcpStream>>,
        address: Option<SocketAddr>,
        place: Place,
    ) -> Self {
        let (_, session) = stream.get_ref();
        let shown = session.peer_certificates().and_then(<[_]>::first);
        let certificate = shown.map(|certificate| Arc::new(ClientCertificate::read(certificate)));
        Self::new(stream, Peer { address, certificate }, place)
    }

    pub(super) fn over_unix_socket(Accepted { stream, address, place }: Accepted<UnixStream>) -> Self {
        let (reader, writer) = stream.into_split();
        let stream = join(AuthorityReader::new(reader), writer);
        Self::new(LingeringStream::new(stream), Peer { address, certificate: None }, place)
    }

    /// Who is at the other end.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    fn new(stream: impl Duplex + 'static, peer: Peer, place: Place) -> Self {
        let silence = Silence { missing_bytes: FIRST_WORDS_BYTES, end: Box::pin(sleep(LONGEST_SILENCE)) };
        Self { stream: Box::new(stream), peer, silence: Some(silence), _place: place }
    }
}

/// Without it, every small answer waits for the client's delayed acknowledgement, some 40 ms.
pub(super) fn send_at_once(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "small answers to a client are delayed");
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let Some(silence) = &mut self.silence else { return read };
        if read.is_pending() && silence.end.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client has said nothing")));
        }
        silence.missing_bytes = silence.missing_bytes.saturating_sub(buffer.filled().len() - before);
        if silence.missing_bytes == 0 {
            self.silence = None;
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
