//! `corr`, `covar_pop`, `covar_samp` and the functions `regr_...`: statistics of pairs of floating-point numbers.
//! `regr_count` is not among them: it counts, and does so where these overflow.

use super::moments::merged;
use super::{overflow, plus};
use crate::postgres::error::ValueResult;

/// What the statistics of pairs are computed from. As in PostgreSQL, y is the first argument of a function, and pairs
/// with a NULL do not count.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct FloatPairs {
    pub(crate) count: f64,
    pub(crate) sum_x: f64,
    /// The sum of the squared distances from the average of x.
    pub(crate) squares_x: f64,
    pub(crate) sum_y: f64,
    /// The sum of the squared distances from the average of y.
    pub(crate) squares_y: f64,
    /// The sum of the products of both distances.
    pub(crate) products: f64,
}

impl FloatPairs {
    pub(crate) fn push(&mut self, y: f64, x: f64) -> ValueResult<()> {
        let old = *self;
        self.count += 1.0;
        self.sum_x += x;
        self.sum_y += y;
        if old.count == 0.0 {
            if !x.is_finite() {
                (self.squares_x, self.products) = (f64::NAN, f64::NAN);
            }
            if !y.is_finite() {
                (self.squares_y, self.products) = (f64::NAN, f64::NAN);
            }
            return Ok(());
        }
        let distance_x = x * self.count - self.sum_x;
        let distance_y = y * self.count - self.sum_y;
        let weight = 1.0 / (self.count * old.count);
        self.squares_x += distance_x * distance_x * weight;
        self.squares_y += distance_y * distance_y * weight;
        self.products += distance_x * distance_y * weight;
        self.check_overflow(!old.sum_x.is_infinite() && !x.is_infinite(), !old.sum_y.is_infinite() && !y.is_infinite())
    }

    /// Refuses what has become infinite of finite values, and makes NaN of what has become so of infinite ones.
    fn check_overflow(&mut self, is_finite_x: bool, is_finite_y: bool) -> ValueResult<()> {
        let overflows_x = is_finite_x && (self.sum_x.is_infinite() || self.squares_x.is_infinite());
        let overflows_y = is_finite_y && (self.sum_y.is_infinite() || self.squares_y.is_infinite());
        if overflows_x || overflows_y || is_finite_x && is_finite_y && self.products.is_infinite() {
            return Err(overflow());
        }
        for sum in [&mut self.squares_x, &mut self.squares_y, &mut self.products] {
            if sum.is_infinite() {
                *sum = f64::NAN;
            }
        }
        Ok(())
    }

    pub(crate) fn merge(&mut self, other: &Self) -> ValueResult<()> {
        if other.count == 0.0 {
            return Ok(());
        }
        if self.count == 0.0 {
            *self = *other;
            return Ok(());
        }
        let count = self.count + other.count;
        let distance_x = self.sum_x / self.count - other.sum_x / other.count;
        let distance_y = self.sum_y / self.count - other.sum_y / other.count;
        let weight = self.count * other.count;
        *self = Self {
            count,
            sum_x: plus(self.sum_x, other.sum_x)?,
            squares_x: merged(self.squares_x, other.squares_x, weight * distance_x * distance_x / count)?,
            sum_y: plus(self.sum_y, other.sum_y)?,
            squares_y: merged(self.squares_y, other.squares_y, weight * distance_y * distance_y / count)?,
            products: merged(self.products, other.products, weight * distance_x * distance_y / count)?,
        };
        Ok(())
    }

    /// A statistic that is NULL of nothing.
    fn of_any(&self, statistic: f64) -> Option<f64> {
        (self.count > 0.0).then_some(statistic)
    }

    /// A statistic that is NULL of nothing and if all x are equal.
    fn of_different_x(&self, statistic: f64) -> Option<f64> {
        (self.count > 0.0 && self.squares_x != 0.0).then_some(statistic)
    }

    pub(crate) fn regr_sxx(&self) -> Option<f64> {
        self.of_any(self.squares_x)
    }

    pub(crate) fn regr_syy(&self) -> Option<f64> {
        self.of_any(self.squares_y)
    }

    pub(crate) fn regr_sxy(&self) -> Option<f64> {
        self.of_any(self.products)
    }

    pub(crate) fn regr_avgx(&self) -> Option<f64> {
        self.of_any(self.sum_x / self.count)
    }

    pub(crate) fn regr_avgy(&self) -> Option<f64> {
        self.of_any(self.sum_y / self.count)
    }

    pub(crate) fn covar_pop(&self) -> Option<f64> {
        self.of_any(self.products / self.count)
    }

    pub(crate) fn covar_samp(&self) -> Option<f64> {
        (self.count > 1.0).then(|| self.products / (self.count - 1.0))
    }

    pub(crate) fn corr(&self) -> Option<f64> {
        let correlation = self.of_different_x(self.products / (self.squares_x * self.squares_y).sqrt());
        correlation.filter(|_| self.squares_y != 0.0)
    }

    pub(crate) fn regr_r2(&self) -> Option<f64> {
        self.of_different_x(match self.squares_y {
            0.0 => 1.0,
            squares_y => (self.products * self.products) / (self.squares_x * squares_y),
        })
    }

    pub(crate) fn regr_slope(&self) -> Option<f64> {
        self.of_different_x(self.products / self.squares_x)
    }

    pub(crate) fn regr_intercept(&self) -> Option<f64> {
        self.of_different_x((self.sum_y - self.sum_x * self.products / self.squares_x) / self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(f64, f64)]) -> FloatPairs {
        let mut state = FloatPairs::default();
        for (y, x) in pairs {
            state.push(*y, *x).unwrap();
        }
        state
    }

    #[test]
    fn statistics_of_a_line() {
        let line = pairs(&[(1.0, 0.0), (3.0, 1.0), (5.0, 2.0)]);
        assert_eq!((line.regr_slope(), line.regr_intercept(), line.regr_r2()), (Some(2.0), Some(1.0), Some(1.0)));
        assert_eq!((line.corr(), line.covar_samp(), line.count), (Some(1.0), Some(2.0), 3.0));
        assert_eq!((line.regr_avgx(), line.regr_avgy(), line.regr_sxy()), (Some(1.0), Some(3.0), Some(4.0)));
    }

    #[test]
    fn what_has_no_statistics() {
        let none = FloatPairs::default();
        assert_eq!((none.corr(), none.regr_sxx(), none.covar_pop()), (None, None, None));
        let equal_x = pairs(&[(1.0, 2.0), (3.0, 2.0)]);
        assert_eq!((equal_x.corr(), equal_x.regr_slope(), equal_x.regr_r2()), (None, None, None));
        let equal_y = pairs(&[(2.0, 1.0), (2.0, 3.0)]);
        assert_eq!((equal_y.corr(), equal_y.regr_slope(), equal_y.regr_r2()), (None, Some(0.0), Some(1.0)));
        assert_eq!(pairs(&[(1.0, 2.0)]).covar_samp(), None);
    }

    #[test]
    fn what_is_not_finite() {
        assert!(pairs(&[(1.0, f64::INFINITY), (2.0, 1.0)]).regr_sxx().is_some_and(f64::is_nan));
        let mut state = pairs(&[(1.0, 1e308)]);
        assert_eq!(state.push(1.0, 1e308).unwrap_err().message, "value out of range: overflow");
    }

    #[test]
    fn parts_are_merged() {
        let mut left = pairs(&[(1.0, 0.0), (3.0, 1.0)]);
        left.merge(&pairs(&[(5.0, 2.0), (7.0, 3.0)])).unwrap();
        assert_eq!(left, pairs(&[(1.0, 0.0), (3.0, 1.0), (5.0, 2.0), (7.0, 3.0)]));
    }
}
