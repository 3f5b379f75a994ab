//! The variances of numbers and of whole numbers, exact until the last division.

use super::{Integer, Numeric};
use crate::postgres::error::ValueResult;

/// What variances are computed from.
#[derive(Debug, Clone)]
pub(crate) struct NumericMoments {
    pub(crate) count: i64,
    pub(crate) sum: Numeric,
    pub(crate) sum_of_squares: Numeric,
}

impl Default for NumericMoments {
    fn default() -> Self {
        Self { count: 0, sum: Numeric::ZERO, sum_of_squares: Numeric::ZERO }
    }
}

impl NumericMoments {
    pub(crate) fn push(&mut self, value: &Numeric) {
        self.count = self.count.saturating_add(1);
        self.sum.add_in_place(value);
        self.sum_of_squares.add_in_place(&value.product_at(value, u32::MAX));
    }

    pub(crate) fn push_integer(&mut self, value: i64) {
        self.push(&Numeric::from(value));
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.sum.add_in_place(&other.sum);
        self.sum_of_squares.add_in_place(&other.sum_of_squares);
    }

    /// The variance of all values, or nothing of nothing.
    pub(crate) fn var_pop(&self) -> ValueResult<Option<Numeric>> {
        self.variance(self.count, |variance| variance)
    }

    /// The variance of all of which the values are a sample, or nothing if there are less than two.
    pub(crate) fn var_samp(&self) -> ValueResult<Option<Numeric>> {
        self.variance(self.count - 1, |variance| variance)
    }

    /// The standard deviation of all values, or nothing of nothing.
    pub(crate) fn stddev_pop(&self) -> ValueResult<Option<Numeric>> {
        self.variance(self.count, |variance| variance.square_root_at(variance.scale))
    }

    /// The standard deviation of all of which the values are a sample, or nothing if there are less than two.
    pub(crate) fn stddev_samp(&self) -> ValueResult<Option<Numeric>> {
        self.variance(self.count - 1, |variance| variance.square_root_at(variance.scale))
    }

    /// (count * sum of squares - sum²) / (count * divisor)
    fn variance(&self, divisor: i64, result: fn(Numeric) -> Numeric) -> ValueResult<Option<Numeric>> {
        if divisor <= 0 {
            return Ok(None);
        }
        let count = Numeric::from(self.count);
        let squares = count.product_at(&self.sum_of_squares, u32::MAX);
        let difference = squares.minus_unchecked(&self.sum.product_at(&self.sum, u32::MAX));
        if difference.unscaled.signum() <= 0 {
            return Ok(Some(Numeric::ZERO));
        }
        let divisor = count.product_at(&Numeric::from(divisor), 0);
        let variance = difference.divide_at(&divisor, difference.division_scale(&divisor))?;
        result(variance).checked().map(Some)
    }
}

impl Numeric {
    fn add_in_place(&mut self, value: &Self) {
        if let (Integer::Small(sum), Integer::Small(addend)) = (&mut self.unscaled, &value.unscaled)
            && self.scale == value.scale
            && let Some(total) = sum.checked_add(*addend)
        {
            *sum = total;
            return;
        }
        *self = self.plus_unchecked(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variances() {
        let mut moments = NumericMoments::default();
        assert_eq!(moments.var_pop(), Ok(None));
        moments.push_integer(1);
        assert_eq!(moments.var_samp(), Ok(None));
        assert_eq!(moments.var_pop().unwrap().unwrap().to_string(), "0");
        moments.push_integer(2);
        moments.push_integer(4);
        let text = |result: ValueResult<Option<Numeric>>| result.unwrap().unwrap().to_string();
        assert_eq!(text(moments.var_pop()), "1.5555555555555556");
        assert_eq!(text(moments.var_samp()), "2.3333333333333333");
        assert_eq!(text(moments.stddev_pop()), "1.2472191289246471");
        assert_eq!(text(moments.stddev_samp()), "1.5275252316519467");
    }
}
