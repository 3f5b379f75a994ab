//! Which moments have a year, fall on a day, or are truncated to one: comparisons of these become ranges of the column, by which
//! files and row groups are left out, and PostgreSQL finds rows of live tables.

use datafusion::common::ScalarValue;

use crate::functions::udf::Preimage;
use crate::postgres::datetime::units::UnitName;
use crate::postgres::datetime::zone::Zone;
use crate::postgres::value::{Date, Interval, Timestamp, TimestampTz};

type Constants<'a> = &'a [Option<&'a ScalarValue>];

fn text<'a>(constants: Constants<'a>, place: usize) -> Option<&'a str> {
    (*constants.get(place)?)?.try_as_str()?
}

fn zone(constants: Constants<'_>, place: usize) -> Option<Zone> {
    Zone::parse(text(constants, place)?, &Zone::utc()).ok()
}

/// The beginnings of a year and of the next; none where another unit is asked for.
fn years(constants: Constants<'_>, value: &ScalarValue) -> Option<[Timestamp; 2]> {
    if text(constants, 0)? != "year" {
        return None;
    }
    let ScalarValue::Decimal128(Some(unscaled), _, scale) = value else { return None };
    let power = 10_i128.checked_pow(u32::try_from(*scale).ok()?)?;
    let year = i32::try_from(unscaled / power).ok().filter(|year| unscaled % power == 0 && *year > 0)?;
    let begin = |year| Date::make(year, 1, 1).and_then(Date::timestamp).ok();
    Some([begin(year)?, begin(year + 1)?])
}

/// `extract(year FROM date)`.
pub(super) fn year_of_date(constants: Constants<'_>, value: &ScalarValue) -> Option<Preimage> {
    let [low, end] =
        years(constants, value)?.map(|moment| moment.date().ok().map(|date| ScalarValue::Date32(Some(date.0))));
    Some(Preimage { argument: 1, low: low?, end: end? })
}

/// `extract(year FROM timestamp)`.
pub(super) fn year_of_timestamp(constants: Constants<'_>, value: &ScalarValue) -> Option<Preimage> {
    let [low, end] = years(constants, value)?.map(timestamp);
    Some(Preimage { argument: 1, low, end })
}

/// `extract(year FROM timestamptz)`, in the session's zone.
pub(super) fn year_of_timestamptz(constants: Constants<'_>, value: &ScalarValue) -> Option<Preimage> {
    let zone = zone(constants, 2)?;
    let [low, end] = years(constants, value)?.map(|moment| zone.to_utc(moment).ok().map(timestamptz));
    Some(Preimage { argument: 1, low: low?, end: end? })
}

fn timestamp(moment: Timestamp) -> ScalarValue {
    ScalarValue::TimestampMicrosecond(Some(moment.0), None)
}

fn timestamptz(moment: TimestampTz) -> ScalarValue {
    ScalarValue::TimestampMicrosecond(Some(moment.0), Some("UTC".into()))
}

fn days(value: &ScalarValue) -> Option<[Timestamp; 2]> {
    let ScalarValue::Date32(Some(day)) = value else { return None };
    Some([Date(*day).timestamp().ok()?, Date(day.checked_add(1)?).timestamp().ok()?])
}

/// `date::timestamp`. A date is a midnight; what is between two of them has no date.
pub(in crate::functions) fn midnight_of_date(_constants: Constants<'_>, value: &ScalarValue) -> Option<Preimage> {
    let ScalarValue::TimestampMicrosecond(Some(micros), None) = value else { return None };
    let moment = Timestamp(*micros);
    let date = moment.date().ok().filter(|date| date.timestamp().is_ok_and(|midnight| midnight == moment))?;
    let [low, end] = [date.0, date.0.checked_add(1)?].map(|day| ScalarValue::Date32(Some(day)));
    Some(Preimage { argument: 0, low, end })
}

/// `timestamp::date`.
pub(in crate::functions) fn day_of_timestamp(_constants: Constants<'_>, value: &ScalarValue) -> Option<Preimage> {
    let [low, end] = days(value)?.map(timestamp);
    Some(Preimage { argument: 0, low, end })
}

/// `timestamptz::date`, in the session's zone.
pub(in crate::functions) fn day_of_timestamptz(constants: Constants<'_>, value: &ScalarValue) -> Option<Preimage> {
    let zone = zone(constants, 1)?;
    let [low, end] = days(value)?.map(|moment| zone.to_utc(moment).ok().map(timestamptz));
    Some(Preimage { argument: 0, low: low?, end: end? })
}

/// The units that `date_trunc` is asked for most, as steps.
fn step(unit: &str) -> Option<Interval> {
    const HOUR_MICROS: i64 = 3_600_000_000;
    Some(match unit {
        "year" => Interval { months: 12, ..Interval::default() },
        "quarter" => Interval { months: 3, ..Interval::default() },
        "month" => Interval { months: 1, ..Interval::default() },
        "week" => Interval { days: 7, ..Interval::default() },
        "day" => Interval { days: 1, ..Interval::default() },
        "hour" => Interval { micros: HOUR_MICROS, ..Interval::default() },
        _ => return None,
    })
}

/// `date_trunc(unit, timestamp)`.
pub(super) fn truncated_timestamp(constants: Constants<'_>, value: &ScalarValue) -> Option<Preimage> {
    let unit = text(constants, 0)?;
    let ScalarValue::TimestampMicrosecond(Some(micros), None) = value else { return None };
    let low = Timestamp(*micros);
    let is_beginning = low.truncate(&UnitName::parse(unit)).ok()? == low;
    let end = low.add_interval(step(unit)?).ok()?;
    is_beginning.then(|| Preimage { argument: 1, low: timestamp(low), end: timestamp(end) })
}

/// `date_trunc(unit, timestamptz)`, in a zone.
pub(super) fn truncated_timestamptz(constants: Constants<'_>, value: &ScalarValue) -> Option<Preimage> {
    let (unit, zone) = (text(constants, 0)?, zone(constants, 2)?);
    let ScalarValue::TimestampMicrosecond(Some(micros), Some(_)) = value else { return None };
    let low = TimestampTz(*micros);
    let is_beginning = low.truncate(&UnitName::parse(unit), &zone).ok()? == low;
    let end = low.add_interval(step(unit)?, &zone).ok()?;
    is_beginning.then(|| Preimage { argument: 1, low: timestamptz(low), end: timestamptz(end) })
}
