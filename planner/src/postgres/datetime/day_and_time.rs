//! The text of a date with or without a time, in the many ways that people write it.

use super::Now;
use super::calendar::{Civil, civil_day};
use super::decode::{DATE, DAY, DAYLIGHT_MODIFIER, Decoder, Found, Label, MONTH, TIME, WEEKDAY, ZONE};
use super::numbers::{Fault, is_past_midnight, zone_offset};
use super::tokens::{Kind, Room, Tokens};
use super::words::{DateWord, Reserved, date_word};
use super::zone::Zone;
use crate::postgres::value::{MICROS_OF_DAY, MICROS_OF_SECOND, Timestamp};

/// What the text says.
pub(super) enum Said {
    /// A date and a time, with the seconds east of Greenwich that it was at.
    Moment {
        civil: Civil,
        offset: i32,
    },
    Epoch,
    Infinite,
}

/// Read a text.
pub(super) fn decode(text: &str, room: Room, now: &Now<'_>) -> Result<Said, Fault> {
    let tokens = Tokens::of(text, room).ok_or(Fault::Format)?;
    let mut decoder = Decoder::new(now);
    let mut special = None;
    for index in 0..tokens.len() {
        let text = tokens.text(index);
        let found = match tokens.kind(index).ok_or(Fault::Format)? {
            Kind::Date => with_delimiters(&mut decoder, text)?,
            Kind::Time => time(&mut decoder, text)?,
            Kind::Signed => {
                decoder.offset = zone_offset(text)?;
                ZONE
            }
            Kind::Number => number(&mut decoder, text)?,
            Kind::Word | Kind::SignedWord => match word(&mut decoder, &tokens, index)? {
                Meant::Nothing => continue,
                Meant::Fields(found) => found,
                Meant::Whole(said) => {
                    special = Some(said);
                    DATE | TIME | ZONE
                }
            },
        };
        decoder.note(found)?;
    }
    if decoder.label.is_some() {
        return Err(Fault::Format);
    }
    match special {
        Some(said) => Ok(said),
        None => finish(decoder),
    }
}

/// What a word is.
enum Meant {
    Nothing,
    Fields(Found),
    Whole(Said),
}

fn with_delimiters(decoder: &mut Decoder<'_>, text: &str) -> Result<Found, Fault> {
    if decoder.label == Some(Label::Julian) {
        return decoder.julian_with_offset(text);
    }
    if decoder.label.is_none() && !decoder.has(MONTH | DAY) {
        return decoder.date(text);
    }
    if decoder.label.is_some() || text.starts_with(|letter: char| letter.is_ascii_digit()) {
        decoder.take_time_label()?;
        return decoder.time_with_offset(text, decoder.found);
    }
    decoder.full_zone(text)
}

fn time(decoder: &mut Decoder<'_>, text: &str) -> Result<Found, Fault> {
    decoder.take_time_label()?;
    let found = decoder.clock(text)?;
    check_time(&decoder.civil)?;
    Ok(found)
}

fn check_time(civil: &Civil) -> Result<(), Fault> {
    let [hours, minutes, seconds, micros] = [civil.hour, civil.minute, civil.second, civil.micros].map(i64::from);
    if is_past_midnight(hours, minutes, seconds, micros) { Err(Fault::Overflow) } else { Ok(()) }
}

fn number(decoder: &mut Decoder<'_>, text: &str) -> Result<Found, Fault> {
    if let Some(label) = decoder.label {
        return decoder.labelled(label, text);
    }
    match text.find('.') {
        Some(_) if !decoder.has_any(DATE) => decoder.date(text),
        Some(dot) if dot > 2 => decoder.run_together(text, decoder.found),
        // Six digits are a date or a time, five a year.
        _ if text.len() >= 6 && (!decoder.has_any(DATE) || !decoder.has(TIME)) => {
            decoder.run_together(text, decoder.found)
        }
        _ => decoder.number(text, decoder.is_text_month, decoder.found),
    }
}

fn word(decoder: &mut Decoder<'_>, tokens: &Tokens, index: usize) -> Result<Meant, Fault> {
    let text = tokens.text(index);
    if let Some(found) = decoder.abbreviation(text) {
        return Ok(Meant::Fields(found));
    }
    let Some(word) = date_word(text) else {
        // Names of zones without any punctuation.
        decoder.zone = Some(Zone::named(text).ok_or(Fault::Format)?);
        return Ok(Meant::Fields(ZONE));
    };
    if let Some(found) = decoder.common_word(word) {
        return found.map(Meant::Fields);
    }
    Ok(match word {
        DateWord::Reserved(reserved) => return reserved_word(decoder, reserved),
        DateWord::Month(month) => {
            let number = decoder.civil.month;
            let was_day =
                decoder.has(MONTH) && !decoder.is_text_month && !decoder.has(DAY) && (1..=31).contains(&number);
            if was_day {
                decoder.civil.day = number;
            }
            decoder.is_text_month = true;
            decoder.civil.month = month;
            Meant::Fields(if was_day { DAY } else { MONTH })
        }
        DateWord::Weekday => Meant::Fields(WEEKDAY),
        DateWord::IsoTime => {
            if !decoder.has(DATE) {
                return Err(Fault::Format);
            }
            Meant::Fields(decoder.set_label(Label::Time)?)
        }
        _ => Meant::Nothing,
    })
}

fn reserved_word(decoder: &mut Decoder<'_>, word: Reserved) -> Result<Meant, Fault> {
    let now = decoder.now;
    let offset = now.zone.offset_at_utc(now.micros);
    let local = now.micros.saturating_add(i64::from(offset) * MICROS_OF_SECOND);
    let today = local.div_euclid(MICROS_OF_DAY);
    let day = match word {
        Reserved::Now => {
            decoder.civil = Civil::of(Timestamp(local));
            decoder.offset = offset;
            return Ok(Meant::Fields(DATE | TIME | ZONE));
        }
        Reserved::AllBalls => {
            decoder.set_time(0, 0, 0);
            decoder.offset = 0;
            return Ok(Meant::Fields(TIME | ZONE));
        }
        Reserved::Epoch => return Ok(Meant::Whole(Said::Epoch)),
        Reserved::Late | Reserved::Early => return Ok(Meant::Whole(Said::Infinite)),
        Reserved::Yesterday => today.saturating_sub(1),
        Reserved::Today => today,
        Reserved::Tomorrow => today.saturating_add(1),
    };
    decoder.set_date(civil_day(day));
    Ok(Meant::Fields(DATE))
}

fn finish(mut decoder: Decoder<'_>) -> Result<Said, Fault> {
    decoder.check_date()?;
    decoder.apply_half_day()?;
    if !decoder.has(DATE) {
        return Err(Fault::Format);
    }
    let civil = decoder.civil;
    if (decoder.zone.is_some() || !decoder.has(ZONE)) && decoder.has(DAYLIGHT_MODIFIER) {
        return Err(Fault::Format);
    }
    let offset_of = |zone: &Zone| {
        // Out of range is said later.
        civil.clock_seconds().map_or(0, |seconds| zone.offset_at_clock(seconds))
    };
    let offset = match &decoder.zone {
        Some(zone) => offset_of(zone),
        None if decoder.has(ZONE) => decoder.offset,
        None => offset_of(decoder.now.zone),
    };
    Ok(Said::Moment { civil, offset })
}
