//! The text of an interval: numbers with units, clock times, and the years and months of the SQL standard.

use super::iso_interval;
use super::numbers::{Clock, Fault, clock, fraction, leading_integer, leading_small, truncated};
use super::tokens::{Kind, Room, Tokens};
use super::units::Unit;
use super::words::{DateWord, Reserved, SpanWord, date_word, span_word};
use super::{infinite_intervals, interval_out_of_range};
use crate::postgres::error::ValueResult;
use crate::postgres::value::{Interval, MICROS_OF_DAY, MICROS_OF_SECOND};

pub(super) const MICROS_OF_MINUTE: i64 = 60 * MICROS_OF_SECOND;
pub(super) const MICROS_OF_HOUR: i64 = 60 * MICROS_OF_MINUTE;
const MONTHS_OF_YEAR: i64 = 12;
pub(super) const DAYS_OF_MONTH: i32 = 30;

/// The fields that an interval is restricted to, as in `interval day to second`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum IntervalFields {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    YearToMonth,
    DayToHour,
    DayToMinute,
    DayToSecond,
    HourToMinute,
    HourToSecond,
    MinuteToSecond,
}

impl IntervalFields {
    /// What a number without a unit counts.
    fn last_unit(self) -> Unit {
        match self {
            Self::Year => Unit::Year,
            Self::Month | Self::YearToMonth => Unit::Month,
            Self::Day => Unit::Day,
            Self::Hour | Self::DayToHour => Unit::Hour,
            Self::Minute | Self::DayToMinute | Self::HourToMinute => Unit::Minute,
            Self::Second | Self::DayToSecond | Self::HourToSecond | Self::MinuteToSecond => Unit::Second,
        }
    }
}

impl Interval {
    /// Read a text; the fields say what a number without a unit is, and what is kept.
    pub(crate) fn parse(text: &str, fields: Option<IntervalFields>) -> ValueResult<Self> {
        let span = match decode(text, fields) {
            Err(Fault::Format) => iso_interval::decode(text),
            other => other,
        };
        let span = span.map_err(|fault| {
            let fault = if fault == Fault::Overflow { Fault::IntervalOverflow } else { fault };
            fault.into_error("interval", text)
        })?;
        let months = i64::from(span.years) * MONTHS_OF_YEAR + i64::from(span.months);
        let months = i32::try_from(months).map_err(|_| interval_out_of_range())?;
        let interval = Self { months, days: span.days, micros: span.micros };
        Ok(fields.map_or(interval, |fields| interval.restricted(fields)))
    }
}

/// An interval that is being put together.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Span {
    years: i32,
    months: i32,
    days: i32,
    micros: i64,
}

impl Span {
    /// Add a number of some unit; years have their whole months rounded, all else spills down.
    pub(super) fn add(&mut self, unit: Unit, value: i64, fraction: f64) -> Result<(), Fault> {
        match unit {
            Unit::Microsecond => self.add_micros(value, fraction, 1),
            Unit::Millisecond => self.add_micros(value, fraction, 1000),
            Unit::Second => self.add_micros(value, fraction, MICROS_OF_SECOND),
            Unit::Minute => self.add_micros(value, fraction, MICROS_OF_MINUTE),
            Unit::Hour => self.add_micros(value, fraction, MICROS_OF_HOUR),
            Unit::Day => {
                self.add_days(value, 1)?;
                self.add_micros(0, fraction, MICROS_OF_DAY)
            }
            Unit::Week => {
                self.add_days(value, 7)?;
                self.add_fraction_of_days(fraction, 7)
            }
            Unit::Month => {
                let value = i32::try_from(value).ok().and_then(|value| self.months.checked_add(value));
                self.months = value.ok_or(Fault::Overflow)?;
                self.add_fraction_of_days(fraction, DAYS_OF_MONTH)
            }
            Unit::Year => self.add_years(value, fraction, 1),
            Unit::Decade => self.add_years(value, fraction, 10),
            Unit::Century => self.add_years(value, fraction, 100),
            Unit::Millennium => self.add_years(value, fraction, 1000),
            _ => Err(Fault::Format),
        }
    }

    fn add_micros(&mut self, value: i64, fraction: f64, scale: i64) -> Result<(), Fault> {
        let whole = value.checked_mul(scale).and_then(|micros| self.micros.checked_add(micros));
        self.micros = whole.ok_or(Fault::Overflow)?;
        if fraction == 0.0 {
            return Ok(());
        }
        #[expect(clippy::cast_precision_loss, reason = "the scale is far below 2^53")]
        let part = fraction * scale as f64;
        let mut micros = truncated(part);
        #[expect(clippy::cast_precision_loss, reason = "it is part of a day")]
        let rest = part - micros as f64;
        if rest > 0.5 {
            micros += 1;
        } else if rest < -0.5 {
            micros -= 1;
        }
        self.micros = self.micros.checked_add(micros).ok_or(Fault::Overflow)?;
        Ok(())
    }

    fn add_days(&mut self, value: i64, scale: i32) -> Result<(), Fault> {
        let days = i32::try_from(value).ok().and_then(|value| value.checked_mul(scale));
        self.days = days.and_then(|days| self.days.checked_add(days)).ok_or(Fault::Overflow)?;
        Ok(())
    }

    fn add_fraction_of_days(&mut self, fraction: f64, scale: i32) -> Result<(), Fault> {
        let part = fraction * f64::from(scale);
        self.add_days(truncated(part), 1)?;
        self.add_micros(0, part - part.trunc(), MICROS_OF_DAY)
    }

    fn add_years(&mut self, value: i64, fraction: f64, scale: i32) -> Result<(), Fault> {
        let years = i32::try_from(value).ok().and_then(|value| value.checked_mul(scale));
        self.years = years.and_then(|years| self.years.checked_add(years)).ok_or(Fault::Overflow)?;
        let months = truncated((fraction * f64::from(scale) * 12.0).round_ties_even());
        let months = i32::try_from(months).ok().and_then(|months| self.months.checked_add(months));
        self.months = months.ok_or(Fault::Overflow)?;
        Ok(())
    }

    fn set_clock(&mut self, clock: Clock) -> Result<(), Fault> {
        let rest = i64::from(clock.minutes) * MICROS_OF_MINUTE
            + i64::from(clock.seconds) * MICROS_OF_SECOND
            + i64::from(clock.micros);
        let micros = clock.hours.checked_mul(MICROS_OF_HOUR).and_then(|hours| hours.checked_add(rest));
        self.micros = micros.ok_or(Fault::Overflow)?;
        Ok(())
    }

    fn negated(self) -> Result<Self, Fault> {
        let negated = || {
            Some(Self {
                years: self.years.checked_neg()?,
                months: self.months.checked_neg()?,
                days: self.days.checked_neg()?,
                micros: self.micros.checked_neg()?,
            })
        };
        negated().ok_or(Fault::Overflow)
    }
}

/// What has been found, one bit each; nothing may be found twice.
const ALL_SECONDS: u32 = 0b111;
const CLOCK: u32 = 0b1_1111;

fn found_unit(unit: Unit, fraction: f64) -> u32 {
    match unit {
        Unit::Microsecond => 1,
        Unit::Millisecond => 1 << 1,
        // A fraction takes the place of the smaller units.
        Unit::Second if fraction != 0.0 => ALL_SECONDS,
        Unit::Second => 1 << 2,
        Unit::Minute => 1 << 3,
        Unit::Hour => 1 << 4,
        Unit::Day => 1 << 5,
        Unit::Week => 1 << 6,
        Unit::Month => 1 << 7,
        Unit::Year => 1 << 8,
        Unit::Decade => 1 << 9,
        Unit::Century => 1 << 10,
        _ => 1 << 11,
    }
}

/// What the numbers to the left are in.
#[derive(Clone, Copy)]
enum Counted {
    Unsaid,
    By(Unit),
    /// By nothing that a number can be of.
    Nothing,
}

fn decode(text: &str, fields: Option<IntervalFields>) -> Result<Span, Fault> {
    let tokens = Tokens::of(text, Room::Interval).ok_or(Fault::Format)?;
    let minute_to_second = fields == Some(IntervalFields::MinuteToSecond);
    let mut span = Span::default();
    let mut counted = Counted::Unsaid;
    let (mut all_found, mut is_ago, mut is_infinite, mut is_unit_open) = (0, false, false, false);
    // Units come after their numbers, so it is read from the right.
    for index in (0..tokens.len()).rev() {
        let text = tokens.text(index);
        let kind = tokens.kind(index).ok_or(Fault::Format)?;
        let found = match kind {
            Kind::Time => {
                span.set_clock(clock(text, minute_to_second)?)?;
                (counted, is_unit_open) = (Counted::By(Unit::Day), false);
                CLOCK
            }
            Kind::Signed | Kind::Date | Kind::Number => {
                is_unit_open = false;
                if kind == Kind::Signed && signed_clock(&mut span, text, minute_to_second)? {
                    counted = Counted::By(Unit::Day);
                    CLOCK
                } else {
                    let unit = match counted {
                        Counted::Unsaid => fields.map_or(Unit::Second, IntervalFields::last_unit),
                        Counted::By(unit) => unit,
                        Counted::Nothing => Unit::NoField,
                    };
                    let (unit, found) = number(&mut span, text, unit)?;
                    // Hours may have days before them that are not called so.
                    counted = Counted::By(if unit == Unit::Hour { Unit::Day } else { unit });
                    found
                }
            }
            Kind::Word | Kind::SignedWord => {
                if is_unit_open {
                    return Err(Fault::Format);
                }
                let is_last = index + 1 == tokens.len();
                match word(text)? {
                    SpanWord::Ignored => {
                        counted = Counted::Unsaid;
                        continue;
                    }
                    SpanWord::Unit(unit) => {
                        (counted, is_unit_open) = (Counted::By(unit), true);
                        0
                    }
                    SpanWord::Ago if is_last => {
                        (counted, is_ago) = (Counted::Nothing, true);
                        0
                    }
                    SpanWord::Late | SpanWord::Early if is_last => {
                        (counted, is_infinite) = (Counted::Nothing, true);
                        u32::MAX
                    }
                    _ => return Err(Fault::Format),
                }
            }
        };
        if found & all_found != 0 {
            return Err(Fault::Format);
        }
        all_found |= found;
    }
    if all_found == 0 || is_unit_open {
        return Err(Fault::Format);
    }
    if is_infinite {
        return Err(Fault::Unsupported(infinite_intervals()));
    }
    if is_ago { span.negated() } else { Ok(span) }
}

fn word(text: &str) -> Result<SpanWord, Fault> {
    if let Some(word) = span_word(text) {
        return Ok(word);
    }
    match date_word(text) {
        Some(DateWord::Unit(unit)) => Ok(SpanWord::Unit(unit)),
        Some(DateWord::Ignored) => Ok(SpanWord::Ignored),
        Some(DateWord::Reserved(Reserved::Late)) => Ok(SpanWord::Late),
        Some(DateWord::Reserved(Reserved::Early)) => Ok(SpanWord::Early),
        _ => Err(Fault::Format),
    }
}

/// A clock time with a sign; false if the text is none.
fn signed_clock(span: &mut Span, text: &str, minute_to_second: bool) -> Result<bool, Fault> {
    let Some(unsigned) = text.strip_prefix(['+', '-']).filter(|rest| rest.contains(':')) else { return Ok(false) };
    let Ok(clock) = clock(unsigned, minute_to_second) else { return Ok(false) };
    if span.set_clock(clock).is_err() {
        return Ok(false);
    }
    if text.starts_with('-') {
        span.micros = span.micros.checked_neg().ok_or(Fault::Overflow)?;
    }
    Ok(true)
}

/// A number of a unit, or years and months with `-` between them.
fn number(span: &mut Span, text: &str, unit: Unit) -> Result<(Unit, u32), Fault> {
    let (value, rest) = leading_integer(text)?;
    let is_negative = text.starts_with('-');
    if let Some(rest) = rest.strip_prefix('-') {
        let (months, rest) = leading_small(rest)?;
        if !(0..12).contains(&months) {
            return Err(Fault::Overflow);
        }
        if !rest.is_empty() {
            return Err(Fault::Format);
        }
        let months = i64::from(if is_negative { -months } else { months });
        let months = value.checked_mul(MONTHS_OF_YEAR).and_then(|years| years.checked_add(months));
        span.add(Unit::Month, months.ok_or(Fault::Overflow)?, 0.0)?;
        return Ok((Unit::Month, found_unit(Unit::Month, 0.0)));
    }
    let part = if rest.is_empty() { 0.0 } else { fraction(rest)? };
    let part = if is_negative { -part } else { part };
    span.add(unit, value, part)?;
    Ok((unit, found_unit(unit, part)))
}

#[cfg(test)]
mod tests {
    use super::IntervalFields;
    use crate::postgres::datetime::write::write_interval;
    use crate::postgres::value::Interval;

    fn read(text: &str, fields: Option<IntervalFields>) -> String {
        match Interval::parse(text, fields) {
            Ok(interval) => {
                let mut text = String::new();
                write_interval(&mut text, interval);
                text
            }
            Err(error) => format!("{} {error}", error.sqlstate),
        }
    }

    #[test]
    fn intervals_are_read_in_all_styles() {
        for (text, expected) in [
            ("1 year 2 mons -3 days +04:05:06.789", "1 year 2 mons -3 days +04:05:06.789"),
            ("@ 1 day 2 hours ago", "-1 days -02:00:00"),
            ("1-2", "1 year 2 mons"),
            ("-1-2 3 -4:05", "-1 years -2 mons +3 days -04:05:00"),
            ("3 4:05:06", "3 days 04:05:06"),
            ("1.5 years", "1 year 6 mons"),
            ("1.5 months", "1 mon 15 days"),
            ("1.23456789 weeks", "8 days 15:24:26.659872"),
            ("1.5 us", "00:00:00.000001"),
            ("P1Y2M3DT4H5M6S", "1 year 2 mons 3 days 04:05:06"),
            ("P0001-02-03T04:05:06", "1 year 2 mons 3 days 04:05:06"),
            ("P00010203T040506", "1 year 2 mons 3 days 04:05:06"),
            ("P1.5Y-.5D", "1 year 6 mons -12:00:00"),
            ("PT", "00:00:00"),
            ("5", "00:00:05"),
            ("1 day day", "22007 invalid input syntax for type interval: \"1 day day\""),
            ("1 day 2 day", "22007 invalid input syntax for type interval: \"1 day 2 day\""),
            ("ago 1 day", "22007 invalid input syntax for type interval: \"ago 1 day\""),
            ("1 quarter", "22007 invalid input syntax for type interval: \"1 quarter\""),
            ("2147483648 days", "22015 interval field value out of range: \"2147483648 days\""),
            ("178956970 years 8 months", "22008 interval out of range"),
            ("9223372036854775808 us", "22015 interval field value out of range: \"9223372036854775808 us\""),
            ("-9223372036854775808 us ago", "22015 interval field value out of range: \"-9223372036854775808 us ago\""),
            ("1:59:61", "22015 interval field value out of range: \"1:59:61\""),
            ("", "22007 invalid input syntax for type interval: \"\""),
        ] {
            assert_eq!(read(text, None), expected, "{text}");
        }
        assert_eq!(read("infinity", None), "0A000 infinite intervals cannot be kept");
    }

    #[test]
    fn fields_say_what_a_number_is_and_what_is_kept() {
        use IntervalFields::{DayToHour, DayToSecond, Hour, MinuteToSecond, Month, Year};
        for (text, fields, expected) in [
            ("5", Year, "5 years"),
            ("5", Month, "5 mons"),
            ("5", Hour, "05:00:00"),
            ("1 5", DayToHour, "1 day 05:00:00"),
            ("1:2", MinuteToSecond, "00:01:02"),
            ("1 year 2 mons 3 days", Year, "1 year"),
            ("1 day 02:03:04", DayToHour, "1 day 02:00:00"),
            ("1 12:30", DayToSecond, "1 day 12:30:00"),
        ] {
            assert_eq!(read(text, Some(fields)), expected, "{text} {fields:?}");
        }
    }
}
