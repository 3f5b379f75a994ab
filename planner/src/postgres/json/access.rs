//! Parts of values: `->`, `->>`, `#>`, `#>>` and the functions that ask for the same, `?`, `?|`, `?&`, the type and the
//! length. The `->>` and `#>>` are those without the second arrow, and `as_text` of what they give.

use super::scan::{self, Kind, elements, kind, members, trim, trim_end};
use super::strings::{check_escapes, escape, unescape};
use crate::postgres::error::{ValueError, ValueResult};

/// `jsonb -> text`.
pub(crate) fn jsonb_field<'a>(jsonb: &'a str, key: &str) -> Option<&'a str> {
    // Canonical text has one way to write a key.
    let key = escape(key);
    members(jsonb).find(|(name, _)| *name == key).map(|(_, value)| value)
}

/// `jsonb -> int`. A scalar counts as an array of itself.
pub(crate) fn jsonb_element(jsonb: &str, index: i32) -> Option<&str> {
    match kind(jsonb) {
        Kind::Object => None,
        Kind::Array => element(jsonb, index),
        _ => matches!(index, 0 | -1).then_some(jsonb),
    }
}

/// `jsonb #> text[]`, `jsonb_extract_path`; no value for a path with a NULL.
pub(crate) fn jsonb_path<'a>(jsonb: &'a str, path: &[Option<&str>]) -> Option<&'a str> {
    let mut value = jsonb;
    for step in path_without_nulls(path)? {
        value = match kind(value) {
            Kind::Object => jsonb_field(value, step)?,
            Kind::Array => element(value, parse_index(step)?)?,
            _ => return None,
        };
    }
    Some(value)
}

/// `json -> text`. Of values with the same key the last is meant.
pub(crate) fn json_field<'a>(json: &'a str, key: &str) -> ValueResult<Option<&'a str>> {
    check_escapes(json)?;
    last_field(json, key)
}

/// `json -> int`.
pub(crate) fn json_element(json: &str, index: i32) -> ValueResult<Option<&str>> {
    check_escapes(json)?;
    Ok(element(json, index))
}

/// `json #> text[]`, `json_extract_path`; no value for a path with a NULL. The last value is meant that is at the end
/// of such a path.
pub(crate) fn json_path<'a>(json: &'a str, path: &[Option<&str>]) -> ValueResult<Option<&'a str>> {
    let Some(steps) = path_without_nulls(path) else { return Ok(None) };
    check_escapes(json)?;
    if path.is_empty() && kind(json).is_scalar() {
        // PostgreSQL leaves the blanks before it, and only there.
        return Ok(Some(trim_end(json)));
    }
    let (mut values, mut parts) = (vec![trim(json)], Vec::new());
    for step in steps {
        for value in values.drain(..) {
            match kind(value) {
                Kind::Object => all_fields(value, step, |part| parts.push(part))?,
                Kind::Array => parts.extend(parse_index(step).and_then(|index| element(value, index))),
                _ => {}
            }
        }
        std::mem::swap(&mut values, &mut parts);
    }
    Ok(values.last().copied())
}

fn last_field<'a>(json: &'a str, key: &str) -> ValueResult<Option<&'a str>> {
    let mut found = None;
    all_fields(json, key, |value| found = Some(value))?;
    Ok(found)
}

fn all_fields<'a>(json: &'a str, key: &str, mut found: impl FnMut(&'a str)) -> ValueResult<()> {
    for (name, value) in members(json) {
        if name == key || (name.contains('\\') && unescape(name)? == key) {
            found(value);
        }
    }
    Ok(())
}

fn element(array: &str, index: i32) -> Option<&str> {
    let index = match usize::try_from(index) {
        Ok(index) => index,
        Err(_) => elements(array).count().checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?,
    };
    elements(array).nth(index)
}

fn path_without_nulls<'p>(path: &'p [Option<&'p str>]) -> Option<impl Iterator<Item = &'p str>> {
    (!path.contains(&None)).then(|| path.iter().copied().flatten())
}

/// The index that a step of a path is for an array, as C's `strtol` reads it.
pub(super) fn parse_index(step: &str) -> Option<i32> {
    let number = step.trim_start_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r']);
    let digits = number.strip_prefix(['+', '-']).unwrap_or(number);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse().ok()
}

/// `jsonb ? text`: whether it is a key of an object, a string in an array, or the string itself.
pub(crate) fn exists(jsonb: &str, key: &str) -> bool {
    let key = escape(key);
    let is_key = |value: &str| kind(value) == Kind::String && scan::inside_quotes(value) == Some(&*key);
    match kind(jsonb) {
        Kind::Object => members(jsonb).any(|(name, _)| name == key),
        Kind::Array => elements(jsonb).any(is_key),
        _ => is_key(jsonb),
    }
}

/// `jsonb ?| text[]`.
pub(crate) fn exists_any(jsonb: &str, keys: &[Option<&str>]) -> bool {
    keys.iter().flatten().any(|key| exists(jsonb, key))
}

/// `jsonb ?& text[]`. A NULL is no key that could be missing.
pub(crate) fn exists_all(jsonb: &str, keys: &[Option<&str>]) -> bool {
    keys.iter().flatten().all(|key| exists(jsonb, key))
}

/// `json_typeof` and `jsonb_typeof`.
pub(crate) fn type_of(value: &str) -> &'static str {
    kind(value).name()
}

/// `json_array_length` and `jsonb_array_length`.
pub(crate) fn array_length(value: &str) -> ValueResult<i32> {
    match kind(value) {
        Kind::Array => Ok(i32::try_from(elements(value).count()).unwrap_or(i32::MAX)),
        Kind::Object => Err(ValueError::new("22023", "cannot get array length of a non-array")),
        _ => Err(ValueError::new("22023", "cannot get array length of a scalar")),
    }
}

#[cfg(test)]
mod tests {
    use super::{exists, json_field, json_path, jsonb_element, jsonb_field, jsonb_path};

    #[test]
    fn parts_are_those_of_postgresql() {
        assert_eq!(jsonb_field("{\"a\": [1, 2], \"\\n\": 3}", "\n"), Some("3"));
        assert_eq!((jsonb_element("1", -1), jsonb_element("1", 1)), (Some("1"), None));
        assert_eq!(jsonb_element("[1, [2]]", -1), Some("[2]"));
        assert_eq!(json_field(" {\"a\": [1 , 2 ] , \"\\u0061\":3} ", "a"), Ok(Some("3")));
        assert_eq!(json_field("{\"a\":\"\\u0000\",\"b\":1}", "b").map_err(|error| error.sqlstate), Err("22P05"));
    }

    #[test]
    fn paths_read_numbers_as_c_does() {
        let found =
            [(" 1", Some("2")), ("1 ", None), ("+1", Some("2")), ("-1", Some("2")), ("99999999999", None), ("", None)];
        for (step, value) in found {
            assert_eq!(jsonb_path("[1, 2]", &[Some(step)]), value, "{step}");
            assert_eq!(json_path("[1,2]", &[Some(step)]), Ok(value), "{step}");
        }
        assert_eq!(json_path(" {\"a\": 1} ", &[]), Ok(Some("{\"a\": 1}")));
        assert_eq!(jsonb_path("[1, 2]", &[Some("1"), None]), None);
    }

    #[test]
    fn strings_exist_in_arrays_and_as_themselves() {
        assert!(exists("\"a\"", "a") && exists("[\"a\"]", "a") && exists("{\"a\": 1}", "a"));
        assert!(!exists("[[\"a\"]]", "a") && !exists("1", "1"));
    }
}
