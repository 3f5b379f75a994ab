//! Numbers of other types and back.

use std::fmt::Write as _;

use super::{Integer, MAX_SCALE, Numeric, OUT_OF_RANGE, overflow};
use crate::postgres::error::{ValueError, ValueResult};

/// Significant digits that a `double precision` surely keeps.
const DOUBLE_DIGITS: usize = 15;
/// Significant digits that a `real` surely keeps.
const REAL_DIGITS: usize = 6;
/// A number with so many zeros at its end does not fit an `i128`.
const MAX_ZEROS: u32 = 39;
/// Whole numbers up to here are exact as `f64`.
const MAX_EXACT: u128 = 1 << 53;

impl Numeric {
    /// `unscaled` divided by ten to the power of `scale`; what has too many decimals is rounded.
    pub(crate) fn from_i128(unscaled: i128, scale: u32) -> Self {
        Self::of(Integer::Small(unscaled), scale).with_at_most(MAX_SCALE)
    }

    /// The digits of the number at a scale, if an `i128` holds them and none is lost.
    pub(crate) fn to_i128(&self, scale: u32) -> Option<i128> {
        match scale.checked_sub(self.scale) {
            Some(_) if self.is_zero() => Some(0),
            Some(0) => self.unscaled.to_i128(),
            Some(MAX_ZEROS..) => None,
            Some(zeros) => self.unscaled.scaled_up(zeros).to_i128(),
            None => {
                let excess = self.scale - scale;
                let is_exact = self.unscaled.trailing_zeros(excess) == excess;
                if is_exact { self.unscaled.cut(excess).to_i128() } else { None }
            }
        }
    }

    /// The number of a `double precision`, of which 15 significant digits are kept.
    pub(crate) fn from_f64(value: f64) -> ValueResult<Self> {
        of_float(value, DOUBLE_DIGITS)
    }

    /// The number of a `real`, of which 6 significant digits are kept.
    pub(crate) fn from_f32(value: f32) -> ValueResult<Self> {
        of_float(f64::from(value), REAL_DIGITS)
    }

    /// The nearest `double precision`.
    pub(crate) fn to_f64(&self) -> ValueResult<f64> {
        let value = self.to_f64_or_infinite();
        if value.is_infinite() || value == 0.0 && !self.is_zero() {
            return Err(self.out_of_range_for("double precision"));
        }
        Ok(value)
    }

    /// The nearest `real`.
    pub(crate) fn to_f32(&self) -> ValueResult<f32> {
        let value = self.scientific().parse::<f32>().unwrap_or(f32::NAN);
        if !value.is_finite() || value == 0.0 && !self.is_zero() {
            return Err(self.out_of_range_for("real"));
        }
        Ok(value)
    }

    fn out_of_range_for(&self, name: &str) -> ValueError {
        ValueError::new(OUT_OF_RANGE, format!("\"{self}\" is out of range for type {name}"))
    }

    /// The nearest `f64`, infinite or zero if it is too large or too small for one.
    pub(super) fn to_f64_or_infinite(&self) -> f64 {
        if let Integer::Small(value) = self.unscaled
            && value.unsigned_abs() <= MAX_EXACT
            && let Some(power) = exact_power_of_ten(self.scale)
        {
            #[expect(clippy::cast_precision_loss, reason = "it is exact up to here")]
            return value as f64 / power;
        }
        self.scientific().parse().unwrap_or(f64::NAN)
    }

    fn scientific(&self) -> String {
        let mut text = self.unscaled.to_string();
        // Writing to a text cannot fail.
        let _ = write!(text, "e-{}", self.scale);
        text
    }

    /// The nearest `smallint`, halves away from zero.
    pub(crate) fn to_i16(&self) -> ValueResult<i16> {
        self.to_whole("smallint")
    }

    /// The nearest `integer`, halves away from zero.
    pub(crate) fn to_i32(&self) -> ValueResult<i32> {
        self.to_whole("integer")
    }

    /// The nearest `bigint`, halves away from zero.
    pub(crate) fn to_i64(&self) -> ValueResult<i64> {
        self.to_whole("bigint")
    }

    fn to_whole<T: TryFrom<i128>>(&self, name: &str) -> ValueResult<T> {
        let whole = self.unscaled.rounded(self.scale).to_i128();
        whole
            .and_then(|whole| T::try_from(whole).ok())
            .ok_or_else(|| ValueError::new(OUT_OF_RANGE, format!("{name} out of range")))
    }
}

impl From<i64> for Numeric {
    fn from(value: i64) -> Self {
        Self::from_i128(i128::from(value), 0)
    }
}

/// Ten to the power of `exponent`, if it is exact as `f64`.
fn exact_power_of_ten(exponent: u32) -> Option<f64> {
    const POWERS: [f64; 23] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ];
    POWERS.get(usize::try_from(exponent).ok()?).copied()
}

fn of_float(value: f64, significant: usize) -> ValueResult<Numeric> {
    if value.is_nan() {
        return Err(super::text::not_a_number());
    }
    if value.is_infinite() {
        return Err(super::text::infinite());
    }
    let text = format!("{value:.*e}", significant - 1);
    let parts = text.split_once('e').and_then(|(digits, exponent)| Some((digits, exponent.parse::<i32>().ok()?)));
    let Some((digits, exponent)) = parts else { return Err(overflow()) };
    let mut decimals = -1;
    let (mut unscaled, mut needed, mut needed_decimals) = (0_i64, 0_i64, 0_i32);
    for digit in digits.chars().filter_map(|character| character.to_digit(10)) {
        unscaled = unscaled * 10 + i64::from(digit);
        decimals += 1;
        if digit != 0 {
            (needed, needed_decimals) = (unscaled, decimals);
        }
    }
    let unscaled = Integer::Small(i128::from(if digits.starts_with('-') { -needed } else { needed }));
    let scale = needed_decimals - exponent;
    let number = match u32::try_from(scale) {
        Ok(scale) => Numeric::of(unscaled, scale),
        Err(_) => Numeric::of(unscaled.scaled_up(scale.unsigned_abs()), 0),
    };
    number.checked()
}

#[cfg(test)]
mod tests {
    use super::super::tests::number;
    use super::*;

    #[test]
    fn floats_keep_their_sure_digits() {
        for (value, text) in [
            (0.1 + 0.2, "0.3"),
            (-1.5e-7, "-0.00000015"),
            (1e20, "100000000000000000000"),
            (123_456_789.123_456_78, "123456789.123457"),
            (0.0, "0"),
            (-0.0, "0"),
            (1.0 / 3.0, "0.333333333333333"),
        ] {
            assert_eq!(Numeric::from_f64(value).unwrap().to_string(), text);
        }
        assert_eq!(Numeric::from_f32(0.1).unwrap().to_string(), "0.1");
        assert_eq!(Numeric::from_f32(16_777_216.0).unwrap().to_string(), "16777200");
        assert!(Numeric::from_f64(f64::NAN).is_err() && Numeric::from_f32(f32::INFINITY).is_err());
    }

    #[test]
    fn floats_must_fit() {
        assert_eq!(number("1e-310").to_f64(), Ok(1e-310));
        assert_eq!(number("0.1").to_f64(), Ok(0.1));
        assert_eq!(
            number("123456789012345678901234567890.123").to_f64(),
            Ok(123_456_789_012_345_678_901_234_567_890.123)
        );
        assert!(number("1e400").to_f64().is_err() && number("1e-400").to_f64().is_err());
        let message = number("1e40").to_f32().unwrap_err().message;
        assert_eq!(message, "\"10000000000000000000000000000000000000000\" is out of range for type real");
    }

    #[test]
    fn whole_numbers_must_fit() {
        assert_eq!(number("32767.4").to_i16(), Ok(32767));
        assert_eq!(number("32767.5").to_i16().unwrap_err().message, "smallint out of range");
        assert_eq!(number("-9223372036854775808.4").to_i64(), Ok(i64::MIN));
        assert_eq!(number("9223372036854775807.5").to_i64().unwrap_err().message, "bigint out of range");
        assert_eq!((number("2.5").to_i32(), number("-2.5").to_i32()), (Ok(3), Ok(-3)));
    }

    #[test]
    fn digits_at_a_scale() {
        assert_eq!(number("1.50").to_i128(1), Some(15));
        assert_eq!(number("1.55").to_i128(1), None);
        assert_eq!(number("1.5").to_i128(3), Some(1500));
        assert_eq!(number("1e30").to_i128(9), None);
        assert_eq!((number("1").to_i128(u32::MAX), number("0").to_i128(u32::MAX)), (None, Some(0)));
        assert!(Numeric::from_i128(7, u32::MAX).is_zero());
        assert_eq!(Numeric::from_i128(-15, 3).to_string(), "-0.015");
    }
}
