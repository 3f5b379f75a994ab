//! `numeric_div`: the quotient of two `numeric`s with the digits that PostgreSQL gives it.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, AsArray, Decimal128Array};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, i256};
use arrow::error::ArrowError;
use datafusion::common::cast::as_decimal128_array;
use datafusion::common::{Result, internal_err, plan_err};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::udf::null_for_null;
use crate::pg_type::NUMERIC_SCALE;
/// Significant digits of a quotient, at least (`NUMERIC_MIN_SIG_DIGITS` of PostgreSQL).
const MIN_SIGNIFICANT_DIGITS: i32 = 16;
/// PostgreSQL computes with digits in base 10,000: four decimal digits each (`DEC_DIGITS`).
const DIGITS_IN_BASE: i32 = 4;
/// The base.
const GROUP: i128 = 10_000;
/// Decimals of the result's Arrow type. PostgreSQL chooses for every quotient anew; 20 is what it chooses
/// for quotients between 0.0001 and 1, and leaves 18 digits before the point. Smaller quotients are rounded
/// to these decimals.
const RESULT_SCALE: i8 = NUMERIC_SCALE;

/// The quotient of numerics and integers.
pub(super) fn numeric_division(left: Expr, right: Expr) -> Expr {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(ScalarUDF::from(NumericDiv::new())));
    FUNCTION.call(vec![left, right])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct NumericDiv {
    signature: Signature,
}

impl NumericDiv {
    fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for NumericDiv {
    fn name(&self) -> &str {
        "numeric_div"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [left, right] = types else { return plan_err!("numeric_div takes two numbers") };
        Ok(vec![as_decimal(left)?, as_decimal(right)?])
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let scales = types.iter().map(|data_type| match data_type {
            DataType::Decimal128(_, scale) => *scale,
            _ => 0,
        });
        Ok(DataType::Decimal128(DECIMAL128_MAX_PRECISION, scales.fold(RESULT_SCALE, i8::max)))
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        null_for_null(self, args, info)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let DataType::Decimal128(precision, scale) = *args.return_type() else {
            return internal_err!("numeric_div returns a decimal");
        };
        let all_scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if all_scalar { 1 } else { args.number_rows };
        let [left, right] = args.args.as_slice() else {
            return plan_err!("numeric_div takes two numbers");
        };
        let (left, right) = (left.to_array(rows)?, right.to_array(rows)?);
        let quotients = divide_arrays(&left, &right, scale)?.with_precision_and_scale(precision, scale)?;
        let quotients: Arc<dyn Array> = Arc::new(quotients);
        Ok(if all_scalar {
            ColumnarValue::Scalar(datafusion::common::ScalarValue::try_from_array(&quotients, 0)?)
        } else {
            ColumnarValue::Array(quotients)
        })
    }
}

/// Integers as decimals of as many digits as they can have.
fn as_decimal(data_type: &DataType) -> Result<DataType> {
    Ok(match data_type {
        DataType::Decimal128(..) => data_type.clone(),
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 => {
            DataType::Decimal128(10, 0)
        }
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 | DataType::Null => DataType::Decimal128(20, 0),
        other => return plan_err!("numeric_div does not take {other}"),
    })
}

fn divide_arrays(left: &dyn Array, right: &dyn Array, scale: i8) -> Result<Decimal128Array> {
    let (left, right) = (as_decimal128_array(left)?, right.as_primitive::<Decimal128Type>());
    let quotients = left.iter().zip(right).map(|pair| match pair {
        (Some(dividend), Some(divisor)) => {
            divide(shown(dividend, left.scale()), shown(divisor, right.scale()), scale).map(Some)
        }
        _ => Ok(None),
    });
    Ok(quotients.collect::<Result<Decimal128Array, ArrowError>>()?)
}

/// What is computed with [`RESULT_SCALE`] decimals or more has fewer in PostgreSQL, a multiple of four: those that are not zero.
fn shown(unscaled: i128, scale: i8) -> Number {
    let mut number = Number { unscaled, scale };
    if scale >= RESULT_SCALE {
        while number.scale >= DIGITS_IN_BASE as i8 && number.unscaled % GROUP == 0 {
            number = Number { unscaled: number.unscaled / GROUP, scale: number.scale - DIGITS_IN_BASE as i8 };
        }
    }
    number
}

/// `unscaled * 10^-scale`.
#[derive(Debug, Clone, Copy)]
struct Number {
    unscaled: i128,
    scale: i8,
}

impl Number {
    /// The position of the first non-zero base-10,000 digit, and that digit; both are 0 for zero.
    fn leading_digit(self) -> (i32, u128) {
        let Some(log) = self.unscaled.unsigned_abs().checked_ilog10() else { return (0, 0) };
        let scale = i32::from(self.scale);
        let weight = (log as i32 - scale).div_euclid(DIGITS_IN_BASE);
        let shift = DIGITS_IN_BASE * weight + scale;
        let power = 10_u128.pow(shift.unsigned_abs());
        let magnitude = self.unscaled.unsigned_abs();
        (weight, if shift >= 0 { magnitude / power } else { magnitude * power })
    }
}

/// How many decimals PostgreSQL gives the quotient (`select_div_scale`).
fn quotient_scale(dividend: Number, divisor: Number) -> i32 {
    let (dividend_weight, dividend_digit) = dividend.leading_digit();
    let (divisor_weight, divisor_digit) = divisor.leading_digit();
    let below_one = i32::from(dividend_digit <= divisor_digit);
    let weight = dividend_weight - divisor_weight - below_one;
    (MIN_SIGNIFICANT_DIGITS - weight * DIGITS_IN_BASE)
        .max(i32::from(dividend.scale))
        .max(i32::from(divisor.scale))
        .max(0)
}

/// The quotient in units of `10^-scale`, rounded half away from zero to PostgreSQL's decimals.
fn divide(dividend: Number, divisor: Number, scale: i8) -> Result<i128, ArrowError> {
    if divisor.unscaled == 0 {
        return Err(ArrowError::DivideByZero);
    }
    let scale = i32::from(scale);
    let rounded_scale = quotient_scale(dividend, divisor).min(scale);
    let exponent = rounded_scale - i32::from(dividend.scale) + i32::from(divisor.scale);
    let too_large =
        || ArrowError::ArithmeticOverflow("the quotient has more digits than a numeric of 38 can hold".to_owned());
    let (numerator, denominator) = scaled(dividend.unscaled, divisor.unscaled, exponent).ok_or_else(too_large)?;
    let quotient = divide_rounded(numerator, denominator).ok_or_else(too_large)?;
    let padding = 10_i128.pow((scale - rounded_scale).unsigned_abs());
    quotient.checked_mul(padding).filter(|quotient| quotient.unsigned_abs() < 10_u128.pow(38)).ok_or_else(too_large)
}

/// Both numbers wide, the dividend times `10^exponent`.
fn scaled(dividend: i128, divisor: i128, exponent: i32) -> Option<(i256, i256)> {
    let power = i256::from_i128(10).checked_pow(exponent.unsigned_abs())?;
    let (dividend, divisor) = (i256::from_i128(dividend), i256::from_i128(divisor));
    if exponent >= 0 {
        Some((dividend.checked_mul(power)?, divisor))
    } else {
        Some((dividend, divisor.checked_mul(power)?))
    }
}

fn divide_rounded(numerator: i256, denominator: i256) -> Option<i128> {
    let quotient = numerator.checked_div(denominator)?;
    let remainder = numerator.checked_rem(denominator)?;
    let twice = remainder.checked_abs()?.checked_mul(i256::from_i128(2))?;
    let rounding = if twice < denominator.checked_abs()? {
        i256::ZERO
    } else if (numerator < i256::ZERO) == (denominator < i256::ZERO) {
        i256::ONE
    } else {
        i256::MINUS_ONE
    };
    quotient.checked_add(rounding)?.to_i128()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        Number { unscaled: format!("{whole}{decimals}").parse().unwrap(), scale: decimals.len() as i8 }
    }

    /// The right-hand sides are what `SELECT a / b` gives on PostgreSQL 18.
    #[test]
    fn quotients_have_postgresqls_digits() {
        for (dividend, divisor, expected) in [
            ("1.5", "7", "0.21428571428571428571"),
            ("7", "1.5", "4.66666666666666670000"),
            ("2", "3.0", "0.66666666666666666667"),
            ("100.00", "3", "33.33333333333333330000"),
            ("-1", "3.0", "-0.33333333333333333333"),
            ("10000", "3.0", "3333.33333333333333330000"),
            ("0.00", "5", "0.00000000000000000000"),
            ("123456789.12", "1000.0", "123456.78912000000000000000"),
        ] {
            let quotient = divide(number(dividend), number(divisor), 20).unwrap();
            assert_eq!(quotient, number(expected).unscaled, "{dividend} / {divisor}");
        }
    }

    #[test]
    fn dividing_by_zero_and_overflowing_are_errors() {
        assert!(matches!(divide(number("1"), number("0.00"), 20), Err(ArrowError::DivideByZero)));
        let widest = Number { unscaled: 10_i128.pow(38) - 1, scale: 0 };
        assert!(matches!(divide(widest, number("0.1"), 20), Err(ArrowError::ArithmeticOverflow(_))));
    }
}
