//! The text of a time of day. A zone in it is ignored; a date beside it is only there to tell the zone's offset.

use super::Now;
use super::calendar::Civil;
use super::decode::{DATE, DAYLIGHT_MODIFIER, Decoder, Found, Label, TIME, ZONE};
use super::numbers::{Fault, is_past_midnight, zone_offset};
use super::tokens::{Kind, Room, Tokens};
use super::words::{DateWord, Reserved, date_word};
use super::zone::Zone;
use crate::postgres::value::{MICROS_OF_SECOND, Timestamp};

/// The time; the date of the result says nothing.
pub(super) fn decode(text: &str, now: &Now<'_>) -> Result<Civil, Fault> {
    let tokens = Tokens::of(text, Room::Short).ok_or(Fault::Format)?;
    let mut decoder = Decoder::new(now);
    // What a field has turned out to be; a date is accepted only where the last is one still.
    let last = tokens.len().saturating_sub(1);
    for index in 0..tokens.len() {
        let text = tokens.text(index);
        let may_be_date = index == 0 && last >= 1;
        let found = match tokens.kind(index).ok_or(Fault::Format)? {
            Kind::Date => {
                let is_date =
                    may_be_date && (tokens.kind(last) == Some(Kind::Date) || tokens.kind(1) == Some(Kind::Time));
                if is_date {
                    decoder.date(text)?
                } else if text.starts_with(|letter: char| letter.is_ascii_digit()) {
                    decoder.time_with_offset(text, decoder.found | DATE)?
                } else {
                    decoder.full_zone(text)?
                }
            }
            Kind::Time => {
                decoder.take_time_label()?;
                decoder.clock(text)?
            }
            Kind::Signed => {
                decoder.offset = zone_offset(text)?;
                ZONE
            }
            Kind::Number => number(&mut decoder, text, may_be_date && tokens.kind(last) == Some(Kind::Date))?,
            Kind::Word | Kind::SignedWord => match word(&mut decoder, text)? {
                Some(found) => found,
                None => continue,
            },
        };
        decoder.note(found)?;
    }
    if decoder.label.is_some() {
        return Err(Fault::Format);
    }
    finish(decoder)
}

fn number(decoder: &mut Decoder<'_>, text: &str, is_date: bool) -> Result<Found, Fault> {
    let known = decoder.found | DATE;
    if let Some(label) = decoder.label {
        return decoder.labelled(label, text);
    }
    match text.find('.') {
        Some(_) if is_date => decoder.date(text),
        Some(dot) if dot > 2 => decoder.run_together(text, known),
        Some(_) => Err(Fault::Format),
        None if text.len() > 4 => decoder.run_together(text, known),
        None => decoder.number(text, false, known),
    }
}

fn word(decoder: &mut Decoder<'_>, text: &str) -> Result<Option<Found>, Fault> {
    if let Some(found) = decoder.abbreviation(text) {
        return Ok(Some(found));
    }
    let Some(word) = date_word(text) else {
        decoder.zone = Some(Zone::named(text).ok_or(Fault::Format)?);
        return Ok(Some(ZONE));
    };
    if let Some(found) = decoder.common_word(word) {
        return found.map(Some);
    }
    match word {
        DateWord::Reserved(Reserved::Now) => {
            let now = decoder.now;
            let local = now.micros.saturating_add(i64::from(now.zone.offset_at_utc(now.micros)) * MICROS_OF_SECOND);
            let time = Civil::of(Timestamp(local));
            decoder.set_time(time.hour, time.minute, time.second);
            decoder.civil.micros = time.micros;
            Ok(Some(TIME))
        }
        DateWord::Reserved(Reserved::AllBalls) => {
            decoder.set_time(0, 0, 0);
            Ok(Some(TIME | ZONE))
        }
        DateWord::IsoTime => decoder.set_label(Label::Time).map(Some),
        DateWord::Ignored => Ok(None),
        _ => Err(Fault::Format),
    }
}

fn finish(mut decoder: Decoder<'_>) -> Result<Civil, Fault> {
    decoder.check_date()?;
    decoder.apply_half_day()?;
    let civil = decoder.civil;
    let [hours, minutes, seconds, micros] = [civil.hour, civil.minute, civil.second, civil.micros].map(i64::from);
    if is_past_midnight(hours, minutes, seconds, micros) {
        return Err(Fault::Overflow);
    }
    if !decoder.has(TIME) {
        return Err(Fault::Format);
    }
    if (decoder.zone.is_some() || !decoder.has(ZONE)) && decoder.has(DAYLIGHT_MODIFIER) {
        return Err(Fault::Format);
    }
    // A zone whose offset depends on the date wants one, and an abbreviation takes today.
    let wants_date = |zone: &Zone| zone.only_offset().is_none() && !zone.is_abbreviation();
    if !decoder.has(DATE) && decoder.zone.as_ref().is_some_and(wants_date) {
        return Err(Fault::Format);
    }
    Ok(civil)
}
