//! `jsonb` as a tree, for what compares or changes it. Strings and numbers that need no change are borrowed from the
//! text.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::syntax::{self, Sink, Token, parse};
use super::{MAX_TEXT_BYTES, decimal, strings, too_large};
use crate::postgres::error::ValueResult;
use crate::postgres::stop::Steps;
use crate::postgres::text::{MAX_PARTS, too_many_parts};

/// How deep trees nest. PostgreSQL's own limit is about 14,500, but threads here have smaller stacks.
pub(crate) const MAX_DEPTH: usize = 1_000;

/// Keys and values, ordered by the length of the keys in bytes, then by their bytes; no key twice.
pub(crate) type Members<'a> = Vec<(Cow<'a, str>, Jsonb<'a>)>;

/// A value of `jsonb`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Jsonb<'a> {
    Null,
    Bool(bool),
    /// As `numeric` prints it.
    Number(Cow<'a, str>),
    String(Cow<'a, str>),
    Array(Vec<Jsonb<'a>>),
    Object(Members<'a>),
}

impl<'a> Jsonb<'a> {
    /// The value of a JSON text, canonical or not.
    pub(crate) fn parse(text: &'a str) -> ValueResult<Self> {
        let mut builder = Builder::default();
        parse(text, true, &mut builder)?;
        Ok(builder.whole.unwrap_or(Self::Null))
    }

    /// An object of members in any order; of those with the same key the last stays.
    pub(crate) fn object(mut members: Members<'a>) -> Self {
        if !members.is_sorted_by(|(a, _), (b, _)| key_order(a, b) == Ordering::Less) {
            members.sort_by(|(a, _), (b, _)| key_order(a, b));
            // It keeps the first of equal ones, so the last goes to the front before.
            members.dedup_by(|later, earlier| {
                let is_same = later.0 == earlier.0;
                if is_same {
                    std::mem::swap(later, earlier);
                }
                is_same
            });
        }
        Self::Object(members)
    }

    /// The text as PostgreSQL prints it.
    pub(crate) fn print(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    /// Adds the text as PostgreSQL prints it.
    pub(crate) fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Number(number) => out.push_str(number),
            Self::String(text) => strings::write_string(out, text),
            Self::Array(elements) => {
                out.push('[');
                for (at, element) in elements.iter().enumerate() {
                    if at > 0 {
                        out.push_str(", ");
                    }
                    element.write(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (at, (key, value)) in members.iter().enumerate() {
                    if at > 0 {
                        out.push_str(", ");
                    }
                    strings::write_string(out, key);
                    out.push_str(": ");
                    value.write(out);
                }
                out.push('}');
            }
        }
    }

    pub(crate) fn is_scalar(&self) -> bool {
        !matches!(self, Self::Array(_) | Self::Object(_))
    }

    /// The value of a key, if this is an object that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        let at = members.binary_search_by(|(other, _)| key_order(other, key)).ok()?;
        members.get(at).map(|(_, value)| value)
    }
}

/// The order of keys in an object.
pub(crate) fn key_order(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// A container that has not ended.
enum Open<'a> {
    Array(Vec<Jsonb<'a>>),
    /// With the key whose value comes next.
    Object(Members<'a>, Cow<'a, str>),
}

#[derive(Default)]
struct Builder<'a> {
    open: Vec<Open<'a>>,
    whole: Option<Jsonb<'a>>,
    /// By how much numbers have grown, `1e9` being ten digits.
    grown_bytes: usize,
    values: usize,
    steps: Steps,
}

impl<'a> Builder<'a> {
    fn enter(&mut self, container: Open<'a>) -> ValueResult<()> {
        if self.open.len() >= MAX_DEPTH {
            return Err(syntax::too_deep());
        }
        self.begin()?;
        self.open.push(container);
        Ok(())
    }

    /// Counts a value that begins.
    fn begin(&mut self) -> ValueResult<()> {
        self.values += 1;
        self.steps.next()?;
        if self.values > MAX_PARTS { Err(too_many_parts()) } else { Ok(()) }
    }

    fn value(&mut self, value: Jsonb<'a>) {
        match self.open.last_mut() {
            Some(Open::Array(elements)) => elements.push(value),
            Some(Open::Object(members, key)) => members.push((std::mem::take(key), value)),
            None => self.whole = Some(value),
        }
    }

    fn leave(&mut self) {
        match self.open.pop() {
            Some(Open::Array(elements)) => self.value(Jsonb::Array(fitting(elements))),
            Some(Open::Object(members, _)) => self.value(Jsonb::object(fitting(members))),
            None => {}
        }
    }
}

/// Without the room for others that it has got, which is most of the memory of many small ones.
fn fitting<T>(mut values: Vec<T>) -> Vec<T> {
    if values.len() <= values.capacity() / 2 {
        values.shrink_to_fit();
    }
    values
}

impl<'a> Sink<'a> for Builder<'a> {
    fn begin_object(&mut self) -> ValueResult<()> {
        self.enter(Open::Object(Vec::new(), Cow::Borrowed("")))
    }

    fn key(&mut self, key: Cow<'a, str>) -> ValueResult<()> {
        if let Some(Open::Object(_, next)) = self.open.last_mut() {
            *next = key;
        }
        Ok(())
    }

    fn end_object(&mut self) -> ValueResult<()> {
        self.leave();
        Ok(())
    }

    fn begin_array(&mut self) -> ValueResult<()> {
        self.enter(Open::Array(Vec::new()))
    }

    fn end_array(&mut self) -> ValueResult<()> {
        self.leave();
        Ok(())
    }

    fn scalar(&mut self, scalar: Token<'a>) -> ValueResult<()> {
        self.begin()?;
        let value = match scalar {
            Token::String(text) => Jsonb::String(text),
            Token::Number(number) => {
                let canonical = decimal::canonical(number)?;
                self.grown_bytes += canonical.len().saturating_sub(number.len());
                if self.grown_bytes > MAX_TEXT_BYTES {
                    return Err(too_large());
                }
                Jsonb::Number(canonical)
            }
            Token::True => Jsonb::Bool(true),
            Token::False => Jsonb::Bool(false),
            _ => Jsonb::Null,
        };
        self.value(value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_DEPTH, MAX_PARTS};
    use crate::postgres::json::canonical;

    #[test]
    fn prints_as_postgresql() {
        for (text, printed) in [
            ("{\"bb\":1,\"a\":2,\"bb\":3}", "{\"a\": 2, \"bb\": 3}"),
            ("{\"a\":1,\"a\":2,\"a\":3,\"\":4}", "{\"\": 4, \"a\": 3}"),
            ("\"\\u00e9\\n\\/\\u007f\\u0001\"", "\"é\\n/\u{7f}\\u0001\""),
            ("[ 1.500e1 , -0, {} ]", "[15.00, 0, {}]"),
        ] {
            assert_eq!(canonical(text).as_deref(), Ok(printed));
        }
        assert_eq!(canonical("\"\\u0000\"").map_err(|error| error.sqlstate), Err("22P05"));
    }

    #[test]
    fn nesting_has_a_limit() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(canonical(&nested(MAX_DEPTH)), Ok(nested(MAX_DEPTH)));
        assert_eq!(canonical(&nested(MAX_DEPTH + 1)).map_err(|error| error.sqlstate), Err("54001"));
    }

    #[test]
    fn documents_have_so_many_values() {
        let of = |values: usize| format!("[{}1]", "1,".repeat(values - 2));
        assert!(canonical(&of(MAX_PARTS)).is_ok());
        assert_eq!(canonical(&of(MAX_PARTS + 1)).map_err(|error| error.sqlstate), Err("54000"));
    }
}
