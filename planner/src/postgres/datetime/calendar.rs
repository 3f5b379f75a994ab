//! The Gregorian calendar, carried on backwards for ever, with a year 0 that is 1 BC; days are counted from 1970-01-01.

use crate::postgres::value::{Date, MICROS_OF_DAY, MICROS_OF_SECOND, Time, Timestamp};

/// The Julian day of 1970-01-01.
pub(super) const UNIX_EPOCH_JULIAN: i64 = 2_440_588;
/// The first day of all types, 4714-11-24 BC: Julian day 0.
pub(super) const FIRST_DAY: i64 = -UNIX_EPOCH_JULIAN;
/// The day after the last `date`, 5874897-12-31.
const END_OF_DATES: i64 = 2_145_042_906;
/// 4714-11-24 BC 00:00.
const FIRST_TIMESTAMP: i64 = FIRST_DAY * MICROS_OF_DAY;

const DAY_SECONDS: i64 = 86_400;
const DAYS_OF_400_YEARS: i64 = 146_097;
const DAYS_OF_100_YEARS: i64 = 36_524;
const DAYS_OF_4_YEARS: i64 = 1_461;
/// The days from 0000-03-01 to 1970-01-01.
const DAYS_BEFORE_EPOCH: i64 = 719_468;

/// A day of the calendar and a time of day, each as numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Civil {
    /// 0 is 1 BC.
    pub(crate) year: i32,
    pub(crate) month: i32,
    pub(crate) day: i32,
    pub(crate) hour: i32,
    pub(crate) minute: i32,
    pub(crate) second: i32,
    pub(crate) micros: i32,
}

impl Civil {
    /// A timestamp taken apart.
    pub(crate) fn of(timestamp: Timestamp) -> Self {
        Self::on_day(timestamp.0.div_euclid(MICROS_OF_DAY), time_of_day(timestamp))
    }

    /// What clocks show that are so many seconds ahead; it may be out of the range of timestamps.
    pub(super) fn ahead(micros: i64, offset_seconds: i32) -> Self {
        let micros_of_day = micros.rem_euclid(MICROS_OF_DAY) + i64::from(offset_seconds) * MICROS_OF_SECOND;
        let day = micros.div_euclid(MICROS_OF_DAY) + micros_of_day.div_euclid(MICROS_OF_DAY);
        Self::on_day(day, Time(micros_of_day.rem_euclid(MICROS_OF_DAY)))
    }

    fn on_day(day: i64, time: Time) -> Self {
        let day = civil_day(day);
        Self { year: day.year, month: day.month, day: day.day, ..Self::of_time(time) }
    }

    /// A time of day taken apart, without a date.
    pub(crate) fn of_time(time: Time) -> Self {
        let seconds = time.0 / MICROS_OF_SECOND;
        Self {
            hour: small(seconds / 3600),
            minute: small(seconds / 60 % 60),
            second: small(seconds % 60),
            micros: small(time.0 % MICROS_OF_SECOND),
            ..Self::default()
        }
    }

    /// The date taken apart, at midnight.
    pub(crate) fn of_date(date: Date) -> Self {
        civil_day(i64::from(date.0))
    }

    /// The day, counted from 1970-01-01.
    pub(crate) fn days(&self) -> i64 {
        days(i64::from(self.year), i64::from(self.month), i64::from(self.day))
    }

    /// Microseconds since midnight, which may be a day and more.
    pub(crate) fn micros_of_day(&self) -> i64 {
        let minutes = i64::from(self.hour) * 60 + i64::from(self.minute);
        (minutes * 60 + i64::from(self.second)) * MICROS_OF_SECOND + i64::from(self.micros)
    }

    /// The date without the time, if it is one that PostgreSQL has.
    pub(crate) fn date(&self) -> Option<Date> {
        if !self.is_in_calendar() {
            return None;
        }
        date_of_day(self.days())
    }

    /// The timestamp, if it is one that PostgreSQL has.
    pub(crate) fn timestamp(&self) -> Option<Timestamp> {
        self.is_in_calendar().then(|| timestamp_of(self.days(), self.micros_of_day())).flatten()
    }

    /// Seconds since 1970-01-01 00:00 on the same clock; the date may be one that no timestamp has.
    pub(super) fn clock_seconds(&self) -> Option<i64> {
        let seconds = self.micros_of_day().div_euclid(MICROS_OF_SECOND);
        self.is_in_calendar().then(|| self.days() * DAY_SECONDS + seconds)
    }

    /// The same time so many months later, or on the last day of that month if it has no such day.
    pub(super) fn months_later(self, months: i32) -> Self {
        let months = i64::from(self.year) * 12 + i64::from(self.month) - 1 + i64::from(months);
        let (year, month) = (small(months.div_euclid(12)), small(months.rem_euclid(12)) + 1);
        Self { year, month, day: self.day.min(days_of_month(year, month)), ..self }
    }

    /// The same time so many days later.
    pub(super) fn days_later(self, days: i32) -> Self {
        let day = civil_day(self.days() + i64::from(days));
        Self { year: day.year, month: day.month, day: day.day, ..self }
    }

    fn is_in_calendar(&self) -> bool {
        let begun = self.year > -4713 || (self.year == -4713 && self.month >= 11);
        begun && (self.year < 5_874_898 || (self.year == 5_874_898 && self.month < 6))
    }

    /// The day without the time of day.
    pub(super) fn at_midnight(self) -> Self {
        Self { hour: 0, minute: 0, second: 0, micros: 0, ..self }
    }
}

/// The time of day of a timestamp.
pub(crate) fn time_of_day(timestamp: Timestamp) -> Time {
    Time(timestamp.0.rem_euclid(MICROS_OF_DAY))
}

/// The date with that number, if PostgreSQL has it.
pub(super) fn date_of_day(day: i64) -> Option<Date> {
    if (FIRST_DAY..END_OF_DATES).contains(&day) { i32::try_from(day).ok().map(Date) } else { None }
}

/// The timestamp so many microseconds after the beginning of a day, if it is in range.
pub(super) fn timestamp_of(day: i64, micros: i64) -> Option<Timestamp> {
    let whole = i128::from(day) * i128::from(MICROS_OF_DAY) + i128::from(micros);
    i64::try_from(whole).ok().and_then(timestamp_in_range)
}

/// The timestamp, if it is not before the first.
pub(super) fn timestamp_in_range(micros: i64) -> Option<Timestamp> {
    (micros >= FIRST_TIMESTAMP).then_some(Timestamp(micros))
}

/// The number of a day; the day of the month may be any, the month is of 1 to 12.
pub(super) fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that the leap day is their last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + (153 * month + 2) / 5 + day - 1 - DAYS_BEFORE_EPOCH
}

/// The day of a number, at midnight.
pub(super) fn civil_day(day: i64) -> Civil {
    let day = day + DAYS_BEFORE_EPOCH;
    let cycle = day.div_euclid(DAYS_OF_400_YEARS);
    let rest = day.rem_euclid(DAYS_OF_400_YEARS);
    let year = (rest - rest / (DAYS_OF_4_YEARS - 1) + rest / DAYS_OF_100_YEARS - rest / (DAYS_OF_400_YEARS - 1)) / 365;
    let rest = rest - (365 * year + year / 4 - year / 100);
    let month = (5 * rest + 2) / 153;
    let day = rest - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    Civil { year: small(cycle * 400 + year + next), month: small(month), day: small(day), ..Civil::default() }
}

/// Whether the year has a leap day.
pub(super) fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// The days of a month of 1 to 12.
pub(super) fn days_of_month(year: i32, month: i32) -> i32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The day of the week, 0 being Sunday.
pub(super) fn weekday(day: i64) -> i64 {
    (day + 4).rem_euclid(7)
}

/// The year of ISO 8601 and its week.
pub(super) fn iso_week(day: i64) -> (i32, i64) {
    // A week is of the year that its Thursday is in.
    let thursday = day + 3 - (weekday(day) + 6) % 7;
    let year = civil_day(thursday).year;
    (year, (thursday - days(i64::from(year), 1, 1)) / 7 + 1)
}

/// A number that its origin keeps small; never cut off in practice, and no panic if it were.
pub(super) fn small(value: i64) -> i32 {
    i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX })
}
