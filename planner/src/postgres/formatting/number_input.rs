//! `to_number`.
//!
//! PostgreSQL reads leniently: characters that a template's digits do not find are skipped, and what is left of the text
//! after the template is not looked at.

use super::super::error::{ValueError, ValueResult};
use super::number_template::{Node, NumberTemplate, Pattern, Shape};
use super::{
    FEATURE_NOT_SUPPORTED, INVALID_TEXT_REPRESENTATION, NUMERIC_VALUE_OUT_OF_RANGE, character_length, is_space, roman,
};

/// The digits after the decimal point that PostgreSQL's power of ten has at least.
const MIN_SIGNIFICANT_DIGITS: usize = 16;
/// And those that it has at most.
const MAX_POWER_SCALE: usize = 1_000;

impl NumberTemplate {
    /// `to_number(text, text)`: a `numeric` in plain decimal notation.
    pub(crate) fn read(&self, text: &str) -> ValueResult<Option<String>> {
        if self.nodes.is_empty() {
            return Ok(None);
        }
        if self.shape.exponent {
            return Err(ValueError::new(FEATURE_NOT_SUPPORTED, "\"EEEE\" not supported for input"));
        }
        let mut reader = Reader::new(self.shape, text);
        for node in &self.nodes {
            if reader.peek().is_none() {
                break;
            }
            match node {
                Node::Pattern(pattern) => reader.pattern(*pattern)?,
                Node::Character(_) => reader.skip_character(),
            }
        }
        reader.number().map(Some)
    }
}

struct Reader<'a> {
    shape: Shape,
    bytes: &'a [u8],
    position: usize,
    sign: Option<u8>,
    /// The digits, and the decimal point.
    digits: String,
    whole: usize,
    /// The digits after the decimal point, once that was read.
    fraction: Option<usize>,
}

impl<'a> Reader<'a> {
    fn new(shape: Shape, text: &'a str) -> Self {
        let (bytes, digits) = (text.as_bytes(), String::with_capacity(text.len()));
        Self { shape, bytes, position: 0, sign: None, digits, whole: 0, fraction: None }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    fn skip_character(&mut self) {
        self.position += character_length(self.bytes.get(self.position..).unwrap_or_default());
    }

    /// Skips characters that mean nothing in a number.
    fn skip_others(&mut self, count: usize) {
        for _ in 0..count {
            match self.peek() {
                Some(b'0'..=b'9' | b'.' | b',' | b'+' | b'-') | None => return,
                Some(_) => self.skip_character(),
            }
        }
    }

    fn pattern(&mut self, pattern: Pattern) -> ValueResult<()> {
        let next = self.peek();
        match pattern {
            Pattern::Nine | Pattern::Zero | Pattern::Point => {
                self.digit(pattern);
                self.position += 1;
            }
            Pattern::Comma | Pattern::GroupSeparator => {
                // Without commas in front of a number there are none of them in it either.
                if !self.shape.fill && next == Some(b',') {
                    self.position += 1;
                }
            }
            Pattern::Currency => self.skip_others(1),
            Pattern::Roman(_) => self.roman()?,
            Pattern::Ordinal(_) if !self.shape.roman && !self.shape.point => self.skip_others(2),
            Pattern::Minus => self.sign_apart(next.filter(|next| *next == b'-')),
            Pattern::Plus => self.sign_apart(next.filter(|next| *next == b'+')),
            Pattern::PlusOrMinus => self.sign_apart(next.filter(is_sign)),
            Pattern::Ordinal(_)
            | Pattern::Blank
            | Pattern::Exponent
            | Pattern::Fill
            | Pattern::Brackets
            | Pattern::Sign
            | Pattern::Shift
            | Pattern::Ignored => {}
        }
        Ok(())
    }

    fn sign_apart(&mut self, sign: Option<u8>) {
        if sign.is_some() {
            self.sign = sign;
            self.position += 1;
        } else {
            self.skip_others(1);
        }
    }

    fn roman(&mut self) -> ValueResult<()> {
        while self.peek().is_some_and(is_space) {
            self.position += 1;
        }
        let Some((number, letters)) = roman::leading_number(self.bytes.get(self.position..).unwrap_or_default()) else {
            return Err(ValueError::new(INVALID_TEXT_REPRESENTATION, "invalid Roman numeral"));
        };
        self.position += letters;
        let digits = number.to_string();
        self.shape.whole = digits.len();
        self.digits.push_str(&digits);
        Ok(())
    }

    /// Reads a digit or the decimal point, with a sign in front or behind. The position stays on the last character.
    fn digit(&mut self, pattern: Pattern) {
        if self.peek() == Some(b' ') {
            self.position += 1;
        }
        let Some(mut next) = self.peek() else { return };
        let is_first = self.whole + self.fraction.unwrap_or_default() == 0;
        if self.sign.is_none() && pattern != Pattern::Point && is_first {
            let sign = match next {
                b'<' if self.shape.brackets => Some(b'-'),
                _ => Some(next).filter(is_sign),
            };
            if sign.is_some() {
                self.sign = sign;
                self.position += 1;
            }
            let Some(after) = self.peek() else { return };
            next = after;
        }
        let mut is_read = true;
        match (next, &mut self.fraction) {
            (b'0'..=b'9', Some(fraction)) => {
                if *fraction == self.shape.fraction {
                    return;
                }
                *fraction += 1;
                self.digits.push(next.into());
            }
            (b'0'..=b'9', None) => {
                self.whole += 1;
                self.digits.push(next.into());
            }
            (b'.', None) if self.shape.point => {
                self.fraction = Some(0);
                self.digits.push('.');
            }
            _ => is_read = false,
        }
        if self.sign.is_none() && self.whole + self.fraction.unwrap_or_default() > 0 {
            self.sign_behind(is_read, next);
        }
    }

    fn sign_behind(&mut self, is_read: bool, current: u8) {
        if self.shape.sign.is_some() {
            let behind = self.bytes.get(self.position + 1).copied();
            if let (true, Some(sign @ (b'+' | b'-'))) = (is_read, behind) {
                self.sign = Some(sign);
                self.position += 1;
            }
        } else if !is_read && (self.shape.plus || self.shape.minus) && is_sign(&current) {
            self.sign = Some(current);
        }
    }

    /// The number that was read, with the precision of the template.
    fn number(mut self) -> ValueResult<String> {
        if self.digits.ends_with('.') {
            self.digits.pop();
        }
        if self.digits.is_empty() {
            let sign = char::from(self.sign.unwrap_or(b' '));
            let message = format!("invalid input syntax for type numeric: \"{sign}\"");
            return Err(ValueError::new(INVALID_TEXT_REPRESENTATION, message));
        }
        let (whole, fraction) = self.digits.split_once('.').unwrap_or((&self.digits, ""));
        let whole = whole.trim_start_matches('0');
        if whole.len() > self.shape.whole + self.shape.shift {
            return Err(ValueError::new(NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow"));
        }
        let is_negative = self.sign == Some(b'-') && self.digits.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
        let sign = if is_negative { "-" } else { "" };
        if self.shape.shifts {
            return Ok(shifted(sign, whole, self.shape.shift));
        }
        let whole = if whole.is_empty() { "0" } else { whole };
        let point = if fraction.is_empty() { "" } else { "." };
        Ok(format!("{sign}{whole}{point}{fraction}"))
    }
}

fn is_sign(byte: &u8) -> bool {
    matches!(byte, b'+' | b'-')
}

/// Whole digits divided by a power of ten, with as many digits after the decimal point as PostgreSQL gives.
fn shifted(sign: &str, digits: &str, shift: usize) -> String {
    if shift > MAX_POWER_SCALE {
        return format!("0.{:0<MAX_POWER_SCALE$}", "");
    }
    let scale = (MIN_SIGNIFICANT_DIGITS + shift).min(MAX_POWER_SCALE);
    let padded = format!("{digits:0>width$}", width = shift + 1);
    let (whole, fraction) = padded.split_at(padded.len() - shift);
    format!("{sign}{whole}.{fraction:0<scale$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (text, template, expected) in [
            ("-12,454.8-", "99G999D9S", "-12454.8"),
            ("12,454.8-", "99G999D9S", "-12454.8"),
            ("$1,234.56", "L9,999.99", "1234.56"),
            ("34,50", "999,99", "3450"),
            ("<564646.654564>", "999999.999999PR", "-564646.654564"),
            ("0.00001-", "9.999999S", "-0.00001"),
            ("5.01-", "FM9.999999MI", "-5.01"),
            ("-0.50", "S9.99", "-0.50"),
            ("MCMXCIV", "RN", "1994"),
            ("1st", "9th", "1"),
            ("123", "99V9", "12.30000000000000000"),
        ] {
            let read = NumberTemplate::parse(template).unwrap().read(text).unwrap();
            assert_eq!(read.as_deref(), Some(expected), "{text} {template}");
        }
        assert_eq!(NumberTemplate::parse("").unwrap().read("1"), Ok(None));
    }

    #[test]
    fn errors() {
        for (text, template, expected) in [
            ("12345", "99.99", "numeric field overflow"),
            ("x", "9", "invalid input syntax for type numeric: \" \""),
            ("1", "9EEEE", "\"EEEE\" not supported for input"),
            ("IIII", "RN", "invalid Roman numeral"),
        ] {
            let error = NumberTemplate::parse(template).unwrap().read(text).unwrap_err();
            assert_eq!(error.message, expected, "{text} {template}");
        }
    }
}
