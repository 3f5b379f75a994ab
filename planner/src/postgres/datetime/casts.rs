//! Dates, times and timestamps made of each other. (`Zone` makes `timestamp` and `timestamptz` of each other.)

use super::calendar::{date_of_day, time_of_day, timestamp_of};
use super::zone::Zone;
use super::{Now, OUT_OF_RANGE, date_out_of_range};
use crate::postgres::error::{ValueError, ValueResult};
use crate::postgres::value::{Date, MICROS_OF_DAY, Time, Timestamp, TimestampTz};

impl Date {
    /// `date::timestamp`: midnight.
    pub(crate) fn timestamp(self) -> ValueResult<Timestamp> {
        let midnight = timestamp_of(i64::from(self.0), 0);
        midnight.ok_or_else(|| ValueError::new(OUT_OF_RANGE, "date out of range for timestamp"))
    }

    /// `date::timestamptz`: midnight in the zone.
    pub(crate) fn timestamptz(self, zone: &Zone) -> ValueResult<TimestampTz> {
        let midnight = self.timestamp()?;
        let out_of_range = |_| ValueError::new(OUT_OF_RANGE, "date out of range for timestamp");
        zone.to_utc(midnight).map_err(out_of_range)
    }

    /// `current_date`.
    pub(crate) fn today(now: &Now<'_>) -> ValueResult<Self> {
        TimestampTz(now.micros).date(now.zone)
    }
}

impl Timestamp {
    /// `timestamp::date`.
    pub(crate) fn date(self) -> ValueResult<Date> {
        date_of_day(self.0.div_euclid(MICROS_OF_DAY)).ok_or_else(date_out_of_range)
    }

    /// `timestamp::time`.
    pub(crate) fn time(self) -> Time {
        time_of_day(self)
    }
}

impl TimestampTz {
    /// `timestamptz::date`: the zone's date.
    pub(crate) fn date(self, zone: &Zone) -> ValueResult<Date> {
        zone.clock_at(self).date().ok_or_else(date_out_of_range)
    }

    /// `timestamptz::time`: the zone's time.
    pub(crate) fn time(self, zone: &Zone) -> Time {
        Time(zone.clock_at(self).micros_of_day())
    }
}
