//! Numbers of `jsonb`, which are PostgreSQL's `numeric`, as texts: how they are printed and ordered.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::postgres::error::{ValueError, ValueResult};

/// Digits before and behind the point that `numeric` can hold.
const MAX_INTEGER_DIGITS: i64 = 131_072;
const MAX_SCALE: i64 = 16_383;
/// Exponents beyond which `numeric` does not even look at the digits.
const MAX_EXPONENT: i64 = i32::MAX as i64 / 2;

/// Bytes with which sort keys begin.
const NEGATIVE: u8 = 0x40;
const ZERO: u8 = 0x80;
const POSITIVE: u8 = 0xc0;

/// The error for numbers that are too large for `numeric`, or have too many digits behind the point.
pub(crate) fn overflow() -> ValueError {
    ValueError::new("22003", "value overflows numeric format")
}

/// A number of JSON as `numeric` prints it: without an exponent, with all digits behind the point.
pub(crate) fn canonical(number: &str) -> ValueResult<Cow<'_, str>> {
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
        None => (number, 0),
    };
    let (is_negative, digits) = without_sign(mantissa);
    let (integer, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let scale = (length(fraction) - exponent).max(0);
    let leading_zeros = integer.bytes().chain(fraction.bytes()).take_while(|digit| *digit == b'0').count();
    let significant = integer.len() + fraction.len() - leading_zeros;
    let integer_digits = length(integer) + exponent - i64::try_from(leading_zeros).unwrap_or(i64::MAX);
    if scale > MAX_SCALE || (significant > 0 && integer_digits > MAX_INTEGER_DIGITS) {
        return Err(overflow());
    }
    let is_zero = significant == 0;
    if exponent == 0 {
        return Ok(Cow::Borrowed(if is_zero && is_negative { digits } else { mantissa }));
    }
    Ok(Cow::Owned(shifted(is_negative && !is_zero, integer, fraction, exponent, is_zero)))
}

fn length(digits: &str) -> i64 {
    i64::try_from(digits.len()).unwrap_or(i64::MAX)
}

fn without_sign(number: &str) -> (bool, &str) {
    match number.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, number),
    }
}

fn parse_exponent(text: &str) -> ValueResult<i64> {
    let (is_negative, digits) = without_sign(text.strip_prefix('+').unwrap_or(text));
    let exponent = i64::from(digits.parse::<u32>().map_err(|_| overflow())?);
    match exponent > MAX_EXPONENT {
        true => Err(overflow()),
        false => Ok(if is_negative { -exponent } else { exponent }),
    }
}

/// The digits with the point moved to the right by `exponent`, or to the left.
fn shifted(is_negative: bool, integer: &str, fraction: &str, exponent: i64, is_zero: bool) -> String {
    let mut out = String::new();
    if is_negative {
        out.push('-');
    }
    let distance = usize::try_from(exponent.unsigned_abs()).unwrap_or(usize::MAX);
    if is_zero {
        let moved = i64::try_from(fraction.len()).unwrap_or(i64::MAX) - exponent;
        let scale = usize::try_from(moved).unwrap_or(0);
        out.push('0');
        if scale > 0 {
            out.push('.');
            zeros(&mut out, scale);
        }
    } else if exponent > 0 {
        let mut whole = String::with_capacity(integer.len() + distance);
        let (moved, left) = fraction.split_at_checked(distance).unwrap_or((fraction, ""));
        whole.push_str(integer);
        whole.push_str(moved);
        zeros(&mut whole, distance.saturating_sub(moved.len()));
        let whole = whole.trim_start_matches('0');
        out.push_str(if whole.is_empty() { "0" } else { whole });
        if !left.is_empty() {
            out.push('.');
            out.push_str(left);
        }
    } else {
        let kept = integer.len().saturating_sub(distance);
        let (whole, moved) = integer.split_at_checked(kept).unwrap_or((integer, ""));
        out.push_str(if whole.is_empty() { "0" } else { whole });
        out.push('.');
        zeros(&mut out, distance.saturating_sub(integer.len()));
        out.push_str(moved);
        out.push_str(fraction);
    }
    out
}

fn zeros(out: &mut String, count: usize) {
    out.extend(std::iter::repeat_n('0', count));
}

/// A canonical number without what does not count for its order.
struct Significant<'a> {
    is_negative: bool,
    /// Without zeros before the first other digit.
    integer: &'a str,
    /// Without zeros at the end; those at its front count if there is no integer part.
    fraction: &'a str,
}

impl<'a> Significant<'a> {
    fn of(number: &'a str) -> Self {
        let (is_negative, digits) = without_sign(number);
        let (integer, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let integer = integer.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        Self { is_negative: is_negative && !(integer.is_empty() && fraction.is_empty()), integer, fraction }
    }

    fn is_zero(&self) -> bool {
        self.integer.is_empty() && self.fraction.is_empty()
    }

    fn size_order(&self, other: &Self) -> Ordering {
        let length = self.integer.len().cmp(&other.integer.len());
        length.then_with(|| self.integer.cmp(other.integer)).then_with(|| self.fraction.cmp(other.fraction))
    }
}

/// The order of canonical numbers by their values.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (Significant::of(a), Significant::of(b));
    match (a.is_negative, b.is_negative) {
        (false, false) => a.size_order(&b),
        (true, true) => b.size_order(&a),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    }
}

/// Adds bytes that are ordered as the values are; those of equal values are equal, and none are the beginning of
/// others.
pub(super) fn write_sort_key(out: &mut Vec<u8>, number: &str) {
    let number = Significant::of(number);
    if number.is_zero() {
        return out.push(ZERO);
    }
    out.push(if number.is_negative { NEGATIVE } else { POSITIVE });
    let start = out.len();
    let leading_zeros = match number.integer {
        "" => number.fraction.bytes().take_while(|digit| *digit == b'0').count(),
        _ => 0,
    };
    // The place of the first digit: 1 for 5, 0 for 0.5, -1 for 0.05.
    let place = length(number.integer) - i64::try_from(leading_zeros).unwrap_or(i64::MAX);
    let biased = u32::try_from(place + i64::from(i32::MAX)).unwrap_or(u32::MAX);
    out.extend_from_slice(&biased.to_be_bytes());
    let digits = number.integer.bytes().chain(number.fraction.bytes()).skip(leading_zeros);
    let last = number.integer.trim_end_matches('0').len();
    let significant = if number.fraction.is_empty() { last } else { usize::MAX };
    let mut digits = digits.take(significant).map(|digit| digit.wrapping_sub(b'0') % 10);
    // Two digits to a byte, and none of them zero, so that a zero can end them.
    while let Some(tens) = digits.next() {
        out.push(tens * 10 + digits.next().unwrap_or(0) + 1);
    }
    out.push(0);
    if number.is_negative {
        for byte in out.iter_mut().skip(start) {
            *byte = !*byte;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{canonical, compare, write_sort_key};

    #[test]
    fn numbers_are_printed_as_numeric() {
        for (number, printed) in [
            ("1.500e1", "15.00"),
            ("1.5e3", "1500"),
            ("1.5e-3", "0.0015"),
            ("-0.0", "0.0"),
            ("-0e-5", "0.00000"),
            ("0.0e5", "0"),
            ("0e131072", "0"),
            ("100e-2", "1.00"),
            ("12.345e1", "123.45"),
            ("0.001E2", "0.1"),
            ("-12E+1", "-120"),
            ("7e0", "7"),
        ] {
            assert_eq!(canonical(number).as_deref(), Ok(printed), "{number}");
        }
        for number in ["1e131072", "1e-16384", "0e-16384", "0e2000000000", "1e99999999999999999999"] {
            assert_eq!(canonical(number).map_err(|error| error.sqlstate), Err("22003"), "{number}");
        }
    }

    #[test]
    fn sort_keys_are_ordered_as_the_values() {
        let ascending =
            ["-120", "-100.5", "-100", "-9", "-0.05", "0", "0.005", "0.05", "0.5", "1", "1.01", "9", "10", "99.9"];
        for (at, a) in ascending.iter().enumerate() {
            for (other, b) in ascending.iter().enumerate() {
                let (mut left, mut right) = (Vec::new(), Vec::new());
                write_sort_key(&mut left, &format!("{a}{}", if a.contains('.') { "00" } else { ".00" }));
                write_sort_key(&mut right, b);
                assert_eq!(compare(a, b), at.cmp(&other), "{a} {b}");
                assert_eq!(left.cmp(&right), at.cmp(&other), "{a} {b}");
            }
        }
    }
}
