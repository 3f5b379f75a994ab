//! `IS JSON`.

use std::borrow::Cow;
use std::collections::HashSet;

use super::invalid_json;
use super::scan::{Kind, kind};
use super::syntax::{Ignore, Sink, Token, parse, too_deep};
use crate::postgres::error::ValueResult;

/// What `IS JSON` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// `VALUE`, and what is asked for without a word.
    Value,
    /// `OBJECT`
    Object,
    /// `ARRAY`
    Array,
    /// `SCALAR`
    Scalar,
}

/// `text IS JSON ... [WITH UNIQUE KEYS]`, which is right for `json` and `jsonb` as well.
pub(crate) fn is_json(text: &str, wanted: Wanted, unique_keys: bool) -> ValueResult<bool> {
    if !is_kind(text, wanted) {
        return Ok(false);
    }
    let parsed = match unique_keys {
        true => parse(text, true, &mut UniqueKeys::default()),
        false => parse(text, false, &mut Ignore),
    };
    match parsed {
        Err(error) if error.sqlstate == too_deep().sqlstate => Err(error),
        parsed => Ok(parsed.is_ok()),
    }
}

/// The same of what is known to be `jsonb`.
pub(crate) fn is_kind(jsonb: &str, wanted: Wanted) -> bool {
    match wanted {
        Wanted::Value => true,
        Wanted::Object => kind(jsonb) == Kind::Object,
        Wanted::Array => kind(jsonb) == Kind::Array,
        Wanted::Scalar => kind(jsonb).is_scalar(),
    }
}

/// Refuses an object with a key that it already has.
#[derive(Default)]
struct UniqueKeys<'a> {
    open: Vec<HashSet<Cow<'a, str>>>,
}

impl<'a> Sink<'a> for UniqueKeys<'a> {
    fn begin_object(&mut self) -> ValueResult<()> {
        self.open.push(HashSet::new());
        Ok(())
    }

    fn key(&mut self, key: Cow<'a, str>) -> ValueResult<()> {
        match self.open.last_mut().is_some_and(|keys| keys.insert(key)) {
            true => Ok(()),
            false => Err(invalid_json()),
        }
    }

    fn end_object(&mut self) -> ValueResult<()> {
        self.open.pop();
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

#[cfg(test)]
mod tests {
    use super::{Wanted, is_json};

    #[test]
    fn is_json_as_postgresql_says() {
        for (text, wanted, unique_keys, expected) in [
            ("\"\\u0000\"", Wanted::Value, false, true),
            ("\"\\u0000\"", Wanted::Value, true, false),
            ("{\"a\":1,\"\\u0061\":2}", Wanted::Object, true, false),
            ("[{\"b\":1,\"b\":2}]", Wanted::Array, true, false),
            ("[{\"b\":1},{\"b\":2}]", Wanted::Array, true, true),
            ("1", Wanted::Scalar, false, true),
            ("[]", Wanted::Scalar, false, false),
            ("", Wanted::Value, false, false),
        ] {
            assert_eq!(is_json(text, wanted, unique_keys), Ok(expected), "{text}");
        }
    }
}
