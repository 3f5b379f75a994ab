//! The units of time that `extract`, `date_trunc` and intervals name.

use super::words::{DateWord, Reserved, SpanWord, date_word, span_word};
use crate::postgres::error::ValueError;

/// PostgreSQL keeps this many bytes of an identifier.
const IDENTIFIER_BYTES: usize = 63;

/// A unit, or a field of a date, a time or an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Unit {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Decade,
    Century,
    Millennium,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    IsoYear,
    Julian,
    Epoch,
    Zone,
    ZoneHour,
    ZoneMinute,
    /// A word that is reserved for something else, such as `now`: known, and no field of anything.
    NoField,
}

/// A unit of a query, and how it was written there for the errors about it. Parsed once, used for all rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct UnitName {
    written: String,
    unit: Option<Unit>,
    /// Whether it is a unit of intervals, and not only a field of dates.
    is_span: bool,
}

impl UnitName {
    /// Any text; what is no unit is an error when it is used, which it may never be.
    pub(crate) fn parse(text: &str) -> Self {
        let mut end = text.len().min(IDENTIFIER_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let written = text.get(..end).unwrap_or(text).to_ascii_lowercase();
        let span = span_word(&written);
        let is_span = matches!(span, Some(SpanWord::Unit(_)));
        let unit = match span {
            Some(SpanWord::Unit(unit)) => Some(unit),
            Some(SpanWord::Late | SpanWord::Early) => Some(Unit::NoField),
            Some(SpanWord::Ignored | SpanWord::Ago) => None,
            None => match date_word(&written) {
                Some(DateWord::Unit(unit)) => Some(unit),
                Some(DateWord::Reserved(Reserved::Epoch)) => Some(Unit::Epoch),
                Some(DateWord::Reserved(_)) => Some(Unit::NoField),
                _ => None,
            },
        };
        Self { written, unit, is_span }
    }

    /// The unit, or the error that it is none.
    pub(super) fn known(&self, kind: &str) -> Result<Unit, ValueError> {
        self.unit.ok_or_else(|| self.unrecognized(kind))
    }

    /// The same where only units of intervals are known.
    pub(super) fn known_span(&self, kind: &str) -> Result<Unit, ValueError> {
        self.unit.filter(|_| self.is_span).ok_or_else(|| self.unrecognized(kind))
    }

    /// The same where words that are no field are not known.
    pub(super) fn known_field(&self, kind: &str) -> Result<Unit, ValueError> {
        self.unit.filter(|unit| *unit != Unit::NoField).ok_or_else(|| self.unrecognized(kind))
    }

    fn unrecognized(&self, kind: &str) -> ValueError {
        ValueError::new("22023", format!("unit \"{}\" not recognized for type {kind}", self.written))
    }

    /// The error that the type has no such field.
    pub(super) fn unsupported(&self, kind: &str) -> ValueError {
        ValueError::new("0A000", format!("unit \"{}\" not supported for type {kind}", self.written))
    }
}
