//! Strings of JSON: their escapes.

use std::borrow::Cow;

use super::scan::{self, Kind};
use super::{check, invalid_json};
use crate::postgres::error::{ValueError, ValueResult};

/// Whether a byte cannot stand for itself.
fn is_escaped(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// The string between quotes, as PostgreSQL prints it.
pub(crate) fn write_string(out: &mut String, text: &str) {
    out.push('"');
    write_inside(out, text);
    out.push('"');
}

/// The string as it stands between quotes of canonical `jsonb`.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    write_inside(&mut escaped, text);
    Cow::Owned(escaped)
}

fn write_inside(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(is_escaped) {
        let (plain, tail) = rest.split_at(at);
        out.push_str(plain);
        let mut characters = tail.chars();
        match characters.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\u{8}') => out.push_str("\\b"),
            Some('\u{c}') => out.push_str("\\f"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(control) => {
                let code = u32::from(control);
                out.push_str("\\u00");
                out.extend([code >> 4, code & 0xf].map(|digit| char::from_digit(digit, 16).unwrap_or('0')));
            }
            None => {}
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
}

/// The string that is written so between quotes.
pub(super) fn unescape(inside: &str) -> ValueResult<Cow<'_, str>> {
    let Some(first) = inside.find('\\') else { return Ok(Cow::Borrowed(inside)) };
    let (plain, mut rest) = inside.split_at(first);
    let mut text = String::with_capacity(inside.len());
    text.push_str(plain);
    while let Some(at) = rest.find('\\') {
        let (plain, tail) = rest.split_at(at);
        text.push_str(plain);
        let mut characters = tail.chars();
        characters.next();
        let character = match characters.next() {
            Some(character @ ('"' | '\\' | '/')) => character,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let (character, after) = unicode_escape(characters.as_str())?;
                characters = after.chars();
                character
            }
            _ => return Err(invalid_json()),
        };
        text.push(character);
        rest = characters.as_str();
    }
    text.push_str(rest);
    Ok(Cow::Owned(text))
}

/// The character of `XXXX` or `XXXX\uXXXX`, and what follows it.
fn unicode_escape(text: &str) -> ValueResult<(char, &str)> {
    let (first, after) = code_unit(text)?;
    let (code, after) = match first {
        0 => return Err(ValueError::new("22P05", "unsupported Unicode escape sequence")),
        0xd800..=0xdbff => {
            let (second, after) = code_unit(after.strip_prefix("\\u").ok_or_else(invalid_json)?)?;
            if !(0xdc00..=0xdfff).contains(&second) {
                return Err(invalid_json());
            }
            (0x1_0000 + ((first & 0x3ff) << 10) + (second & 0x3ff), after)
        }
        code => (code, after),
    };
    Ok((char::from_u32(code).ok_or_else(invalid_json)?, after))
}

fn code_unit(text: &str) -> ValueResult<(u32, &str)> {
    let (digits, after) = text.split_at_checked(4).ok_or_else(invalid_json)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(invalid_json());
    }
    Ok((u32::from_str_radix(digits, 16).map_err(|_| invalid_json())?, after))
}

/// Refuses a `json` with an escape that stands for no character, wherever it is.
pub(super) fn check_escapes(json: &str) -> ValueResult<()> {
    let mut rest = json;
    // Backslashes are only inside of strings, and each begins an escape.
    while let Some(at) = rest.find('\\') {
        let tail = rest.get(at + 1..).unwrap_or_default();
        rest = match tail.strip_prefix('u') {
            Some(digits) => unicode_escape(digits)?.1,
            None => tail.get(1..).ok_or_else(invalid_json)?,
        };
    }
    Ok(())
}

/// What `->>` and its like give for a value: a string without its quotes, NULL for `null`, the text of others.
pub(crate) fn as_text(value: &str) -> ValueResult<Option<Cow<'_, str>>> {
    match scan::kind(value) {
        Kind::Null => Ok(None),
        Kind::String => match scan::inside_quotes(value) {
            Some(inside) => unescape(inside).map(Some),
            None => check(value).and(Err(invalid_json())),
        },
        _ => Ok(Some(Cow::Borrowed(value))),
    }
}

#[cfg(test)]
mod tests {
    use super::{escape, unescape};

    #[test]
    fn escapes_are_those_of_postgresql() {
        assert_eq!(escape("é\n/\u{7f}\u{1}\u{1f}\"\\"), "é\\n/\u{7f}\\u0001\\u001f\\\"\\\\");
        assert_eq!(unescape("\\u00e9\\/\\ud83d\\ude00x").as_deref(), Ok("é/😀x"));
        assert_eq!(unescape("\\u0000").map_err(|error| error.sqlstate), Err("22P05"));
        for lonely in ["\\ud800", "\\ud800x", "\\udc00", "\\ud800\\ud800"] {
            assert_eq!(unescape(lonely).map_err(|error| error.sqlstate), Err("22P02"), "{lonely}");
        }
    }
}
