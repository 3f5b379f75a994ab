//! Floating-point numbers as other numbers.

use super::{OUT_OF_RANGE, overflow, underflow};
use crate::postgres::error::{ValueError, ValueResult};

/// The nearest `smallint`, of two the even one.
pub(crate) fn to_i16(number: f64) -> ValueResult<i16> {
    let whole = whole_within(number, f64::from(i16::MIN), "smallint")?;
    i16::try_from(whole).map_err(|_| out_of_range("smallint"))
}

/// The nearest `integer`, of two the even one.
pub(crate) fn to_i32(number: f64) -> ValueResult<i32> {
    let whole = whole_within(number, f64::from(i32::MIN), "integer")?;
    i32::try_from(whole).map_err(|_| out_of_range("integer"))
}

/// The nearest `bigint`, of two the even one.
pub(crate) fn to_i64(number: f64) -> ValueResult<i64> {
    whole_within(number, -9_223_372_036_854_775_808.0, "bigint")
}

/// The nearest whole number, if it is from `least`, a power of two, to just below minus `least`.
fn whole_within(number: f64, least: f64, name: &str) -> ValueResult<i64> {
    let whole = number.round_ties_even();
    if !(whole >= least && whole < -least) {
        return Err(out_of_range(name));
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and within the bounds")]
    Ok(whole as i64)
}

fn out_of_range(name: &str) -> ValueError {
    ValueError::new(OUT_OF_RANGE, format!("{name} out of range"))
}

/// The nearest `real`.
pub(crate) fn to_real(number: f64) -> ValueResult<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "it rounds, and what does not fit is refused below")]
    let real = number as f32;
    if real.is_infinite() && !number.is_infinite() {
        return Err(overflow());
    }
    if real == 0.0 && number != 0.0 {
        return Err(underflow());
    }
    Ok(real)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_must_fit() {
        assert_eq!((to_i32(1.5), to_i32(2.5), to_i32(-0.5)), (Ok(2), Ok(2), Ok(0)));
        assert_eq!(to_i32(2_147_483_647.5).unwrap_err().message, "integer out of range");
        assert_eq!(to_i32(-2_147_483_648.5), Ok(i32::MIN));
        assert_eq!(to_i64(9_223_372_036_854_775_807.0).unwrap_err().message, "bigint out of range");
        assert_eq!(to_i64(-9_223_372_036_854_775_808.0), Ok(i64::MIN));
        assert_eq!(to_i16(f64::NAN).unwrap_err().message, "smallint out of range");
        assert_eq!((to_i16(32_767.4), to_i16(-32_768.5)), (Ok(i16::MAX), Ok(i16::MIN)));
    }

    #[test]
    fn reals_must_fit() {
        assert_eq!(to_real(1e39).unwrap_err().message, "value out of range: overflow");
        assert_eq!(to_real(1e-60).unwrap_err().message, "value out of range: underflow");
        assert_eq!(to_real(f64::NEG_INFINITY), Ok(f32::NEG_INFINITY));
    }
}
