//! `json` and `jsonb` made of other values: `json_build_array`, `json_build_object`, `json_object` and their like. The
//! two types differ in spacing, and `json` is spaced otherwise by each function.

use std::borrow::Cow;

use super::decimal;
use super::strings::write_string;
use super::tree::Jsonb;
use crate::postgres::error::{ValueError, ValueResult};

/// A value of another type, as far as JSON tells it from others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scalar<'a> {
    Null,
    /// A number as its type prints it; `NaN` and infinities become strings.
    Number(&'a str),
    /// What has no type in JSON, as text. Dates and timestamps are to be written as in ISO 8601.
    Text(&'a str),
    Json(&'a str),
    Jsonb(&'a str),
    Array(&'a [Scalar<'a>]),
}

impl<'a> Scalar<'a> {
    /// Adds the value as `to_json` gives it.
    pub(crate) fn write_json(&self, out: &mut String) {
        match *self {
            Self::Null => out.push_str("null"),
            Self::Number(number) if is_number(number) => out.push_str(number),
            Self::Number(text) | Self::Text(text) => write_string(out, text),
            Self::Json(text) | Self::Jsonb(text) => out.push_str(text),
            Self::Array(elements) => write_array(out, elements, ","),
        }
    }

    /// Adds the value as `to_jsonb` gives it.
    pub(crate) fn write_jsonb(&self, out: &mut String) -> ValueResult<()> {
        match *self {
            Self::Number(number) if is_number(number) => out.push_str(&decimal::canonical(number)?),
            Self::Json(_) | Self::Array(_) => self.to_jsonb()?.write(out),
            _ => self.write_json(out),
        }
        Ok(())
    }

    /// The value as a tree of `jsonb`.
    pub(crate) fn to_jsonb(self) -> ValueResult<Jsonb<'a>> {
        Ok(match self {
            Self::Null => Jsonb::Null,
            Self::Number(number) if is_number(number) => Jsonb::Number(decimal::canonical(number)?),
            Self::Number(text) | Self::Text(text) => Jsonb::String(Cow::Borrowed(text)),
            Self::Json(text) | Self::Jsonb(text) => Jsonb::parse(text)?,
            Self::Array(elements) => {
                Jsonb::Array(elements.iter().map(|element| element.to_jsonb()).collect::<ValueResult<_>>()?)
            }
        })
    }

    /// The value as the key of an object.
    pub(super) fn key(&self) -> ValueResult<&'a str> {
        match *self {
            Self::Number(text) | Self::Text(text) => Ok(text),
            Self::Null => Err(null_key()),
            Self::Json(_) | Self::Jsonb(_) | Self::Array(_) => {
                Err(ValueError::new("22023", "key value must be scalar, not array, composite, or json"))
            }
        }
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().last().is_some_and(|byte| byte.is_ascii_digit())
}

pub(super) fn null_key() -> ValueError {
    ValueError::new("22004", "null value not allowed for object key")
}

fn write_array(out: &mut String, elements: &[Scalar<'_>], comma: &str) {
    out.push('[');
    for (at, element) in elements.iter().enumerate() {
        if at > 0 {
            out.push_str(comma);
        }
        element.write_json(out);
    }
    out.push(']');
}

/// `to_jsonb(value)`, which is strict.
pub(crate) fn to_jsonb(value: &Scalar<'_>) -> ValueResult<String> {
    let mut out = String::new();
    value.write_jsonb(&mut out)?;
    Ok(out)
}

/// `json_build_array(...)`, `JSON_ARRAY(... NULL ON NULL)`.
pub(crate) fn json_build_array(values: &[Scalar<'_>]) -> String {
    let mut out = String::new();
    write_array(&mut out, values, ", ");
    out
}

/// `jsonb_build_array(...)`.
pub(crate) fn jsonb_build_array(values: &[Scalar<'_>]) -> ValueResult<String> {
    to_jsonb(&Scalar::Array(values))
}

/// What `JSON_OBJECT` can say about its members; the default is what `json_build_object` does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ObjectOptions {
    /// `ABSENT ON NULL`, `json_object_agg_strict`.
    pub(crate) absent_on_null: bool,
    /// `WITH UNIQUE KEYS`, `json_object_agg_unique`.
    pub(crate) unique_keys: bool,
}

/// `json_build_object(...)`, `JSON_OBJECT(...)`, of keys and values in turn.
pub(crate) fn json_build_object(arguments: &[Scalar<'_>], options: ObjectOptions) -> ValueResult<String> {
    check_even(arguments)?;
    let mut object = super::aggregate::JsonObjectAgg::new(options);
    for pair in arguments.chunks_exact(2) {
        if let [key, value] = pair {
            object.push(key, value)?;
        }
    }
    Ok(format!("{{{}}}", object.members()))
}

/// `jsonb_build_object(...)`, `JSON_OBJECT(... RETURNING jsonb)`, of keys and values in turn.
pub(crate) fn jsonb_build_object(arguments: &[Scalar<'_>], options: ObjectOptions) -> ValueResult<String> {
    check_even(arguments)?;
    let mut object = super::aggregate::JsonbObjectAgg::new(options);
    for (at, pair) in arguments.chunks_exact(2).enumerate() {
        match pair {
            [Scalar::Null, _] => {
                return Err(ValueError::new("22023", format!("argument {}: key must not be null", 2 * at + 1)));
            }
            [key, value] => object.push(key, value)?,
            _ => {}
        }
    }
    object.finish()
}

fn check_even(arguments: &[Scalar<'_>]) -> ValueResult<()> {
    match arguments.len() % 2 {
        0 => Ok(()),
        _ => Err(ValueError::new("22023", "argument list must have even number of elements")),
    }
}

/// What `json_object` of one array asks of the lengths of its dimensions, none for an empty array.
pub(crate) fn check_pairs(dimensions: &[usize]) -> ValueResult<()> {
    match dimensions {
        [] | [_, 2] => Ok(()),
        [length] if length % 2 == 0 => Ok(()),
        [_] => Err(array_error("array must have even number of elements")),
        [_, _] => Err(array_error("array must have two columns")),
        _ => Err(array_error("wrong number of array subscripts")),
    }
}

/// What `json_object` of two arrays asks of the lengths of their dimensions.
pub(crate) fn check_two_arrays(keys: &[usize], values: &[usize]) -> ValueResult<()> {
    match (keys, values) {
        ([], []) => Ok(()),
        ([keys], [values]) if keys == values => Ok(()),
        ([_], [_]) => Err(array_error("mismatched array dimensions")),
        _ => Err(array_error("wrong number of array subscripts")),
    }
}

fn array_error(message: &str) -> ValueError {
    ValueError::new("2202E", message)
}

/// `json_object` of keys and their values.
pub(crate) fn json_object<'a>(
    members: impl Iterator<Item = (Option<&'a str>, Option<&'a str>)>,
) -> ValueResult<String> {
    let mut object = super::aggregate::JsonObjectAgg::new(ObjectOptions::default());
    for (key, value) in members {
        object.push(&text(key), &text(value))?;
    }
    Ok(format!("{{{}}}", object.members()))
}

/// `jsonb_object` of keys and their values.
pub(crate) fn jsonb_object<'a>(
    members: impl Iterator<Item = (Option<&'a str>, Option<&'a str>)>,
) -> ValueResult<String> {
    let mut object = super::aggregate::JsonbObjectAgg::new(ObjectOptions::default());
    for (key, value) in members {
        object.push(&text(Some(key.ok_or_else(null_key)?)), &text(value))?;
    }
    object.finish()
}

fn text(value: Option<&str>) -> Scalar<'_> {
    value.map_or(Scalar::Null, Scalar::Text)
}

#[cfg(test)]
mod tests {
    use super::{ObjectOptions, Scalar, json_build_array, json_build_object, jsonb_build_object};
    use super::{json_object, to_jsonb};

    const ROW: Scalar<'_> = Scalar::Json("{\"f1\":1,\"f2\":\"x\"}");
    const PAIR: Scalar<'_> = Scalar::Array(&[Scalar::Number("1"), Scalar::Number("2")]);

    #[test]
    fn spacing_is_that_of_postgresql() {
        let arguments = [Scalar::Text("a"), Scalar::Jsonb("[1, 2]"), Scalar::Text("b"), ROW, Scalar::Text("a"), PAIR];
        let json = "{\"a\" : [1, 2], \"b\" : {\"f1\":1,\"f2\":\"x\"}, \"a\" : [1,2]}";
        assert_eq!(json_build_object(&arguments, ObjectOptions::default()).as_deref(), Ok(json));
        let jsonb = "{\"a\": [1, 2], \"b\": {\"f1\": 1, \"f2\": \"x\"}}";
        assert_eq!(jsonb_build_object(&arguments, ObjectOptions::default()).as_deref(), Ok(jsonb));
        assert_eq!(json_build_array(&[PAIR, Scalar::Null, Scalar::Number("NaN")]), "[[1,2], null, \"NaN\"]");
        assert_eq!(to_jsonb(&Scalar::Number("1e+20")).as_deref(), Ok("100000000000000000000"));
        let members = [(Some("a"), Some("1")), (Some("b"), None)];
        assert_eq!(json_object(members.into_iter()).as_deref(), Ok("{\"a\" : \"1\", \"b\" : null}"));
    }

    #[test]
    fn options_are_those_of_json_object() {
        let arguments = [Scalar::Text("a"), Scalar::Number("1"), Scalar::Text("a"), Scalar::Null];
        let absent = ObjectOptions { absent_on_null: true, unique_keys: false };
        assert_eq!(json_build_object(&arguments, absent).as_deref(), Ok("{\"a\" : 1}"));
        let unique = ObjectOptions { absent_on_null: true, unique_keys: true };
        let message = json_build_object(&arguments, unique).map_err(|error| error.message);
        assert_eq!(message, Err("duplicate JSON object key value: \"a\"".into()));
        let message = jsonb_build_object(&arguments, unique).map_err(|error| error.message);
        assert_eq!(message, Err("duplicate JSON object key value".into()));
    }
}
