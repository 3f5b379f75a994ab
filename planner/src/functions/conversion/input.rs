//! Texts as values.

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, i256};
use datafusion::common::ScalarValue;

use crate::functions::column::{Int8, in_nanoseconds};
use crate::functions::column::{JsonpathText, Text};
use crate::functions::datetime::{SessionZone, at_now};
use crate::functions::function::Function;
use crate::functions::strict::{cached3, strict1};
use crate::postgres::bytea;
use crate::postgres::datetime::Now;
use crate::postgres::datetime::interval_input::IntervalFields;
use crate::postgres::error::{ValueError, ValueResult};
use crate::postgres::jsonpath::JsonPath;
use crate::postgres::numeric::Numeric;
use crate::postgres::text::{boolean, floats, integers};
use crate::postgres::value::{Date, Interval, Time, Timestamp, TimestampTz};

pub(super) fn functions() -> Vec<Function> {
    let mut functions = vec![
        strict1::<Text, _, _>("boolean", boolean::parse),
        strict1::<Text, _, _>("smallint", integers::parse_int2),
        strict1::<Text, _, _>("integer", integers::parse_int4),
        strict1::<Text, _, _>("bigint", integers::parse_int8),
        strict1::<Text, _, _>("oid", |text: &str| {
            let value = integers::parse_int8(text)?;
            u32::try_from(value)
                .or_else(|_| i32::try_from(value).map(i32::cast_unsigned))
                .map_err(|_| ValueError::new("22003", format!("value \"{text}\" is out of range for type oid")))
        }),
        strict1::<Text, _, _>("real", floats::parse_float4),
        strict1::<Text, _, _>("double", floats::parse_float8),
        strict1::<Text, _, _>("numeric", Numeric::parse),
        strict1::<Text, _, _>("bytea", bytea::parse),
        strict1::<Text, _, _>("interval", |text: &str| Interval::parse(text, None)),
        strict1::<Text, _, _>("jsonpath", |text: &str| {
            JsonPath::parse(text).map(|path| JsonpathText(path.to_string()))
        }),
    ];
    macro_rules! at_now {
        ($name:literal, $value:ident) => {
            functions.push(at_now(cached3::<SessionZone, Text, Int8, Text, _, _>(
                $name,
                |zones, text: &str, micros, zone: &str| $value::parse(text, &Now { micros, zone: zones.get(zone)? }),
            )));
        };
    }
    at_now!("date", Date);
    at_now!("time", Time);
    at_now!("timestamp", Timestamp);
    at_now!("timestamptz", TimestampTz);
    functions
}

/// A number with as many decimals as its text has.
pub(crate) fn read_numeric(text: &str) -> ValueResult<ScalarValue> {
    let value = Numeric::parse(text)?;
    kept(&value).ok_or_else(|| {
        ValueError::new("22003", format!("numeric value \"{text}\" has more than {DECIMAL256_MAX_PRECISION} digits"))
    })
}

/// A numeric as a constant with its own decimals.
pub(super) fn kept(value: &Numeric) -> Option<ScalarValue> {
    let scale = i8::try_from(value.scale()).ok()?;
    let digits = |count: usize| u8::try_from(count.max(usize::from(scale.unsigned_abs())).max(1)).ok();
    let unscaled = value.unscaled();
    let precision = digits(unscaled.magnitude().to_string().len())?;
    if precision <= DECIMAL128_MAX_PRECISION {
        return Some(ScalarValue::Decimal128(value.to_i128(value.scale()), precision, scale));
    }
    let wide = i256::from_string(&unscaled.to_string())?;
    (precision <= DECIMAL256_MAX_PRECISION).then_some(ScalarValue::Decimal256(Some(wide), precision, scale))
}

/// An interval of which only certain fields count.
pub(crate) fn read_interval(text: &str, fields: Option<&str>) -> ValueResult<ScalarValue> {
    let fields = match fields {
        None => None,
        Some(name) => Some(
            of_name(name)
                .ok_or_else(|| ValueError::new("42601", format!("an interval cannot be restricted to {name}")))?,
        ),
    };
    let interval = in_nanoseconds(Interval::parse(text, fields)?)?;
    Ok(ScalarValue::IntervalMonthDayNano(Some(interval)))
}

fn of_name(name: &str) -> Option<IntervalFields> {
    Some(match name {
        "year" => IntervalFields::Year,
        "month" => IntervalFields::Month,
        "day" => IntervalFields::Day,
        "hour" => IntervalFields::Hour,
        "minute" => IntervalFields::Minute,
        "second" => IntervalFields::Second,
        "year to month" => IntervalFields::YearToMonth,
        "day to hour" => IntervalFields::DayToHour,
        "day to minute" => IntervalFields::DayToMinute,
        "day to second" => IntervalFields::DayToSecond,
        "hour to minute" => IntervalFields::HourToMinute,
        "hour to second" => IntervalFields::HourToSecond,
        "minute to second" => IntervalFields::MinuteToSecond,
        _ => return None,
    })
}
