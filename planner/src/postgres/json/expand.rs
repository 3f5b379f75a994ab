//! Values taken apart into rows: `json_each`, `json_array_elements`, `json_object_keys`, and the same of `jsonb`. The
//! variants with `_text` are those without, and `as_text` of the values.

use std::borrow::Cow;

use super::scan::{Kind, elements, kind, members, trim};
use super::strings::{check_escapes, unescape};
use crate::postgres::error::{ValueError, ValueResult};

/// A key and its value.
pub(crate) type Member<'a> = (Cow<'a, str>, &'a str);

/// Whether PostgreSQL's messages name the function without or with `_text`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    Json,
    Text,
}

/// `jsonb_each` and `jsonb_each_text`.
pub(crate) fn jsonb_each(jsonb: &str, variant: Variant) -> ValueResult<Vec<Member<'_>>> {
    if kind(jsonb) != Kind::Object {
        let function = if variant == Variant::Text { "jsonb_each_text" } else { "jsonb_each" };
        return Err(not_possible(format!("cannot call {function} on a non-object")));
    }
    decoded(jsonb)
}

/// `json_each` and `json_each_text`.
pub(crate) fn json_each(json: &str) -> ValueResult<Vec<Member<'_>>> {
    match kind(json) {
        Kind::Object => {}
        Kind::Array => return Err(not_possible("cannot deconstruct an array as an object")),
        _ => return Err(after_escapes(json, "cannot deconstruct a scalar")),
    }
    check_escapes(json)?;
    decoded(json)
}

fn decoded(object: &str) -> ValueResult<Vec<Member<'_>>> {
    members(object).map(|(key, value)| Ok((unescape(key)?, value))).collect()
}

/// `jsonb_array_elements` and `jsonb_array_elements_text`.
pub(crate) fn jsonb_array_elements(jsonb: &str) -> ValueResult<Vec<&str>> {
    match kind(jsonb) {
        Kind::Array => Ok(elements(jsonb).collect()),
        Kind::Object => Err(not_possible("cannot extract elements from an object")),
        _ => Err(not_possible("cannot extract elements from a scalar")),
    }
}

/// `json_array_elements` and `json_array_elements_text`.
pub(crate) fn json_array_elements(json: &str, variant: Variant) -> ValueResult<Vec<&str>> {
    let function = if variant == Variant::Text { "json_array_elements_text" } else { "json_array_elements" };
    match kind(json) {
        Kind::Array => {}
        Kind::Object => return Err(not_possible(format!("cannot call {function} on a non-array"))),
        _ if variant == Variant::Text => {
            return Err(after_escapes(json, format!("cannot call {function} on a scalar")));
        }
        _ => return Err(not_possible(format!("cannot call {function} on a scalar"))),
    }
    if variant == Variant::Text {
        check_escapes(trim(json))?;
    }
    Ok(elements(json).collect())
}

/// `jsonb_object_keys`.
pub(crate) fn jsonb_object_keys(jsonb: &str) -> ValueResult<Vec<Cow<'_, str>>> {
    keys(jsonb, "jsonb_object_keys")
}

/// `json_object_keys`, with those that come twice.
pub(crate) fn json_object_keys(json: &str) -> ValueResult<Vec<Cow<'_, str>>> {
    let keys = keys(json, "json_object_keys")?;
    check_escapes(json)?;
    Ok(keys)
}

fn keys<'a>(value: &'a str, function: &str) -> ValueResult<Vec<Cow<'a, str>>> {
    match kind(value) {
        Kind::Object => members(value).map(|(key, _)| unescape(key)).collect(),
        Kind::Array => Err(not_possible(format!("cannot call {function} on an array"))),
        _ => Err(after_escapes(value, format!("cannot call {function} on a scalar"))),
    }
}

/// The error for a scalar, unless it is a string that has no characters for its escapes, which PostgreSQL sees before.
fn after_escapes(scalar: &str, message: impl Into<String>) -> ValueError {
    check_escapes(scalar).err().unwrap_or_else(|| not_possible(message))
}

fn not_possible(message: impl Into<String>) -> ValueError {
    ValueError::new("22023", message)
}

#[cfg(test)]
mod tests {
    use super::{Variant, json_array_elements, json_each, json_object_keys, jsonb_each};

    #[test]
    fn texts_stay_as_they_are_written() {
        let expected = vec![("a".into(), "1"), ("b".into(), "[1 , 2]")];
        assert_eq!(json_each("{\"a\": 1 ,\"\\u0062\" : [1 , 2]}"), Ok(expected));
        assert_eq!(json_array_elements(" [ 1 , [2 ] , null]", Variant::Json), Ok(vec!["1", "[2 ]", "null"]));
        let keys = ["b", "a", "b", "c"].map(Into::into).to_vec();
        assert_eq!(json_object_keys("{\"b\":1,\"a\":2,\"b\":3,\"c\":{\"d\":1}}"), Ok(keys));
    }

    #[test]
    fn errors_name_the_function() {
        let message = json_array_elements("{}", Variant::Text).map_err(|error| error.message);
        assert_eq!(message, Err("cannot call json_array_elements_text on a non-array".into()));
        let message = jsonb_each("[1]", Variant::Text).map_err(|error| error.message);
        assert_eq!(message, Err("cannot call jsonb_each_text on a non-object".into()));
    }
}
