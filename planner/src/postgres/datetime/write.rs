//! Dates, times, timestamps and intervals printed as PostgreSQL prints them.

use std::fmt::Write;

use super::calendar::Civil;
use super::interval_input::{MICROS_OF_HOUR, MICROS_OF_MINUTE};
use super::zone::Zone;
use crate::postgres::value::{Date, Interval, MICROS_OF_SECOND, Time, Timestamp, TimestampTz};

/// `2024-02-29`, `0044-03-15 BC`.
pub(crate) fn write_date(out: &mut String, date: Date) {
    let civil = Civil::of_date(date);
    push_day(out, &civil);
    push_era(out, &civil);
}

/// `10:11:12.345`.
pub(crate) fn write_time(out: &mut String, time: Time) {
    push_clock(out, &Civil::of_time(time));
}

/// `2024-02-29 10:11:12.345`.
pub(crate) fn write_timestamp(out: &mut String, timestamp: Timestamp) {
    let civil = Civil::of(timestamp);
    push_moment(out, &civil);
    push_era(out, &civil);
}

/// `2024-02-29 10:11:12.345+05:30`, as the clocks of the zone show it.
pub(crate) fn write_timestamptz(out: &mut String, moment: TimestampTz, zone: &Zone) {
    let offset = zone.offset_at_utc(moment.0);
    let civil = Civil::ahead(moment.0, offset);
    push_moment(out, &civil);
    push_offset(out, offset);
    push_era(out, &civil);
}

/// `1 year 2 mons -3 days +04:05:06.7`.
pub(crate) fn write_interval(out: &mut String, interval: Interval) {
    let start = out.len();
    let mut was_negative = false;
    for (value, unit) in [(interval.months / 12, "year"), (interval.months % 12, "mon"), (interval.days, "day")] {
        if value == 0 {
            continue;
        }
        let space = if out.len() > start { " " } else { "" };
        let sign = if was_negative && value > 0 { "+" } else { "" };
        let plural = if value == 1 { "" } else { "s" };
        // Writing to a string does not fail.
        let _ = write!(out, "{space}{sign}{value} {unit}{plural}");
        was_negative = value < 0;
    }
    if out.len() > start && interval.micros == 0 {
        return;
    }
    if out.len() > start {
        out.push(' ');
    }
    if interval.micros < 0 {
        out.push('-');
    } else if was_negative {
        out.push('+');
    }
    let micros = interval.micros.unsigned_abs();
    let (second, minute, hour) =
        (MICROS_OF_SECOND.unsigned_abs(), MICROS_OF_MINUTE.unsigned_abs(), MICROS_OF_HOUR.unsigned_abs());
    push_padded(out, micros / hour, 2);
    out.push(':');
    push_padded(out, micros / minute % 60, 2);
    out.push(':');
    push_padded(out, micros / second % 60, 2);
    push_fraction(out, micros % second);
}

fn push_day(out: &mut String, civil: &Civil) {
    let year = if civil.year > 0 { i64::from(civil.year) } else { 1 - i64::from(civil.year) };
    push_padded(out, year.unsigned_abs(), 4);
    out.push('-');
    push_padded(out, u64::from(civil.month.unsigned_abs()), 2);
    out.push('-');
    push_padded(out, u64::from(civil.day.unsigned_abs()), 2);
}

fn push_clock(out: &mut String, civil: &Civil) {
    push_padded(out, u64::from(civil.hour.unsigned_abs()), 2);
    out.push(':');
    push_padded(out, u64::from(civil.minute.unsigned_abs()), 2);
    out.push(':');
    push_padded(out, u64::from(civil.second.unsigned_abs()), 2);
    push_fraction(out, u64::from(civil.micros.unsigned_abs()));
}

fn push_moment(out: &mut String, civil: &Civil) {
    push_day(out, civil);
    out.push(' ');
    push_clock(out, civil);
}

fn push_era(out: &mut String, civil: &Civil) {
    if civil.year <= 0 {
        out.push_str(" BC");
    }
}

fn push_offset(out: &mut String, offset_seconds: i32) {
    let size = u64::from(offset_seconds.unsigned_abs());
    out.push(if offset_seconds < 0 { '-' } else { '+' });
    push_padded(out, size / 3600, 2);
    if size % 3600 != 0 {
        out.push(':');
        push_padded(out, size / 60 % 60, 2);
    }
    if size % 60 != 0 {
        out.push(':');
        push_padded(out, size % 60, 2);
    }
}

/// Microseconds as a fraction without the zeros at its end.
fn push_fraction(out: &mut String, micros: u64) {
    if micros == 0 {
        return;
    }
    out.push('.');
    let (mut value, mut width) = (micros, 6);
    while value % 10 == 0 {
        value /= 10;
        width -= 1;
    }
    push_padded(out, value, width);
}

/// A number with zeros before it.
fn push_padded(out: &mut String, value: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    let mut rest = value;
    while rest > 0 || digits.len() - first < width {
        first -= 1;
        let Some(digit) = digits.get_mut(first) else { return };
        *digit = b"0123456789".get(usize::try_from(rest % 10).unwrap_or_default()).copied().unwrap_or(b'0');
        rest /= 10;
    }
    // Digits are ASCII.
    out.push_str(digits.get(first..).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default());
}
