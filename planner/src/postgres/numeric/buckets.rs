//! Which part of a histogram a value belongs to.

use std::cmp::Ordering;

use super::{Integer, Numeric, OUT_OF_RANGE};
use crate::postgres::error::{ValueError, ValueResult};

const INVALID_ARGUMENT: &str = "2201G";

/// The number of the bucket, of `count` of equal width between two bounds, that `operand` falls in: 0 before the first,
/// `count` + 1 behind the last.
pub(crate) fn width_bucket(operand: &Numeric, low: &Numeric, high: &Numeric, count: i32) -> ValueResult<i32> {
    if count <= 0 {
        return Err(ValueError::new(INVALID_ARGUMENT, "count must be greater than zero"));
    }
    let direction = match low.cmp(high) {
        Ordering::Equal => return Err(ValueError::new(INVALID_ARGUMENT, "lower bound cannot equal upper bound")),
        direction => direction,
    };
    if operand.cmp(low) == direction {
        return Ok(0);
    }
    if operand.cmp(high) != direction {
        return count.checked_add(1).ok_or_else(|| ValueError::new(OUT_OF_RANGE, "integer out of range"));
    }
    let (position, width) = (operand.minus_unchecked(low), high.minus_unchecked(low));
    let scaled = Numeric::of(position.unscaled.times(&Integer::Small(count.into())), position.scale);
    scaled.divide_cutting(&width)?.plus(&Numeric::from(1))?.to_i32()
}

/// How many of the sorted `thresholds` are not above `operand`, in the order that `compare` gives.
pub(crate) fn width_bucket_of_thresholds<T>(
    operand: &T,
    thresholds: &[T],
    compare: impl Fn(&T, &T) -> Ordering,
) -> ValueResult<i32> {
    let bucket = thresholds.partition_point(|threshold| compare(threshold, operand) != Ordering::Greater);
    i32::try_from(bucket).map_err(|_| ValueError::new(OUT_OF_RANGE, "integer out of range"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::number;
    use super::*;

    #[test]
    fn buckets() {
        for (operand, low, high, bucket) in [
            ("0.7", "0", "1", 8),
            ("-0.1", "0", "1", 0),
            ("0", "0", "1", 1),
            ("1", "0", "1", 11),
            ("1", "1", "0", 1),
            ("0", "1", "0", 11),
            ("1.5", "1", "0", 0),
            ("0.99999999999999999999999", "0", "1", 10),
        ] {
            assert_eq!(width_bucket(&number(operand), &number(low), &number(high), 10), Ok(bucket), "{operand}");
        }
        let message =
            |low, high, count| width_bucket(&number("5"), &number(low), &number(high), count).unwrap_err().message;
        assert_eq!(message("2", "2.0", 3), "lower bound cannot equal upper bound");
        assert_eq!(message("2", "3", 0), "count must be greater than zero");
        assert_eq!(message("2", "3", i32::MAX), "integer out of range");
    }

    #[test]
    fn thresholds() {
        let bucket = |operand| width_bucket_of_thresholds(&operand, &[1, 3, 4], Ord::cmp);
        assert_eq!((bucket(0), bucket(1), bucket(3), bucket(5)), (Ok(0), Ok(1), Ok(2), Ok(3)));
        assert_eq!(width_bucket_of_thresholds(&1, &[], Ord::cmp), Ok(0));
    }
}
