//! Hyperbolic functions. The inverse ones are put together from logarithms as the C library does it, so that they agree
//! to the last digit with what PostgreSQL gives there; those of Rust's library do not.

use std::f64::consts::LN_2;

use super::input_out_of_range;
use crate::postgres::error::ValueResult;

/// From here on a square plus or minus one is the square.
const LARGE: f64 = 268_435_456.0;

/// The hyperbolic sine; infinite where it is too large.
pub(crate) fn sinh(number: f64) -> f64 {
    number.sinh()
}

/// The hyperbolic cosine; infinite where it is too large.
pub(crate) fn cosh(number: f64) -> f64 {
    number.cosh()
}

pub(crate) fn tanh(number: f64) -> f64 {
    number.tanh()
}

pub(crate) fn asinh(number: f64) -> f64 {
    let size = number.abs();
    if !number.is_finite() || size < 1.0 / LARGE {
        return number;
    }
    let square = size * size;
    let result = if size > LARGE {
        size.ln() + LN_2
    } else if size > 2.0 {
        (2.0 * size + 1.0 / ((square + 1.0).sqrt() + size)).ln()
    } else {
        (size + square / (1.0 + (1.0 + square).sqrt())).ln_1p()
    };
    result.copysign(number)
}

pub(crate) fn acosh(number: f64) -> ValueResult<f64> {
    if number < 1.0 {
        return Err(input_out_of_range());
    }
    let excess = number - 1.0;
    Ok(if number > LARGE {
        number.ln() + LN_2
    } else if number > 2.0 {
        (2.0 * number - 1.0 / (number + (number * number - 1.0).sqrt())).ln()
    } else {
        (excess + (2.0 * excess + excess * excess).sqrt()).ln_1p()
    })
}

pub(crate) fn atanh(number: f64) -> ValueResult<f64> {
    let size = number.abs();
    if size > 1.0 {
        return Err(input_out_of_range());
    }
    if size < 1.0 / LARGE {
        return Ok(number);
    }
    let double = size + size;
    let result = if size < 0.5 {
        0.5 * (double + double * size / (1.0 - size)).ln_1p()
    } else {
        0.5 * (double / (1.0 - size)).ln_1p()
    };
    Ok(result.copysign(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends() {
        assert_eq!((sinh(1000.0), cosh(-1000.0), tanh(1e-320)), (f64::INFINITY, f64::INFINITY, 1e-320));
        assert_eq!((atanh(1.0), atanh(-1.0)), (Ok(f64::INFINITY), Ok(f64::NEG_INFINITY)));
        assert_eq!(acosh(f64::INFINITY), Ok(f64::INFINITY));
        assert_eq!(acosh(0.5).unwrap_err().message, "input is out of range");
        assert_eq!(atanh(2.0).unwrap_err().message, "input is out of range");
    }

    #[test]
    fn inverses() {
        assert_eq!((asinh(1e300), asinh(0.1), asinh(-0.0)), (691.468_675_078_773_6, 0.099_834_078_899_207_58, -0.0));
    }
}
