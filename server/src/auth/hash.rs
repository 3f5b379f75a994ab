//! Random bytes, their text, and the slow hash under which secrets of tokens are kept.

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{ARGON2ID_IDENT, Argon2};

use super::error::AuthError;

const SALT_BYTES: usize = 16;

/// Random bytes of the operating system.
///
/// # Errors
/// When it gives none.
pub(super) fn random<const N: usize>() -> Result<[u8; N], AuthError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| AuthError::Secret(error.to_string()))?;
    Ok(bytes)
}

/// Two digits a byte, lower case.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Exactly so many bytes, or `None`. Digits are lower case, so that a text has one form.
pub(super) fn from_hexadecimal<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

/// The argon2id hash of a secret, as text that names its salt and its costs.
///
/// # Errors
/// When there are no random bytes, or no memory.
pub(super) fn slow(secret: &[u8]) -> Result<String, AuthError> {
    let failed = |error: argon2::password_hash::Error| AuthError::Secret(error.to_string());
    let salt = SaltString::encode_b64(&random::<SALT_BYTES>()?).map_err(failed)?;
    // The default is argon2id with the costs that OWASP recommends: 19 MiB, two passes.
    Ok(Argon2::default().hash_password(secret, &salt).map_err(failed)?.to_string())
}

/// Whether a text is such a hash.
pub(super) fn is_slow(text: &str) -> bool {
    PasswordHash::new(text).is_ok_and(|hash| hash.algorithm == ARGON2ID_IDENT && hash.hash.is_some())
}

/// Whether a secret has the hash. It takes a core for tens of milliseconds, and 19 MiB.
pub(super) fn matches(secret: &[u8], text: &str) -> bool {
    PasswordHash::new(text).is_ok_and(|hash| Argon2::default().verify_password(secret, &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_one_text() {
        assert_eq!(hexadecimal(&[0, 0x0f, 0xff]), "000fff");
        assert_eq!(from_hexadecimal("000fff"), Some([0, 0x0f, 0xff]));
        for wrong in ["000FFF", "000ff", "000ff ", "000fffff", "", "äää"] {
            assert_eq!(from_hexadecimal::<3>(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_hash_is_argon2id_and_fits_one_secret() {
        let hash = slow(b"secret").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(is_slow(&hash) && matches(b"secret", &hash) && !matches(b"Secret", &hash));
        assert_ne!(slow(b"secret").unwrap(), hash);
        for wrong in ["", "secret", "$argon2i$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA"] {
            assert!(!is_slow(wrong) && !matches(b"secret", wrong), "{wrong}");
        }
    }
}
