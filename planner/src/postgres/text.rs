//! PostgreSQL's functions on texts, and how its scalar types are read from text and printed. Lengths and positions
//! count characters; texts are UTF-8, their order is no concern of this module. What these functions refuse, they
//! refuse as PostgreSQL does; texts beyond `MAX_OUTPUT_BYTES` are refused earlier.

pub(crate) mod boolean;
pub(crate) mod casing;
pub(crate) mod concatenation;
pub(crate) mod encoding;
pub(crate) mod fixed_length;
pub(crate) mod float_digits;
pub(crate) mod floats;
pub(crate) mod format;
pub(crate) mod hashing;
pub(crate) mod identifiers;
pub(crate) mod integers;
mod keywords;
pub(crate) mod padding;
pub(crate) mod parts;
pub(crate) mod quoting;
pub(crate) mod rewriting;
pub(crate) mod trimming;
pub(crate) mod unicode;

use super::error::{ValueError, ValueResult};
use super::stop;

/// The longest text or `bytea` that a function makes of shorter ones, which protects the server's memory.
pub(crate) const MAX_OUTPUT_BYTES: usize = 64 << 20;

/// Texts of this length grow with care.
const LARGE_BYTES: usize = 1 << 20;

/// Into how many parts a text is split, and how many elements a document of JSON may have: each takes many times the
/// memory of the letter that it is.
pub(crate) const MAX_PARTS: usize = 2 << 20;

pub(crate) fn too_many_parts() -> ValueError {
    ValueError::new("54000", format!("a text has more than {MAX_PARTS} parts"))
}

/// A length in bytes, unless it is too large for a result.
pub(crate) fn checked_length(bytes: Option<usize>) -> ValueResult<usize> {
    bytes
        .filter(|&bytes| bytes <= MAX_OUTPUT_BYTES)
        .ok_or_else(|| ValueError::new("54000", "requested length too large"))
}

/// Puts a text behind another, if that does not become too long. Its memory grows at most to the longest length.
pub(crate) fn push(text: &mut String, part: &str) -> ValueResult<()> {
    let length = checked_length(text.len().checked_add(part.len()))?;
    if length > text.capacity() && length > LARGE_BYTES {
        // Both are in memory while one is copied into the other.
        stop::check()?;
        let capacity = text.capacity().saturating_mul(2).clamp(length, MAX_OUTPUT_BYTES);
        text.reserve_exact(capacity - text.len());
    }
    text.push_str(part);
    Ok(())
}

/// `char_length(text)`.
pub(crate) fn char_length(text: &str) -> i32 {
    saturated(text.chars().count())
}

/// `octet_length(text)` and `octet_length(bytea)`.
pub(crate) fn octet_length(bytes: &[u8]) -> i32 {
    saturated(bytes.len())
}

/// `bit_length(text)` and `bit_length(bytea)`.
pub(crate) fn bit_length(bytes: &[u8]) -> i32 {
    saturated(bytes.len().saturating_mul(8))
}

/// A count as PostgreSQL's `int`; no value that fits into memory here comes near its end.
pub(crate) fn saturated(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// The byte at which a text's character of this number begins, or the text's end.
pub(crate) fn byte_of_char(text: &str, chars: usize) -> usize {
    if text.is_ascii() {
        return chars.min(text.len());
    }
    text.char_indices().nth(chars).map_or(text.len(), |(byte, _)| byte)
}

/// The text before a byte that a character begins at.
pub(crate) fn before(text: &str, byte: usize) -> &str {
    text.get(..byte).unwrap_or(text)
}

/// The text from a byte that a character begins at.
pub(crate) fn from(text: &str, byte: usize) -> &str {
    text.get(byte..).unwrap_or_default()
}

/// The text between two bytes that characters begin at.
pub(crate) fn between(text: &str, start: usize, end: usize) -> &str {
    text.get(start..end).unwrap_or_default()
}

/// Whether C's `isspace` says so, which is what PostgreSQL skips around the texts of scalars.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// A text without the blanks around it.
pub(crate) fn trimmed(text: &str) -> &str {
    text.trim_matches(|letter: char| matches!(letter, ' ' | '\t'..='\r'))
}
