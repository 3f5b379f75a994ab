//! `numeric(precision, scale)`: numbers that must fit a declared type.

use super::{Integer, Numeric, OUT_OF_RANGE};
use crate::postgres::error::{ValueError, ValueResult};

/// The largest precision and the largest scale, positive or negative, that can be declared.
const MAX_DECLARED: i32 = 1000;

/// The modifier of a declared type; its scale may be negative or larger than its precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct NumericModifier {
    precision: u32,
    scale: i32,
}

impl NumericModifier {
    pub(crate) fn new(precision: i32, scale: i32) -> ValueResult<Self> {
        let refused = |what, value, least| {
            let message = format!("NUMERIC {what} {value} must be between {least} and {MAX_DECLARED}");
            Err(ValueError::new("22023", message))
        };
        match u32::try_from(precision) {
            Ok(digits @ 1..) if precision <= MAX_DECLARED => match scale.unsigned_abs() {
                size if size <= MAX_DECLARED.unsigned_abs() => Ok(Self { precision: digits, scale }),
                _ => refused("scale", scale, -MAX_DECLARED),
            },
            _ => refused("precision", precision, 1),
        }
    }

    /// The number as a value of the declared type: rounded to its scale, and refused if it has too many digits then.
    pub(crate) fn fit(self, number: &Numeric) -> ValueResult<Numeric> {
        let fitting = number.at(self.scale, Integer::rounded);
        let zeros = self.scale.min(0).unsigned_abs();
        if fitting.unscaled.digits().saturating_sub(zeros) > self.precision {
            return Err(ValueError::new(OUT_OF_RANGE, "numeric field overflow"));
        }
        Ok(fitting)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::number;
    use super::*;

    fn fit(text: &str, precision: i32, scale: i32) -> String {
        let fitting = NumericModifier::new(precision, scale).and_then(|modifier| modifier.fit(&number(text)));
        fitting.map_or_else(|error| error.message, |number| number.to_string())
    }

    #[test]
    fn declared_types() {
        assert_eq!(fit("1.005", 5, 2), "1.01");
        assert_eq!(fit("999.994", 5, 2), "999.99");
        assert_eq!(fit("999.995", 5, 2), "numeric field overflow");
        assert_eq!(fit("12345", 3, -3), "12000");
        assert_eq!(fit("999499", 3, -3), "999000");
        assert_eq!(fit("999999", 3, -3), "numeric field overflow");
        assert_eq!(fit("0.00999", 3, 5), "0.00999");
        assert_eq!(fit("0.01", 3, 5), "numeric field overflow");
        assert_eq!(fit("499", 3, -3), "0");
        assert_eq!(fit("1", 0, 0), "NUMERIC precision 0 must be between 1 and 1000");
        assert_eq!(fit("1", 10, 1001), "NUMERIC scale 1001 must be between -1000 and 1000");
    }
}
