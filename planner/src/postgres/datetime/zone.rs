//! Time zones: by name, by abbreviation, by offset, by POSIX rules.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;

use super::abbreviations::{Meaning, known};
use super::calendar::{Civil, ClockTime, timestamp_in_range, timestamp_of};
use super::numbers::{Fault, zone_offset};
use super::write::write_interval;
use super::zone_table::ZoneTable;
use super::{posix_zone, timestamp_out_of_range};
use crate::postgres::error::{ValueError, ValueResult};
use crate::postgres::value::{Interval, MICROS_OF_SECOND, Timestamp, TimestampTz};

const INVALID_PARAMETER: &str = "22023";
const DAY_SECONDS: i64 = 86_400;

/// A time zone. It is cheap to clone, and not so cheap to parse.
#[derive(Debug, Clone)]
pub(crate) struct Zone(Rules);

#[derive(Debug, Clone)]
enum Rules {
    /// Seconds east of Greenwich.
    Fixed(i32),
    Table(Arc<ZoneTable>),
    /// An abbreviation that has not always meant the same in its zone.
    Abbreviation {
        word: String,
        table: Arc<ZoneTable>,
    },
}

/// What an abbreviation is to a text of a date.
pub(super) enum Abbreviated {
    Fixed { offset_seconds: i32, daylight: bool },
    Changing(Zone),
}

impl Zone {
    /// Universal time.
    pub(crate) fn utc() -> Self {
        Self(Rules::Fixed(0))
    }

    /// A zone so many seconds east of Greenwich.
    pub(crate) fn fixed(offset_seconds: i32) -> Self {
        Self(Rules::Fixed(offset_seconds))
    }

    /// The zone that `SET TIME ZONE` means by a name: one of the tz database, whatever its case, or POSIX rules.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let table = ZoneTable::named(name).or_else(|| posix_zone::parse(name).map(Arc::new));
        table.map(|table| Self(Rules::Table(table)))
    }

    /// The zone that `AT TIME ZONE` means by a text: an abbreviation, of the session's zone first, or a name.
    pub(crate) fn parse(text: &str, session: &Self) -> ValueResult<Self> {
        match Self::abbreviated(&text.to_ascii_lowercase(), session) {
            Some(Abbreviated::Fixed { offset_seconds, .. }) => Ok(Self::fixed(offset_seconds)),
            Some(Abbreviated::Changing(zone)) => Ok(zone),
            None => Self::named(text).ok_or_else(|| unknown_zone(text)),
        }
    }

    /// The zone that `make_timestamptz` means by a text: an offset with a sign, east being positive, or what `parse`
    /// takes.
    pub(crate) fn parse_offset_or_name(text: &str, session: &Self) -> ValueResult<Self> {
        if text.starts_with(|letter: char| letter.is_ascii_digit()) {
            let message = format!("invalid input syntax for type numeric time zone: \"{text}\"");
            return Err(ValueError::new(INVALID_PARAMETER, message));
        }
        match zone_offset(text) {
            Ok(offset) => Ok(Self::fixed(offset)),
            Err(Fault::ZoneOverflow) => {
                let message = format!("numeric time zone \"{text}\" out of range");
                Err(ValueError::new(INVALID_PARAMETER, message))
            }
            Err(_) => Self::parse(text, session),
        }
    }

    /// The zone that `AT TIME ZONE` means by an interval: so far east of Greenwich.
    pub(crate) fn of_interval(interval: Interval) -> ValueResult<Self> {
        if interval.months != 0 || interval.days != 0 {
            let mut message = String::from("interval time zone \"");
            write_interval(&mut message, interval);
            message.push_str("\" must not include months or days");
            return Err(ValueError::new(INVALID_PARAMETER, message));
        }
        #[expect(clippy::cast_possible_truncation, reason = "PostgreSQL cuts off what is beyond its integers")]
        let seconds = (interval.micros / MICROS_OF_SECOND) as i32;
        Ok(Self::fixed(seconds))
    }

    /// The meaning of an abbreviation in lower case.
    pub(super) fn abbreviated(word: &str, session: &Self) -> Option<Abbreviated> {
        if let Some(known) = session.own_abbreviation(word) {
            return Some(known);
        }
        match known(word)?.1 {
            Meaning::Fixed { offset_seconds, daylight } => Some(Abbreviated::Fixed { offset_seconds, daylight }),
            Meaning::Zone(name) => {
                let table = ZoneTable::named(name)?;
                Some(Abbreviated::Changing(Self(Rules::Abbreviation { word: word.to_owned(), table })))
            }
        }
    }

    fn own_abbreviation(&self, word: &str) -> Option<Abbreviated> {
        let Rules::Table(table) = &self.0 else { return None };
        let wanted = table.abbreviations.iter().position(|known| known.eq_ignore_ascii_case(word))?;
        let mut uses = table.phases().filter(|phase| phase.abbreviation == wanted);
        let first = uses.next()?;
        if uses.all(|phase| (phase.offset, phase.daylight) == (first.offset, first.daylight)) {
            return Some(Abbreviated::Fixed { offset_seconds: first.offset, daylight: first.daylight });
        }
        Some(Abbreviated::Changing(Self(Rules::Abbreviation { word: word.to_owned(), table: Arc::clone(table) })))
    }

    /// The zone of an abbreviation; `date_trunc` takes that.
    pub(super) fn whole(&self) -> Cow<'_, Self> {
        match &self.0 {
            Rules::Abbreviation { table, .. } => Cow::Owned(Self(Rules::Table(Arc::clone(table)))),
            _ => Cow::Borrowed(self),
        }
    }

    /// Whether it is an abbreviation that has not always meant the same.
    pub(super) fn is_abbreviation(&self) -> bool {
        matches!(self.0, Rules::Abbreviation { .. })
    }

    /// The offset of a zone that never changes.
    pub(super) fn only_offset(&self) -> Option<i32> {
        match &self.0 {
            Rules::Fixed(offset) => Some(*offset),
            Rules::Table(table) | Rules::Abbreviation { table, .. } => {
                let mut phases = table.phases();
                let first = phases.next()?.offset;
                phases.all(|phase| phase.offset == first).then_some(first)
            }
        }
    }

    /// Seconds east of Greenwich at a moment, in microseconds since 1970-01-01 00:00 UTC.
    pub(crate) fn offset_at_utc(&self, micros: i64) -> i32 {
        let seconds = micros.div_euclid(MICROS_OF_SECOND);
        match &self.0 {
            Rules::Fixed(offset) => *offset,
            Rules::Table(table) => table.phase_at(seconds).offset,
            Rules::Abbreviation { word, table } => {
                table.abbreviation_at(word, seconds).unwrap_or_else(|| table.phase_at(seconds)).offset
            }
        }
    }

    /// Seconds east of Greenwich when the zone's clocks show a time. Where they never do, it is the offset before the
    /// clocks are put forward; where they do twice, the one after they are put back.
    pub(crate) fn offset_at_local(&self, local: Timestamp) -> i32 {
        self.offset_at_clock(local.0.div_euclid(MICROS_OF_SECOND))
    }

    /// The same for seconds since 1970-01-01 00:00 on the zone's clocks.
    pub(super) fn offset_at_clock(&self, seconds: i64) -> i32 {
        match &self.0 {
            Rules::Fixed(offset) => *offset,
            Rules::Table(table) => offset_in(table, seconds),
            Rules::Abbreviation { word, table } => {
                let offset = offset_in(table, seconds);
                table.abbreviation_at(word, seconds - i64::from(offset)).map_or(offset, |phase| phase.offset)
            }
        }
    }

    /// What the zone's clocks show at a moment.
    pub(crate) fn to_local(&self, moment: TimestampTz) -> ValueResult<Timestamp> {
        let offset = i64::from(self.offset_at_utc(moment.0)) * MICROS_OF_SECOND;
        moment.0.checked_add(offset).and_then(timestamp_in_range).ok_or_else(timestamp_out_of_range)
    }

    /// The moment when the zone's clocks show a time.
    pub(crate) fn to_utc(&self, local: Timestamp) -> ValueResult<TimestampTz> {
        let offset = i64::from(self.offset_at_local(local)) * MICROS_OF_SECOND;
        let micros = local.0.checked_sub(offset).and_then(timestamp_in_range).ok_or_else(timestamp_out_of_range)?;
        Ok(TimestampTz(micros.0))
    }

    /// What the zone's clocks show at a moment, be it a timestamp or not.
    pub(super) fn clock_at(&self, moment: TimestampTz) -> Civil {
        Civil::at(self.clock_time_at(moment))
    }

    /// The same, not taken apart.
    pub(super) fn clock_time_at(&self, moment: TimestampTz) -> ClockTime {
        ClockTime::ahead(moment.0, self.offset_at_utc(moment.0))
    }

    /// The moment when the zone's clocks show this, which need be no timestamp.
    pub(super) fn moment_of(&self, clock: &Civil) -> ValueResult<TimestampTz> {
        clock.clock_time().and_then(|clock| self.moment_at(clock)).ok_or_else(timestamp_out_of_range)
    }

    /// The same of what is not taken apart, if there is such a moment.
    pub(super) fn moment_at(&self, clock: ClockTime) -> Option<TimestampTz> {
        utc_of_clock_time(clock, self.offset_at_clock(clock.seconds()))
    }

    /// The abbreviation in use at a moment, such as `CEST`, and the seconds east of Greenwich.
    pub(crate) fn label_at(&self, moment: TimestampTz) -> (Cow<'_, str>, i32) {
        let seconds = moment.0.div_euclid(MICROS_OF_SECOND);
        match &self.0 {
            Rules::Fixed(0) => (Cow::Borrowed("UTC"), 0),
            Rules::Fixed(offset) => (Cow::Owned(numeric_abbreviation(*offset)), *offset),
            Rules::Table(table) | Rules::Abbreviation { table, .. } => {
                let phase = table.phase_at(seconds);
                let name = table.abbreviations.get(phase.abbreviation).map_or("", String::as_str);
                (Cow::Borrowed(name), phase.offset)
            }
        }
    }
}

/// The moment when clocks show this that are so many seconds east of Greenwich.
pub(super) fn utc_of_clock(clock: &Civil, offset_seconds: i32) -> Option<TimestampTz> {
    utc_of_clock_time(clock.clock_time()?, offset_seconds)
}

/// The same of what is not taken apart.
pub(super) fn utc_of_clock_time(clock: ClockTime, offset_seconds: i32) -> Option<TimestampTz> {
    if !clock.is_in_calendar() {
        return None;
    }
    let moment = timestamp_of(clock.day, clock.micros - i64::from(offset_seconds) * MICROS_OF_SECOND)?;
    Some(TimestampTz(moment.0))
}

/// PostgreSQL's complaint of a zone.
pub(super) fn unknown_zone(name: &str) -> ValueError {
    ValueError::new(INVALID_PARAMETER, format!("time zone \"{name}\" not recognized"))
}

fn offset_in(table: &ZoneTable, local_seconds: i64) -> i32 {
    // No offset is longer than a day, and no two changes are closer than two.
    let (before, change) = table.next_change(local_seconds - DAY_SECONDS);
    let Some((at, after)) = change else { return before.offset };
    let as_before = local_seconds - i64::from(before.offset);
    let as_after = local_seconds - i64::from(after.offset);
    let is_before = if as_before < at && as_after < at {
        true
    } else if as_before > at && as_after >= at {
        false
    } else {
        as_before > as_after
    };
    if is_before { before.offset } else { after.offset }
}

fn numeric_abbreviation(offset: i32) -> String {
    let (sign, size) = if offset < 0 { ('-', offset.unsigned_abs()) } else { ('+', offset.unsigned_abs()) };
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write!(text, "{sign}{:02}", size / 3600);
    if size % 3600 != 0 {
        let _ = write!(text, ":{:02}", size / 60 % 60);
    }
    if size % 60 != 0 {
        let _ = write!(text, ":{:02}", size % 60);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::Zone;
    use crate::postgres::datetime::Now;
    use crate::postgres::datetime::write::write_timestamp;
    use crate::postgres::value::TimestampTz;

    #[test]
    fn zones_are_named_in_many_ways() {
        let utc = Zone::utc();
        let now = Now { micros: 0, zone: &utc };
        for (zone, text, expected) in [
            ("America/New_York", "2024-07-01 12:00:00", "2024-07-01 08:00:00"),
            ("america/new_york", "2150-07-01 12:00:00", "2150-07-01 08:00:00"),
            ("EST", "2024-07-01 12:00:00", "2024-07-01 07:00:00"),
            ("EST5EDT", "2024-07-01 12:00:00", "2024-07-01 08:00:00"),
            ("+03", "2024-07-01 12:00:00", "2024-07-01 09:00:00"),
            ("<+03>-3", "2024-07-01 12:00:00", "2024-07-01 15:00:00"),
            ("foo3", "2024-07-01 12:00:00", "2024-07-01 09:00:00"),
            ("CET-1CEST,M3.5.0,M10.5.0/3", "2024-10-27 00:59:59", "2024-10-27 02:59:59"),
            ("MSK", "2012-07-01 12:00:00", "2012-07-01 16:00:00"),
            ("MSK", "2024-07-01 12:00:00", "2024-07-01 15:00:00"),
            ("nowhere", "2024-07-01 12:00:00", "22023 time zone \"nowhere\" not recognized"),
            ("Pacific/Apia", "2011-12-30 10:30:00", "2011-12-31 00:30:00"),
            ("Europe/Amsterdam", "1850-01-01 00:00:00", "1850-01-01 00:17:30"),
        ] {
            let moment = TimestampTz::parse(text, &now).unwrap_or_else(|error| panic!("{text}: {error}"));
            let shown = match Zone::parse(zone, &utc).and_then(|zone| zone.to_local(moment)) {
                Ok(local) => {
                    let mut text = String::new();
                    write_timestamp(&mut text, local);
                    text
                }
                Err(error) => format!("{} {error}", error.sqlstate),
            };
            assert_eq!(shown, expected, "{text} in {zone}");
        }
    }

    #[test]
    fn offsets_of_make_timestamptz_are_east() {
        let utc = Zone::utc();
        let offset = |text| Zone::parse_offset_or_name(text, &utc).map(|zone| zone.offset_at_utc(0));
        assert_eq!(offset("+05:30"), Ok(19_800));
        assert_eq!(offset("Asia/Kolkata"), Ok(19_800));
        let error = |text| offset(text).map_err(|error| format!("{} {error}", error.sqlstate));
        assert_eq!(error("5"), Err("22023 invalid input syntax for type numeric time zone: \"5\"".to_owned()));
        assert_eq!(error("+16"), Err("22023 numeric time zone \"+16\" out of range".to_owned()));
    }

    #[test]
    fn labels_are_the_zones_own() {
        let berlin = Zone::named("europe/berlin").unwrap_or_else(Zone::utc);
        assert_eq!(berlin.label_at(TimestampTz(1_720_000_000_000_000)), ("CEST".into(), 7200));
        let rules = Zone::named("foo5bar").unwrap_or_else(Zone::utc);
        assert_eq!(rules.label_at(TimestampTz(1_720_000_000_000_000)), ("BAR".into(), -14_400));
    }
}
