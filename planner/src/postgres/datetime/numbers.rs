//! Numbers within the texts of dates, times and intervals: integers, fractions, clock times, offsets.

use super::calendar::small;
use crate::postgres::error::ValueError;
use crate::postgres::value::{MICROS_OF_DAY, MICROS_OF_SECOND};

/// No zone is farther from Greenwich, in hours.
const MAX_ZONE_HOURS: i32 = 15;

/// Why a text is no date, time or interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    Format,
    Overflow,
    IntervalOverflow,
    ZoneOverflow,
    UnknownZone(String),
    Unsupported(ValueError),
}

impl Fault {
    /// The error about a text of a type.
    pub(super) fn into_error(self, kind: &str, text: &str) -> ValueError {
        match self {
            Self::Format => ValueError::new("22007", format!("invalid input syntax for type {kind}: \"{text}\"")),
            Self::Overflow => ValueError::new("22008", format!("date/time field value out of range: \"{text}\"")),
            Self::IntervalOverflow => {
                ValueError::new("22015", format!("interval field value out of range: \"{text}\""))
            }
            Self::ZoneOverflow => ValueError::new("22009", format!("time zone displacement out of range: \"{text}\"")),
            Self::UnknownZone(name) => super::zone::unknown_zone(&name),
            Self::Unsupported(error) => error,
        }
    }
}

/// The integer that a text begins with, perhaps with a sign, and what comes after it; 0 where there is none.
pub(super) fn leading_integer(text: &str) -> Result<(i64, &str), Fault> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let end = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
    if end == 0 {
        return Ok((0, text));
    }
    let (number, rest) = text.split_at_checked(text.len() - digits.len() + end).ok_or(Fault::Format)?;
    Ok((number.parse().map_err(|_| Fault::Overflow)?, rest))
}

/// The same for what PostgreSQL keeps in 32 bits.
pub(super) fn leading_small(text: &str) -> Result<(i32, &str), Fault> {
    let (value, rest) = leading_integer(text)?;
    Ok((i32::try_from(value).map_err(|_| Fault::Overflow)?, rest))
}

/// The integer of digits only, which wraps as C's `atoi` does where it is too long.
pub(super) fn digits(text: &str) -> i32 {
    let value = text.parse().unwrap_or(i64::MAX);
    #[expect(clippy::cast_possible_truncation, reason = "a year of more than ten digits is read so")]
    let wrapped = value as i32;
    wrapped
}

/// The fraction that `.` and digits are, below 1.
pub(super) fn fraction(text: &str) -> Result<f64, Fault> {
    let digits = text.strip_prefix('.').ok_or(Fault::Format)?;
    if digits.is_empty() {
        return Ok(0.0);
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::Format);
    }
    text.parse().map_err(|_| Fault::Format)
}

/// Microseconds of a fraction of a second; all of a second where it is rounded up so far.
pub(super) fn fraction_micros(text: &str) -> Result<i32, Fault> {
    Ok(small(rounded(fraction(text)? * 1e6)))
}

/// The integer next to a number, the even one of two; the ends of the range where it is beyond.
pub(super) fn rounded(value: f64) -> i64 {
    truncated(value.round_ties_even())
}

/// The number without its fraction; the ends of the range where it is beyond.
pub(super) fn truncated(value: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "the callers check the range where it matters")]
    let whole = value as i64;
    whole
}

/// A time on a clock, or a span of one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Clock {
    pub(super) hours: i64,
    pub(super) minutes: i32,
    pub(super) seconds: i32,
    pub(super) micros: i32,
}

/// `hh:mm`, `hh:mm:ss`, `mm:ss.fff` or `hh:mm:ss.fff`. Two numbers are minutes and seconds where the type says so.
pub(super) fn clock(text: &str, minute_to_second: bool) -> Result<Clock, Fault> {
    let (hours, rest) = leading_integer(text)?;
    let (minutes, rest) = leading_small(rest.strip_prefix(':').ok_or(Fault::Format)?)?;
    let mut clock = Clock { hours, minutes, ..Clock::default() };
    let mut is_shifted = rest.is_empty() && minute_to_second;
    if rest.starts_with('.') {
        clock.micros = fraction_micros(rest)?;
        is_shifted = true;
    } else if let Some(rest) = rest.strip_prefix(':') {
        let (seconds, rest) = leading_small(rest)?;
        clock.seconds = seconds;
        if rest.starts_with('.') {
            clock.micros = fraction_micros(rest)?;
        } else if !rest.is_empty() {
            return Err(Fault::Format);
        }
    } else if !rest.is_empty() {
        return Err(Fault::Format);
    }
    if is_shifted {
        clock.seconds = minutes;
        clock.minutes = i32::try_from(hours).map_err(|_| Fault::Overflow)?;
        clock.hours = 0;
    }
    let is_valid = clock.hours >= 0
        && (0..60).contains(&clock.minutes)
        && (0..=60).contains(&clock.seconds)
        && (0..=1_000_000).contains(&clock.micros);
    if is_valid { Ok(clock) } else { Err(Fault::Overflow) }
}

/// Whether the numbers are no time of a day; 24:00:00 is one, and so are 60 seconds where they are not too late.
pub(super) fn is_past_midnight(hours: i64, minutes: i64, seconds: i64, micros: i64) -> bool {
    let is_valid = (0..=24).contains(&hours)
        && (0..60).contains(&minutes)
        && (0..=60).contains(&seconds)
        && (0..=MICROS_OF_SECOND).contains(&micros);
    !is_valid || ((hours * 60 + minutes) * 60 + seconds) * MICROS_OF_SECOND + micros > MICROS_OF_DAY
}

/// Seconds east of Greenwich: `+hh`, `+hhmm`, `+hh:mm` or `+hh:mm:ss`.
pub(super) fn zone_offset(text: &str) -> Result<i32, Fault> {
    let unsigned = text.strip_prefix(['+', '-']).ok_or(Fault::Format)?;
    let out_of_range = |_| Fault::ZoneOverflow;
    let (mut hours, mut rest) = leading_small(unsigned).map_err(out_of_range)?;
    let (mut minutes, mut seconds) = (0, 0);
    if let Some(text) = rest.strip_prefix(':') {
        (minutes, rest) = leading_small(text).map_err(out_of_range)?;
        if let Some(text) = rest.strip_prefix(':') {
            (seconds, rest) = leading_small(text).map_err(out_of_range)?;
        }
    } else if rest.is_empty() && text.len() > 3 {
        (hours, minutes) = (hours / 100, hours % 100);
    }
    let in_range = (0..=MAX_ZONE_HOURS).contains(&hours) && (0..60).contains(&minutes) && (0..60).contains(&seconds);
    if !in_range {
        return Err(Fault::ZoneOverflow);
    }
    if !rest.is_empty() {
        return Err(Fault::Format);
    }
    let offset = (hours * 60 + minutes) * 60 + seconds;
    Ok(if text.starts_with('-') { -offset } else { offset })
}
