//! `date_trunc`: the beginning of the hour, the month, the century.

use super::calendar::{ClockTime, civil_day, days, weekday};
use super::extract::{INTERVAL_NAME, TIMESTAMP_NAME, TIMESTAMPTZ_NAME};
use super::interval_input::{MICROS_OF_HOUR, MICROS_OF_MINUTE};
use super::timestamp_out_of_range;
use super::units::{Unit, UnitName};
use super::zone::{Zone, utc_of_clock_time};
use crate::postgres::error::ValueResult;
use crate::postgres::value::{Interval, MICROS_OF_SECOND, Timestamp, TimestampTz};

impl Timestamp {
    /// `date_trunc(unit, timestamp)`.
    pub(crate) fn truncate(self, unit: &UnitName) -> ValueResult<Self> {
        let known = unit.known_span(TIMESTAMP_NAME)?;
        let (start, _) = truncated(ClockTime::of(self), known).ok_or_else(|| unit.unsupported(TIMESTAMP_NAME))?;
        start.timestamp().ok_or_else(timestamp_out_of_range)
    }
}

impl TimestampTz {
    /// `date_trunc(unit, timestamptz)` with the session's zone, or `date_trunc(unit, timestamptz, zone)`.
    pub(crate) fn truncate(self, unit: &UnitName, zone: &Zone) -> ValueResult<Self> {
        let known = unit.known_span(TIMESTAMPTZ_NAME)?;
        let zone = zone.whole();
        let offset = zone.offset_at_utc(self.0);
        let (start, is_date) =
            truncated(ClockTime::ahead(self.0, offset), known).ok_or_else(|| unit.unsupported(TIMESTAMPTZ_NAME))?;
        // Within a day the offset stays, so that the two hours of a clock that is put back are told apart.
        let moment = if is_date { zone.moment_at(start) } else { utc_of_clock_time(start, offset) };
        moment.ok_or_else(timestamp_out_of_range)
    }
}

/// The beginning, and whether it is a day's.
fn truncated(clock: ClockTime, unit: Unit) -> Option<(ClockTime, bool)> {
    let ClockTime { day, micros } = clock;
    let rest = match unit {
        Unit::Microsecond => 0,
        Unit::Millisecond => micros % 1000,
        Unit::Second => micros % MICROS_OF_SECOND,
        Unit::Minute => micros % MICROS_OF_MINUTE,
        Unit::Hour => micros % MICROS_OF_HOUR,
        _ => return first_day(day, unit).map(|day| (ClockTime { day, micros: 0 }, true)),
    };
    Some((ClockTime { day, micros: micros - rest }, false))
}

/// The day that a day's week, month and so on begins with.
fn first_day(day: i64, unit: Unit) -> Option<i64> {
    let year = || i64::from(civil_day(day).year);
    let new_year = |year: i64| days(year, 1, 1);
    Some(match unit {
        Unit::Day => day,
        Unit::Week => day - (weekday(day) + 6) % 7,
        Unit::Month => day + 1 - i64::from(civil_day(day).day),
        Unit::Quarter => {
            let civil = civil_day(day);
            days(i64::from(civil.year), i64::from((civil.month - 1) / 3 * 3 + 1), 1)
        }
        Unit::Year => new_year(year()),
        Unit::Decade => new_year(year().div_euclid(10) * 10),
        Unit::Century => new_year((year() - 1).div_euclid(100) * 100 + 1),
        Unit::Millennium => new_year((year() - 1).div_euclid(1000) * 1000 + 1),
        _ => return None,
    })
}

impl Interval {
    /// `date_trunc(unit, interval)`.
    pub(crate) fn truncate(self, unit: &UnitName) -> ValueResult<Self> {
        let months = |count: i32| Self { months: self.months / count * count, days: 0, micros: 0 };
        let time = |micros: i64| Self { micros: self.micros / micros * micros, ..self };
        Ok(match unit.known_span(INTERVAL_NAME)? {
            Unit::Microsecond => self,
            Unit::Millisecond => time(1000),
            Unit::Second => time(MICROS_OF_SECOND),
            Unit::Minute => time(MICROS_OF_MINUTE),
            Unit::Hour => time(MICROS_OF_HOUR),
            Unit::Day => Self { micros: 0, ..self },
            Unit::Month => months(1),
            Unit::Quarter => months(3),
            Unit::Year => months(12),
            Unit::Decade => months(120),
            Unit::Century => months(1200),
            Unit::Millennium => months(12_000),
            _ => return Err(unit.unsupported(INTERVAL_NAME)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Unit, UnitName};
    use crate::postgres::datetime::calendar::{Civil, FIRST_DAY, civil_day, weekday};
    use crate::postgres::datetime::extract::TIMESTAMP_NAME;
    use crate::postgres::datetime::write::{write_interval, write_timestamp, write_timestamptz};
    use crate::postgres::datetime::zone::{Zone, utc_of_clock};
    use crate::postgres::datetime::{Now, timestamp_out_of_range};
    use crate::postgres::error::ValueResult;
    use crate::postgres::value::{Interval, MICROS_OF_DAY, Timestamp, TimestampTz};

    const UNITS: [&str; 13] = [
        "microsecond",
        "millisecond",
        "second",
        "minute",
        "hour",
        "day",
        "week",
        "month",
        "quarter",
        "year",
        "decade",
        "century",
        "millennium",
    ];
    /// 2024-01-01 00:00 and 2025-01-01 00:00.
    const OF_2024: std::ops::Range<i64> = 1_704_067_200_000_000..1_735_689_600_000_000;

    /// The beginning as the fields of a clock say it, and whether it is a day's.
    fn by_fields(civil: Civil, unit: Unit) -> Option<(Civil, bool)> {
        let midnight = Civil { hour: 0, minute: 0, second: 0, micros: 0, ..civil };
        let new_year = |year: i32| Civil { year, month: 1, day: 1, ..midnight };
        let start = match unit {
            Unit::Microsecond => return Some((civil, false)),
            Unit::Millisecond => return Some((Civil { micros: civil.micros / 1000 * 1000, ..civil }, false)),
            Unit::Second => return Some((Civil { micros: 0, ..civil }, false)),
            Unit::Minute => return Some((Civil { second: 0, micros: 0, ..civil }, false)),
            Unit::Hour => return Some((Civil { hour: civil.hour, ..midnight }, false)),
            Unit::Day => midnight,
            Unit::Week => civil_day(civil.days() - (weekday(civil.days()) + 6) % 7),
            Unit::Month => Civil { day: 1, ..midnight },
            Unit::Quarter => Civil { month: (civil.month - 1) / 3 * 3 + 1, day: 1, ..midnight },
            Unit::Year => new_year(civil.year),
            Unit::Decade => new_year(civil.year.div_euclid(10) * 10),
            Unit::Century => new_year((civil.year - 1).div_euclid(100) * 100 + 1),
            Unit::Millennium => new_year((civil.year - 1).div_euclid(1000) * 1000 + 1),
            _ => return None,
        };
        Some((start, true))
    }

    /// Microseconds of all times that PostgreSQL has and of some that it has not: the ends, many hours of 2024, many
    /// years before and after Christ, and some of all others.
    fn moments() -> impl Iterator<Item = i64> {
        let first = FIRST_DAY * MICROS_OF_DAY;
        let ends = [i64::MIN, i64::MAX, first - 24 * MICROS_OF_DAY, first - 7 * MICROS_OF_DAY, first, 0, -1];
        let around = [-MICROS_OF_DAY, -1, 0, 1, MICROS_OF_DAY, 40 * MICROS_OF_DAY, 4000 * MICROS_OF_DAY];
        let ends = ends.into_iter().flat_map(move |end| around.map(|more| end.saturating_add(more)));
        let hours = OF_2024.step_by(14_000_123_457);
        let centuries = (first..OF_2024.end).step_by(298_765_432_101_237);
        let all = (i64::MIN..i64::MAX).step_by(29_876_543_210_123_457);
        ends.chain(hours).chain(centuries).chain(all)
    }

    #[test]
    fn beginnings_are_those_of_the_fields() {
        for name in UNITS.map(UnitName::parse) {
            let unit = name.known_span(TIMESTAMP_NAME).unwrap();
            for moment in moments().map(Timestamp) {
                let (start, _) = by_fields(Civil::of(moment), unit).unwrap();
                let expected = start.timestamp().ok_or_else(timestamp_out_of_range);
                assert_eq!(moment.truncate(&name), expected, "{name:?} {moment:?}");
            }
        }
    }

    #[test]
    fn beginnings_by_clocks_are_those_of_the_fields() {
        let named = ["UTC", "Europe/Berlin", "America/New_York", "Africa/Casablanca", "Pacific/Apia", "MSK"];
        let rules = ["CET-1CEST,M3.5.0,M10.5.0/3", "A167", "A-167"];
        let zones = named.into_iter().chain(rules).map(|name| Zone::parse(name, &Zone::utc()).unwrap());
        for zone in zones.chain([Zone::fixed(i32::MAX), Zone::fixed(i32::MIN), Zone::fixed(-1)]) {
            let whole = zone.whole();
            for name in UNITS.map(UnitName::parse) {
                let unit = name.known_span(TIMESTAMP_NAME).unwrap();
                for moment in moments().map(TimestampTz) {
                    let (start, is_date) = by_fields(whole.clock_at(moment), unit).unwrap();
                    let expected = match is_date {
                        true => whole.moment_of(&start),
                        false => utc_of_clock(&start, whole.offset_at_utc(moment.0)).ok_or_else(timestamp_out_of_range),
                    };
                    assert_eq!(moment.truncate(&name, &zone), expected, "{name:?} {moment:?} {zone:?}");
                }
            }
        }
    }

    fn printed<T>(value: ValueResult<T>, write: impl Fn(&mut String, T)) -> String {
        let mut text = String::new();
        match value {
            Ok(value) => write(&mut text, value),
            Err(error) => text = format!("{} {error}", error.sqlstate),
        }
        text
    }

    #[test]
    fn timestamps() {
        let now = Now { micros: 0, zone: &Zone::utc() };
        for (unit, text, expected) in [
            ("century", "2000-12-31", "1901-01-01 00:00:00"),
            ("millennium", "0001-05-05 BC", "1000-01-01 00:00:00 BC"),
            ("decade", "0002-05-05 BC", "0011-01-01 00:00:00 BC"),
            ("week", "2021-01-03", "2020-12-28 00:00:00"),
            ("week", "4714-11-24 BC", "4714-11-24 00:00:00 BC"),
            ("quarter", "2024-12-31", "2024-10-01 00:00:00"),
            ("millisecond", "2024-01-01 00:00:00.123987", "2024-01-01 00:00:00.123"),
            ("dow", "2024-01-01", "22023 unit \"dow\" not recognized for type timestamp without time zone"),
            ("timezone", "2024-01-01", "0A000 unit \"timezone\" not supported for type timestamp without time zone"),
        ] {
            let start = Timestamp::parse(text, &now).and_then(|moment| moment.truncate(&UnitName::parse(unit)));
            assert_eq!(printed(start, write_timestamp), expected, "{unit} {text}");
        }
    }

    #[test]
    fn moments_by_the_zones_clocks() {
        let zone = Zone::named("America/New_York").unwrap_or_else(Zone::utc);
        let now = Now { micros: 0, zone: &zone };
        for (unit, text, expected) in [
            ("day", "2024-03-10 12:00", "2024-03-10 00:00:00-05"),
            ("hour", "2024-11-03 01:30 EST", "2024-11-03 01:00:00-05"),
            ("hour", "2024-11-03 01:30 EDT", "2024-11-03 01:00:00-04"),
            ("month", "2024-11-30 12:00", "2024-11-01 00:00:00-04"),
        ] {
            let start =
                TimestampTz::parse(text, &now).and_then(|moment| moment.truncate(&UnitName::parse(unit), &zone));
            assert_eq!(printed(start, |text, start| write_timestamptz(text, start, &zone)), expected, "{unit} {text}");
        }
    }

    #[test]
    fn intervals() {
        for (unit, expected) in [
            ("century", "-100 years"),
            ("year", "-102 years"),
            ("quarter", "-102 years -9 mons"),
            ("day", "-102 years -10 mons +45 days"),
            ("minute", "-102 years -10 mons +45 days 06:07:00"),
            ("week", "0A000 unit \"week\" not supported for type interval"),
        ] {
            let start = Interval::parse("-1234 mons 45 days 06:07:08.9", None)
                .and_then(|interval| interval.truncate(&UnitName::parse(unit)));
            assert_eq!(printed(start, write_interval), expected, "{unit}");
        }
    }
}
