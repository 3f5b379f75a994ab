//! A source: one PostgreSQL database, and how to reach it. Refuses, before any connection is made, what
//! it could not honour: another scheme, or TLS modes that it would otherwise silently ignore.

use std::fmt;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use url::Url;

use crate::error::{Error, Result};
use crate::refresh::Reservations;
use crate::source_settings::SourceSettings;

/// One PostgreSQL database whose tables are served as one catalogue.
#[derive(Debug)]
pub struct Source {
    name: String,
    url: DatabaseUrl,
    settings: SourceSettings,
    reservations: Reservations,
}

/// A connection URL whose password never reaches a log.
#[derive(Clone)]
struct DatabaseUrl(Url);

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.location())
    }
}

impl DatabaseUrl {
    fn location(&self) -> String {
        let host = self.0.host_str().filter(|host| !host.is_empty()).unwrap_or("the local socket");
        let port = self.0.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{host}{port}{}", self.0.path())
    }
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
        let parsed = Url::parse(url).map_err(|error| {
            wrong(format!("its URL cannot be read ({error}); it looks like postgres://user@host:5432/database"))
        })?;
        if !matches!(parsed.scheme(), "postgres" | "postgresql") {
            return Err(wrong(format!("its URL must begin with postgres://, not {}://", parsed.scheme())));
        }
        if let Some((_, mode)) = parsed.query_pairs().find(|(key, _)| key == "sslmode")
            && !matches!(mode.as_ref(), "disable" | "allow" | "prefer")
        {
            return Err(wrong(format!(
                "sslmode={mode} asks for TLS, which connections to PostgreSQL do not have yet; use sslmode=disable on a trusted network"
            )));
        }
        // The two drivers read URLs each in its own way: both must accept it now rather than in a refresh.
        PgConnectOptions::from_str(url).map_err(|_| wrong("its URL has a part that cannot be read".to_owned()))?;
        postgres::Config::from_str(&without_tls_mode(&parsed))
            .map_err(|_| wrong("its URL has a part that cannot be read".to_owned()))?;
        Ok(Self { name: name.to_owned(), url: DatabaseUrl(parsed), settings, reservations: Reservations::default() })
    }

    /// The source's name, which is the name of its catalogue.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Host, port and database, without user and password.
    pub fn location(&self) -> String {
        self.url.location()
    }

    /// What the operator has decided about it.
    pub fn settings(&self) -> &SourceSettings {
        &self.settings
    }

    /// Which of its tables are being refreshed.
    pub(crate) fn reservations(&self) -> &Reservations {
        &self.reservations
    }

    /// Options for the catalogue's connection.
    pub(crate) fn catalogue_options(&self) -> Result<PgConnectOptions> {
        PgConnectOptions::from_str(self.url.0.as_str())
            .map(|options| options.application_name("rail-forge catalogue").statement_cache_capacity(0))
            .map_err(|cause| Error::Source {
                source_name: self.name.clone(),
                message: "its URL cannot be read".to_owned(),
                cause: Some(cause.into()),
            })
    }

    /// Options for the connections that pull rows.
    pub(crate) fn pull_options(&self) -> Result<postgres::Config> {
        let mut config = postgres::Config::from_str(&without_tls_mode(&self.url.0)).map_err(|cause| Error::Source {
            source_name: self.name.clone(),
            message: "its URL cannot be read".to_owned(),
            cause: Some(cause.into()),
        })?;
        config.application_name("rail-forge pull").connect_timeout(self.settings.connect_timeout);
        Ok(config)
    }
}

impl Source {
    /// The same for the reader that decodes COPY.
    pub(crate) fn copy_options(&self) -> Result<tokio_postgres::Config> {
        let mut config =
            tokio_postgres::Config::from_str(&without_tls_mode(&self.url.0)).map_err(|cause| Error::Source {
                source_name: self.name.clone(),
                message: "its URL cannot be read".to_owned(),
                cause: Some(cause.into()),
            })?;
        config.application_name("rail-forge pull").connect_timeout(self.settings.connect_timeout);
        Ok(config)
    }
}

/// The URL without `sslmode`: the pull's driver knows fewer modes than libpq, and none of those that
/// [`Source::new`] lets pass asks for TLS.
fn without_tls_mode(url: &Url) -> String {
    let kept: Vec<(String, String)> =
        url.query_pairs().filter(|(key, _)| key != "sslmode").map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
    let mut url = url.clone();
    url.set_query(None);
    if !kept.is_empty() {
        url.query_pairs_mut().extend_pairs(kept);
    }
    url.into()
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
            ("postgres://app@db/shop?sslmode=verify-full", "sslmode=verify-full asks for TLS"),
        ] {
            let message = source(url).unwrap_err().to_string();
            assert!(message.contains(expected), "{url}: {message}");
        }
    }
}
