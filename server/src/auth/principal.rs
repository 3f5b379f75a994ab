//! The name of who calls, and what its token says of it. It travels in the extensions of a request, so that whatever
//! decides what a principal may do finds it there, and nothing has to believe what a client says of itself.

use std::fmt;
use std::sync::Arc;

use http::Extensions;
use tonic::Status;

use super::claims::Claims;

/// Who calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Principal {
    name: Arc<str>,
    recognised: Recognised,
    claims: Arc<Claims>,
}

/// How a principal was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recognised {
    /// Not at all: the server answers everybody.
    Not,
    /// By an API token.
    ByToken,
    /// By a login, which an API token was good for.
    ByLogin,
    /// By a token that an identity provider has signed.
    ByIdentityProvider,
    /// By the certificate of its connection.
    ByCertificate,
}

impl Principal {
    pub(super) fn new(name: &str, recognised: Recognised) -> Self {
        Self { name: name.into(), recognised, claims: Arc::default() }
    }

    /// Whoever calls a server that asks nobody for a name. No token has the empty name.
    pub(super) fn anybody() -> Self {
        Self::new("", Recognised::Not)
    }

    /// The principal of a request.
    ///
    /// # Errors
    /// When the request has not come through the layer, which is a mistake of ours: nothing is answered then.
    pub fn of(extensions: &Extensions) -> Result<&Self, Status> {
        extensions.get().ok_or_else(|| {
            tracing::error!("a call has reached a service without a principal");
            Status::unauthenticated("the server does not know who is calling")
        })
    }

    #[cfg(test)]
    pub(crate) fn named(name: &str) -> Self {
        Self::new(name, Recognised::ByToken)
    }

    /// The same with what its token says of it.
    pub fn with_claims(self, claims: Arc<Claims>) -> Self {
        Self { claims, ..self }
    }

    /// What is known of it beside its name. Of whom nothing is known, there are no claims.
    pub fn claims(&self) -> &Arc<Claims> {
        &self.claims
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.recognised {
            Recognised::Not => formatter.write_str("anybody"),
            Recognised::ByToken => write!(formatter, "{} (token)", self.name),
            Recognised::ByLogin => write!(formatter, "{} (login)", self.name),
            Recognised::ByIdentityProvider => write!(formatter, "{} (identity provider)", self.name),
            Recognised::ByCertificate => write!(formatter, "{} (certificate)", self.name),
        }
    }
}
