//! The grammar of JSON, as strict as PostgreSQL's parser, over a sink that is told what comes. It keeps its own
//! stack, so that no input can exhaust the thread's.

use std::borrow::Cow;

use super::{invalid_json, strings};
use crate::postgres::error::{ValueError, ValueResult};

/// How deep values nest before PostgreSQL's own stack is full; about 14,500 objects or 16,300 arrays.
const MAX_DEPTH: usize = 14_500;

/// What is told in the order of the text. A key comes before its value.
pub(super) trait Sink<'a> {
    fn begin_object(&mut self) -> ValueResult<()>;
    fn key(&mut self, key: Cow<'a, str>) -> ValueResult<()>;
    fn end_object(&mut self) -> ValueResult<()>;
    fn begin_array(&mut self) -> ValueResult<()>;
    fn end_array(&mut self) -> ValueResult<()>;
    fn scalar(&mut self, scalar: Token<'a>) -> ValueResult<()>;
}

/// For who only asks whether a text is JSON.
pub(super) struct Ignore;

impl<'a> Sink<'a> for Ignore {
    fn begin_object(&mut self) -> ValueResult<()> {
        Ok(())
    }

    fn key(&mut self, _key: Cow<'a, str>) -> ValueResult<()> {
        Ok(())
    }

    fn end_object(&mut self) -> ValueResult<()> {
        Ok(())
    }

    fn begin_array(&mut self) -> ValueResult<()> {
        Ok(())
    }

    fn end_array(&mut self) -> ValueResult<()> {
        Ok(())
    }

    fn scalar(&mut self, _scalar: Token<'a>) -> ValueResult<()> {
        Ok(())
    }
}

/// A piece of the text.
#[derive(Debug, PartialEq)]
pub(super) enum Token<'a> {
    BeginObject,
    EndObject,
    BeginArray,
    EndArray,
    Comma,
    Colon,
    /// What is between the quotes, decoded if the parser was told so.
    String(Cow<'a, str>),
    Number(&'a str),
    True,
    False,
    Null,
    End,
}

/// The error for values nested too deep.
pub(super) fn too_deep() -> ValueError {
    ValueError::new("54001", "stack depth limit exceeded")
}

#[derive(Clone, Copy, PartialEq)]
enum Container {
    Array,
    Object,
}

/// Reads a whole text. Strings that are not decoded may hold escapes that stand for no character.
pub(super) fn parse<'a>(text: &'a str, decodes: bool, sink: &mut impl Sink<'a>) -> ValueResult<()> {
    let mut lexer = Lexer { text, at: 0, decodes };
    let mut open: Vec<Container> = Vec::new();
    let mut token = lexer.next()?;
    loop {
        let is_complete = match token {
            Token::BeginObject => {
                enter(&mut open, Container::Object)?;
                sink.begin_object()?;
                match lexer.next()? {
                    Token::EndObject => {
                        open.pop();
                        sink.end_object()?;
                        true
                    }
                    key => {
                        read_key(&mut lexer, key, sink)?;
                        false
                    }
                }
            }
            Token::BeginArray => {
                enter(&mut open, Container::Array)?;
                sink.begin_array()?;
                token = lexer.next()?;
                if token != Token::EndArray {
                    continue;
                }
                open.pop();
                sink.end_array()?;
                true
            }
            Token::String(_) | Token::Number(_) | Token::True | Token::False | Token::Null => {
                sink.scalar(token)?;
                true
            }
            _ => return Err(invalid_json()),
        };
        if is_complete && !after_value(&mut lexer, &mut open, sink)? {
            return Ok(());
        }
        token = lexer.next()?;
    }
}

fn enter(open: &mut Vec<Container>, container: Container) -> ValueResult<()> {
    if open.len() >= MAX_DEPTH {
        return Err(too_deep());
    }
    open.push(container);
    Ok(())
}

fn read_key<'a>(lexer: &mut Lexer<'a>, token: Token<'a>, sink: &mut impl Sink<'a>) -> ValueResult<()> {
    let Token::String(key) = token else { return Err(invalid_json()) };
    sink.key(key)?;
    match lexer.next()? {
        Token::Colon => Ok(()),
        _ => Err(invalid_json()),
    }
}

/// Leaves the containers that end after a value; says whether another value comes.
fn after_value<'a>(lexer: &mut Lexer<'a>, open: &mut Vec<Container>, sink: &mut impl Sink<'a>) -> ValueResult<bool> {
    loop {
        match (lexer.next()?, open.last()) {
            (Token::End, None) => return Ok(false),
            (Token::Comma, Some(Container::Array)) => return Ok(true),
            (Token::Comma, Some(Container::Object)) => {
                let key = lexer.next()?;
                read_key(lexer, key, sink)?;
                return Ok(true);
            }
            (Token::EndArray, Some(Container::Array)) => sink.end_array()?,
            (Token::EndObject, Some(Container::Object)) => sink.end_object()?,
            _ => return Err(invalid_json()),
        }
        open.pop();
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    decodes: bool,
}

impl<'a> Lexer<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> ValueResult<Token<'a>> {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        let Some(byte) = self.peek() else { return Ok(Token::End) };
        let token = match byte {
            b'{' => Token::BeginObject,
            b'}' => Token::EndObject,
            b'[' => Token::BeginArray,
            b']' => Token::EndArray,
            b',' => Token::Comma,
            b':' => Token::Colon,
            b'"' => return self.string(),
            b'-' | b'0'..=b'9' => return self.number(),
            _ => return self.word(),
        };
        self.at += 1;
        Ok(token)
    }

    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn string(&mut self) -> ValueResult<Token<'a>> {
        self.at += 1;
        let start = self.at;
        let mut is_escaped = false;
        loop {
            match self.peek() {
                None | Some(0..=0x1f) => return Err(invalid_json()),
                Some(b'"') => break,
                Some(b'\\') => {
                    is_escaped = true;
                    self.at += 1;
                    match self.peek() {
                        Some(b'u') => self.hexadecimal_digits()?,
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
                        _ => return Err(invalid_json()),
                    }
                }
                Some(_) => self.at += 1,
            }
        }
        let inside = self.since(start);
        self.at += 1;
        Ok(Token::String(match is_escaped && self.decodes {
            true => strings::unescape(inside)?,
            false => Cow::Borrowed(inside),
        }))
    }

    fn hexadecimal_digits(&mut self) -> ValueResult<()> {
        self.at += 1;
        for _ in 0..4 {
            if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                return Err(invalid_json());
            }
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> ValueResult<Token<'a>> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        match self.peek().is_some_and(is_word) {
            true => Err(invalid_json()),
            false => Ok(Token::Number(self.since(start))),
        }
    }

    fn digits(&mut self) -> ValueResult<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(invalid_json()) } else { Ok(()) }
    }

    fn word(&mut self) -> ValueResult<Token<'a>> {
        let start = self.at;
        while self.peek().is_some_and(is_word) {
            self.at += 1;
        }
        match self.since(start) {
            "true" => Ok(Token::True),
            "false" => Ok(Token::False),
            "null" => Ok(Token::Null),
            _ => Err(invalid_json()),
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use crate::postgres::json::check;

    #[test]
    fn is_as_strict_as_postgresql() {
        for text in
            ["", "01", "[1,]", "[1 2]", "{\"a\":1", "tru", "\"a", "1 2", "nan", "\"\\u00g0\"", "\"\u{1}\"", "1."]
        {
            let error = check(text).expect_err(text);
            assert_eq!(("22P02", "invalid input syntax for type json"), (error.sqlstate, error.message.as_str()));
        }
        for text in ["1e5", " [ ] ", "{\"a\" : [null, -0.5E+3]}", "\"\\u0000\"", "\"\\ud800\""] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn nesting_has_a_limit() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(check(&nested(10_000)), Ok(()));
        assert_eq!(check(&nested(100_000)).map_err(|error| error.sqlstate), Err("54001"));
    }
}
