//! Powers. Those to whole exponents are products, all others exponentials of logarithms.

use std::cmp::Ordering;

use super::exponential::{LOG10_OF_E, MAX_RESULT_EXPONENT, whole};
use super::{GROUP_DIGITS, Integer, MAX_RESULT_SCALE, MIN_SIGNIFICANT_DIGITS, Numeric, overflow, result_scale};
use crate::postgres::error::{ValueError, ValueResult};

const INVALID_ARGUMENT: &str = "2201F";
/// The groups of digits with which the length of a power is estimated.
const ESTIMATE_GROUPS: u32 = 4;
/// The largest power of 10,000 of a first group of digits.
const MAX_WEIGHT: i64 = 32_767;
/// Digits that are kept in the course of a computation beyond what its result needs.
const GUARD_DIGITS: i64 = 8;

impl Numeric {
    /// The number to the power of `exponent`, with decimals enough for 16 significant digits.
    pub(crate) fn power(&self, exponent: &Self) -> ValueResult<Self> {
        let is_integral = exponent.is_integral();
        if self.is_zero() && exponent.is_negative() {
            return Err(ValueError::new(INVALID_ARGUMENT, "zero raised to a negative power is undefined"));
        }
        if self.is_negative() && !is_integral {
            let message = "a negative number raised to a non-integer power yields a complex result";
            return Err(ValueError::new(INVALID_ARGUMENT, message));
        }
        if is_integral {
            let whole = exponent.unscaled.cut(exponent.scale).to_i128();
            if let Some(whole) = whole.and_then(|whole| i32::try_from(whole).ok()) {
                return self.whole_power(whole, exponent)?.checked();
            }
        }
        if self.is_zero() {
            return Ok(Self::of(Integer::ZERO, u32::try_from(MIN_SIGNIFICANT_DIGITS).unwrap_or(0)));
        }
        let power = self.absolute().real_power(exponent)?;
        let is_negative = self.is_negative() && exponent.unscaled.cut(exponent.scale).is_odd();
        if is_negative { power.negated() } else { power }.checked()
    }

    /// A positive number to a power.
    fn real_power(&self, exponent: &Self) -> ValueResult<Self> {
        let ln_exponent = self.ln_exponent();
        let logarithm_of_power = |digits: i64| {
            let scale = u32::try_from((digits - ln_exponent + GUARD_DIGITS).max(0)).unwrap_or(0);
            self.ln_at(scale).product_at(exponent, scale)
        };
        let estimate = logarithm_of_power(0).to_f64_or_infinite();
        if estimate.abs() > f64::from(MAX_RESULT_EXPONENT) * 3.01 {
            if estimate > 0.0 {
                return Err(overflow());
            }
            return Ok(Self::of(Integer::ZERO, MAX_RESULT_SCALE));
        }
        let power_exponent = whole(estimate * LOG10_OF_E);
        let scale = result_scale(power_exponent, &[self, exponent]);
        let digits = (i64::from(scale) + power_exponent).max(0);
        logarithm_of_power(digits).exponential_at(scale)
    }

    /// The number to the power of `whole`, which is the value of `exponent`.
    fn whole_power(&self, whole_exponent: i32, exponent: &Self) -> ValueResult<Self> {
        let power_exponent = match self.leading_number(ESTIMATE_GROUPS) {
            (0.0, _) => 0.0,
            (leading, power_of_ten) => f64::from(whole_exponent) * (leading.log10() + power_of_ten),
        };
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let max_exponent = ((MAX_WEIGHT + 1) * i64::from(GROUP_DIGITS)) as f64;
        if power_exponent > max_exponent {
            return Err(overflow());
        }
        if power_exponent + 1.0 < -f64::from(MAX_RESULT_SCALE) {
            return Ok(Self::of(Integer::ZERO, MAX_RESULT_SCALE));
        }
        let power_exponent = whole(power_exponent);
        let scale = result_scale(power_exponent, &[self, exponent]);
        match whole_exponent {
            0 => Ok(Self::from(1).with_exactly(scale)),
            1 => Ok(self.with_exactly(scale)),
            -1 => Self::from(1).divide_at(self, scale),
            2 => Ok(self.product_at(self, scale).with_exactly(scale)),
            _ if self.is_zero() => Ok(Self::of(Integer::ZERO, scale)),
            _ => {
                let error_digits = whole(f64::from(whole_exponent).abs().ln());
                let digits = 1 + i64::from(scale) + power_exponent + error_digits + GUARD_DIGITS;
                self.repeated_product(whole_exponent, digits, scale)
            }
        }
    }

    /// The power as a product of squares, in which `digits` significant digits are kept.
    fn repeated_product(&self, exponent: i32, digits: i64, scale: u32) -> ValueResult<Self> {
        let product = |left: &Self, right: &Self| {
            let scale = digits - (left.weight() + right.weight()) * i64::from(GROUP_DIGITS);
            left.product_at(right, u32::try_from(scale.max(0)).unwrap_or(u32::MAX))
        };
        let mut rest = exponent.unsigned_abs();
        let mut square = self.clone();
        let mut power = if rest % 2 == 1 { self.clone() } else { Self::from(1) };
        loop {
            rest /= 2;
            if rest == 0 {
                break;
            }
            square = product(&square, &square);
            if rest % 2 == 1 {
                power = product(&square, &power);
            }
            if square.weight().max(power.weight()) > MAX_WEIGHT {
                return if exponent > 0 { Err(overflow()) } else { Ok(Self::of(Integer::ZERO, scale)) };
            }
        }
        if exponent < 0 { Self::from(1).divide_at(&power, scale) } else { Ok(power.with_exactly(scale)) }
    }

    fn with_exactly(&self, scale: u32) -> Self {
        match self.scale.cmp(&scale) {
            Ordering::Greater => Self::of(self.unscaled.rounded(self.scale - scale), scale),
            _ => Self::of(self.unscaled_at(scale), scale),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::number;

    #[test]
    fn powers() {
        for (base, exponent, power) in [
            ("2", "3", "8.0000000000000000"),
            ("2", "-1", "0.5000000000000000"),
            ("0", "0", "1.0000000000000000"),
            ("0", "1.5", "0.0000000000000000"),
            ("2", "0.5", "1.4142135623730950"),
            ("-1", "3e20", "1.0000000000000000"),
            ("-1", "300000000001", "-1.0000000000000000"),
        ] {
            assert_eq!(number(base).power(&number(exponent)).unwrap().to_string(), power, "{base} ^ {exponent}");
        }
    }

    #[test]
    fn powers_that_are_none() {
        for (base, exponent, sqlstate) in
            [("0", "-1", "2201F"), ("-2", "1.5", "2201F"), ("-2", "3e20", "22003"), ("10", "200000", "22003")]
        {
            let error = number(base).power(&number(exponent)).unwrap_err();
            assert_eq!(error.sqlstate, sqlstate, "{base} ^ {exponent}");
        }
        assert!(number("10").power(&number("-200000")).unwrap().is_zero());
    }
}
