//! A source: one PostgreSQL database, and what the operator has decided about it. Refuses, before any
//! connection is made, a name or a URL that it could not honour.

use crate::connection::{ConnectionError, ConnectionSettings, Database};
use crate::error::{Error, Result};
use crate::live::LiveConnections;
use crate::refresh::{ConnectionPermits, Reservations};
use crate::source_settings::{MIN_LIVE_CONNECTIONS, SourceSettings};

/// One PostgreSQL database whose tables are served as one catalogue.
#[derive(Debug)]
pub struct Source {
    name: String,
    database: Database,
    settings: SourceSettings,
    reservations: Reservations,
    connection_permits: ConnectionPermits,
    live_connections: LiveConnections,
}

impl Source {
    /// Checks where a source is.
    ///
    /// # Errors
    /// [`Error::Configuration`] when the name or the URL cannot be used.
    pub fn new(name: &str, url: &str, settings: SourceSettings) -> Result<Self> {
        let wrong = |message: String| Error::Configuration { source_name: name.to_owned(), message };
        if name.is_empty() || name.contains(['.', '"', '/']) {
            return Err(wrong("a source's name must not be empty or contain . \" or /".to_owned()));
        }
        if settings.live_connections < MIN_LIVE_CONNECTIONS {
            return Err(wrong(format!("live_connections must be at least {MIN_LIVE_CONNECTIONS}")));
        }
        let live_connections = LiveConnections::new(settings.live_connections);
        let connection = ConnectionSettings {
            password_file: settings.password_file.clone(),
            connect_timeout: settings.connect_timeout,
        };
        let database = Database::new(url, connection).map_err(wrong)?;
        let connection_permits = ConnectionPermits::new(settings.connections);
        Ok(Self {
            name: name.to_owned(),
            database,
            settings,
            reservations: Reservations::default(),
            connection_permits,
            live_connections,
        })
    }

    /// The source's name, which is the name of its catalogue.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Host, port and database, without user and password.
    pub fn location(&self) -> String {
        self.database.location()
    }

    /// What the operator has decided about it.
    pub fn settings(&self) -> &SourceSettings {
        &self.settings
    }

    /// Which of its tables are being refreshed.
    pub(crate) fn reservations(&self) -> &Reservations {
        &self.reservations
    }

    /// The connections that its refreshes read rows with.
    pub(crate) fn connection_permits(&self) -> &ConnectionPermits {
        &self.connection_permits
    }

    /// The connections of queries on its live tables.
    pub(crate) fn live_connections(&self) -> &LiveConnections {
        &self.live_connections
    }

    /// How to connect.
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// That no connection was made, and why.
    pub(crate) fn unreachable(&self, error: ConnectionError) -> Error {
        error.into_error(&self.name, &self.location())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(url: &str) -> Result<Source> {
        Source::new("shop", url, SourceSettings::default())
    }

    #[test]
    fn a_password_is_in_no_debug_text() {
        let source = source("postgres://app:canary@db.example:5433/shop").unwrap();
        let text = format!("{source:?}");
        assert!(text.contains("db.example:5433/shop"), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }

    #[test]
    fn what_cannot_be_honoured_is_refused() {
        for (url, expected) in [
            ("mysql://app@db/shop", "must begin with postgres://"),
            ("shop", "cannot be read"),
            ("postgres://app@db/shop?sslmode=maybe", "sslmode must be"),
            ("postgres://app@db/shop?sslcompression=1", "\"sslcompression\" is not known"),
        ] {
            let message = source(url).unwrap_err().to_string();
            assert!(message.contains(expected), "{url}: {message}");
        }
    }
}
