//! A zone's offsets through time. They are read once from chrono-tz, which knows them up to the year 2099; where they
//! still change by then, they go on as the rules of those years do, for ever.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, LazyLock, OnceLock};

use chrono::{DateTime, Duration, Offset, TimeZone};
use chrono_tz::{OffsetComponents, OffsetName, TZ_VARIANTS, Tz};

use super::calendar::{civil_day, days, is_leap, weekday};

const DAY_SECONDS: i64 = 86_400;
/// 1800-01-01 00:00 UTC: no zone has changed before.
const FIRST_CHANGE: i64 = -5_364_662_400;
/// How far apart chrono-tz is asked; two changes that undo each other within are not seen, and there are none.
const STEP_SECONDS: i64 = 2 * DAY_SECONDS;
/// The years whose rules stand for all others: every year is like one of 28 in its weekdays and its leap day.
const PATTERN_YEARS: std::ops::Range<i32> = 2070..2098;
/// Changes are found by their seconds without these bits, which are half a year: few are closer to each other.
const BUCKET_BITS: u32 = 24;

/// What the clocks of a zone show for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Phase {
    /// Seconds east of Greenwich.
    pub(super) offset: i32,
    pub(super) daylight: bool,
    /// Which of the zone's abbreviations is in use.
    pub(super) abbreviation: usize,
}

/// A zone: its first phase, and all changes.
#[derive(Debug, Clone)]
pub(super) struct ZoneTable {
    pub(super) abbreviations: Vec<String>,
    first: Phase,
    /// Seconds since 1970-01-01 00:00 UTC and what begins then, in order.
    changes: Vec<(i64, Phase)>,
    /// How many changes come before each bucket of time, from the first change's to the last one's.
    before_buckets: Vec<usize>,
    first_bucket: i64,
    /// The seconds for which the changes are those of their own years. The rules of the pattern's years hold for all
    /// others.
    known: RangeInclusive<i64>,
}

/// A zone of the tz database, read when it is first asked for.
type Entry = (Tz, OnceLock<Arc<ZoneTable>>);

impl ZoneTable {
    /// The zone of the tz database with that name, whatever its case.
    pub(super) fn named(name: &str) -> Option<Arc<Self>> {
        static DIRECTORY: LazyLock<HashMap<String, Entry>> = LazyLock::new(|| {
            TZ_VARIANTS.iter().map(|zone| (zone.name().to_ascii_lowercase(), (*zone, OnceLock::new()))).collect()
        });
        let (zone, table) = match DIRECTORY.get(name) {
            Some(entry) => entry,
            None => DIRECTORY.get(&name.to_ascii_lowercase())?,
        };
        Some(Arc::clone(table.get_or_init(|| Arc::new(Self::read(*zone)))))
    }

    /// A zone of one offset or with two changes in each year, of all years.
    pub(super) fn yearly(abbreviations: Vec<String>, first: Phase, changes: Vec<(i64, Phase)>) -> Self {
        let known = match changes.is_empty() {
            true => i64::MIN..=i64::MAX,
            false => year_start(PATTERN_YEARS.start)..=last_of_pattern(),
        };
        Self::new(abbreviations, first, changes, known)
    }

    fn new(abbreviations: Vec<String>, first: Phase, changes: Vec<(i64, Phase)>, known: RangeInclusive<i64>) -> Self {
        let first_bucket = changes.first().map_or(0, |(at, _)| bucket(*at));
        let end_bucket = changes.last().map_or(0, |(at, _)| bucket(*at) + 1);
        let before = |bucket: i64| changes.partition_point(|(at, _)| *at < (bucket << BUCKET_BITS));
        let before_buckets = (first_bucket..end_bucket).map(before).collect();
        Self { abbreviations, first, changes, before_buckets, first_bucket, known }
    }

    /// The years that `yearly` wants the changes of.
    pub(super) fn years_of_pattern() -> RangeInclusive<i32> {
        PATTERN_YEARS.start - 1..=PATTERN_YEARS.end
    }

    fn read(zone: Tz) -> Self {
        let mut abbreviations = Vec::new();
        let first = phase(zone, FIRST_CHANGE, &mut abbreviations);
        let mut changes = Vec::new();
        let (mut current, mut at) = (first, FIRST_CHANGE);
        let end = year_start(PATTERN_YEARS.end + 1);
        while at < end {
            let next = at + STEP_SECONDS;
            let there = phase(zone, next, &mut abbreviations);
            if there == current {
                at = next;
                continue;
            }
            let (mut before, mut after, mut found) = (at, next, there);
            while after - before > 1 {
                let middle = before + (after - before) / 2;
                let between = phase(zone, middle, &mut abbreviations);
                if between == current {
                    before = middle;
                } else {
                    (after, found) = (middle, between);
                }
            }
            changes.push((after, found));
            (current, at) = (found, after);
        }
        let goes_on = changes.last().is_some_and(|(last, _)| *last >= year_start(PATTERN_YEARS.end - 2));
        let last_known = if goes_on { last_of_pattern() } else { i64::MAX };
        Self::new(abbreviations, first, changes, i64::MIN..=last_known)
    }

    /// What holds at a moment, in seconds since 1970-01-01 00:00 UTC.
    pub(super) fn phase_at(&self, seconds: i64) -> Phase {
        let seconds = seconds - self.shift(seconds);
        self.before(self.changes_until(seconds))
    }

    /// What holds at a moment, and the first change after it.
    pub(super) fn next_change(&self, seconds: i64) -> (Phase, Option<(i64, Phase)>) {
        let shift = self.shift(seconds);
        let seconds = seconds - shift;
        let next = self.changes_until(seconds);
        (self.before(next), self.changes.get(next).map(|(at, phase)| (at + shift, *phase)))
    }

    /// How many changes there have been at a moment of the years that are known, one at this moment among them.
    fn changes_until(&self, seconds: i64) -> usize {
        let Ok(bucket) = usize::try_from(bucket(seconds) - self.first_bucket) else { return 0 };
        let Some(&before) = self.before_buckets.get(bucket) else { return self.changes.len() };
        let of_bucket = self.changes.get(before..).unwrap_or_default();
        before + of_bucket.iter().take_while(|(at, _)| *at <= seconds).count()
    }

    fn before(&self, change: usize) -> Phase {
        change.checked_sub(1).and_then(|index| self.changes.get(index)).map_or(self.first, |(_, phase)| *phase)
    }

    /// All phases, in order.
    pub(super) fn phases(&self) -> impl Iterator<Item = Phase> {
        std::iter::once(self.first).chain(self.changes.iter().map(|(_, phase)| *phase))
    }

    /// What an abbreviation in lower case means at a moment: what it meant last, or else will mean first.
    pub(super) fn abbreviation_at(&self, abbreviation: &str, seconds: i64) -> Option<Phase> {
        let wanted = self.abbreviations.iter().position(|known| known.eq_ignore_ascii_case(abbreviation))?;
        let next = self.changes_until(seconds);
        let (past, future) = self.changes.split_at_checked(next)?;
        let past = past.iter().rev().map(|(_, phase)| *phase);
        let mut used = past.chain(std::iter::once(self.first)).chain(future.iter().map(|(_, phase)| *phase));
        used.find(|phase| phase.abbreviation == wanted)
    }

    /// How much later a moment is than the one in the years that we know which is like it.
    fn shift(&self, seconds: i64) -> i64 {
        if self.known.contains(&seconds) {
            return 0;
        }
        let year = civil_day(seconds.div_euclid(DAY_SECONDS)).year;
        year_start(year) - year_start(similar_year(year))
    }
}

fn bucket(seconds: i64) -> i64 {
    seconds >> BUCKET_BITS
}

/// The last second of the pattern's years.
fn last_of_pattern() -> i64 {
    year_start(PATTERN_YEARS.end) - 1
}

fn year_start(year: i32) -> i64 {
    days(i64::from(year), 1, 1) * DAY_SECONDS
}

/// The year of the pattern with the same weekdays and the same leap day.
fn similar_year(year: i32) -> i32 {
    let first_weekday = |year: i32| weekday(days(i64::from(year), 1, 1));
    let is_similar = |known: &i32| is_leap(*known) == is_leap(year) && first_weekday(*known) == first_weekday(year);
    PATTERN_YEARS.into_iter().find(is_similar).unwrap_or(PATTERN_YEARS.start)
}

fn phase(zone: Tz, seconds: i64, abbreviations: &mut Vec<String>) -> Phase {
    let moment = DateTime::from_timestamp(seconds, 0).unwrap_or_default().naive_utc();
    let offset = zone.offset_from_utc_datetime(&moment);
    let is_used = |known: &String| match offset.abbreviation() {
        Some(name) => known == name,
        None => *known == offset.to_string(),
    };
    let abbreviation = abbreviations.iter().position(is_used).unwrap_or_else(|| {
        abbreviations.push(offset.to_string());
        abbreviations.len() - 1
    });
    Phase { offset: offset.fix().local_minus_utc(), daylight: offset.dst_offset() != Duration::zero(), abbreviation }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::datetime::posix_zone;

    const NAMED: [&str; 7] = [
        "Europe/Berlin",
        "America/New_York",
        "Africa/Casablanca",
        "UTC",
        "Asia/Kolkata",
        "Pacific/Apia",
        "Australia/Lord_Howe",
    ];
    const RULES: [&str; 4] = ["CET-1CEST,M3.5.0,M10.5.0/3", "EST5EDT", "<+03>-3", "A-12B,J1/0,J365/20"];

    /// Each zone with whether the rules of the pattern's years hold for all later years, and for all earlier.
    fn tables() -> impl Iterator<Item = (&'static str, ZoneTable, bool, bool)> {
        let named = NAMED.into_iter().map(|name| {
            let table = ZoneTable::clone(&ZoneTable::named(name).unwrap());
            let last = table.changes.last().map(|(last, _)| *last);
            let goes_on = last.is_some_and(|last| last >= year_start(PATTERN_YEARS.end - 2));
            (name, table, goes_on, false)
        });
        named.chain(RULES.into_iter().map(|name| {
            let table = posix_zone::parse(name).unwrap();
            let changes = !table.changes.is_empty();
            (name, table, changes, changes)
        }))
    }

    /// Seconds of all years that timestamps have, and more of the years that zones change in.
    fn moments() -> impl Iterator<Item = i64> {
        let far = (year_start(-4713)..year_start(294_277)).step_by(2_345_678_901);
        let near = (year_start(1790)..year_start(2210)).step_by(4_234_567);
        let years = (1890..2510).chain([-4713, -400, -1, 0, 1, 1582, 294_276]).map(year_start);
        far.chain(near).chain(years.flat_map(|start| [start - 1, start, start + 1]))
    }

    #[test]
    fn changes_are_counted_as_one_by_one() {
        for (name, table, ..) in tables() {
            let of_changes = table.changes.iter().flat_map(|(at, _)| [at - 1, *at, at + 1]);
            let buckets = table.first_bucket - 1..table.first_bucket + 600;
            let of_buckets = buckets.flat_map(|bucket| [(bucket << BUCKET_BITS) - 1, bucket << BUCKET_BITS]);
            for seconds in of_changes.chain(of_buckets).chain(moments()).chain([i64::MIN, i64::MAX]) {
                let one_by_one = table.changes.iter().take_while(|(at, _)| *at <= seconds).count();
                assert_eq!(table.changes_until(seconds), one_by_one, "{name} {seconds}");
            }
        }
    }

    #[test]
    fn years_are_like_those_of_the_pattern() {
        for (name, table, goes_on, goes_back) in tables() {
            for seconds in moments() {
                let year = civil_day(seconds.div_euclid(DAY_SECONDS)).year;
                let is_like_others =
                    (goes_on && year >= PATTERN_YEARS.end) || (goes_back && !PATTERN_YEARS.contains(&year));
                let shift = if is_like_others { year_start(year) - year_start(similar_year(year)) } else { 0 };
                assert_eq!(table.shift(seconds), shift, "{name} {seconds}");
                let phase = |seconds: i64| {
                    let past = table.changes.iter().take_while(|(at, _)| *at <= seconds);
                    past.last().map_or(table.first, |(_, phase)| *phase)
                };
                assert_eq!(table.phase_at(seconds), phase(seconds - shift), "{name} {seconds}");
                let next = table.changes.iter().find(|(at, _)| *at > seconds - shift);
                let next = next.map(|(at, phase)| (at + shift, *phase));
                assert_eq!(table.next_change(seconds), (phase(seconds - shift), next), "{name} {seconds}");
            }
        }
    }
}
