//! `numeric` in PostgreSQL's binary format: four 16-bit numbers (how many digits, the weight of the first, the
//! sign, the display scale), then the digits in base 10,000 (`numeric_send` in PostgreSQL's numeric.c).

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, i256};

use super::cell_error::CellError;

const HEADER_BYTES: usize = 8;
const DIGIT_BYTES: usize = 2;
const DIGIT_BITS: usize = 16;
const BASE: u64 = 10_000;
/// Decimal digits of a digit in base 10,000.
const DIGITS_IN_BASE: i32 = 4;
/// So many digits fit into 64 bits, and times [`FAST_EXPONENT`] powers of ten too.
const FAST_DIGITS: usize = 4;
const FAST_EXPONENT: i32 = 3;
/// Powers of ten by which they may be multiplied within 128 bits.
const WIDE_EXPONENT: i32 = 18;
/// `10^n` at `n`.
const POWERS: [u64; WIDE_EXPONENT as usize + 1] = {
    let mut powers = [1; WIDE_EXPONENT as usize + 1];
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
    /// The last eight bytes: up to four digits, behind what of the header is not theirs.
    last_bytes: u64,
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
        let (header, digits) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or(CellError::Malformed)?;
        let (_, last_bytes) = bytes.split_last_chunk().ok_or(CellError::Malformed)?;
        let header = u64::from_be_bytes(*header);
        let word = |index: usize| (header >> (48 - 16 * index)) as u16;
        let (digits, rest) = digits.as_chunks();
        let negative = match word(2) {
            POSITIVE => false,
            NEGATIVE => true,
            NAN => return Err(CellError::Unrepresentable("NaN has no place in a decimal")),
            _ => return Err(CellError::Unrepresentable("infinity has no place in a decimal")),
        };
        if digits.len() != usize::from(word(0)) || !rest.is_empty() {
            return Err(CellError::Malformed);
        }
        Ok(Self {
            digits,
            last_bytes: u64::from_be_bytes(*last_bytes),
            weight: i32::from(word(1) as i16),
            negative,
            display_scale: i32::from(word(3)),
        })
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

    /// The value in units of `10^-scale`, within 38 digits.
    #[inline]
    pub(super) fn unscaled(&self, scale: i32) -> Result<i128, CellError> {
        let exponent = self.exponent(scale);
        if self.digits.len() <= FAST_DIGITS && (-DIGITS_IN_BASE..=WIDE_EXPONENT).contains(&exponent) {
            let power = POWERS[exponent.max(0) as usize];
            let value = if exponent <= FAST_EXPONENT {
                // No branch depends on the value: neighbours differ in their digits, and guesses would be wrong.
                let divisor = POWERS[(-exponent).max(0) as usize];
                i128::from(quotient(self.last_digits() * power, divisor)?)
            } else {
                i128::from(self.last_digits()) * i128::from(power)
            };
            return Ok(if self.negative { -value } else { value });
        }
        let value = self.unscaled_wide(scale)?.to_i128();
        value.filter(|value| value.unsigned_abs() < LIMIT).ok_or(TOO_LONG)
    }

    /// The value in units of `10^-scale`, within 76 digits.
    pub(super) fn unscaled_wide(&self, scale: i32) -> Result<i256, CellError> {
        let Some((last, whole)) = self.digits.split_last() else { return Ok(i256::ZERO) };
        let whole = whole.iter().try_fold(i256::ZERO, |value, digit| {
            shifted(value, DIGITS_IN_BASE)?.checked_add(i256::from_i128(i128::from(base_digit(digit))))
        });
        let exponent = self.exponent(scale);
        // Of the last digit, only as much as the scale has room for: the rest is zeros.
        let cut = (-exponent).clamp(0, DIGITS_IN_BASE);
        let kept = quotient(u64::from(base_digit(last)), POWERS[cut as usize])?;
        let value = whole
            .and_then(|whole| shifted(whole, DIGITS_IN_BASE - cut)?.checked_add(i256::from_i128(i128::from(kept))))
            .and_then(|value| shifted(value, exponent.max(0)))
            .ok_or(TOO_LONG)?;
        Ok(if self.negative { value.wrapping_neg() } else { value })
    }

    /// The digits as one number, where there are no more than [`FAST_DIGITS`].
    #[inline]
    fn last_digits(&self) -> u64 {
        let others = FAST_DIGITS.saturating_sub(self.digits.len()) * DIGIT_BITS;
        let bytes = self.last_bytes & u64::MAX.checked_shr(others as u32).unwrap_or(0);
        let digit = |index: usize| u64::from((bytes >> (index * DIGIT_BITS)) as u16);
        ((digit(3) * BASE + digit(2)) * BASE + digit(1)) * BASE + digit(0)
    }

    /// The power of ten that the last digit counts, in units of `10^-scale`.
    fn exponent(&self, scale: i32) -> i32 {
        DIGITS_IN_BASE * (self.weight - self.digits.len() as i32 + 1) + scale
    }
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
        let numeric = Numeric::parse(bytes)?;
        assert_eq!(numeric.unscaled_wide(scale)?.to_i128(), Some(numeric.unscaled(scale)?));
        numeric.unscaled(scale)
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
        assert_eq!(Numeric::parse(&numeric(9, POSITIVE, &[100])).unwrap().unscaled(0), Err(TOO_LONG));
    }
}
