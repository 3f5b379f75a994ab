//! The end of a refresh before its time: its threads stop at their next batch, and PostgreSQL is asked to stop
//! what it does for them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::connection::Canceller;

/// What the threads of a refresh look at.
#[derive(Default)]
pub(super) struct Cancellation {
    cancelled: AtomicBool,
    connections: Mutex<Connections>,
}

/// The connections on which queries may run, by numbers of their own.
#[derive(Default)]
struct Connections {
    next: u64,
    open: BTreeMap<u64, Canceller>,
}

/// A connection that is cancelled with the refresh, for as long as this is kept.
pub(super) struct Cancellable {
    cancellation: Arc<Cancellation>,
    number: u64,
}

impl Cancellation {
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Adds a connection on which queries run.
    pub(super) fn add(self: &Arc<Self>, connection: Canceller) -> Cancellable {
        let mut connections = self.connections();
        let number = connections.next;
        connections.next += 1;
        connections.open.insert(number, connection);
        Cancellable { cancellation: Arc::clone(self), number }
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Cancellable {
    fn drop(&mut self) {
        self.cancellation.connections().open.remove(&self.number);
    }
}

/// Cancels when it is dropped, unless the refresh's reading is over.
pub(super) struct CancelOnDrop {
    pub(super) cancellation: Arc<Cancellation>,
    is_over: bool,
}

impl CancelOnDrop {
    pub(super) fn new() -> Self {
        Self { cancellation: Arc::default(), is_over: false }
    }

    /// There is nothing to cancel any more.
    pub(super) fn disarm(mut self) {
        self.is_over = true;
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        self.cancellation.cancelled.store(true, Ordering::Relaxed);
        // The threads of the refresh hold what is asked about here until they have ended.
        let cancellation = Arc::downgrade(&self.cancellation);
        Canceller::cancel_while(move || {
            let cancellation = cancellation.upgrade()?;
            let cancellers = cancellation.connections().open.values().cloned().collect();
            Some(cancellers)
        });
    }
}
