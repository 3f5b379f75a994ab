//! Checksums and hashes of bytes.

use std::fmt::Write;

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use crate::postgres::error::{ValueError, ValueResult};

/// `digest(bytea, text)` and `digest(text, text)` of pgcrypto, with the algorithms that it always has.
pub(crate) fn digest(bytes: &[u8], algorithm: &str) -> ValueResult<Vec<u8>> {
    Ok(match algorithm.to_ascii_lowercase().as_str() {
        "md5" => Md5::digest(bytes).to_vec(),
        "sha1" => Sha1::digest(bytes).to_vec(),
        "sha224" => sha224(bytes),
        "sha256" => sha256(bytes),
        "sha384" => sha384(bytes),
        "sha512" => sha512(bytes),
        _ => return Err(ValueError::new("22023", format!("Cannot use \"{algorithm}\": No such hash algorithm"))),
    })
}

/// `md5(text)` and `md5(bytea)`, in hexadecimal.
pub(crate) fn md5(bytes: &[u8]) -> String {
    let mut printed = String::with_capacity(32);
    for byte in Md5::digest(bytes) {
        // Writing to a string cannot fail.
        let _infallible = write!(printed, "{byte:02x}");
    }
    printed
}

/// `sha224(bytea)`.
pub(crate) fn sha224(bytes: &[u8]) -> Vec<u8> {
    Sha224::digest(bytes).to_vec()
}

/// `sha256(bytea)`.
pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

/// `sha384(bytea)`.
pub(crate) fn sha384(bytes: &[u8]) -> Vec<u8> {
    Sha384::digest(bytes).to_vec()
}

/// `sha512(bytea)`.
pub(crate) fn sha512(bytes: &[u8]) -> Vec<u8> {
    Sha512::digest(bytes).to_vec()
}

/// `crc32(bytea)`.
pub(crate) fn crc32(bytes: &[u8]) -> i64 {
    i64::from(crc(bytes, &CRC32))
}

/// `crc32c(bytea)`.
pub(crate) fn crc32c(bytes: &[u8]) -> i64 {
    i64::from(crc(bytes, &CRC32C))
}

fn crc(bytes: &[u8], table: &[u32; 256]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        let [low, ..] = crc.to_le_bytes();
        table.get(usize::from(low ^ byte)).copied().unwrap_or_default() ^ crc >> 8
    })
}

/// The remainders of all bytes by a polynomial, whose bits are in reverse order.
const fn table(polynomial: u32) -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256_u32 {
        let mut crc = byte;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ polynomial } else { crc >> 1 };
            bit += 1;
        }
        table[byte as usize] = crc;
        byte += 1;
    }
    table
}

static CRC32: [u32; 256] = table(0xEDB8_8320);
static CRC32C: [u32; 256] = table(0x82F6_3B78);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        assert_eq!(md5(b"abc"), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(crc32(b"The quick brown fox jumps over the lazy dog."), 1_368_401_385);
        assert_eq!(crc32c(b"The quick brown fox jumps over the lazy dog."), 419_469_235);
        assert_eq!(sha224(b"").first(), Some(&0xd1));
    }
}
