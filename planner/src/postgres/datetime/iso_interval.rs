//! Intervals as ISO 8601 writes them: `P1Y2M3DT4H5M6S`, and `P0001-02-03T04:05:06` or `P00010203T040506`.

use super::interval_input::Span;
use super::numbers::{Fault, truncated};
use super::units::Unit;

/// Numbers beyond have no fraction worth the name.
const MAX_NUMBER: f64 = 1.0e15;
/// The digits of a date and of a time that are run together.
const DATE_DIGITS: usize = 8;
const TIME_DIGITS: usize = 6;

/// A number with what comes after it.
struct Number<'a> {
    value: i64,
    fraction: f64,
    /// The digits before the fraction.
    width: usize,
    rest: &'a str,
}

/// Read a text.
pub(super) fn decode(text: &str) -> Result<Span, Fault> {
    let mut span = Span::default();
    let mut rest = text.strip_prefix('P').filter(|rest| !rest.is_empty()).ok_or(Fault::Format)?;
    let (mut is_date, mut has_field) = (true, false);
    while !rest.is_empty() {
        if let Some(time) = rest.strip_prefix('T') {
            (is_date, has_field, rest) = (false, false, time);
            continue;
        }
        let number = number(rest)?;
        let unit = number.rest.bytes().next();
        let Number { value, fraction, .. } = number;
        let named = match (is_date, unit) {
            (true, Some(b'Y')) => Some(Unit::Year),
            (true, Some(b'M')) => Some(Unit::Month),
            (true, Some(b'W')) => Some(Unit::Week),
            (true, Some(b'D')) => Some(Unit::Day),
            (false, Some(b'H')) => Some(Unit::Hour),
            (false, Some(b'M')) => Some(Unit::Minute),
            (false, Some(b'S')) => Some(Unit::Second),
            (true, None | Some(b'T' | b'-')) | (false, None | Some(b':')) => None,
            _ => return Err(Fault::Format),
        };
        if let Some(unit) = named {
            span.add(unit, value, fraction)?;
            rest = number.rest.get(1..).unwrap_or_default();
            has_field = true;
            continue;
        }
        if has_field {
            return Err(Fault::Format);
        }
        if is_date {
            let Some(time) = alternative_date(&mut span, &number)? else { return Ok(span) };
            (is_date, rest) = (false, time);
        } else {
            alternative_time(&mut span, &number)?;
            return Ok(span);
        }
    }
    Ok(span)
}

/// A date without letters; the time that comes after it, if there is a `T`.
fn alternative_date<'a>(span: &mut Span, first: &Number<'a>) -> Result<Option<&'a str>, Fault> {
    if first.width == DATE_DIGITS && !first.rest.starts_with('-') {
        span.add(Unit::Year, first.value / 10_000, 0.0)?;
        span.add(Unit::Month, first.value / 100 % 100, 0.0)?;
        span.add(Unit::Day, first.value % 100, first.fraction)?;
        return Ok(first.rest.strip_prefix('T'));
    }
    span.add(Unit::Year, first.value, first.fraction)?;
    let mut rest = first.rest;
    for unit in [Unit::Month, Unit::Day] {
        match rest.strip_prefix('-') {
            Some(next) => {
                let next = number(next)?;
                span.add(unit, next.value, next.fraction)?;
                rest = next.rest;
            }
            None => break,
        }
    }
    match rest.strip_prefix('T') {
        None if !rest.is_empty() => Err(Fault::Format),
        time => Ok(time),
    }
}

/// A time without letters, which ends the text.
fn alternative_time(span: &mut Span, first: &Number<'_>) -> Result<(), Fault> {
    if first.width == TIME_DIGITS && first.rest.is_empty() {
        span.add(Unit::Hour, first.value / 10_000, 0.0)?;
        span.add(Unit::Minute, first.value / 100 % 100, 0.0)?;
        return span.add(Unit::Second, first.value % 100, first.fraction);
    }
    span.add(Unit::Hour, first.value, first.fraction)?;
    let mut rest = first.rest;
    for unit in [Unit::Minute, Unit::Second] {
        match rest.strip_prefix(':') {
            Some(next) => {
                let next = number(next)?;
                span.add(unit, next.value, next.fraction)?;
                rest = next.rest;
            }
            None => break,
        }
    }
    if rest.is_empty() { Ok(()) } else { Err(Fault::Format) }
}

/// The number that a text begins with, in C's notation of decimal ones.
fn number(text: &str) -> Result<Number<'_>, Fault> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let width = digits(unsigned);
    let mut end = text.len() - unsigned.len() + width;
    let mut has_digits = width > 0;
    if text.get(end..).is_some_and(|rest| rest.starts_with('.')) {
        let places = text.get(end + 1..).map_or(0, digits);
        has_digits |= places > 0;
        end += 1 + places;
    }
    if !has_digits {
        return Err(Fault::Format);
    }
    if let Some(exponent) = text.get(end..).and_then(|rest| rest.strip_prefix(['e', 'E'])) {
        let places = digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent));
        if places > 0 {
            end += 1 + usize::from(exponent.starts_with(['+', '-'])) + places;
        }
    }
    let (number, rest) = text.split_at_checked(end).ok_or(Fault::Format)?;
    let number: f64 = number.parse().map_err(|_| Fault::Format)?;
    if number.is_infinite() {
        return Err(Fault::Format);
    }
    if number.abs() > MAX_NUMBER {
        return Err(Fault::Overflow);
    }
    Ok(Number { value: truncated(number), fraction: number - number.trunc(), width, rest })
}

fn digits(text: &str) -> usize {
    text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len())
}
