//! TLS on the TCP port. Every handshake is a task of its own, so that a client that is slow, says nothing or speaks
//! something else keeps nobody waiting. Refused: what is not done in time, and more handshakes at a time than there is
//! room for.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;

use super::accept::Accepted;
use super::certificates;
use super::connection::{Connection, send_at_once};
use super::lingering::LingeringStream;
use super::reload::Reload;
use super::seldom::Seldom;
use crate::failure::Failure;
use crate::settings::TlsFiles;

/// How long a handshake may take.
const LONGEST_HANDSHAKE: Duration = Duration::from_secs(10);
/// Handshakes at a time. Each holds some 20 KiB and, while it computes, a core for about a millisecond; clients that
/// connect and say nothing hold theirs for as long as a handshake may take.
const MOST_HANDSHAKES: usize = 4_096;

/// What connections are secured with.
pub(super) struct Tls {
    current: watch::Receiver<Arc<ServerConfig>>,
    reload: Reload,
}

struct Handshakes {
    current: watch::Receiver<Arc<ServerConfig>>,
    free: Arc<Semaphore>,
    crowded: Seldom,
    done: mpsc::Sender<Connection>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub(super) fn open(files: TlsFiles) -> Result<Self, Failure> {
        let prepared = Reload::prepare(&files)?;
        let config = certificates::load(&files).map_err(|error| Failure::work(error.to_string()))?;
        let (reload, current) = prepared.with(files, config);
        Ok(Self { current, reload })
    }

    /// The connections of those clients whose handshake succeeds, each when it is done.
    pub(super) fn secured(
        self,
        clients: impl Stream<Item = Accepted<TcpStream>> + Send + 'static,
    ) -> BoxStream<'static, Connection> {
        // It ends when nobody waits for certificates any longer, that is with the stream that is returned.
        tokio::spawn(self.reload.follow());
        let (done, finished) = mpsc::channel(1);
        let free = Arc::new(Semaphore::new(MOST_HANDSHAKES));
        let handshakes = Handshakes { current: self.current, free, crowded: Seldom::default(), done };
        let started = clients.filter_map(move |client| {
            handshakes.start(client);
            std::future::ready(None::<Connection>)
        });
        stream::select(started, ReceiverStream::new(finished)).boxed()
    }
}

impl Handshakes {
    fn start(&self, Accepted { stream, address, place }: Accepted<TcpStream>) {
        let Ok(room) = Arc::clone(&self.free).try_acquire_owned() else {
            if let Some(closed) = self.crowded.count() {
                tracing::warn!(closed, limit = MOST_HANDSHAKES, "too many TLS handshakes at a time; some are refused");
            }
            return;
        };
        let acceptor = TlsAcceptor::from(Arc::clone(&self.current.borrow()));
        let done = self.done.clone();
        tokio::spawn(async move {
            send_at_once(&stream);
            let handshake = acceptor.accept(LingeringStream::new(stream));
            match tokio::time::timeout(LONGEST_HANDSHAKE, handshake).await {
                Ok(Ok(stream)) => {
                    drop(room);
                    // Nobody takes it when the server is stopping.
                    let _ = done.send(Connection::over_tls(stream, address, place)).await;
                }
                // Scanners and clients without TLS are no news.
                Ok(Err(error)) => tracing::debug!(?address, %error, "a TLS handshake failed"),
                Err(_) => tracing::debug!(?address, "a TLS handshake took too long"),
            }
        });
    }
}
