//! Accepting, with a limit on how many clients are connected at a time. Whatever goes wrong with one client, or because
//! there are too many of them, the next one is accepted all the same.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use futures::stream::unfold;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::door::Door;
use super::seldom::Seldom;

/// How long nobody is accepted after the system could not give a connection, out of files or memory for example. It
/// says so again at once, so that asking without a pause would take a core.
const PAUSE: Duration = Duration::from_millis(100);

/// A client that has been accepted.
pub struct Accepted<S> {
    pub stream: S,
    pub address: Option<SocketAddr>,
    pub place: Place,
}

/// One of the places for clients; it is free again when this is dropped.
pub struct Place {
    _permit: OwnedSemaphorePermit,
}

/// The places that clients take, whichever way they come in.
pub struct Places {
    free: Arc<Semaphore>,
    count: usize,
    full: Seldom,
    failed: Seldom,
}

impl Places {
    pub fn new(count: usize) -> Self {
        let count = count.min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(count)), count, full: Seldom::default(), failed: Seldom::default() }
    }

    /// A place, unless all are taken.
    fn take(&self) -> Option<Place> {
        match Arc::clone(&self.free).try_acquire_owned() {
            Ok(permit) => Some(Place { _permit: permit }),
            Err(_) => {
                if let Some(closed) = self.full.count() {
                    let limit = self.count;
                    tracing::warn!(closed, limit, "as many clients are connected as may be; others are turned away");
                }
                None
            }
        }
    }
}

/// The clients that come in through a door and find a place.
pub fn accepted<D: Door>(door: D, places: Arc<Places>) -> impl Stream<Item = Accepted<D::Stream>> + Send {
    unfold((door, places), |(door, places)| async move { Some((next(&door, &places).await, (door, places))) })
}

async fn next<D: Door>(door: &D, places: &Places) -> Accepted<D::Stream> {
    loop {
        match poll_fn(|context| door.poll_accept(context)).await {
            Ok((stream, address)) => {
                if let Some(place) = places.take() {
                    return Accepted { stream, address, place };
                }
                // Dropped, and with that closed.
            }
            Err(error) if is_of_the_client(&error) => tracing::debug!(%error, "a client has gone before it came in"),
            Err(error) => {
                if let Some(times) = places.failed.count() {
                    tracing::error!(%error, times, "a client cannot be accepted");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Whether accepting failed because of what one client did.
fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn clients_beyond_the_limit_are_closed_until_one_leaves() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let places = Arc::new(Places::new(2));
        let mut clients = Box::pin(accepted(listener, places));
        let _one = TcpStream::connect(address).await.unwrap();
        let _two = TcpStream::connect(address).await.unwrap();
        let first = clients.next().await.unwrap();
        let _second = clients.next().await.unwrap();
        let mut refused = TcpStream::connect(address).await.unwrap();
        let mut byte = [0];
        tokio::select! {
            _ = clients.next() => panic!("a client without a place was let in"),
            read = refused.read(&mut byte) => assert!(matches!(read, Ok(0) | Err(_))),
        }
        drop(first);
        let _three = TcpStream::connect(address).await.unwrap();
        assert!(clients.next().await.is_some());
    }
}
