//! Texts as parts of SQL.

use std::borrow::Cow;

use super::keywords::is_reserved;

/// `quote_ident(text)`: with quotes unless it is a name in lower case that means nothing else.
pub(crate) fn quote_ident(text: &str) -> Cow<'_, str> {
    let is_plain = matches!(text.as_bytes().first(), Some(b'a'..=b'z' | b'_'))
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        && !is_reserved(text);
    if is_plain {
        return Cow::Borrowed(text);
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    push_doubled(&mut quoted, text, |letter| letter == '"');
    quoted.push('"');
    Cow::Owned(quoted)
}

/// `quote_literal(text)`.
pub(crate) fn quote_literal(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 3);
    if text.contains('\\') {
        quoted.push('E');
    }
    quoted.push('\'');
    push_doubled(&mut quoted, text, |letter| matches!(letter, '\'' | '\\'));
    quoted.push('\'');
    quoted
}

/// `quote_nullable(text)`.
pub(crate) fn quote_nullable(text: Option<&str>) -> String {
    text.map_or_else(|| String::from("NULL"), quote_literal)
}

fn push_doubled(quoted: &mut String, text: &str, is_doubled: impl Fn(char) -> bool) {
    for letter in text.chars() {
        if is_doubled(letter) {
            quoted.push(letter);
        }
        quoted.push(letter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(quote_ident("abc_1"), "abc_1");
        assert_eq!(quote_ident("Abc"), "\"Abc\"");
        assert_eq!(quote_ident("select"), "\"select\"");
        assert_eq!(quote_ident("name"), "name");
        assert_eq!(quote_ident(""), "\"\"");
        assert_eq!(quote_ident("a\"b"), "\"a\"\"b\"");
    }

    #[test]
    fn literals() {
        assert_eq!(quote_literal("O'Reilly"), "'O''Reilly'");
        assert_eq!(quote_literal("a\\b"), "E'a\\\\b'");
        assert_eq!(quote_nullable(None), "NULL");
    }
}
