//! Which part of a histogram a floating-point number belongs to.

use std::cmp::Ordering;

use super::OUT_OF_RANGE;
use crate::postgres::error::{ValueError, ValueResult};

/// The number of the bucket, of `count` of equal width between two bounds, that `operand` falls in: 0 before the first,
/// `count` + 1 behind the last.
pub(crate) fn width_bucket(operand: f64, low: f64, high: f64, count: i32) -> ValueResult<i32> {
    let refused = |message| Err(ValueError::new("2201G", message));
    if count <= 0 {
        return refused("count must be greater than zero");
    }
    if operand.is_nan() || low.is_nan() || high.is_nan() {
        return refused("operand, lower bound, and upper bound cannot be NaN");
    }
    if low.is_infinite() || high.is_infinite() {
        return refused("lower and upper bounds must be finite");
    }
    let (is_before, is_behind) = match low.partial_cmp(&high) {
        Some(Ordering::Less) => (operand < low, operand >= high),
        Some(Ordering::Greater) => (operand > low, operand <= high),
        _ => return refused("lower bound cannot equal upper bound"),
    };
    if is_before {
        return Ok(0);
    }
    if is_behind {
        return count.checked_add(1).ok_or_else(|| ValueError::new(OUT_OF_RANGE, "integer out of range"));
    }
    let part = match high - low {
        width if width.is_finite() => (operand - low) / width,
        _ => (operand / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0),
    };
    #[expect(clippy::cast_possible_truncation, reason = "the digits behind the point are to be cut off")]
    let bucket = (f64::from(count) * part) as i32;
    // A part just below one may have been rounded to one.
    Ok(bucket.min(count - 1) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets() {
        assert_eq!(width_bucket(0.7, 0.0, 1.0, 10), Ok(8));
        assert_eq!(width_bucket(f64::INFINITY, 0.0, 1.0, 10), Ok(11));
        assert_eq!(width_bucket(1.0, -1.7e308, 1.7e308, 10), Ok(6));
        assert_eq!(width_bucket(-1.0, 1.7e308, -1.7e308, 10), Ok(6));
        assert_eq!(width_bucket(5.0, 2.0, 3.0, i32::MAX).unwrap_err().message, "integer out of range");
        let message = |operand, low, high| width_bucket(operand, low, high, 10).unwrap_err().message;
        assert_eq!(message(f64::NAN, 0.0, 1.0), "operand, lower bound, and upper bound cannot be NaN");
        assert_eq!(message(1.0, 0.0, f64::INFINITY), "lower and upper bounds must be finite");
        assert_eq!(message(1.0, 2.0, 2.0), "lower bound cannot equal upper bound");
    }
}
