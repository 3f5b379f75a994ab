//! `json_strip_nulls` and `jsonb_strip_nulls`: values without members that are null, and on demand without elements
//! that are.

use std::borrow::Cow;

use super::strings::write_string;
use super::syntax::{Sink, Token, parse};
use super::tree::Jsonb;
use crate::postgres::error::ValueResult;

/// `jsonb_strip_nulls(jsonb, bool)`.
pub(crate) fn jsonb_strip_nulls(jsonb: &str, in_arrays: bool) -> ValueResult<String> {
    let mut value = Jsonb::parse(jsonb)?;
    strip(&mut value, in_arrays);
    Ok(value.print())
}

fn strip(value: &mut Jsonb<'_>, in_arrays: bool) {
    match value {
        Jsonb::Object(members) => {
            members.retain(|(_, value)| *value != Jsonb::Null);
            members.iter_mut().for_each(|(_, value)| strip(value, in_arrays));
        }
        Jsonb::Array(elements) => {
            elements.retain(|element| !in_arrays || *element != Jsonb::Null);
            elements.iter_mut().for_each(|element| strip(element, in_arrays));
        }
        _ => {}
    }
}

/// `json_strip_nulls(json, bool)`: without blanks, strings with PostgreSQL's escapes, numbers as they were.
pub(crate) fn json_strip_nulls(json: &str, in_arrays: bool) -> ValueResult<String> {
    let mut writer = Writer { out: String::with_capacity(json.len()), key: None, in_arrays };
    parse(json, true, &mut writer)?;
    Ok(writer.out)
}

struct Writer<'a> {
    out: String,
    /// The key of the value that comes next, if it is a member.
    key: Option<Cow<'a, str>>,
    in_arrays: bool,
}

impl Writer<'_> {
    fn begin_value(&mut self) {
        if !matches!(self.out.as_bytes().last(), None | Some(b'{' | b'[')) {
            self.out.push(',');
        }
        if let Some(key) = self.key.take() {
            write_string(&mut self.out, &key);
            self.out.push(':');
        }
    }
}

impl<'a> Sink<'a> for Writer<'a> {
    fn begin_object(&mut self) -> ValueResult<()> {
        self.begin_value();
        self.out.push('{');
        Ok(())
    }

    fn key(&mut self, key: Cow<'a, str>) -> ValueResult<()> {
        self.key = Some(key);
        Ok(())
    }

    fn end_object(&mut self) -> ValueResult<()> {
        self.out.push('}');
        Ok(())
    }

    fn begin_array(&mut self) -> ValueResult<()> {
        self.begin_value();
        self.out.push('[');
        Ok(())
    }

    fn end_array(&mut self) -> ValueResult<()> {
        self.out.push(']');
        Ok(())
    }

    fn scalar(&mut self, scalar: Token<'a>) -> ValueResult<()> {
        let is_in_array = self.key.is_none() && !self.out.is_empty();
        if scalar == Token::Null && (self.key.take().is_some() || (is_in_array && self.in_arrays)) {
            return Ok(());
        }
        self.begin_value();
        match scalar {
            Token::String(text) => write_string(&mut self.out, &text),
            Token::Number(number) => self.out.push_str(number),
            Token::True => self.out.push_str("true"),
            Token::False => self.out.push_str("false"),
            _ => self.out.push_str("null"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{json_strip_nulls, jsonb_strip_nulls};

    #[test]
    fn strips_as_postgresql() {
        let json = " { \"a\" : null , \"b\" : [1,null, {\"c\":null}], \"d\": \"x\\ty\\/\" , \"e\" : 1e3}";
        let expected = "{\"b\":[1,null,{}],\"d\":\"x\\ty/\",\"e\":1e3}";
        assert_eq!(json_strip_nulls(json, false).as_deref(), Ok(expected));
        let jsonb = "{\"a\": null, \"b\": [1, null, {\"c\": null}]}";
        assert_eq!(jsonb_strip_nulls(jsonb, false).as_deref(), Ok("{\"b\": [1, null, {}]}"));
        assert_eq!(jsonb_strip_nulls(jsonb, true).as_deref(), Ok("{\"b\": [1, {}]}"));
        assert_eq!(json_strip_nulls(jsonb, true).as_deref(), Ok("{\"b\":[1,{}]}"));
        for null in ["null", "[null]"] {
            let stripped = null.replace("[null]", "[]");
            assert_eq!(json_strip_nulls(null, true).as_deref(), Ok(&*stripped));
            assert_eq!(jsonb_strip_nulls(null, true).as_deref(), Ok(&*stripped));
        }
    }
}
