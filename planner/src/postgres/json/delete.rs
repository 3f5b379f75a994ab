//! `-` and `#-` of `jsonb`, which remove.

use std::borrow::Cow;
use std::collections::HashSet;

use super::modify::{Change, change};
use super::tree::Jsonb;
use crate::postgres::error::{ValueError, ValueResult};

/// `jsonb - text`.
pub(crate) fn delete_key(jsonb: &str, key: &str) -> ValueResult<String> {
    delete_matching(jsonb, |name| name == key)
}

/// `jsonb - text[]`.
pub(crate) fn delete_keys(jsonb: &str, keys: &[Option<&str>]) -> ValueResult<String> {
    let keys: HashSet<&str> = keys.iter().copied().flatten().collect();
    delete_matching(jsonb, |name| keys.contains(name))
}

fn delete_matching(jsonb: &str, is_deleted: impl Fn(&str) -> bool) -> ValueResult<String> {
    let mut value = Jsonb::parse(jsonb)?;
    match &mut value {
        Jsonb::Object(members) => members.retain(|(key, _)| !is_deleted(key)),
        Jsonb::Array(elements) => {
            elements.retain(|element| !matches!(element, Jsonb::String(text) if is_deleted(text)));
        }
        _ => return Err(from_scalar()),
    }
    Ok(value.print())
}

/// `jsonb - int`.
pub(crate) fn delete_element(jsonb: &str, index: i32) -> ValueResult<String> {
    let mut value = Jsonb::parse(jsonb)?;
    match &mut value {
        Jsonb::Array(elements) => {
            let distance = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
            let at = if index < 0 { elements.len().checked_sub(distance) } else { Some(distance) };
            if let Some(at) = at.filter(|at| *at < elements.len()) {
                elements.remove(at);
            }
        }
        Jsonb::Object(_) => return Err(ValueError::new("22023", "cannot delete from object using integer index")),
        _ => return Err(from_scalar()),
    }
    Ok(value.print())
}

/// `jsonb #- text[]`, `jsonb_delete_path`.
pub(crate) fn delete_path<'a>(jsonb: &'a str, path: &[Option<&'a str>]) -> ValueResult<Cow<'a, str>> {
    let value = Jsonb::parse(jsonb)?;
    match &value {
        Jsonb::Array(elements) if elements.is_empty() => return Ok(Cow::Borrowed(jsonb)),
        Jsonb::Object(members) if members.is_empty() => return Ok(Cow::Borrowed(jsonb)),
        value if value.is_scalar() => return Err(ValueError::new("22023", "cannot delete path in scalar")),
        _ => {}
    }
    change(value, path, &Change::Delete).map(|value| Cow::Owned(value.print()))
}

fn from_scalar() -> ValueError {
    ValueError::new("22023", "cannot delete from scalar")
}

#[cfg(test)]
mod tests {
    use super::{delete_element, delete_key, delete_keys, delete_path};

    #[test]
    fn deletes_what_postgresql_deletes() {
        let array = "[\"a\", \"b\", \"a\"]";
        assert_eq!(delete_key(array, "a").as_deref(), Ok("[\"b\"]"));
        assert_eq!(delete_keys("{\"a\": 1, \"b\": 2}", &[Some("a"), None]).as_deref(), Ok("{\"b\": 2}"));
        assert_eq!(delete_element(array, -1).as_deref(), Ok("[\"a\", \"b\"]"));
        assert_eq!(delete_element(array, -4).as_deref(), Ok(array));
        assert_eq!(delete_path("{\"a\": [1, 2]}", &[Some("a"), Some("0")]).as_deref(), Ok("{\"a\": [2]}"));
        assert_eq!(delete_path("[]", &[Some("a")]).as_deref(), Ok("[]"));
    }

    #[test]
    fn errors_are_those_of_postgresql() {
        assert_eq!(delete_key("1", "a").map_err(|error| error.message), Err("cannot delete from scalar".into()));
        let error = delete_path("[1]", &[Some("a")]).map_err(|error| error.message);
        assert_eq!(error, Err("path element at position 1 is not an integer: \"a\"".into()));
        assert_eq!(delete_path("{\"a\": [1]}", &[None]).map_err(|error| error.sqlstate), Err("22004"));
    }
}
