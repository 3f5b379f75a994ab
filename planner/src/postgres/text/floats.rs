//! Reads `real` and `double precision`, as C's `strtod` does. `float_digits` prints them.

use super::trimmed;
use crate::postgres::error::{ValueError, ValueResult};

/// Bits of a number that decide how a hexadecimal one is rounded; what is behind them counts only if it is not zero.
const KEPT_BITS: u32 = 100;

/// Reads a `real`.
pub(crate) fn parse_float4(text: &str) -> ValueResult<f32> {
    let (number, kind) = scan(text).ok_or_else(|| invalid(text, "real"))?;
    let value = match kind {
        Kind::NotANumber => f32::NAN,
        Kind::Infinite { negative: true } => f32::NEG_INFINITY,
        Kind::Infinite { negative: false } => f32::INFINITY,
        Kind::Decimal => number.parse::<f32>().map_err(|_| invalid(text, "real"))?,
        Kind::Hexadecimal(hexadecimal) => hexadecimal.to_f32(),
    };
    if kind.is_finite() && (value.is_infinite() || value == 0.0 && kind.has_digits(number)) {
        return Err(out_of_range(number, "real"));
    }
    if is_all(text, number) { Ok(value) } else { Err(invalid(text, "real")) }
}

/// Reads a `double precision`.
pub(crate) fn parse_float8(text: &str) -> ValueResult<f64> {
    let (number, kind) = scan(text).ok_or_else(|| invalid(text, "double precision"))?;
    let value = match kind {
        Kind::NotANumber => f64::NAN,
        Kind::Infinite { negative: true } => f64::NEG_INFINITY,
        Kind::Infinite { negative: false } => f64::INFINITY,
        Kind::Decimal => number.parse::<f64>().map_err(|_| invalid(text, "double precision"))?,
        Kind::Hexadecimal(hexadecimal) => hexadecimal.to_f64(),
    };
    if kind.is_finite() && (value.is_infinite() || value == 0.0 && kind.has_digits(number)) {
        return Err(out_of_range(number, "double precision"));
    }
    if is_all(text, number) { Ok(value) } else { Err(invalid(text, "double precision")) }
}

/// Whether nothing stands behind a number at a text's beginning. PostgreSQL finds out after it knows the range.
fn is_all(text: &str, number: &str) -> bool {
    trimmed(text).len() == number.len()
}

fn invalid(text: &str, type_name: &str) -> ValueError {
    ValueError::new("22P02", format!("invalid input syntax for type {type_name}: \"{text}\""))
}

fn out_of_range(number: &str, type_name: &str) -> ValueError {
    ValueError::new("22003", format!("\"{number}\" is out of range for type {type_name}"))
}

/// What a number's text is.
#[derive(Clone, Copy)]
enum Kind {
    NotANumber,
    Infinite { negative: bool },
    Decimal,
    Hexadecimal(Hexadecimal),
}

impl Kind {
    fn is_finite(self) -> bool {
        matches!(self, Self::Decimal | Self::Hexadecimal(_))
    }

    /// Whether the number as written is other than zero.
    fn has_digits(self, number: &str) -> bool {
        match self {
            Self::Decimal => {
                number.bytes().take_while(|byte| !matches!(byte, b'e' | b'E')).any(|byte| matches!(byte, b'1'..=b'9'))
            }
            Self::Hexadecimal(hexadecimal) => hexadecimal.bits != 0,
            Self::NotANumber | Self::Infinite { .. } => false,
        }
    }
}

/// `bits * 2^exponent`.
#[derive(Clone, Copy)]
struct Hexadecimal {
    negative: bool,
    bits: u128,
    exponent: i32,
}

impl Hexadecimal {
    fn to_f64(self) -> f64 {
        let value = scaled(self.rounded(53, -1074), 1023);
        if self.negative { -value } else { value }
    }

    fn to_f32(self) -> f32 {
        let value = scaled(self.rounded(24, -149), 127);
        // Rounded to what the narrower type holds already.
        #[expect(clippy::cast_possible_truncation, reason = "rounded to 24 bits before, infinities stay what they are")]
        let value = value as f32;
        if self.negative { -value } else { value }
    }

    /// The bits that a float of so many bits keeps, rounded to the even neighbour, and their exponent.
    fn rounded(self, precision: u32, least_exponent: i32) -> (u64, i32) {
        let length = 128 - self.bits.leading_zeros();
        let surplus = i32::try_from(length.saturating_sub(precision)).unwrap_or_default();
        let dropped = surplus.max(least_exponent.saturating_sub(self.exponent));
        if dropped <= 0 {
            return (u64::try_from(self.bits).unwrap_or(u64::MAX), self.exponent);
        }
        let exponent = self.exponent.saturating_add(dropped);
        let Some(kept) = u32::try_from(dropped).ok().and_then(|dropped| self.bits.checked_shr(dropped)) else {
            return (0, exponent);
        };
        let rest = self.bits - (kept << dropped);
        let half = 1_u128 << (dropped - 1);
        let up = rest > half || rest == half && kept & 1 == 1;
        (u64::try_from(kept + u128::from(up)).unwrap_or(u64::MAX), exponent)
    }
}

/// `bits * 2^exponent` for bits that a `f64` holds, infinite beyond the type's greatest exponent.
fn scaled((bits, exponent): (u64, i32), greatest_exponent: i32) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "at most 53 bits")]
    let value = bits as f64;
    let length = 64 - bits.leading_zeros();
    if bits != 0 && exponent.saturating_add(i32::try_from(length).unwrap_or_default()) > greatest_exponent + 1 {
        return f64::INFINITY;
    }
    // In two steps: the first may reach what the second leaves behind.
    let half = exponent / 2;
    value * 2_f64.powi(half) * 2_f64.powi(exponent - half)
}

/// The number at a text's beginning and what it is.
fn scan(text: &str) -> Option<(&str, Kind)> {
    let text = trimmed(text);
    let (negative, sign, unsigned) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, 1, rest),
        [b'+', rest @ ..] => (false, 1, rest),
        rest => (false, 0, rest),
    };
    let (length, kind) = match unsigned {
        [b'0', b'x' | b'X', digits @ ..] => match hexadecimal(negative, digits) {
            Some((length, hexadecimal)) => (2 + length, Kind::Hexadecimal(hexadecimal)),
            // Without digits the zero is the number.
            None => (1, Kind::Decimal),
        },
        [b'0'..=b'9', ..] | [b'.', b'0'..=b'9', ..] => (decimal_length(unsigned), Kind::Decimal),
        word if begins_with(word, b"infinity") => (8, Kind::Infinite { negative }),
        word if begins_with(word, b"inf") => (3, Kind::Infinite { negative }),
        word if begins_with(word, b"nan") => (nan_length(word), Kind::NotANumber),
        _ => return None,
    };
    Some((super::before(text, sign + length), kind))
}

fn begins_with(word: &[u8], prefix: &[u8]) -> bool {
    word.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// The length of `nan`, or as in C of `nan(...)`.
fn nan_length(word: &[u8]) -> usize {
    let inside = word.get(4..).unwrap_or_default();
    let length = inside.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    if word.get(3) == Some(&b'(') && inside.get(length) == Some(&b')') { 5 + length } else { 3 }
}

fn digits_length(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// The length of digits with a point and an exponent.
fn decimal_length(number: &[u8]) -> usize {
    let mut length = digits_length(number);
    if number.get(length) == Some(&b'.') {
        length += 1 + digits_length(number.get(length + 1..).unwrap_or_default());
    }
    length + exponent_length(number.get(length..).unwrap_or_default(), b'e')
}

/// The length of an exponent, which is none without digits.
fn exponent_length(text: &[u8], letter: u8) -> usize {
    let sign = match text {
        [first, b'+' | b'-', ..] if first.eq_ignore_ascii_case(&letter) => 1,
        [first, ..] if first.eq_ignore_ascii_case(&letter) => 0,
        _ => return 0,
    };
    match digits_length(text.get(1 + sign..).unwrap_or_default()) {
        0 => 0,
        digits => 1 + sign + digits,
    }
}

/// What follows `0x`: hexadecimal digits with a point, and an exponent of two behind a `p`; with its length.
fn hexadecimal(negative: bool, text: &[u8]) -> Option<(usize, Hexadecimal)> {
    let (mut bits, mut exponent, mut any, mut behind_point) = (0_u128, 0_i32, false, false);
    let mut length = 0;
    for byte in text {
        if *byte == b'.' && !behind_point {
            behind_point = true;
        } else if let Some(digit) = char::from(*byte).to_digit(16) {
            any = true;
            if bits >> KEPT_BITS == 0 {
                bits = bits << 4 | u128::from(digit);
                exponent = exponent.saturating_sub(if behind_point { 4 } else { 0 });
            } else {
                bits |= u128::from(digit != 0);
                exponent = exponent.saturating_add(if behind_point { 0 } else { 4 });
            }
        } else {
            break;
        }
        length += 1;
    }
    if !any {
        return None;
    }
    let behind = text.get(length..).unwrap_or_default();
    let behind = behind.get(..exponent_length(behind, b'p')).unwrap_or_default();
    length += behind.len();
    let power = behind
        .iter()
        .filter(|byte| byte.is_ascii_digit())
        .fold(0_i32, |power, digit| power.saturating_mul(10).saturating_add(i32::from(digit - b'0')));
    let power = if behind.contains(&b'-') { -power } else { power };
    Some((length, Hexadecimal { negative, bits, exponent: exponent.saturating_add(power) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(parse_float8(" 1e400").unwrap_err().message, "\"1e400\" is out of range for type double precision");
        assert_eq!(parse_float8("1e-400").unwrap_err().sqlstate, "22003");
        assert_eq!(parse_float8("4.9e-324"), Ok(5e-324));
        assert_eq!(parse_float8("0e999"), Ok(0.0));
        assert_eq!(parse_float4("1e39").unwrap_err().message, "\"1e39\" is out of range for type real");
        assert_eq!(parse_float8("-inf"), Ok(f64::NEG_INFINITY));
    }

    #[test]
    fn hexadecimal_numbers() {
        assert_eq!(parse_float8("0x1.8p1"), Ok(3.0));
        assert_eq!(parse_float8("-0x10"), Ok(-16.0));
        assert_eq!(parse_float8("0x1.fffffffffffff8p0"), Ok(2.0));
        assert!(parse_float8("0x").is_err());
        assert!(parse_float8("1e").is_err());
        assert!(parse_float8("1 2").is_err());
    }
}
