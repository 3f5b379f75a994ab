//! `to_char` of numbers.
//!
//! The template is walked digit by digit, the digits of the number being aligned with its last digit before the decimal
//! point. Signs, blanks and zeros are written where the number begins or ends on the way.

use super::super::error::{ValueError, ValueResult};
use super::number_digits::Digits;
use super::number_template::{AnchoredSign, Node, NumberTemplate, Pattern};
use super::{INVALID_TEXT_REPRESENTATION, Letters, ordinal_ending, push_word, roman};

impl NumberTemplate {
    /// `to_char(integer, text)`
    pub(crate) fn integer(&self, value: i32) -> ValueResult<String> {
        self.write(|| Ok(Digits::of_integer(value, self.shape)))
    }

    /// `to_char(bigint, text)`
    pub(crate) fn bigint(&self, value: i64) -> ValueResult<String> {
        self.write(|| Digits::of_bigint(value, self.shape))
    }

    /// `to_char(real, text)`
    pub(crate) fn real(&self, value: f32) -> ValueResult<String> {
        self.write(|| Ok(Digits::of_real(value, self.shape)))
    }

    /// `to_char(double precision, text)`
    pub(crate) fn double(&self, value: f64) -> ValueResult<String> {
        self.write(|| Ok(Digits::of_double(value, self.shape)))
    }

    /// `to_char(numeric, text)` of a number in plain decimal notation, `NaN`, `Infinity` or `-Infinity`.
    pub(crate) fn numeric(&self, value: &str) -> ValueResult<String> {
        self.write(|| Digits::of_numeric(value, self.shape))
    }

    fn write(&self, digits: impl FnOnce() -> ValueResult<Digits>) -> ValueResult<String> {
        if self.nodes.is_empty() {
            return Ok(String::new());
        }
        let digits = digits()?;
        if digits.shape.exponent {
            return Ok(digits.text);
        }
        let mut writer = Writer::new(&digits, self.nodes.len());
        for node in &self.nodes {
            match node {
                Node::Pattern(pattern) => writer.pattern(*pattern)?,
                Node::Character(character) => writer.output.push(*character),
            }
        }
        let mut output = writer.output;
        // Where digits were wanted after the last one, PostgreSQL's text ends.
        if let Some(end) = output.find('\0') {
            output.truncate(end);
        }
        Ok(output)
    }
}

struct Writer<'a> {
    digits: &'a Digits,
    output: String,
    /// Of the next digit of the number.
    position: usize,
    /// The last digit that `FM` shows: the last one that is not 0, or the decimal point.
    last_relevant: Option<usize>,
    /// How many digits and decimal points of the template were passed.
    passed: usize,
    /// Behind the digit where this is one more than the number of those passed, a sign may be written.
    end: usize,
    /// Whether the sign of `S` comes after the number.
    sign_is_after: bool,
    shows_brackets: bool,
    is_sign_written: bool,
    /// Whether the last thing written was a digit of the number.
    is_inside: bool,
}

impl<'a> Writer<'a> {
    fn new(digits: &'a Digits, capacity: usize) -> Self {
        let shape = &digits.shape;
        let writes_own_sign = shape.plus || shape.minus;
        let is_sign_written =
            if writes_own_sign { shape.minus } else { !digits.is_negative && shape.fill && shape.sign.is_none() };
        let sign_is_after = match shape.sign {
            Some(AnchoredSign::Before(whole)) => whole == shape.whole,
            Some(AnchoredSign::After) => true,
            None => false,
        };
        let last_relevant = (shape.fill && shape.point).then(|| last_relevant(digits)).flatten();
        let has_room_for_sign = !is_sign_written && digits.lead == 0;
        let end = shape.whole
            + shape.fraction
            + usize::from(has_room_for_sign)
            + usize::from(digits.lead > 0)
            + usize::from(shape.point);
        Self {
            digits,
            output: String::with_capacity(capacity + 2),
            position: 0,
            last_relevant,
            passed: 0,
            end,
            sign_is_after,
            shows_brackets: shape.brackets && (digits.is_negative || !shape.fill || writes_own_sign),
            is_sign_written,
            is_inside: false,
        }
    }

    fn pattern(&mut self, pattern: Pattern) -> ValueResult<()> {
        let shape = &self.digits.shape;
        let sign = self.sign();
        match pattern {
            Pattern::Nine | Pattern::Zero | Pattern::Point => {
                if !shape.roman {
                    self.digit(pattern);
                }
            }
            Pattern::Comma | Pattern::GroupSeparator if self.is_inside => self.output.push(','),
            Pattern::Comma | Pattern::GroupSeparator => self.blank(),
            Pattern::Currency => self.output.push(' '),
            Pattern::Roman(letters) => {
                if !shape.fill {
                    let blanks = roman::MAX_LETTERS.saturating_sub(self.digits.text.len());
                    self.output.extend(std::iter::repeat_n(' ', blanks));
                }
                let letters = if letters == Letters::Lower { letters } else { Letters::Capital };
                push_word(&mut self.output, &self.digits.text, letters);
            }
            Pattern::Ordinal(letters) => self.ordinal(letters)?,
            Pattern::Minus if sign == '-' => self.output.push(sign),
            Pattern::Plus if sign == '+' => self.output.push(sign),
            Pattern::Minus | Pattern::Plus => self.blank(),
            Pattern::PlusOrMinus => self.output.push(sign),
            Pattern::Blank
            | Pattern::Exponent
            | Pattern::Fill
            | Pattern::Brackets
            | Pattern::Sign
            | Pattern::Shift
            | Pattern::Ignored => {}
        }
        Ok(())
    }

    fn sign(&self) -> char {
        if self.digits.is_negative { '-' } else { '+' }
    }

    /// A space, unless nothing is filled up with them.
    fn blank(&mut self) {
        if !self.digits.shape.fill {
            self.output.push(' ');
        }
    }

    fn ordinal(&mut self, letters: Letters) -> ValueResult<()> {
        let Digits { text, is_negative, shape, .. } = self.digits;
        if shape.roman || text.starts_with('#') || *is_negative || shape.point {
            return Ok(());
        }
        if !text.ends_with(|last: char| last.is_ascii_digit()) {
            return Err(ValueError::new(INVALID_TEXT_REPRESENTATION, format!("\"{text}\" is not a number")));
        }
        push_word(&mut self.output, ordinal_ending(text.as_bytes()), letters);
        Ok(())
    }

    fn current(&self) -> Option<u8> {
        self.digits.text.as_bytes().get(self.position).copied()
    }

    /// Whether `FM` leaves nothing after the decimal point.
    fn ends_with_point(&self) -> bool {
        self.last_relevant.and_then(|last| self.digits.text.as_bytes().get(last)) == Some(&b'.')
    }

    /// Whether this is the 0 before a decimal point that is not shown.
    fn is_zero_before_point(&self) -> bool {
        let shape = &self.digits.shape;
        shape.first_zero.is_none() && self.position == 0 && self.current() == Some(b'0') && shape.fraction != 0
    }

    /// Writes what the next digit or decimal point of the template shows.
    fn digit(&mut self, pattern: Pattern) {
        let shape = &self.digits.shape;
        let lead = self.digits.lead;
        self.is_inside = false;
        let is_begun = self.passed >= lead || shape.first_zero == Some(self.passed);
        if !self.is_sign_written && is_begun && (!self.is_zero_before_point() || self.ends_with_point()) {
            self.sign_before();
        }
        if self.passed >= lead {
            self.digit_of_number(pattern);
        } else if shape.first_zero.is_some_and(|first| first <= self.passed) {
            self.output.push('0');
            self.is_inside = true;
        } else {
            self.blank();
        }
        let is_last_relevant = self.last_relevant == Some(self.position);
        if self.passed + 2 == self.end && !is_last_relevant {
            self.sign_after();
        }
        self.passed += 1;
    }

    fn digit_of_number(&mut self, pattern: Pattern) {
        let current = self.current();
        if current == Some(b'.') {
            self.output.push('.');
        } else if self.last_relevant.is_some_and(|last| self.position > last) && pattern != Pattern::Zero {
            // A zero that FM leaves away.
        } else if self.is_zero_before_point() {
            if !self.digits.shape.fill {
                self.output.push(' ');
            } else if self.ends_with_point() {
                self.output.push('0');
            }
        } else {
            // After the last digit, the end of the text; it is cut off there later.
            self.output.push(current.map_or('\0', char::from));
            self.is_inside = true;
        }
        if current.is_some() {
            self.position += 1;
        }
    }

    fn sign_before(&mut self) {
        let sign = self.sign();
        match self.digits.shape.sign {
            Some(_) if self.sign_is_after => return,
            Some(_) => self.output.push(sign),
            None if self.shows_brackets => self.output.push(if sign == '+' { ' ' } else { '<' }),
            None if sign == '+' => self.blank(),
            None => self.output.push(sign),
        }
        self.is_sign_written = true;
    }

    fn sign_after(&mut self) {
        let sign = self.sign();
        if self.is_sign_written && self.shows_brackets {
            self.output.push(if sign == '+' { ' ' } else { '>' });
        } else if self.digits.shape.sign.is_some() && self.sign_is_after {
            self.output.push(sign);
        }
    }
}

/// Where the digits that `FM` shows end, those that a `0` of the template asks for included.
fn last_relevant(digits: &Digits) -> Option<usize> {
    let text = digits.text.as_bytes();
    let point = text.iter().position(|byte| *byte == b'.')?;
    let last = text.iter().rposition(|byte| *byte != b'0').filter(|last| *last > point).unwrap_or(point);
    let last_zero = digits.shape.last_zero.saturating_sub(digits.lead);
    Some(if last_zero > 0 { last.max(last_zero.min(text.len() - 1)) } else { last })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerics() {
        for (value, template, expected) in [
            ("1234.5", "9,999.99", " 1,234.50"),
            ("-1234.5", "9G999D99S", "1,234.50-"),
            ("-1234.5", "FM9999.99PR", "<1234.5>"),
            ("0.1", "9.9", "  .1"),
            ("0.1", "FM9.9", ".1"),
            ("0", "FM9.9", "0."),
            ("12", "099.9", " 012.0"),
            ("1.10", "FM9.990", "1.100"),
            ("-0.001", "9.99", "  .00"),
            ("482", "FM999TH", "482ND"),
            ("12.45", "99V9", " 125"),
            ("12345", "999", " ###"),
            ("485.8", r#""Pre:"999" Post:" .999"#, "Pre: 485 Post: .800"),
            ("9.99", "9.9EEEE", " 10.0e+00"),
            ("0.000485", "9.99EEEE", " 4.85e-04"),
            ("NaN", "9.9EEEE", " #.#####"),
            ("NaN", "9999.9", "  NaN"),
            ("485", "RN", "        CDLXXXV"),
            ("5.2", "FMrn", "v"),
            ("-3", "S00", "-03"),
            ("5", "PL9", "+ 5"),
            ("5", "", ""),
        ] {
            let template_of = NumberTemplate::parse(template).unwrap();
            assert_eq!(template_of.numeric(value).as_deref(), Ok(expected), "{value} {template}");
        }
    }

    #[test]
    fn other_numbers() {
        let template = |text: &str| NumberTemplate::parse(text).unwrap();
        assert_eq!(template("999D999").double(148.5).unwrap(), " 148.500");
        assert_eq!(template("FM9999999.999").real(123_456.79).unwrap(), "123457");
        assert_eq!(template("9").double(-0.0).unwrap(), "-0");
        assert_eq!(template("RN").double(2.5).unwrap(), "             II");
        assert_eq!(template("9EEEE").double(f64::INFINITY).unwrap(), " #.####");
        assert_eq!(template("9.99EEEE").integer(5).unwrap(), " 5.00e+00");
        assert_eq!(template("999099V99999").integer(810_420_630).unwrap(), "   325091776");
        assert_eq!(template("9,999,999,999,999").bigint(1_234_567_890_123).unwrap(), " 1,234,567,890,123");
        assert_eq!(template("V9999999999999999999").bigint(5).unwrap_err().message, "bigint out of range");
        assert_eq!(template("TH").integer(5).unwrap_err().message, "\".\" is not a number");
    }
}
