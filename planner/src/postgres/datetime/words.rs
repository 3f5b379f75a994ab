//! The words of dates, times and intervals.

use super::units::Unit;

/// Words are told apart by so many of their letters.
const TELLING_BYTES: usize = 10;

/// A word of a date or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DateWord {
    Reserved(Reserved),
    Month(i32),
    Weekday,
    /// `am` or `pm`.
    HalfDay(HalfDay),
    /// `bc`, or else `ad`.
    Era {
        bc: bool,
    },
    Unit(Unit),
    /// The `t` between date and time.
    IsoTime,
    /// `dst` after a zone: an hour more.
    DaylightModifier,
    Ignored,
}

/// A word that is a whole date, time or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reserved {
    Now,
    Yesterday,
    Today,
    Tomorrow,
    AllBalls,
    Epoch,
    Late,
    Early,
}

/// Before or after noon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HalfDay {
    Am,
    Pm,
}

/// A word of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SpanWord {
    Unit(Unit),
    Ago,
    Ignored,
    Late,
    Early,
}

fn telling(word: &str) -> &str {
    word.get(..TELLING_BYTES).unwrap_or(word)
}

/// A word in lower case as one of a date or time. Zones and their abbreviations are not among them.
pub(super) fn date_word(word: &str) -> Option<DateWord> {
    use DateWord::{DaylightModifier, Era, HalfDay as Half, Ignored, IsoTime, Month, Reserved as Whole, Unit, Weekday};
    Some(match telling(word) {
        "jan" | "january" => Month(1),
        "feb" | "february" => Month(2),
        "mar" | "march" => Month(3),
        "apr" | "april" => Month(4),
        "may" => Month(5),
        "jun" | "june" => Month(6),
        "jul" | "july" => Month(7),
        "aug" | "august" => Month(8),
        "sep" | "sept" | "september" => Month(9),
        "oct" | "october" => Month(10),
        "nov" | "november" => Month(11),
        "dec" | "december" => Month(12),
        "mon" | "monday" | "tue" | "tues" | "tuesday" | "wed" | "weds" | "wednesday" | "thu" | "thur" | "thurs"
        | "thursday" | "fri" | "friday" | "sat" | "saturday" | "sun" | "sunday" => Weekday,
        "am" => Half(HalfDay::Am),
        "pm" => Half(HalfDay::Pm),
        "ad" => Era { bc: false },
        "bc" => Era { bc: true },
        "at" | "on" => Ignored,
        "t" => IsoTime,
        "dst" => DaylightModifier,
        "now" => Whole(Reserved::Now),
        "yesterday" => Whole(Reserved::Yesterday),
        "today" => Whole(Reserved::Today),
        "tomorrow" => Whole(Reserved::Tomorrow),
        "allballs" => Whole(Reserved::AllBalls),
        "epoch" => Whole(Reserved::Epoch),
        "infinity" | "+infinity" => Whole(Reserved::Late),
        "-infinity" => Whole(Reserved::Early),
        "j" | "jd" | "julian" => Unit(self::Unit::Julian),
        "d" => Unit(self::Unit::Day),
        "h" => Unit(self::Unit::Hour),
        "m" => Unit(self::Unit::Month),
        "mm" => Unit(self::Unit::Minute),
        "s" => Unit(self::Unit::Second),
        "y" => Unit(self::Unit::Year),
        "dow" => Unit(self::Unit::DayOfWeek),
        "isodow" => Unit(self::Unit::IsoDayOfWeek),
        "doy" => Unit(self::Unit::DayOfYear),
        "isoyear" => Unit(self::Unit::IsoYear),
        _ => return None,
    })
}

/// A word in lower case as one of an interval.
pub(super) fn span_word(word: &str) -> Option<SpanWord> {
    let unit = match telling(word) {
        "us" | "usec" | "usecs" | "usecond" | "useconds" | "microsecon" => Unit::Microsecond,
        "ms" | "msec" | "msecs" | "msecond" | "mseconds" | "millisecon" => Unit::Millisecond,
        "s" | "sec" | "secs" | "second" | "seconds" => Unit::Second,
        "m" | "min" | "mins" | "minute" | "minutes" => Unit::Minute,
        "h" | "hr" | "hrs" | "hour" | "hours" => Unit::Hour,
        "d" | "day" | "days" => Unit::Day,
        "w" | "week" | "weeks" => Unit::Week,
        "mon" | "mons" | "month" | "months" => Unit::Month,
        "qtr" | "quarter" => Unit::Quarter,
        "y" | "yr" | "yrs" | "year" | "years" => Unit::Year,
        "dec" | "decs" | "decade" | "decades" => Unit::Decade,
        "c" | "cent" | "century" | "centuries" => Unit::Century,
        "mil" | "mils" | "millennia" | "millennium" => Unit::Millennium,
        "timezone" => Unit::Zone,
        "timezone_h" => Unit::ZoneHour,
        "timezone_m" => Unit::ZoneMinute,
        "ago" => return Some(SpanWord::Ago),
        "@" => return Some(SpanWord::Ignored),
        "infinity" | "+infinity" => return Some(SpanWord::Late),
        "-infinity" => return Some(SpanWord::Early),
        _ => return None,
    };
    Some(SpanWord::Unit(unit))
}
