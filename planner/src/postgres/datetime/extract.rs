//! `extract` and `date_part`: one field of a date, a time, a timestamp or an interval, exactly or as a double.

use super::calendar::{ClockTime, UNIX_EPOCH_JULIAN, civil_day, days, iso_week, weekday};
use super::interval_input::{MICROS_OF_HOUR, MICROS_OF_MINUTE};
use super::units::{Unit, UnitName};
use super::zone::Zone;
use crate::postgres::error::ValueResult;
use crate::postgres::value::{Date, Interval, MICROS_OF_DAY, MICROS_OF_SECOND, Time, Timestamp, TimestampTz};

pub(super) const DATE_NAME: &str = "date";
pub(super) const TIME_NAME: &str = "time without time zone";
pub(super) const TIMESTAMP_NAME: &str = "timestamp without time zone";
pub(super) const TIMESTAMPTZ_NAME: &str = "timestamp with time zone";
pub(super) const INTERVAL_NAME: &str = "interval";

const MONTH_SECONDS: i64 = 30 * 86_400;
/// A year counts 365.25 days here.
const YEAR_SECONDS: i64 = 31_557_600;
const DAY_SECONDS: i64 = 86_400;

/// An exact field: an integer divided by a power of ten, with as many digits after the point as PostgreSQL gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extracted {
    pub(crate) unscaled: i128,
    pub(crate) scale: u8,
}

/// A field before it is known whether it is wanted exactly.
#[derive(Clone, Copy)]
enum Field {
    Whole(i64),
    /// Seconds and microseconds of them.
    Seconds(i64, i64),
    /// The same as milliseconds.
    Milliseconds(i64, i64),
    /// Microseconds that are to be seconds.
    Epoch(i128),
    /// A Julian day, and the microseconds of the day so far.
    Julian(i64, i64),
}

impl Field {
    fn exact(self) -> Extracted {
        match self {
            Self::Whole(value) => Extracted { unscaled: i128::from(value), scale: 0 },
            Self::Seconds(seconds, micros) => {
                Extracted { unscaled: i128::from(seconds * MICROS_OF_SECOND + micros), scale: 6 }
            }
            Self::Milliseconds(seconds, micros) => {
                Extracted { unscaled: i128::from(seconds * MICROS_OF_SECOND + micros), scale: 3 }
            }
            Self::Epoch(micros) => Extracted { unscaled: micros, scale: 6 },
            Self::Julian(day, micros) => {
                let scale = julian_scale(micros);
                let power = 10_i128.pow(u32::from(scale));
                let day_micros = i128::from(MICROS_OF_DAY);
                // Rounded up in the middle, as numerics are.
                let fraction = (i128::from(micros) * power + day_micros / 2) / day_micros;
                Extracted { unscaled: i128::from(day) * power + fraction, scale }
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "PostgreSQL's doubles are no more exact")]
    fn double(self) -> f64 {
        match self {
            Self::Whole(value) => value as f64,
            Self::Seconds(seconds, micros) => seconds as f64 + micros as f64 / 1e6,
            Self::Milliseconds(seconds, micros) => seconds as f64 * 1e3 + micros as f64 / 1e3,
            Self::Epoch(micros) => micros as f64 / 1e6,
            Self::Julian(day, micros) => {
                let seconds = micros / MICROS_OF_SECOND;
                let micros = (micros % MICROS_OF_SECOND) as f64;
                day as f64 + (seconds as f64 + micros / 1e6) / DAY_SECONDS as f64
            }
        }
    }
}

/// The digits after the point of a part of a day, as PostgreSQL's division of numerics chooses them: at least sixteen
/// that count, in groups of four.
fn julian_scale(micros: i64) -> u8 {
    // In groups of four digits, a day's microseconds are 864, 0 and 0.
    let (group, leading) = match micros {
        0..10_000 => (0, micros),
        10_000..100_000_000 => (1, micros / 10_000),
        _ => (2, micros / 100_000_000),
    };
    let groups_less = 2 - group + u8::from(leading <= 864);
    16 + 4 * groups_less
}

/// A field of all that has a date and a time; none if timestamps have no such field.
fn moment_field(unit: Unit, clock: ClockTime) -> Option<Field> {
    Some(match unit {
        Unit::Microsecond | Unit::Millisecond | Unit::Second | Unit::Minute | Unit::Hour => {
            time_field(unit, clock.micros)?
        }
        Unit::Julian => Field::Julian(clock.day + UNIX_EPOCH_JULIAN, clock.micros),
        _ => Field::Whole(date_field(unit, clock.day)?),
    })
}

fn time_field(unit: Unit, micros_of_day: i64) -> Option<Field> {
    let (seconds, micros) = (micros_of_day / MICROS_OF_SECOND, micros_of_day % MICROS_OF_SECOND);
    Some(match unit {
        Unit::Microsecond => Field::Whole(micros_of_day % MICROS_OF_MINUTE),
        Unit::Millisecond => Field::Milliseconds(seconds % 60, micros),
        Unit::Second => Field::Seconds(seconds % 60, micros),
        Unit::Minute => Field::Whole(seconds / 60 % 60),
        Unit::Hour => Field::Whole(seconds / 3600),
        _ => return None,
    })
}

fn date_field(unit: Unit, day: i64) -> Option<i64> {
    let year = || i64::from(civil_day(day).year);
    let month = || i64::from(civil_day(day).month);
    // There is no year 0: it is 1 BC, which is -1.
    let without_zero = |year: i64| year - i64::from(year <= 0);
    Some(match unit {
        Unit::Day => i64::from(civil_day(day).day),
        Unit::Week => iso_week(day).1,
        Unit::Month => month(),
        Unit::Quarter => (month() - 1) / 3 + 1,
        Unit::Year => without_zero(year()),
        Unit::Decade => year().div_euclid(10),
        Unit::Century => period(year(), 100),
        Unit::Millennium => period(year(), 1000),
        Unit::Julian => day + UNIX_EPOCH_JULIAN,
        Unit::IsoYear => without_zero(i64::from(iso_week(day).0)),
        Unit::DayOfWeek => weekday(day),
        Unit::IsoDayOfWeek => (weekday(day) + 6) % 7 + 1,
        Unit::DayOfYear => day - days(year(), 1, 1) + 1,
        _ => return None,
    })
}

/// Centuries and millennia, the first of which begin with year 1, and those before Christ with -1.
fn period(year: i64, length: i64) -> i64 {
    if year > 0 { (year + length - 1) / length } else { -((length - year) / length) }
}

fn zone_field(unit: Unit, offset: i32) -> Option<Field> {
    let offset = i64::from(offset);
    Some(Field::Whole(match unit {
        Unit::Zone => offset,
        Unit::ZoneMinute => offset / 60 % 60,
        Unit::ZoneHour => offset / 3600,
        _ => return None,
    }))
}

fn date_value(date: Date, unit: &UnitName) -> ValueResult<Field> {
    let field = match unit.known(DATE_NAME)? {
        Unit::Epoch => Some(i64::from(date.0) * DAY_SECONDS),
        known => date_field(known, i64::from(date.0)),
    };
    field.map(Field::Whole).ok_or_else(|| unit.unsupported(DATE_NAME))
}

fn time_value(time: Time, unit: &UnitName) -> ValueResult<Field> {
    let field = match unit.known_field(TIME_NAME)? {
        Unit::Epoch => Some(Field::Epoch(i128::from(time.0))),
        known => time_field(known, time.0),
    };
    field.ok_or_else(|| unit.unsupported(TIME_NAME))
}

fn timestamp_value(timestamp: Timestamp, unit: &UnitName) -> ValueResult<Field> {
    let field = match unit.known(TIMESTAMP_NAME)? {
        Unit::Epoch => Some(Field::Epoch(i128::from(timestamp.0))),
        known => moment_field(known, ClockTime::of(timestamp)),
    };
    field.ok_or_else(|| unit.unsupported(TIMESTAMP_NAME))
}

fn timestamptz_value(moment: TimestampTz, unit: &UnitName, zone: &Zone) -> ValueResult<Field> {
    let known = unit.known(TIMESTAMPTZ_NAME)?;
    let field = match known {
        Unit::Epoch => Some(Field::Epoch(i128::from(moment.0))),
        Unit::Zone | Unit::ZoneHour | Unit::ZoneMinute => zone_field(known, zone.offset_at_utc(moment.0)),
        known => moment_field(known, zone.clock_time_at(moment)),
    };
    field.ok_or_else(|| unit.unsupported(TIMESTAMPTZ_NAME))
}

fn interval_value(interval: Interval, unit: &UnitName) -> ValueResult<Field> {
    let micros = interval.micros;
    let (seconds, rest) = (micros / MICROS_OF_SECOND % 60, micros % MICROS_OF_SECOND);
    let (years, months) = (i64::from(interval.months / 12), i64::from(interval.months % 12));
    Ok(match unit.known_field(INTERVAL_NAME)? {
        Unit::Microsecond => Field::Whole(seconds * MICROS_OF_SECOND + rest),
        Unit::Millisecond => Field::Milliseconds(seconds, rest),
        Unit::Second => Field::Seconds(seconds, rest),
        Unit::Minute => Field::Whole(micros / MICROS_OF_MINUTE % 60),
        Unit::Hour => Field::Whole(micros / MICROS_OF_HOUR),
        Unit::Day => Field::Whole(i64::from(interval.days)),
        Unit::Week => Field::Whole(i64::from(interval.days / 7)),
        Unit::Month => Field::Whole(months),
        Unit::Quarter if years < 0 || (years == 0 && months < 0) => Field::Whole(-(-months / 3 + 1)),
        Unit::Quarter => Field::Whole(months / 3 + 1),
        Unit::Year => Field::Whole(years),
        Unit::Decade => Field::Whole(years / 10),
        Unit::Century => Field::Whole(years / 100),
        Unit::Millennium => Field::Whole(years / 1000),
        Unit::Epoch => {
            let seconds = years * YEAR_SECONDS + months * MONTH_SECONDS + i64::from(interval.days) * DAY_SECONDS;
            Field::Epoch(i128::from(seconds) * i128::from(MICROS_OF_SECOND) + i128::from(micros))
        }
        _ => return Err(unit.unsupported(INTERVAL_NAME)),
    })
}

impl Date {
    /// `extract(unit FROM date)`.
    pub(crate) fn extract(self, unit: &UnitName) -> ValueResult<Extracted> {
        date_value(self, unit).map(Field::exact)
    }

    /// `date_part(unit, date)`, which takes it for a timestamp.
    pub(crate) fn date_part(self, unit: &UnitName) -> ValueResult<f64> {
        self.timestamp()?.date_part(unit)
    }
}

impl Time {
    /// `extract(unit FROM time)`.
    pub(crate) fn extract(self, unit: &UnitName) -> ValueResult<Extracted> {
        time_value(self, unit).map(Field::exact)
    }

    /// `date_part(unit, time)`.
    pub(crate) fn date_part(self, unit: &UnitName) -> ValueResult<f64> {
        time_value(self, unit).map(Field::double)
    }
}

impl Timestamp {
    /// `extract(unit FROM timestamp)`.
    pub(crate) fn extract(self, unit: &UnitName) -> ValueResult<Extracted> {
        timestamp_value(self, unit).map(Field::exact)
    }

    /// `date_part(unit, timestamp)`.
    pub(crate) fn date_part(self, unit: &UnitName) -> ValueResult<f64> {
        timestamp_value(self, unit).map(Field::double)
    }
}

impl TimestampTz {
    /// `extract(unit FROM timestamptz)`, by the zone's clocks.
    pub(crate) fn extract(self, unit: &UnitName, zone: &Zone) -> ValueResult<Extracted> {
        timestamptz_value(self, unit, zone).map(Field::exact)
    }

    /// `date_part(unit, timestamptz)`, by the zone's clocks.
    pub(crate) fn date_part(self, unit: &UnitName, zone: &Zone) -> ValueResult<f64> {
        timestamptz_value(self, unit, zone).map(Field::double)
    }
}

impl Interval {
    /// `extract(unit FROM interval)`.
    pub(crate) fn extract(self, unit: &UnitName) -> ValueResult<Extracted> {
        interval_value(self, unit).map(Field::exact)
    }

    /// `date_part(unit, interval)`.
    pub(crate) fn date_part(self, unit: &UnitName) -> ValueResult<f64> {
        if unit.known_field(INTERVAL_NAME)? == Unit::Epoch {
            return Ok(self.epoch());
        }
        interval_value(self, unit).map(Field::double)
    }

    /// Seconds, added up as doubles.
    #[expect(clippy::cast_precision_loss, reason = "PostgreSQL's double is no more exact")]
    fn epoch(self) -> f64 {
        self.micros as f64 / 1e6
            + YEAR_SECONDS as f64 * f64::from(self.months / 12)
            + MONTH_SECONDS as f64 * f64::from(self.months % 12)
            + DAY_SECONDS as f64 * f64::from(self.days)
    }
}

#[cfg(test)]
mod tests {
    use super::{Extracted, UnitName};
    use crate::postgres::datetime::Now;
    use crate::postgres::datetime::calendar::{Civil, FIRST_DAY};
    use crate::postgres::datetime::zone::Zone;
    use crate::postgres::error::ValueResult;
    use crate::postgres::value::{Date, Interval, MICROS_OF_DAY, Time, Timestamp, TimestampTz};

    fn printed(field: ValueResult<Extracted>) -> String {
        match field {
            Ok(Extracted { unscaled, scale: 0 }) => unscaled.to_string(),
            Ok(Extracted { unscaled, scale }) => {
                let power = 10_i128.pow(u32::from(scale));
                let sign = if unscaled < 0 { "-" } else { "" };
                let (whole, part) = ((unscaled / power).abs(), (unscaled % power).abs());
                format!("{sign}{whole}.{part:0width$}", width = usize::from(scale))
            }
            Err(error) => format!("{} {error}", error.sqlstate),
        }
    }

    #[test]
    fn fields_of_timestamps() {
        let now = Now { micros: 0, zone: &Zone::utc() };
        for (unit, text, expected) in [
            ("century", "2000-12-31", "20"),
            ("century", "0001-12-31 BC", "-1"),
            ("millennium", "2001-01-01", "3"),
            ("decade", "0002-01-01 BC", "-1"),
            ("year", "0001-01-01 BC", "-1"),
            ("isoyear", "2021-01-03", "2020"),
            ("week", "2021-01-03", "53"),
            ("isodow", "2021-01-03", "7"),
            ("dow", "2021-01-03", "0"),
            ("doy", "2024-12-31", "366"),
            ("quarter", "2024-04-01", "2"),
            ("julian", "2024-01-01", "2460311.0000000000000000000000000000"),
            ("julian", "2024-01-01 18:00", "2460311.75000000000000000000"),
            ("julian", "2024-01-01 00:00:00.000001", "2460311.0000000000115740740740740741"),
            ("epoch", "1969-12-31 23:59:59.5", "-0.500000"),
            ("second", "2024-01-01 00:00:06.7", "6.700000"),
            ("milliseconds", "2024-01-01 00:00:06.7", "6700.000"),
            ("us", "2024-01-01 00:00:06.7", "6700000"),
            ("timezone", "2024-01-01", "0A000 unit \"timezone\" not supported for type timestamp without time zone"),
            ("foo", "2024-01-01", "22023 unit \"foo\" not recognized for type timestamp without time zone"),
        ] {
            let field = Timestamp::parse(text, &now).and_then(|moment| moment.extract(&UnitName::parse(unit)));
            assert_eq!(printed(field), expected, "{unit} {text}");
        }
    }

    #[test]
    fn fields_are_those_of_the_calendar() {
        // Some of all years, and many of the years around Christ's birth and around now.
        let first = FIRST_DAY * MICROS_OF_DAY;
        let moments =
            (first..i64::MAX).step_by(9_876_543_210_123_457).chain((first..-first).step_by(98_765_432_101_237));
        for moment in moments.map(Timestamp) {
            let civil = Civil::of(moment);
            let micros = civil.second * 1_000_000 + civil.micros;
            for (unit, expected) in [
                ("microsecond", micros),
                ("millisecond", micros),
                ("second", micros),
                ("minute", civil.minute),
                ("hour", civil.hour),
                ("day", civil.day),
                ("month", civil.month),
                ("quarter", (civil.month + 2) / 3),
                ("year", if civil.year > 0 { civil.year } else { civil.year - 1 }),
            ] {
                let field = moment.extract(&UnitName::parse(unit)).map(|field| field.unscaled);
                assert_eq!(field, Ok(i128::from(expected)), "{unit} {moment:?}");
            }
        }
    }

    #[test]
    fn fields_of_others() {
        let zone = Zone::named("Asia/Kolkata").unwrap_or_else(Zone::utc);
        let now = Now { micros: 0, zone: &zone };
        for (unit, expected) in [
            ("hour", "1"),
            ("timezone", "19800"),
            ("timezone_hour", "5"),
            ("timezone_minute", "30"),
            ("epoch", "1709148600.000000"),
        ] {
            let field = TimestampTz::parse("2024-02-29 01:00", &now)
                .and_then(|moment| moment.extract(&UnitName::parse(unit), &zone));
            assert_eq!(printed(field), expected, "{unit}");
        }
        for (unit, expected) in [
            ("epoch", "1709164800"),
            ("julian", "2460370"),
            ("hour", "0A000 unit \"hour\" not supported for type date"),
            ("foo", "22023 unit \"foo\" not recognized for type date"),
        ] {
            let field = Date::parse("2024-02-29", &now).and_then(|date| date.extract(&UnitName::parse(unit)));
            assert_eq!(printed(field), expected, "{unit}");
        }
        for (unit, expected) in [
            ("epoch", "14706.789000"),
            ("minute", "5"),
            ("day", "0A000 unit \"day\" not supported for type time without time zone"),
            ("now", "22023 unit \"now\" not recognized for type time without time zone"),
        ] {
            let field = Time::parse("04:05:06.789", &now).and_then(|time| time.extract(&UnitName::parse(unit)));
            assert_eq!(printed(field), expected, "{unit}");
        }
        for (unit, expected) in [
            ("epoch", "-35892306.789000"),
            ("quarter", "-2"),
            ("month", "-5"),
            ("week", "14"),
            ("hour", "-4"),
            ("seconds", "-6.789000"),
            ("decade", "0"),
            ("dow", "0A000 unit \"dow\" not supported for type interval"),
        ] {
            let field = Interval::parse("-1 year -5 mons 100 days -04:05:06.789", None)
                .and_then(|interval| interval.extract(&UnitName::parse(unit)));
            assert_eq!(printed(field), expected, "{unit}");
        }
    }
}
