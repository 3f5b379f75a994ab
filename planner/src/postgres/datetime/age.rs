//! `age`: the years, months and days between two timestamps, as people count them.

use super::calendar::{Civil, days_of_month};
use super::zone::Zone;
use super::{Now, interval_out_of_range};
use crate::postgres::error::ValueResult;
use crate::postgres::value::{Date, Interval, MICROS_OF_DAY, Timestamp, TimestampTz};

impl Timestamp {
    /// `age(timestamp, timestamp)`: how much later this is.
    pub(crate) fn age(self, earlier: Self) -> ValueResult<Interval> {
        age(Civil::of(self), Civil::of(earlier), self < earlier)
    }

    /// `age(timestamp)`: how old it is at the beginning of today.
    pub(crate) fn age_today(self, now: &Now<'_>) -> ValueResult<Interval> {
        Date::today(now)?.timestamp()?.age(self)
    }
}

impl TimestampTz {
    /// `age(timestamptz, timestamptz)`, by the zone's calendar.
    pub(crate) fn age(self, earlier: Self, zone: &Zone) -> ValueResult<Interval> {
        age(zone.clock_at(self), zone.clock_at(earlier), self < earlier)
    }

    /// `age(timestamptz)`: how old it is at the beginning of today.
    pub(crate) fn age_today(self, now: &Now<'_>) -> ValueResult<Interval> {
        Date::today(now)?.timestamptz(now.zone)?.age(self, now.zone)
    }
}

fn age(later: Civil, earlier: Civil, is_reversed: bool) -> ValueResult<Interval> {
    // From the one that comes first; the month that days are borrowed from is its month, whichever way it is asked.
    let (from, to) = if is_reversed { (later, earlier) } else { (earlier, later) };
    let mut micros = to.micros_of_day() - from.micros_of_day();
    let mut days = to.day - from.day;
    let mut months = (i64::from(to.year) - i64::from(from.year)) * 12 + i64::from(to.month - from.month);
    if micros < 0 {
        micros += MICROS_OF_DAY;
        days -= 1;
    }
    while days < 0 {
        days += days_of_month(from.year, from.month);
        months -= 1;
    }
    let months = i32::try_from(months).map_err(|_| interval_out_of_range())?;
    let age = Interval { months, days, micros };
    if is_reversed { age.negated() } else { Ok(age) }
}

#[cfg(test)]
mod tests {
    use crate::postgres::datetime::Now;
    use crate::postgres::datetime::write::write_interval;
    use crate::postgres::datetime::zone::Zone;
    use crate::postgres::value::{Interval, Timestamp};

    #[test]
    fn months_are_borrowed_from_the_earlier() {
        let now = Now { micros: 0, zone: &Zone::utc() };
        for (later, earlier, expected) in [
            ("2001-04-10", "1957-06-13", "43 years 9 mons 27 days"),
            ("2024-03-01", "2024-01-31", "1 mon 1 day"),
            ("2024-01-31", "2024-03-01", "-1 mons -1 days"),
            ("2024-03-01 00:00", "2024-02-29 12:00:00.5", "11:59:59.5"),
            ("0001-01-01", "0001-12-31 BC", "1 day"),
        ] {
            let age: Result<Interval, _> =
                Timestamp::parse(later, &now).and_then(|later| later.age(Timestamp::parse(earlier, &now)?));
            let mut text = String::new();
            write_interval(&mut text, age.unwrap_or_default());
            assert_eq!(text, expected, "{later} {earlier}");
        }
    }
}
