//! Error functions and the gamma function.

use super::{overflow, underflow};
use crate::postgres::error::ValueResult;

pub(crate) fn erf(number: f64) -> f64 {
    libm::erf(number)
}

/// The complement of `erf`.
pub(crate) fn erfc(number: f64) -> f64 {
    libm::erfc(number)
}

pub(crate) fn gamma(number: f64) -> ValueResult<f64> {
    if number.is_nan() || number == f64::INFINITY {
        return Ok(number);
    }
    let result = libm::tgamma(number);
    if result == 0.0 {
        return Err(underflow());
    }
    if result.is_finite() { Ok(result) } else { Err(overflow()) }
}

/// The natural logarithm of the absolute value of the gamma function.
pub(crate) fn lgamma(number: f64) -> ValueResult<f64> {
    let result = libm::lgamma(number);
    if result.is_infinite() && number.is_finite() { Err(overflow()) } else { Ok(result) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_without_a_value() {
        for number in [0.0, -1.0, f64::NEG_INFINITY, 172.0] {
            assert_eq!(gamma(number).unwrap_err().message, "value out of range: overflow", "{number}");
        }
        assert_eq!(gamma(-182.5).unwrap_err().message, "value out of range: underflow");
        assert_eq!(gamma(f64::INFINITY), Ok(f64::INFINITY));
        assert_eq!(gamma(6.0), Ok(120.0));
        assert_eq!(lgamma(-1.0).unwrap_err().message, "value out of range: overflow");
        assert_eq!(lgamma(1e308).unwrap_err().message, "value out of range: overflow");
        assert_eq!(lgamma(f64::NEG_INFINITY), Ok(f64::INFINITY));
    }

    #[test]
    fn error_functions() {
        assert_eq!((erf(0.3), erfc(30.0)), (0.328_626_759_459_127_4, 0.0));
    }
}
