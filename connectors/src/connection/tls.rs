//! What `sslmode`, `sslrootcert`, `sslcert` and `sslkey` mean, as libpq has it. Always with the ring provider,
//! named here: a process-wide default could be another library's. Files are read at each connection, so that
//! certificates can be renewed under a running server.
//!
//! Stricter than libpq: `verify-full` looks for the host among the certificate's subjectAltNames only, and
//! never at its common name.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::certificates;
use super::error::ConnectionError;
use super::url::Parameters;
use super::verifier::{Authorities, Checks, ServerVerifier};

/// The value of `sslrootcert` that stands for the system's authorities.
const SYSTEM: &str = "system";

/// Where libpq looks for authorities when `sslrootcert` names none, below the home directory.
const DEFAULT_ROOT_FILE: &str = ".postgresql/root.crt";

/// `sslmode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// How one attempt to connect uses TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encryption {
    Never,
    IfOffered,
    Always,
}

/// `sslrootcert`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Roots {
    Unset,
    System,
    File(PathBuf),
}

/// `sslcert` and `sslkey`: how we show who we are.
#[derive(Debug, Clone)]
struct Identity {
    certificate: PathBuf,
    key: PathBuf,
}

/// How connections to one server use TLS.
#[derive(Debug, Clone)]
pub(super) struct Tls {
    mode: Mode,
    roots: Roots,
    identity: Option<Identity>,
    home: Option<PathBuf>,
}

impl Tls {
    /// `home` is the home directory of the process's user.
    pub(super) fn new(parameters: &Parameters, home: Option<PathBuf>) -> Result<Self, String> {
        let roots = match parameters.get("sslrootcert") {
            None => Roots::Unset,
            Some(SYSTEM) => Roots::System,
            Some(path) => Roots::File(path.into()),
        };
        let mode = match parameters.get("sslmode") {
            None if roots == Roots::System => Mode::VerifyFull,
            None | Some("prefer") => Mode::Prefer,
            Some("disable") => Mode::Disable,
            Some("allow") => Mode::Allow,
            Some("require") => Mode::Require,
            Some("verify-ca") => Mode::VerifyCa,
            Some("verify-full") => Mode::VerifyFull,
            Some(_) => {
                return Err("sslmode must be disable, allow, prefer, require, verify-ca or verify-full".to_owned());
            }
        };
        if roots == Roots::System && mode != Mode::VerifyFull {
            return Err("sslrootcert=system needs sslmode=verify-full: the system's authorities sign for everybody, \
                        and only the host's name tells servers apart"
                .to_owned());
        }
        let identity = match (parameters.get("sslcert"), parameters.get("sslkey")) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some(Identity { certificate: certificate.into(), key: key.into() }),
            (Some(_), None) => return Err("sslcert is given without sslkey".to_owned()),
            (None, Some(_)) => return Err("sslkey is given without sslcert".to_owned()),
        };
        Ok(Self { mode, roots, identity, home })
    }

    /// A connection that needs no TLS: it does not leave the machine.
    pub(super) fn for_socket(self) -> Self {
        Self { mode: Mode::Disable, ..self }
    }

    /// How to try to connect, and how to try again when the server may have refused for that.
    pub(super) fn ways(&self) -> (Encryption, Option<Encryption>) {
        match self.mode {
            Mode::Disable => (Encryption::Never, None),
            Mode::Allow => (Encryption::Never, Some(Encryption::Always)),
            Mode::Prefer => (Encryption::IfOffered, Some(Encryption::Never)),
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => (Encryption::Always, None),
        }
    }

    fn checks(&self) -> Checks {
        match self.mode {
            Mode::Disable | Mode::Allow | Mode::Prefer => Checks::Nothing,
            // libpq's rule, for those who had named an authority before verify-ca came.
            Mode::Require if matches!(self.roots, Roots::File(_)) => Checks::Chain,
            Mode::Require => Checks::Nothing,
            Mode::VerifyCa => Checks::Chain,
            Mode::VerifyFull => Checks::ChainAndName,
        }
    }

    /// Whether TLS is more than encryption: something is checked, or a certificate of ours is shown.
    pub(super) fn identifies(&self) -> bool {
        self.checks() != Checks::Nothing || self.identity.is_some()
    }

    /// What makes TLS connections. Where none is to be made, no file is read.
    pub(super) fn connector(&self, encryption: Encryption) -> Result<MakeRustlsConnect, ConnectionError> {
        let unused = encryption == Encryption::Never;
        let checks = if unused { Checks::Nothing } else { self.checks() };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            ServerVerifier { checks, authorities: self.authorities(checks)?, provider: Arc::clone(&provider) };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|cause| ConnectionError::setting("TLS cannot be used", Some(cause.into())))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let config = match &self.identity {
            Some(Identity { certificate, key }) if !unused => builder
                .with_client_auth_cert(
                    certificates::certificates("sslcert", certificate)?,
                    certificates::private_key("sslkey", key)?,
                )
                .map_err(|cause| {
                    let (certificate, key) = (certificate.display(), key.display());
                    let message = format!("the certificate of sslcert {certificate} and sslkey {key} do not fit");
                    ConnectionError::setting(message, Some(cause.into()))
                })?,
            _ => builder.with_no_client_auth(),
        };
        Ok(MakeRustlsConnect::new(config))
    }

    fn authorities(&self, checks: Checks) -> Result<Authorities, ConnectionError> {
        if checks == Checks::Nothing {
            return Ok(Authorities { anchors: RootCertStore::empty(), listed: vec![] });
        }
        match &self.roots {
            Roots::File(path) => certificates::authorities("sslrootcert", path),
            Roots::System => certificates::system_authorities(),
            Roots::Unset => match self.home.as_ref().map(|home| home.join(DEFAULT_ROOT_FILE)) {
                Some(path) if path.exists() => certificates::authorities("sslrootcert", &path),
                // Without the name, any server of anybody's would pass.
                _ if checks == Checks::Chain => Err(ConnectionError::setting(
                    "sslmode=verify-ca needs sslrootcert, a file with the authority's certificate (or \
                     ~/.postgresql/root.crt); sslmode=verify-full can do with the system's authorities",
                    None,
                )),
                _ => certificates::system_authorities(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(query: &str) -> Result<Tls, String> {
        Tls::new(&Parameters::read(&format!("postgres://db/shop?{query}"), &|_| None)?, None)
    }

    #[test]
    fn modes_mean_what_they_mean_for_libpq() {
        use Encryption::{Always, IfOffered, Never};
        for (query, ways, checks) in [
            ("", (IfOffered, Some(Never)), Checks::Nothing),
            ("sslmode=disable", (Never, None), Checks::Nothing),
            ("sslmode=allow", (Never, Some(Always)), Checks::Nothing),
            ("sslmode=prefer", (IfOffered, Some(Never)), Checks::Nothing),
            ("sslmode=prefer&sslrootcert=ca.pem", (IfOffered, Some(Never)), Checks::Nothing),
            ("sslmode=require", (Always, None), Checks::Nothing),
            ("sslmode=require&sslrootcert=ca.pem", (Always, None), Checks::Chain),
            ("sslmode=verify-ca&sslrootcert=ca.pem", (Always, None), Checks::Chain),
            ("sslmode=verify-full", (Always, None), Checks::ChainAndName),
            ("sslrootcert=system", (Always, None), Checks::ChainAndName),
            ("sslmode=verify-full&sslrootcert=system", (Always, None), Checks::ChainAndName),
        ] {
            let tls = tls(query).unwrap();
            assert_eq!((tls.ways(), tls.checks()), (ways, checks), "{query}");
        }
    }

    #[test]
    fn a_socket_never_uses_tls() {
        let tls =
            tls("sslmode=verify-full&sslrootcert=/no/such&sslcert=/no/such&sslkey=/no/such").unwrap().for_socket();
        assert_eq!(tls.ways(), (Encryption::Never, None));
        assert!(tls.connector(Encryption::Never).is_ok());
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for (query, expected) in [
            ("sslmode=canary", "sslmode must be"),
            ("sslmode=require&sslrootcert=system", "sslrootcert=system needs"),
            ("sslmode=verify-ca&sslrootcert=system", "sslrootcert=system needs"),
            ("sslcert=/canary", "without sslkey"),
            ("sslkey=/canary", "without sslcert"),
        ] {
            let message = tls(query).unwrap_err();
            assert!(message.contains(expected) && !message.contains("canary"), "{query}: {message}");
        }
    }

    #[test]
    fn a_file_that_is_missing_is_named() {
        let (no_text, other) = (std::env::current_exe().unwrap(), "/no/such.pem");
        let no_text = no_text.display();
        for (query, expected) in [
            (format!("sslmode=verify-ca&sslrootcert={other}"), format!("sslrootcert {other} cannot be read")),
            (
                format!("sslmode=verify-ca&sslrootcert={no_text}"),
                format!("sslrootcert {no_text} holds no certificates"),
            ),
            (format!("sslcert={other}&sslkey={other}"), format!("sslcert {other} cannot be read")),
            ("sslmode=verify-ca".to_owned(), "sslmode=verify-ca needs sslrootcert".to_owned()),
        ] {
            let message = tls(&query).unwrap().connector(Encryption::Always).err().unwrap().to_string();
            assert!(message.contains(&expected), "{query}: {message}");
        }
        let unused = tls(&format!("sslmode=allow&sslcert={other}&sslkey={other}")).unwrap();
        assert!(unused.connector(Encryption::Never).is_ok());
    }

    #[test]
    fn every_certificate_s_key_can_be_proven() {
        // Nothing of the process has chosen a provider, and none is needed.
        assert!(tls("sslmode=require").unwrap().connector(Encryption::Always).is_ok());
    }
}
