//! Bytes as text: `encode` and `decode`, and the character sets of `convert_to` and `convert_from`. Of character sets
//! those are known that need no tables: UTF8, LATIN1 and SQL_ASCII.

use super::checked_length;
use crate::postgres::bytea;
use crate::postgres::error::{ValueError, ValueResult};

/// Characters of base64 that PostgreSQL writes on a line.
const LINE_LETTERS: usize = 76;
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A textual form of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    Base64,
    Escape,
    Hex,
}

impl Format {
    /// The form of a name.
    pub(crate) fn parse(name: &str) -> ValueResult<Self> {
        [("base64", Self::Base64), ("escape", Self::Escape), ("hex", Self::Hex)]
            .into_iter()
            .find_map(|(known, format)| known.eq_ignore_ascii_case(name).then_some(format))
            .ok_or_else(|| ValueError::new("22023", format!("unrecognized encoding: \"{name}\"")))
    }
}

/// `encode(bytea, format)`.
pub(crate) fn encode(bytes: &[u8], format: Format) -> ValueResult<String> {
    checked_length(bytes.len().checked_mul(if format == Format::Hex { 2 } else { 1 }))?;
    Ok(match format {
        Format::Base64 => base64(bytes),
        Format::Escape => escaped(bytes),
        Format::Hex => {
            let mut encoded = String::with_capacity(bytes.len() * 2);
            bytea::push_hex(&mut encoded, bytes);
            encoded
        }
    })
}

/// `decode(text, format)`.
pub(crate) fn decode(text: &str, format: Format) -> ValueResult<Vec<u8>> {
    match format {
        Format::Base64 => base64_decoded(text),
        Format::Escape => bytea::parse_escaped(text),
        Format::Hex => bytea::parse_hex(text),
    }
}

fn base64(bytes: &[u8]) -> String {
    let mut encoded = String::with_capacity(bytes.len() / 3 * 4 + bytes.len() / 57 + 8);
    let mut on_line = 0;
    let letter = |bits: u32| char::from(BASE64.get((bits & 63) as usize).copied().unwrap_or_default());
    for group in bytes.chunks(3) {
        let at = |index: usize| group.get(index).map_or(0, |&byte| u32::from(byte));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        encoded.push(letter(bits >> 18));
        encoded.push(letter(bits >> 12));
        encoded.push(if group.len() > 1 { letter(bits >> 6) } else { '=' });
        encoded.push(if group.len() > 2 { letter(bits) } else { '=' });
        on_line += 4;
        if on_line == LINE_LETTERS && group.len() == 3 {
            encoded.push('\n');
            on_line = 0;
        }
    }
    encoded
}

fn base64_decoded(text: &str) -> ValueResult<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut letters) = (0_u32, 0);
    // How many bytes of a group count once a `=` has been seen.
    let mut last_group: Option<usize> = None;
    for letter in text.chars() {
        let value = match letter {
            ' ' | '\t' | '\n' | '\r' => continue,
            '=' => {
                if last_group.is_none() {
                    last_group = Some(match letters {
                        2 => 1,
                        3 => 2,
                        _ => return Err(refused("unexpected \"=\" while decoding base64 sequence".into())),
                    });
                }
                0
            }
            'A'..='Z' => u32::from(letter) - u32::from('A'),
            'a'..='z' => u32::from(letter) - u32::from('a') + 26,
            '0'..='9' => u32::from(letter) - u32::from('0') + 52,
            '+' => 62,
            '/' => 63,
            other => {
                return Err(refused(format!("invalid symbol \"{other}\" found while decoding base64 sequence")));
            }
        };
        bits = bits << 6 | value;
        letters += 1;
        if letters == 4 {
            let [_, group @ ..] = bits.to_be_bytes();
            bytes.extend(group.iter().take(last_group.unwrap_or(3)));
            (bits, letters) = (0, 0);
        }
    }
    if letters == 0 { Ok(bytes) } else { Err(refused("invalid base64 end sequence".into())) }
}

/// Bytes that are no letters of ASCII as `\ooo`.
fn escaped(bytes: &[u8]) -> String {
    let mut encoded = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            0 | 0x80.. => {
                encoded.push('\\');
                encoded.extend([byte >> 6, byte >> 3 & 7, byte & 7].map(|digit| char::from(b'0' + digit)));
            }
            b'\\' => encoded.push_str("\\\\"),
            _ => encoded.push(char::from(byte)),
        }
    }
    encoded
}

fn refused(message: String) -> ValueError {
    ValueError::new("22023", message)
}

/// A character set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum CharacterSet {
    Utf8,
    Latin1,
    SqlAscii,
}

impl CharacterSet {
    /// The character set of a name as `convert_to` and `convert_from` take it, which is `side` (`source` or
    /// `destination`) of them.
    fn parse(name: &str, side: &str) -> ValueResult<Self> {
        let mut cleaned = name.to_owned();
        cleaned.retain(|letter| letter.is_ascii_alphanumeric());
        cleaned.make_ascii_lowercase();
        match cleaned.as_str() {
            "utf8" | "unicode" => Ok(Self::Utf8),
            "latin1" | "iso88591" => Ok(Self::Latin1),
            "sqlascii" => Ok(Self::SqlAscii),
            other if OTHER_CHARACTER_SETS.binary_search(&other).is_ok() => {
                Err(ValueError::new("0A000", format!("the character set \"{name}\" is not supported")))
            }
            _ => Err(refused(format!("invalid {side} encoding name \"{name}\""))),
        }
    }
}

/// PostgreSQL's other character sets, in order.
#[rustfmt::skip]
const OTHER_CHARACTER_SETS: &[&str] = &[
    "abc", "alt", "big5", "euccn", "eucjis2004", "eucjp", "euckr", "euctw", "gb18030", "gbk", "iso885910", "iso885913",
    "iso885914", "iso885915", "iso885916", "iso88592", "iso88593", "iso88594", "iso88595", "iso88596", "iso88597",
    "iso88598", "iso88599", "johab", "koi8", "koi8r", "koi8u", "latin10", "latin2", "latin3", "latin4", "latin5",
    "latin6", "latin7", "latin8", "latin9", "mskanji", "muleinternal", "shiftjis", "shiftjis2004", "sjis", "tcvn",
    "tcvn5712", "uhc", "vscii", "win", "win1250", "win1251", "win1252", "win1253", "win1254", "win1255", "win1256",
    "win1257", "win1258", "win866", "win874", "win932", "win936", "win949", "win950", "windows1250", "windows1251",
    "windows1252", "windows1253", "windows1254", "windows1255", "windows1256", "windows1257", "windows1258",
    "windows866", "windows874", "windows932", "windows936", "windows949", "windows950",
];

/// `convert_to(text, encoding)`.
pub(crate) fn convert_to(text: &str, encoding: &str) -> ValueResult<Vec<u8>> {
    if CharacterSet::parse(encoding, "destination")? != CharacterSet::Latin1 {
        return Ok(text.as_bytes().to_vec());
    }
    text.chars()
        .map(|letter| {
            u8::try_from(letter).map_err(|_| {
                let sequence = sequence(letter.encode_utf8(&mut [0; 4]).as_bytes());
                ValueError::new(
                    "22P05",
                    format!(
                        "character with byte sequence {sequence} in encoding \"UTF8\" has no equivalent in encoding \
                         \"LATIN1\""
                    ),
                )
            })
        })
        .collect()
}

/// `convert_from(bytea, encoding)`.
pub(crate) fn convert_from(bytes: &[u8], encoding: &str) -> ValueResult<String> {
    let set = CharacterSet::parse(encoding, "source")?;
    let invalid = |encoding: &str, at: &[u8]| {
        ValueError::new("22021", format!("invalid byte sequence for encoding \"{encoding}\": {}", sequence(at)))
    };
    match set {
        CharacterSet::Latin1 if bytes.contains(&0) => return Err(invalid("LATIN1", &[0])),
        CharacterSet::SqlAscii if bytes.contains(&0) => return Err(invalid("SQL_ASCII", &[0])),
        CharacterSet::Latin1 => return Ok(bytes.iter().map(|&byte| char::from(byte)).collect()),
        CharacterSet::Utf8 | CharacterSet::SqlAscii => {}
    }
    let valid = match std::str::from_utf8(bytes) {
        Ok(_) => bytes.len(),
        Err(error) => error.valid_up_to(),
    };
    let broken = bytes.iter().take(valid).position(|&byte| byte == 0).unwrap_or(valid);
    let rest = bytes.get(broken..).unwrap_or_default();
    let length = match rest.first() {
        None => return Ok(String::from_utf8_lossy(bytes).into_owned()),
        Some(0xC0..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        Some(0xF0..=0xF7) => 4,
        Some(_) => 1,
    };
    Err(invalid("UTF8", rest.get(..length).unwrap_or(rest)))
}

fn sequence(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("0x{byte:02x}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert!(OTHER_CHARACTER_SETS.is_sorted());
        assert_eq!(Format::parse("HEX"), Ok(Format::Hex));
        assert_eq!(Format::parse("foo").unwrap_err().message, "unrecognized encoding: \"foo\"");
        assert_eq!(convert_to("a", "x").unwrap_err().message, "invalid destination encoding name \"x\"");
    }

    #[test]
    fn forms() {
        assert_eq!(encode(b"123\x00\x01\\", Format::Escape).unwrap(), "123\\000\u{1}\\\\");
        assert_eq!(encode(&[0; 57], Format::Base64).unwrap(), format!("{}\n", "A".repeat(76)));
        assert_eq!(encode(b"a", Format::Base64).unwrap(), "YQ==");
        assert_eq!(decode("YQ = =", Format::Base64).unwrap(), b"a");
        let message = |text, format| decode(text, format).unwrap_err().message;
        assert_eq!(message("a=bc", Format::Base64), "unexpected \"=\" while decoding base64 sequence");
        assert_eq!(message("é", Format::Base64), "invalid symbol \"é\" found while decoding base64 sequence");
        assert_eq!(message("abc", Format::Base64), "invalid base64 end sequence");
        assert_eq!(message("é", Format::Hex), "invalid hexadecimal digit: \"é\"");
    }

    #[test]
    fn character_sets() {
        assert_eq!(convert_to("é", "iso-8859-1").unwrap(), [0xe9]);
        assert_eq!(convert_from(&[0xe9], "latin1").unwrap(), "é");
        assert_eq!(
            convert_to("€", "LATIN1").unwrap_err().message,
            "character with byte sequence 0xe2 0x82 0xac in encoding \"UTF8\" has no equivalent in encoding \"LATIN1\""
        );
        assert_eq!(
            convert_from(&[0x41, 0xe2, 0x82], "utf8").unwrap_err().message,
            "invalid byte sequence for encoding \"UTF8\": 0xe2 0x82"
        );
    }
}
