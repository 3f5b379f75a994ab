//! `ln` and `log`.

use std::cmp::Ordering;
use std::f64::consts::LN_10;

use super::exponential::whole;
use super::fixed_point::logarithm;
use super::{GROUP_DIGITS, Integer, Numeric, result_scale};
use crate::postgres::error::{ValueError, ValueResult};

/// Digits of logarithms that are kept for the quotient of both beyond what it needs.
const GUARD_DIGITS: i64 = 8;

impl Numeric {
    /// The natural logarithm, with decimals enough for 16 significant digits.
    pub(crate) fn ln(&self) -> ValueResult<Self> {
        self.check_has_logarithm()?;
        self.ln_at(result_scale(self.ln_exponent(), &[self])).checked()
    }

    /// The logarithm to the base ten.
    pub(crate) fn log10(&self) -> ValueResult<Self> {
        self.log(&Self::from(10))
    }

    /// The logarithm to a base, with decimals enough for 16 significant digits.
    pub(crate) fn log(&self, base: &Self) -> ValueResult<Self> {
        base.check_has_logarithm()?;
        self.check_has_logarithm()?;
        let (base_exponent, exponent) = (base.ln_exponent(), self.ln_exponent());
        let result_exponent = exponent - base_exponent;
        let scale = result_scale(result_exponent, &[base, self]);
        let digits = i64::from(scale) + result_exponent + GUARD_DIGITS;
        let ln_at = |number: &Self, exponent: i64| number.ln_at(u32::try_from((digits - exponent).max(0)).unwrap_or(0));
        ln_at(self, exponent).divide_at(&ln_at(base, base_exponent), scale)?.checked()
    }

    fn check_has_logarithm(&self) -> ValueResult<()> {
        let what = match self.unscaled.signum() {
            1.. => return Ok(()),
            0 => "zero",
            _ => "a negative number",
        };
        Err(ValueError::new("2201E", format!("cannot take logarithm of {what}")))
    }

    /// The natural logarithm of a positive number with a number of decimals.
    pub(super) fn ln_at(&self, scale: u32) -> Self {
        Self::of(logarithm(self, scale), scale)
    }

    /// About the power of ten of the first digit of the natural logarithm.
    pub(super) fn ln_exponent(&self) -> i64 {
        let is_near_one = |tenths| self.cmp(&Self::of(Integer::Small(tenths), 1));
        if is_near_one(9) != Ordering::Less && is_near_one(11) != Ordering::Greater {
            let distance = self.minus_unchecked(&Self::from(1));
            let leading = distance.leading_groups(1);
            if leading == 0 {
                return 0;
            }
            return distance.weight() * i64::from(GROUP_DIGITS) + i64::from(leading.ilog10());
        }
        let (leading, exponent) = self.leading_number(2);
        whole((leading.ln() + exponent * LN_10).abs().log10())
    }

    /// The first `groups` groups of digits as a number, and the power of ten that it is to be multiplied with.
    pub(super) fn leading_number(&self, groups: u32) -> (f64, f64) {
        let group = 10_u64.pow(GROUP_DIGITS);
        let mut leading = self.leading_groups(groups);
        let mut weight = self.weight() - i64::from(groups) + 1;
        while leading != 0 && leading.is_multiple_of(group) {
            leading /= group;
            weight += 1;
        }
        #[expect(clippy::cast_precision_loss, reason = "an estimate, of numbers below 10^16")]
        let parts = (leading as f64, (weight * i64::from(GROUP_DIGITS)) as f64);
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::number;

    #[test]
    fn natural_logarithms() {
        for (text, logarithm) in
            [("1", "0.0000000000000000"), ("2", "0.6931471805599453"), ("10.0", "2.3025850929940457")]
        {
            assert_eq!(number(text).ln().unwrap().to_string(), logarithm, "{text}");
        }
        assert_eq!(number("0.0").ln().unwrap_err().message, "cannot take logarithm of zero");
        assert_eq!(number("-1").ln().unwrap_err().message, "cannot take logarithm of a negative number");
    }

    #[test]
    fn logarithms() {
        assert_eq!(number("1000").log10().unwrap().to_string(), "3.0000000000000000");
        assert_eq!(number("64.0").log(&number("2.0")).unwrap().to_string(), "6.0000000000000000");
        assert_eq!(number("5").log(&number("1")).unwrap_err().sqlstate, "22012");
    }
}
