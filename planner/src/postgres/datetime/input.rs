//! Texts read as dates, times and timestamps. (Intervals have a file of their own.)

use super::calendar::{Civil, days};
use super::day_and_time::{Said, decode};
use super::numbers::Fault;
use super::tokens::Room;
use super::zone::utc_of_clock;
use super::{Now, OUT_OF_RANGE, fast_input, infinite_dates, time_input};
use crate::postgres::error::{ValueError, ValueResult};
use crate::postgres::value::{Date, Time, Timestamp, TimestampTz};

const EPOCH: Civil = Civil { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0, micros: 0 };

fn out_of_range(kind: &str, text: &str) -> ValueError {
    ValueError::new(OUT_OF_RANGE, format!("{kind} out of range: \"{text}\""))
}

fn moment(text: &str, room: Room, kind: &str, now: &Now<'_>) -> ValueResult<(Civil, i32)> {
    match decode(text, room, now).map_err(|fault: Fault| fault.into_error(kind, text))? {
        Said::Moment { civil, offset } => Ok((civil, offset)),
        Said::Epoch => Ok((EPOCH, 0)),
        Said::Infinite => Err(infinite_dates()),
    }
}

impl Date {
    /// Read a text; a time in it is ignored.
    pub(crate) fn parse(text: &str, now: &Now<'_>) -> ValueResult<Self> {
        if let Some(civil) = fast_input::date(text.as_bytes()) {
            let day = days(i64::from(civil.year), i64::from(civil.month), i64::from(civil.day));
            return i32::try_from(day).map(Self).map_err(|_| out_of_range("date", text));
        }
        let (civil, _) = moment(text, Room::Short, "date", now)?;
        civil.date().ok_or_else(|| out_of_range("date", text))
    }
}

impl Time {
    /// Read a text; a zone in it is ignored, and so is a date that is there to tell the zone's offset.
    pub(crate) fn parse(text: &str, now: &Now<'_>) -> ValueResult<Self> {
        let decoded = time_input::decode(text, now);
        let civil = decoded.map_err(|fault| fault.into_error("time", text))?;
        Ok(Self(civil.micros_of_day()))
    }
}

impl Timestamp {
    /// Read a text; a zone in it is ignored.
    pub(crate) fn parse(text: &str, now: &Now<'_>) -> ValueResult<Self> {
        let civil = match fast_input::timestamp(text.as_bytes()) {
            Some(civil) => civil,
            None => moment(text, Room::Long, "timestamp", now)?.0,
        };
        civil.timestamp().ok_or_else(|| out_of_range("timestamp", text))
    }
}

impl TimestampTz {
    /// Read a text; without a zone in it, it is a time of the session's zone.
    pub(crate) fn parse(text: &str, now: &Now<'_>) -> ValueResult<Self> {
        if let Some(local) = fast_input::timestamp(text.as_bytes()) {
            return now.zone.moment_of(&local).map_err(|_| out_of_range("timestamp", text));
        }
        let (civil, offset) = moment(text, Room::Long, "timestamp with time zone", now)?;
        utc_of_clock(&civil, offset).ok_or_else(|| out_of_range("timestamp", text))
    }
}

#[cfg(test)]
mod tests {
    use crate::postgres::datetime::Now;
    use crate::postgres::datetime::write::{write_date, write_time, write_timestamp, write_timestamptz};
    use crate::postgres::datetime::zone::Zone;
    use crate::postgres::error::ValueResult;
    use crate::postgres::value::{Date, Time, Timestamp, TimestampTz};

    fn printed<T>(value: ValueResult<T>, write: impl Fn(&mut String, T)) -> String {
        match value {
            Ok(value) => {
                let mut text = String::new();
                write(&mut text, value);
                text
            }
            Err(error) => format!("{} {error}", error.sqlstate),
        }
    }

    fn zone(name: &str) -> Zone {
        Zone::named(name).unwrap_or_else(|| panic!("{name}"))
    }

    #[test]
    fn dates_are_read_as_people_write_them() {
        let now = Now { micros: 0, zone: &Zone::utc() };
        for (text, expected) in [
            ("January 8, 1999", "1999-01-08"),
            ("08-Jan-99", "1999-01-08"),
            ("1/8/1999", "1999-01-08"),
            ("19990108", "1999-01-08"),
            ("990108", "1999-01-08"),
            ("1999.008", "1999-01-08"),
            ("J2451187", "1999-01-08"),
            ("0044-03-15 BC", "0044-03-15 BC"),
            ("2024-02-30", "22008 date/time field value out of range: \"2024-02-30\""),
            ("1999-13-01", "22008 date/time field value out of range: \"1999-13-01\""),
            ("5874898-01-01", "22008 date out of range: \"5874898-01-01\""),
            ("4714-11-24 BC", "4714-11-24 BC"),
            ("4714-11-23 BC", "22008 date out of range: \"4714-11-23 BC\""),
            ("epoch", "1970-01-01"),
            ("y2001m02d04", "22007 invalid input syntax for type date: \"y2001m02d04\""),
            ("", "22007 invalid input syntax for type date: \"\""),
        ] {
            assert_eq!(printed(Date::parse(text, &now), write_date), expected, "{text}");
        }
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        let now = Now { micros: 0, zone: &Zone::utc() };
        for (text, expected) in [
            ("04:05:06.7891234", "04:05:06.789123"),
            ("040506", "04:05:06"),
            ("0405", "04:05:00"),
            ("04:05 PM", "16:05:00"),
            ("12:05 am", "00:05:00"),
            ("24:00", "24:00:00"),
            ("24:00:01", "22008 date/time field value out of range: \"24:00:01\""),
            ("23:59:60", "24:00:00"),
            ("23:59:60.5", "22008 date/time field value out of range: \"23:59:60.5\""),
            ("allballs", "00:00:00"),
            ("2001-02-03 04:05 America/New_York", "04:05:00"),
            ("04:05 America/New_York", "22007 invalid input syntax for type time: \"04:05 America/New_York\""),
            ("25:00", "22008 date/time field value out of range: \"25:00\""),
        ] {
            assert_eq!(printed(Time::parse(text, &now), write_time), expected, "{text}");
        }
    }

    #[test]
    fn timestamps_are_read_as_people_write_them() {
        let now = Now { micros: 0, zone: &Zone::utc() };
        for (text, expected) in [
            ("2024-02-29 10:11:12.3456785", "2024-02-29 10:11:12.345678"),
            ("20240229T101112", "2024-02-29 10:11:12"),
            ("J2451187.5", "1999-01-08 12:00:00"),
            ("Mon Feb 10 17:32:01 1997 PST", "1997-02-10 17:32:01"),
            ("97FEB10 5:32:01PM UTC", "22007 invalid input syntax for type timestamp: \"97FEB10 5:32:01PM UTC\""),
            ("24:00 1999-12-31", "22007 invalid input syntax for type timestamp: \"24:00 1999-12-31\""),
            ("2001-02-03 24:00", "2001-02-04 00:00:00"),
            ("10:00", "22007 invalid input syntax for type timestamp: \"10:00\""),
            ("1999-01-08 04:05 BC", "1999-01-08 04:05:00 BC"),
        ] {
            assert_eq!(printed(Timestamp::parse(text, &now), write_timestamp), expected, "{text}");
        }
    }

    #[test]
    fn zones_in_a_text_are_taken_or_else_the_sessions() {
        let session = zone("America/New_York");
        let now = Now { micros: 0, zone: &session };
        for (text, expected) in [
            ("2024-03-10 02:30", "2024-03-10 03:30:00-04"),
            ("2024-11-03 01:30", "2024-11-03 01:30:00-05"),
            ("2024-07-01 12:00", "2024-07-01 12:00:00-04"),
            ("2024-07-01 12:00+05:30", "2024-07-01 02:30:00-04"),
            ("2024-07-01 12:00 MSK", "2024-07-01 05:00:00-04"),
            ("2012-07-01 12:00 MSK", "2012-07-01 04:00:00-04"),
            ("2024-07-01 12:00 Europe/Paris", "2024-07-01 06:00:00-04"),
            ("2024-07-01 12:00 EST", "2024-07-01 13:00:00-04"),
            ("2024-07-01 12:00 MET DST", "2024-07-01 06:00:00-04"),
            ("2024-07-01 12:00 +16", "22009 time zone displacement out of range: \"2024-07-01 12:00 +16\""),
            ("2024-07-01 12:00 Foo/Bar", "22023 time zone \"foo/bar\" not recognized"),
            ("2024-07-01 12:00 foo+3", "2024-07-01 11:00:00-04"),
            ("1800-01-01", "1800-01-01 00:00:00-04:56:02"),
        ] {
            let write = |text: &mut String, moment| write_timestamptz(text, moment, &session);
            assert_eq!(printed(TimestampTz::parse(text, &now), write), expected, "{text}");
        }
    }

    #[test]
    fn words_for_now_are_the_zones() {
        // 1970-01-01 23:00 in New York.
        let session = zone("America/New_York");
        let now = Now { micros: 28 * 3_600_000_000, zone: &session };
        assert_eq!(printed(Date::parse("today", &now), write_date), "1970-01-01");
        assert_eq!(printed(Timestamp::parse("tomorrow 12:00", &now), write_timestamp), "1970-01-02 12:00:00");
        assert_eq!(TimestampTz::parse("now", &now), Ok(TimestampTz(now.micros)));
        assert_eq!(printed(Date::parse("infinity", &now), write_date), "0A000 infinite dates cannot be kept");
    }
}
