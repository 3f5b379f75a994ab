//! Reads a text by a template, as `to_date` and `to_timestamp` do.
//!
//! PostgreSQL reads leniently: white space and punctuation match each other, a character of the template that is no
//! pattern skips any character, and what is left of the text after the template is not looked at. `FX` makes it a little
//! stricter.

use super::super::error::{ValueError, ValueResult};
use super::INVALID_DATETIME_FORMAT;
use super::abbreviations;
use super::date_output::{ABBREVIATION_BYTES, DAYS, MONTHS, ROMAN_MONTHS};
use super::date_reader::{Reader, invalid_value};
use super::date_template::{Convention, DateTemplate, Field, FieldNode, Node};
use crate::postgres::datetime::abbreviations::Abbreviation;

/// The fields that were read. One that was not, and one that was read as 0, is 0.
#[derive(Debug, Default)]
pub(super) struct ReadFields {
    pub(super) convention: Option<Convention>,
    pub(super) hour: i32,
    pub(super) minute: i32,
    pub(super) second: i32,
    pub(super) second_of_day: i32,
    pub(super) millis: i32,
    pub(super) micros: i32,
    /// The digits of seconds that an `FF` keeps.
    pub(super) fraction_digits: Option<u8>,
    pub(super) is_12_hour_clock: bool,
    /// 1 in the afternoon.
    pub(super) afternoon: i32,
    pub(super) weekday: i32,
    pub(super) day: i32,
    pub(super) day_of_year: i32,
    pub(super) month: i32,
    pub(super) week: i32,
    pub(super) week_of_month: i32,
    pub(super) year: i32,
    /// How many digits the pattern of the year has.
    pub(super) year_digits: u8,
    pub(super) century: i32,
    /// 1 before Christ.
    pub(super) before_christ: i32,
    pub(super) julian_day: i32,
    /// 0 if no offset was read.
    pub(super) zone_sign: i32,
    pub(super) zone_hours: i32,
    pub(super) zone_minutes: i32,
    pub(super) abbreviation: Option<&'static Abbreviation>,
}

impl ReadFields {
    /// Reads the text.
    pub(super) fn read(template: &DateTemplate, text: &str) -> ValueResult<Self> {
        let mut fields = Self::default();
        let mut reader = Reader::new(text);
        let mut nodes = template.nodes.as_slice();
        let mut is_first = true;
        while let [node, following @ ..] = nodes
            && reader.peek().is_some()
        {
            reader.skip_before(node, is_first);
            match node {
                Node::Space(_) | Node::Separator(_) => reader.separator(),
                Node::Character(_) => reader.character(),
                Node::Field(node) => {
                    fields.use_convention(node.field)?;
                    fields.read_field(node, following.first(), &mut reader)?;
                    if !reader.fixed {
                        reader.extra = 0;
                        reader.skip_spaces();
                    }
                }
            }
            is_first = false;
            nodes = following;
        }
        Ok(fields)
    }

    fn use_convention(&mut self, field: Field) -> ValueResult<()> {
        let Some(convention) = field.convention() else { return Ok(()) };
        if *self.convention.get_or_insert(convention) == convention {
            return Ok(());
        }
        Err(ValueError::new(INVALID_DATETIME_FORMAT, "invalid combination of date conventions"))
    }

    fn read_field(&mut self, node: &FieldNode, next: Option<&Node>, reader: &mut Reader<'_>) -> ValueResult<()> {
        let number = |reader: &mut Reader<'_>, width: usize| reader.number(width, node, next);
        let own_width = node.name.len();
        match node.field {
            Field::FixedFormat => reader.fixed = true,
            Field::Meridiem { dotted, .. } => {
                let words = if dotted { ["a.m.", "p.m."] } else { ["am", "pm"] };
                let index = reader.word(node, words)?;
                set(&mut self.afternoon, index, node)?;
                self.is_12_hour_clock = true;
            }
            Field::Era { dotted, .. } => {
                let words = if dotted { ["a.d.", "b.c."] } else { ["ad", "bc"] };
                let index = reader.word(node, words)?;
                set(&mut self.before_christ, index, node)?;
            }
            Field::Hour12 | Field::Hour24 => {
                set(&mut self.hour, number(reader, 2)?.value, node)?;
                self.is_12_hour_clock |= node.field == Field::Hour12;
            }
            Field::Minute => set(&mut self.minute, number(reader, own_width)?.value, node)?,
            Field::Second => set(&mut self.second, number(reader, own_width)?.value, node)?,
            Field::SecondOfDay => set(&mut self.second_of_day, number(reader, own_width)?.value, node)?,
            Field::Millisecond => {
                let read = number(reader, 3)?;
                set(&mut self.millis, read.value, node)?;
                self.millis = as_fraction(self.millis, read.length, 3);
            }
            Field::Microsecond | Field::Fraction { .. } => {
                let mut width = 6;
                if let Field::Fraction { digits } = node.field {
                    width = digits.into();
                    self.fraction_digits = Some(digits);
                }
                let read = number(reader, width)?;
                set(&mut self.micros, read.value, node)?;
                self.micros = as_fraction(self.micros, read.length, 6);
            }
            Field::Zone(_) | Field::Offset | Field::ZoneHours | Field::ZoneMinutes => {
                self.read_zone(node, next, reader)?;
            }
            Field::MonthName(_) => set(&mut self.month, reader.word(node, MONTHS)? + 1, node)?,
            Field::MonthAbbreviation(_) => set(&mut self.month, reader.word(node, MONTHS.map(abbreviated))? + 1, node)?,
            Field::RomanMonth(_) => set(&mut self.month, 12 - reader.word(node, ROMAN_MONTHS)?, node)?,
            Field::Month => set(&mut self.month, number(reader, own_width)?.value, node)?,
            Field::DayName(_) | Field::DayAbbreviation(_) => {
                let index = match node.field {
                    Field::DayName(_) => reader.word(node, DAYS)?,
                    _ => reader.word(node, DAYS.map(abbreviated))?,
                };
                // The number is compared before it counts from 1: the same day twice is a conflict, except Sunday after
                // whatever was not read.
                set(&mut self.weekday, index, node)?;
                self.weekday = index + 1;
            }
            Field::DayOfYear | Field::IsoDayOfYear => set(&mut self.day_of_year, number(reader, 3)?.value, node)?,
            Field::DayOfMonth => set(&mut self.day, number(reader, own_width)?.value, node)?,
            Field::DayOfWeek => set(&mut self.weekday, number(reader, own_width)?.value, node)?,
            Field::IsoDayOfWeek => {
                let value = number(reader, 1)?.value;
                set(&mut self.weekday, value, node)?;
                // Sunday is the first day.
                self.weekday = if value >= 7 { 1 } else { value + 1 };
            }
            Field::Week | Field::IsoWeek => set(&mut self.week, number(reader, own_width)?.value, node)?,
            Field::WeekOfMonth => set(&mut self.week_of_month, number(reader, own_width)?.value, node)?,
            // Read for nothing: which day of the quarter would it be?
            Field::Quarter => {
                number(reader, own_width)?;
            }
            Field::Century => set(&mut self.century, number(reader, own_width)?.value, node)?,
            Field::JulianDay => set(&mut self.julian_day, number(reader, own_width)?.value, node)?,
            Field::YearWithComma => {
                // An error names the pattern in upper case, a conflict as it is.
                let year = reader.year_with_comma(&FieldNode { name: "Y,YYY", ..*node })?;
                set(&mut self.year, year, node)?;
                self.year_digits = 4;
            }
            Field::Year { digits } | Field::IsoYear { digits } => {
                let read = number(reader, own_width)?;
                set(&mut self.year, read.value, node)?;
                if digits < 4 && read.length < 4 {
                    self.year = nearest_to_2020(self.year);
                }
                self.year_digits = digits;
            }
        }
        if node.ordinal.is_some() && node.field.has_ordinals() {
            reader.skip_character();
            reader.skip_character();
        }
        Ok(())
    }

    fn read_zone(&mut self, node: &FieldNode, next: Option<&Node>, reader: &mut Reader<'_>) -> ValueResult<()> {
        if let Field::Zone(_) = node.field {
            if let Some((abbreviation, length)) = abbreviations::longest_prefix(reader.rest()) {
                self.abbreviation = Some(abbreviation);
                self.zone_sign = 0;
                reader.position += length;
                return Ok(());
            }
            if reader.peek().is_some_and(|byte| byte.is_ascii_alphabetic()) {
                return Err(invalid_value(reader.rest_of_text(), node));
            }
        }
        if node.field == Field::ZoneMinutes {
            if self.zone_sign == 0 {
                self.zone_sign = 1;
            }
            return set(&mut self.zone_minutes, reader.number(2, node, next)?.value, node);
        }
        self.zone_sign = reader.zone_sign();
        set(&mut self.zone_hours, reader.number(2, node, next)?.value, node)?;
        if node.field != Field::ZoneHours && reader.peek() == Some(b':') {
            reader.position += 1;
            set(&mut self.zone_minutes, reader.number(2, node, next)?.value, node)?;
        }
        Ok(())
    }
}

fn set(field: &mut i32, value: i32, node: &FieldNode) -> ValueResult<()> {
    if *field != 0 && *field != value {
        let message = format!("conflicting values for \"{}\" field in formatting string", node.name);
        return Err(ValueError::new(INVALID_DATETIME_FORMAT, message));
    }
    *field = value;
    Ok(())
}

fn abbreviated(name: &'static str) -> &'static str {
    name.get(..ABBREVIATION_BYTES).unwrap_or(name)
}

/// Digits behind a decimal point in units of the last of the places: `25` is 250 of three places.
fn as_fraction(value: i32, length: usize, places: usize) -> i32 {
    let missing = if length == 0 { 0 } else { places.saturating_sub(length) };
    (0..missing).fold(value, |value, _| value.wrapping_mul(10))
}

/// Years with less than four digits are those nearest to 2020.
fn nearest_to_2020(year: i32) -> i32 {
    match year {
        ..70 => year.wrapping_add(2_000),
        70..100 => year + 1_900,
        100..520 => year + 2_000,
        520..1_000 => year + 1_000,
        1_000.. => year,
    }
}
