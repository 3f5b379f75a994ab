//! Trigonometric functions of angles in degrees, exact where the result is: the sine of 30 is 0.5. The functions of
//! radians are scaled by what they give at such an angle, which makes the error there vanish.

use std::sync::LazyLock;

use super::trigonometry::{finite, within_one};
use super::{divide, times};
use crate::postgres::error::ValueResult;

const RADIANS_OF_DEGREE: f64 = 0.017_453_292_519_943_295;

/// What the functions of radians give at angles where those of degrees are exact.
struct AtExactAngles {
    sin_30: f64,
    one_minus_cos_60: f64,
    asin_half: f64,
    acos_half: f64,
    atan_one: f64,
}

static AT_EXACT_ANGLES: LazyLock<AtExactAngles> = LazyLock::new(|| AtExactAngles {
    sin_30: (30.0 * RADIANS_OF_DEGREE).sin(),
    one_minus_cos_60: 1.0 - (60.0 * RADIANS_OF_DEGREE).cos(),
    asin_half: 0.5_f64.asin(),
    acos_half: 0.5_f64.acos(),
    atan_one: 1.0_f64.atan(),
});

/// An angle in radians as one in degrees.
pub(crate) fn degrees(radians: f64) -> ValueResult<f64> {
    divide(radians, RADIANS_OF_DEGREE)
}

/// An angle in degrees as one in radians.
pub(crate) fn radians(degrees: f64) -> ValueResult<f64> {
    times(degrees, RADIANS_OF_DEGREE)
}

/// An angle of the first quadrant and the signs that sine and cosine of the given one have.
struct Reduced {
    angle: f64,
    sine_sign: f64,
    cosine_sign: f64,
}

impl Reduced {
    fn of(angle: f64) -> Self {
        let mut reduced = Self { angle: angle % 360.0, sine_sign: 1.0, cosine_sign: 1.0 };
        if reduced.angle < 0.0 {
            reduced.angle = -reduced.angle;
            reduced.sine_sign = -1.0;
        }
        if reduced.angle > 180.0 {
            reduced.angle = 360.0 - reduced.angle;
            reduced.sine_sign = -reduced.sine_sign;
        }
        if reduced.angle > 90.0 {
            reduced.angle = 180.0 - reduced.angle;
            reduced.cosine_sign = -1.0;
        }
        reduced
    }
}

pub(crate) fn sind(angle: f64) -> ValueResult<f64> {
    let reduced = Reduced::of(finite(angle)?);
    Ok(reduced.sine_sign * sine_of_quadrant(reduced.angle))
}

pub(crate) fn cosd(angle: f64) -> ValueResult<f64> {
    let reduced = Reduced::of(finite(angle)?);
    Ok(reduced.cosine_sign * cosine_of_quadrant(reduced.angle))
}

pub(crate) fn tand(angle: f64) -> ValueResult<f64> {
    let reduced = Reduced::of(finite(angle)?);
    let ratio = |angle| sine_of_quadrant(angle) / cosine_of_quadrant(angle);
    let tangent = reduced.sine_sign * reduced.cosine_sign * (ratio(reduced.angle) / ratio(45.0));
    Ok(without_negative_zero(tangent))
}

/// The cotangent; infinite where the tangent is zero.
pub(crate) fn cotd(angle: f64) -> ValueResult<f64> {
    let reduced = Reduced::of(finite(angle)?);
    let ratio = |angle| cosine_of_quadrant(angle) / sine_of_quadrant(angle);
    let cotangent = reduced.sine_sign * reduced.cosine_sign * (ratio(reduced.angle) / ratio(45.0));
    Ok(without_negative_zero(cotangent))
}

pub(crate) fn asind(number: f64) -> ValueResult<f64> {
    let number = within_one(number)?;
    Ok(if number >= 0.0 { arcsine_of_quadrant(number) } else { -arcsine_of_quadrant(-number) })
}

pub(crate) fn acosd(number: f64) -> ValueResult<f64> {
    let number = within_one(number)?;
    Ok(if number >= 0.0 { arccosine_of_quadrant(number) } else { 90.0 + arcsine_of_quadrant(-number) })
}

pub(crate) fn atand(number: f64) -> f64 {
    number.atan() / AT_EXACT_ANGLES.atan_one * 45.0
}

pub(crate) fn atan2d(y: f64, x: f64) -> f64 {
    y.atan2(x) / AT_EXACT_ANGLES.atan_one * 45.0
}

fn without_negative_zero(number: f64) -> f64 {
    if number == 0.0 { 0.0 } else { number }
}

fn sine_of_quadrant(angle: f64) -> f64 {
    if angle <= 30.0 { sine_up_to_30(angle) } else { cosine_up_to_60(90.0 - angle) }
}

fn cosine_of_quadrant(angle: f64) -> f64 {
    if angle <= 60.0 { cosine_up_to_60(angle) } else { sine_up_to_30(90.0 - angle) }
}

fn sine_up_to_30(angle: f64) -> f64 {
    (angle * RADIANS_OF_DEGREE).sin() / AT_EXACT_ANGLES.sin_30 / 2.0
}

fn cosine_up_to_60(angle: f64) -> f64 {
    1.0 - (1.0 - (angle * RADIANS_OF_DEGREE).cos()) / AT_EXACT_ANGLES.one_minus_cos_60 / 2.0
}

fn arcsine_of_quadrant(number: f64) -> f64 {
    if number <= 0.5 {
        number.asin() / AT_EXACT_ANGLES.asin_half * 30.0
    } else {
        90.0 - number.acos() / AT_EXACT_ANGLES.acos_half * 60.0
    }
}

fn arccosine_of_quadrant(number: f64) -> f64 {
    if number <= 0.5 {
        90.0 - number.asin() / AT_EXACT_ANGLES.asin_half * 30.0
    } else {
        number.acos() / AT_EXACT_ANGLES.acos_half * 60.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_angles() {
        assert_eq!((sind(30.0), sind(150.0), sind(-30.0), sind(390.0)), (Ok(0.5), Ok(0.5), Ok(-0.5), Ok(0.5)));
        assert_eq!((cosd(60.0), cosd(90.0), cosd(120.0), cosd(180.0)), (Ok(0.5), Ok(0.0), Ok(-0.5), Ok(-1.0)));
        assert_eq!((tand(45.0), tand(135.0), tand(180.0)), (Ok(1.0), Ok(-1.0), Ok(0.0)));
        assert_eq!((tand(90.0), tand(270.0), cotd(180.0)), (Ok(f64::INFINITY), Ok(-f64::INFINITY), Ok(-f64::INFINITY)));
        assert_eq!((asind(0.5), acosd(-0.5), atand(1.0), atan2d(-1.0, -1.0)), (Ok(30.0), Ok(120.0), 45.0, -135.0));
        assert_eq!(sind(f64::INFINITY).unwrap_err().message, "input is out of range");
    }

    #[test]
    fn conversions_must_fit() {
        assert_eq!(degrees(1e307).unwrap_err().message, "value out of range: overflow");
        assert_eq!(radians(5e-324).unwrap_err().message, "value out of range: underflow");
        assert_eq!(radians(f64::INFINITY), Ok(f64::INFINITY));
    }
}
