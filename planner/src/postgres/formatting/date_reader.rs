//! Takes words and numbers off the front of a text, as far as C's functions would take them.

use super::super::error::{ValueError, ValueResult};
use super::date_template::{Field, FieldNode, Node};
use super::{DATETIME_FIELD_OVERFLOW, INVALID_DATETIME_FORMAT, character_length, is_space};

/// Where the reading of a text is.
pub(super) struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    pub(super) position: usize,
    /// Characters that were skipped and that the template has not asked for yet.
    pub(super) extra: i32,
    /// Whether `FX` was passed.
    pub(super) fixed: bool,
}

/// A number, and how many bytes there were to it.
pub(super) struct ReadNumber {
    pub(super) value: i32,
    pub(super) length: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, bytes: text.as_bytes(), position: 0, extra: 0, fixed: false }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    pub(super) fn rest_of_text(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    pub(super) fn skip_spaces(&mut self) {
        let spaces = spaces(self.rest());
        self.position += spaces;
        // A text of two thousand million spaces would be too long to be one.
        self.extra = self.extra.saturating_add(i32::try_from(spaces).unwrap_or(i32::MAX));
    }

    /// Skips the white space that may be in front of what the node reads.
    pub(super) fn skip_before(&mut self, node: &Node, is_first: bool) {
        let skips = match node {
            Node::Field(node) => node.field != Field::FixedFormat,
            _ => is_first,
        };
        if skips && !self.fixed {
            self.skip_spaces();
        }
    }

    pub(super) fn skip_character(&mut self) {
        self.position += character_length(self.rest());
    }

    /// Skips what is in the place of white space or punctuation.
    pub(super) fn separator(&mut self) {
        if self.fixed {
            self.skip_character();
        } else {
            self.extra -= 1;
            if self.peek().is_some_and(|byte| is_space(byte) || byte.is_ascii_punctuation()) {
                self.position += 1;
                self.extra += 1;
            }
        }
    }

    /// Skips what is in the place of another character.
    pub(super) fn character(&mut self) {
        if !self.fixed && self.extra > 0 {
            self.extra -= 1;
        } else {
            self.skip_character();
        }
    }

    /// 1 east of Greenwich, -1 west of it.
    pub(super) fn zone_sign(&mut self) -> i32 {
        let sign = match self.peek() {
            Some(b'-') => -1,
            Some(b'+' | b' ') => 1,
            _ => {
                // The minus may have been taken for punctuation.
                let before = self.position.checked_sub(1).and_then(|before| self.bytes.get(before));
                return if self.extra > 0 && before == Some(&b'-') { -1 } else { 1 };
            }
        };
        self.position += 1;
        sign
    }

    /// An integer of this many bytes, or of any number of them where it ends by itself.
    pub(super) fn number(&mut self, width: usize, node: &FieldNode, next: Option<&Node>) -> ValueResult<ReadNumber> {
        let start = self.position;
        let skipped = spaces(self.rest());
        let field = self.rest().get(skipped..).unwrap_or_default();
        let field = field.get(..width).unwrap_or(field);
        let value = if node.fill || is_followed_by_no_digit(node, next) {
            let integer = leading_integer(self.rest());
            self.position += integer.length;
            integer.value
        } else {
            self.position += skipped;
            if field.len() < width {
                let message = format!("source string too short for \"{}\" formatting field", node.name);
                return Err(ValueError::new(INVALID_DATETIME_FORMAT, message));
            }
            let integer = leading_integer(field);
            if (1..width).contains(&integer.length) {
                return Err(invalid_value(&String::from_utf8_lossy(field), node));
            }
            self.position += integer.length;
            integer.value
        };
        if self.position == start {
            return Err(invalid_value(&String::from_utf8_lossy(field), node));
        }
        let value = i32::try_from(value).map_err(|_| value_out_of_range(node))?;
        Ok(ReadNumber { value, length: self.position - start })
    }

    /// Which word comes next, whatever the case of its letters.
    pub(super) fn word<const N: usize>(&mut self, node: &FieldNode, words: [&str; N]) -> ValueResult<i32> {
        let rest = self.rest();
        let found = (0..)
            .zip(words)
            .find(|(_, word)| rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes())));
        let Some((index, word)) = found else {
            let rest = self.rest_of_text();
            let end = rest.bytes().position(is_space).unwrap_or(rest.len());
            return Err(invalid_value(rest.get(..end).unwrap_or(rest), node));
        };
        self.position += word.len();
        Ok(index)
    }

    /// Thousands of years and years, with a comma between them.
    pub(super) fn year_with_comma(&mut self, node: &FieldNode) -> ValueResult<i32> {
        let rest = self.rest();
        let thousands = leading_integer(rest);
        let years = rest.get(thousands.length..).and_then(|rest| rest.strip_prefix(b",")).map(|rest| {
            let spaces = spaces(rest);
            let digits = rest.get(spaces..).unwrap_or_default();
            let integer = leading_integer(digits.get(..3).unwrap_or(digits));
            (integer.value, integer.length, spaces)
        });
        let Some((years, length @ 1.., spaces)) = years.filter(|_| thousands.length > 0) else {
            return Err(invalid_value(self.rest_of_text(), node));
        };
        self.position += thousands.length + 1 + spaces + length;
        // As C's `scanf` does, which keeps the lower 32 bits.
        let thousands = thousands.value as i32;
        let year = i32::try_from(years).ok().and_then(|years| thousands.checked_mul(1_000)?.checked_add(years));
        year.ok_or_else(|| value_out_of_range(node))
    }
}

pub(super) fn invalid_value(value: &str, node: &FieldNode) -> ValueError {
    ValueError::new(INVALID_DATETIME_FORMAT, format!("invalid value \"{value}\" for \"{}\"", node.name))
}

fn value_out_of_range(node: &FieldNode) -> ValueError {
    let message = format!("value for \"{}\" in source string is out of range", node.name);
    ValueError::new(DATETIME_FIELD_OVERFLOW, message)
}

fn is_followed_by_no_digit(node: &FieldNode, next: Option<&Node>) -> bool {
    node.ordinal.is_some()
        || match next {
            Some(Node::Field(next)) => !next.field.is_digits(),
            Some(Node::Character(character)) => !character.is_ascii_digit(),
            Some(Node::Space(_) | Node::Separator(_)) | None => true,
        }
}

fn spaces(text: &[u8]) -> usize {
    text.iter().position(|byte| !is_space(*byte)).unwrap_or(text.len())
}

struct LeadingInteger {
    value: i64,
    /// Bytes, 0 if there is no integer.
    length: usize,
}

/// As C's `strtol`: white space, a sign, and digits, the value being the nearest one there is.
fn leading_integer(text: &[u8]) -> LeadingInteger {
    let mut length = spaces(text);
    let sign = text.get(length).copied().filter(|byte| matches!(byte, b'+' | b'-'));
    length += usize::from(sign.is_some());
    let digits = text.get(length..).unwrap_or_default();
    let count = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    if count == 0 {
        return LeadingInteger { value: 0, length: 0 };
    }
    let step = |value: i64, digit: &u8| {
        let digit = i64::from(digit - b'0');
        let digit = if sign == Some(b'-') { -digit } else { digit };
        value.saturating_mul(10).saturating_add(digit)
    };
    let value = digits.iter().take(count).fold(0, step);
    LeadingInteger { value, length: length + count }
}
