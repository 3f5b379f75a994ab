//! `format(template, arguments...)`. A template is parsed once for many rows; its mistakes show when they are reached,
//! as PostgreSQL reads it while it writes.

use super::integers::parse_int4;
use super::quoting::{quote_ident, quote_nullable};
use super::{checked_length, from, push};
use crate::postgres::error::{ValueError, ValueResult};

/// A template of `format`.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
    /// What is wrong behind the pieces.
    mistake: Option<ValueError>,
}

#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    Argument { position: Option<usize>, left: bool, width: Width, conversion: Conversion },
}

#[derive(Debug, Clone, Copy)]
enum Width {
    None,
    Fixed(i32),
    /// From an argument: the next one, or one by its position.
    Argument(Option<usize>),
}

#[derive(Debug, Clone, Copy)]
enum Conversion {
    Text,
    Identifier,
    Literal,
}

impl Template {
    /// Reads a template.
    pub(crate) fn parse(template: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = template;
        let mut text = String::new();
        let mut mistake = None;
        while let Some((before, after)) = rest.split_once('%') {
            text.push_str(before);
            if let Some(behind) = after.strip_prefix('%') {
                text.push('%');
                rest = behind;
                continue;
            }
            match parse_specifier(after) {
                Ok((piece, behind)) => {
                    if !text.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut text)));
                    }
                    pieces.push(piece);
                    rest = behind;
                }
                Err(error) => {
                    mistake = Some(error);
                    break;
                }
            }
        }
        if mistake.is_none() {
            text.push_str(rest);
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Self { pieces, mistake }
    }

    /// The template with the arguments, as text, in their places.
    pub(crate) fn format(&self, arguments: &[Option<&str>]) -> ValueResult<String> {
        let mut formatted = String::new();
        let mut next = 0;
        for piece in &self.pieces {
            let (position, left, width, conversion) = match piece {
                Piece::Text(text) => {
                    push(&mut formatted, text)?;
                    continue;
                }
                Piece::Argument { position, left, width, conversion } => (*position, *left, *width, *conversion),
            };
            let width = match width {
                Width::None => 0,
                Width::Fixed(width) => width,
                Width::Argument(position) => {
                    take(arguments, &mut next, position)?.map(parse_int4).transpose()?.unwrap_or_default()
                }
            };
            let argument = take(arguments, &mut next, position)?;
            match conversion {
                Conversion::Text => push_padded(&mut formatted, argument.unwrap_or_default(), left, width)?,
                Conversion::Identifier => {
                    let Some(argument) = argument else {
                        return Err(ValueError::new("22004", "null values cannot be formatted as an SQL identifier"));
                    };
                    push_padded(&mut formatted, &quote_ident(argument), left, width)?;
                }
                Conversion::Literal => push_padded(&mut formatted, &quote_nullable(argument), left, width)?,
            }
        }
        match &self.mistake {
            Some(mistake) => Err(mistake.clone()),
            None => Ok(formatted),
        }
    }
}

/// The argument at a position counted from 1, or the next one.
fn take<'a>(arguments: &[Option<&'a str>], next: &mut usize, position: Option<usize>) -> ValueResult<Option<&'a str>> {
    let index = position.map_or(*next, |position| position.saturating_sub(1));
    *next = index.saturating_add(1);
    arguments.get(index).copied().ok_or_else(|| ValueError::new("22023", "too few arguments for format()"))
}

fn push_padded(formatted: &mut String, text: &str, left: bool, width: i32) -> ValueResult<()> {
    let left = left || width < 0;
    let width = width.checked_abs().ok_or_else(out_of_range)?;
    let width = usize::try_from(width).unwrap_or_default();
    let missing = if width == 0 { 0 } else { width.saturating_sub(text.chars().count()) };
    checked_length(formatted.len().checked_add(text.len()).and_then(|bytes| bytes.checked_add(missing)))?;
    let blanks = " ".repeat(missing);
    let (first, second) = if left { (text, blanks.as_str()) } else { (blanks.as_str(), text) };
    push(formatted, first)?;
    push(formatted, second)
}

fn out_of_range() -> ValueError {
    ValueError::new("22003", "number is out of range")
}

fn invalid(message: &str) -> ValueError {
    ValueError::new("22023", message)
}

/// What stands behind a `%`, and the rest of the template.
fn parse_specifier(specifier: &str) -> ValueResult<(Piece, &str)> {
    let unterminated = || invalid("unterminated format() type specifier");
    // Nothing may end within a specifier.
    let more = |rest: &str| if rest.is_empty() { Err(unterminated()) } else { Ok(()) };
    more(specifier)?;
    let (mut position, mut left, mut width) = (None, false, Width::None);
    let (number, mut rest) = parse_number(specifier)?;
    more(rest)?;
    let is_width = match (number, rest.strip_prefix('$')) {
        (Some(number), Some(behind)) => {
            position = Some(argument_position(number)?);
            more(behind)?;
            rest = behind;
            false
        }
        (Some(number), None) => {
            width = Width::Fixed(number);
            true
        }
        (None, _) => false,
    };
    if !is_width {
        while let Some(behind) = rest.strip_prefix('-') {
            more(behind)?;
            (left, rest) = (true, behind);
        }
        if let Some(behind) = rest.strip_prefix('*') {
            more(behind)?;
            let (number, behind) = parse_number(behind)?;
            more(behind)?;
            rest = behind;
            width = Width::Argument(None);
            if let Some(number) = number {
                let Some(behind) = rest.strip_prefix('$') else {
                    return Err(invalid("width argument position must be ended by \"$\""));
                };
                width = Width::Argument(Some(argument_position(number)?));
                more(behind)?;
                rest = behind;
            }
        } else {
            let (number, behind) = parse_number(rest)?;
            more(behind)?;
            rest = behind;
            if let Some(number) = number {
                width = Width::Fixed(number);
            }
        }
    }
    let letter = rest.chars().next().ok_or_else(unterminated)?;
    let conversion = match letter {
        's' => Conversion::Text,
        'I' => Conversion::Identifier,
        'L' => Conversion::Literal,
        other => return Err(invalid(&format!("unrecognized format() type specifier \"{other}\""))),
    };
    Ok((Piece::Argument { position, left, width, conversion }, from(rest, letter.len_utf8())))
}

fn argument_position(number: i32) -> ValueResult<usize> {
    match usize::try_from(number) {
        Ok(position @ 1..) => Ok(position),
        _ => Err(invalid("format specifies argument 0, but arguments are numbered from 1")),
    }
}

fn parse_number(text: &str) -> ValueResult<(Option<i32>, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return Ok((None, text));
    }
    let number = super::before(text, digits).parse().map_err(|_| out_of_range())?;
    Ok((Some(number), from(text, digits)))
}

/// `format(template, arguments...)`, for a template that is used once.
pub(crate) fn format(template: &str, arguments: &[Option<&str>]) -> ValueResult<String> {
    Template::parse(template).format(arguments)
}

#[cfg(test)]
mod tests {
    use super::{ValueResult, format as text};

    fn message(result: ValueResult<String>) -> String {
        result.unwrap_err().message
    }

    #[test]
    fn positions_and_widths() {
        assert_eq!(
            text("Testing %3$s, %2$s, %s", &[Some("one"), Some("two"), Some("three")]).unwrap(),
            "Testing three, two, three"
        );
        assert_eq!(
            text("|%10s|%-10s|%-*s|", &[Some("a"), Some("é"), Some("3"), Some("b")]).unwrap(),
            "|         a|é         |b  |"
        );
        assert_eq!(text("|%*2$s|", &[Some("a"), Some("-3"), Some("z")]).unwrap(), "|z  |");
        assert_eq!(text("%I %L %L %s%%", &[Some("A b"), Some("it's"), None, None]).unwrap(), "\"A b\" 'it''s' NULL %");
    }

    #[test]
    fn mistakes() {
        assert_eq!(message(text("%", &[])), "unterminated format() type specifier");
        assert_eq!(message(text("%s", &[])), "too few arguments for format()");
        assert_eq!(message(text("%x", &[None])), "unrecognized format() type specifier \"x\"");
        assert_eq!(message(text("%0$s", &[None])), "format specifies argument 0, but arguments are numbered from 1");
        assert_eq!(message(text("%*1s", &[None])), "width argument position must be ended by \"$\"");
        assert_eq!(message(text("%I", &[None])), "null values cannot be formatted as an SQL identifier");
    }
}
