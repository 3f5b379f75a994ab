//! Exponentials and logarithms.

use super::{overflow, underflow};
use crate::postgres::error::{ValueError, ValueResult};

pub(crate) fn exp(number: f64) -> ValueResult<f64> {
    let result = number.exp();
    match number.is_finite() {
        true if result.is_infinite() => Err(overflow()),
        true if result == 0.0 => Err(underflow()),
        _ => Ok(result),
    }
}

pub(crate) fn ln(number: f64) -> ValueResult<f64> {
    check_has_logarithm(number)?;
    Ok(number.ln())
}

pub(crate) fn log10(number: f64) -> ValueResult<f64> {
    check_has_logarithm(number)?;
    Ok(number.log10())
}

fn check_has_logarithm(number: f64) -> ValueResult<()> {
    if number == 0.0 {
        return Err(ValueError::new("2201E", "cannot take logarithm of zero"));
    }
    if number < 0.0 {
        return Err(ValueError::new("2201E", "cannot take logarithm of a negative number"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_without_a_value() {
        assert_eq!(exp(-745.0), Ok(5e-324));
        assert_eq!(exp(-746.0).unwrap_err().message, "value out of range: underflow");
        assert_eq!(exp(710.0).unwrap_err().message, "value out of range: overflow");
        assert_eq!((exp(f64::NEG_INFINITY), exp(f64::INFINITY)), (Ok(0.0), Ok(f64::INFINITY)));
        assert_eq!(ln(-0.0).unwrap_err().message, "cannot take logarithm of zero");
        assert_eq!(log10(f64::NEG_INFINITY).unwrap_err().message, "cannot take logarithm of a negative number");
        assert!(ln(f64::NAN).is_ok_and(f64::is_nan));
    }
}
