//! PostgreSQL's formatting functions: `to_char` of dates, times, intervals and numbers, `to_date`, `to_timestamp` and
//! `to_number`.
//!
//! A template is parsed once, as one of dates ([`DateTemplate`]) or one of numbers ([`NumberTemplate`]), and has a method
//! for each kind of value. Names of months and days are English whatever `TM` says, and decimal points and thousands
//! separators are those of the C locale. What PostgreSQL answers with NULL, such as an empty template, is `None`.

mod abbreviations;
mod date_fields;
mod date_input;
mod date_output;
mod date_reader;
mod date_template;
mod number_digits;
mod number_input;
mod number_output;
mod number_template;
mod roman;

pub(crate) use date_fields::ReadZone;
pub(crate) use date_output::{Moment, ZoneLabel};
pub(crate) use date_template::DateTemplate;
pub(crate) use number_template::NumberTemplate;

use super::error::{ValueError, ValueResult};

const INVALID_TEXT_REPRESENTATION: &str = "22P02";
const INVALID_DATETIME_FORMAT: &str = "22007";
const DATETIME_FIELD_OVERFLOW: &str = "22008";
const TIME_ZONE_DISPLACEMENT_OVERFLOW: &str = "22009";
const NUMERIC_VALUE_OUT_OF_RANGE: &str = "22003";
const SYNTAX_ERROR: &str = "42601";
const FEATURE_NOT_SUPPORTED: &str = "0A000";
const PROGRAM_LIMIT_EXCEEDED: &str = "54000";

/// No template is longer, so that no text made by one is longer than 64 MiB.
const MAX_TEMPLATE_BYTES: usize = 4 * 1024 * 1024;

fn check_length(template: &str) -> ValueResult<()> {
    if template.len() > MAX_TEMPLATE_BYTES {
        return Err(ValueError::new(PROGRAM_LIMIT_EXCEEDED, "formatting template is too large"));
    }
    Ok(())
}

/// How the letters of a word are written, which the template shows by its own letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Letters {
    Upper,
    Capital,
    Lower,
}

/// The ending that makes an ordinal number of these digits.
fn ordinal_ending(digits: &[u8]) -> &'static str {
    match digits {
        [] => "",
        [.., b'1', _] => "th",
        [.., b'1'] => "st",
        [.., b'2'] => "nd",
        [.., b'3'] => "rd",
        _ => "th",
    }
}

/// Appends a word that is written in lower case or with a capital.
fn push_word(output: &mut String, word: &str, letters: Letters) {
    match letters {
        Letters::Upper => output.extend(word.chars().map(|letter| letter.to_ascii_uppercase())),
        Letters::Capital => output.push_str(word),
        Letters::Lower => output.extend(word.chars().map(|letter| letter.to_ascii_lowercase())),
    }
}

/// Whether C's `isspace` says so.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// How many bytes the character that begins here has, but not more than there are.
fn character_length(rest: &[u8]) -> usize {
    let length = match rest.first() {
        Some(0xC0..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        Some(0xF0..) => 4,
        _ => 1,
    };
    length.min(rest.len())
}
