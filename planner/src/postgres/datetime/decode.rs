//! The fields of a date or a time put together: what a number means depends on what has been found before it.

use super::Now;
use super::calendar::{Civil, UNIX_EPOCH_JULIAN, civil_day};
use super::date_check::{DateForm, check_date};
use super::numbers::{Fault, clock, digits, fraction, fraction_micros, leading_small, truncated, zone_offset};
use super::units::Unit;
use super::words::{DateWord, HalfDay, date_word};
use super::zone::{Abbreviated, Zone};
use crate::postgres::value::{MICROS_OF_DAY, Time};

/// What has been found, one bit each.
pub(super) type Found = u32;

pub(super) const YEAR: Found = 1;
pub(super) const MONTH: Found = 1 << 1;
pub(super) const DAY: Found = 1 << 2;
pub(super) const DATE: Found = YEAR | MONTH | DAY;
pub(super) const TIME: Found = 1 << 3;
pub(super) const ZONE: Found = 1 << 4;
pub(super) const DAYLIGHT: Found = 1 << 5;
pub(super) const DAYLIGHT_MODIFIER: Found = 1 << 6;
pub(super) const DAY_OF_YEAR: Found = 1 << 7;
pub(super) const WEEKDAY: Found = 1 << 8;
pub(super) const HALF_DAY: Found = 1 << 9;
pub(super) const ERA: Found = 1 << 10;
/// An abbreviation that has not always meant the same, beside `ZONE`.
const CHANGING_ZONE: Found = 1 << 11;

const DAYLIGHT_SECONDS: i32 = 3600;
/// A number of so many digits is no year of two digits, and may be a day of a year.
const LONG_DIGITS: usize = 3;

/// A word that says what the number after it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    Julian,
    Time,
    Other,
}

/// The fields so far.
pub(super) struct Decoder<'a> {
    pub(super) now: &'a Now<'a>,
    pub(super) civil: Civil,
    pub(super) found: Found,
    pub(super) label: Option<Label>,
    /// Seconds east of Greenwich.
    pub(super) offset: i32,
    pub(super) zone: Option<Zone>,
    pub(super) half_day: Option<HalfDay>,
    pub(super) is_text_month: bool,
    bc: bool,
    day_of_year: i32,
    is_julian: bool,
    is_short_year: bool,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(now: &'a Now<'a>) -> Self {
        Self {
            now,
            civil: Civil::default(),
            found: 0,
            label: None,
            offset: 0,
            zone: None,
            half_day: None,
            is_text_month: false,
            bc: false,
            day_of_year: 0,
            is_julian: false,
            is_short_year: false,
        }
    }

    /// Whether all of these have been found.
    pub(super) fn has(&self, wanted: Found) -> bool {
        self.found & wanted == wanted
    }

    /// Whether any of these has been found.
    pub(super) fn has_any(&self, wanted: Found) -> bool {
        self.found & wanted != 0
    }

    /// Note what has been found; nothing may be found twice.
    pub(super) fn note(&mut self, found: Found) -> Result<(), Fault> {
        if self.has_any(found) {
            return Err(Fault::Format);
        }
        self.found |= found;
        Ok(())
    }

    /// A label in front of a number, of which there must be only one.
    pub(super) fn set_label(&mut self, label: Label) -> Result<Found, Fault> {
        if self.label.replace(label).is_some() {
            return Err(Fault::Format);
        }
        Ok(0)
    }

    /// The number after a label.
    pub(super) fn labelled(&mut self, label: Label, text: &str) -> Result<Found, Fault> {
        let (_, rest) = leading_small(text)?;
        if !rest.is_empty() && !rest.starts_with('.') {
            return Err(Fault::Format);
        }
        self.label = None;
        match label {
            Label::Julian => self.julian(text),
            Label::Time => match self.run_together(text, self.found | DATE)? {
                TIME => Ok(TIME),
                _ => Err(Fault::Format),
            },
            Label::Other => Err(Fault::Format),
        }
    }

    pub(super) fn set_date(&mut self, date: Civil) {
        self.civil = Civil { year: date.year, month: date.month, day: date.day, ..self.civil };
    }

    pub(super) fn set_time(&mut self, hour: i32, minute: i32, second: i32) {
        self.civil = Civil { hour, minute, second, ..self.civil };
    }

    /// The label before a time, which must be the one for times.
    pub(super) fn take_time_label(&mut self) -> Result<(), Fault> {
        match self.label.take() {
            None | Some(Label::Time) => Ok(()),
            Some(_) => Err(Fault::Format),
        }
    }

    /// Digits, `-` and the rest of an offset, all run together.
    pub(super) fn time_with_offset(&mut self, text: &str, known: Found) -> Result<Found, Fault> {
        if self.has(TIME) {
            return Err(Fault::Format);
        }
        let (time, offset) = text.split_at_checked(text.find('-').ok_or(Fault::Format)?).ok_or(Fault::Format)?;
        self.offset = zone_offset(offset)?;
        Ok(self.run_together(time, known)? | ZONE)
    }

    /// A zone that is named in full.
    pub(super) fn full_zone(&mut self, name: &str) -> Result<Found, Fault> {
        self.zone = Some(Zone::named(name).ok_or_else(|| Fault::UnknownZone(name.to_owned()))?);
        Ok(ZONE)
    }

    /// A clock time, with no check of the hours.
    pub(super) fn clock(&mut self, text: &str) -> Result<Found, Fault> {
        let clock = clock(text, false)?;
        self.set_time(i32::try_from(clock.hours).map_err(|_| Fault::Overflow)?, clock.minutes, clock.seconds);
        self.civil.micros = clock.micros;
        Ok(TIME)
    }

    /// The number of a Julian day, with a fraction perhaps.
    fn julian(&mut self, text: &str) -> Result<Found, Fault> {
        let (day, rest) = leading_small(text)?;
        self.julian_day(day)?;
        if rest.is_empty() {
            return Ok(DATE);
        }
        let time = Civil::of_time(Time(truncated(fraction(rest)? * 86_400e6).clamp(0, MICROS_OF_DAY)));
        self.set_time(time.hour, time.minute, time.second);
        self.civil.micros = time.micros;
        Ok(DATE | TIME)
    }

    /// The number of a Julian day with an offset after it.
    pub(super) fn julian_with_offset(&mut self, text: &str) -> Result<Found, Fault> {
        let (day, rest) = leading_small(text)?;
        self.julian_day(day)?;
        self.offset = zone_offset(rest)?;
        self.label = None;
        Ok(DATE | TIME | ZONE)
    }

    fn julian_day(&mut self, day: i32) -> Result<(), Fault> {
        if day < 0 {
            return Err(Fault::Overflow);
        }
        self.set_date(civil_day(i64::from(day) - UNIX_EPOCH_JULIAN));
        self.is_julian = true;
        Ok(())
    }

    /// A date with its parts set apart.
    pub(super) fn date(&mut self, text: &str) -> Result<Found, Fault> {
        let mut is_text_month = false;
        let mut known = self.found;
        // The month first, if it is a word: then the numbers are plain.
        for part in parts(text) {
            let part = part?;
            if part.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
                match date_word(part) {
                    Some(DateWord::Ignored) => continue,
                    Some(DateWord::Month(month)) if known & MONTH == 0 => self.civil.month = month,
                    _ => return Err(Fault::Format),
                }
                is_text_month = true;
                known |= MONTH;
            }
        }
        for part in parts(text) {
            let part = part?;
            if part.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
                match date_word(part) {
                    Some(DateWord::Month(_)) => continue,
                    _ => return Err(Fault::Format),
                }
            }
            let found = self.number(part, is_text_month, known)?;
            if known & found != 0 {
                return Err(Fault::Format);
            }
            known |= found;
        }
        if known & !(DAY_OF_YEAR | ZONE) != DATE {
            return Err(Fault::Format);
        }
        Ok(known & !self.found)
    }

    /// A number on its own: a part of a date, or a time where there is a date.
    pub(super) fn number(&mut self, text: &str, is_text_month: bool, known: Found) -> Result<Found, Fault> {
        let (value, rest) = leading_small(text)?;
        if rest.len() == text.len() {
            return Err(Fault::Format);
        }
        if rest.starts_with('.') {
            // So many digits may be a date, or a time run together.
            if text.len() - rest.len() >= LONG_DIGITS {
                return self.run_together(text, known | DATE);
            }
            self.civil.micros = fraction_micros(rest)?;
        } else if !rest.is_empty() {
            return Err(Fault::Format);
        }
        let length = text.len();
        if length == LONG_DIGITS && known & DATE == YEAR && (1..=366).contains(&value) {
            self.day_of_year = value;
            return Ok(DAY_OF_YEAR | MONTH | DAY);
        }
        let is_year = match known & DATE {
            0 => length >= LONG_DIGITS,
            MONTH => is_text_month && length >= LONG_DIGITS,
            part if part == MONTH | DAY => true,
            _ => false,
        };
        if is_year {
            self.civil.year = value;
            self.is_short_year = length < LONG_DIGITS;
            return Ok(YEAR);
        }
        match known & DATE {
            0 | YEAR | DAY => {
                self.civil.month = value;
                Ok(MONTH)
            }
            MONTH => {
                self.civil.day = value;
                Ok(DAY)
            }
            part if part == YEAR | MONTH => {
                if is_text_month && length >= LONG_DIGITS && self.is_short_year {
                    // What was taken for the year was the day.
                    self.civil.day = self.civil.year;
                    self.civil.year = value;
                    self.is_short_year = false;
                } else {
                    self.civil.day = value;
                }
                Ok(DAY)
            }
            DATE => self.run_together(text, known),
            _ => Err(Fault::Format),
        }
    }

    /// A date or a time as digits run together: `yymmdd`, `yyyymmdd`, `hhmm`, `hhmmss`, `hhmmss.fff`.
    pub(super) fn run_together(&mut self, text: &str, known: Found) -> Result<Found, Fault> {
        let whole = match text.find('.').and_then(|dot| text.split_at_checked(dot)) {
            Some((whole, rest)) => {
                self.civil.micros = fraction_micros(rest)?;
                whole
            }
            None => text,
        };
        if !whole.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Fault::Format);
        }
        let part = |from: usize, to: usize| whole.get(from..to).map(digits).ok_or(Fault::Format);
        let length = whole.len();
        if length == text.len() && known & DATE != DATE && length >= 6 {
            self.civil.year = part(0, length - 4)?;
            self.civil.month = part(length - 4, length - 2)?;
            self.civil.day = part(length - 2, length)?;
            self.is_short_year |= length == 6;
            return Ok(DATE);
        }
        if known & TIME == TIME || (length != 6 && length != 4) {
            return Err(Fault::Format);
        }
        let second = if length == 6 { part(4, 6)? } else { 0 };
        self.set_time(part(0, 2)?, part(2, 4)?, second);
        Ok(TIME)
    }

    /// The meaning of a word as an abbreviation of a zone.
    pub(super) fn abbreviation(&mut self, word: &str) -> Option<Found> {
        match Zone::abbreviated(word, self.now.zone)? {
            Abbreviated::Fixed { offset_seconds, daylight } => {
                self.offset = offset_seconds;
                Some(if daylight { ZONE | DAYLIGHT } else { ZONE })
            }
            Abbreviated::Changing(zone) => {
                self.zone = Some(zone);
                Some(ZONE | CHANGING_ZONE)
            }
        }
    }

    /// What words mean in dates and in times alike; none for the others.
    pub(super) fn common_word(&mut self, word: DateWord) -> Option<Result<Found, Fault>> {
        Some(match word {
            DateWord::DaylightModifier => {
                self.offset += DAYLIGHT_SECONDS;
                Ok(DAYLIGHT_MODIFIER | DAYLIGHT)
            }
            DateWord::HalfDay(half) => {
                self.half_day = Some(half);
                Ok(HALF_DAY)
            }
            DateWord::Era { bc } => {
                self.bc = bc;
                Ok(ERA)
            }
            DateWord::Unit(Unit::Julian) => self.set_label(Label::Julian),
            DateWord::Unit(_) => self.set_label(Label::Other),
            _ => return None,
        })
    }

    /// A time before or after noon.
    pub(super) fn apply_half_day(&mut self) -> Result<(), Fault> {
        let Some(half) = self.half_day else { return Ok(()) };
        if self.civil.hour > 12 {
            return Err(Fault::Overflow);
        }
        match half {
            HalfDay::Am if self.civil.hour == 12 => self.civil.hour = 0,
            HalfDay::Pm if self.civil.hour != 12 => self.civil.hour += 12,
            _ => {}
        }
        Ok(())
    }

    /// The date's fields, checked as far as they are there.
    pub(super) fn check_date(&mut self) -> Result<(), Fault> {
        check_date(
            &mut self.civil,
            self.found,
            DateForm {
                is_julian: self.is_julian,
                bc: self.bc,
                is_short_year: self.is_short_year,
                day_of_year: self.day_of_year,
            },
        )
    }
}

/// The parts of a date: digits or letters, each with one byte of anything after it.
fn parts(text: &str) -> impl Iterator<Item = Result<&str, Fault>> {
    let mut rest = text;
    let mut count = 0;
    std::iter::from_fn(move || {
        if rest.is_empty() || count >= super::tokens::MAX_FIELDS {
            return None;
        }
        count += 1;
        rest = rest.trim_start_matches(|letter: char| !letter.is_ascii_alphanumeric());
        let is_number = rest.starts_with(|letter: char| letter.is_ascii_digit());
        let is_part = |letter: char| if is_number { letter.is_ascii_digit() } else { letter.is_ascii_alphabetic() };
        let end = rest.find(|letter: char| !is_part(letter)).unwrap_or(rest.len());
        let (part, after) = rest.split_at_checked(end)?;
        rest = after.get(1..).unwrap_or_default();
        Some(if part.is_empty() { Err(Fault::Format) } else { Ok(part) })
    })
}
