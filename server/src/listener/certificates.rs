//! The server's certificate, its key, and the authority of clients' certificates, from PEM files. TLS 1.2 and 1.3 with
//! the suites that rustls takes for safe, and HTTP/2 alone. Refused: what is no certificate, and a key that is not the
//! certificate's.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{InconsistentKeys, RootCertStore, ServerConfig};
use x509_cert::der::Decode;

use crate::pem::{self, PemError};
use crate::settings::{ClientAuthority, TlsFiles};

/// The one protocol that is spoken after the handshake, by its name there.
const HTTP_2: &[u8] = b"h2";

/// Why files cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum CertificateError {
    /// A file does not hold what it should.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// Certificate and key do not go together.
    #[error("the key in {} is not the key of the certificate in {}", .key.display(), .certificate.display())]
    OtherKey { certificate: PathBuf, key: PathBuf },
    /// Something else is wrong with a certificate or a key.
    #[error("the certificate in {} with the key in {} cannot be used: {cause}", .certificate.display(), .key.display())]
    Unusable {
        certificate: PathBuf,
        key: PathBuf,
        #[source]
        cause: rustls::Error,
    },
    /// Clients' certificates cannot be checked.
    #[error("{} holds no authority that certificates of clients can be checked with: {cause}", .path.display())]
    Authority {
        path: PathBuf,
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Reads the files.
///
/// # Errors
/// When one of them cannot be used.
pub(super) fn load(files: &TlsFiles) -> Result<Arc<ServerConfig>, CertificateError> {
    let chain = pem::certificates(&files.certificate)?;
    let key = pem::private_key(&files.key)?;
    let of_both =
        |cause| CertificateError::Unusable { certificate: files.certificate.clone(), key: files.key.clone(), cause };
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(of_both)?;
    let builder = match &files.clients {
        Some(authority) => builder.with_client_cert_verifier(verifier(authority, provider)?),
        None => builder.with_no_client_auth(),
    };
    let ends = chain.first().and_then(end_of);
    let mut config = builder.with_single_cert(chain, key).map_err(|cause| match cause {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            CertificateError::OtherKey { certificate: files.certificate.clone(), key: files.key.clone() }
        }
        cause => of_both(cause),
    })?;
    config.alpn_protocols = vec![HTTP_2.to_vec()];
    if ends.is_some_and(|ends| ends <= SystemTime::now()) {
        let file = files.certificate.display();
        tracing::warn!("the TLS certificate in {file} has expired, so that clients refuse it");
    }
    Ok(Arc::new(config))
}

/// What checks the certificates of clients.
fn verifier(
    authority: &ClientAuthority,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, CertificateError> {
    let path = &authority.file;
    let unusable =
        |cause: Box<dyn std::error::Error + Send + Sync>| CertificateError::Authority { path: path.clone(), cause };
    let mut roots = RootCertStore::empty();
    for certificate in pem::certificates(path)? {
        roots.add(certificate).map_err(|cause| unusable(cause.into()))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = if authority.is_required { builder } else { builder.allow_unauthenticated() };
    builder.build().map_err(|cause| unusable(cause.into()))
}

/// When a certificate expires, if it says so in a way that is understood here.
fn end_of(certificate: &CertificateDer<'_>) -> Option<SystemTime> {
    let certificate = x509_cert::Certificate::from_der(certificate).ok()?;
    Some(certificate.tbs_certificate.validity.not_after.to_system_time())
}
