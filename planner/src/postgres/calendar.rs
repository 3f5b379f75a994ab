//! The calendar as PostgreSQL counts it: days as Julian days, years with a year 0 (1 BC), ISO weeks.
//!
//! Nothing here is out of range: as in PostgreSQL, numbers that no calendar has wrap, and a month or a day that is none
//! counts on from the first of the year or of the month. Who takes values from users checks them.

/// The Julian day of 1970-01-01.
pub(crate) const UNIX_EPOCH_JULIAN_DAY: i32 = 2_440_588;

/// A day of the (proleptic) Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CivilDay {
    /// 0 is 1 BC.
    pub(crate) year: i32,
    /// 1 is January.
    pub(crate) month: i32,
    /// 1 is the first.
    pub(crate) day: i32,
}

impl CivilDay {
    pub(crate) fn new(year: i32, month: i32, day: i32) -> Self {
        Self { year, month, day }
    }

    /// The day with this Julian day number; those below -32044 wrap.
    pub(crate) fn from_julian_day(julian_day: i32) -> Self {
        // Counted from the first of March of 4801 BC, so that a leap day is the last one of its year.
        let days = julian_day.cast_unsigned().wrapping_add(32_044);
        let centuries = days / 146_097;
        let quarter_days = (days - centuries * 146_097) * 4 + 3;
        // Counted as if every fourth year were a leap year, from the first of January before.
        let days = days.wrapping_add(60 + centuries * 3 + quarter_days / 146_097);
        let cycle = days / 1_461;
        let day_of_cycle = days % 1_461;
        let year_of_cycle = day_of_cycle * 4 / 1_461;
        let day_of_year =
            if year_of_cycle == 0 { (day_of_cycle + 306) % 366 } else { (day_of_cycle + 305) % 365 } + 123;
        let year = year_of_cycle + cycle * 4;
        let month = day_of_year * 2_141 / 65_536;
        Self {
            year: year.cast_signed() - 4_800,
            month: ((month + 10) % 12 + 1).cast_signed(),
            day: (day_of_year - 7_834 * month / 256).cast_signed(),
        }
    }

    /// Julian day numbers begin at 0 on 4714-11-24 BC.
    pub(crate) fn julian_day(self) -> i32 {
        // January and February are months of the year before.
        let (year, month) = if self.month > 2 {
            (self.year.wrapping_add(4_800), self.month.wrapping_add(1))
        } else {
            (self.year.wrapping_add(4_799), self.month.wrapping_add(13))
        };
        let century = year / 100;
        let leap_days = year / 4 - century + century / 4;
        let days_before_month = 7_834_i32.wrapping_mul(month) / 256;
        year.wrapping_mul(365)
            .wrapping_sub(32_167)
            .wrapping_add(leap_days)
            .wrapping_add(days_before_month)
            .wrapping_add(self.day)
    }

    /// The number of the day in its year; 1 is the first of January.
    pub(crate) fn day_of_year(self) -> i32 {
        self.julian_day().wrapping_sub(Self::new(self.year, 1, 1).julian_day()).wrapping_add(1)
    }

    /// The ISO year, which begins on a Monday.
    pub(crate) fn iso_year(self) -> i32 {
        self.iso_year_and_week().0
    }

    /// The week of the ISO year, from 1.
    pub(crate) fn iso_week(self) -> i32 {
        self.iso_year_and_week().1
    }

    /// The day of the ISO year, from 1.
    pub(crate) fn iso_day_of_year(self) -> i32 {
        self.julian_day().wrapping_sub(iso_week_julian_day(self.iso_year(), 1)).wrapping_add(1)
    }

    fn iso_year_and_week(self) -> (i32, i32) {
        let julian_day = self.julian_day();
        let mut year = self.year;
        let mut start = iso_week_julian_day(year, 1);
        if julian_day < start {
            year = year.wrapping_sub(1);
            start = iso_week_julian_day(year, 1);
        }
        let mut week = julian_day.wrapping_sub(start) / 7 + 1;
        if week >= 52 {
            // The next year is that after the calendar's, whichever the week was counted in.
            let next_year = self.year.wrapping_add(1);
            let next_start = iso_week_julian_day(next_year, 1);
            if julian_day >= next_start {
                year = next_year;
                week = julian_day.wrapping_sub(next_start) / 7 + 1;
            }
        }
        (year, week)
    }
}

/// The Julian day of the Monday of a week of an ISO year.
pub(crate) fn iso_week_julian_day(iso_year: i32, week: i32) -> i32 {
    // The fourth of January is in the first week.
    let fourth = CivilDay::new(iso_year, 1, 4).julian_day();
    let since_monday = weekday(fourth.wrapping_sub(1));
    week.wrapping_sub(1).wrapping_mul(7).wrapping_add(fourth.wrapping_sub(since_monday))
}

/// The day of the week of a Julian day; 0 is Sunday.
pub(crate) fn weekday(julian_day: i32) -> i32 {
    julian_day.wrapping_add(1).rem_euclid(7)
}

fn is_leap_year(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// How many days a month (1 is January) has; none if it is no month.
pub(crate) fn days_of_month(year: i32, month: i32) -> i32 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap_year(year) => 29,
        2 => 28,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn julian_days_and_back() {
        for (year, month, day, julian_day) in [
            (1970, 1, 1, 2_440_588),
            (2000, 2, 29, 2_451_604),
            (-4713, 11, 24, 0),
            (0, 2, 29, 1_721_119),
            (5_874_897, 12, 31, 2_147_483_493),
        ] {
            let civil = CivilDay::new(year, month, day);
            assert_eq!(civil.julian_day(), julian_day);
            assert_eq!(CivilDay::from_julian_day(julian_day), civil);
        }
    }

    #[test]
    fn iso_years_begin_on_mondays() {
        let sunday = CivilDay::new(2023, 1, 1);
        assert_eq!((sunday.iso_year(), sunday.iso_week(), sunday.iso_day_of_year()), (2022, 52, 364));
        let monday = CivilDay::new(2024, 12, 30);
        assert_eq!((monday.iso_year(), monday.iso_week(), monday.iso_day_of_year()), (2025, 1, 1));
        assert_eq!(weekday(monday.julian_day()), 1);
    }
}
