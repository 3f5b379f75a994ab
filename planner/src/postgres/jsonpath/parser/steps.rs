//! The steps of a path: keys, subscripts, filters, methods.

use super::super::ast::{Level, Method, Step};
use super::super::lexer::Token;
use super::arithmetic::negated;
use super::{Parser, STEP_DEPTH};
use crate::postgres::error::{ValueError, ValueResult};

/// The longest list of numbers that a method takes.
const MAX_ARGUMENTS: usize = 2;

impl Parser<'_> {
    pub(super) fn is_before_step(&self) -> bool {
        matches!(self.peek(), Some(Token::Symbol('.' | '[' | '?')))
    }

    pub(super) fn steps(&mut self, steps: &mut Vec<Step>) -> ValueResult<()> {
        let mut height = self.height;
        while self.is_before_step() {
            self.height = 0;
            let step = if self.takes_symbol('.') {
                self.member()?
            } else if self.takes_symbol('[') {
                self.subscript()?
            } else {
                self.at += 1;
                self.filters += 1;
                let filter = self.predicate_in_parentheses()?;
                self.filters -= 1;
                Step::Filter(filter)
            };
            steps.push(step);
            // What is in a step is applied within all steps before it.
            self.grow(height.max(self.height + STEP_DEPTH * steps.len()))?;
            height = self.height;
        }
        Ok(())
    }

    fn subscript(&mut self) -> ValueResult<Step> {
        if self.takes_symbol('*') {
            self.expect_symbol(']')?;
            return Ok(Step::AnyElement);
        }
        let mut ranges = Vec::new();
        let mut height = 0;
        self.subscripts += 1;
        loop {
            let from = self.deeper(Self::expression)?;
            height = height.max(self.height);
            let to = if self.takes_keyword("to") { Some(self.deeper(Self::expression)?) } else { None };
            height = height.max(self.height);
            ranges.push((from, to));
            if !self.takes_symbol(',') {
                break;
            }
        }
        self.subscripts -= 1;
        self.height = height;
        self.expect_symbol(']')?;
        Ok(Step::Elements(ranges))
    }

    fn member(&mut self) -> ValueResult<Step> {
        match self.peek().cloned() {
            Some(Token::Symbol('*')) => {
                self.at += 1;
                Ok(Step::AnyKey)
            }
            Some(Token::Any) => {
                self.at += 1;
                self.levels()
            }
            Some(Token::String(key)) => {
                self.at += 1;
                Ok(Step::Key(key))
            }
            Some(Token::Name(name)) => {
                self.at += 1;
                if self.peek() != Some(&Token::Symbol('(')) {
                    return Ok(Step::Key(name));
                }
                self.method(&name).map(Step::Method)
            }
            _ => Err(self.error()),
        }
    }

    fn levels(&mut self) -> ValueResult<Step> {
        if !self.takes_symbol('{') {
            return Ok(Step::Descendants { first: Level::At(0), last: Level::Last });
        }
        let first = self.level()?;
        let last = if self.takes_keyword("to") { self.level()? } else { first };
        self.expect_symbol('}')?;
        Ok(Step::Descendants { first, last })
    }

    fn level(&mut self) -> ValueResult<Level> {
        if self.takes_keyword("last") {
            return Ok(Level::Last);
        }
        let level = self.integer()?;
        // PostgreSQL reads it as C's `atoi` does.
        Ok(level.parse().map_or(Level::Last, |level| if level == u32::MAX { Level::Last } else { Level::At(level) }))
    }

    fn integer(&mut self) -> ValueResult<String> {
        match self.peek().cloned() {
            Some(Token::Number(number, true)) => {
                self.at += 1;
                Ok(number)
            }
            _ => Err(self.error()),
        }
    }

    fn method(&mut self, name: &str) -> ValueResult<Method> {
        let Some(method) = named(name) else { return Err(self.error()) };
        self.expect_symbol('(')?;
        let method = match method {
            Method::Decimal(_) => Method::Decimal(self.signed_integers()?),
            Method::DateTime(_) => Method::DateTime(match self.peek() {
                Some(Token::String(_)) => Some(self.string()?),
                _ => None,
            }),
            Method::Time(_) => Method::Time(self.precision()?),
            Method::TimeTz(_) => Method::TimeTz(self.precision()?),
            Method::Timestamp(_) => Method::Timestamp(self.precision()?),
            Method::TimestampTz(_) => Method::TimestampTz(self.precision()?),
            other => other,
        };
        self.expect_symbol(')')?;
        Ok(method)
    }

    fn precision(&mut self) -> ValueResult<Option<String>> {
        match self.peek() {
            Some(Token::Number(_, true)) => self.integer().map(Some),
            _ => Ok(None),
        }
    }

    fn signed_integers(&mut self) -> ValueResult<Vec<String>> {
        let mut integers = Vec::new();
        if self.peek() == Some(&Token::Symbol(')')) {
            return Ok(integers);
        }
        loop {
            let is_negative = self.takes_symbol('-');
            if !is_negative {
                self.takes_symbol('+');
            }
            let integer = self.integer()?;
            integers.push(if is_negative { negated(&integer) } else { integer });
            if !self.takes_symbol(',') {
                break;
            }
        }
        match integers.len() > MAX_ARGUMENTS {
            true => Err(ValueError::new("42601", "invalid input syntax for type jsonpath")),
            false => Ok(integers),
        }
    }
}

fn named(name: &str) -> Option<Method> {
    Some(match name.to_ascii_lowercase().as_str() {
        "abs" => Method::Abs,
        "bigint" => Method::BigInt,
        "boolean" => Method::Boolean,
        "ceiling" => Method::Ceiling,
        "date" => Method::Date,
        "datetime" => Method::DateTime(None),
        "decimal" => Method::Decimal(Vec::new()),
        "double" => Method::Double,
        "floor" => Method::Floor,
        "integer" => Method::Integer,
        "keyvalue" => Method::KeyValue,
        "number" => Method::Number,
        "size" => Method::Size,
        "string" => Method::String,
        "time" => Method::Time(None),
        "time_tz" => Method::TimeTz(None),
        "timestamp" => Method::Timestamp(None),
        "timestamp_tz" => Method::TimestampTz(None),
        "type" => Method::Type,
        _ => return None,
    })
}
