//! `EXECUTE name(argument, name => argument, ...)`: what a client sends for a stored query.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan};

use super::{Constant, MAX_PARAMETERS};
use crate::bind::folded;
use crate::error::{Error, Result};
use crate::limits::check_tokens;
use crate::tokens::{self, place_of};

const EXECUTE: &str = "execute";
/// The longest call. What is longer are values, which parameters ($1) carry better.
const MAX_BYTES: usize = 64 << 10;
/// How deep arrays nest in arrays; PostgreSQL's limit.
const MAX_DIMENSIONS: usize = 6;

/// The call of a stored query.
#[derive(Debug, Clone, PartialEq)]
pub struct Execute {
    pub name: String,
    /// Those that are known by their place come first.
    pub(super) arguments: Vec<Argument>,
}

/// One of its arguments.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Argument {
    /// None for one that is known by its place.
    pub(super) name: Option<String>,
    pub(super) value: Given,
}

/// What is given for a parameter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Given {
    Constant(Constant),
    /// The client's own parameter of this number, from 1 on.
    Parameter(usize),
}

impl Execute {
    /// Reads a call; `None` for a statement that is none.
    ///
    /// # Errors
    /// When it is one that cannot be read.
    pub fn parse(sql: &str) -> Result<Option<Self>> {
        if !is_call(sql) {
            return Ok(None);
        }
        if sql.len() > MAX_BYTES {
            let bytes = sql.len();
            return Err(Error::TooLarge(format!(
                "the call has {bytes} bytes; at most {MAX_BYTES} are read. Pass values as parameters ($1)"
            )));
        }
        let tokens = tokens::read(sql)?;
        check_tokens(&tokens)?;
        let is_word = |token: &TokenWithSpan| !matches!(token.token, Token::Whitespace(_) | Token::EOF);
        let words: Vec<TokenWithSpan> =
            tokens.into_iter().filter(is_word).skip_while(|token| token.token == Token::SemiColon).collect();
        match words.first().map(|word| &word.token) {
            Some(Token::Word(word)) if word.keyword == Keyword::EXECUTE => {
                Reading { words: &words, next: 1 }.call().map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// Whether a statement begins with EXECUTE, behind comments and semicolons.
fn is_call(sql: &str) -> bool {
    let mut rest = sql.trim_start_matches(is_between);
    loop {
        rest = if rest.starts_with("--") {
            rest.split_once('\n').map_or("", |(_, rest)| rest)
        } else if rest.starts_with("/*") {
            behind_comment(rest)
        } else {
            return rest.get(..EXECUTE.len()).is_some_and(|word| word.eq_ignore_ascii_case(EXECUTE));
        };
        rest = rest.trim_start_matches(is_between);
    }
}

fn is_between(character: char) -> bool {
    character.is_whitespace() || character == ';'
}

/// What follows the comment that a text begins with. Comments nest.
fn behind_comment(text: &str) -> &str {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find(['*', '/'])) {
        let mark = text.get(at + found..at + found + 2);
        (depth, at) = match mark {
            Some("/*") => (depth + 1, at + found + 2),
            Some("*/") => (depth.saturating_sub(1), at + found + 2),
            _ => (depth, at + found + 1),
        };
        if depth == 0 {
            break;
        }
    }
    if depth == 0 { text.get(at..).unwrap_or_default() } else { "" }
}

struct Reading<'a> {
    words: &'a [TokenWithSpan],
    next: usize,
}

impl<'a> Reading<'a> {
    fn call(&mut self) -> Result<Execute> {
        let name = match self.next() {
            Some(Token::Word(word)) => folded(&word.to_ident(Span::empty())),
            _ => return Err(self.wrong("EXECUTE is followed by the name of a stored query")),
        };
        let arguments = if self.takes(&Token::LParen) { self.arguments()? } else { vec![] };
        while self.takes(&Token::SemiColon) {}
        match self.next() {
            None => Ok(Execute { name, arguments }),
            Some(_) => Err(self.wrong("nothing follows EXECUTE name(arguments)")),
        }
    }

    fn arguments(&mut self) -> Result<Vec<Argument>> {
        let mut arguments: Vec<Argument> = vec![];
        if self.takes(&Token::RParen) {
            return Ok(arguments);
        }
        loop {
            let argument = self.argument()?;
            if argument.name.is_none() && arguments.last().is_some_and(|before| before.name.is_some()) {
                return Err(self.wrong("an argument without a name does not stand behind named ones"));
            }
            if arguments.len() == MAX_PARAMETERS {
                return Err(self.wrong(&format!("a stored query has at most {MAX_PARAMETERS} parameters")));
            }
            arguments.push(argument);
            match self.next() {
                Some(Token::Comma) => {}
                Some(Token::RParen) => return Ok(arguments),
                _ => return Err(self.no_value()),
            }
        }
    }

    fn argument(&mut self) -> Result<Argument> {
        let name = match (self.ahead(0), self.ahead(1)) {
            (Some(Token::Word(word)), Some(Token::RArrow | Token::Assignment)) => {
                Some(folded(&word.to_ident(Span::empty())))
            }
            _ => None,
        };
        self.next += if name.is_some() { 2 } else { 0 };
        let value = match self.ahead(0) {
            Some(Token::Placeholder(mark)) => {
                self.next += 1;
                Given::Parameter(self.number(mark)?)
            }
            _ => Given::Constant(self.constant(MAX_DIMENSIONS)?),
        };
        Ok(Argument { name, value })
    }

    /// The number of a client's parameter.
    fn number(&self, mark: &str) -> Result<usize> {
        let number = mark.strip_prefix('$').and_then(|digits| digits.parse::<u16>().ok()).filter(|number| *number > 0);
        number
            .map(usize::from)
            .ok_or_else(|| self.wrong(&format!("there is no parameter {mark}; parameters are written $1")))
    }

    fn constant(&mut self, dimensions: usize) -> Result<Constant> {
        Ok(match self.next() {
            Some(Token::Number(digits, _)) => number(digits, ""),
            Some(sign @ (Token::Minus | Token::Plus)) => match self.next() {
                Some(Token::Number(digits, _)) => number(digits, if *sign == Token::Minus { "-" } else { "" }),
                _ => return Err(self.no_value()),
            },
            Some(
                Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) | Token::UnicodeStringLiteral(text),
            ) => Constant::Text(text.clone()),
            Some(Token::DollarQuotedString(quoted)) => Constant::Text(quoted.value.clone()),
            Some(Token::Word(word)) => match word.keyword {
                _ if word.quote_style.is_some() => return Err(self.no_value()),
                Keyword::NULL => Constant::Null,
                Keyword::TRUE => Constant::Boolean(true),
                Keyword::FALSE => Constant::Boolean(false),
                Keyword::ARRAY if self.takes(&Token::LBracket) => self.elements(dimensions)?,
                _ => return Err(self.no_value()),
            },
            Some(Token::LBracket) if dimensions < MAX_DIMENSIONS => self.elements(dimensions)?,
            _ => return Err(self.no_value()),
        })
    }

    /// The elements of an array, behind its bracket.
    fn elements(&mut self, dimensions: usize) -> Result<Constant> {
        let Some(dimensions) = dimensions.checked_sub(1) else {
            return Err(self.wrong(&format!("an array has at most {MAX_DIMENSIONS} dimensions")));
        };
        let mut elements = vec![];
        if self.takes(&Token::RBracket) {
            return Ok(Constant::Array(elements));
        }
        loop {
            elements.push(self.constant(dimensions)?);
            match self.next() {
                Some(Token::Comma) => {}
                Some(Token::RBracket) => return Ok(Constant::Array(elements)),
                _ => return Err(self.no_value()),
            }
        }
    }

    fn ahead(&self, by: usize) -> Option<&'a Token> {
        self.words.get(self.next + by).map(|word| &word.token)
    }

    fn next(&mut self) -> Option<&'a Token> {
        let token = self.ahead(0);
        self.next += usize::from(token.is_some());
        token
    }

    fn takes(&mut self, token: &Token) -> bool {
        let takes = self.ahead(0) == Some(token);
        self.next += usize::from(takes);
        takes
    }

    fn no_value(&self) -> Error {
        self.wrong("an argument of EXECUTE is a constant, an ARRAY[...] of constants, or a parameter ($1)")
    }

    /// What is wrong with the word that was read last.
    fn wrong(&self, why: &str) -> Error {
        let word = self.next.checked_sub(1).and_then(|last| self.words.get(last));
        let place = word.map_or(Location::empty(), |word| word.span.start);
        Error::Syntax(format!("{why}{}", place_of(place)))
    }
}

fn number(digits: &str, sign: &str) -> Constant {
    let text = format!("{sign}{digits}");
    text.parse().map_or(Constant::Number(text), Constant::Integer)
}
