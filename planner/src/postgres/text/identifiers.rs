//! `parse_ident`: a qualified name's parts.

use super::casing::lower;
use super::{before, from, is_space};
use crate::postgres::error::{ValueError, ValueResult};

/// `parse_ident(text, strict)`; who is not strict allows anything behind the name.
pub(crate) fn parse_ident(text: &str, strict: bool) -> ValueResult<Vec<String>> {
    let invalid = || ValueError::new("22023", format!("string is not a valid identifier: \"{text}\""));
    let mut parts = Vec::new();
    let mut rest = skip_blanks(text);
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (part, behind) = quoted_part(quoted).ok_or_else(invalid)?;
            if part.is_empty() {
                return Err(invalid());
            }
            parts.push(part);
            rest = behind;
        } else {
            let end = rest
                .char_indices()
                .find(|&(at, letter)| !(is_start(letter) || at > 0 && (letter.is_ascii_digit() || letter == '$')))
                .map_or(rest.len(), |(at, _)| at);
            if end == 0 {
                return Err(invalid());
            }
            parts.push(lower_ascii(before(rest, end)));
            rest = from(rest, end);
        }
        rest = skip_blanks(rest);
        match rest.strip_prefix('.') {
            Some(behind) => rest = skip_blanks(behind),
            None if rest.is_empty() || !strict => return Ok(parts),
            None => return Err(invalid()),
        }
    }
}

fn lower_ascii(name: &str) -> String {
    // Names fold by PostgreSQL's own rule, which leaves what is not ASCII alone in UTF-8.
    if name.is_ascii() { lower(name) } else { name.to_ascii_lowercase() }
}

fn is_start(letter: char) -> bool {
    letter == '_' || letter.is_ascii_alphabetic() || !letter.is_ascii()
}

fn skip_blanks(text: &str) -> &str {
    text.trim_start_matches(|letter: char| u8::try_from(letter).is_ok_and(is_space))
}

fn quoted_part(quoted: &str) -> Option<(String, &str)> {
    let mut part = String::new();
    let mut rest = quoted;
    loop {
        let (head, behind) = rest.split_once('"')?;
        part.push_str(head);
        match behind.strip_prefix('"') {
            Some(more) => {
                part.push('"');
                rest = more;
            }
            None => return Some((part, behind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(parse_ident(r#" "Some""Schema" . Table "#, true).unwrap(), ["Some\"Schema", "table"]);
        assert_eq!(parse_ident("foo.boo[]", false).unwrap(), ["foo", "boo"]);
        for bad in ["", "1a", "a.", "a.\"\"", "a b", "\"a", "foo.boo[]"] {
            assert_eq!(
                parse_ident(bad, true).unwrap_err().message,
                format!("string is not a valid identifier: \"{bad}\"")
            );
        }
    }
}
