//! `make_date` and its like: values made of numbers.

use std::fmt::Write;

use super::calendar::{Civil, timestamp_of};
use super::date_check::check_numbers;
use super::numbers::{is_past_midnight, rounded};
use super::{OUT_OF_RANGE, interval_out_of_range};
use crate::postgres::error::{ValueError, ValueResult};
use crate::postgres::value::{Date, Interval, MICROS_OF_SECOND, Time, Timestamp};

const SECOND_MICROS: f64 = 1e6;
/// The digits that count of C's `%g`.
const SHORT_DIGITS: usize = 6;

/// `make_interval`'s numbers, all of which are 0 unless they are said.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct IntervalParts {
    pub(crate) years: i32,
    pub(crate) months: i32,
    pub(crate) weeks: i32,
    pub(crate) days: i32,
    pub(crate) hours: i32,
    pub(crate) minutes: i32,
    pub(crate) seconds: f64,
}

impl Date {
    /// `make_date`; negative years are before Christ.
    pub(crate) fn make(year: i32, month: i32, day: i32) -> ValueResult<Self> {
        let civil = match checked(year, month, day) {
            Ok(civil) => civil,
            Err(tried) => return Err(date_error("date field value", tried, month, day)),
        };
        civil.date().ok_or_else(|| date_error("date", civil.year, month, day))
    }
}

/// The date, or the year that was found wrong as it was by then.
fn checked(year: i32, month: i32, day: i32) -> Result<Civil, i32> {
    let bc = year < 0;
    let year = if bc { year.checked_neg().ok_or(year)? } else { year };
    let mut civil = Civil { year, month, day, ..Civil::default() };
    match check_numbers(&mut civil, bc) {
        Ok(()) => Ok(civil),
        Err(_) => Err(civil.year),
    }
}

fn date_error(what: &str, year: i32, month: i32, day: i32) -> ValueError {
    ValueError::new(OUT_OF_RANGE, format!("{what} out of range: {year}-{month:02}-{day:02}"))
}

impl Time {
    /// `make_time`.
    pub(crate) fn make(hour: i32, minute: i32, seconds: f64) -> ValueResult<Self> {
        // NaN and what is too large becomes something that is no second.
        let micros = if seconds.is_nan() { -1 } else { rounded(seconds * SECOND_MICROS) };
        let (whole, part) = (micros.div_euclid(MICROS_OF_SECOND), micros.rem_euclid(MICROS_OF_SECOND));
        if is_past_midnight(i64::from(hour), i64::from(minute), whole, part) || (whole == 60 && part > 0) {
            let seconds = shortest(seconds);
            let message = format!("time field value out of range: {hour}:{minute:02}:{seconds:0>2}");
            return Err(ValueError::new(OUT_OF_RANGE, message));
        }
        Ok(Self((i64::from(hour) * 60 + i64::from(minute)) * 60 * MICROS_OF_SECOND + micros))
    }
}

impl Timestamp {
    /// `make_timestamp`, of which `Zone::to_utc` makes `make_timestamptz`; negative years are before Christ.
    pub(crate) fn make(year: i32, month: i32, day: i32, hour: i32, minute: i32, seconds: f64) -> ValueResult<Self> {
        let civil = checked(year, month, day).map_err(|_| date_error("date field value", year, month, day))?;
        // Beyond the calendar it is the date that is wrong, within it the timestamp.
        if civil.date().is_none() {
            return Err(date_error("date", year, month, day));
        }
        let time = Time::make(hour, minute, seconds)?;
        timestamp_of(civil.days(), time.0).ok_or_else(|| {
            let seconds = shortest(seconds);
            let clock = format!("{hour}:{minute:02}:{seconds:0>2}");
            ValueError::new(OUT_OF_RANGE, format!("timestamp out of range: {year}-{month:02}-{day:02} {clock}"))
        })
    }
}

impl Interval {
    /// `make_interval`.
    pub(crate) fn make(parts: IntervalParts) -> ValueResult<Self> {
        let make = || {
            let months = parts.years.checked_mul(12)?.checked_add(parts.months)?;
            let days = parts.weeks.checked_mul(7)?.checked_add(parts.days)?;
            let time = (i64::from(parts.hours) * 60 + i64::from(parts.minutes)) * 60 * MICROS_OF_SECOND;
            let limit = 2_f64.powi(63);
            let seconds = (parts.seconds * SECOND_MICROS).round_ties_even();
            let micros = (-limit..limit).contains(&seconds).then(|| rounded(seconds))?;
            Some(Self { months, days, micros: time.checked_add(micros)? })
        };
        if parts.seconds.is_finite() && (parts.seconds * SECOND_MICROS).is_infinite() {
            return Err(ValueError::new("22003", "value out of range: overflow"));
        }
        make().ok_or_else(interval_out_of_range)?.finite()
    }
}

/// A number as C's `%g` prints it.
pub(super) fn shortest(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value < 0.0 { "-Infinity" } else { "Infinity" }.to_owned();
    }
    let scientific = format!("{value:.*e}", SHORT_DIGITS - 1);
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        let places = usize::try_from(5 - exponent).unwrap_or_default();
        let plain = format!("{value:.places$}");
        return without_zeros(&plain).to_owned();
    }
    let mut text = without_zeros(digits).to_owned();
    let sign = if exponent < 0 { '-' } else { '+' };
    // Writing to a string does not fail.
    let _ = write!(text, "e{sign}{:02}", exponent.unsigned_abs());
    text
}

fn without_zeros(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

#[cfg(test)]
mod tests {
    use crate::postgres::datetime::write::{write_date, write_time, write_timestamp};
    use crate::postgres::error::ValueResult;
    use crate::postgres::value::{Date, Time, Timestamp};

    fn printed<T>(value: ValueResult<T>, write: impl Fn(&mut String, T)) -> String {
        let mut text = String::new();
        match value {
            Ok(value) => write(&mut text, value),
            Err(error) => text = format!("{} {error}", error.sqlstate),
        }
        text
    }

    #[test]
    fn of_numbers() {
        assert_eq!(printed(Date::make(-44, 3, 15), write_date), "0044-03-15 BC");
        assert_eq!(printed(Date::make(-44, 13, 15), write_date), "22008 date field value out of range: -43-13-15");
        assert_eq!(printed(Date::make(0, 1, 1), write_date), "22008 date field value out of range: 0-01-01");
        assert_eq!(printed(Time::make(23, 59, 60.0), write_time), "24:00:00");
        assert_eq!(printed(Time::make(8, 15, 100.5), write_time), "22008 time field value out of range: 8:15:100.5");
        assert_eq!(printed(Time::make(1, 2, 1.5e-7), write_time), "01:02:00");
        let timestamp = Timestamp::make(2013, 7, 15, 8, 15, 23.5);
        assert_eq!(printed(timestamp, write_timestamp), "2013-07-15 08:15:23.5");
        let timestamp = Timestamp::make(294_277, 1, 1, 0, 0, 0.0);
        assert_eq!(printed(timestamp, write_timestamp), "22008 timestamp out of range: 294277-01-01 0:00:00");
    }
}
