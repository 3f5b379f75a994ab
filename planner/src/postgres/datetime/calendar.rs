//! The Gregorian calendar, carried on backwards for ever, with a year 0 that is 1 BC; days are counted from 1970-01-01.

use std::ops::Range;

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
/// The days from 0000-03-01 to 1970-01-01.
const DAYS_BEFORE_EPOCH: i64 = 719_468;
/// The days that PostgreSQL counts at all (`IS_VALID_JULIAN`), from 4714-11-01 BC to 5874898-05-31. Those of its types
/// are fewer.
const CALENDAR: Range<i64> = days(-4713, 11, 1)..days(5_874_898, 6, 1);

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
        Self::at(ClockTime::of(timestamp))
    }

    /// What clocks show that are so many seconds ahead; it may be out of the range of timestamps.
    pub(super) fn ahead(micros: i64, offset_seconds: i32) -> Self {
        Self::at(ClockTime::ahead(micros, offset_seconds))
    }

    /// What a clock shows, taken apart.
    pub(super) fn at(clock: ClockTime) -> Self {
        let day = civil_day(clock.day);
        Self { year: day.year, month: day.month, day: day.day, ..Self::of_time(Time(clock.micros)) }
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
        self.clock_time().and_then(ClockTime::timestamp)
    }

    /// The same as a day and the microseconds of it; the date may be one that no timestamp has.
    pub(super) fn clock_time(&self) -> Option<ClockTime> {
        self.is_in_calendar().then(|| ClockTime { day: self.days(), micros: self.micros_of_day() })
    }

    /// Seconds since 1970-01-01 00:00 on the same clock; the date may be one that no timestamp has.
    pub(super) fn clock_seconds(&self) -> Option<i64> {
        self.clock_time().map(ClockTime::seconds)
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
}

/// What a clock shows, not taken apart: most functions of a moment need only a part of it, and make it of this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClockTime {
    /// Counted from 1970-01-01.
    pub(super) day: i64,
    /// Since midnight. Fewer than a day has, unless a text said 24:00 or a second of 60.
    pub(super) micros: i64,
}

impl ClockTime {
    #[inline]
    pub(super) fn of(timestamp: Timestamp) -> Self {
        Self { day: timestamp.0.div_euclid(MICROS_OF_DAY), micros: timestamp.0.rem_euclid(MICROS_OF_DAY) }
    }

    /// What clocks show that are so many seconds ahead; it may be out of the range of timestamps.
    #[inline]
    pub(super) fn ahead(micros: i64, offset_seconds: i32) -> Self {
        let micros_of_day = micros.rem_euclid(MICROS_OF_DAY) + i64::from(offset_seconds) * MICROS_OF_SECOND;
        let day = micros.div_euclid(MICROS_OF_DAY) + micros_of_day.div_euclid(MICROS_OF_DAY);
        Self { day, micros: micros_of_day.rem_euclid(MICROS_OF_DAY) }
    }

    /// The timestamp, if it is one that PostgreSQL has. No timestamp is on a day that is not in the calendar.
    #[inline]
    pub(super) fn timestamp(self) -> Option<Timestamp> {
        timestamp_of(self.day, self.micros)
    }

    /// Seconds since 1970-01-01 00:00 on the same clock.
    #[inline]
    pub(super) fn seconds(self) -> i64 {
        self.day * DAY_SECONDS + self.micros.div_euclid(MICROS_OF_SECOND)
    }

    #[inline]
    pub(super) fn is_in_calendar(self) -> bool {
        CALENDAR.contains(&self.day)
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
#[inline]
pub(super) fn timestamp_of(day: i64, micros: i64) -> Option<Timestamp> {
    let whole = i128::from(day) * i128::from(MICROS_OF_DAY) + i128::from(micros);
    i64::try_from(whole).ok().and_then(timestamp_in_range)
}

/// The timestamp, if it is not before the first.
#[inline]
pub(super) fn timestamp_in_range(micros: i64) -> Option<Timestamp> {
    (micros >= FIRST_TIMESTAMP).then_some(Timestamp(micros))
}

/// The number of a day; the day of the month may be any, the month is of 1 to 12.
#[inline]
pub(super) const fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that the leap day is their last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let century = year.div_euclid(100);
    let leaps = year.div_euclid(4) - century + century.div_euclid(4);
    year * 365 + leaps + (153 * month + 2) / 5 + day - 1 - DAYS_BEFORE_EPOCH
}

/// The day of a number, at midnight. Years begin in March as above, and divisions are products with a fraction's digits
/// after the point as their rest: Neri and Schneider, "Euclidean affine functions and their application to calendar
/// algorithms" (2022).
#[inline]
pub(super) fn civil_day(day: i64) -> Civil {
    /// 2^32 divided by the quarters of a day that a year has, 1461, and rounded up.
    const YEAR_FACTOR: i64 = 2_939_745;
    /// 2^16 divided by the days of an average month, 153 / 5, and rounded down.
    const MONTH_FACTOR: i64 = 2_141;
    /// March, and what makes the lengths of the months come out.
    const MONTH_START: i64 = 197_913;
    /// The days from March to December.
    const DAYS_BEFORE_JANUARY: i64 = 306;

    let quarters = 4 * (day + DAYS_BEFORE_EPOCH) + 3;
    let century = quarters.div_euclid(DAYS_OF_400_YEARS);
    // The quarters of the century's days so far, the last of each of which is meant.
    let years = YEAR_FACTOR * (quarters.rem_euclid(DAYS_OF_400_YEARS) | 3);
    let year = 100 * century + (years >> 32);
    let day_of_year = (years & 0xffff_ffff) / YEAR_FACTOR / 4;
    let months = MONTH_FACTOR * day_of_year + MONTH_START;
    let (month, day) = (months >> 16, (months & 0xffff) / MONTH_FACTOR + 1);
    let (year, month) = if day_of_year < DAYS_BEFORE_JANUARY { (year, month) } else { (year + 1, month - 12) };
    Civil { year: small(year), month: small(month), day: small(day), ..Civil::default() }
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
#[inline]
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
#[inline]
pub(super) fn small(value: i64) -> i32 {
    i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A day as the lengths of the cycles say it.
    fn by_cycles(day: i64) -> (i64, i64, i64) {
        let day = day + DAYS_BEFORE_EPOCH;
        let (cycle, rest) = (day.div_euclid(DAYS_OF_400_YEARS), day.rem_euclid(DAYS_OF_400_YEARS));
        let year = (rest - rest / 1_460 + rest / 36_524 - rest / 146_096) / 365;
        let rest = rest - (365 * year + year / 4 - year / 100);
        let month = (5 * rest + 2) / 153;
        let day = rest - (153 * month + 2) / 5 + 1;
        let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        (cycle * 400 + year + next, month, day)
    }

    #[test]
    fn days_are_taken_apart_and_put_together() {
        // Each day of four cycles before the year 0 and six after it, and some of all years and more.
        let near = -4 * DAYS_OF_400_YEARS - DAYS_BEFORE_EPOCH..6 * DAYS_OF_400_YEARS - DAYS_BEFORE_EPOCH;
        let far = (-(1_i64 << 36)..1 << 36).step_by(1_234_567);
        let ends = [FIRST_DAY, END_OF_DATES - 1, END_OF_DATES, i64::from(i32::MIN), i64::from(i32::MAX)];
        for number in near.chain(far).chain(ends) {
            let civil = civil_day(number);
            let expected = by_cycles(number);
            assert_eq!((i64::from(civil.year), i64::from(civil.month), i64::from(civil.day)), expected, "{number}");
            assert_eq!(civil.days(), number, "{expected:?}");
        }
    }

    #[test]
    fn the_calendar_is_that_of_years_and_months() {
        for (day, is_in_calendar) in
            [(CALENDAR.start - 1, false), (CALENDAR.start, true), (CALENDAR.end - 1, true), (CALENDAR.end, false)]
        {
            assert_eq!(ClockTime { day, micros: 0 }.is_in_calendar(), is_in_calendar);
            assert_eq!(civil_day(day).is_in_calendar(), is_in_calendar);
        }
    }
}
