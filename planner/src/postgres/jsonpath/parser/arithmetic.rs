//! The arithmetic of paths: `*`, `/` and `%` before `+` and `-`, signs before them all.

use super::super::ast::{Expression, Operator, Sign, Start};
use super::super::lexer::Token;
use super::{OPERATOR_DEPTH, Parsed, Parser, start};
use crate::postgres::error::ValueResult;

impl Parser<'_> {
    pub(super) fn sum(&mut self) -> ValueResult<Parsed> {
        self.arithmetic(Self::product, |symbol| match symbol {
            '+' => Some(Operator::Add),
            '-' => Some(Operator::Subtract),
            _ => None,
        })
    }

    fn product(&mut self) -> ValueResult<Parsed> {
        self.arithmetic(Self::signed, |symbol| match symbol {
            '*' => Some(Operator::Multiply),
            '/' => Some(Operator::Divide),
            '%' => Some(Operator::Modulo),
            _ => None,
        })
    }

    fn arithmetic(
        &mut self,
        mut operand: impl FnMut(&mut Self) -> ValueResult<Parsed>,
        operator: impl Fn(char) -> Option<Operator>,
    ) -> ValueResult<Parsed> {
        let mut left = operand(self)?;
        while let Some(Token::Symbol(symbol)) = self.peek() {
            let Some(operator) = operator(*symbol) else { break };
            let Parsed::Expression(first) = left else { return Err(self.error()) };
            self.at += 1;
            let height = self.height;
            match operand(self)? {
                Parsed::Expression(second) => {
                    left = Parsed::Expression(start(Start::Binary(operator, Box::new(first), Box::new(second))));
                }
                Parsed::Predicate(_) => return Err(self.error()),
            }
            self.grow(height.max(self.height) + OPERATOR_DEPTH)?;
        }
        Ok(left)
    }

    fn signed(&mut self) -> ValueResult<Parsed> {
        let sign = match self.peek() {
            Some(Token::Symbol('+')) => Sign::Plus,
            Some(Token::Symbol('-')) => Sign::Minus,
            _ => return self.primary(),
        };
        self.at += 1;
        let Parsed::Expression(operand) = self.deeper(Self::signed)? else { return Err(self.error()) };
        Ok(Parsed::Expression(match (sign, operand) {
            (sign, Expression { start: Start::Number(number), steps }) if steps.is_empty() => {
                start(Start::Number(if sign == Sign::Minus { negated(&number) } else { number }))
            }
            (sign, operand) => start(Start::Unary(sign, Box::new(operand))),
        }))
    }
}

/// A canonical number with the other sign.
pub(super) fn negated(number: &str) -> String {
    match number.strip_prefix('-') {
        Some(positive) => positive.to_owned(),
        None if number.bytes().all(|byte| matches!(byte, b'0' | b'.')) => number.to_owned(),
        None => format!("-{number}"),
    }
}
