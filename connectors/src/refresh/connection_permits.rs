//! How many connections all refreshes of a source read rows with together. Who comes first is served first; a
//! refresh that runs gives way after each piece of its work, so that a small table need not wait for the end of a
//! large one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::{Error, Result};
use crate::waiting::Waiting;

/// How often one who waits looks whether that still makes sense.
const LOOK: Duration = Duration::from_millis(100);

/// The connections of a source for its refreshes.
#[derive(Debug)]
pub(crate) struct ConnectionPermits {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// The right to one connection, until it is dropped.
pub(super) type ConnectionPermit = OwnedSemaphorePermit;

impl ConnectionPermits {
    pub(crate) fn new(limit: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(limit.max(1))), waiting: AtomicUsize::new(0) }
    }

    /// Waits for its turn, or until `is_stopped`.
    ///
    /// # Errors
    /// [`Error::Cancelled`] when it was stopped.
    pub(super) async fn take(&self, is_stopped: impl Fn() -> bool) -> Result<ConnectionPermit> {
        if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
            return Ok(permit);
        }
        let _waiting = Waiting::new(&self.waiting);
        let turn = Arc::clone(&self.free).acquire_owned();
        tokio::pin!(turn);
        while !is_stopped() {
            match timeout(LOOK, &mut turn).await {
                Ok(Ok(permit)) => return Ok(permit),
                // It is never closed.
                Ok(Err(_)) => break,
                Err(_) => {}
            }
        }
        Err(Error::Cancelled)
    }

    /// Whether somebody waits for one.
    pub(super) fn are_wanted(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_is_seen_and_comes_next() {
        let permits = ConnectionPermits::new(1);
        let first = permits.take(|| false).await.unwrap();
        assert!(!permits.are_wanted());
        let second = permits.take(|| false);
        tokio::pin!(second);
        assert!(futures::poll!(&mut second).is_pending());
        assert!(permits.are_wanted());
        drop(first);
        // Nobody overtakes.
        let third = permits.take(|| true).await;
        assert!(third.is_err());
        let second = second.await;
        assert!(second.is_ok());
        assert!(!permits.are_wanted());
    }
}
