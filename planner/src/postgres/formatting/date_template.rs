//! Templates for dates and times, and what they are made of.

use super::super::error::ValueResult;
use super::{Letters, check_length};

/// A parsed template of `to_char` for dates, times and intervals, of `to_date` and of `to_timestamp`.
#[derive(Debug, Clone)]
pub(crate) struct DateTemplate {
    pub(super) nodes: Vec<Node>,
}

/// A piece of a template.
#[derive(Debug, Clone, Copy)]
pub(super) enum Node {
    Field(FieldNode),
    /// White space outside of quotes.
    Space(char),
    /// Punctuation outside of quotes.
    Separator(char),
    /// Any other character.
    Character(char),
}

/// A pattern with its modifiers. `TM` is FM, for months and days, when names are English; `SP` does nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct FieldNode {
    pub(super) field: Field,
    /// The pattern as the template has it.
    pub(super) name: &'static str,
    /// `FM`
    pub(super) fill: bool,
    /// `TM`
    pub(super) translated: bool,
    /// `TH` or `th`
    pub(super) ordinal: Option<Letters>,
}

/// What a pattern stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Meridiem { dotted: bool, letters: Letters },
    Era { dotted: bool, letters: Letters },
    Century,
    Year { digits: u8 },
    YearWithComma,
    IsoYear { digits: u8 },
    Quarter,
    Month,
    MonthName(Letters),
    MonthAbbreviation(Letters),
    RomanMonth(Letters),
    Week,
    IsoWeek,
    WeekOfMonth,
    DayName(Letters),
    DayAbbreviation(Letters),
    DayOfYear,
    IsoDayOfYear,
    DayOfMonth,
    DayOfWeek,
    IsoDayOfWeek,
    JulianDay,
    Hour12,
    Hour24,
    Minute,
    Second,
    SecondOfDay,
    Millisecond,
    Microsecond,
    Fraction { digits: u8 },
    Zone(Letters),
    ZoneHours,
    ZoneMinutes,
    Offset,
    FixedFormat,
}

/// How dates are told: by years and months, or by the weeks of ISO years.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Convention {
    Gregorian,
    IsoWeek,
}

impl Field {
    /// Whether PostgreSQL expects digits where the field is.
    pub(super) fn is_digits(self) -> bool {
        match self {
            Self::Meridiem { .. }
            | Self::Era { .. }
            | Self::MonthName(_)
            | Self::MonthAbbreviation(_)
            | Self::RomanMonth(_)
            | Self::DayName(_)
            | Self::DayAbbreviation(_)
            | Self::Zone(_)
            | Self::ZoneHours
            | Self::Offset
            | Self::FixedFormat => false,
            Self::Century
            | Self::Year { .. }
            | Self::YearWithComma
            | Self::IsoYear { .. }
            | Self::Quarter
            | Self::Month
            | Self::Week
            | Self::IsoWeek
            | Self::WeekOfMonth
            | Self::DayOfYear
            | Self::IsoDayOfYear
            | Self::DayOfMonth
            | Self::DayOfWeek
            | Self::IsoDayOfWeek
            | Self::JulianDay
            | Self::Hour12
            | Self::Hour24
            | Self::Minute
            | Self::Second
            | Self::SecondOfDay
            | Self::Millisecond
            | Self::Microsecond
            | Self::Fraction { .. }
            | Self::ZoneMinutes => true,
        }
    }

    /// Whether the field is written as a number that `TH` makes an ordinal one.
    pub(super) fn has_ordinals(self) -> bool {
        self.is_digits() && self != Self::ZoneMinutes
    }

    /// The convention that the field belongs to, if not to both.
    pub(super) fn convention(self) -> Option<Convention> {
        match self {
            Self::Year { .. }
            | Self::YearWithComma
            | Self::Month
            | Self::MonthName(_)
            | Self::MonthAbbreviation(_)
            | Self::RomanMonth(_)
            | Self::Week
            | Self::WeekOfMonth
            | Self::DayOfYear
            | Self::DayOfMonth
            | Self::DayOfWeek => Some(Convention::Gregorian),
            Self::IsoYear { .. } | Self::IsoWeek | Self::IsoDayOfYear | Self::IsoDayOfWeek => Some(Convention::IsoWeek),
            _ => None,
        }
    }
}

const UPPER: Letters = Letters::Upper;
const CAPITAL: Letters = Letters::Capital;
const LOWER: Letters = Letters::Lower;

/// The patterns; of two that begin alike the longer one comes first.
static PATTERNS: [(&str, Field); 112] = [
    ("A.D.", Field::Era { dotted: true, letters: UPPER }),
    ("A.M.", Field::Meridiem { dotted: true, letters: UPPER }),
    ("AD", Field::Era { dotted: false, letters: UPPER }),
    ("AM", Field::Meridiem { dotted: false, letters: UPPER }),
    ("B.C.", Field::Era { dotted: true, letters: UPPER }),
    ("BC", Field::Era { dotted: false, letters: UPPER }),
    ("CC", Field::Century),
    ("DAY", Field::DayName(UPPER)),
    ("DDD", Field::DayOfYear),
    ("DD", Field::DayOfMonth),
    ("DY", Field::DayAbbreviation(UPPER)),
    ("Day", Field::DayName(CAPITAL)),
    ("Dy", Field::DayAbbreviation(CAPITAL)),
    ("D", Field::DayOfWeek),
    ("FF1", Field::Fraction { digits: 1 }),
    ("FF2", Field::Fraction { digits: 2 }),
    ("FF3", Field::Fraction { digits: 3 }),
    ("FF4", Field::Fraction { digits: 4 }),
    ("FF5", Field::Fraction { digits: 5 }),
    ("FF6", Field::Fraction { digits: 6 }),
    ("FX", Field::FixedFormat),
    ("HH24", Field::Hour24),
    ("HH12", Field::Hour12),
    ("HH", Field::Hour12),
    ("IDDD", Field::IsoDayOfYear),
    ("ID", Field::IsoDayOfWeek),
    ("IW", Field::IsoWeek),
    ("IYYY", Field::IsoYear { digits: 4 }),
    ("IYY", Field::IsoYear { digits: 3 }),
    ("IY", Field::IsoYear { digits: 2 }),
    ("I", Field::IsoYear { digits: 1 }),
    ("J", Field::JulianDay),
    ("MI", Field::Minute),
    ("MM", Field::Month),
    ("MONTH", Field::MonthName(UPPER)),
    ("MON", Field::MonthAbbreviation(UPPER)),
    ("MS", Field::Millisecond),
    ("Month", Field::MonthName(CAPITAL)),
    ("Mon", Field::MonthAbbreviation(CAPITAL)),
    ("OF", Field::Offset),
    ("P.M.", Field::Meridiem { dotted: true, letters: UPPER }),
    ("PM", Field::Meridiem { dotted: false, letters: UPPER }),
    ("Q", Field::Quarter),
    ("RM", Field::RomanMonth(UPPER)),
    ("SSSSS", Field::SecondOfDay),
    ("SSSS", Field::SecondOfDay),
    ("SS", Field::Second),
    ("TZH", Field::ZoneHours),
    ("TZM", Field::ZoneMinutes),
    ("TZ", Field::Zone(UPPER)),
    ("US", Field::Microsecond),
    ("WW", Field::Week),
    ("W", Field::WeekOfMonth),
    ("Y,YYY", Field::YearWithComma),
    ("YYYY", Field::Year { digits: 4 }),
    ("YYY", Field::Year { digits: 3 }),
    ("YY", Field::Year { digits: 2 }),
    ("Y", Field::Year { digits: 1 }),
    ("a.d.", Field::Era { dotted: true, letters: LOWER }),
    ("a.m.", Field::Meridiem { dotted: true, letters: LOWER }),
    ("ad", Field::Era { dotted: false, letters: LOWER }),
    ("am", Field::Meridiem { dotted: false, letters: LOWER }),
    ("b.c.", Field::Era { dotted: true, letters: LOWER }),
    ("bc", Field::Era { dotted: false, letters: LOWER }),
    ("cc", Field::Century),
    ("day", Field::DayName(LOWER)),
    ("ddd", Field::DayOfYear),
    ("dd", Field::DayOfMonth),
    ("dy", Field::DayAbbreviation(LOWER)),
    ("d", Field::DayOfWeek),
    ("ff1", Field::Fraction { digits: 1 }),
    ("ff2", Field::Fraction { digits: 2 }),
    ("ff3", Field::Fraction { digits: 3 }),
    ("ff4", Field::Fraction { digits: 4 }),
    ("ff5", Field::Fraction { digits: 5 }),
    ("ff6", Field::Fraction { digits: 6 }),
    ("fx", Field::FixedFormat),
    ("hh24", Field::Hour24),
    ("hh12", Field::Hour12),
    ("hh", Field::Hour12),
    ("iddd", Field::IsoDayOfYear),
    ("id", Field::IsoDayOfWeek),
    ("iw", Field::IsoWeek),
    ("iyyy", Field::IsoYear { digits: 4 }),
    ("iyy", Field::IsoYear { digits: 3 }),
    ("iy", Field::IsoYear { digits: 2 }),
    ("i", Field::IsoYear { digits: 1 }),
    ("j", Field::JulianDay),
    ("mi", Field::Minute),
    ("mm", Field::Month),
    ("month", Field::MonthName(LOWER)),
    ("mon", Field::MonthAbbreviation(LOWER)),
    ("ms", Field::Millisecond),
    ("of", Field::Offset),
    ("p.m.", Field::Meridiem { dotted: true, letters: LOWER }),
    ("pm", Field::Meridiem { dotted: false, letters: LOWER }),
    ("q", Field::Quarter),
    ("rm", Field::RomanMonth(LOWER)),
    ("sssss", Field::SecondOfDay),
    ("ssss", Field::SecondOfDay),
    ("ss", Field::Second),
    ("tzh", Field::ZoneHours),
    ("tzm", Field::ZoneMinutes),
    ("tz", Field::Zone(LOWER)),
    ("us", Field::Microsecond),
    ("ww", Field::Week),
    ("w", Field::WeekOfMonth),
    ("y,yyy", Field::YearWithComma),
    ("yyyy", Field::Year { digits: 4 }),
    ("yyy", Field::Year { digits: 3 }),
    ("yy", Field::Year { digits: 2 }),
    ("y", Field::Year { digits: 1 }),
];

impl DateTemplate {
    /// Takes any text that is not beyond all measure apart: what is no pattern stands for itself.
    pub(crate) fn parse(template: &str) -> ValueResult<Self> {
        check_length(template)?;
        let mut nodes = Vec::new();
        let mut rest = template;
        while !rest.is_empty() {
            // One prefix only, which is lost when no pattern follows.
            let (fill, translated) = match rest.as_bytes() {
                [b'F', b'M', ..] | [b'f', b'm', ..] => (true, false),
                [b'T', b'M', ..] | [b't', b'm', ..] => (false, true),
                _ => (false, false),
            };
            if fill || translated {
                rest = rest.get(2..).unwrap_or_default();
            }
            let pattern = PATTERNS.iter().find_map(|(name, field)| Some((name, field, rest.strip_prefix(name)?)));
            if let Some((name, field, after)) = pattern {
                let (ordinal, after) = strip_suffix_modifier(after);
                rest = after;
                nodes.push(Node::Field(FieldNode { field: *field, name, fill, translated, ordinal }));
            } else if let Some(quoted) = rest.strip_prefix('"') {
                rest = quote(quoted, |character| nodes.push(Node::Character(character)));
            } else {
                let mut characters = rest.chars();
                let mut character = characters.next();
                // A backslash means something only before a quote here.
                if character == Some('\\') && characters.as_str().starts_with('"') {
                    character = characters.next();
                }
                rest = characters.as_str();
                nodes.extend(character.map(unquoted));
            }
        }
        Ok(Self { nodes })
    }
}

fn strip_suffix_modifier(text: &str) -> (Option<Letters>, &str) {
    if let Some(after) = text.strip_prefix("TH") {
        (Some(Letters::Upper), after)
    } else if let Some(after) = text.strip_prefix("th") {
        (Some(Letters::Lower), after)
    } else {
        (None, text.strip_prefix("SP").unwrap_or(text))
    }
}

/// Gives the characters up to the closing quote, if there is one, and returns what comes after it.
pub(super) fn quote(quoted: &str, mut each: impl FnMut(char)) -> &str {
    let mut characters = quoted.chars();
    while let Some(mut character) = characters.next() {
        if character == '"' {
            break;
        }
        if character == '\\'
            && let Some(escaped) = characters.next()
        {
            character = escaped;
        }
        each(character);
    }
    characters.as_str()
}

fn unquoted(character: char) -> Node {
    match u8::try_from(character) {
        Ok(byte) if byte.is_ascii_punctuation() => Node::Separator(character),
        Ok(byte) if super::is_space(byte) => Node::Space(character),
        _ => Node::Character(character),
    }
}
