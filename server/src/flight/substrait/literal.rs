//! Constants of a plan. Numbers and texts are written as SQL has them, without a type, so that PostgreSQL gives them the
//! one that it gives to constants of a statement: producers know them by the types of other engines, as `bigint` for
//! the 2 of `substring(name, 2)`, of which PostgreSQL has no function.

use arrow::datatypes::IntervalMonthDayNano;
use datafusion::common::ScalarValue;
use rail_forge_connectors::literal;

use super::proto::{IntervalDayToSecond, IntervalYearToMonth, Literal, LiteralType, PrecisionLiteral, PrecisionMode};
use super::refusal::{Refusal, Result};
use super::type_name::type_name;

/// Digits that Arrow's decimals have.
const DECIMAL_DIGITS: i8 = 38;
/// Decimals of a second in microseconds, and in nanoseconds.
const MICROS: i32 = 6;
const NANOS: i32 = 9;

/// A constant as SQL.
///
/// # Errors
/// When PostgreSQL has none like it.
pub(super) fn constant(constant: &Literal) -> Result<String> {
    let unsupported = |what: &str| Err(Refusal::unsupported(format!("a constant {what}")));
    let Some(literal_type) = &constant.literal_type else {
        return unsupported("of a kind that is not known");
    };
    let value = match literal_type {
        LiteralType::Null(of) => return Ok(format!("CAST(NULL AS {})", type_name(of)?)),
        LiteralType::Boolean(value) => ScalarValue::from(*value),
        LiteralType::I8(value) | LiteralType::I16(value) | LiteralType::I32(value) => {
            ScalarValue::from(signed(i64::from(*value), constant)?)
        }
        LiteralType::I64(value) => ScalarValue::from(signed(*value, constant)?),
        LiteralType::Fp32(value) => ScalarValue::from(*value),
        LiteralType::Fp64(value) => ScalarValue::from(*value),
        LiteralType::String(text) | LiteralType::FixedChar(text) => ScalarValue::from(text.as_str()),
        LiteralType::VarChar(text) => ScalarValue::from(text.value.as_str()),
        LiteralType::Binary(bytes) | LiteralType::FixedBinary(bytes) => ScalarValue::Binary(Some(bytes.clone())),
        LiteralType::Decimal(decimal) => {
            let value = <[u8; 16]>::try_from(decimal.value.as_slice())
                .map_err(|_| Refusal::invalid(format!("a decimal has {} bytes; it is 16", decimal.value.len())))?;
            let scale = i8::try_from(decimal.scale).ok().filter(|scale| (0..=DECIMAL_DIGITS).contains(scale));
            let scale = scale.ok_or_else(|| Refusal::invalid(format!("a decimal has the scale {}", decimal.scale)))?;
            ScalarValue::Decimal128(Some(i128::from_le_bytes(value)), DECIMAL_DIGITS.unsigned_abs(), scale)
        }
        LiteralType::Date(days) => ScalarValue::Date32(Some(*days)),
        LiteralType::Time(micros) => ScalarValue::Time64Microsecond(Some(*micros)),
        LiteralType::Timestamp(micros) => ScalarValue::TimestampMicrosecond(Some(*micros), None),
        LiteralType::TimestampTz(micros) => ScalarValue::TimestampMicrosecond(Some(*micros), Some("UTC".into())),
        LiteralType::PrecisionTime(time) => ScalarValue::Time64Microsecond(Some(micros(time)?)),
        LiteralType::PrecisionTimestamp(time) => ScalarValue::TimestampMicrosecond(Some(micros(time)?), None),
        LiteralType::PrecisionTimestampTz(time) => {
            ScalarValue::TimestampMicrosecond(Some(micros(time)?), Some("UTC".into()))
        }
        LiteralType::IntervalYearToMonth(months) => interval(Some(months), None)?,
        LiteralType::IntervalDayToSecond(time) => interval(None, Some(time))?,
        LiteralType::IntervalCompound(both) => {
            interval(both.interval_year_to_month.as_ref(), both.interval_day_to_second.as_ref())?
        }
        LiteralType::Uuid(bytes) => return uuid(bytes),
        LiteralType::Struct(_) => return unsupported("struct"),
        LiteralType::Map(_) | LiteralType::EmptyMap(_) => return unsupported("map"),
        LiteralType::List(_) | LiteralType::EmptyList(_) => return unsupported("list"),
        LiteralType::UserDefined(_) => return unsupported("of a type that a user has defined"),
    };
    literal(&value).ok_or_else(|| {
        let kind = value.data_type();
        Refusal::unsupported(format!("a constant {kind} that PostgreSQL has no text for: a year beyond 9999, or a NUL"))
    })
}

/// The variation of an integer has no sign. What is above the half of its values looks negative.
fn signed(value: i64, constant: &Literal) -> Result<i64> {
    match constant.type_variation_reference {
        0 => Ok(value),
        _ if value >= 0 => Ok(value),
        _ => Err(Refusal::unsupported("a constant of a variation of an integer type")),
    }
}

fn micros(time: &PrecisionLiteral) -> Result<i64> {
    in_unit(time.value, time.precision, MICROS)
        .ok_or_else(|| Refusal::unsupported("a time that is no whole number of microseconds"))
}

/// A number of units of 10 to the power of `-precision` seconds in those of another precision, if it is a whole one.
fn in_unit(value: i64, precision: i32, other: i32) -> Option<i64> {
    let factor = 10_i64.checked_pow(precision.abs_diff(other))?;
    match precision <= other {
        true => value.checked_mul(factor),
        false => (value % factor == 0).then_some(value / factor),
    }
}

fn interval(months: Option<&IntervalYearToMonth>, time: Option<&IntervalDayToSecond>) -> Result<ScalarValue> {
    let of_months = |months: &IntervalYearToMonth| months.years.checked_mul(12)?.checked_add(months.months);
    let of_time = |time: &IntervalDayToSecond| {
        let (part, precision) = match time.precision_mode {
            Some(PrecisionMode::Microseconds(micros)) => (i64::from(micros), MICROS),
            Some(PrecisionMode::Precision(precision)) => (time.subseconds, precision),
            None => (time.subseconds, MICROS),
        };
        let nanos = in_unit(i64::from(time.seconds), 0, NANOS)?.checked_add(in_unit(part, precision, NANOS)?)?;
        Some((time.days, nanos))
    };
    let whole = || {
        let (days, nanoseconds) = time.map_or(Some((0, 0)), of_time)?;
        let months = months.map_or(Some(0), of_months)?;
        Some(ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano { months, days, nanoseconds })))
    };
    whole().ok_or_else(|| Refusal::unsupported("an interval that is too long"))
}

fn uuid(bytes: &[u8]) -> Result<String> {
    if bytes.len() != 16 {
        return Err(Refusal::invalid(format!("a UUID has {} bytes; it is 16", bytes.len())));
    }
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("'{digits}'::uuid"))
}

#[cfg(test)]
mod tests {
    use super::super::proto::{DecimalLiteral, IntegerType, IntervalCompound, Kind, Type, Untaken};
    use super::*;

    fn written(literal_type: LiteralType) -> Result<String> {
        constant(&Literal { literal_type: Some(literal_type), type_variation_reference: 0 })
    }

    fn decimal(value: i128, scale: i32) -> LiteralType {
        LiteralType::Decimal(DecimalLiteral { value: value.to_le_bytes().into(), scale })
    }

    #[test]
    fn constants_are_those_of_sql() {
        let months = IntervalYearToMonth { years: 1, months: -2 };
        let precision_mode = Some(PrecisionMode::Precision(3));
        let time = IntervalDayToSecond { days: 3, seconds: -1, precision_mode, subseconds: 500 };
        let interval = IntervalCompound { interval_year_to_month: Some(months), interval_day_to_second: Some(time) };
        let integer = Type { kind: Some(Kind::I64(IntegerType::default())) };
        for (value, sql) in [
            (LiteralType::I64(3), "3"),
            (LiteralType::I8(-3), "(-3)"),
            (LiteralType::I64(i64::MIN), "(-9223372036854775808)"),
            (LiteralType::Fp64(0.1), "'0.1'::float8"),
            (LiteralType::Fp64(f64::NEG_INFINITY), "'-inf'::float8"),
            (LiteralType::String("it's".into()), "'it''s'"),
            (LiteralType::FixedChar("\\' OR true --".into()), "E'\\\\'' OR true --'"),
            (LiteralType::Binary(vec![0, 255]), "decode('00ff', 'hex')"),
            (decimal(-1_050, 2), "'-10.50'::numeric"),
            (LiteralType::Date(-1), "'1969-12-31'::date"),
            (LiteralType::Timestamp(1), "'1970-01-01 00:00:00.000001'::timestamp"),
            (
                LiteralType::PrecisionTimestampTz(PrecisionLiteral { precision: 9, value: 1_000_000_000 }),
                "'1970-01-01 00:00:01.000000+00'::timestamptz",
            ),
            (LiteralType::PrecisionTime(PrecisionLiteral { precision: 1, value: 15 }), "'00:00:01.500000'::time"),
            (LiteralType::IntervalCompound(interval), "'10 months 3 days -500000 microseconds'::interval"),
            (LiteralType::Uuid(vec![0xab; 16]), "'abababababababababababababababab'::uuid"),
            (LiteralType::Null(integer), "CAST(NULL AS bigint)"),
        ] {
            assert_eq!(written(value).unwrap(), sql);
        }
    }

    #[test]
    fn what_postgresql_cannot_write_is_refused() {
        for value in [
            LiteralType::String("a\0b".into()),
            LiteralType::Date(i32::MAX),
            LiteralType::Timestamp(i64::MIN),
            LiteralType::PrecisionTimestamp(PrecisionLiteral { precision: 9, value: 1 }),
            LiteralType::PrecisionTimestamp(PrecisionLiteral { precision: i32::MIN, value: 1 }),
            LiteralType::Decimal(DecimalLiteral { value: vec![1], scale: 0 }),
            decimal(1, 39),
            decimal(1, -1),
            LiteralType::IntervalYearToMonth(IntervalYearToMonth { years: i32::MAX, months: 0 }),
            LiteralType::Uuid(vec![]),
            LiteralType::Map(Untaken {}),
        ] {
            assert!(written(value.clone()).is_err(), "{value:?}");
        }
        assert!(constant(&Literal::default()).is_err());
    }

    #[test]
    fn integers_without_a_sign_are_taken_where_it_makes_no_difference() {
        let unsigned = |value| {
            constant(&Literal { literal_type: Some(LiteralType::I64(value)), type_variation_reference: 1 }).ok()
        };
        assert_eq!((unsigned(3).as_deref(), unsigned(-1)), (Some("3"), None));
    }
}
