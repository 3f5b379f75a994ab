//! Certificates and private keys from PEM files. Refused: files without what they should hold. No error shows anything
//! of a file, because it may be a key.

use std::io;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PemError {
    /// It cannot be read.
    #[error("cannot read {}: {cause}", .path.display())]
    File {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    /// It does not hold what it should.
    #[error("{} holds no {what} in PEM format", .path.display())]
    Missing { path: PathBuf, what: &'static str },
    /// It is not whole.
    #[error("{} is damaged: its PEM format is broken", .path.display())]
    Damaged { path: PathBuf },
}

/// All certificates of a file, at least one.
///
/// # Errors
/// When there is none, or the file cannot be read.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, PemError> {
    const WHAT: &str = "certificate";
    let broken = |error| broken(path, WHAT, error);
    let found: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(broken)?.collect::<Result<_, _>>().map_err(broken)?;
    if found.is_empty() { Err(broken(Error::NoItemsFound)) } else { Ok(found) }
}

/// The first private key of a file, in any of the formats that `openssl` writes without a password.
///
/// # Errors
/// When there is none, or the file cannot be read.
pub fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, PemError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| broken(path, "private key without a password", error))
}

/// The library's error would show lines of the file.
fn broken(path: &Path, what: &'static str, error: Error) -> PemError {
    let path = path.to_owned();
    match error {
        Error::Io(cause) => PemError::File { path, cause },
        Error::NoItemsFound => PemError::Missing { path, what },
        _ => PemError::Damaged { path },
    }
}
