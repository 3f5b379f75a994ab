//! `bytea` as text and its functions; hashes are `text::hashing`, and `text::encoding` has other textual forms.

use super::error::{ValueError, ValueResult};
use super::text::parts::window;
use super::text::saturated;

/// Reads a `bytea`: hexadecimal digits behind `\x`, otherwise letters and `\ooo`.
pub(crate) fn parse(text: &str) -> ValueResult<Vec<u8>> {
    match text.strip_prefix("\\x") {
        Some(digits) => parse_hex(digits),
        None => parse_escaped(text),
    }
}

/// Bytes of two hexadecimal digits each, with blanks between bytes.
pub(crate) fn parse_hex(text: &str) -> ValueResult<Vec<u8>> {
    let refused = |message: String| Err(ValueError::new("22023", message));
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if matches!(letter, ' ' | '\n' | '\t' | '\r') {
            continue;
        }
        let Some(high) = letter.to_digit(16) else {
            return refused(format!("invalid hexadecimal digit: \"{letter}\""));
        };
        let Some(letter) = letters.next() else {
            return refused("invalid hexadecimal data: odd number of digits".into());
        };
        let Some(low) = letter.to_digit(16) else {
            return refused(format!("invalid hexadecimal digit: \"{letter}\""));
        };
        bytes.extend(u8::try_from(high << 4 | low));
    }
    Ok(bytes)
}

/// The bytes of a number, the highest first; those that are not there are 0.
pub(crate) fn of_number<const SIZE: usize>(bytes: &[u8], type_name: &str) -> ValueResult<[u8; SIZE]> {
    let mut number = [0; SIZE];
    let Some(missing) = SIZE.checked_sub(bytes.len()) else {
        return Err(ValueError::new("22003", format!("{type_name} out of range")));
    };
    number.iter_mut().skip(missing).zip(bytes).for_each(|(place, byte)| *place = *byte);
    Ok(number)
}

/// Bytes as letters, with `\\` and `\ooo`.
pub(crate) fn parse_escaped(text: &str) -> ValueResult<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => return Ok(bytes),
            [b'\\', b'\\', tail @ ..] => {
                bytes.push(b'\\');
                tail
            }
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..] => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                tail
            }
            [b'\\', ..] => return Err(ValueError::new("22P02", "invalid input syntax for type bytea")),
            [byte, tail @ ..] => {
                bytes.push(*byte);
                tail
            }
        }
    }
}

/// Prints a `bytea` as `\x...`.
pub(crate) fn print(bytes: &[u8]) -> String {
    let mut printed = String::with_capacity(2 + bytes.len() * 2);
    printed.push_str("\\x");
    push_hex(&mut printed, bytes);
    printed
}

/// Appends two hexadecimal digits for each byte.
pub(crate) fn push_hex(text: &mut String, bytes: &[u8]) {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
}

/// `substring(bytea from start for count)` and `substr`; without a count up to the end.
pub(crate) fn substring(bytes: &[u8], start: i32, count: Option<i32>) -> ValueResult<&[u8]> {
    let (skipped, kept) = window(start, count)?;
    let rest = bytes.get(skipped..).unwrap_or_default();
    Ok(kept.and_then(|kept| rest.get(..kept)).unwrap_or(rest))
}

/// `position(part in bytea)`: where a part begins, counted from 1, or 0.
pub(crate) fn position(bytes: &[u8], part: &[u8]) -> i32 {
    if part.is_empty() {
        return 1;
    }
    bytes.windows(part.len()).position(|window| window == part).map_or(0, |at| saturated(at + 1))
}

/// `overlay(bytea placing new from start for count)`, by default for as many bytes as the new ones are.
pub(crate) fn overlay(bytes: &[u8], new: &[u8], start: i32, count: Option<i32>) -> ValueResult<Vec<u8>> {
    let count = count.unwrap_or_else(|| saturated(new.len()));
    if start <= 0 {
        return Err(ValueError::new("22011", "negative substring length not allowed"));
    }
    let end = start.checked_add(count).ok_or_else(|| ValueError::new("22003", "integer out of range"))?;
    let index = |position: i32| usize::try_from(position.saturating_sub(1)).unwrap_or_default();
    let head = bytes.get(..index(start)).unwrap_or(bytes);
    Ok([head, new, bytes.get(index(end)..).unwrap_or_default()].concat())
}

/// `btrim(bytea, set)`.
pub(crate) fn btrim<'a>(bytes: &'a [u8], set: &[u8]) -> &'a [u8] {
    rtrim(ltrim(bytes, set), set)
}

/// `ltrim(bytea, set)`.
pub(crate) fn ltrim<'a>(bytes: &'a [u8], set: &[u8]) -> &'a [u8] {
    let mut rest = bytes;
    while let [first, tail @ ..] = rest
        && set.contains(first)
    {
        rest = tail;
    }
    rest
}

/// `rtrim(bytea, set)`.
pub(crate) fn rtrim<'a>(bytes: &'a [u8], set: &[u8]) -> &'a [u8] {
    let mut rest = bytes;
    while let [head @ .., last] = rest
        && set.contains(last)
    {
        rest = head;
    }
    rest
}

/// `reverse(bytea)`.
pub(crate) fn reverse(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().rev().copied().collect()
}

/// `get_byte(bytea, index)`.
pub(crate) fn get_byte(bytes: &[u8], index: i32) -> ValueResult<i32> {
    usize::try_from(index)
        .ok()
        .and_then(|at| bytes.get(at))
        .map(|&byte| i32::from(byte))
        .ok_or_else(|| beyond(i64::from(index), bytes.len()))
}

/// `set_byte(bytea, index, value)`; of the value its lowest eight bits count.
pub(crate) fn set_byte(bytes: &[u8], index: i32, value: i32) -> ValueResult<Vec<u8>> {
    let mut changed = bytes.to_vec();
    let [low, ..] = value.to_le_bytes();
    match usize::try_from(index).ok().and_then(|at| changed.get_mut(at)) {
        Some(byte) => *byte = low,
        None => return Err(beyond(i64::from(index), bytes.len())),
    }
    Ok(changed)
}

/// `get_bit(bytea, index)`; the lowest bit of a byte is its first.
pub(crate) fn get_bit(bytes: &[u8], index: i64) -> ValueResult<i32> {
    let (at, bit) = byte_and_bit(index);
    at.and_then(|at| bytes.get(at))
        .map(|byte| i32::from(byte >> bit & 1))
        .ok_or_else(|| beyond(index, bytes.len().saturating_mul(8)))
}

/// `set_bit(bytea, index, value)`; the lowest bit of a byte is its first.
pub(crate) fn set_bit(bytes: &[u8], index: i64, value: i32) -> ValueResult<Vec<u8>> {
    let (at, bit) = byte_and_bit(index);
    let mut changed = bytes.to_vec();
    let Some(byte) = at.and_then(|at| changed.get_mut(at)) else {
        return Err(beyond(index, bytes.len().saturating_mul(8)));
    };
    match value {
        0 => *byte &= !(1 << bit),
        1 => *byte |= 1 << bit,
        _ => return Err(ValueError::new("22023", "new bit must be 0 or 1")),
    }
    Ok(changed)
}

fn byte_and_bit(index: i64) -> (Option<usize>, u32) {
    let bit = u32::try_from(index.rem_euclid(8)).unwrap_or_default();
    (usize::try_from(index).ok().map(|index| index / 8), bit)
}

fn beyond(index: i64, length: usize) -> ValueError {
    let last = i64::try_from(length).unwrap_or(i64::MAX) - 1;
    ValueError::new("2202E", format!("index {index} out of valid range, 0..{last}"))
}

/// `bit_count(bytea)`.
pub(crate) fn bit_count(bytes: &[u8]) -> i64 {
    bytes.iter().map(|byte| i64::from(byte.count_ones())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        assert_eq!(parse("\\xDE ad").unwrap(), [0xde, 0xad]);
        assert_eq!(parse("a\\\\\\000é").unwrap(), b"a\\\0\xc3\xa9");
        assert_eq!(parse("\\xa").unwrap_err().message, "invalid hexadecimal data: odd number of digits");
        assert_eq!(parse("\\400").unwrap_err().message, "invalid input syntax for type bytea");
        assert_eq!(print(b"\xde\x01"), "\\xde01");
    }

    #[test]
    fn parts() {
        assert_eq!(substring(b"abcdef", 2, Some(3)).unwrap(), b"bcd");
        assert_eq!(substring(b"abc", -1, Some(3)).unwrap(), b"a");
        assert_eq!(position(b"abc", b"bc"), 2);
        assert_eq!(overlay(b"abcdef", b"XY", 2, Some(3)).unwrap(), b"aXYef");
        assert_eq!(btrim(b"xaxbx", b"x"), b"axb");
    }

    #[test]
    fn bits() {
        assert_eq!(get_bit(b"\x02", 1), Ok(1));
        assert_eq!(get_bit(b"\x02", 8).unwrap_err().message, "index 8 out of valid range, 0..7");
        assert_eq!(set_bit(b"\x00", 7, 1).unwrap(), [0x80]);
        assert_eq!(set_bit(b"\x00", 7, 2).unwrap_err().message, "new bit must be 0 or 1");
        assert_eq!(get_byte(b"", 0).unwrap_err().message, "index 0 out of valid range, 0..-1");
        assert_eq!(set_byte(b"ab", 1, 0x141).unwrap(), b"aA");
        assert_eq!(bit_count(b"\xff\x01"), 9);
    }
}
