//! Why no connection was made, in words of ours and the same for both drivers. What PostgreSQL or a driver
//! said is kept as the cause, for the log: it may quote what was sent.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError};

use crate::error::{Cause, Error};

/// What both drivers say, and the catalogue's tunnel too, when the server answers that it has no TLS.
pub(super) const NO_TLS: &str = "server does not support TLS";

/// What the pull's driver says when it is asked for a password and has none.
const NO_PASSWORD: &str = "password missing";

/// How the standard library's text begins when a host name stands for no address; it has no kind of its own.
const NO_ADDRESS: &str = "failed to lookup address information";

/// No connection was made.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct ConnectionError {
    reason: Reason,
    #[source]
    cause: Option<Cause>,
}

/// What the caller does next differs with each.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
enum Reason {
    #[error("refused the password; check {origin}")]
    Password { origin: String },
    #[error("asks for a password, and there is none; put it into the source's URL, PGPASSWORD or ~/.pgpass")]
    NoPassword,
    #[error("refused the role; check the source's URL and the server's pg_hba.conf")]
    Role,
    #[error("has no database of that name")]
    Database,
    #[error("has no connection left")]
    Full,
    #[error("is starting up or shutting down")]
    StartingUp,
    #[error("refused the connection (SQLSTATE {0})")]
    Refused(String),
    #[error("has no TLS, which sslmode asks for")]
    NoTls,
    #[error("has a certificate that is not trusted; check sslrootcert")]
    Untrusted,
    #[error(
        "has a certificate for another host; sslmode=verify-full needs the host of the URL among its subjectAltNames"
    )]
    OtherHost,
    #[error("has a certificate that has expired or is not valid yet")]
    Expired,
    #[error("asks for a client certificate; set sslcert and sslkey")]
    NoClientCertificate,
    #[error("refused the client certificate; check sslcert")]
    ClientCertificate,
    #[error("could not agree with us on a TLS connection")]
    Handshake,
    #[error("did not answer within {} s", .0.as_secs_f64())]
    Silent(Duration),
    #[error("cannot be reached (its name stands for no address)")]
    NoAddress,
    #[error("cannot be reached ({0})")]
    Unreachable(io::ErrorKind),
    #[error("answered in a way that is not understood")]
    Unknown,
    /// A setting of ours is wrong; the server was not asked.
    #[error("{0}")]
    Setting(String),
}

/// What was tried.
pub(super) struct Attempt<'a> {
    /// Where the password came from, if there was one.
    pub(super) password_origin: Option<&'a str>,
    pub(super) timeout: Duration,
}

impl ConnectionError {
    /// What a driver gave as its error.
    pub(super) fn new(cause: impl Into<Cause>, attempt: &Attempt<'_>) -> Self {
        let cause = cause.into();
        Self { reason: reason(cause.as_ref(), attempt), cause: Some(cause) }
    }

    /// A setting cannot be used; `message` names it.
    pub(super) fn setting(message: impl Into<String>, cause: Option<Cause>) -> Self {
        Self { reason: Reason::Setting(message.into()), cause }
    }

    /// There was no answer in time.
    pub(super) fn silent(timeout: Duration) -> Self {
        Self { reason: Reason::Silent(timeout), cause: None }
    }

    /// Whether the same server may take us with TLS where it did not without, or the other way round.
    pub(super) fn depends_on_encryption(&self) -> bool {
        match &self.reason {
            Reason::Role
            | Reason::NoTls
            | Reason::Untrusted
            | Reason::OtherHost
            | Reason::Expired
            | Reason::NoClientCertificate
            | Reason::ClientCertificate
            | Reason::Handshake => true,
            Reason::Password { .. }
            | Reason::NoPassword
            | Reason::Database
            | Reason::Full
            | Reason::StartingUp
            | Reason::Refused(_)
            | Reason::Silent(_)
            | Reason::NoAddress
            | Reason::Unreachable(_)
            | Reason::Unknown
            | Reason::Setting(_) => false,
        }
    }

    /// Of two ways that both failed, what the operator needs to know: the second's failure says more only if
    /// that way was open.
    pub(super) fn or(self, second: Self) -> Self {
        if second.depends_on_encryption() { self } else { second }
    }

    /// As an error of this crate.
    pub(crate) fn into_error(self, source_name: &str, location: &str) -> Error {
        let message = match &self.reason {
            Reason::Setting(message) => message.clone(),
            reason => format!("{location} {reason}"),
        };
        Error::Source { source_name: source_name.to_owned(), message, cause: self.cause }
    }
}

/// Finds out what happened from an error and its causes: what the database said, else what TLS said, else the
/// operating system.
fn reason(error: &(dyn StdError + 'static), attempt: &Attempt<'_>) -> Reason {
    let mut kind = None;
    let mut tls_failed = false;
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(state) = sqlstate(error) {
            return refused(&state, attempt);
        }
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return of_tls(error);
        }
        tls_failed |= matches!(error.downcast_ref(), Some(sqlx::Error::Tls(_)))
            || error.is::<tokio_postgres::Error>() && error.to_string() == TLS_FAILED;
        let text = error.to_string();
        if text == NO_TLS {
            return Reason::NoTls;
        }
        if text == NO_PASSWORD {
            return Reason::NoPassword;
        }
        next = match error.downcast_ref::<io::Error>() {
            Some(error) if error.to_string().starts_with(NO_ADDRESS) => return Reason::NoAddress,
            Some(error) => {
                kind = Some(error.kind());
                // What the operating system's error wraps, which is not among its sources.
                error.get_ref().map(|error| error as &(dyn StdError + 'static))
            }
            None => error.source(),
        };
    }
    match kind {
        _ if tls_failed => Reason::Handshake,
        Some(io::ErrorKind::TimedOut) => Reason::Silent(attempt.timeout),
        Some(kind) => Reason::Unreachable(kind),
        None => Reason::Unknown,
    }
}

/// How the pull's driver calls every failure of TLS.
const TLS_FAILED: &str = "error performing TLS handshake";

fn sqlstate(error: &(dyn StdError + 'static)) -> Option<String> {
    if let Some(sqlx::Error::Database(error)) = error.downcast_ref() {
        return Some(error.code().unwrap_or_default().into_owned());
    }
    error.downcast_ref::<tokio_postgres::error::DbError>().map(|error| error.code().code().to_owned())
}

fn refused(sqlstate: &str, attempt: &Attempt<'_>) -> Reason {
    match (sqlstate, attempt.password_origin) {
        ("28P01", Some(origin)) => Reason::Password { origin: origin.to_owned() },
        ("28P01", None) => Reason::NoPassword,
        ("28000", _) => Reason::Role,
        ("3D000", _) => Reason::Database,
        ("53300", _) => Reason::Full,
        ("57P03", _) => Reason::StartingUp,
        (code, _) => Reason::Refused(code.to_owned()),
    }
}

fn of_tls(error: &rustls::Error) -> Reason {
    match error {
        rustls::Error::InvalidCertificate(error) => match error {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Reason::OtherHost,
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Reason::Expired,
            _ => Reason::Untrusted,
        },
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => Reason::NoClientCertificate,
        rustls::Error::AlertReceived(
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA,
        ) => Reason::ClientCertificate,
        _ => Reason::Handshake,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATTEMPT: Attempt<'_> = Attempt { password_origin: Some("PGPASSWORD"), timeout: Duration::from_secs(10) };

    fn said(cause: impl Into<Cause>) -> String {
        ConnectionError::new(cause, &ATTEMPT).to_string()
    }

    fn tls(error: rustls::Error) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }

    #[test]
    fn the_network_is_told_from_tls() {
        assert_eq!(said(io::Error::from(io::ErrorKind::ConnectionRefused)), "cannot be reached (connection refused)");
        assert_eq!(said(io::Error::from(io::ErrorKind::TimedOut)), "did not answer within 10 s");
        assert!(said(io::Error::other("failed to lookup address information: x")).contains("no address"));
        assert!(said(sqlx::Error::Io(io::ErrorKind::NotFound.into())).contains("cannot be reached"));
        assert!(said(sqlx::Error::Tls(NO_TLS.into())).contains("has no TLS"));
        assert!(said(sqlx::Error::Tls("something else".into())).contains("could not agree"));
        assert!(said(sqlx::Error::WorkerCrashed).contains("not understood"));
    }

    #[test]
    fn what_tls_says_is_found_wherever_it_is() {
        let untrusted = || rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let expected = "has a certificate that is not trusted; check sslrootcert";
        assert_eq!(said(untrusted()), expected);
        assert_eq!(said(tls(untrusted())), expected);
        assert_eq!(said(sqlx::Error::Io(tls(untrusted()))), expected);
        assert_eq!(said(sqlx::Error::Tls(Box::new(tls(untrusted())))), expected);
        for (error, expected) in [
            (rustls::Error::InvalidCertificate(CertificateError::NotValidForName), "for another host"),
            (rustls::Error::InvalidCertificate(CertificateError::Expired), "expired"),
            (rustls::Error::AlertReceived(AlertDescription::CertificateRequired), "set sslcert"),
            (rustls::Error::AlertReceived(AlertDescription::UnknownCA), "refused the client certificate"),
            (rustls::Error::AlertReceived(AlertDescription::ProtocolVersion), "could not agree"),
        ] {
            let said = said(tls(error.clone()));
            assert!(said.contains(expected), "{error}: {said}");
        }
    }

    #[test]
    fn the_database_s_states_have_words() {
        for (state, expected) in [
            ("28P01", "refused the password; check PGPASSWORD"),
            ("28000", "pg_hba.conf"),
            ("3D000", "has no database of that name"),
            ("53300", "has no connection left"),
            ("57P03", "is starting up"),
            ("0A000", "SQLSTATE 0A000"),
        ] {
            let text = refused(state, &ATTEMPT).to_string();
            assert!(text.contains(expected), "{text}");
        }
        assert_eq!(refused("28P01", &Attempt { password_origin: None, ..ATTEMPT }), Reason::NoPassword);
    }

    #[test]
    fn of_two_failures_the_telling_one_is_kept() {
        let role = || ConnectionError { reason: Reason::Role, cause: None };
        let no_tls = ConnectionError { reason: Reason::NoTls, cause: None };
        let password = ConnectionError { reason: Reason::NoPassword, cause: None };
        assert_eq!(role().or(no_tls).reason, Reason::Role);
        assert_eq!(role().or(password).reason, Reason::NoPassword);
    }

    #[test]
    fn only_what_the_server_did_carries_its_place() {
        let of_server = ConnectionError::silent(Duration::from_secs(3)).into_error("shop", "db:5432/shop").to_string();
        assert_eq!(of_server, "source \"shop\": db:5432/shop did not answer within 3 s");
        let setting = ConnectionError::setting("sslcert /x cannot be read", None).into_error("shop", "db").to_string();
        assert_eq!(setting, "source \"shop\": sslcert /x cannot be read");
    }
}
