//! `smallint`, `integer` and `bigint` as text, in the bases that PostgreSQL reads and prints.

use super::trimmed;
use crate::postgres::error::{ValueError, ValueResult};

/// Reads a `smallint`.
pub(crate) fn parse_int2(text: &str) -> ValueResult<i16> {
    narrowed(text, parse(text, 1 << 15, "smallint")?, "smallint")
}

/// Reads an `integer`.
pub(crate) fn parse_int4(text: &str) -> ValueResult<i32> {
    narrowed(text, parse(text, 1 << 31, "integer")?, "integer")
}

/// Reads a `bigint`.
pub(crate) fn parse_int8(text: &str) -> ValueResult<i64> {
    narrowed(text, parse(text, 1 << 63, "bigint")?, "bigint")
}

fn narrowed<T: TryFrom<i128>>(text: &str, value: i128, type_name: &str) -> ValueResult<T> {
    T::try_from(value).map_err(|_| out_of_range(text, type_name))
}

fn out_of_range(text: &str, type_name: &str) -> ValueError {
    ValueError::new("22003", format!("value \"{text}\" is out of range for type {type_name}"))
}

/// A number of at most `limit` below zero. PostgreSQL finds a number too long before it finds letters behind it.
fn parse(text: &str, limit: u64, type_name: &str) -> ValueResult<i128> {
    let invalid = || ValueError::new("22P02", format!("invalid input syntax for type {type_name}: \"{text}\""));
    let (negative, digits) = match trimmed(text).as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (base, mut rest, mut may_separate) = match digits {
        [b'0', b'x' | b'X', rest @ ..] => (16, rest, true),
        [b'0', b'o' | b'O', rest @ ..] => (8, rest, true),
        [b'0', b'b' | b'B', rest @ ..] => (2, rest, true),
        rest => (10, rest, false),
    };
    let mut magnitude: u64 = 0;
    let mut any = false;
    loop {
        match rest {
            [byte, tail @ ..] if char::from(*byte).is_digit(base) => {
                if magnitude > limit / u64::from(base) {
                    return Err(out_of_range(text, type_name));
                }
                let digit = char::from(*byte).to_digit(base).unwrap_or_default();
                magnitude = magnitude.wrapping_mul(u64::from(base)).wrapping_add(u64::from(digit));
                (any, may_separate, rest) = (true, true, tail);
            }
            [b'_', tail @ ..] if may_separate && starts_with_digit(tail, base) => rest = tail,
            _ => break,
        }
    }
    if !any || !rest.is_empty() {
        return Err(invalid());
    }
    let value = i128::from(magnitude);
    Ok(if negative { -value } else { value })
}

fn starts_with_digit(text: &[u8], base: u32) -> bool {
    text.first().is_some_and(|&byte| char::from(byte).is_digit(base))
}

/// `to_hex(integer)`.
pub(crate) fn int4_to_hex(value: i32) -> String {
    format!("{value:x}")
}

/// `to_hex(bigint)`.
pub(crate) fn int8_to_hex(value: i64) -> String {
    format!("{value:x}")
}

/// `to_oct(integer)`.
pub(crate) fn int4_to_oct(value: i32) -> String {
    format!("{value:o}")
}

/// `to_oct(bigint)`.
pub(crate) fn int8_to_oct(value: i64) -> String {
    format!("{value:o}")
}

/// `to_bin(integer)`.
pub(crate) fn int4_to_bin(value: i32) -> String {
    format!("{value:b}")
}

/// `to_bin(bigint)`.
pub(crate) fn int8_to_bin(value: i64) -> String {
    format!("{value:b}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_and_separators() {
        assert_eq!(parse_int4(" -0x_1F "), Ok(-31));
        assert_eq!(parse_int4("1_000"), Ok(1000));
        assert_eq!(parse_int8("-9223372036854775808"), Ok(i64::MIN));
        assert_eq!(parse_int2("0b111"), Ok(7));
        for bad in ["", "-", "1__0", "_1", "1_", "0x", "1 2", "- 1", "0o8"] {
            assert_eq!(
                parse_int4(bad).unwrap_err().message,
                format!("invalid input syntax for type integer: \"{bad}\"")
            );
        }
    }

    #[test]
    fn ranges() {
        assert_eq!(parse_int2("32768").unwrap_err().message, "value \"32768\" is out of range for type smallint");
        assert_eq!(parse_int2("-32768"), Ok(i16::MIN));
        assert_eq!(parse_int4("99999999999x").unwrap_err().sqlstate, "22003");
        assert_eq!(parse_int4("2147483648x").unwrap_err().sqlstate, "22P02");
    }
}
