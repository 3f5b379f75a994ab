//! Intervals reckoned with: sums, products, and days and months made of hours and days.

use super::calendar::small;
use super::interval_input::{DAYS_OF_MONTH, IntervalFields, MICROS_OF_HOUR, MICROS_OF_MINUTE};
use super::numbers::truncated;
use super::timestamps::{MAX_PRECISION, round_away};
use super::{infinite_intervals, interval_out_of_range};
use crate::postgres::error::{ValueError, ValueResult};
use crate::postgres::value::{Interval, MICROS_OF_DAY, Time};

const DAY_SECONDS: f64 = 86_400.0;
const SECOND_MICROS: f64 = 1e6;

impl Interval {
    fn is_infinite(self) -> bool {
        // PostgreSQL's infinity, which no result may be by accident.
        let most = Self { months: i32::MAX, days: i32::MAX, micros: i64::MAX };
        let least = Self { months: i32::MIN, days: i32::MIN, micros: i64::MIN };
        self == most || self == least
    }

    fn of_parts(months: Option<i32>, days: Option<i32>, micros: Option<i64>) -> ValueResult<Self> {
        match (months, days, micros) {
            (Some(months), Some(days), Some(micros)) => Self { months, days, micros }.finite(),
            _ => Err(interval_out_of_range()),
        }
    }

    pub(super) fn finite(self) -> ValueResult<Self> {
        if self.is_infinite() { Err(interval_out_of_range()) } else { Ok(self) }
    }

    /// `interval + interval`.
    pub(crate) fn add(self, other: Self) -> ValueResult<Self> {
        Self::of_parts(
            self.months.checked_add(other.months),
            self.days.checked_add(other.days),
            self.micros.checked_add(other.micros),
        )
    }

    /// `interval - interval`.
    pub(crate) fn subtract(self, other: Self) -> ValueResult<Self> {
        Self::of_parts(
            self.months.checked_sub(other.months),
            self.days.checked_sub(other.days),
            self.micros.checked_sub(other.micros),
        )
    }

    /// `- interval`.
    pub(crate) fn negated(self) -> ValueResult<Self> {
        Self::of_parts(self.months.checked_neg(), self.days.checked_neg(), self.micros.checked_neg())
    }

    /// `interval * double precision`.
    pub(crate) fn multiply(self, factor: f64) -> ValueResult<Self> {
        if factor.is_infinite() && self.length() != 0 {
            return Err(infinite_intervals());
        }
        self.scaled(|value| value * factor)
    }

    /// `interval / double precision`.
    pub(crate) fn divide(self, divisor: f64) -> ValueResult<Self> {
        if divisor == 0.0 {
            return Err(ValueError::new("22012", "division by zero"));
        }
        self.scaled(|value| value / divisor)
    }

    /// Each part scaled; what is left of a month goes to the days, and what is left of days to the time.
    fn scaled(self, scale: impl Fn(f64) -> f64) -> ValueResult<Self> {
        let (months, days) = (scale(f64::from(self.months)), scale(f64::from(self.days)));
        let (whole_months, whole_days) = (integer(months)?, integer(days)?);
        let month_days = to_micros((months - f64::from(whole_months)) * f64::from(DAYS_OF_MONTH));
        let whole_month_days = month_days.trunc();
        let part_of_days = days - f64::from(whole_days) + month_days - whole_month_days;
        let mut seconds = to_micros(part_of_days * DAY_SECONDS);
        let mut day_count = Some(whole_days);
        if seconds.abs() >= DAY_SECONDS {
            let more = (seconds / DAY_SECONDS).trunc();
            day_count = whole_days.checked_add(small(truncated(more)));
            seconds -= more * DAY_SECONDS;
        }
        let days = day_count.and_then(|days| days.checked_add(small(truncated(whole_month_days))));
        #[expect(clippy::cast_precision_loss, reason = "PostgreSQL takes the time for a double too")]
        let micros = self.micros as f64;
        let micros = (scale(micros) + seconds * SECOND_MICROS).round_ties_even();
        let limit = 2_f64.powi(63);
        if !(-limit..limit).contains(&micros) {
            return Err(interval_out_of_range());
        }
        Self::of_parts(Some(whole_months), days, Some(truncated(micros)))
    }

    /// `justify_hours`: 24 hours become a day.
    pub(crate) fn justify_hours(self) -> ValueResult<Self> {
        let whole = small(self.micros / MICROS_OF_DAY);
        let days = self.days.checked_add(whole).ok_or_else(interval_out_of_range)?;
        Ok(Self { days, micros: self.micros % MICROS_OF_DAY, ..self }.days_agree_with_time())
    }

    /// `justify_days`: 30 days become a month.
    pub(crate) fn justify_days(self) -> ValueResult<Self> {
        let months = self.months.checked_add(self.days / DAYS_OF_MONTH).ok_or_else(interval_out_of_range)?;
        let days = self.days % DAYS_OF_MONTH;
        if months > 0 && days < 0 {
            return Ok(Self { months: months - 1, days: days + DAYS_OF_MONTH, ..self });
        }
        if months < 0 && days > 0 {
            return Ok(Self { months: months + 1, days: days - DAYS_OF_MONTH, ..self });
        }
        Ok(Self { months, days, ..self })
    }

    /// `justify_interval`: both, and all signs alike.
    pub(crate) fn justify_interval(self) -> ValueResult<Self> {
        let days = i64::from(self.days) + self.micros / MICROS_OF_DAY;
        let micros = self.micros % MICROS_OF_DAY;
        let month_days = i64::from(DAYS_OF_MONTH);
        let mut months = i64::from(self.months) + days / month_days;
        let mut days = days % month_days;
        if i32::try_from(months).is_err() {
            return Err(interval_out_of_range());
        }
        if months > 0 && (days < 0 || (days == 0 && micros < 0)) {
            (months, days) = (months - 1, days + month_days);
        } else if months < 0 && (days > 0 || (days == 0 && micros > 0)) {
            (months, days) = (months + 1, days - month_days);
        }
        Ok(Self { months: small(months), days: small(days), micros }.days_agree_with_time())
    }

    fn days_agree_with_time(self) -> Self {
        if self.days > 0 && self.micros < 0 {
            Self { days: self.days - 1, micros: self.micros + MICROS_OF_DAY, ..self }
        } else if self.days < 0 && self.micros > 0 {
            Self { days: self.days + 1, micros: self.micros - MICROS_OF_DAY, ..self }
        } else {
            self
        }
    }

    /// A cast to `interval year to month` and its like: what is smaller than the last field goes, and if that is of
    /// years or months, so does the rest.
    pub(crate) fn restricted(self, fields: IntervalFields) -> Self {
        let cut = |unit: i64| self.micros / unit * unit;
        match fields {
            IntervalFields::Year => Self { months: self.months / 12 * 12, days: 0, micros: 0 },
            IntervalFields::Month | IntervalFields::YearToMonth => Self { days: 0, micros: 0, ..self },
            IntervalFields::Day => Self { micros: 0, ..self },
            IntervalFields::Hour | IntervalFields::DayToHour => Self { micros: cut(MICROS_OF_HOUR), ..self },
            IntervalFields::Minute | IntervalFields::DayToMinute | IntervalFields::HourToMinute => {
                Self { micros: cut(MICROS_OF_MINUTE), ..self }
            }
            IntervalFields::Second
            | IntervalFields::DayToSecond
            | IntervalFields::HourToSecond
            | IntervalFields::MinuteToSecond => self,
        }
    }

    /// `interval(p)`: rounded to so many digits of a second.
    pub(crate) fn rounded(self, precision: u8) -> ValueResult<Self> {
        if precision >= MAX_PRECISION {
            return Ok(self);
        }
        let micros = round_away(self.micros, precision).ok_or_else(interval_out_of_range)?;
        Ok(Self { micros, ..self })
    }

    /// `interval::time`: the time of day that so long after midnight is.
    pub(crate) fn time(self) -> Time {
        Time(self.micros.rem_euclid(MICROS_OF_DAY))
    }
}

fn integer(value: f64) -> ValueResult<i32> {
    let limit = 2_f64.powi(31);
    if !(-limit..limit).contains(&value) {
        return Err(interval_out_of_range());
    }
    Ok(small(truncated(value)))
}

/// Rounded to six digits after the point, which hides what doubles cannot say.
fn to_micros(value: f64) -> f64 {
    (value * 1e6).round_ties_even() / 1e6
}

#[cfg(test)]
mod tests {
    use crate::postgres::datetime::write::write_interval;
    use crate::postgres::error::ValueResult;
    use crate::postgres::value::Interval;

    fn printed(interval: ValueResult<Interval>) -> String {
        match interval {
            Ok(interval) => {
                let mut text = String::new();
                write_interval(&mut text, interval);
                text
            }
            Err(error) => format!("{} {error}", error.sqlstate),
        }
    }

    fn read(text: &str) -> Interval {
        Interval::parse(text, None).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn fractions_of_products_spill_down() {
        for (text, factor, expected) in [
            ("1 mon", 0.5, "15 days"),
            ("1 mon 1 day 01:00:00", 1.7, "1 mon 22 days 18:30:00"),
            ("3 mons", 0.3333333333333333, "1 mon"),
            ("-1 year 5 days", 2.5, "-2 years -6 mons +12 days 12:00:00"),
            ("2147483647 mons", 2.0, "22008 interval out of range"),
            ("1 day", f64::NAN, "22008 interval out of range"),
        ] {
            assert_eq!(printed(read(text).multiply(factor)), expected, "{text} * {factor}");
        }
        for (text, divisor, expected) in [
            ("1 mon", 3.0, "10 days"),
            ("1 year 2 mons 3 days", 7.0, "2 mons 10:17:08.571429"),
            ("23:59:59.999999", -3.0, "-08:00:00"),
            ("1 day", 0.0, "22012 division by zero"),
        ] {
            assert_eq!(printed(read(text).divide(divisor)), expected, "{text} / {divisor}");
        }
    }

    #[test]
    fn sums_stay_in_range() {
        let most = read("2147483647 mons 2147483647 days 9223372036854775806 us");
        assert_eq!(printed(most.add(read("1 us"))), "22008 interval out of range");
        assert_eq!(printed(read("-2147483648 days").negated()), "22008 interval out of range");
    }

    #[test]
    fn justified() {
        let tangled = read("1 mon -1 day 25:00:00");
        assert_eq!(printed(tangled.justify_hours()), "1 mon 01:00:00");
        assert_eq!(printed(read("-3 mons 65 days").justify_days()), "-25 days");
        assert_eq!(printed(read("-1 mon 40 days -50:00").justify_interval()), "7 days 22:00:00");
    }

    #[test]
    fn rounded_away_from_zero() {
        assert_eq!(printed(read("-1.2345 s").rounded(3)), "-00:00:01.235");
        assert_eq!(printed(read("1.5 s").rounded(0)), "00:00:02");
    }
}
