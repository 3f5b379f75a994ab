//! The end of a refresh before its time: its threads stop at their next batch, and PostgreSQL is asked to stop
//! what it does for them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::connection::Canceller;

/// A request that comes between two queries stops neither, so it is made again until the threads have ended.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// What the threads of a refresh look at.
#[derive(Default)]
pub(super) struct Cancellation {
    cancelled: AtomicBool,
    connections: Mutex<Vec<Canceller>>,
}

impl Cancellation {
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Adds a connection on which queries run.
    pub(super) fn add(&self, connection: Canceller) {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }

    fn connections(&self) -> Vec<Canceller> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Cancels when it is dropped, unless the refresh's reading is over.
pub(super) struct CancelOnDrop(pub(super) Arc<Cancellation>);

impl CancelOnDrop {
    /// There is nothing to cancel any more.
    pub(super) fn disarm(&self) {
        self.0.connections.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
        // The threads of the refresh hold what is asked about here until they have ended.
        let cancellation = Arc::downgrade(&self.0);
        let ask = move || {
            while let Some(connections) = cancellation.upgrade().map(|cancellation| cancellation.connections()) {
                Canceller::cancel_all(connections);
                thread::sleep(ASK_AGAIN);
            }
        };
        if let Err(error) = thread::Builder::new().name("cancel".to_owned()).spawn(ask) {
            tracing::warn!(%error, "running queries of PostgreSQL could not be cancelled");
        }
    }
}
