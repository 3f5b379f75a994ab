//! The text of a date, a time or an interval, cut into numbers, words and what is made of both.

use super::words::date_word;

/// A text of more fields than this is none of ours.
pub(super) const MAX_FIELDS: usize = 25;
/// The longest text is an interval's, in bytes.
const MAX_BYTES: usize = 256;

/// The bytes that a text of fields may have, each field with one more for its end; what is longer is no value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Room {
    /// A date or a time.
    Short,
    /// Both.
    Long,
    Interval,
}

impl Room {
    fn bytes(self) -> usize {
        match self {
            Self::Short => 129,
            Self::Long => 153,
            Self::Interval => MAX_BYTES,
        }
    }
}

/// What a field looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Digits, perhaps with a fraction.
    Number,
    /// Parts with `-`, `/` or `.` between them, or a zone's name with such.
    Date,
    /// Numbers with `:` between them.
    Time,
    /// A number with a sign, and what comes with it.
    Signed,
    /// A word.
    Word,
    /// A word with a sign.
    SignedWord,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    kind: Kind,
    start: usize,
    end: usize,
}

/// The fields, in lower case.
pub(super) struct Tokens {
    bytes: [u8; MAX_BYTES],
    used: usize,
    room: usize,
    spans: [Span; MAX_FIELDS],
    count: usize,
}

impl Tokens {
    /// The fields of a text, or none if it cannot be a value.
    pub(super) fn of(text: &str, room: Room) -> Option<Self> {
        let none = Span { kind: Kind::Number, start: 0, end: 0 };
        let mut tokens =
            Self { bytes: [0; MAX_BYTES], used: 0, room: room.bytes(), spans: [none; MAX_FIELDS], count: 0 };
        let mut rest = text.as_bytes();
        while let Some(&first) = rest.first() {
            if is_space(first) {
                rest = rest.get(1..)?;
                continue;
            }
            let start = tokens.used;
            let kind = match first {
                b'0'..=b'9' => tokens.number(&mut rest)?,
                b'.' => {
                    tokens.take(&mut rest)?;
                    tokens.take_while(&mut rest, |byte| byte.is_ascii_digit())?;
                    Kind::Number
                }
                b'a'..=b'z' | b'A'..=b'Z' => tokens.word(&mut rest)?,
                b'+' | b'-' => tokens.signed(&mut rest)?,
                _ if first.is_ascii_punctuation() => {
                    rest = rest.get(1..)?;
                    continue;
                }
                _ => return None,
            };
            *tokens.spans.get_mut(tokens.count)? = Span { kind, start, end: tokens.used };
            tokens.count += 1;
            // The field's end takes a byte.
            tokens.used += 1;
        }
        Some(tokens)
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// What the field looks like; none after the last.
    pub(super) fn kind(&self, index: usize) -> Option<Kind> {
        self.spans.get(..self.count)?.get(index).map(|span| span.kind)
    }

    /// The field's text.
    pub(super) fn text(&self, index: usize) -> &str {
        self.spans.get(index).map_or("", |span| self.slice(span.start, span.end))
    }

    fn slice(&self, start: usize, end: usize) -> &str {
        // All of it is ASCII.
        self.bytes.get(start..end).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// Move one byte from the text to the fields.
    fn take(&mut self, rest: &mut &[u8]) -> Option<()> {
        let (&byte, after) = rest.split_first()?;
        if self.used + 1 >= self.room {
            return None;
        }
        *self.bytes.get_mut(self.used)? = byte.to_ascii_lowercase();
        self.used += 1;
        *rest = after;
        Some(())
    }

    fn take_while(&mut self, rest: &mut &[u8], is_part: impl Fn(u8) -> bool) -> Option<()> {
        while rest.first().is_some_and(|&byte| is_part(byte)) {
            self.take(rest)?;
        }
        Some(())
    }

    fn number(&mut self, rest: &mut &[u8]) -> Option<Kind> {
        self.take_while(rest, |byte| byte.is_ascii_digit())?;
        let Some(&delimiter) = rest.first() else { return Some(Kind::Number) };
        match delimiter {
            b':' => {
                self.take_while(rest, |byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.'))?;
                Some(Kind::Time)
            }
            b'-' | b'/' | b'.' => {
                self.take(rest)?;
                if !rest.first().is_some_and(u8::is_ascii_digit) {
                    self.take_while(rest, |byte| byte.is_ascii_alphanumeric() || byte == delimiter)?;
                    return Some(Kind::Date);
                }
                self.take_while(rest, |byte| byte.is_ascii_digit())?;
                if rest.first() == Some(&delimiter) {
                    self.take_while(rest, |byte| byte.is_ascii_digit() || byte == delimiter)?;
                    return Some(Kind::Date);
                }
                Some(if delimiter == b'.' { Kind::Number } else { Kind::Date })
            }
            _ => Some(Kind::Number),
        }
    }

    fn word(&mut self, rest: &mut &[u8]) -> Option<Kind> {
        let start = self.used;
        self.take_while(rest, |byte| byte.is_ascii_alphabetic())?;
        let goes_on = match rest.first() {
            Some(b'-' | b'/' | b'.') => true,
            // `EST5EDT` goes on, `Jan8` does not.
            Some(b'+' | b'0'..=b'9') => date_word(self.slice(start, self.used)).is_none(),
            _ => false,
        };
        if goes_on {
            self.take_while(rest, |byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'/' | b'_' | b'.' | b':')
            })?;
            return Some(Kind::Date);
        }
        Some(Kind::Word)
    }

    fn signed(&mut self, rest: &mut &[u8]) -> Option<Kind> {
        self.take(rest)?;
        while rest.first().is_some_and(|&byte| is_space(byte)) {
            *rest = rest.get(1..)?;
        }
        match rest.first() {
            Some(b'0'..=b'9') => {
                self.take_while(rest, |byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b'-'))?;
                Some(Kind::Signed)
            }
            Some(byte) if byte.is_ascii_alphabetic() => {
                self.take_while(rest, |byte| byte.is_ascii_alphabetic())?;
                Some(Kind::SignedWord)
            }
            _ => None,
        }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}
