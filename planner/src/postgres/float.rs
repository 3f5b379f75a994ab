//! `real` and `double precision`: arithmetic that does not become infinite or zero by itself, and the functions that
//! have no value everywhere.

mod buckets;
mod cast;
mod degrees;
mod exponential;
mod hyperbolic;
mod moments;
mod order;
mod power;
mod regression;
mod special;
mod trigonometry;

use std::ops::{Add, Div, Mul};

use super::error::{ValueError, ValueResult};

pub(crate) use self::buckets::width_bucket;
pub(crate) use self::cast::{to_i16, to_i32, to_i64, to_real};
pub(crate) use self::degrees::{acosd, asind, atan2d, atand, cosd, cotd, degrees, radians, sind, tand};
pub(crate) use self::exponential::{exp, ln, log10};
pub(crate) use self::hyperbolic::{acosh, asinh, atanh, cosh, sinh, tanh};
pub(crate) use self::moments::FloatMoments;
pub(crate) use self::order::{at_place, place};
pub(crate) use self::power::{cbrt, power, sqrt};
pub(crate) use self::regression::FloatPairs;
pub(crate) use self::special::{erf, erfc, gamma, lgamma};
pub(crate) use self::trigonometry::{acos, asin, atan, atan2, cos, cot, sin, tan};

const OUT_OF_RANGE: &str = "22003";

/// What `real` and `double precision` have in common here.
pub(crate) trait Float:
    Copy + PartialOrd + Add<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    const ZERO: Self;

    fn is_infinite(self) -> bool;
    fn is_nan(self) -> bool;
}

impl Float for f32 {
    const ZERO: Self = 0.0;

    fn is_infinite(self) -> bool {
        self.is_infinite()
    }

    fn is_nan(self) -> bool {
        self.is_nan()
    }
}

impl Float for f64 {
    const ZERO: Self = 0.0;

    fn is_infinite(self) -> bool {
        self.is_infinite()
    }

    fn is_nan(self) -> bool {
        self.is_nan()
    }
}

fn overflow() -> ValueError {
    ValueError::new(OUT_OF_RANGE, "value out of range: overflow")
}

fn underflow() -> ValueError {
    ValueError::new(OUT_OF_RANGE, "value out of range: underflow")
}

fn input_out_of_range() -> ValueError {
    ValueError::new(OUT_OF_RANGE, "input is out of range")
}

pub(crate) fn plus<T: Float>(left: T, right: T) -> ValueResult<T> {
    finite_as(left + right, left.is_infinite() || right.is_infinite())
}

pub(crate) fn times<T: Float>(left: T, right: T) -> ValueResult<T> {
    let product = finite_as(left * right, left.is_infinite() || right.is_infinite())?;
    if product == T::ZERO && left != T::ZERO && right != T::ZERO {
        return Err(underflow());
    }
    Ok(product)
}

pub(crate) fn divide<T: Float>(dividend: T, divisor: T) -> ValueResult<T> {
    if divisor == T::ZERO && !dividend.is_nan() {
        return Err(ValueError::new("22012", "division by zero"));
    }
    let quotient = finite_as(dividend / divisor, dividend.is_infinite())?;
    if quotient == T::ZERO && dividend != T::ZERO && !divisor.is_infinite() {
        return Err(underflow());
    }
    Ok(quotient)
}

/// The result, which may be infinite only if an argument is.
fn finite_as<T: Float>(result: T, may_be_infinite: bool) -> ValueResult<T> {
    if result.is_infinite() && !may_be_infinite { Err(overflow()) } else { Ok(result) }
}

/// The nearest whole number, of two the even one.
pub(crate) fn round(number: f64) -> f64 {
    number.round_ties_even()
}

/// -1, 0 or 1; 0 for NaN.
pub(crate) fn sign(number: f64) -> f64 {
    if number > 0.0 {
        1.0
    } else if number < 0.0 {
        -1.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message<T: std::fmt::Debug>(result: ValueResult<T>) -> String {
        result.unwrap_err().message
    }

    #[test]
    fn nothing_becomes_infinite_or_zero_by_itself() {
        assert_eq!(message(times(1e308, 10.0)), "value out of range: overflow");
        assert_eq!(message(times(1e-308, 1e-308)), "value out of range: underflow");
        assert_eq!(message(times(1e38_f32, 10.0)), "value out of range: overflow");
        assert_eq!(message(divide(1e-320, 1e300)), "value out of range: underflow");
        assert_eq!(message(plus(f64::MAX, f64::MAX)), "value out of range: overflow");
        assert!(times(f64::INFINITY, 0.0).unwrap().is_nan());
        assert_eq!(divide(1.0, f64::INFINITY), Ok(0.0));
    }

    #[test]
    fn divisions_by_zero() {
        assert_eq!(message(divide(0.0, 0.0)), "division by zero");
        assert_eq!(message(divide(f64::INFINITY, 0.0)), "division by zero");
        assert!(divide(f64::NAN, 0.0).unwrap().is_nan());
    }

    #[test]
    fn whole_numbers() {
        assert_eq!((round(2.5), round(3.5), round(-0.5).to_string().as_str()), (2.0, 4.0, "-0"));
        assert_eq!((sign(-3.0), sign(f64::NAN), sign(f64::INFINITY)), (-1.0, 0.0, 1.0));
    }
}
