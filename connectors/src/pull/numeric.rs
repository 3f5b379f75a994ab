//! `numeric` in PostgreSQL's binary format: four 16-bit numbers (how many digits, the weight of the first, the
//! sign, the display scale), then the digits in base 10,000 (`numeric_send` in PostgreSQL's numeric.c).

use super::builder::CellError;

const HEADER_BYTES: usize = 8;
const DIGIT_BYTES: usize = 2;
const BASE: i128 = 10_000;
/// Decimal digits of a digit in base 10,000.
const DIGITS_IN_BASE: i32 = 4;
const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;

/// The value as a whole number of units of `10^-scale`.
///
/// # Errors
/// When it is NaN or infinite, or has more decimals or digits than the type allows.
pub(super) fn unscaled(bytes: &[u8], scale: i8) -> Result<i128, CellError> {
    let (header, digits) = bytes.split_at_checked(HEADER_BYTES).ok_or_else(malformed)?;
    let word = |index: usize| u16::from_be_bytes([header[index * 2], header[index * 2 + 1]]);
    let (count, weight, sign) = (usize::from(word(0)), i32::from(word(1) as i16), word(2));
    if digits.len() != count * DIGIT_BYTES {
        return Err(malformed());
    }
    let magnitude = magnitude(digits, weight, i32::from(scale))?;
    match sign {
        POSITIVE => Ok(magnitude),
        NEGATIVE => Ok(-magnitude),
        NAN => Err(CellError::Value("NaN has no place in an Arrow decimal".to_owned())),
        _ => Err(CellError::Value("infinity has no place in an Arrow decimal".to_owned())),
    }
}

fn magnitude(digits: &[u8], weight: i32, scale: i32) -> Result<i128, CellError> {
    let digit = |pair: &[u8]| i128::from(u16::from_be_bytes([pair[0], pair[1]]));
    let Some((whole, last)) = digits.len().checked_sub(DIGIT_BYTES).map(|end| digits.split_at(end)) else {
        return Ok(0);
    };
    let mut value = 0_i128;
    for pair in whole.chunks_exact(DIGIT_BYTES) {
        value = value * BASE + digit(pair);
    }
    // The decimal exponent of the last digit, once the scale's decimals are part of the whole number.
    let count = (digits.len() / DIGIT_BYTES) as i32;
    let exponent = DIGITS_IN_BASE * (weight - count + 1) + scale;
    let (shift, last) = if exponent >= 0 {
        (DIGITS_IN_BASE, digit(last))
    } else {
        let cut = power_of_ten(-exponent)?;
        if digit(last) % cut != 0 {
            return Err(CellError::Value("a numeric has more decimals than its column".to_owned()));
        }
        (DIGITS_IN_BASE + exponent, digit(last) / cut)
    };
    value
        .checked_mul(power_of_ten(shift)?)
        .and_then(|value| value.checked_add(last))
        .and_then(|value| value.checked_mul(10_i128.checked_pow(exponent.max(0) as u32)?))
        .ok_or_else(|| CellError::Value("a numeric has more than 38 digits".to_owned()))
}

/// Powers that cut a digit in base 10,000; a digit that is cut off whole is not of the column's scale.
fn power_of_ten(exponent: i32) -> Result<i128, CellError> {
    match exponent {
        0..=DIGITS_IN_BASE => Ok(10_i128.pow(exponent as u32)),
        _ => Err(malformed()),
    }
}

fn malformed() -> CellError {
    CellError::Value("a numeric that is not in PostgreSQL's binary format".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric(weight: i16, sign: u16, digits: &[u16]) -> Vec<u8> {
        let header = [digits.len() as u16, weight as u16, sign, 0];
        header.iter().chain(digits).flat_map(|word| word.to_be_bytes()).collect()
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
    fn what_does_not_fit_is_refused() {
        for bytes in [
            numeric(0, NAN, &[]),
            numeric(0, 0xD000, &[]),
            numeric(-1, POSITIVE, &[1]),
            numeric(12, POSITIVE, &[1]),
            vec![0, 1, 2],
        ] {
            assert!(unscaled(&bytes, 2).is_err(), "{bytes:?}");
        }
    }
}
