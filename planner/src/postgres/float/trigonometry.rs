//! Trigonometric functions of angles in radians.

use super::input_out_of_range;
use crate::postgres::error::ValueResult;

pub(crate) fn sin(angle: f64) -> ValueResult<f64> {
    finite(angle).map(f64::sin)
}

pub(crate) fn cos(angle: f64) -> ValueResult<f64> {
    finite(angle).map(f64::cos)
}

pub(crate) fn tan(angle: f64) -> ValueResult<f64> {
    finite(angle).map(f64::tan)
}

/// The cotangent; infinite where the tangent is zero.
pub(crate) fn cot(angle: f64) -> ValueResult<f64> {
    finite(angle).map(|angle| 1.0 / angle.tan())
}

pub(crate) fn asin(number: f64) -> ValueResult<f64> {
    within_one(number).map(f64::asin)
}

pub(crate) fn acos(number: f64) -> ValueResult<f64> {
    within_one(number).map(f64::acos)
}

pub(crate) fn atan(number: f64) -> f64 {
    number.atan()
}

pub(crate) fn atan2(y: f64, x: f64) -> f64 {
    y.atan2(x)
}

/// The angle, which must not be infinite.
pub(super) fn finite(angle: f64) -> ValueResult<f64> {
    if angle.is_infinite() { Err(input_out_of_range()) } else { Ok(angle) }
}

/// The number, which must not be outside of -1 to 1.
pub(super) fn within_one(number: f64) -> ValueResult<f64> {
    if number.abs() > 1.0 { Err(input_out_of_range()) } else { Ok(number) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_without_a_value() {
        assert_eq!(sin(f64::INFINITY).unwrap_err().message, "input is out of range");
        assert_eq!(acos(1.5).unwrap_err().sqlstate, "22003");
        assert!(asin(f64::NAN).is_ok_and(f64::is_nan));
        assert_eq!(cot(0.0), Ok(f64::INFINITY));
    }
}
