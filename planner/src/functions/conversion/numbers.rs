//! From one type of numbers to another.

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::{Expr, ExprSchemable, cast};

use super::input::kept;
use crate::error::{Error, Result};
use crate::functions::column::{Float4, Float8, Int2, Int4, Int8, Jsonb, NumericArg, Oid};
use crate::functions::function::Function;
use crate::functions::strict::strict1;
use crate::pg_type::{BIGINT_DIGITS, INTEGER_DIGITS, PgType, SMALLINT_DIGITS};
use crate::postgres::numeric::{Numeric, NumericModifier};
use crate::postgres::{float, json, whole_number};

pub(super) fn functions() -> Vec<Function> {
    vec![
        strict1::<Int4, _, _>("smallint", whole_number::cast::<i16>),
        strict1::<Int8, _, _>("smallint", whole_number::cast::<i16>),
        strict1::<Int8, _, _>("integer", whole_number::cast::<i32>),
        strict1::<Int2, _, _>("oid", |value: i16| i32::from(value).cast_unsigned()),
        strict1::<Int4, _, _>("oid", i32::cast_unsigned),
        strict1::<Int8, _, _>("oid", whole_number::to_oid),
        strict1::<Oid, _, _>("integer", u32::cast_signed),
        strict1::<NumericArg, _, _>("smallint", |value: Numeric| value.to_i16()),
        strict1::<NumericArg, _, _>("integer", |value: Numeric| value.to_i32()),
        strict1::<NumericArg, _, _>("bigint", |value: Numeric| value.to_i64()),
        strict1::<Float8, _, _>("smallint", float::to_i16),
        strict1::<Float8, _, _>("integer", float::to_i32),
        strict1::<Float8, _, _>("bigint", float::to_i64),
        strict1::<Float4, _, _>("smallint", |value: f32| float::to_i16(f64::from(value))),
        strict1::<Float4, _, _>("integer", |value: f32| float::to_i32(f64::from(value))),
        strict1::<Float4, _, _>("bigint", |value: f32| float::to_i64(f64::from(value))),
        strict1::<NumericArg, _, _>("real", |value: Numeric| value.to_f32()),
        strict1::<NumericArg, _, _>("double", |value: Numeric| value.to_f64()),
        strict1::<Float8, _, _>("real", float::to_real),
        strict1::<Float8, _, _>("numeric", Numeric::from_f64),
        strict1::<Float4, _, _>("numeric", Numeric::from_f32),
        strict1::<Jsonb, _, _>("smallint", |text: &str| {
            number(text, "smallint")?.map(|value| value.to_i16()).transpose()
        }),
        strict1::<Jsonb, _, _>("integer", |text: &str| {
            number(text, "integer")?.map(|value| value.to_i32()).transpose()
        }),
        strict1::<Jsonb, _, _>("bigint", |text: &str| number(text, "bigint")?.map(|value| value.to_i64()).transpose()),
        strict1::<Jsonb, _, _>("real", |text: &str| number(text, "real")?.map(|value| value.to_f32()).transpose()),
        strict1::<Jsonb, _, _>("double", |text: &str| {
            number(text, "double precision")?.map(|value| value.to_f64()).transpose()
        }),
        strict1::<Jsonb, _, _>("numeric", |text: &str| number(text, "numeric")),
    ]
}

fn number(text: &str, type_name: &str) -> crate::postgres::error::ValueResult<Option<Numeric>> {
    json::casts::to_number(text, type_name)?.map(Numeric::parse).transpose()
}

/// Casts that Arrow does as PostgreSQL does.
pub(super) fn converted(expr: Expr, from: &PgType, to: &PgType, schema: &DFSchema) -> datafusion::common::Result<Expr> {
    let digits = match from {
        PgType::Int2 => Some(SMALLINT_DIGITS),
        PgType::Int4 => Some(INTEGER_DIGITS),
        PgType::Int8 => Some(BIGINT_DIGITS),
        _ => None,
    };
    let is_number = |pg_type: &PgType| pg_type.category() == crate::pg_type::Category::Number;
    match (digits, to) {
        (Some(digits), PgType::Numeric) => Ok(cast(expr, DataType::Decimal128(digits, 0))),
        (_, to) if is_number(from) && is_number(to) => Ok(cast(expr, to.arrow())),
        _ => {
            let data_type = expr.get_type(schema)?;
            datafusion::common::plan_err!("cannot cast type {from} ({data_type}) to {to}")
        }
    }
}

/// A constant number of another type, if it is one without a loss that PostgreSQL would not have.
pub(crate) fn constant(value: &ScalarValue, from: &PgType, to: &PgType) -> Option<ScalarValue> {
    let integer = match value {
        ScalarValue::Int16(Some(value)) => Some(i64::from(*value)),
        ScalarValue::Int32(Some(value)) => Some(i64::from(*value)),
        ScalarValue::Int64(Some(value)) => Some(*value),
        _ => None,
    };
    match (from, to, integer) {
        (_, PgType::Numeric, Some(integer)) => kept(&Numeric::from(integer)),
        (_, PgType::Int2 | PgType::Int4 | PgType::Int8 | PgType::Float4 | PgType::Float8, Some(_)) => {
            value.cast_to(&to.arrow()).ok().filter(|value| !value.is_null())
        }
        (PgType::Numeric, PgType::Float8 | PgType::Float4, _) => {
            let number = numeric(value)?;
            match to {
                PgType::Float8 => Some(ScalarValue::Float64(number.to_f64().ok())),
                _ => Some(ScalarValue::Float32(number.to_f32().ok())),
            }
            .filter(|value| !value.is_null())
        }
        _ => None,
    }
}

fn numeric(value: &ScalarValue) -> Option<Numeric> {
    match value {
        ScalarValue::Decimal128(Some(value), _, scale) => Some(Numeric::from_i128(*value, u32::try_from(*scale).ok()?)),
        ScalarValue::Decimal256(Some(_), ..) => Numeric::parse(&value.to_string()).ok(),
        _ => None,
    }
}

/// A constant as `numeric(p, s)`, if it is one and has a place.
pub(super) fn constant_with_digits(value: &ScalarValue, precision: u16, scale: i16) -> Result<Option<ScalarValue>> {
    let Some(number) = numeric(value) else { return Ok(None) };
    let modifier = NumericModifier::new(i32::from(precision), i32::from(scale)).map_err(Error::Value)?;
    let fitted = modifier.fit(&number).map_err(Error::Value)?;
    let kept = kept(&fitted);
    // The column has as many digits as the type says, where there are so many.
    Ok(kept.map(|value| match (u8::try_from(precision), value) {
        (Ok(digits), ScalarValue::Decimal128(value, own, scale))
            if (own..=DECIMAL128_MAX_PRECISION).contains(&digits) =>
        {
            ScalarValue::Decimal128(value, digits, scale)
        }
        (_, value) => value,
    }))
}
