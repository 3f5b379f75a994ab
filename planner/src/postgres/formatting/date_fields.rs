//! From the fields that were read to a date or a timestamp: `to_date` and `to_timestamp`.

use super::super::calendar::{CivilDay, UNIX_EPOCH_JULIAN_DAY, days_of_month, iso_week_julian_day};
use super::super::error::{ValueError, ValueResult};
use super::super::value::{Date, MICROS_OF_DAY, MICROS_OF_SECOND, Timestamp};
use super::date_input::ReadFields;
use super::date_template::{Convention, DateTemplate};
use super::{DATETIME_FIELD_OVERFLOW, INVALID_DATETIME_FORMAT, TIME_ZONE_DISPLACEMENT_OVERFLOW};
use crate::postgres::datetime::abbreviations::Meaning;

/// What `to_timestamp` has read. The caller makes it a `timestamptz`: by the zone, or by the session's if there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReadTimestamp {
    /// The time on the local clock.
    pub(crate) timestamp: Timestamp,
    /// Where the text said that the clock is.
    pub(crate) zone: Option<ReadZone>,
}

/// A time zone in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadZone {
    /// Seconds east of Greenwich.
    Offset(i32),
    /// What this abbreviation, in lower case, meant in this zone at the time or, if nothing, the zone itself.
    Abbreviation { abbreviation: &'static str, zone: &'static str },
}

const SECONDS_OF_MINUTE: i32 = 60;
const SECONDS_OF_HOUR: i32 = 3_600;
/// Offsets have fewer hours.
const OFFSET_HOURS: i32 = 16;

/// 4714-11-24 00:00 BC, where timestamps begin. Those that Arrow can keep end before PostgreSQL's do.
const MIN_TIMESTAMP: i64 = -(UNIX_EPOCH_JULIAN_DAY as i64) * MICROS_OF_DAY;
/// 2000-01-01, on both sides of which PostgreSQL rounds away from it.
const ROUNDING_CENTRE: i64 = 946_684_800 * MICROS_OF_SECOND;
/// The first Julian day after PostgreSQL's dates.
const END_JULIAN_DAY: i32 = 2_147_483_494;

impl DateTemplate {
    /// `to_date(text, text)`
    pub(crate) fn read_date(&self, text: &str) -> ValueResult<Date> {
        let civil = Resolved::read(self, text)?.civil;
        let julian_day = julian_day(civil).filter(|day| (0..END_JULIAN_DAY).contains(day));
        let days = julian_day.and_then(|day| day.checked_sub(UNIX_EPOCH_JULIAN_DAY));
        days.map(Date).ok_or_else(|| out_of_range(&format!("date out of range: \"{text}\"")))
    }

    /// `to_timestamp(text, text)`
    pub(crate) fn read_timestamp(&self, text: &str) -> ValueResult<ReadTimestamp> {
        let read = Resolved::read(self, text)?;
        let local = julian_day(read.civil).and_then(|julian_day| {
            let days = i64::from(julian_day) - i64::from(UNIX_EPOCH_JULIAN_DAY);
            days.checked_mul(MICROS_OF_DAY)?.checked_add(read.micros_of_day)
        });
        let offset_micros = match read.zone {
            Some(ReadZone::Offset(seconds)) => i64::from(seconds) * MICROS_OF_SECOND,
            _ => 0,
        };
        let rounded = local.and_then(|local| {
            let utc = local.checked_sub(offset_micros).filter(|utc| *utc >= MIN_TIMESTAMP)?;
            rounded(utc, read.fraction_digits)?.checked_add(offset_micros)
        });
        let timestamp = rounded.ok_or_else(|| out_of_range("timestamp out of range"))?;
        Ok(ReadTimestamp { timestamp: Timestamp(timestamp), zone: read.zone })
    }
}

/// The Julian day, if the year is one that has some.
fn julian_day(civil: CivilDay) -> Option<i32> {
    let CivilDay { year, month, .. } = civil;
    ((-4713, 11)..(5_874_898, 6)).contains(&(year, month)).then(|| civil.julian_day())
}

fn rounded(micros: i64, digits: Option<u8>) -> Option<i64> {
    let unit = match digits {
        Some(digits @ 0..6) => 10_i64.pow(6 - u32::from(digits)),
        _ => return Some(micros),
    };
    let distance = micros.checked_sub(ROUNDING_CENTRE)?;
    let away = if distance < 0 { -unit / 2 } else { unit / 2 };
    (distance.checked_add(away)? / unit * unit).checked_add(ROUNDING_CENTRE)
}

/// A valid day and time of day.
struct Resolved {
    civil: CivilDay,
    micros_of_day: i64,
    fraction_digits: Option<u8>,
    zone: Option<ReadZone>,
}

/// The day as far as it is known.
struct PartialDay {
    civil: CivilDay,
    has_year: bool,
    has_month: bool,
    has_day: bool,
}

impl Resolved {
    fn read(template: &DateTemplate, text: &str) -> ValueResult<Self> {
        let fields = ReadFields::read(template, text)?;
        let field_overflow = || out_of_range(&format!("date/time field value out of range: \"{text}\""));
        let hour_minute_second = clock(&fields)?;
        let mut day = PartialDay::default();
        day.resolve_year(&fields).ok_or_else(field_overflow)?;
        let day_of_year = day.resolve_week(&fields).ok_or_else(field_overflow)?;
        day.resolve_day_of_year(day_of_year, &fields)?;
        let micros = fields.millis.checked_mul(1_000).and_then(|micros| micros.checked_add(fields.micros));
        let micros = micros.ok_or_else(field_overflow)?;
        let micros_of_day =
            micros_of_day(hour_minute_second, micros).filter(|_| day.is_valid()).ok_or_else(field_overflow)?;
        let zone = zone(&fields, text)?;
        Ok(Self { civil: day.civil, micros_of_day, fraction_digits: fields.fraction_digits, zone })
    }
}

impl Default for PartialDay {
    fn default() -> Self {
        Self { civil: CivilDay::new(0, 1, 1), has_year: false, has_month: false, has_day: false }
    }
}

impl PartialDay {
    /// The year by year, century and era. None if it is beyond all numbers.
    fn resolve_year(&mut self, fields: &ReadFields) -> Option<()> {
        let is_before_christ = fields.before_christ != 0;
        let century = if is_before_christ { fields.century.wrapping_neg() } else { fields.century };
        self.has_year = fields.year != 0 || century != 0;
        self.civil.year = if fields.year != 0 && century != 0 && fields.year_digits <= 2 {
            match (fields.year % 100, century) {
                // The 21st century ends with 2100. PostgreSQL checks these two for nothing, and they wrap.
                (0, 0..) => century.wrapping_mul(100),
                (0, _) => century.wrapping_mul(100).wrapping_add(1),
                (year, 0..) => century.checked_sub(1)?.checked_mul(100)?.checked_add(year)?,
                // And the sixth before Christ begins with 600 BC.
                (year, _) => century.checked_add(1)?.checked_mul(100)?.checked_sub(year)?.checked_add(1)?,
            }
        } else if fields.year != 0 {
            let year = if is_before_christ { fields.year.wrapping_neg() } else { fields.year };
            if year < 0 { year + 1 } else { year }
        } else if century > 0 {
            century.checked_sub(1)?.checked_mul(100)?.checked_add(1)?
        } else if century < 0 {
            century.checked_mul(100)?.checked_add(1)?
        } else {
            0
        };
        Some(())
    }

    fn set(&mut self, civil: CivilDay) {
        *self = Self { civil, has_year: true, has_month: true, has_day: true };
    }

    /// The day by Julian day, weeks, month and day of the month. Gives the day of the year, 0 if it is not known.
    fn resolve_week(&mut self, fields: &ReadFields) -> Option<i32> {
        let mut day_of_year = fields.day_of_year;
        let mut day_of_month = fields.day;
        if fields.julian_day != 0 {
            self.set(CivilDay::from_julian_day(fields.julian_day));
        }
        let first_day_of_week = |week: i32| week.checked_sub(1)?.checked_mul(7)?.checked_add(1);
        if fields.week != 0 {
            if fields.convention == Some(Convention::IsoWeek) {
                let since_monday = match fields.weekday {
                    0 => 0,
                    2.. => fields.weekday - 2,
                    _ => 6,
                };
                let monday = iso_week_julian_day(self.civil.year, fields.week);
                self.set(CivilDay::from_julian_day(monday.wrapping_add(since_monday)));
            } else {
                day_of_year = first_day_of_week(fields.week)?;
            }
        }
        if fields.week_of_month != 0 {
            day_of_month = first_day_of_week(fields.week_of_month)?;
        }
        if day_of_month != 0 {
            self.civil.day = day_of_month;
            self.has_day = true;
        }
        if fields.month != 0 {
            self.civil.month = fields.month;
            self.has_month = true;
        }
        Some(day_of_year)
    }

    /// The month and the day by the day of the year, as far as they are not known.
    fn resolve_day_of_year(&mut self, day_of_year: i32, fields: &ReadFields) -> ValueResult<()> {
        let CivilDay { year, month, day } = self.civil;
        if day_of_year == 0 || month > 1 && day > 1 {
            return Ok(());
        }
        if year == 0 && fields.before_christ == 0 {
            let message = "cannot calculate day of year without year information";
            return Err(ValueError::new(INVALID_DATETIME_FORMAT, message));
        }
        if fields.convention == Some(Convention::IsoWeek) {
            let before = iso_week_julian_day(year, 1).wrapping_sub(1);
            self.set(CivilDay::from_julian_day(before.wrapping_add(day_of_year)));
            return Ok(());
        }
        let mut first_month = 1;
        let mut rest = day_of_year;
        while first_month <= 12 && rest > days_of_month(year, first_month) {
            rest -= days_of_month(year, first_month);
            first_month += 1;
        }
        if month <= 1 {
            self.civil.month = first_month;
        }
        if day <= 1 {
            self.civil.day = rest;
        }
        self.has_month = true;
        self.has_day = true;
        Ok(())
    }

    fn is_valid(&self) -> bool {
        let CivilDay { year, month, day } = self.civil;
        let has_all = self.has_year && self.has_month && self.has_day;
        (!self.has_month || (1..=12).contains(&month))
            && (!self.has_day || (1..=31).contains(&day))
            && (!has_all || day <= days_of_month(year, month))
    }
}

fn clock(fields: &ReadFields) -> ValueResult<[i32; 3]> {
    let seconds = fields.second_of_day;
    let told = |field: i32, of_day: i32| if field == 0 { of_day } else { field };
    let mut hour = told(fields.hour, seconds / SECONDS_OF_HOUR);
    let minute = told(fields.minute, seconds % SECONDS_OF_HOUR / SECONDS_OF_MINUTE);
    let second = told(fields.second, seconds % SECONDS_OF_MINUTE);
    if fields.is_12_hour_clock {
        if !(1..=12).contains(&hour) {
            let message = format!("hour \"{hour}\" is invalid for the 12-hour clock");
            return Err(ValueError::new(INVALID_DATETIME_FORMAT, message));
        }
        hour = hour % 12 + if fields.afternoon == 0 { 0 } else { 12 };
    }
    Ok([hour, minute, second])
}

fn micros_of_day([hour, minute, second]: [i32; 3], micros: i32) -> Option<i64> {
    let is_valid = (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..60).contains(&second)
        && (0..MICROS_OF_SECOND).contains(&micros.into());
    let seconds = || i64::from((hour * 60 + minute) * 60 + second);
    is_valid.then(|| seconds() * MICROS_OF_SECOND + i64::from(micros))
}

fn zone(fields: &ReadFields, text: &str) -> ValueResult<Option<ReadZone>> {
    if fields.zone_sign != 0 {
        if !(0..OFFSET_HOURS).contains(&fields.zone_hours) || !(0..60).contains(&fields.zone_minutes) {
            let message = format!("time zone displacement out of range: \"{text}\"");
            return Err(ValueError::new(TIME_ZONE_DISPLACEMENT_OVERFLOW, message));
        }
        let seconds = (fields.zone_hours * 60 + fields.zone_minutes) * SECONDS_OF_MINUTE;
        return Ok(Some(ReadZone::Offset(fields.zone_sign * seconds)));
    }
    Ok(fields.abbreviation.map(|(abbreviation, meaning)| match meaning {
        Meaning::Fixed { offset_seconds, .. } => ReadZone::Offset(*offset_seconds),
        Meaning::Zone(zone) => ReadZone::Abbreviation { abbreviation, zone },
    }))
}

fn out_of_range(message: &str) -> ValueError {
    ValueError::new(DATETIME_FIELD_OVERFLOW, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str, template: &str) -> Result<CivilDay, String> {
        let date = DateTemplate::parse(template).and_then(|template| template.read_date(text));
        date.map(|date| CivilDay::from_julian_day(date.0 + UNIX_EPOCH_JULIAN_DAY)).map_err(|error| error.message)
    }

    fn timestamp(text: &str, template: &str) -> (i64, Option<ReadZone>) {
        let read = DateTemplate::parse(template).unwrap().read_timestamp(text).unwrap();
        (read.timestamp.0, read.zone)
    }

    #[test]
    fn dates() {
        for (text, template, expected) in [
            ("20240229", "YYYYMMDD", (2024, 2, 29)),
            (" 5 feb. 24", "DD Mon YY", (2024, 2, 5)),
            ("2024-060", "YYYY-DDD", (2024, 2, 29)),
            ("2024-09-4", "IYYY-IW-ID", (2024, 2, 29)),
            ("44-03-15 bc", "YYYY-MM-DD BC", (-43, 3, 15)),
            ("-32045", "J", (-4559, 8, 16)),
            ("1,999 XI", "Y,YYY RM", (1999, 11, 1)),
            ("", "YYYY", (0, 1, 1)),
        ] {
            let (year, month, day) = expected;
            assert_eq!(date(text, template), Ok(CivilDay::new(year, month, day)), "{text} {template}");
        }
    }

    #[test]
    fn errors() {
        for (text, template, expected) in [
            ("2023-02-29", "YYYY-MM-DD", "date/time field value out of range: \"2023-02-29\""),
            ("2024 1 1", "YYYY IW DD", "invalid combination of date conventions"),
            ("Smarch", "Month", "invalid value \"Smarch\" for \"Month\""),
            ("7 8", "DD DD", "conflicting values for \"DD\" field in formatting string"),
            ("123", "DDD", "cannot calculate day of year without year information"),
            ("13", "HH12", "hour \"13\" is invalid for the 12-hour clock"),
            ("2", "YYYYMM", "source string too short for \"YYYY\" formatting field"),
            ("99999999999", "YYYY", "value for \"YYYY\" in source string is out of range"),
            ("16", "TZH", "time zone displacement out of range: \"16\""),
        ] {
            assert_eq!(date(text, template), Err(expected.to_owned()), "{text} {template}");
        }
    }

    #[test]
    fn timestamps() {
        // 2024-02-29 15:04:05 UTC
        let seconds = 1_709_219_045;
        assert_eq!(timestamp("2024-02-29 03:04:05 pm", "YYYY-MM-DD HH:MI:SS AM"), (seconds * 1_000_000, None));
        let west = Some(ReadZone::Offset(-12_600));
        let read = timestamp("2024-02-29T15:04:05.6789-03:30", "YYYY-MM-DD\"T\"HH24:MI:SS.FF3TZH:TZM");
        assert_eq!(read, (seconds * 1_000_000 + 679_000, west));
        // DDTH is an ordinal number, whose ending skips the hour's first character; H24 is no pattern.
        let read = timestamp("2024-02-29T15:04:05.6789-03:30", "YYYY-MM-DDTHH24:MI:SS.FF3TZH:TZM");
        assert_eq!(read, ((seconds - 54_000) * 1_000_000 + 679_000, west));
        let read = timestamp("2024-02-29 54245 Msk", "YYYY-MM-DD SSSS TZ");
        let moscow = ReadZone::Abbreviation { abbreviation: "msk", zone: "Europe/Moscow" };
        assert_eq!(read, (seconds * 1_000_000, Some(moscow)));
    }
}
