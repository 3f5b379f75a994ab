//! Unicode's normal forms and escapes.

use unicode_normalization::{
    IsNormalized, UnicodeNormalization, is_nfc_quick, is_nfd_quick, is_nfkc_quick, is_nfkd_quick,
};

use super::{before, from};
use crate::postgres::error::{ValueError, ValueResult};

/// A normal form of Unicode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum NormalForm {
    Nfc,
    Nfd,
    Nfkc,
    Nfkd,
}

impl NormalForm {
    /// The form of a name, such as `NFC`.
    pub(crate) fn parse(name: &str) -> ValueResult<Self> {
        [("NFC", Self::Nfc), ("NFD", Self::Nfd), ("NFKC", Self::Nfkc), ("NFKD", Self::Nfkd)]
            .into_iter()
            .find_map(|(known, form)| known.eq_ignore_ascii_case(name).then_some(form))
            .ok_or_else(|| ValueError::new("22023", format!("invalid normalization form: {name}")))
    }
}

/// `normalize(text, form)`.
pub(crate) fn normalize(text: &str, form: NormalForm) -> String {
    match form {
        _ if text.is_ascii() => text.to_owned(),
        NormalForm::Nfc => text.nfc().collect(),
        NormalForm::Nfd => text.nfd().collect(),
        NormalForm::Nfkc => text.nfkc().collect(),
        NormalForm::Nfkd => text.nfkd().collect(),
    }
}

/// `text IS form NORMALIZED`.
pub(crate) fn is_normalized(text: &str, form: NormalForm) -> bool {
    let quick = match form {
        _ if text.is_ascii() => return true,
        NormalForm::Nfc => is_nfc_quick(text.chars()),
        NormalForm::Nfd => is_nfd_quick(text.chars()),
        NormalForm::Nfkc => is_nfkc_quick(text.chars()),
        NormalForm::Nfkd => is_nfkd_quick(text.chars()),
    };
    match quick {
        IsNormalized::Yes => true,
        IsNormalized::No => false,
        IsNormalized::Maybe => normalize(text, form) == text,
    }
}

/// `unistr(text)`: `\XXXX`, `\+XXXXXX`, `\uXXXX` and `\UXXXXXXXX` are characters, `\\` is a backslash.
pub(crate) fn unistr(text: &str) -> ValueResult<String> {
    let mut read = String::with_capacity(text.len());
    let mut rest = text;
    let mut high: Option<u32> = None;
    let broken_pair = || ValueError::new("42601", "invalid Unicode surrogate pair");
    while let Some(letter) = rest.chars().next() {
        let behind = from(rest, letter.len_utf8());
        if letter != '\\' || behind.starts_with('\\') {
            if high.is_some() {
                return Err(broken_pair());
            }
            read.push(letter);
            rest = if letter == '\\' { from(behind, 1) } else { behind };
            continue;
        }
        let (prefix, digits) = match behind.as_bytes() {
            [b'+', ..] => (1, 6),
            [b'u', ..] => (1, 4),
            [b'U', ..] => (1, 8),
            _ => (0, 4),
        };
        let Some(number) = hexadecimal(from(behind, prefix), digits) else {
            return Err(ValueError::new("42601", "invalid Unicode escape"));
        };
        if number == 0 || number > u32::from(char::MAX) {
            return Err(ValueError::new("22023", format!("invalid Unicode code point: {number:04X}")));
        }
        match (high, number) {
            (None, 0xD800..=0xDBFF) => high = Some(number),
            (Some(first), 0xDC00..=0xDFFF) => {
                let point = 0x10000 + ((first & 0x3FF) << 10) + (number & 0x3FF);
                read.extend(char::from_u32(point));
                high = None;
            }
            (None, _) => read.push(char::from_u32(number).ok_or_else(broken_pair)?),
            (Some(_), _) => return Err(broken_pair()),
        }
        rest = from(behind, prefix + digits);
    }
    if high.is_some() { Err(broken_pair()) } else { Ok(read) }
}

fn hexadecimal(text: &str, digits: usize) -> Option<u32> {
    let number = text.get(..digits)?;
    if !before(number, digits).bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(number, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        assert_eq!(unistr(r"d\0061t\+000061 \u0061\U00000061 \\ \d83d\de00").as_deref(), Ok("data aa \\ 😀"));
        assert_eq!(unistr(r"\zz").unwrap_err().message, "invalid Unicode escape");
        assert_eq!(unistr(r"\d83d").unwrap_err().message, "invalid Unicode surrogate pair");
        assert_eq!(unistr(r"\U00110000").unwrap_err().message, "invalid Unicode code point: 110000");
    }

    #[test]
    fn normal_forms() {
        assert_eq!(normalize("a\u{308}bc", NormalForm::Nfc), "äbc");
        assert_eq!(normalize("ﬁ", NormalForm::Nfkc), "fi");
        assert!(!is_normalized("a\u{308}", NormalForm::Nfc));
        assert_eq!(NormalForm::parse("x").unwrap_err().message, "invalid normalization form: x");
    }
}
