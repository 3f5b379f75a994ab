//! Roots and powers.

use super::{overflow, underflow};
use crate::postgres::error::{ValueError, ValueResult};

const INVALID_ARGUMENT: &str = "2201F";

pub(crate) fn sqrt(number: f64) -> ValueResult<f64> {
    if number < 0.0 {
        return Err(ValueError::new(INVALID_ARGUMENT, "cannot take square root of a negative number"));
    }
    Ok(number.sqrt())
}

pub(crate) fn cbrt(number: f64) -> f64 {
    number.cbrt()
}

pub(crate) fn power(base: f64, exponent: f64) -> ValueResult<f64> {
    if base.is_nan() || exponent.is_nan() {
        // Even what is not known has the power one to zero, and so has one to it.
        let is_one = exponent == 0.0 || base == 1.0;
        return Ok(if is_one { 1.0 } else { f64::NAN });
    }
    if base == 0.0 && exponent < 0.0 {
        return Err(ValueError::new(INVALID_ARGUMENT, "zero raised to a negative power is undefined"));
    }
    if base < 0.0 && exponent.floor() != exponent {
        let message = "a negative number raised to a non-integer power yields a complex result";
        return Err(ValueError::new(INVALID_ARGUMENT, message));
    }
    if exponent.is_infinite() && base.abs() == 1.0 {
        return Ok(1.0);
    }
    let result = base.powf(exponent);
    if base.is_finite() && exponent.is_finite() {
        if result.is_infinite() {
            return Err(overflow());
        }
        if result == 0.0 && base != 0.0 {
            return Err(underflow());
        }
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_what_is_not_finite() {
        let infinity = f64::INFINITY;
        assert_eq!((power(f64::NAN, 0.0), power(1.0, f64::NAN), power(-1.0, infinity)), (Ok(1.0), Ok(1.0), Ok(1.0)));
        assert_eq!((power(0.5, -infinity), power(-infinity, 3.0)), (Ok(infinity), Ok(-infinity)));
        assert!(power(-infinity, -3.0).is_ok_and(|power| power == 0.0 && power.is_sign_negative()));
    }

    #[test]
    fn powers_that_are_none() {
        let message = |base, exponent| power(base, exponent).unwrap_err().message;
        assert_eq!(message(0.0, f64::NEG_INFINITY), "zero raised to a negative power is undefined");
        assert_eq!(message(10.0, 309.0), "value out of range: overflow");
        assert_eq!(message(2.0, -1075.0), "value out of range: underflow");
        assert_eq!(power(2.0, -1074.0), Ok(5e-324));
        assert_eq!(power(-2.0, 0.5).unwrap_err().sqlstate, "2201F");
        assert_eq!(sqrt(-1.0).unwrap_err().message, "cannot take square root of a negative number");
    }
}
