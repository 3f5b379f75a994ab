//! Predicates of paths, which are true, false or unknown (`None`): an error in one makes it unknown.

use std::cmp::Ordering;

use super::ast::{Comparison, Expression, Predicate};
use super::execution::{Execution, Failure, Item, Sink};
use crate::postgres::error::ValueResult;
use crate::postgres::json::decimal;
use crate::postgres::json::tree::Jsonb;

type Truth = Option<bool>;

impl<'t> Execution<'t> {
    /// Whether a predicate holds.
    pub(super) fn truth(&mut self, predicate: &Predicate) -> ValueResult<Truth> {
        match predicate {
            Predicate::And(left, right) => Ok(match self.truth(left)? {
                Some(false) => Some(false),
                first => match self.truth(right)? {
                    Some(true) => first,
                    second => second,
                },
            }),
            Predicate::Or(left, right) => Ok(match self.truth(left)? {
                Some(true) => Some(true),
                first => match self.truth(right)? {
                    Some(false) => first,
                    second => second,
                },
            }),
            Predicate::Not(inner) => Ok(self.truth(inner)?.map(|truth| !truth)),
            Predicate::IsUnknown(inner) => Ok(Some(self.truth(inner)?.is_none())),
            Predicate::Exists(path) => self.exists(path),
            Predicate::Compare(comparison, left, right) => {
                let Some(left) = self.operand(left, true)? else { return Ok(None) };
                let Some(right) = self.operand(right, true)? else { return Ok(None) };
                let pairs = left.iter().flat_map(|left| right.iter().map(move |right| (left, right)));
                self.any(pairs.map(|(left, right)| Ok(compare(*comparison, left, right))))
            }
            Predicate::StartsWith(text, prefix) => {
                let Some(texts) = self.operand(text, true)? else { return Ok(None) };
                let Some(prefixes) = self.operand(prefix, false)? else { return Ok(None) };
                let pairs = texts.iter().flat_map(|text| prefixes.iter().map(move |prefix| (text, prefix)));
                self.any(pairs.map(|(text, prefix)| match (&**text, &**prefix) {
                    (Jsonb::String(text), Jsonb::String(prefix)) => Ok(Some(text.starts_with(&**prefix))),
                    _ => Ok(None),
                }))
            }
            Predicate::LikeRegex(text, pattern) => {
                let Some(texts) = self.operand(text, true)? else { return Ok(None) };
                let truth = |text: &Item<'t>| match &**text {
                    Jsonb::String(text) => pattern.is_match(text).map(Some),
                    _ => Ok(None),
                };
                let truths: Vec<Truth> = texts.iter().map(truth).collect::<ValueResult<_>>()?;
                self.any(truths.into_iter().map(Ok))
            }
        }
    }

    fn exists(&mut self, path: &Expression) -> ValueResult<Truth> {
        // In strict mode an error anywhere counts.
        let mut sink = if self.is_lax { Sink::Any } else { Sink::Collect(Vec::new()) };
        let outcome = self.known(|this| this.evaluate(path, &mut sink))?;
        Ok(match sink {
            Sink::Collect(items) => outcome.map(|_| !items.is_empty()),
            Sink::Any => outcome,
        })
    }

    fn operand(&mut self, expression: &Expression, unwraps: bool) -> ValueResult<Option<Vec<Item<'t>>>> {
        self.known(|this| this.values(expression, unwraps))
    }

    /// Nothing instead of an error that makes a predicate unknown.
    fn known<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T, Failure>) -> ValueResult<Option<T>> {
        let outer = std::mem::replace(&mut self.hides_errors, true);
        let result = run(self);
        self.hides_errors = outer;
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Failure::Suppressible(_)) => Ok(None),
            Err(Failure::Fatal(error)) => Err(error),
        }
    }

    /// Whether one is true. In strict mode none may be unknown.
    fn any(&mut self, truths: impl Iterator<Item = ValueResult<Truth>>) -> ValueResult<Truth> {
        let (mut is_found, mut is_unknown) = (false, false);
        for truth in truths {
            self.steps.next()?;
            match truth? {
                Some(true) if self.is_lax => return Ok(Some(true)),
                Some(true) => is_found = true,
                Some(false) => {}
                None if self.is_lax => is_unknown = true,
                None => return Ok(None),
            }
        }
        Ok(if is_found || !is_unknown { Some(is_found) } else { None })
    }
}

fn compare(comparison: Comparison, left: &Jsonb<'_>, right: &Jsonb<'_>) -> Truth {
    let order = match (left, right) {
        (Jsonb::Null, Jsonb::Null) => Ordering::Equal,
        (Jsonb::Null, _) | (_, Jsonb::Null) => return Some(comparison == Comparison::NotEqual),
        (Jsonb::Bool(left), Jsonb::Bool(right)) => left.cmp(right),
        (Jsonb::Number(left), Jsonb::Number(right)) => decimal::compare(left, right),
        (Jsonb::String(left), Jsonb::String(right)) => left.cmp(right),
        _ => return None,
    };
    Some(match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::Greater => order.is_gt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::GreaterOrEqual => order.is_ge(),
    })
}
