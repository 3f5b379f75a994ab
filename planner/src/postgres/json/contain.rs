//! `jsonb @> jsonb`. The value that is to contain the other is not made a tree of, as that is the one of the row; the
//! other may be, once.

use super::decimal;
use super::scan::{Kind, elements, inside_quotes, kind, members};
use super::strings::{escape, unescape};
use super::tree::Jsonb;
use crate::postgres::error::ValueResult;

/// `jsonb @> jsonb`; `<@` is the same with the sides changed.
pub(crate) fn contains(jsonb: &str, contained: &str) -> ValueResult<bool> {
    contains_tree(jsonb, &Jsonb::parse(contained)?)
}

/// `contains` for who looks for the same in many values.
pub(crate) fn contains_tree(jsonb: &str, contained: &Jsonb<'_>) -> ValueResult<bool> {
    match kind(jsonb) {
        // An array contains what is one of its elements, at the top alone.
        Kind::Array if contained.is_scalar() => has_element(jsonb, contained),
        _ => is_within(contained, jsonb),
    }
}

fn is_within(contained: &Jsonb<'_>, value: &str) -> ValueResult<bool> {
    match (contained, kind(value)) {
        (Jsonb::Object(wanted), Kind::Object) => {
            for (key, part) in wanted {
                let key = escape(key);
                let Some((_, value)) = members(value).find(|(name, _)| *name == key) else { return Ok(false) };
                if !is_within(part, value)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Jsonb::Array(wanted), Kind::Array) => {
            for part in wanted {
                if !has_element(value, part)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Jsonb::String(text), Kind::String) => Ok(unescape(inside_quotes(value).unwrap_or_default())? == *text),
        (Jsonb::Number(number), Kind::Number) => Ok(decimal::compare(number, value).is_eq()),
        (Jsonb::Bool(flag), Kind::Boolean) => Ok(*flag == (value == "true")),
        (Jsonb::Null, Kind::Null) => Ok(true),
        _ => Ok(false),
    }
}

fn has_element(array: &str, wanted: &Jsonb<'_>) -> ValueResult<bool> {
    for value in elements(array) {
        if is_within(wanted, value)? {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::contains;

    #[test]
    fn contains_what_postgresql_says() {
        for (value, contained, expected) in [
            ("[1]", "1", true),
            ("1", "[1]", false),
            ("[[1]]", "1", false),
            ("[[1, 2]]", "[[1]]", true),
            ("[1, 1]", "[1, 1, 1]", true),
            ("{\"a\": [1, 2]}", "{\"a\": 1}", false),
            ("{\"a\": [1, 2], \"b\": null}", "{\"a\": [2.0]}", true),
            ("[1]", "[]", true),
            ("1", "[]", false),
            ("{}", "[]", false),
            ("1.0", "1", true),
        ] {
            assert_eq!(contains(value, contained), Ok(expected), "{value} {contained}");
        }
    }
}
