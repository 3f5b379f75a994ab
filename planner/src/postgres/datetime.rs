//! Dates, times and intervals: how PostgreSQL reads them, prints them and reckons with them, in `DateStyle` ISO, MDY and
//! `IntervalStyle` postgres.
//!
//! Two things of PostgreSQL have no value here: infinite dates, timestamps and intervals, and timestamps after
//! 294247-01-10, which 64 bits of microseconds since 1970 do not reach. Both are errors.

pub(crate) mod abbreviations;
mod age;
pub(crate) mod calendar;
mod casts;
mod date_check;
mod dates;
mod day_and_time;
mod decode;
pub(crate) mod extract;
mod fast_input;
mod input;
mod interval_arithmetic;
pub(crate) mod interval_input;
mod iso_interval;
pub(crate) mod make;
mod numbers;
pub(crate) mod overlaps;
mod posix_zone;
mod time_input;
pub(crate) mod timestamps;
mod tokens;
mod truncate;
pub(crate) mod units;
mod words;
pub(crate) mod write;
pub(crate) mod zone;
mod zone_table;

use super::error::ValueError;
use zone::Zone;

/// The moment that `now`, `today` and their like stand for, and the zone of the session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now<'a> {
    /// Microseconds since 1970-01-01 00:00 UTC.
    pub(crate) micros: i64,
    pub(crate) zone: &'a Zone,
}

/// PostgreSQL's `datetime_field_overflow`, for what is beyond a type's range too.
pub(crate) const OUT_OF_RANGE: &str = "22008";

fn timestamp_out_of_range() -> ValueError {
    ValueError::new(OUT_OF_RANGE, "timestamp out of range")
}

fn date_out_of_range() -> ValueError {
    ValueError::new(OUT_OF_RANGE, "date out of range")
}

fn interval_out_of_range() -> ValueError {
    ValueError::new(OUT_OF_RANGE, "interval out of range")
}

/// PostgreSQL has such values, and the columns here have none.
fn infinite_dates() -> ValueError {
    ValueError::new("0A000", "infinite dates cannot be kept")
}

fn infinite_intervals() -> ValueError {
    ValueError::new("0A000", "infinite intervals cannot be kept")
}
