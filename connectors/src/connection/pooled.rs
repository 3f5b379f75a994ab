//! One connection in the wrapping that ConnectorX takes, a pool's. r2d2 is made to keep a single connection, and
//! to say why there is none: left to itself it hides the reason, and asks a server that has refused again and
//! again until the time is over.

use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use r2d2::event::AcquireEvent;
use r2d2::{HandleError, HandleEvent, Pool, PooledConnection};
use r2d2_postgres::PostgresConnectionManager;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::canceller::Canceller;

/// A connection as ConnectorX takes it: a pool of one.
pub(crate) struct OnePool {
    pool: Pool<PostgresConnectionManager<MakeRustlsConnect>>,
    pub(crate) canceller: Canceller,
}

/// The connection while it is used; it is given back when it is dropped.
type PooledClient = PooledConnection<PostgresConnectionManager<MakeRustlsConnect>>;

impl OnePool {
    /// The connection, which nobody else has.
    ///
    /// # Errors
    /// When it was lost: another one would not be in its transaction.
    pub(crate) fn client(&self) -> Result<PooledClient, r2d2::Error> {
        self.pool.get_timeout(Duration::ZERO)
    }
}

/// Connects, within `timeout`, which is not zero. The error is none when there was no answer.
pub(super) fn connect(
    config: tokio_postgres::Config,
    tls: MakeRustlsConnect,
    timeout: Duration,
) -> Result<OnePool, Option<postgres::Error>> {
    let (sender, outcomes) = channel();
    let pool = Pool::builder()
        .max_size(1)
        // No connection is made that is not asked for: none before, and none when this one is broken.
        .min_idle(Some(0))
        .max_lifetime(None)
        .idle_timeout(None)
        .test_on_check_out(false)
        .connection_timeout(timeout)
        .error_handler(Box::new(Outcome(sender.clone())))
        .event_handler(Box::new(Outcome(sender)))
        .build_unchecked(PostgresConnectionManager::new(config.into(), tls.clone()));
    // This asks, and does not wait.
    let client = match pool.get_timeout(Duration::ZERO) {
        Ok(client) => Ok(client),
        Err(_) => match outcomes.recv_timeout(timeout) {
            Ok(None) => pool.get_timeout(timeout).map_err(|_| None),
            // The pool goes, and with it r2d2's plan to try again.
            Ok(Some(error)) => Err(Some(error)),
            Err(_) => Err(None),
        },
    };
    let canceller = Canceller::of_pooled(client?.cancel_token(), tls);
    Ok(OnePool { pool, canceller })
}

/// Passes on how the first attempt ended: none is good news.
#[derive(Debug)]
struct Outcome(Sender<Option<postgres::Error>>);

impl HandleError<postgres::Error> for Outcome {
    fn handle_error(&self, error: postgres::Error) {
        self.tell(Some(error));
    }
}

impl HandleEvent for Outcome {
    fn handle_acquire(&self, _: AcquireEvent) {
        self.tell(None);
    }
}

impl Outcome {
    fn tell(&self, outcome: Option<postgres::Error>) {
        // Nobody listens when the time was over.
        self.0.send(outcome).ok();
    }
}
