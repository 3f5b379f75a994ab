//! The variances of floating-point numbers. The sum of the squared distances from the average is carried along (Youngs
//! and Cramer, 1971) instead of the sum of squares, whose digits would be lost.

use super::{overflow, plus};
use crate::postgres::error::ValueResult;

/// What variances are computed from.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct FloatMoments {
    pub(crate) count: f64,
    pub(crate) sum: f64,
    /// The sum of the squared distances from the average.
    pub(crate) squares: f64,
}

impl FloatMoments {
    pub(crate) fn push(&mut self, value: f64) -> ValueResult<()> {
        let Self { count: old_count, sum: old_sum, .. } = *self;
        self.count += 1.0;
        self.sum += value;
        if old_count == 0.0 {
            if !value.is_finite() {
                self.squares = f64::NAN;
            }
            return Ok(());
        }
        let distance = value * self.count - self.sum;
        self.squares += distance * distance / (self.count * old_count);
        if self.sum.is_infinite() || self.squares.is_infinite() {
            if !old_sum.is_infinite() && !value.is_infinite() {
                return Err(overflow());
            }
            self.squares = f64::NAN;
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
        let sum = plus(self.sum, other.sum)?;
        let distance = self.sum / self.count - other.sum / other.count;
        let squares = merged(self.squares, other.squares, self.count * other.count * distance * distance / count)?;
        *self = Self { count, sum, squares };
        Ok(())
    }

    /// The variance of all values, or nothing of nothing.
    pub(crate) fn var_pop(&self) -> Option<f64> {
        (self.count > 0.0).then(|| self.squares / self.count)
    }

    /// The variance of all of which the values are a sample, or nothing if there are less than two.
    pub(crate) fn var_samp(&self) -> Option<f64> {
        (self.count > 1.0).then(|| self.squares / (self.count - 1.0))
    }

    /// The standard deviation of all values, or nothing of nothing.
    pub(crate) fn stddev_pop(&self) -> Option<f64> {
        self.var_pop().map(f64::sqrt)
    }

    /// The standard deviation of all of which the values are a sample, or nothing if there are less than two.
    pub(crate) fn stddev_samp(&self) -> Option<f64> {
        self.var_samp().map(f64::sqrt)
    }
}

/// A sum of squares or products of all values of those of two parts.
pub(super) fn merged(left: f64, right: f64, between: f64) -> ValueResult<f64> {
    let sum = left + right + between;
    if sum.is_infinite() && !left.is_infinite() && !right.is_infinite() { Err(overflow()) } else { Ok(sum) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(values: &[f64]) -> ValueResult<FloatMoments> {
        let mut moments = FloatMoments::default();
        for value in values {
            moments.push(*value)?;
        }
        Ok(moments)
    }

    #[test]
    fn digits_of_large_values_are_kept() {
        let moments = moments(&[1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0]).unwrap();
        assert_eq!(moments.var_samp(), Some(30.0));
    }

    #[test]
    fn what_is_not_finite() {
        assert!(moments(&[f64::INFINITY]).unwrap().var_pop().is_some_and(f64::is_nan));
        assert!(moments(&[1.0, f64::INFINITY]).unwrap().var_pop().is_some_and(f64::is_nan));
        assert_eq!(moments(&[1e308, 1e308]).unwrap_err().message, "value out of range: overflow");
    }

    #[test]
    fn nothing_and_too_few() {
        assert_eq!(FloatMoments::default().var_pop(), None);
        let one = moments(&[5.0]).unwrap();
        assert_eq!((one.var_pop(), one.var_samp(), one.stddev_samp()), (Some(0.0), None, None));
    }

    #[test]
    fn parts_are_merged() {
        let mut left = moments(&[1.0, 2.0]).unwrap();
        left.merge(&FloatMoments::default()).unwrap();
        left.merge(&moments(&[3.0, 6.0]).unwrap()).unwrap();
        assert_eq!(left, FloatMoments { count: 4.0, sum: 12.0, squares: 14.0 });
        let mut empty = FloatMoments::default();
        empty.merge(&left).unwrap();
        assert_eq!(empty, left);
    }
}
