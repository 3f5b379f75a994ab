//! Settings of where and how Flight listens. What goes together has to be given together: a server that leaves TLS off
//! because half of its settings are missing would be worse than one that does not start.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Deserialize;

use super::SettingsError;

/// More than any fleet of dashboards has. Each idle connection takes some 20 KiB.
pub(super) const DEFAULT_MAX_CONNECTIONS: usize = 20_000;

/// Where and how Flight listens.
#[derive(Debug)]
pub struct Listening {
    pub address: SocketAddr,
    /// `None` for no TLS.
    pub tls: Option<TlsFiles>,
    pub unix_socket: Option<PathBuf>,
    pub max_connections: usize,
}

/// Files for TLS.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// `None` when clients are not asked for certificates.
    pub clients: Option<ClientAuthority>,
}

/// Who signs the certificates of clients.
#[derive(Debug, Clone)]
pub struct ClientAuthority {
    pub file: PathBuf,
    /// Whether clients without a certificate are refused.
    pub is_required: bool,
}

/// Whether clients have to show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsClientAuth {
    Required,
    Optional,
}

impl Listening {
    /// Whether what clients send can be read on the way.
    pub fn is_exposed(&self) -> bool {
        self.tls.is_none() && !self.address.ip().to_canonical().is_loopback()
    }

    /// Whether clients can be known by their certificates.
    pub fn knows_clients(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.clients.is_some())
    }
}

impl TlsFiles {
    pub(super) fn resolve(
        certificate: Option<PathBuf>,
        key: Option<PathBuf>,
        client_ca: Option<PathBuf>,
        client_auth: Option<TlsClientAuth>,
    ) -> Result<Option<Self>, SettingsError> {
        let wrong = |text: &str| Err(SettingsError(text.to_owned()));
        let (certificate, key) = match (certificate, key) {
            (Some(certificate), Some(key)) => (certificate, key),
            (Some(_), None) => return wrong("tls_certificate is given, and tls_key is not: give the file of its key"),
            (None, Some(_)) => return wrong("tls_key is given, and tls_certificate is not: give its certificate"),
            (None, None) if client_ca.is_some() || client_auth.is_some() => {
                return wrong(
                    "certificates of clients (tls_client_ca, tls_client_auth) go with TLS: give tls_certificate and \
                     tls_key as well",
                );
            }
            (None, None) => return Ok(None),
        };
        let clients = match (client_ca, client_auth) {
            (Some(file), auth) => Some(ClientAuthority { file, is_required: auth != Some(TlsClientAuth::Optional) }),
            (None, Some(_)) => {
                return wrong("tls_client_auth is given, and tls_client_ca is not: give the file of the authorities");
            }
            (None, None) => None,
        };
        Ok(Some(Self { certificate, key, clients }))
    }

    /// All files.
    pub fn all(&self) -> impl Iterator<Item = &Path> {
        let clients = self.clients.iter().map(|clients| clients.file.as_path());
        [self.certificate.as_path(), self.key.as_path()].into_iter().chain(clients)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(
        certificate: Option<&str>,
        key: Option<&str>,
        client_ca: Option<&str>,
        client_auth: Option<TlsClientAuth>,
    ) -> Result<Option<TlsFiles>, SettingsError> {
        let path = |text: Option<&str>| text.map(PathBuf::from);
        TlsFiles::resolve(path(certificate), path(key), path(client_ca), client_auth)
    }

    #[test]
    fn half_of_tls_is_an_error_and_not_none() {
        assert!(resolve(None, None, None, None).unwrap().is_none());
        assert!(resolve(Some("c"), Some("k"), None, None).unwrap().unwrap().clients.is_none());
        let auth = Some(TlsClientAuth::Optional);
        for (certificate, key, client_ca, client_auth) in [
            (Some("c"), None, None, None),
            (None, Some("k"), None, None),
            (None, None, Some("a"), None),
            (None, None, None, auth),
            (Some("c"), Some("k"), None, auth),
            (Some("c"), None, Some("a"), auth),
        ] {
            assert!(
                resolve(certificate, key, client_ca, client_auth).is_err(),
                "{certificate:?} {key:?} {client_ca:?}"
            );
        }
    }

    #[test]
    fn certificates_of_clients_are_required_unless_they_are_optional() {
        for (given, required) in
            [(None, true), (Some(TlsClientAuth::Required), true), (Some(TlsClientAuth::Optional), false)]
        {
            let files = resolve(Some("c"), Some("k"), Some("a"), given).unwrap().unwrap();
            assert_eq!(files.clients.as_ref().map(|clients| clients.is_required), Some(required));
            assert_eq!(files.all().count(), 3);
        }
    }

    #[test]
    fn without_tls_only_the_loopback_is_not_exposed() {
        let listening = |address: &str, tls: Option<TlsFiles>| Listening {
            address: address.parse().unwrap(),
            tls,
            unix_socket: None,
            max_connections: 1,
        };
        assert!(listening("0.0.0.0:1", None).is_exposed() && listening("[2001:db8::1]:1", None).is_exposed());
        assert!(!listening("127.0.0.1:1", None).is_exposed() && !listening("[::ffff:127.0.0.1]:1", None).is_exposed());
        assert!(!listening("0.0.0.0:1", resolve(Some("c"), Some("k"), None, None).unwrap()).is_exposed());
    }
}
