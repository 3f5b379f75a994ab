//! `to_char` of timestamps and intervals.

use super::super::calendar::{CivilDay, UNIX_EPOCH_JULIAN_DAY, weekday};
use super::super::error::{ValueError, ValueResult};
use super::super::value::{Interval, MICROS_OF_DAY, MICROS_OF_SECOND, Timestamp};
use super::date_template::{DateTemplate, Field, FieldNode, Node};
use super::{INVALID_DATETIME_FORMAT, Letters, ordinal_ending, push_word};

/// What is formatted: a `timestamp`, or a `timestamptz` as the clocks of its zone show it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment<'a> {
    /// The time on the local clock.
    pub(crate) timestamp: Timestamp,
    /// Of a `timestamptz`.
    pub(crate) zone: Option<ZoneLabel<'a>>,
}

/// What is told of a time zone at a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ZoneLabel<'a> {
    /// Such as `CET`; what zones without one have in its place, such as `+03`.
    pub(crate) abbreviation: &'a str,
    /// Seconds east of Greenwich.
    pub(crate) offset_seconds: i32,
}

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
/// Backwards, so that none comes after one that it begins with.
pub(super) const ROMAN_MONTHS: [&str; 12] = ["XII", "XI", "X", "IX", "VIII", "VII", "VI", "V", "IV", "III", "II", "I"];
/// Of months and of days.
pub(super) const ABBREVIATION_BYTES: usize = 3;

const LONGEST_NAME: usize = 9;
const LONGEST_ROMAN_MONTH: usize = 4;
const SECONDS_OF_HOUR: i64 = 3_600;

impl DateTemplate {
    /// `to_char(timestamp, text)` and `to_char(timestamptz, text)`.
    pub(crate) fn moment(&self, moment: Moment<'_>) -> ValueResult<Option<String>> {
        let micros = moment.timestamp.0;
        // The days of 64 bits of microseconds are a few hundred millions, and the rest is less than a day.
        let days = i32::try_from(micros.div_euclid(MICROS_OF_DAY)).unwrap_or_default();
        let micros_of_day = micros.rem_euclid(MICROS_OF_DAY);
        let julian_day = days.wrapping_add(UNIX_EPOCH_JULIAN_DAY);
        let civil = CivilDay::from_julian_day(julian_day);
        self.write(&Fields {
            civil,
            day_of_year: civil.day_of_year(),
            weekday: weekday(julian_day),
            clock: Clock::of(micros_of_day),
            zone: moment.zone,
            is_interval: false,
        })
    }

    /// `to_char(interval, text)`; NULL for the infinite ones.
    pub(crate) fn interval(&self, interval: Interval) -> ValueResult<Option<String>> {
        let Interval { months, days, micros } = interval;
        if matches!((months, days, micros), (i32::MAX, i32::MAX, i64::MAX) | (i32::MIN, i32::MIN, i64::MIN)) {
            return Ok(None);
        }
        self.write(&Fields {
            civil: CivilDay::new(months / 12, months % 12, days),
            day_of_year: months.wrapping_mul(30).wrapping_add(days),
            weekday: 0,
            clock: Clock::of(micros),
            zone: None,
            is_interval: true,
        })
    }

    fn write(&self, fields: &Fields<'_>) -> ValueResult<Option<String>> {
        if self.nodes.is_empty() {
            return Ok(None);
        }
        let mut output = String::with_capacity(self.nodes.len() * 4);
        for node in &self.nodes {
            match node {
                Node::Field(node) => fields.write(node, &mut output)?,
                Node::Space(character) | Node::Separator(character) | Node::Character(character) => {
                    output.push(*character);
                }
            }
        }
        Ok(Some(output))
    }
}

/// A moment or an interval, taken apart. The parts of an interval may be negative, and its day is any number.
struct Fields<'a> {
    civil: CivilDay,
    day_of_year: i32,
    weekday: i32,
    clock: Clock,
    zone: Option<ZoneLabel<'a>>,
    is_interval: bool,
}

struct Clock {
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
}

impl Clock {
    fn of(micros: i64) -> Self {
        let seconds = micros / MICROS_OF_SECOND;
        Self {
            hour: seconds / SECONDS_OF_HOUR,
            minute: seconds / 60 % 60,
            second: seconds % 60,
            micros: micros % MICROS_OF_SECOND,
        }
    }
}

impl Fields<'_> {
    fn write(&self, node: &FieldNode, output: &mut String) -> ValueResult<()> {
        let start = output.len();
        // A minus sign is one character more.
        let signed_width = |width: usize, negative: bool| if node.fill { 0 } else { width + usize::from(negative) };
        let mut number = |value: i64, width: usize| push_number(output, value, width);
        let CivilDay { year, month, day } = self.civil;
        let Clock { hour, minute, second, micros } = self.clock;
        match node.field {
            Field::Hour12 => {
                let hour_of_clock = if hour % 12 == 0 { 12 } else { hour % 12 };
                number(hour_of_clock, signed_width(2, hour < 0));
            }
            Field::Hour24 => number(hour, signed_width(2, hour < 0)),
            Field::Minute => number(minute, signed_width(2, minute < 0)),
            Field::Second => number(second, signed_width(2, second < 0)),
            Field::SecondOfDay => number(hour * SECONDS_OF_HOUR + minute * 60 + second, 0),
            Field::Millisecond => number(micros / 1_000, 3),
            Field::Microsecond => number(micros, 6),
            Field::Fraction { digits } => {
                let unit = 10_i64.pow(6_u32.saturating_sub(digits.into()));
                number(micros / unit, digits.into());
            }
            Field::Century => {
                let century = self.century();
                let width = if century.abs() <= 99 { signed_width(2, century < 0) } else { 0 };
                number(century.into(), width);
            }
            Field::Year { digits } => self.write_year(self.told_year(year), digits, node, output),
            Field::IsoYear { digits } => {
                self.write_year(self.told_year(self.civil.iso_year()), digits, node, output);
            }
            Field::YearWithComma => {
                let year = self.told_year(year);
                number(i64::from(year / 1_000), 0);
                output.push(',');
                push_number(output, i64::from(year % 1_000), 3);
            }
            Field::Quarter if month != 0 => number(i64::from((month - 1) / 3 + 1), 0),
            Field::Month => number(month.into(), signed_width(2, month < 0)),
            Field::Week => number(i64::from(self.day_of_year.wrapping_sub(1) / 7 + 1), signed_width(2, false)),
            Field::IsoWeek => number(self.civil.iso_week().into(), signed_width(2, false)),
            Field::WeekOfMonth => number(i64::from(day.wrapping_sub(1) / 7 + 1), 0),
            Field::DayOfYear => number(self.day_of_year.into(), signed_width(3, false)),
            Field::IsoDayOfYear => number(self.civil.iso_day_of_year().into(), signed_width(3, false)),
            Field::DayOfMonth => number(day.into(), signed_width(2, false)),
            Field::JulianDay => number(self.civil.julian_day().into(), 0),
            Field::RomanMonth(letters) => self.write_roman_month(letters, node.fill, output),
            Field::Quarter | Field::FixedFormat => {}
            _ => self.write_of_calendar(node, output)?,
        }
        if let Some(letters) = node.ordinal
            && node.field.has_ordinals()
        {
            let ending = ordinal_ending(output.as_bytes().get(start..).unwrap_or_default());
            push_word(output, ending, letters);
        }
        Ok(())
    }

    /// What intervals do not have.
    fn write_of_calendar(&self, node: &FieldNode, output: &mut String) -> ValueResult<()> {
        if self.is_interval && !matches!(node.field, Field::Meridiem { .. }) {
            let message = "invalid format specification for an interval value";
            return Err(ValueError::new(INVALID_DATETIME_FORMAT, message));
        }
        let name = |names: &[&'static str], index: i32| {
            usize::try_from(index).ok().and_then(|index| names.get(index).copied()).unwrap_or_default()
        };
        let month = name(&MONTHS, self.civil.month - 1);
        let day = name(&DAYS, self.weekday);
        let abbreviated = |name: &'static str| name.get(..ABBREVIATION_BYTES).unwrap_or(name);
        match node.field {
            Field::Meridiem { dotted, letters } => {
                let word = match (self.clock.hour % 24 >= 12, dotted) {
                    (false, false) => "am",
                    (false, true) => "a.m.",
                    (true, false) => "pm",
                    (true, true) => "p.m.",
                };
                push_word(output, word, letters);
            }
            Field::Era { dotted, letters } => {
                let word = match (self.civil.year <= 0, dotted) {
                    (false, false) => "ad",
                    (false, true) => "a.d.",
                    (true, false) => "bc",
                    (true, true) => "b.c.",
                };
                push_word(output, word, letters);
            }
            Field::MonthName(letters) => push_name(output, month, letters, node),
            Field::MonthAbbreviation(letters) => push_word(output, abbreviated(month), letters),
            Field::DayName(letters) => push_name(output, day, letters, node),
            Field::DayAbbreviation(letters) => push_word(output, abbreviated(day), letters),
            Field::DayOfWeek => push_number(output, i64::from(self.weekday) + 1, 0),
            Field::IsoDayOfWeek => push_number(output, if self.weekday == 0 { 7 } else { self.weekday.into() }, 0),
            Field::Zone(letters) => {
                let abbreviation = self.zone.map_or("", |zone| zone.abbreviation);
                push_word(output, abbreviation, if letters == Letters::Lower { letters } else { Letters::Capital });
            }
            Field::ZoneHours => self.write_zone_hours(2, output),
            Field::ZoneMinutes => push_number(output, self.zone_minutes(), 2),
            Field::Offset => {
                self.write_zone_hours(if node.fill { 0 } else { 2 }, output);
                if self.zone_seconds() % SECONDS_OF_HOUR != 0 {
                    output.push(':');
                    push_number(output, self.zone_minutes(), 2);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn century(&self) -> i32 {
        match self.civil.year {
            year if self.is_interval => year / 100,
            year @ 1.. => (year - 1) / 100 + 1,
            year => year / 100 - 1,
        }
    }

    /// Years BC are told without a sign.
    fn told_year(&self, year: i32) -> i32 {
        if self.is_interval || year > 0 { year } else { 1 - year }
    }

    fn write_year(&self, year: i32, digits: u8, node: &FieldNode, output: &mut String) {
        let year = match digits {
            1 => year % 10,
            2 => year % 100,
            3 => year % 1_000,
            _ => year,
        };
        // The sign that makes room for itself is that of the calendar's year, also for an ISO year.
        let sign = usize::from(digits > 1 && self.told_year(self.civil.year) < 0);
        let width = if node.fill { 0 } else { usize::from(digits) + sign };
        push_number(output, year.into(), width);
    }

    /// An interval's months count back from December when they are negative, and whole years are a December or, if they
    /// are negative, a January.
    fn write_roman_month(&self, letters: Letters, fill: bool, output: &mut String) {
        let CivilDay { year, month, .. } = self.civil;
        let index = match month {
            0 if year == 0 => return,
            0 if year > 0 => 0,
            0 => 11,
            ..0 => -1 - month,
            _ => 12 - month,
        };
        let numeral = usize::try_from(index).ok().and_then(|index| ROMAN_MONTHS.get(index)).unwrap_or(&"");
        push_word(output, numeral, if letters == Letters::Upper { Letters::Capital } else { letters });
        if !fill {
            output.extend(std::iter::repeat_n(' ', LONGEST_ROMAN_MONTH.saturating_sub(numeral.len())));
        }
    }

    fn zone_seconds(&self) -> i64 {
        self.zone.map_or(0, |zone| zone.offset_seconds.into())
    }

    fn zone_minutes(&self) -> i64 {
        self.zone_seconds().abs() % SECONDS_OF_HOUR / 60
    }

    fn write_zone_hours(&self, width: usize, output: &mut String) {
        output.push(if self.zone_seconds() < 0 { '-' } else { '+' });
        push_number(output, self.zone_seconds().abs() / SECONDS_OF_HOUR, width);
    }
}

/// A name, filled up with spaces unless the template says otherwise.
fn push_name(output: &mut String, name: &str, letters: Letters, node: &FieldNode) {
    push_word(output, name, letters);
    if !node.fill && !node.translated {
        output.extend(std::iter::repeat_n(' ', LONGEST_NAME.saturating_sub(name.len())));
    }
}

/// A number with leading zeros that make it as wide as this, its sign included.
fn push_number(output: &mut String, value: i64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut rest = value.unsigned_abs();
    let mut length = 0;
    for digit in digits.iter_mut().rev() {
        // What is left of a division by ten is one digit.
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        length += 1;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        output.push('-');
    }
    let zeros = width.saturating_sub(length + usize::from(value < 0));
    output.extend(std::iter::repeat_n('0', zeros));
    let written = digits.get(digits.len() - length..).unwrap_or_default();
    output.extend(written.iter().map(|digit| char::from(*digit)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(micros: i64, template: &str) -> Option<String> {
        let zone = Some(ZoneLabel { abbreviation: "IST", offset_seconds: 19_800 });
        DateTemplate::parse(template).unwrap().moment(Moment { timestamp: Timestamp(micros), zone }).unwrap()
    }

    #[test]
    fn timestamps() {
        // 2024-02-29 03:04:05.678901
        let micros = 1_709_175_845_678_901;
        for (template, expected) in [
            ("YYYY-MM-DD HH24:MI:SS.US", "2024-02-29 03:04:05.678901"),
            ("Day|FMDay|TMday|DY|D|ID", "Thursday |Thursday|thursday|THU|5|4"),
            ("Month|FMMONTH|mon|RM|fmrm", "February |FEBRUARY|feb|II  |ii"),
            ("FMTMMonth", "T02onth"),
            ("DDth DDDTH FMMMth ff1th", "29th 060TH 2nd 6th"),
            ("Y,YYY IYYY-IW-ID IDDD Q WW W CC J", "2,024 2024-09-4 060 1 09 5 21 2460370"),
            ("HH12 a.m. AM SSSS MS FF4", "03 a.m. AM 11045 678 6789"),
            ("TZ tz OF TZH TZM", "IST ist +05:30 +05 30"),
            (r#""YYYY" \"Q\" "a\"b\\c" é"#, r#"YYYY "1" a"b\c é"#),
        ] {
            assert_eq!(moment(micros, template).as_deref(), Some(expected), "{template}");
        }
        assert_eq!(moment(micros, ""), None);
        // 0044-03-15 BC
        assert_eq!(moment(-63_517_824_000_000_000, "YYYY-MM-DD BC CC").as_deref(), Some("0044-03-15 BC -01"));
    }

    #[test]
    fn intervals() {
        let interval = Interval { months: -13, days: -40, micros: -90_184_500_000 };
        let of = |template: &str| DateTemplate::parse(template).unwrap().interval(interval);
        let template = "IDDD IW IYYY J RM rm Q W WW DDD CC HH HH24 MI SS MS YYYY Y,YYY YY Y MM DD";
        let expected =
            "267 39 -0002 1720593 XII  xii  1 -4 -60 -430 00 -01 -25 -03 -04 -500 -0001 0,-01 -01 -1 -01 -40";
        assert_eq!(of(template).unwrap().as_deref(), Some(expected));
        assert_eq!(of("HH24 AD").unwrap_err().message, "invalid format specification for an interval value");
    }
}
