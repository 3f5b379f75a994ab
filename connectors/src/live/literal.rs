//! Constants as PostgreSQL's literals: those of a plan each with its type, so that nothing is left to be inferred, and
//! values of parameters as PostgreSQL would take them for one. Refuses what PostgreSQL has no literal for: NUL in a text, years outside of 1 to 9999.

use std::fmt::Write;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{Decimal128Type, Decimal256Type, DecimalType, IntervalMonthDayNano};
use arrow::temporal_conversions::{date32_to_datetime, time64us_to_time, timestamp_us_to_datetime};
use chrono::Datelike;
use datafusion::common::ScalarValue;

use super::kind::Integer;

const NANOS_IN_MICRO: i64 = 1_000;
const MICROS_IN_MILLI: i64 = 1_000;
const MICROS_IN_SECOND: i64 = 1_000_000;

/// A text in quotes, whatever `standard_conforming_strings` says. It must not contain NUL.
pub(crate) fn quoted(text: &str) -> String {
    let text = text.replace('\'', "''");
    if text.contains('\\') { format!("E'{}'", text.replace('\\', "\\\\")) } else { format!("'{text}'") }
}

/// The value of a parameter. A text may be read as any type, as that of a parameter is; what else has no type of its
/// own gets one.
pub fn literal(value: &ScalarValue) -> Option<String> {
    if value.is_null() {
        return Some("NULL".to_owned());
    }
    if value.try_as_str().is_some() {
        return text(value, true).map(quoted);
    }
    let number = || match whole(value) {
        Some(whole) if whole < 0 => Some(format!("({whole})")),
        Some(whole) => Some(whole.to_string()),
        None => self::number(value, None),
    };
    boolean(value)
        .map(str::to_owned)
        .or_else(number)
        .or_else(|| float(value))
        .or_else(|| date(value))
        .or_else(|| time(value))
        .or_else(|| timestamp(value, true).or_else(|| timestamp(value, false)))
        .or_else(|| interval(value))
        .or_else(|| binary(value))
        .or_else(|| list(value))
}

fn float(value: &ScalarValue) -> Option<String> {
    let (printed, name) = match value {
        ScalarValue::Float32(Some(value)) => (format!("{value:?}"), "float4"),
        ScalarValue::Float64(Some(value)) => (format!("{value:?}"), "float8"),
        _ => return None,
    };
    // What Rust calls `inf`, PostgreSQL does too.
    Some(format!("'{printed}'::{name}"))
}

fn interval(value: &ScalarValue) -> Option<String> {
    let ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano { months, days, nanoseconds })) = value else {
        return None;
    };
    let micros = (nanoseconds % NANOS_IN_MICRO == 0).then_some(nanoseconds / NANOS_IN_MICRO)?;
    Some(format!("'{months} months {days} days {micros} microseconds'::interval"))
}

/// One without elements may be of any type.
fn list(value: &ScalarValue) -> Option<String> {
    let elements = match value {
        ScalarValue::List(list) => list.value(0),
        ScalarValue::LargeList(list) => list.value(0),
        _ => return None,
    };
    if elements.is_empty() || elements.data_type().is_string() {
        return texts(&elements);
    }
    let element = |index| literal(&ScalarValue::try_from_array(&elements, index).ok()?);
    let elements = (0..elements.len()).map(element).collect::<Option<Vec<_>>>()?;
    Some(format!("ARRAY[{}]", elements.join(", ")))
}

/// Texts as an array that may be of any type.
fn texts(elements: &ArrayRef) -> Option<String> {
    let element = |index| {
        let value = ScalarValue::try_from_array(elements, index).ok()?;
        if value.is_null() {
            return Some("NULL".to_owned());
        }
        Some(format!("\"{}\"", text(&value, true)?.replace('\\', "\\\\").replace('"', "\\\"")))
    };
    let elements = (0..elements.len()).map(element).collect::<Option<Vec<_>>>()?;
    Some(quoted(&format!("{{{}}}", elements.join(","))))
}

/// A constant that is a text, if PostgreSQL can take it: a database of another encoding than UTF-8 may not know
/// its letters.
pub(super) fn text(value: &ScalarValue, utf8: bool) -> Option<&str> {
    let text = value.try_as_str()??;
    (!text.contains('\0') && (utf8 || text.is_ascii())).then_some(text)
}

pub(super) fn boolean(value: &ScalarValue) -> Option<&'static str> {
    match value {
        ScalarValue::Boolean(Some(true)) => Some("TRUE"),
        ScalarValue::Boolean(Some(false)) => Some("FALSE"),
        _ => None,
    }
}

/// A whole number.
pub(super) fn whole(value: &ScalarValue) -> Option<i128> {
    Some(match value {
        ScalarValue::Int8(value) => i128::from((*value)?),
        ScalarValue::Int16(value) => i128::from((*value)?),
        ScalarValue::Int32(value) => i128::from((*value)?),
        ScalarValue::Int64(value) => i128::from((*value)?),
        ScalarValue::UInt8(value) => i128::from((*value)?),
        ScalarValue::UInt16(value) => i128::from((*value)?),
        ScalarValue::UInt32(value) => i128::from((*value)?),
        ScalarValue::UInt64(value) => i128::from((*value)?),
        _ => return None,
    })
}

/// A whole number or a decimal; of the column's own type where it is one of its values, for its index.
pub(super) fn number(value: &ScalarValue, own: Option<Integer>) -> Option<String> {
    if let Some(whole) = whole(value) {
        let own = own.filter(|own| own.range().contains(&whole)).map_or("numeric", Integer::type_name);
        return Some(format!("'{whole}'::{own}"));
    }
    let digits = match value {
        ScalarValue::Decimal128(Some(value), precision, scale) => {
            Decimal128Type::format_decimal(*value, *precision, *scale)
        }
        ScalarValue::Decimal256(Some(value), precision, scale) => {
            Decimal256Type::format_decimal(*value, *precision, *scale)
        }
        _ => return None,
    };
    Some(format!("'{digits}'::numeric"))
}

/// `NaN` and infinity stay with the engine.
pub(super) fn float32(value: &ScalarValue) -> Option<String> {
    match value {
        ScalarValue::Float32(Some(value)) if value.is_finite() => Some(format!("'{value:?}'::float4")),
        _ => None,
    }
}

pub(super) fn float64(value: &ScalarValue) -> Option<String> {
    match value {
        ScalarValue::Float64(Some(value)) if value.is_finite() => Some(format!("'{value:?}'::float8")),
        _ => None,
    }
}

pub(super) fn date(value: &ScalarValue) -> Option<String> {
    let ScalarValue::Date32(Some(days)) = value else { return None };
    let date = date32_to_datetime(*days).filter(|date| is_plain_year(date.year()))?;
    Some(format!("'{}'::date", date.format("%Y-%m-%d")))
}

pub(super) fn time(value: &ScalarValue) -> Option<String> {
    let micros = match value {
        ScalarValue::Time64Microsecond(Some(micros)) => *micros,
        ScalarValue::Time64Nanosecond(Some(nanos)) if nanos % NANOS_IN_MICRO == 0 => nanos / NANOS_IN_MICRO,
        _ => return None,
    };
    Some(format!("'{}'::time", time64us_to_time(micros)?.format("%H:%M:%S%.6f")))
}

/// A moment, or a date and time without a zone, as the column is.
pub(super) fn timestamp(value: &ScalarValue, zoned: bool) -> Option<String> {
    let (micros, zone) = match value {
        ScalarValue::TimestampSecond(Some(seconds), zone) => (seconds.checked_mul(MICROS_IN_SECOND)?, zone),
        ScalarValue::TimestampMillisecond(Some(millis), zone) => (millis.checked_mul(MICROS_IN_MILLI)?, zone),
        ScalarValue::TimestampMicrosecond(Some(micros), zone) => (*micros, zone),
        ScalarValue::TimestampNanosecond(Some(nanos), zone) if nanos % NANOS_IN_MICRO == 0 => {
            (nanos / NANOS_IN_MICRO, zone)
        }
        _ => return None,
    };
    if zone.is_some() != zoned {
        return None;
    }
    let moment = timestamp_us_to_datetime(micros).filter(|moment| is_plain_year(moment.year()))?;
    let (offset, name) = if zoned { ("+00", "timestamptz") } else { ("", "timestamp") };
    Some(format!("'{}{offset}'::{name}", moment.format("%Y-%m-%d %H:%M:%S%.6f")))
}

pub(super) fn binary(value: &ScalarValue) -> Option<String> {
    let (ScalarValue::Binary(Some(bytes))
    | ScalarValue::BinaryView(Some(bytes))
    | ScalarValue::LargeBinary(Some(bytes))) = value
    else {
        return None;
    };
    let digits = bytes.iter().fold(String::new(), |mut digits, byte| {
        // Writing to a String cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    });
    Some(format!("decode('{digits}', 'hex')"))
}

/// Whether a year is written alike by us and by PostgreSQL.
fn is_plain_year(year: i32) -> bool {
    (1..=9999).contains(&year)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_leave_their_quotes() {
        assert_eq!(quoted("it's"), "'it''s'");
        assert_eq!(quoted(r"\' OR 1=1 --"), r"E'\\'' OR 1=1 --'");
        assert_eq!(quoted("ä\n"), "'ä\n'");
        assert_eq!(text(&ScalarValue::from("a\0b"), true), None);
        assert_eq!(text(&ScalarValue::from("ä"), false), None);
        assert_eq!(text(&ScalarValue::from("a"), false), Some("a"));
    }

    #[test]
    fn numbers_have_their_own_type_where_they_fit() {
        let own = Some(Integer::Int2);
        assert_eq!(number(&ScalarValue::Int64(Some(-7)), own).unwrap(), "'-7'::int2");
        assert_eq!(number(&ScalarValue::Int64(Some(40_000)), own).unwrap(), "'40000'::numeric");
        assert_eq!(number(&ScalarValue::Decimal128(Some(-1_050), 6, 2), own).unwrap(), "'-10.50'::numeric");
        assert_eq!(number(&ScalarValue::Float64(Some(1.5)), own), None);
        assert_eq!(float64(&ScalarValue::Float64(Some(1e300))).unwrap(), "'1e300'::float8");
        assert_eq!(float64(&ScalarValue::Float64(Some(f64::NAN))), None);
    }

    #[test]
    fn parameters_have_no_type_that_postgresql_would_not_give_them() {
        let list = |values: &[ScalarValue]| {
            ScalarValue::List(ScalarValue::new_list_nullable(values, &arrow::datatypes::DataType::Int64))
        };
        for (value, expected) in [
            (ScalarValue::Utf8(None), "NULL"),
            (ScalarValue::from("it's"), "'it''s'"),
            (ScalarValue::Int64(Some(-7)), "(-7)"),
            (ScalarValue::Float64(Some(f64::NEG_INFINITY)), "'-inf'::float8"),
            (ScalarValue::Decimal128(Some(150), 5, 2), "'1.50'::numeric"),
            (list(&[ScalarValue::Int64(Some(1)), ScalarValue::Int64(None)]), "ARRAY[1, NULL]"),
            (list(&[]), "'{}'"),
        ] {
            assert_eq!(literal(&value).as_deref(), Some(expected), "{value}");
        }
        assert_eq!(literal(&ScalarValue::from("a\0b")), None);
    }

    #[test]
    fn moments_are_written_to_the_microsecond() {
        let moment = ScalarValue::TimestampMicrosecond(Some(1_706_659_200_000_001), Some("UTC".into()));
        assert_eq!(timestamp(&moment, true).unwrap(), "'2024-01-31 00:00:00.000001+00'::timestamptz");
        assert_eq!(timestamp(&moment, false), None);
        let finer = ScalarValue::TimestampNanosecond(Some(1_500), None);
        assert_eq!(timestamp(&finer, false), None);
        assert_eq!(date(&ScalarValue::Date32(Some(0))).unwrap(), "'1970-01-01'::date");
        assert_eq!(date(&ScalarValue::Date32(Some(i32::MAX))), None);
        assert_eq!(time(&ScalarValue::Time64Microsecond(Some(1))).unwrap(), "'00:00:00.000001'::time");
        assert_eq!(binary(&ScalarValue::Binary(Some(vec![0, 255]))).unwrap(), "decode('00ff', 'hex')");
    }
}
