//! Timestamps reckoned with: intervals added and taken away, differences, bins, series.

use std::cmp::Ordering;

use super::calendar::{Civil, small, timestamp_in_range};
use super::interval_input::DAYS_OF_MONTH;
use super::numbers::rounded;
use super::zone::Zone;
use super::{OUT_OF_RANGE, infinite_dates, interval_out_of_range, timestamp_out_of_range};
use crate::postgres::error::{ValueError, ValueResult};
use crate::postgres::value::{Interval, MICROS_OF_DAY, Timestamp, TimestampTz};

/// 2000-01-01 00:00, from which PostgreSQL counts and rounds.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;
const POSTGRES_EPOCH_SECONDS: f64 = 946_684_800.0;
/// 4714-11-24 BC, and the end of 294276, in seconds since 1970.
const FIRST_SECOND: f64 = -210_866_803_200.0;
const END_OF_SECONDS: f64 = 9_224_318_016_000.0;
/// The digits that a second may have after the point.
pub(super) const MAX_PRECISION: u8 = 6;

impl Timestamp {
    /// `timestamp + interval`: months, which end with the month if they must, then days, then the rest.
    pub(crate) fn add_interval(self, interval: Interval) -> ValueResult<Self> {
        let local = self.add_months(interval.months)?.add_days(interval.days)?;
        local.add_micros(interval.micros)
    }

    /// `timestamp - interval`.
    pub(crate) fn subtract_interval(self, interval: Interval) -> ValueResult<Self> {
        self.add_interval(interval.negated()?)
    }

    /// `timestamp - timestamp`: days of 24 hours, and the rest.
    pub(crate) fn difference(self, other: Self) -> ValueResult<Interval> {
        difference(self.0, other.0)
    }

    fn add_months(self, months: i32) -> ValueResult<Self> {
        if months == 0 {
            return Ok(self);
        }
        Civil::of(self).months_later(months).timestamp().ok_or_else(timestamp_out_of_range)
    }

    fn add_days(self, days: i32) -> ValueResult<Self> {
        let moved = i64::from(days).checked_mul(MICROS_OF_DAY).and_then(|micros| self.0.checked_add(micros));
        moved.and_then(timestamp_in_range).ok_or_else(timestamp_out_of_range)
    }

    fn add_micros(self, micros: i64) -> ValueResult<Self> {
        self.0.checked_add(micros).and_then(timestamp_in_range).ok_or_else(timestamp_out_of_range)
    }

    /// `timestamp(p)`: rounded to so many digits of a second, away from the year 2000 where it is in the middle.
    pub(crate) fn rounded(self, precision: u8) -> ValueResult<Self> {
        rounded_to(self.0, precision).ok_or_else(timestamp_out_of_range)
    }

    /// `date_bin`: the beginning of the stride that it is in, where a stride begins at the origin.
    pub(crate) fn bin(self, stride: Interval, origin: Self) -> ValueResult<Self> {
        bin(self.0, stride, origin.0)
    }

    /// `generate_series`: what comes after this.
    pub(crate) fn next(self, step: Interval) -> ValueResult<Self> {
        self.add_interval(step)
    }
}

impl TimestampTz {
    /// `timestamptz + interval`: months and days are those of the zone's calendar.
    pub(crate) fn add_interval(self, interval: Interval, zone: &Zone) -> ValueResult<Self> {
        let mut moment = self;
        if interval.months != 0 {
            moment = zone.moment_of(&zone.clock_at(moment).months_later(interval.months))?;
        }
        if interval.days != 0 {
            moment = zone.moment_of(&zone.clock_at(moment).days_later(interval.days))?;
        }
        Timestamp(moment.0).add_micros(interval.micros).map(|moment| Self(moment.0))
    }

    /// `timestamptz - interval`.
    pub(crate) fn subtract_interval(self, interval: Interval, zone: &Zone) -> ValueResult<Self> {
        self.add_interval(interval.negated()?, zone)
    }

    /// `timestamptz - timestamptz`: days of 24 hours, and the rest.
    pub(crate) fn difference(self, other: Self) -> ValueResult<Interval> {
        difference(self.0, other.0)
    }

    /// `timestamptz(p)`, as `Timestamp::rounded`.
    pub(crate) fn rounded(self, precision: u8) -> ValueResult<Self> {
        Timestamp(self.0).rounded(precision).map(|moment| Self(moment.0))
    }

    /// `date_bin`, as `Timestamp::bin`.
    pub(crate) fn bin(self, stride: Interval, origin: Self) -> ValueResult<Self> {
        bin(self.0, stride, origin.0).map(|moment| Self(moment.0))
    }

    /// `generate_series`: what comes after this.
    pub(crate) fn next(self, step: Interval, zone: &Zone) -> ValueResult<Self> {
        self.add_interval(step, zone)
    }

    /// `to_timestamp(double precision)`: of seconds since 1970.
    pub(crate) fn from_seconds(seconds: f64) -> ValueResult<Self> {
        if seconds.is_nan() {
            return Err(ValueError::new(OUT_OF_RANGE, "timestamp cannot be NaN"));
        }
        if seconds.is_infinite() {
            return Err(infinite_dates());
        }
        let out_of_range = || {
            let seconds = super::make::shortest(seconds);
            ValueError::new(OUT_OF_RANGE, format!("timestamp out of range: \"{seconds}\""))
        };
        if !(FIRST_SECOND..END_OF_SECONDS).contains(&seconds) {
            return Err(out_of_range());
        }
        // Rounded as counted from the year 2000, which is not always the same.
        let micros = rounded((seconds - POSTGRES_EPOCH_SECONDS) * 1e6).checked_add(POSTGRES_EPOCH);
        micros.and_then(timestamp_in_range).map(|moment| Self(moment.0)).ok_or_else(out_of_range)
    }
}

/// Which way a series goes; it must go somewhere.
pub(crate) fn series_direction(step: Interval) -> ValueResult<Ordering> {
    match step.length().cmp(&0) {
        Ordering::Equal => Err(ValueError::new("22023", "step size cannot equal zero")),
        direction => Ok(direction),
    }
}

fn difference(left: i64, right: i64) -> ValueResult<Interval> {
    let micros = left.checked_sub(right).ok_or_else(interval_out_of_range)?;
    Ok(Interval { months: 0, days: small(micros / MICROS_OF_DAY), micros: micros % MICROS_OF_DAY })
}

fn rounded_to(micros: i64, precision: u8) -> Option<Timestamp> {
    if precision >= MAX_PRECISION {
        return Some(Timestamp(micros));
    }
    let counted = micros.checked_sub(POSTGRES_EPOCH)?;
    round_away(counted, precision)?.checked_add(POSTGRES_EPOCH).and_then(timestamp_in_range)
}

/// Microseconds rounded to so many digits of a second, away from 0 where they are in the middle.
pub(super) fn round_away(micros: i64, precision: u8) -> Option<i64> {
    let places = u32::from(MAX_PRECISION.saturating_sub(precision));
    let scale = 10_i64.pow(places);
    let half = if micros < 0 { -scale / 2 } else { scale / 2 };
    Some(micros.checked_add(half)? / scale * scale)
}

fn bin(micros: i64, stride: Interval, origin: i64) -> ValueResult<Timestamp> {
    if stride.months != 0 {
        let message = "timestamps cannot be binned into intervals containing months or years";
        return Err(ValueError::new("0A000", message));
    }
    let stride = i64::from(stride.days).checked_mul(MICROS_OF_DAY).and_then(|days| days.checked_add(stride.micros));
    let stride = stride.ok_or_else(interval_out_of_range)?;
    if stride <= 0 {
        return Err(ValueError::new(OUT_OF_RANGE, "stride must be greater than zero"));
    }
    let distance = micros.checked_sub(origin).ok_or_else(interval_out_of_range)?;
    let into = distance.rem_euclid(stride);
    let start = distance.checked_sub(into).ok_or_else(interval_out_of_range)?;
    origin.checked_add(start).and_then(timestamp_in_range).ok_or_else(timestamp_out_of_range)
}

impl Interval {
    /// What intervals are compared by: microseconds, a month being 30 days and a day 24 hours.
    pub(crate) fn length(self) -> i128 {
        let days = i128::from(self.months) * i128::from(DAYS_OF_MONTH) + i128::from(self.days);
        days * i128::from(MICROS_OF_DAY) + i128::from(self.micros)
    }
}

#[cfg(test)]
mod tests {
    use crate::postgres::datetime::Now;
    use crate::postgres::datetime::write::{write_interval, write_timestamp, write_timestamptz};
    use crate::postgres::datetime::zone::Zone;
    use crate::postgres::error::{ValueError, ValueResult};
    use crate::postgres::value::{Interval, Timestamp, TimestampTz};

    fn said(error: &ValueError) -> String {
        format!("{} {error}", error.sqlstate)
    }

    fn printed<T>(value: ValueResult<T>, write: impl Fn(&mut String, T)) -> String {
        let mut text = String::new();
        match value {
            Ok(value) => write(&mut text, value),
            Err(error) => text = said(&error),
        }
        text
    }

    fn timestamp(text: &str) -> ValueResult<Timestamp> {
        Timestamp::parse(text, &Now { micros: 0, zone: &Zone::utc() })
    }

    #[test]
    fn months_end_with_the_month() {
        for (text, interval, expected) in [
            ("2024-01-31", "1 mon", "2024-02-29 00:00:00"),
            ("2024-02-29", "-1 year", "2023-02-28 00:00:00"),
            ("2024-03-31", "-1 mon 1 day", "2024-03-01 00:00:00"),
            ("0001-01-31 BC", "1 mon", "0001-02-29 00:00:00 BC"),
            ("4714-11-24 BC", "-1 us", "22008 timestamp out of range"),
            ("2024-01-01", "2147483647 days", "22008 timestamp out of range"),
            ("2024-01-01", "2147483647 mons", "22008 timestamp out of range"),
        ] {
            let sum = timestamp(text).and_then(|start| start.add_interval(Interval::parse(interval, None)?));
            assert_eq!(printed(sum, write_timestamp), expected, "{text} + {interval}");
        }
    }

    #[test]
    fn days_are_the_zones() {
        let zone = Zone::named("America/New_York").unwrap_or_else(Zone::utc);
        let now = Now { micros: 0, zone: &zone };
        for (text, interval, expected) in [
            ("2024-03-09 12:00", "1 day", "2024-03-10 12:00:00-04"),
            ("2024-03-09 12:00", "24 hours", "2024-03-10 13:00:00-04"),
            ("2024-03-09 02:30", "1 day", "2024-03-10 03:30:00-04"),
            ("2024-11-02 01:30", "1 day 1 hour", "2024-11-03 02:30:00-05"),
        ] {
            let sum = TimestampTz::parse(text, &now)
                .and_then(|start| start.add_interval(Interval::parse(interval, None)?, &zone));
            assert_eq!(printed(sum, |text, sum| write_timestamptz(text, sum, &zone)), expected, "{text} + {interval}");
        }
    }

    #[test]
    fn bins_begin_at_the_origin() {
        for (stride, text, origin, expected) in [
            ("15 minutes", "2020-02-11 15:44:17", "2001-01-01", "2020-02-11 15:30:00"),
            ("7 days", "2000-01-01", "2001-01-01 00:02:30", "1999-12-27 00:02:30"),
            (
                "1 mon",
                "2000-01-01",
                "2001-01-01",
                "0A000 timestamps cannot be binned into intervals containing months or years",
            ),
            ("0", "2000-01-01", "2001-01-01", "22008 stride must be greater than zero"),
        ] {
            let bin = timestamp(text).and_then(|moment| moment.bin(Interval::parse(stride, None)?, timestamp(origin)?));
            assert_eq!(printed(bin, write_timestamp), expected, "{stride} {text} {origin}");
        }
    }

    #[test]
    fn rounded_away_from_2000() {
        for (text, precision, expected) in [
            ("1999-12-31 23:59:58.5", 0, "1999-12-31 23:59:58"),
            ("2000-01-01 00:00:01.5", 0, "2000-01-01 00:00:02"),
            ("1969-12-31 23:59:59.1235", 3, "1969-12-31 23:59:59.123"),
            ("2024-01-01 00:00:00.999999", 5, "2024-01-01 00:00:01"),
        ] {
            let rounded = timestamp(text).and_then(|moment| moment.rounded(precision));
            assert_eq!(printed(rounded, write_timestamp), expected, "{text} {precision}");
        }
    }

    #[test]
    fn differences_are_of_days() {
        let difference = timestamp("2024-03-01 01:00").and_then(|end| end.difference(timestamp("2024-02-28 02:00")?));
        assert_eq!(printed(difference, write_interval), "1 day 23:00:00");
    }

    #[test]
    fn seconds_make_timestamps() {
        for (seconds, expected) in [
            (1_700_000_000.123_456_7, "2023-11-14 22:13:20.123457+00"),
            (-0.5, "1969-12-31 23:59:59.5+00"),
            (f64::NAN, "22008 timestamp cannot be NaN"),
            (1e20, "22008 timestamp out of range: \"1e+20\""),
            (-210_866_803_201.0, "22008 timestamp out of range: \"-2.10867e+11\""),
        ] {
            let moment = TimestampTz::from_seconds(seconds);
            assert_eq!(printed(moment, |text, moment| write_timestamptz(text, moment, &Zone::utc())), expected);
        }
    }
}
