//! The key that logins and statement handles are signed with. It outlives the server, so that neither ends with a
//! restart, and servers that share it accept each other's.

use std::fmt;
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::error::AuthError;
use super::{hash, secret_file};

const KEY_BYTES: usize = 32;
/// The length of a signature.
pub const SIGNATURE_BYTES: usize = 32;
/// More than this is no key.
const LONGEST_FILE_BYTES: u64 = 1 << 10;
const REMEDY: &str = "remove it, and logins and open statements end; or write 64 hexadecimal digits of your own";

/// What a signature is for. A signature for one is none for another.
#[derive(Debug, Clone, Copy)]
pub enum Purpose {
    Login,
    Statement,
    /// Of a token that was verified; never leaves the process.
    Memory,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Login => b"rail-forge login",
            Self::Statement => b"rail-forge statement",
            Self::Memory => b"rail-forge memory",
        }
    }
}

/// A key of HMAC-SHA256.
#[derive(Clone)]
pub struct SigningKey([u8; KEY_BYTES]);

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningKey(..)")
    }
}

impl SigningKey {
    /// A key that nobody else has.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn random() -> Result<Self, AuthError> {
        hash::random().map(Self)
    }

    /// The key in a file, which is made if it is missing.
    ///
    /// # Errors
    /// When the file cannot be read or made, or holds something else.
    pub fn open(path: &Path) -> Result<Self, AuthError> {
        if !path.try_exists().map_err(AuthError::file("read", path))? {
            let text = format!("{}\n", hash::hexadecimal(&Self::random()?.0));
            // Where another server was faster, its key is taken.
            secret_file::create(path, text.as_bytes()).map_err(AuthError::file("write", path))?;
        }
        let (content, metadata) = secret_file::read(path, LONGEST_FILE_BYTES).map_err(AuthError::file("read", path))?;
        if secret_file::is_open_to_others(&metadata) {
            tracing::warn!(file = %path.display(), "other users may read the signing key; take that right from them");
        }
        let key = std::str::from_utf8(&content).ok().and_then(|text| hash::from_hexadecimal(text.trim()));
        key.map(Self).ok_or_else(|| AuthError::Damaged {
            path: path.to_owned(),
            what: "a signing key has 64 hexadecimal digits".to_owned(),
            remedy: REMEDY,
        })
    }

    /// Signs parts, each of which is told apart from the next.
    pub fn sign(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; SIGNATURE_BYTES] {
        self.digest(purpose, parts).finalize().into_bytes().into()
    }

    /// Whether a signature is that of the parts, in the same time whatever differs.
    pub fn verify(&self, purpose: Purpose, parts: &[&[u8]], signature: &[u8]) -> bool {
        self.digest(purpose, parts).verify_slice(signature).is_ok()
    }

    fn digest(&self, purpose: Purpose, parts: &[&[u8]]) -> Hmac<Sha256> {
        // A short key is what HMAC makes of it: one of a whole block, with zeros behind it.
        let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
        block[..KEY_BYTES].copy_from_slice(&self.0);
        let mut digest = Hmac::<Sha256>::new(&block);
        for part in std::iter::once(purpose.label()).chain(parts.iter().copied()) {
            digest.update(&(part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        digest
    }
}

#[cfg(test)]
mod tests {
    use super::super::secret_file::testing::Folder;
    use super::*;

    /// Computed with Python's `hmac`: logins outlive versions of the server.
    #[test]
    fn signatures_stay_the_same() {
        let key = SigningKey(std::array::from_fn(|index| index as u8));
        let expected = "db6cde85b12deff52278069ccee6abd208e527069e60641a59351d0a81905d4c";
        assert_eq!(hash::hexadecimal(&key.sign(Purpose::Login, &[b"ab", b"c"])), expected);
    }

    #[test]
    fn signatures_are_for_one_purpose_one_key_and_these_parts() {
        let (key, other) = (SigningKey::random().unwrap(), SigningKey::random().unwrap());
        let signature = key.sign(Purpose::Login, &[b"ab", b"c"]);
        assert!(key.verify(Purpose::Login, &[b"ab", b"c"], &signature));
        assert!(!key.verify(Purpose::Login, &[b"a", b"bc"], &signature));
        assert!(!key.verify(Purpose::Statement, &[b"ab", b"c"], &signature));
        assert!(!key.verify(Purpose::Login, &[b"ab", b"c"], &signature[..16]));
        assert!(!other.verify(Purpose::Login, &[b"ab", b"c"], &signature));
    }

    #[test]
    fn a_key_is_kept_and_a_damaged_one_refused_by_name() {
        let folder = Folder::new();
        let path = folder.join("signing.key");
        let signature = SigningKey::open(&path).unwrap().sign(Purpose::Login, &[b"x"]);
        assert!(SigningKey::open(&path).unwrap().verify(Purpose::Login, &[b"x"], &signature));
        for damaged in ["", "abc", "zz"] {
            std::fs::write(&path, damaged.repeat(32)).unwrap();
            let message = SigningKey::open(&path).unwrap_err().to_string();
            assert!(message.contains("signing.key") && message.contains("damaged"), "{message}");
        }
    }
}
