//! Reads certificates and keys from PEM files. An error names the parameter and the file, never its contents.

use std::fs;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::error::ConnectionError;
use super::verifier::Authorities;

/// The authorities of a file.
pub(super) fn authorities(parameter: &str, path: &Path) -> Result<Authorities, ConnectionError> {
    let listed = certificates(parameter, path)?;
    let mut anchors = RootCertStore::empty();
    if anchors.add_parsable_certificates(listed.iter().cloned()) == (0, listed.len()) {
        return Err(unusable(parameter, path, "holds no certificate that can be used"));
    }
    Ok(Authorities { anchors, listed })
}

/// The authorities of the system.
pub(super) fn system_authorities() -> Result<Authorities, ConnectionError> {
    let found = rustls_native_certs::load_native_certs();
    let mut anchors = RootCertStore::empty();
    anchors.add_parsable_certificates(found.certs);
    if anchors.is_empty() {
        let message = "sslrootcert: this system has no certificates of authorities; install them (ca-certificates) or \
                       name a file";
        return Err(ConnectionError::setting(message, found.errors.into_iter().next().map(Into::into)));
    }
    Ok(Authorities { anchors, listed: vec![] })
}

/// The certificates of a file, in its order.
pub(super) fn certificates(parameter: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, ConnectionError> {
    let pem = read(parameter, path)?;
    let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(unusable(parameter, path, "holds no certificates in PEM")),
    }
}

/// The first private key of a file.
pub(super) fn private_key(parameter: &str, path: &Path) -> Result<PrivateKeyDer<'static>, ConnectionError> {
    PrivateKeyDer::from_pem_slice(&read(parameter, path)?)
        .map_err(|_| unusable(parameter, path, "holds no private key in PEM without a passphrase (PKCS#8, RSA or EC)"))
}

fn read(parameter: &str, path: &Path) -> Result<Vec<u8>, ConnectionError> {
    fs::read(path).map_err(|cause| {
        let message = format!("{parameter} {} cannot be read ({})", path.display(), cause.kind());
        ConnectionError::setting(message, Some(cause.into()))
    })
}

fn unusable(parameter: &str, path: &Path, what: &str) -> ConnectionError {
    ConnectionError::setting(format!("{parameter} {} {what}", path.display()), None)
}
