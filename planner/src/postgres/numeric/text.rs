//! Numbers of texts and texts of numbers.

use std::fmt;

use num_bigint::{BigInt, BigUint, Sign};

use super::{Integer, MAX_INTEGER_DIGITS, MAX_SCALE, Numeric, overflow};
use crate::postgres::error::{ValueError, ValueResult};

/// So many decimal digits always fit an `i128`.
const SMALL_DIGITS: usize = 38;
/// The largest exponent that is looked at, of a zero too.
const MAX_EXPONENT: i64 = (i32::MAX / 2) as i64;
/// Bits of the largest number, rounded up.
const MAX_BITS: usize = 435_412;

impl Numeric {
    /// The number that a text says, as PostgreSQL's input function reads it.
    pub(crate) fn parse(text: &str) -> ValueResult<Self> {
        let invalid = || ValueError::new("22P02", format!("invalid input syntax for type numeric: \"{text}\""));
        let trimmed = text.trim_matches(|c| matches!(c, ' ' | '\t'..='\r'));
        if trimmed.eq_ignore_ascii_case("nan") {
            return Err(not_a_number());
        }
        let bytes = trimmed.as_bytes();
        let (is_negative, unsigned) = match bytes {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, bytes),
        };
        let number = match unsigned {
            [b'0', b'x' | b'X', digits @ ..] => of_radix(digits, 4).ok_or_else(invalid)??,
            [b'0', b'o' | b'O', digits @ ..] => of_radix(digits, 3).ok_or_else(invalid)??,
            [b'0', b'b' | b'B', digits @ ..] => of_radix(digits, 1).ok_or_else(invalid)??,
            [b'0'..=b'9' | b'.', ..] => of_decimal(unsigned).ok_or_else(invalid)??,
            _ if is_infinity(unsigned) => return Err(infinite()),
            _ => return Err(invalid()),
        };
        Ok(if is_negative { number.negated() } else { number })
    }
}

/// What is said of values that PostgreSQL has and this server has not.
pub(super) fn not_a_number() -> ValueError {
    ValueError::new("22003", "NaN is not supported in values of type numeric")
}

/// What is said of values that PostgreSQL has and this server has not.
pub(super) fn infinite() -> ValueError {
    ValueError::new("22003", "infinity is not supported in values of type numeric")
}

fn is_infinity(text: &[u8]) -> bool {
    text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity")
}

/// A number in decimal notation without its sign, or nothing if it is none.
fn of_decimal(text: &[u8]) -> Option<ValueResult<Numeric>> {
    let (whole, rest) = digits_of(text);
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => digits_of(rest),
        _ => (<&[u8]>::default(), rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let exponent = match rest {
        [] => 0,
        [b'e' | b'E', rest @ ..] => match exponent_of(rest)? {
            Ok(exponent) => exponent,
            Err(error) => return Some(Err(error)),
        },
        _ => return None,
    };
    Some(of_digits(whole, fraction, exponent))
}

/// The digits that a text starts with, single underscores between them included, and what follows.
fn digits_of(text: &[u8]) -> (&[u8], &[u8]) {
    let mut length = 0;
    loop {
        match text.get(length..).unwrap_or_default() {
            [b'0'..=b'9', ..] => length += 1,
            [b'_', b'0'..=b'9', ..] if length > 0 => length += 2,
            _ => return text.split_at_checked(length).unwrap_or((text, &[])),
        }
    }
}

/// The exponent that a text is, or nothing if it is none.
fn exponent_of(text: &[u8]) -> Option<ValueResult<i64>> {
    let (is_negative, unsigned) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (digits, rest) = digits_of(unsigned);
    if digits.is_empty() {
        return None;
    }
    let mut exponent = 0;
    for digit in values_of(digits) {
        exponent = exponent * 10 + i64::from(digit);
        if exponent > MAX_EXPONENT {
            return Some(Err(overflow()));
        }
    }
    rest.is_empty().then_some(Ok(if is_negative { -exponent } else { exponent }))
}

/// The values of digits, without the underscores between them.
fn values_of(digits: &[u8]) -> impl Iterator<Item = u8> {
    digits.iter().filter(|digit| **digit != b'_').map(|digit| digit.wrapping_sub(b'0'))
}

fn of_digits(whole: &[u8], fraction: &[u8], exponent: i64) -> ValueResult<Numeric> {
    let decimals = i64::try_from(values_of(fraction).count()).map_err(|_| overflow())?;
    let significant = || values_of(whole).chain(values_of(fraction)).skip_while(|digit| *digit == 0);
    let count = significant().count();
    let scale = u32::try_from((decimals - exponent).max(0)).map_err(|_| overflow())?;
    let zeros = u32::try_from((exponent - decimals).max(0)).map_err(|_| overflow())?;
    if scale > MAX_SCALE {
        return Err(overflow());
    }
    if count == 0 {
        return Ok(Numeric::of(Integer::ZERO, scale));
    }
    if count > usize::try_from(MAX_INTEGER_DIGITS + scale).unwrap_or(usize::MAX) || zeros > MAX_INTEGER_DIGITS {
        return Err(overflow());
    }
    let unscaled = if count <= SMALL_DIGITS {
        Integer::Small(significant().fold(0, |value, digit| value * 10 + i128::from(digit)))
    } else {
        let digits = significant().collect::<Vec<_>>();
        BigUint::from_radix_be(&digits, 10).map(BigInt::from).unwrap_or_default().into()
    };
    Numeric::of(unscaled.scaled_up(zeros), scale).checked()
}

/// A whole number whose digits have `bits` bits each, without its sign and prefix, or nothing if it is none.
fn of_radix(text: &[u8], bits: u8) -> Option<ValueResult<Numeric>> {
    let mut digits = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        rest = match rest {
            [] if !digits.is_empty() => break,
            [b'_', after @ ..] | after => after,
        };
        let (digit, after) = rest.split_first()?;
        let value = char::from(*digit).to_digit(1 << bits)?;
        digits.push(u8::try_from(value).ok()?);
        rest = after;
    }
    let first = digits.iter().position(|digit| *digit != 0).unwrap_or(digits.len());
    let significant = digits.get(first..).unwrap_or_default();
    if significant.len() > MAX_BITS {
        return Some(Err(overflow()));
    }
    let value = BigUint::from_radix_be(significant, 1 << bits).unwrap_or_default();
    Some(Numeric::from_big(BigInt::from_biguint(Sign::Plus, value), 0))
}

impl fmt::Display for Numeric {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scale == 0 {
            return fmt::Display::fmt(&self.unscaled, formatter);
        }
        let text = self.unscaled.to_string();
        let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
        let scale = usize::try_from(self.scale).unwrap_or(usize::MAX);
        match digits.len().checked_sub(scale) {
            Some(before @ 1..) => {
                let (whole, decimals) = digits.split_at_checked(before).unwrap_or((digits, ""));
                write!(formatter, "{sign}{whole}.{decimals}")
            }
            _ => write!(formatter, "{sign}0.{digits:0>scale$}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        Numeric::parse(text).map_or_else(|error| error.sqlstate.to_owned(), |number| number.to_string())
    }

    #[test]
    fn what_postgres_reads() {
        for (text, number) in [
            ("1_000.000_1", "1000.0001"),
            (".5", "0.5"),
            ("5.", "5"),
            (" \t\n\u{b}\u{c}\r1.50 \n", "1.50"),
            ("1e1_0", "10000000000"),
            ("1.50e1", "15.0"),
            ("1.50e-3", "0.00150"),
            ("0x_1F", "31"),
            ("-0x10", "-16"),
            ("+0b101", "5"),
            ("0o17", "15"),
            ("0x1e5", "485"),
            ("0xffffffffffffffffffffffffffffffffffffffff", "1461501637330902918203684832716283019655932542975"),
            ("-0.00", "0.00"),
            ("0e1073741823", "0"),
            ("170141183460469231731687303715884105728.5", "170141183460469231731687303715884105728.5"),
        ] {
            assert_eq!(read(text), number, "{text}");
        }
    }

    #[test]
    fn what_postgres_does_not_read() {
        for text in [
            "", " ", ".", "1e", "1e+", "1__0", "_1", "1_", "1_.5", "1._5", "1 2", "1e_1", "1e1_", "0x1__F", "0x1F_",
            "0x", "0x_", "0o18", "0x1.5", "-nan", "infinit", "--1", "+-1", "- 1", "1.2.3", "１", "1e5.5", ".e5",
            "00x1", "0x ",
        ] {
            assert_eq!(read(text), "22P02", "{text}");
        }
    }

    #[test]
    fn what_is_out_of_range() {
        for text in ["1e131072", "1e-16384", "0e-16384", "1e99999999999", "0e1073741824", "NaN", "-Infinity", "inf"] {
            assert_eq!(read(text), "22003", "{text}");
        }
        assert_eq!(read("1e131071").len(), 131_072);
        assert_eq!(read("1e-16383").len(), 16_385);
        assert_eq!(read(&format!("{}7", "0".repeat(200_000))), "7");
        assert_eq!(read(&format!("1{}", "0".repeat(131_072))), "22003");
    }
}
