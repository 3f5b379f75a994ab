//! `numeric` in PostgreSQL's binary format: four 16-bit numbers (how many digits, the weight of the first, the
//! sign, the display scale), then the digits in base 10,000 (`numeric_send` in PostgreSQL's numeric.c).

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, i256};

use super::cell_error::CellError;

const HEADER_BYTES: usize = 8;
const DIGIT_BYTES: usize = 2;
const WORD_BITS: u32 = 16;
const BASE: u64 = 10_000;
/// Decimal digits of a digit in base 10,000.
const DIGITS_IN_BASE: i32 = 4;
/// So many digits are read as one word.
const WORD_DIGITS: usize = 4;
/// Powers of ten below `2^63`.
const WORD_EXPONENT: i32 = 18;
/// `10^n` at `n`.
const POWERS: [u64; WORD_EXPONENT as usize + 1] = {
    let mut powers = [1; WORD_EXPONENT as usize + 1];
    let mut exponent = 1;
    while exponent < powers.len() {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};
/// What 38 digits stay below.
const LIMIT: u128 = 10_u128.pow(DECIMAL128_MAX_PRECISION as u32);
/// Of a numeric with a precision there is no such value.
const TOO_LONG: CellError = CellError::Unrepresentable("a numeric has more digits than the type of its column");
const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;

/// A value as it was sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numeric<'a> {
    digits: &'a [[u8; DIGIT_BYTES]],
    /// The first digit counts `10000^weight`.
    weight: i32,
    negative: bool,
    /// Decimals that PostgreSQL prints; no digit is beyond them.
    pub(super) display_scale: i32,
}

impl<'a> Numeric<'a> {
    /// # Errors
    /// When it is NaN or infinite, which no decimal is.
    #[inline]
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, CellError> {
        let (header, digits) = bytes.split_first_chunk().ok_or(CellError::Malformed)?;
        let Header { count, weight, sign, display_scale } = Header::parse(*header);
        let (digits, rest) = digits.as_chunks();
        let negative = match sign {
            POSITIVE => false,
            NEGATIVE => true,
            NAN => return Err(CellError::Unrepresentable("NaN has no place in a decimal")),
            _ => return Err(CellError::Unrepresentable("infinity has no place in a decimal")),
        };
        if digits.len() != count || !rest.is_empty() {
            return Err(CellError::Malformed);
        }
        Ok(Self { digits, weight, negative, display_scale })
    }

    /// Decimal digits before the point.
    pub(super) fn integer_digits(&self) -> i32 {
        match self.digits.first() {
            Some(first) if self.weight >= 0 => {
                let first = i32::from(u16::from_be_bytes(*first)).checked_ilog10().map_or(0, |log| log as i32 + 1);
                self.weight * DIGITS_IN_BASE + first
            }
            _ => 0,
        }
    }

    /// [`unscaled`] of any value.
    #[cold]
    fn unscaled(&self, scale: i32) -> Result<i128, CellError> {
        let value = self.unscaled_wide(scale)?.to_i128();
        value.filter(|value| value.unsigned_abs() < LIMIT).ok_or(TOO_LONG)
    }

    /// The value in units of `10^-scale`, within 76 digits.
    pub(super) fn unscaled_wide(&self, scale: i32) -> Result<i256, CellError> {
        let Some((last, whole)) = self.digits.split_last() else { return Ok(i256::ZERO) };
        let whole = whole.iter().try_fold(i256::ZERO, |value, digit| {
            shifted(value, DIGITS_IN_BASE)?.checked_add(i256::from_i128(i128::from(base_digit(digit))))
        });
        let exponent = exponent(self.weight, self.digits.len(), scale);
        // Of the last digit, only as much as the scale has room for: the rest is zeros.
        let cut = (-exponent).clamp(0, DIGITS_IN_BASE);
        let kept = quotient(u64::from(base_digit(last)), POWERS[cut as usize])?;
        let value = whole
            .and_then(|whole| shifted(whole, DIGITS_IN_BASE - cut)?.checked_add(i256::from_i128(i128::from(kept))))
            .and_then(|value| shifted(value, exponent.max(0)))
            .ok_or(TOO_LONG)?;
        Ok(if self.negative { value.wrapping_neg() } else { value })
    }
}

/// What comes before the digits.
struct Header {
    count: usize,
    weight: i32,
    sign: u16,
    display_scale: i32,
}

impl Header {
    #[inline]
    fn parse(bytes: [u8; HEADER_BYTES]) -> Self {
        let header = u64::from_be_bytes(bytes);
        let word = |index: u32| (header >> (index * WORD_BITS)) as u16;
        Self {
            count: usize::from(word(3)),
            weight: i32::from(word(2) as i16),
            sign: word(1),
            display_scale: i32::from(word(0)),
        }
    }
}

/// The value of a cell in units of `10^-scale`, within 38 digits.
///
/// # Errors
/// When it has more of them, or is no number.
#[inline]
pub(super) fn unscaled(bytes: &[u8], scale: i32) -> Result<i128, CellError> {
    match unscaled_in_word(bytes, scale) {
        Some(value) => Ok(i128::from(value)),
        None => Numeric::parse(bytes)?.unscaled(scale),
    }
}

/// What most values are: a few digits, brought to their scale within 64 bits. `None` of any other. Hardly a branch
/// depends on the value, because neighbours differ in their digits, and guesses would be wrong.
#[inline]
fn unscaled_in_word(bytes: &[u8], scale: i32) -> Option<i64> {
    let Header { count, weight, sign, .. } = Header::parse(*bytes.first_chunk()?);
    let exponent = exponent(weight, count, scale);
    if bytes.len() != HEADER_BYTES + count * DIGIT_BYTES
        || count > WORD_DIGITS
        || exponent < -DIGITS_IN_BASE
        || exponent + DIGITS_IN_BASE * count as i32 > WORD_EXPONENT
        || !matches!(sign, POSITIVE | NEGATIVE)
    {
        return None;
    }
    // Up to four digits, behind a part of the header.
    let mask = u64::MAX.checked_shr((WORD_DIGITS - count) as u32 * WORD_BITS).unwrap_or(0);
    let digits = u64::from_be_bytes(*bytes.last_chunk()?) & mask;
    let digit = |index: u32| u64::from((digits >> (index * WORD_BITS)) as u16);
    let value = ((digit(3) * BASE + digit(2)) * BASE + digit(1)) * BASE + digit(0);
    let value = value * POWERS[exponent.max(0) as usize];
    let value = quotient(value, POWERS[(-exponent).max(0) as usize]).ok()? as i64;
    Some(if sign == NEGATIVE { -value } else { value })
}

/// The power of ten that the last of so many digits counts, in units of `10^-scale`.
fn exponent(weight: i32, digits: usize, scale: i32) -> i32 {
    DIGITS_IN_BASE * (weight - digits as i32 + 1) + scale
}

fn base_digit(bytes: &[u8; DIGIT_BYTES]) -> u16 {
    u16::from_be_bytes(*bytes)
}

/// `value / divisor`, which must leave nothing.
#[inline]
fn quotient(value: u64, divisor: u64) -> Result<u64, CellError> {
    if value.is_multiple_of(divisor) { Ok(value / divisor) } else { Err(TOO_LONG) }
}

/// `value * 10^exponent`.
pub(super) fn shifted(value: i256, exponent: i32) -> Option<i256> {
    i256::from_i128(10).checked_pow(exponent as u32).and_then(|power| value.checked_mul(power))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric(weight: i16, sign: u16, digits: &[u16]) -> Vec<u8> {
        let header = [digits.len() as u16, weight as u16, sign, 0];
        header.iter().chain(digits).flat_map(|word| word.to_be_bytes()).collect()
    }

    fn unscaled(bytes: &[u8], scale: i32) -> Result<i128, CellError> {
        let value = super::unscaled(bytes, scale)?;
        assert_eq!(Numeric::parse(bytes)?.unscaled(scale), Ok(value));
        Ok(value)
    }

    #[test]
    fn digits_are_brought_to_the_columns_scale() {
        for (bytes, scale, expected) in [
            (numeric(0, POSITIVE, &[]), 2, 0),
            (numeric(0, POSITIVE, &[12, 5000]), 2, 1250),
            (numeric(-1, NEGATIVE, &[100]), 2, -1),
            (numeric(1, POSITIVE, &[3]), 2, 3_000_000),
            (numeric(0, POSITIVE, &[7]), 0, 7),
            (numeric(-1, POSITIVE, &[1234, 5000]), 5, 12_345),
            (numeric(2, NEGATIVE, &[12, 3456, 7890, 1200]), 2, -123_456_789_012),
            (numeric(3, POSITIVE, &[99, 9999, 9999, 9999]), 4, 999_999_999_999_990_000),
            (numeric(3, POSITIVE, &[100]), 4, 1_000_000_000_000_000_000),
            (numeric(4, POSITIVE, &[1, 0, 0, 0, 1]), 0, 10_000_000_000_000_001),
        ] {
            assert_eq!(unscaled(&bytes, scale).unwrap(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn thirty_eight_digits_fit_wherever_the_point_is() {
        let widest = 10_i128.pow(38) - 1;
        let nines = |first: u16, middle: usize, last: Option<u16>| {
            [first].into_iter().chain(std::iter::repeat_n(9999, middle)).chain(last).collect::<Vec<_>>()
        };
        assert_eq!(unscaled(&numeric(9, POSITIVE, &nines(99, 9, None)), 0).unwrap(), widest);
        assert_eq!(unscaled(&numeric(9, POSITIVE, &nines(9, 9, Some(9000))), 1).unwrap(), widest);
        assert_eq!(unscaled(&numeric(-1, POSITIVE, &nines(9999, 8, Some(9900))), 38).unwrap(), widest);
    }

    #[test]
    fn digits_before_the_point_are_counted() {
        for (weight, digits, expected) in [(0, vec![7], 1), (1, vec![12, 3456], 6), (-1, vec![5], 0), (0, vec![], 0)] {
            let bytes = numeric(weight, POSITIVE, &digits);
            assert_eq!(Numeric::parse(&bytes).unwrap().integer_digits(), expected);
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for bytes in [numeric(0, NAN, &[]), numeric(0, 0xD000, &[])] {
            assert!(matches!(Numeric::parse(&bytes), Err(CellError::Unrepresentable(_))), "{bytes:?}");
        }
        for bytes in [vec![0, 1, 2], numeric(0, POSITIVE, &[1])[..9].to_vec()] {
            assert!(matches!(Numeric::parse(&bytes), Err(CellError::Malformed)), "{bytes:?}");
        }
        assert_eq!(unscaled(&numeric(-1, POSITIVE, &[1]), 2), Err(TOO_LONG));
        // 10^38 is the first number of 39 digits.
        assert_eq!(unscaled(&numeric(9, POSITIVE, &[100]), 0), Err(TOO_LONG));
    }
}
