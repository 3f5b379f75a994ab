//! The words of a `jsonpath`.

use crate::postgres::error::{ValueError, ValueResult};
use crate::postgres::json::decimal;

/// A word. `Name` is what stands without quotes, and may be a keyword.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Name(String),
    String(String),
    /// As `numeric` prints it; whether it was written as an integer.
    Number(String, bool),
    Variable(String),
    And,
    Or,
    Not,
    Any,
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Symbol(char),
}

/// A word, and where it is in the text.
#[derive(Debug)]
pub(super) struct Word {
    pub(super) token: Token,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// PostgreSQL's error for a text that is no `jsonpath`, at the place where it shows.
pub(super) fn syntax_error(near: Option<&str>) -> ValueError {
    error_near("syntax error", near)
}

fn error_near(what: &str, near: Option<&str>) -> ValueError {
    ValueError::new(
        "42601",
        match near {
            Some(near) => format!("{what} at or near \"{near}\" of jsonpath input"),
            None => format!("{what} at end of jsonpath input"),
        },
    )
}

/// The words of a text, up to its end or to an error.
pub(super) fn words(text: &str) -> (Vec<Word>, ValueResult<()>) {
    let mut words = Vec::new();
    let end = read_words(text, &mut words);
    (words, end)
}

fn read_words(text: &str, words: &mut Vec<Word>) -> ValueResult<()> {
    let mut lexer = Lexer { rest: text };
    loop {
        lexer.skip_blanks()?;
        if lexer.rest.is_empty() {
            return Ok(());
        }
        let start = text.len() - lexer.rest.len();
        let token = lexer.next()?;
        // PostgreSQL loses a name that a comment touches.
        if !(matches!(token, Token::Name(_)) && lexer.rest.starts_with("/*")) {
            words.push(Word { token, start, end: text.len() - lexer.rest.len() });
        }
    }
}

/// What ends a name, besides blanks, quotes and backslashes.
fn is_special(character: char) -> bool {
    matches!(
        character,
        '?' | '%'
            | '$'
            | '.'
            | '['
            | ']'
            | '{'
            | '}'
            | '('
            | ')'
            | '|'
            | '&'
            | '!'
            | '='
            | '<'
            | '>'
            | '@'
            | '#'
            | ','
            | '*'
            | ':'
            | '-'
            | '+'
            | '/'
    )
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

fn is_name(character: char) -> bool {
    !is_special(character) && !is_blank(character) && !matches!(character, '"' | '\\')
}

/// The blanks before the next word.
pub(super) fn leading_blanks(text: &str) -> Option<&str> {
    let blanks = text.find(|character| !is_blank(character)).map_or(Some(text), |end| text.get(..end));
    blanks.filter(|blanks| !blanks.is_empty())
}

struct Lexer<'a> {
    rest: &'a str,
}

impl<'a> Lexer<'a> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn skip_blanks(&mut self) -> ValueResult<()> {
        loop {
            self.rest = self.rest.trim_start_matches(is_blank);
            let Some(comment) = self.rest.strip_prefix("/*") else { return Ok(()) };
            let Some((_, after)) = comment.split_once("*/") else {
                return Err(error_near("unexpected end of comment", None));
            };
            self.rest = after;
        }
    }

    fn next(&mut self) -> ValueResult<Token> {
        for (symbol, token) in [
            ("&&", Token::And),
            ("||", Token::Or),
            ("**", Token::Any),
            ("<=", Token::LessOrEqual),
            ("==", Token::Equal),
            ("<>", Token::NotEqual),
            ("!=", Token::NotEqual),
            (">=", Token::GreaterOrEqual),
            ("<", Token::Less),
            (">", Token::Greater),
            ("!", Token::Not),
        ] {
            if self.rest.starts_with(symbol) {
                self.take(symbol.len());
                return Ok(token);
            }
        }
        let is_decimal = |text: &str| text.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
        match self.peek() {
            Some('"') => self.quoted().map(Token::String),
            Some('$') => {
                self.take(1);
                match self.peek() {
                    Some('"') => self.quoted().map(Token::Variable),
                    Some(character) if is_name(character) => {
                        let end = self.name_length();
                        Ok(Token::Variable(self.take(end).to_owned()))
                    }
                    _ => Ok(Token::Symbol('$')),
                }
            }
            Some('.') if self.rest.get(1..).is_some_and(is_decimal) => self.number_or_name(),
            Some('0'..='9') => self.number_or_name(),
            Some(character) if is_special(character) => {
                self.take(character.len_utf8());
                Ok(Token::Symbol(character))
            }
            _ => self.name().map(Token::Name),
        }
    }

    fn name_length(&self) -> usize {
        self.rest.find(|character| !is_name(character)).unwrap_or(self.rest.len())
    }

    fn name(&mut self) -> ValueResult<String> {
        let mut name = String::new();
        loop {
            let end = self.name_length();
            name.push_str(self.take(end));
            if !self.rest.starts_with('\\') {
                return Ok(name);
            }
            self.escape(&mut name)?;
        }
    }

    fn quoted(&mut self) -> ValueResult<String> {
        self.take(1);
        let mut text = String::new();
        loop {
            let Some(end) = self.rest.find(['"', '\\']) else {
                return Err(error_near("unterminated quoted string", None));
            };
            text.push_str(self.take(end));
            if self.rest.starts_with('"') {
                self.take(1);
                return Ok(text);
            }
            self.escape(&mut text)?;
        }
    }

    fn escape(&mut self, text: &mut String) -> ValueResult<()> {
        let start = self.rest;
        self.take(1);
        let Some(character) = self.peek() else {
            return Err(error_near("unexpected end after backslash", Some(start)));
        };
        self.take(character.len_utf8());
        text.push(match character {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            'x' => {
                let code = self.hexadecimal(2, start, "invalid hexadecimal character sequence")?;
                not_zero(code).and_then(|code| char::from_u32(code).ok_or_else(lonely_surrogate))?
            }
            'u' => return self.unicode(text, start),
            other => other,
        });
        Ok(())
    }

    fn unicode(&mut self, text: &mut String, start: &str) -> ValueResult<()> {
        let code = not_zero(self.code_unit(start)?)?;
        let code = match code {
            0xd800..=0xdbff if self.rest.starts_with("\\u") => {
                self.take(2);
                let low = self.code_unit(start)?;
                if !(0xdc00..=0xdfff).contains(&low) {
                    return Err(lonely_surrogate());
                }
                0x1_0000 + ((code & 0x3ff) << 10) + (low & 0x3ff)
            }
            code => code,
        };
        text.push(char::from_u32(code).ok_or_else(lonely_surrogate)?);
        Ok(())
    }

    /// The number of `XXXX` or `{X...}`.
    fn code_unit(&mut self, start: &str) -> ValueResult<u32> {
        const MESSAGE: &str = "invalid Unicode escape sequence";
        let in_braces = self.rest.strip_prefix('{');
        let length = in_braces.map(|digits| digits.bytes().take_while(u8::is_ascii_hexdigit).count());
        match length.filter(|length| self.rest.as_bytes().get(length + 1) == Some(&b'}')) {
            Some(length @ 1..=6) => {
                self.take(1);
                let code = self.hexadecimal(length, start, MESSAGE)?;
                self.take(1);
                Ok(code)
            }
            _ => self.hexadecimal(4, start, MESSAGE),
        }
    }

    fn hexadecimal(&mut self, wanted: usize, start: &str, message: &str) -> ValueResult<u32> {
        let length = self.rest.bytes().take(wanted).take_while(u8::is_ascii_hexdigit).count();
        let digits = self.take(length);
        let read = start.get(..start.len() - self.rest.len());
        match length == wanted {
            true => u32::from_str_radix(digits, 16).map_err(|_| error_near(message, read)),
            false => Err(error_near(message, read)),
        }
    }

    /// A number, unless a name is longer than it and the character behind it.
    fn number_or_name(&mut self) -> ValueResult<Token> {
        let start = self.rest;
        let length = self.name_length();
        let number = self.number();
        let read = start.len() - self.rest.len();
        match number {
            Err(_) if length > read + self.peek().map_or(0, char::len_utf8) => {
                self.rest = start;
                self.name().map(Token::Name)
            }
            number => number,
        }
    }

    fn number(&mut self) -> ValueResult<Token> {
        let text = self.rest;
        for (prefix, radix) in [("0x", 16), ("0X", 16), ("0o", 8), ("0O", 8), ("0b", 2), ("0B", 2)] {
            if let Some(digits) = text.strip_prefix(prefix) {
                let length = digits_length(digits, radix);
                if length == 0 {
                    self.take(1);
                    return Err(self.junk(text));
                }
                self.take(prefix.len() + length);
                let digits = digits.get(..length).unwrap_or_default().replace('_', "");
                let number = num_bigint::BigInt::parse_bytes(digits.as_bytes(), radix);
                return match number.filter(|_| !self.is_followed_by_name()) {
                    Some(number) => Ok(Token::Number(number.to_string(), true)),
                    None => Err(self.junk(text)),
                };
            }
        }
        let integer = match text.strip_prefix('0') {
            Some(_) => 1,
            None => digits_length(text, 10),
        };
        self.take(integer);
        let mut is_integer = true;
        if self.rest.starts_with('.') {
            is_integer = false;
            let fraction = digits_length(self.rest.get(1..).unwrap_or_default(), 10);
            self.take(1 + fraction);
        }
        if let Some(exponent) = self.rest.strip_prefix(['e', 'E']) {
            let sign = usize::from(exponent.starts_with(['+', '-']));
            let length = digits_length(exponent.get(sign..).unwrap_or_default(), 10);
            if length == 0 && sign > 0 {
                self.take(1);
                let next = text.get(..text.len() - self.rest.len() + sign);
                return Err(error_near("invalid numeric literal", next));
            }
            if length == 0 {
                return Err(self.junk(text));
            }
            is_integer = false;
            self.take(1 + sign + length);
        }
        if self.is_followed_by_name() {
            return Err(self.junk(text));
        }
        let written = text.get(..text.len() - self.rest.len()).unwrap_or_default().replace('_', "");
        // `numeric` takes points without digits on a side, JSON does not.
        let (integer, fraction) = written.split_once('.').unwrap_or((&written, ""));
        let (fraction, exponent) = match fraction.find(['e', 'E']) {
            Some(at) => fraction.split_at_checked(at).unwrap_or((fraction, "")),
            None => (fraction, ""),
        };
        let integer = if integer.is_empty() { "0" } else { integer };
        let point = if fraction.is_empty() { "" } else { "." };
        let number = format!("{integer}{point}{fraction}{exponent}");
        Ok(Token::Number(decimal::canonical(&number)?.into_owned(), is_integer))
    }

    fn is_followed_by_name(&self) -> bool {
        self.peek().is_some_and(is_name)
    }

    fn junk(&self, text: &str) -> ValueError {
        let next = self.peek().map_or(0, char::len_utf8);
        error_near("trailing junk after numeric literal", text.get(..text.len() - self.rest.len() + next))
    }
}

/// The length of digits that may have single underscores between them.
fn digits_length(text: &str, radix: u32) -> usize {
    let is_digit = |byte: Option<&u8>| byte.is_some_and(|byte| char::from(*byte).is_digit(radix));
    let bytes = text.as_bytes();
    let mut length = 0;
    loop {
        let next = length + usize::from(length > 0 && bytes.get(length) == Some(&b'_'));
        if !is_digit(bytes.get(next)) {
            return length;
        }
        length = next + 1;
    }
}

fn not_zero(code: u32) -> ValueResult<u32> {
    match code {
        0 => Err(ValueError::new("22P05", "unsupported Unicode escape sequence")),
        code => Ok(code),
    }
}

fn lonely_surrogate() -> ValueError {
    ValueError::new("22P02", "invalid input syntax for type jsonpath")
}
