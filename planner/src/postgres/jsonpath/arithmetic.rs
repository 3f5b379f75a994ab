//! `+ - * / %` of paths.

use std::borrow::Cow;

use super::ast::{Expression, Operator, Sign, Step};
use super::execution::{Execution, Failure, Item, Outcome, Sink, number, to_number};
use super::number::Number;
use crate::postgres::json::tree::Jsonb;

impl<'t> Execution<'t> {
    /// The values of an expression, arrays among them taken apart if that is wanted and the mode is lax.
    pub(super) fn values(&mut self, expression: &Expression, unwraps: bool) -> Result<Vec<Item<'t>>, Failure> {
        let mut sink = Sink::Collect(Vec::new());
        self.evaluate(expression, &mut sink)?;
        let Sink::Collect(items) = sink else { return Ok(Vec::new()) };
        let is_array = |item: &Item<'t>| matches!(**item, Jsonb::Array(_));
        if !unwraps || !self.is_lax || !items.iter().any(is_array) {
            return Ok(items);
        }
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Cow::Borrowed(Jsonb::Array(elements)) => values.extend(elements.iter().map(Cow::Borrowed)),
                Cow::Owned(Jsonb::Array(elements)) => values.extend(elements.into_iter().map(Cow::Owned)),
                other => values.push(other),
            }
        }
        Ok(values)
    }

    pub(super) fn binary(
        &mut self,
        operator: Operator,
        left: &Expression,
        right: &Expression,
    ) -> Result<Item<'t>, Failure> {
        let left = self.values(left, true)?;
        let right = self.values(right, true)?;
        let left = single_number(&left, "left", operator)?;
        let right = single_number(&right, "right", operator)?;
        let result = match operator {
            Operator::Add => Ok(left.add(&right)),
            Operator::Subtract => Ok(left.subtract(&right)),
            Operator::Multiply => Ok(left.multiply(&right)),
            Operator::Divide => left.divide(&right),
            Operator::Modulo => left.modulo(&right),
        };
        result.and_then(|result| result.print()).map(number).map_err(Failure::Suppressible)
    }

    pub(super) fn unary(&mut self, sign: Sign, operand: &Expression, steps: &[Step], sink: &mut Sink<'t>) -> Outcome {
        let mut is_found = false;
        for item in self.values(operand, true)? {
            let is_at_hand = sink.wants_any() && steps.is_empty();
            let Some(value) = to_number(&item) else {
                if is_at_hand {
                    continue;
                }
                let symbol = sign.symbol();
                let message = format!("operand of unary jsonpath operator {symbol} is not a numeric value");
                return Err(Failure::new("2203B", message));
            };
            if is_at_hand {
                return Ok(true);
            }
            let item = match sign {
                Sign::Plus => item,
                Sign::Minus => number(value.negate().print().map_err(Failure::Suppressible)?),
            };
            if self.follow(steps, &item, sink)? {
                if sink.wants_any() {
                    return Ok(true);
                }
                is_found = true;
            }
        }
        Ok(is_found)
    }
}

fn single_number(items: &[Item<'_>], side: &str, operator: Operator) -> Result<Number, Failure> {
    let number = match items {
        [item] => to_number(item),
        _ => None,
    };
    number.ok_or_else(|| {
        let symbol = operator.symbol();
        Failure::new("22038", format!("{side} operand of jsonpath operator {symbol} is not a single numeric value"))
    })
}
