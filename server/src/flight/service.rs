//! What answers Flight SQL, and what it knows of whoever makes a request. No state is kept for a client between two
//! calls, but for one that has set options of a session.

use std::sync::Arc;

use rail_forge_planner::Engine;
use tonic::{Request, Status};

use super::choices::Choices;
use super::freshness::Freshness;
use super::handle::Seal;
use super::running::Running;
use super::session_options::OptionsOfSession;
use super::sessions::{SessionLimits, Sessions};
use super::visible::Visible;
use crate::auth::{Principal, SigningKey};
use crate::authorisation::{Rights, Roles};
use crate::metrics::Metrics;
use crate::refresher::Refresher;
use crate::stored_queries::StoredQueries;

/// The Flight SQL service.
#[derive(Clone)]
pub struct Service {
    pub(super) engine: Engine,
    pub(super) refresher: Arc<Refresher>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) running: Arc<Running>,
    pub(super) freshness: Arc<Freshness>,
    pub(super) metrics: Arc<Metrics>,
    key: SigningKey,
    roles: Arc<Roles>,
    pub(super) stored_queries: Arc<StoredQueries>,
}

impl Service {
    /// `key` signs handles and tickets, `roles` say what their holders may read, `metrics` counts queries.
    pub fn new(
        engine: Engine,
        refresher: Arc<Refresher>,
        key: SigningKey,
        roles: Roles,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            engine,
            refresher,
            sessions: Arc::default(),
            running: Arc::default(),
            freshness: Arc::default(),
            metrics,
            key,
            roles: Arc::new(roles),
            stored_queries: Arc::default(),
        }
    }

    /// The same, which knows these stored queries.
    pub fn with_stored_queries(self, stored_queries: StoredQueries) -> Self {
        Self { stored_queries: Arc::new(stored_queries), ..self }
    }

    /// The same, which keeps so many sessions.
    pub fn with_sessions(self, limits: SessionLimits) -> Self {
        Self { sessions: Arc::new(Sessions::new(limits)), ..self }
    }

    /// What whoever makes a request has chosen for queries, in its headers or in the session.
    pub(super) fn choices<T>(&self, request: &Request<T>) -> Result<Choices, Status> {
        let session = self.sessions.options(request.metadata(), Principal::of(request.extensions())?)?;
        Choices::of(request.metadata(), session.map(OptionsOfSession::choices).unwrap_or_default())
    }

    /// What whoever makes a request may do now.
    pub(super) fn rights<T>(&self, request: &Request<T>) -> Result<Rights, Status> {
        Principal::of(request.extensions()).map(|principal| self.roles.rights_of(principal))
    }

    /// The tables, columns and keys that whoever makes a request may know of.
    pub(super) fn visible<T>(&self, request: &Request<T>) -> Result<Visible, Status> {
        Ok(Visible::now(self.rights(request)?, &self.refresher))
    }

    /// The seal of the handles of whoever makes a request.
    pub(super) fn seal<T>(&self, request: &Request<T>) -> Result<Seal, Status> {
        Seal::of(&self.key, request.extensions())
    }
}
