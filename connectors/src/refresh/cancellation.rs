//! The end of a refresh before its time: its threads stop at their next batch, and PostgreSQL is asked to stop
//! what it does for them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::connection::Canceller;

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
        Canceller::cancel_while(move || cancellation.upgrade().map(|cancellation| cancellation.connections()));
    }
}
