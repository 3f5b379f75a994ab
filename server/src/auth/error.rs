//! What can be wrong with tokens and keys. Nothing of a secret is ever part of it.

use std::io;
use std::path::PathBuf;

/// Why tokens or a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// A file cannot be read or written.
    #[error("cannot {act} {}: {cause}", .path.display())]
    File {
        act: &'static str,
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} is damaged ({what}); {remedy}", .path.display())]
    Damaged { path: PathBuf, what: String, remedy: &'static str },
    /// The name is taken.
    #[error("there is a token \"{0}\" already; revoke it first, or take another name")]
    NameTaken(String),
    /// Nothing has the name.
    #[error("there is no token \"{0}\"; rail-forge token list names those there are")]
    UnknownName(String),
    /// The keys of an issuer cannot be fetched as the configuration asks for.
    #[error("oidc \"{name}\": {what}")]
    Issuer { name: String, what: String },
    /// The operating system gave no random bytes, or hashing failed.
    #[error("cannot make a secret: {0}")]
    Secret(String),
}

impl AuthError {
    pub(super) fn file(act: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::File { act, path, cause }
    }
}
