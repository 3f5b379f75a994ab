//! How the commands reach a server: over TCP, with TLS or without, or through a Unix domain socket. Refused: to send the
//! token of the environment where others could read it on the way, because nobody has said so with the command.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use clap::Args;
use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};
use tower::Service;

use crate::duplex::Duplex;
use crate::failure::{Failure, first_cause};
use crate::loopback::is_loopback;
use crate::pem;

/// What every request names as its server when there is no host.
const NO_HOST: &str = "http://localhost";

/// How a server proves who it is, and the client.
#[derive(Debug, Args)]
pub(super) struct TlsArgs {
    /// The file of the authorities that sign the server's certificate, in PEM format, for grpc+tls addresses. Default:
    /// those of the system.
    #[arg(long, env = "RAIL_FORGE_TLS_CA", value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// The file of a certificate to show to the server, in PEM format.
    #[arg(long, env = "RAIL_FORGE_CLIENT_CERTIFICATE", value_name = "FILE", requires = "client_key")]
    client_certificate: Option<PathBuf>,
    /// The file of the private key of client_certificate, in PEM format.
    #[arg(long, env = "RAIL_FORGE_CLIENT_KEY", value_name = "FILE", requires = "client_certificate")]
    client_key: Option<PathBuf>,
}

/// Where a server is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Address {
    Tcp(Uri),
    Tls(Uri),
    Unix(PathBuf),
}

impl Address {
    /// Reads an address as the server's ready file has it.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn parse(url: &str) -> Result<Self, Failure> {
        let wrong = || {
            // Before an @ there may be a password.
            let shown = if url.contains('@') { "what is given" } else { url };
            Failure::work(format!(
                "{shown} is not an address; it looks like grpc://127.0.0.1:32010, grpc+tls://HOST:PORT or \
                 grpc+unix:///PATH"
            ))
        };
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        let host = |scheme: &str| {
            let uri: Uri = format!("{scheme}://{rest}").parse().ok()?;
            (uri.port().is_some() && uri.path() == "/" && !rest.contains(['@', '?', '#'])).then_some(uri)
        };
        match scheme {
            "grpc" | "grpc+tcp" | "http" => host("http").map(Self::Tcp),
            "grpc+tls" | "https" => host("https").map(Self::Tls),
            "grpc+unix" => Some(Self::Unix(rest.into())).filter(|_| rest.starts_with('/')),
            _ => None,
        }
        .ok_or_else(wrong)
    }

    /// The host that what is sent can be read on the way to.
    pub(super) fn exposed_host(&self) -> Option<&str> {
        let Self::Tcp(uri) = self else { return None };
        let host = uri.host().unwrap_or_default();
        (!is_loopback(host)).then_some(host)
    }

    /// Connects.
    ///
    /// # Errors
    /// When a file cannot be used or nobody answers.
    pub(super) async fn connect(&self, url: &str, tls: &TlsArgs) -> Result<Channel, Failure> {
        let road = match self {
            Self::Tcp(uri) => Road::Tcp(authority(uri)),
            Self::Tls(uri) => {
                let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
                let name = ServerName::try_from(host.to_owned())
                    .map_err(|_| Failure::work(format!("{host} is no name of a host")))?;
                Road::Tls(authority(uri), name, Arc::new(tls.config()?))
            }
            Self::Unix(path) => Road::Unix(path.clone()),
        };
        let origin = match self {
            Self::Tcp(uri) | Self::Tls(uri) => uri.clone(),
            Self::Unix(_) => Uri::from_static(NO_HOST),
        };
        // The scheme of the endpoint is of no meaning: the road is taken, and requests have the origin's.
        Endpoint::from_static(NO_HOST)
            .origin(origin)
            .connect_with_connector(Connector(road))
            .await
            .map_err(|error| Failure::work(format!("no server answers at {url} ({})", first_cause(&error))))
    }
}

fn authority(uri: &Uri) -> String {
    uri.authority().map(ToString::to_string).unwrap_or_default()
}

impl TlsArgs {
    fn config(&self) -> Result<ClientConfig, Failure> {
        let failed = |error: rustls::Error| Failure::work(format!("TLS cannot be used: {error}"));
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .with_root_certificates(self.roots()?);
        let mut config = match (&self.client_certificate, &self.client_key) {
            (Some(certificate), Some(key)) => builder
                .with_client_auth_cert(certificates(certificate)?, pem::private_key(key).map_err(unusable)?)
                .map_err(|error| {
                    let (certificate, key) = (certificate.display(), key.display());
                    Failure::usage(format!("{certificate} and {key} cannot be used: {error}"))
                })?,
            _ => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }

    fn roots(&self) -> Result<RootCertStore, Failure> {
        let mut roots = RootCertStore::empty();
        match &self.tls_ca {
            Some(path) => {
                for certificate in certificates(path)? {
                    roots
                        .add(certificate)
                        .map_err(|error| Failure::usage(format!("{} cannot be used: {error}", path.display())))?;
                }
            }
            // What the system has and cannot be read is left out; the server is refused if it was needed.
            None => _ = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
        }
        Ok(roots)
    }
}

fn certificates(path: &Path) -> Result<Vec<rustls::pki_types::CertificateDer<'static>>, Failure> {
    pem::certificates(path).map_err(unusable)
}

fn unusable(error: pem::PemError) -> Failure {
    Failure::usage(error.to_string())
}

/// The way to a server.
#[derive(Clone)]
enum Road {
    Tcp(String),
    Tls(String, ServerName<'static>, Arc<ClientConfig>),
    Unix(PathBuf),
}

impl Road {
    async fn take(self) -> io::Result<Box<dyn Duplex>> {
        match self {
            Self::Tcp(address) => Ok(Box::new(tcp(&address).await?)),
            Self::Tls(address, name, config) => {
                let stream = TlsConnector::from(config).connect(name, tcp(&address).await?).await?;
                Ok(Box::new(stream))
            }
            Self::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
        }
    }
}

async fn tcp(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Takes the road, whatever address it is asked for.
struct Connector(Road);

impl Service<Uri> for Connector {
    type Response = TokioIo<Box<dyn Duplex>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let road = self.0.clone();
        Box::pin(async move { road.take().await.map(TokioIo::new) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exposed(url: &str) -> Option<String> {
        Address::parse(url).unwrap().exposed_host().map(str::to_owned)
    }

    #[test]
    fn addresses_are_read_as_the_server_writes_them() {
        let tls = Address::parse("grpc+tls://db.example.org:32010").unwrap();
        assert_eq!(tls, Address::Tls(Uri::from_static("https://db.example.org:32010")));
        let unix = Address::parse("grpc+unix:///run/rail-forge.sock").unwrap();
        assert_eq!(unix, Address::Unix("/run/rail-forge.sock".into()));
        for good in ["grpc://127.0.0.1:1", "grpc+tcp://[::1]:1", "http://localhost:1"] {
            assert!(matches!(Address::parse(good), Ok(Address::Tcp(_))), "{good}");
        }
        for wrong in [
            "",
            "x",
            "127.0.0.1:1",
            "grpc://127.0.0.1",
            "grpc://a:canary@c:1",
            "grpc://a:1/x",
            "grpc://a:1?x",
            "grpc://a:1#x",
            "grpc+unix://x",
            "ftp://a:1",
        ] {
            let message = Address::parse(wrong).unwrap_err().to_string();
            assert!(!message.contains("canary"), "{message}");
        }
    }

    #[test]
    fn only_what_crosses_the_network_in_the_clear_is_exposed() {
        for here in [
            "grpc://127.0.0.1:1",
            "grpc://[::1]:1",
            "grpc://localhost:1",
            "grpc+tls://db.example.org:1",
            "grpc+unix:///x",
        ] {
            assert_eq!(exposed(here), None, "{here}");
        }
        for (elsewhere, host) in [
            ("grpc://db.example.org:1", "db.example.org"),
            ("grpc+tcp://192.0.2.1:1", "192.0.2.1"),
            ("grpc://localhost.example.org:1", "localhost.example.org"),
            ("grpc://0.0.0.0:1", "0.0.0.0"),
        ] {
            assert_eq!(exposed(elsewhere).as_deref(), Some(host), "{elsewhere}");
        }
    }
}
