//! Whether the server answers queries, as /readyz and grpc.health tell it to those who share out calls.

use std::sync::Arc;

use crate::drain::Drain;
use crate::refresher::Refresher;

/// Whether the server answers queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ready {
    Yes,
    /// No table has been refreshed yet.
    NoTables,
    ShuttingDown,
}

/// Tells it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Readiness {
    refresher: Arc<Refresher>,
    drain: Drain,
}

impl Readiness {
    pub fn new(refresher: Arc<Refresher>, drain: Drain) -> Self {
        Self { refresher, drain }
    }

    pub fn now(&self) -> Ready {
        if self.drain.has_begun() {
            Ready::ShuttingDown
        } else if self.refresher.pin_whole().manifest.tables.is_empty() {
            Ready::NoTables
        } else {
            Ready::Yes
        }
    }

    /// The end of the server, which changes it.
    pub fn drain(&self) -> &Drain {
        &self.drain
    }
}
