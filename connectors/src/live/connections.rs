//! How many connections all queries on live tables of a source have together. A query takes what it needs at once,
//! so that two of them never wait for each other.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::{Error, Result};

/// The connections of a source for its live tables.
#[derive(Debug)]
pub(crate) struct LiveConnections {
    free: Arc<Semaphore>,
    limit: usize,
}

/// Connections that are a query's until this is dropped.
pub(super) type Reserved = OwnedSemaphorePermit;

impl LiveConnections {
    pub(crate) fn new(limit: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(limit)), limit }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Takes `count` of them, which are no more than the limit; waits for others to end.
    ///
    /// # Errors
    /// [`Error::Source`] when too few became free within `patience`.
    pub(super) async fn reserve(&self, source_name: &str, count: usize, patience: Duration) -> Result<Reserved> {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        match timeout(patience, Arc::clone(&self.free).acquire_many_owned(count)).await {
            Ok(Ok(reserved)) => Ok(reserved),
            // It is never closed.
            Ok(Err(_)) => Err(Error::Cancelled),
            Err(_) => Err(Error::Source {
                source_name: source_name.to_owned(),
                message: format!(
                    "its {} connections for live tables are in use, and {} became free within {} s; ask again \
                     later, or raise live_connections",
                    self.limit,
                    if count == 1 { "none" } else { "too few" },
                    patience.as_secs_f64(),
                ),
                cause: None,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_finds_none_free_waits_and_then_is_told() {
        let connections = LiveConnections::new(2);
        let first = connections.reserve("shop", 2, Duration::from_secs(1)).await.unwrap();
        let error = connections.reserve("shop", 1, Duration::from_millis(10)).await.unwrap_err().to_string();
        assert!(error.contains("its 2 connections for live tables are in use, and none became free"), "{error}");
        drop(first);
        assert!(connections.reserve("shop", 1, Duration::from_millis(10)).await.is_ok());
    }
}
