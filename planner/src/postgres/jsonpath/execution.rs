//! How a path is applied to a value: each step to each value of the step before it. In lax mode arrays are taken apart
//! where a step wants no array, other values are taken for arrays where it wants one, and what is missing is no error.

use std::borrow::Cow;

use super::ast::{Expression, JsonPath, Level, Start, Step};
use super::key_value::Base;
use super::methods::Applied;
use super::number::Number;
use crate::postgres::error::{ValueError, ValueResult};
use crate::postgres::json::tree::Jsonb;
use crate::postgres::stop::Steps;
use crate::postgres::text::{MAX_PARTS, too_many_parts};

/// A value on the way, of the document or made by the path.
pub(super) type Item<'t> = Cow<'t, Jsonb<'t>>;

/// Why a path ends early.
#[derive(Debug)]
pub(super) enum Failure {
    /// An error that the SQL standard knows: it makes a predicate unknown, and the silent mode hides it.
    Suppressible(ValueError),
    /// Any other.
    Fatal(ValueError),
}

impl Failure {
    pub(super) fn new(sqlstate: &'static str, message: impl Into<String>) -> Self {
        Self::Suppressible(ValueError::new(sqlstate, message))
    }
}

/// Whether there was a value.
pub(super) type Outcome = Result<bool, Failure>;

/// What is done with the values at the end of a path.
pub(super) enum Sink<'t> {
    Collect(Vec<Item<'t>>),
    /// One is enough, and its value does not matter.
    Any,
}

impl Sink<'_> {
    pub(super) fn wants_any(&self) -> bool {
        matches!(self, Self::Any)
    }
}

/// A path that is being applied.
pub(super) struct Execution<'t> {
    pub(super) is_lax: bool,
    pub(super) ignores_structure: bool,
    /// Whether nobody will see an error that can be suppressed.
    pub(super) hides_errors: bool,
    root: &'t Jsonb<'t>,
    pub(super) variables: &'t Jsonb<'t>,
    /// What `@` is.
    current: Item<'t>,
    /// The size of the array that is subscripted.
    array_size: Option<usize>,
    /// Where the ids of `keyvalue` count from.
    pub(super) base: Base<'t>,
    pub(super) next_base_id: i64,
    pub(super) steps: Steps,
    /// Values in the items that have been collected for the innermost expression.
    values: usize,
}

impl<'t> Execution<'t> {
    pub(super) fn new(
        path: &JsonPath,
        root: &'t Jsonb<'t>,
        variables: &'t Jsonb<'t>,
        silent: bool,
    ) -> ValueResult<Self> {
        if !matches!(variables, Jsonb::Object(_)) {
            return Err(ValueError::new("22023", "\"vars\" argument is not an object"));
        }
        Ok(Self {
            is_lax: !path.is_strict,
            ignores_structure: !path.is_strict,
            hides_errors: silent,
            root,
            variables,
            current: Cow::Borrowed(root),
            array_size: None,
            base: Base { value: Cow::Borrowed(root), id: 0 },
            // The document and the variables have the first two.
            next_base_id: 2,
            steps: Steps::default(),
            values: 0,
        })
    }

    /// All values of an expression, or the question whether there is one.
    pub(super) fn evaluate(&mut self, expression: &Expression, sink: &mut Sink<'t>) -> Outcome {
        // What is collected on the way is gone afterwards.
        let outer = std::mem::take(&mut self.values);
        let outcome = self.evaluate_within(expression, sink);
        self.values = outer;
        outcome
    }

    fn evaluate_within(&mut self, expression: &Expression, sink: &mut Sink<'t>) -> Outcome {
        let steps = expression.steps.as_slice();
        // Nothing can fail in a constant.
        let is_at_hand = steps.is_empty() && sink.wants_any();
        let base = self.base.clone();
        let item = match &expression.start {
            Start::Root => {
                self.base = Base { value: Cow::Borrowed(self.root), id: 0 };
                Cow::Borrowed(self.root)
            }
            Start::Current => self.current.clone(),
            Start::Last => {
                let size = i64::try_from(self.array_size.unwrap_or(0)).unwrap_or(i64::MAX);
                number((size - 1).to_string())
            }
            Start::Null | Start::Bool(_) | Start::Number(_) | Start::String(_) if is_at_hand => return Ok(true),
            Start::Null => Cow::Owned(Jsonb::Null),
            Start::Bool(value) => Cow::Owned(Jsonb::Bool(*value)),
            Start::Number(text) => number(text.clone()),
            Start::String(value) => text(value.clone()),
            Start::Variable(name) => self.variable(name)?,
            Start::Binary(operator, left, right) => {
                let item = self.binary(*operator, left, right)?;
                if is_at_hand {
                    return Ok(true);
                }
                item
            }
            Start::Unary(sign, operand) => return self.unary(*sign, operand, steps, sink),
            Start::Predicate(predicate) => {
                let truth = self.truth(predicate).map_err(Failure::Fatal)?;
                Cow::Owned(truth.map_or(Jsonb::Null, Jsonb::Bool))
            }
        };
        let outcome = self.follow(steps, &item, sink);
        self.base = base;
        outcome
    }

    fn variable(&mut self, name: &str) -> Result<Item<'t>, Failure> {
        self.base = Base { value: Cow::Borrowed(self.variables), id: 1 };
        match self.variables.get(name) {
            Some(value) => Ok(Cow::Borrowed(value)),
            None => {
                let message = format!("could not find jsonpath variable \"{name}\"");
                Err(Failure::Fatal(ValueError::new("42704", message)))
            }
        }
    }

    /// Takes the steps from an item on.
    pub(super) fn follow(&mut self, steps: &[Step], item: &Item<'t>, sink: &mut Sink<'t>) -> Outcome {
        self.follow_unwrapping(steps, item, sink, self.is_lax)
    }

    fn follow_unwrapping(&mut self, steps: &[Step], item: &Item<'t>, sink: &mut Sink<'t>, unwraps: bool) -> Outcome {
        self.steps.next().map_err(Failure::Fatal)?;
        let Some((step, rest)) = steps.split_first() else {
            if let Sink::Collect(items) = sink {
                self.count(item)?;
                items.push(item.clone());
            }
            return Ok(true);
        };
        match step {
            Step::Key(key) => match &**item {
                Jsonb::Object(_) => match part(item, |value| value.get(key)) {
                    Some(value) => self.follow(rest, &value, sink),
                    None if self.ignores_structure => Ok(false),
                    None => Err(Failure::new("2203A", format!("JSON object does not contain key \"{key}\""))),
                },
                Jsonb::Array(_) if unwraps => self.unwrap_for(steps, item, sink),
                _ => self.missing("2203A", "jsonpath member accessor can only be applied to an object"),
            },
            Step::AnyKey => match &**item {
                Jsonb::Object(_) => self.each(item, rest, sink),
                Jsonb::Array(_) if unwraps => self.unwrap_for(steps, item, sink),
                _ => self.missing("2203C", "jsonpath wildcard member accessor can only be applied to an object"),
            },
            Step::AnyElement => match &**item {
                Jsonb::Array(_) => self.each(item, rest, sink),
                _ if self.is_lax => self.follow(rest, item, sink),
                _ => self.missing("22039", "jsonpath wildcard array accessor can only be applied to an array"),
            },
            Step::Elements(ranges) => match &**item {
                Jsonb::Array(_) => self.elements(ranges, rest, item, sink),
                _ if self.is_lax => self.elements(ranges, rest, item, sink),
                _ => self.missing("22039", "jsonpath array accessor can only be applied to an array"),
            },
            Step::Descendants { first, last } => {
                if *first == Level::At(0) {
                    let is_found = self.without_structure(|this| this.follow(rest, item, sink));
                    if matches!(is_found, Ok(true)) && sink.wants_any() {
                        return Ok(true);
                    }
                    // Hidden errors are forgotten if there is more to look at.
                    if item.is_scalar() || !(self.hides_errors || is_found.is_ok()) {
                        return is_found;
                    }
                    if let Err(Failure::Fatal(error)) = is_found {
                        return Err(Failure::Fatal(error));
                    }
                }
                self.descendants(item, rest, sink, 1, (*first, *last))
            }
            Step::Filter(_) if unwraps && matches!(**item, Jsonb::Array(_)) => self.unwrap_for(steps, item, sink),
            Step::Filter(predicate) => {
                let outer = std::mem::replace(&mut self.current, item.clone());
                let truth = self.truth(predicate).map_err(Failure::Fatal);
                self.current = outer;
                match truth? {
                    Some(true) => self.follow(rest, item, sink),
                    _ => Ok(false),
                }
            }
            Step::Method(method) => match self.applied(method, item, unwraps)? {
                Applied::Item(made) => self.follow(rest, &made, sink),
                Applied::Nothing => Ok(false),
                Applied::Unwraps => self.unwrap_for(steps, item, sink),
                Applied::KeyValue => self.key_values(item, rest, sink),
            },
        }
    }

    /// Counts an item that is collected.
    fn count(&mut self, item: &Item<'t>) -> Result<(), Failure> {
        self.values += match item {
            Cow::Borrowed(_) => 1,
            // With a key and its text, if it has keys.
            Cow::Owned(value) => 1 + 3 * length(value),
        };
        if self.values > MAX_PARTS { Err(Failure::Fatal(too_many_parts())) } else { Ok(()) }
    }

    fn missing(&self, sqlstate: &'static str, message: &str) -> Outcome {
        if self.ignores_structure { Ok(false) } else { Err(Failure::new(sqlstate, message)) }
    }

    fn without_structure(&mut self, run: impl FnOnce(&mut Self) -> Outcome) -> Outcome {
        let outer = std::mem::replace(&mut self.ignores_structure, true);
        let outcome = run(self);
        self.ignores_structure = outer;
        outcome
    }

    /// Takes the first step for each element of an array, which are not unwrapped again.
    fn unwrap_for(&mut self, steps: &[Step], array: &Item<'t>, sink: &mut Sink<'t>) -> Outcome {
        self.for_each(array, sink, |this, item, sink| this.follow_unwrapping(steps, item, sink, false))
    }

    fn each(&mut self, container: &Item<'t>, rest: &[Step], sink: &mut Sink<'t>) -> Outcome {
        self.for_each(container, sink, |this, item, sink| this.follow(rest, item, sink))
    }

    fn for_each(
        &mut self,
        container: &Item<'t>,
        sink: &mut Sink<'t>,
        mut run: impl FnMut(&mut Self, &Item<'t>, &mut Sink<'t>) -> Outcome,
    ) -> Outcome {
        let mut is_found = false;
        for at in 0..length(container) {
            let Some(item) = part(container, |value| child(value, at)) else { break };
            is_found = run(self, &item, sink)?;
            if is_found && sink.wants_any() {
                return Ok(true);
            }
        }
        Ok(is_found)
    }

    fn descendants(
        &mut self,
        container: &Item<'t>,
        rest: &[Step],
        sink: &mut Sink<'t>,
        level: u32,
        bounds: (Level, Level),
    ) -> Outcome {
        let (first, last) = bounds;
        let here = Level::At(level);
        if here > last {
            return Ok(false);
        }
        self.for_each(container, sink, |this, item, sink| {
            let wants_leaves = first == Level::Last && last == Level::Last;
            let mut is_found = false;
            if here >= first || (wants_leaves && item.is_scalar()) {
                is_found = this.without_structure(|this| this.follow(rest, item, sink))?;
                if is_found && sink.wants_any() {
                    return Ok(true);
                }
            }
            match here < last && !item.is_scalar() {
                true => this.descendants(item, rest, sink, level + 1, bounds),
                false => Ok(is_found),
            }
        })
    }

    fn elements(
        &mut self,
        ranges: &[(Expression, Option<Expression>)],
        rest: &[Step],
        item: &Item<'t>,
        sink: &mut Sink<'t>,
    ) -> Outcome {
        let is_array = matches!(**item, Jsonb::Array(_));
        let size = if is_array { length(item) } else { 1 };
        let outer = self.array_size.replace(size);
        let outcome = self.elements_of(ranges, rest, item, sink, is_array.then_some(size));
        self.array_size = outer;
        outcome
    }

    /// Without a length the item counts as an array of itself.
    fn elements_of(
        &mut self,
        ranges: &[(Expression, Option<Expression>)],
        rest: &[Step],
        item: &Item<'t>,
        sink: &mut Sink<'t>,
        length: Option<usize>,
    ) -> Outcome {
        let size = i64::try_from(length.unwrap_or(1)).unwrap_or(i64::MAX);
        let mut is_found = false;
        for (from, to) in ranges {
            let from = self.subscript(from)?;
            let to = match to {
                Some(to) => self.subscript(to)?,
                None => from,
            };
            if !self.ignores_structure && (from < 0 || from > to || to >= size) {
                return Err(Failure::new("22033", "jsonpath array subscript is out of bounds"));
            }
            is_found = false;
            for at in from.max(0)..=to.min(size - 1) {
                let element = match length {
                    Some(_) => part(item, |value| child(value, usize::try_from(at).ok()?)),
                    None => Some(item.clone()),
                };
                let Some(element) = element else { continue };
                is_found = self.follow(rest, &element, sink)?;
                if is_found && sink.wants_any() {
                    return Ok(true);
                }
            }
        }
        Ok(is_found)
    }

    fn subscript(&mut self, expression: &Expression) -> Result<i64, Failure> {
        let mut sink = Sink::Collect(Vec::new());
        self.evaluate(expression, &mut sink)?;
        let index = match &sink {
            Sink::Collect(items) => match items.as_slice() {
                [item] => to_number(item),
                _ => None,
            },
            Sink::Any => None,
        };
        let Some(index) = index else {
            return Err(Failure::new("22033", "jsonpath array subscript is not a single numeric value"));
        };
        match index.truncate().to_integer().filter(|index| i32::try_from(*index).is_ok()) {
            Some(index) => Ok(index),
            None => Err(Failure::new("22033", "jsonpath array subscript is out of integer range")),
        }
    }
}

/// A part of an item.
pub(super) fn part<'t>(
    item: &Item<'t>,
    find: impl for<'v> Fn(&'v Jsonb<'t>) -> Option<&'v Jsonb<'t>>,
) -> Option<Item<'t>> {
    match item {
        Cow::Borrowed(value) => find(value).map(Cow::Borrowed),
        Cow::Owned(value) => find(value).cloned().map(Cow::Owned),
    }
}

fn length(container: &Jsonb<'_>) -> usize {
    match container {
        Jsonb::Array(elements) => elements.len(),
        Jsonb::Object(members) => members.len(),
        _ => 0,
    }
}

fn child<'v, 't>(container: &'v Jsonb<'t>, at: usize) -> Option<&'v Jsonb<'t>> {
    match container {
        Jsonb::Array(elements) => elements.get(at),
        Jsonb::Object(members) => members.get(at).map(|(_, value)| value),
        _ => None,
    }
}

/// The number that an item is.
pub(super) fn to_number(item: &Jsonb<'_>) -> Option<Number> {
    match item {
        Jsonb::Number(text) => Number::parse(text),
        _ => None,
    }
}

/// An item of the text of a number.
pub(super) fn number<'t>(text: String) -> Item<'t> {
    Cow::Owned(Jsonb::Number(Cow::Owned(text)))
}

/// An item of a string.
pub(super) fn text<'t>(text: String) -> Item<'t> {
    Cow::Owned(Jsonb::String(Cow::Owned(text)))
}
