//! Dates and times of day reckoned with.

use super::calendar::{date_of_day, timestamp_of};
use super::timestamps::{MAX_PRECISION, round_away};
use super::{date_out_of_range, timestamp_out_of_range};
use crate::postgres::error::ValueResult;
use crate::postgres::value::{Date, Interval, MICROS_OF_DAY, Time, Timestamp};

impl Date {
    /// `date + integer`.
    pub(crate) fn add_days(self, days: i32) -> ValueResult<Self> {
        date_of_day(i64::from(self.0) + i64::from(days)).ok_or_else(date_out_of_range)
    }

    /// `date - integer`.
    pub(crate) fn subtract_days(self, days: i32) -> ValueResult<Self> {
        date_of_day(i64::from(self.0) - i64::from(days)).ok_or_else(date_out_of_range)
    }

    /// `date - date`.
    pub(crate) fn difference(self, other: Self) -> ValueResult<i32> {
        let days = i64::from(self.0) - i64::from(other.0);
        i32::try_from(days).map_err(|_| date_out_of_range())
    }

    /// `date + time`.
    pub(crate) fn at_time(self, time: Time) -> ValueResult<Timestamp> {
        // Midnight itself must be a timestamp.
        self.timestamp()?;
        timestamp_of(i64::from(self.0), time.0).ok_or_else(timestamp_out_of_range)
    }

    /// `date + interval`.
    pub(crate) fn add_interval(self, interval: Interval) -> ValueResult<Timestamp> {
        self.timestamp()?.add_interval(interval)
    }

    /// `date - interval`.
    pub(crate) fn subtract_interval(self, interval: Interval) -> ValueResult<Timestamp> {
        self.timestamp()?.subtract_interval(interval)
    }
}

impl Time {
    /// `time + interval`, around the clock.
    pub(crate) fn add_interval(self, interval: Interval) -> Self {
        around(self.0.wrapping_add(interval.micros))
    }

    /// `time - interval`, around the clock.
    pub(crate) fn subtract_interval(self, interval: Interval) -> Self {
        around(self.0.wrapping_sub(interval.micros))
    }

    /// `time - time`.
    pub(crate) fn difference(self, other: Self) -> Interval {
        Interval { months: 0, days: 0, micros: self.0.saturating_sub(other.0) }
    }

    /// `time(p)`: rounded to so many digits of a second, up where it is in the middle.
    pub(crate) fn rounded(self, precision: u8) -> Self {
        if precision >= MAX_PRECISION {
            return self;
        }
        Self(round_away(self.0, precision).unwrap_or(self.0))
    }

    /// `time::interval`.
    pub(crate) fn interval(self) -> Interval {
        Interval { months: 0, days: 0, micros: self.0 }
    }
}

fn around(micros: i64) -> Time {
    Time(micros.rem_euclid(MICROS_OF_DAY))
}
