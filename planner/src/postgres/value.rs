//! Values of PostgreSQL's types for date and time, in the units that Arrow keeps them in.

/// Microseconds of a second.
pub(crate) const MICROS_OF_SECOND: i64 = 1_000_000;
/// Microseconds of a day of 24 hours.
pub(crate) const MICROS_OF_DAY: i64 = 86_400 * MICROS_OF_SECOND;

/// A day, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Date(pub(crate) i32);

/// Microseconds since midnight; 24:00:00 is a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Time(pub(crate) i64);

/// `timestamp`: microseconds since 1970-01-01 00:00 on a clock that is nowhere in particular.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Timestamp(pub(crate) i64);

/// `timestamptz`: microseconds since 1970-01-01 00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TimestampTz(pub(crate) i64);

/// `interval`. Its order is not that of its fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Interval {
    pub(crate) months: i32,
    pub(crate) days: i32,
    pub(crate) micros: i64,
}
