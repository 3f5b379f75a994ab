//! Quotients and remainders.

use super::{GROUP_DIGITS, Integer, Numeric, division_by_zero, result_scale};
use crate::postgres::error::ValueResult;

impl Numeric {
    /// The quotient, with decimals enough for 16 significant digits.
    pub(crate) fn divide(&self, divisor: &Self) -> ValueResult<Self> {
        self.divide_at(divisor, self.division_scale(divisor))?.checked()
    }

    /// How many decimals the quotient has. The power of ten of its first digit is told from the first groups of both.
    pub(super) fn division_scale(&self, divisor: &Self) -> u32 {
        let starts_lower = self.leading_groups(1) <= divisor.leading_groups(1);
        let weight = self.weight() - divisor.weight() - i64::from(starts_lower);
        result_scale(weight * i64::from(GROUP_DIGITS), &[self, divisor])
    }

    /// The quotient with a number of decimals.
    pub(super) fn divide_at(&self, divisor: &Self, scale: u32) -> ValueResult<Self> {
        let (dividend, divisor) = match (scale + divisor.scale).checked_sub(self.scale) {
            Some(zeros) => (self.unscaled.scaled_up(zeros), divisor.unscaled.clone()),
            None => (self.unscaled.clone(), divisor.unscaled.scaled_up(self.scale - scale - divisor.scale)),
        };
        let quotient = dividend.divided_rounded(&divisor).ok_or_else(division_by_zero)?;
        Ok(Self::of(quotient, scale))
    }

    /// The quotient without decimals, cut towards zero.
    pub(crate) fn divide_cutting(&self, divisor: &Self) -> ValueResult<Self> {
        Self::of(self.divided(divisor)?.0, 0).checked()
    }

    /// The remainder of a division towards zero; it has the sign of the dividend.
    pub(crate) fn remainder(&self, divisor: &Self) -> ValueResult<Self> {
        let scale = self.scale.max(divisor.scale);
        Self::of(self.divided(divisor)?.1, scale).checked()
    }

    /// The quotient cut towards zero, and the remainder at the larger scale of both.
    fn divided(&self, divisor: &Self) -> ValueResult<(Integer, Integer)> {
        let scale = self.scale.max(divisor.scale);
        let (dividend, divisor) = (self.unscaled_at(scale), divisor.unscaled_at(scale));
        dividend.divided(&divisor).ok_or_else(division_by_zero)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::number;

    #[test]
    fn quotients() {
        for (dividend, divisor, quotient) in [
            ("1", "3", "0.33333333333333333333"),
            ("10", "3", "3.3333333333333333"),
            ("10000", "3", "3333.3333333333333333"),
            ("100000", "3", "33333.333333333333"),
            ("3", "7", "0.42857142857142857143"),
            ("1.000000000000000000000000000000", "7", "0.142857142857142857142857142857"),
            ("0.00", "7", "0.00000000000000000000"),
            ("-2", "3", "-0.66666666666666666667"),
            ("1e40", "3", "3333333333333333333333333333333333333333"),
        ] {
            let result = number(dividend).divide(&number(divisor)).unwrap().to_string();
            assert_eq!(result, quotient, "{dividend} / {divisor}");
        }
        assert_eq!(number("1").divide(&number("0.0")).unwrap_err().sqlstate, "22012");
        assert_eq!(number("1e-1500").divide(&number("3")).unwrap().scale(), 1000);
    }

    #[test]
    fn remainders() {
        assert_eq!(number("5.5").remainder(&number("-2.00")).unwrap().to_string(), "1.50");
        assert_eq!(number("-5.5").remainder(&number("2")).unwrap().to_string(), "-1.5");
        assert_eq!(number("7.5").divide_cutting(&number("-2")).unwrap().to_string(), "-3");
        assert_eq!(number("1").remainder(&number("0")).unwrap_err().message, "division by zero");
    }
}
