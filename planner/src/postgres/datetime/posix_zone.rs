//! Zones that say their own rules, as POSIX writes them: `EST5EDT`, `<+03>-3`, `CET-1CEST,M3.5.0,M10.5.0/3`.
//! Offsets are west of Greenwich there.

use super::calendar::{days, days_of_month, is_leap, weekday};
use super::zone_table::{Phase, ZoneTable};

const HOUR_SECONDS: i32 = 3600;
const DAY_SECONDS: i64 = 86_400;
/// The longest offset, a week less a second.
const MAX_HOURS: i32 = 167;
/// What holds where there is summer time and no word about when.
const DEFAULT_RULES: &str = ",M3.2.0,M11.1.0";
const MAX_BYTES: usize = 255;

/// The day of a change.
#[derive(Clone, Copy)]
enum Day {
    /// Of 1 to 365, the leap day not counted.
    Julian(i32),
    /// Of 0 to 365.
    OfYear(i32),
    /// The week is of 1 to 5, the fifth being the last.
    OfMonth { month: i32, week: i32, weekday: i32 },
}

#[derive(Clone, Copy)]
struct Rule {
    day: Day,
    /// Of the clock that is to be changed.
    seconds: i32,
}

/// The zone of such a text.
pub(super) fn parse(text: &str) -> Option<ZoneTable> {
    if text.is_empty() || text.len() > MAX_BYTES {
        return None;
    }
    let text = text.to_ascii_uppercase();
    let (standard, rest) = name(&text)?;
    let (west, rest) = offset(rest)?;
    let phase = Phase { offset: -west, daylight: false, abbreviation: 0 };
    if rest.is_empty() {
        return Some(ZoneTable::yearly(vec![standard.to_owned()], phase, Vec::new()));
    }
    let (summer, rest) = name(rest).filter(|(summer, _)| !summer.is_empty())?;
    let (summer_west, rest) = match rest.bytes().next() {
        None | Some(b',' | b';') => (west - HOUR_SECONDS, rest),
        Some(_) => offset(rest)?,
    };
    let rules = if rest.is_empty() { DEFAULT_RULES } else { rest };
    let (start, rest) = rule(rules.strip_prefix([',', ';'])?)?;
    let (end, rest) = rule(rest.strip_prefix(',')?)?;
    if !rest.is_empty() {
        return None;
    }
    let summer_phase = Phase { offset: -summer_west, daylight: true, abbreviation: 1 };
    let mut changes = Vec::new();
    for year in ZoneTable::years_of_pattern() {
        let begins = start.moment(year, west);
        let ends = end.moment(year, summer_west);
        let year_seconds = DAY_SECONDS * if is_leap(year) { 366 } else { 365 };
        if ends < begins || (begins < ends && ends - begins < year_seconds + i64::from(west - summer_west)) {
            changes.push((begins, summer_phase));
            changes.push((ends, phase));
        }
    }
    changes.sort_by_key(|(at, _)| *at);
    let first = if changes.is_empty() { summer_phase } else { phase };
    Some(ZoneTable::yearly(vec![standard.to_owned(), summer.to_owned()], first, changes))
}

/// An abbreviation, which may be empty, and what comes after it.
fn name(text: &str) -> Option<(&str, &str)> {
    match text.strip_prefix('<') {
        Some(quoted) => quoted.split_once('>'),
        None => {
            let end = text.find(|letter: char| letter.is_ascii_digit() || matches!(letter, ',' | '-' | '+'));
            Some(text.split_at(end.unwrap_or(text.len())))
        }
    }
}

fn number(text: &str, least: i32, most: i32) -> Option<(i32, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    let value = digits.parse().ok().filter(|value| (least..=most).contains(value))?;
    Some((value, rest))
}

/// Hours, perhaps minutes, perhaps seconds, all in seconds.
fn offset(text: &str) -> Option<(i32, &str)> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (hours, mut rest) = number(text, 0, MAX_HOURS)?;
    let mut seconds = hours * HOUR_SECONDS;
    if let Some(text) = rest.strip_prefix(':') {
        let (minutes, after) = number(text, 0, 59)?;
        (seconds, rest) = (seconds + minutes * 60, after);
        if let Some(text) = rest.strip_prefix(':') {
            let (more, after) = number(text, 0, 60)?;
            (seconds, rest) = (seconds + more, after);
        }
    }
    Some((sign * seconds, rest))
}

fn rule(text: &str) -> Option<(Rule, &str)> {
    let (day, rest) = if let Some(text) = text.strip_prefix('J') {
        let (day, rest) = number(text, 1, 365)?;
        (Day::Julian(day), rest)
    } else if let Some(text) = text.strip_prefix('M') {
        let (month, rest) = number(text, 1, 12)?;
        let (week, rest) = number(rest.strip_prefix('.')?, 1, 5)?;
        let (weekday, rest) = number(rest.strip_prefix('.')?, 0, 6)?;
        (Day::OfMonth { month, week, weekday }, rest)
    } else {
        let (day, rest) = number(text, 0, 365)?;
        (Day::OfYear(day), rest)
    };
    match rest.strip_prefix('/') {
        Some(text) => offset(text).map(|(seconds, rest)| (Rule { day, seconds }, rest)),
        None => Some((Rule { day, seconds: 2 * HOUR_SECONDS }, rest)),
    }
}

impl Rule {
    /// The change of a year in seconds since 1970-01-01 00:00 UTC, for clocks so many seconds west of Greenwich.
    fn moment(&self, year: i32, west: i32) -> i64 {
        let new_year = days(i64::from(year), 1, 1);
        let day = match self.day {
            Day::Julian(day) => new_year + i64::from(day) - 1 + i64::from(is_leap(year) && day >= 60),
            Day::OfYear(day) => new_year + i64::from(day),
            Day::OfMonth { month, week, weekday: wanted } => {
                let first = days(i64::from(year), i64::from(month), 1);
                let mut day = (i64::from(wanted) - weekday(first)).rem_euclid(7) + i64::from(week - 1) * 7;
                if day >= i64::from(days_of_month(year, month)) {
                    day -= 7;
                }
                first + day
            }
        };
        day * DAY_SECONDS + i64::from(self.seconds) + i64::from(west)
    }
}
