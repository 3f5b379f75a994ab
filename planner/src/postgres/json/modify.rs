//! `jsonb` with a part put in: `jsonb_set`, `jsonb_set_lax`, `jsonb_insert`, `||`. And the walk to where a path ends,
//! which `#-` takes as well.

use std::borrow::Cow;

use super::access::parse_index;
use super::delete;
use super::tree::{Jsonb, key_order};
use crate::postgres::error::{ValueError, ValueResult};

/// What happens at the end of a path.
pub(super) enum Change<'a> {
    Delete,
    /// With `creates`, what is not there is put in.
    Set {
        value: Jsonb<'a>,
        creates: bool,
    },
    Insert {
        value: Jsonb<'a>,
        after: bool,
    },
}

impl<'a> Change<'a> {
    /// What is put in where nothing is.
    fn created(&self) -> Option<&Jsonb<'a>> {
        match self {
            Self::Delete | Self::Set { creates: false, .. } => None,
            Self::Set { value, .. } | Self::Insert { value, .. } => Some(value),
        }
    }
}

/// `jsonb_set(jsonb, text[], jsonb, bool)`.
pub(crate) fn set<'a>(
    jsonb: &'a str,
    path: &[Option<&'a str>],
    value: &'a str,
    creates: bool,
) -> ValueResult<Cow<'a, str>> {
    let target = Jsonb::parse(jsonb)?;
    if !creates && is_empty(&target) {
        return Ok(Cow::Borrowed(jsonb));
    }
    put(jsonb, target, path, &Change::Set { value: Jsonb::parse(value)?, creates })
}

/// `jsonb_insert(jsonb, text[], jsonb, bool)`.
pub(crate) fn insert<'a>(
    jsonb: &'a str,
    path: &[Option<&'a str>],
    value: &'a str,
    after: bool,
) -> ValueResult<Cow<'a, str>> {
    put(jsonb, Jsonb::parse(jsonb)?, path, &Change::Insert { value: Jsonb::parse(value)?, after })
}

fn put<'a>(
    jsonb: &'a str,
    target: Jsonb<'a>,
    path: &[Option<&'a str>],
    change_at_end: &Change<'a>,
) -> ValueResult<Cow<'a, str>> {
    if target.is_scalar() {
        return Err(ValueError::new("22023", "cannot set path in scalar"));
    }
    if path.is_empty() {
        return Ok(Cow::Borrowed(jsonb));
    }
    change(target, path, change_at_end).map(|value| Cow::Owned(value.print()))
}

fn is_empty(value: &Jsonb<'_>) -> bool {
    match value {
        Jsonb::Array(elements) => elements.is_empty(),
        Jsonb::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// `jsonb_set_lax(jsonb, text[], jsonb, bool, text)`, which is not strict.
pub(crate) fn set_lax<'a>(
    jsonb: Option<&'a str>,
    path: Option<&[Option<&'a str>]>,
    value: Option<&'a str>,
    creates: Option<bool>,
    null_treatment: Option<&str>,
) -> ValueResult<Option<Cow<'a, str>>> {
    let (Some(jsonb), Some(path), Some(creates)) = (jsonb, path, creates) else { return Ok(None) };
    let unknown = || {
        let names = "\"delete_key\", \"return_target\", \"use_json_null\", or \"raise_exception\"";
        ValueError::new("22023", format!("null_value_treatment must be {names}"))
    };
    let null_treatment = null_treatment.ok_or_else(unknown)?;
    match (value, null_treatment) {
        (Some(value), _) => set(jsonb, path, value, creates),
        (None, "raise_exception") => Err(ValueError::new("22004", "JSON value must not be null")),
        (None, "use_json_null") => set(jsonb, path, "null", creates),
        (None, "delete_key") => delete::delete_path(jsonb, path),
        (None, "return_target") => Ok(Cow::Borrowed(jsonb)),
        (None, _) => Err(unknown()),
    }
    .map(Some)
}

/// `jsonb || jsonb`, `jsonb_concat`.
pub(crate) fn concat(left: &str, right: &str) -> ValueResult<String> {
    let joined = match (Jsonb::parse(left)?, Jsonb::parse(right)?) {
        (Jsonb::Object(mut members), Jsonb::Object(others)) => {
            members.extend(others);
            Jsonb::object(members)
        }
        (left, right) => {
            let mut elements = into_elements(left);
            elements.extend(into_elements(right));
            Jsonb::Array(elements)
        }
    };
    Ok(joined.print())
}

fn into_elements(value: Jsonb<'_>) -> Vec<Jsonb<'_>> {
    match value {
        Jsonb::Array(elements) => elements,
        other => vec![other],
    }
}

/// The value with the change made where the path ends. What the path does not lead to stays.
pub(super) fn change<'a>(
    mut value: Jsonb<'a>,
    path: &[Option<&'a str>],
    change_at_end: &Change<'a>,
) -> ValueResult<Jsonb<'a>> {
    let mut place = &mut value;
    for (level, step) in path.iter().enumerate() {
        let position = level + 1;
        let is_end = position == path.len();
        if place.is_scalar() && !is_end {
            // PostgreSQL looks at the next step before it sees what is there.
            return match step {
                Some(_) => Ok(value),
                None => Err(null_step(position)),
            };
        }
        let step = step.ok_or_else(|| null_step(position))?;
        let next = match place {
            Jsonb::Object(members) if is_end => {
                change_member(members, step, change_at_end)?;
                None
            }
            Jsonb::Object(members) => {
                let at = members.binary_search_by(|(key, _)| key_order(key, step)).ok();
                at.and_then(|at| members.get_mut(at)).map(|(_, value)| value)
            }
            Jsonb::Array(elements) => {
                let index = parse_index(step).ok_or_else(|| {
                    let message = format!("path element at position {position} is not an integer: \"{step}\"");
                    ValueError::new("22P02", message)
                })?;
                if is_end {
                    change_element(elements, index, change_at_end);
                    None
                } else {
                    place_of(index, elements.len()).ok().and_then(|at| elements.get_mut(at))
                }
            }
            _ => None,
        };
        match next {
            Some(next) => place = next,
            None => break,
        }
    }
    Ok(value)
}

fn null_step(position: usize) -> ValueError {
    ValueError::new("22004", format!("path element at position {position} is null"))
}

fn change_member<'a>(
    members: &mut Vec<(Cow<'a, str>, Jsonb<'a>)>,
    key: &'a str,
    change: &Change<'a>,
) -> ValueResult<()> {
    match (members.binary_search_by(|(other, _)| key_order(other, key)), change) {
        (Ok(_), Change::Insert { .. }) => return Err(ValueError::new("22023", "cannot replace existing key")),
        (Ok(at), Change::Delete) => {
            members.remove(at);
        }
        (Ok(at), Change::Set { value, .. }) => {
            if let Some((_, old)) = members.get_mut(at) {
                *old = value.clone();
            }
        }
        (Err(at), change) => {
            if let Some(value) = change.created() {
                members.insert(at, (Cow::Borrowed(key), value.clone()));
            }
        }
    }
    Ok(())
}

fn change_element<'a>(elements: &mut Vec<Jsonb<'a>>, index: i32, change: &Change<'a>) {
    match (place_of(index, elements.len()), change) {
        (Ok(at), Change::Delete) => {
            elements.remove(at);
        }
        (Ok(at), Change::Set { value, .. }) => {
            if let Some(old) = elements.get_mut(at) {
                *old = value.clone();
            }
        }
        (Ok(at), Change::Insert { value, after }) => elements.insert(at + usize::from(*after), value.clone()),
        (Err(end), change) => {
            if let Some(value) = change.created() {
                elements.insert(end, value.clone());
            }
        }
    }
}

/// Where an index is, those below zero counted from the end; if nowhere, the end of the array that it lies behind.
fn place_of(index: i32, length: usize) -> Result<usize, usize> {
    let distance = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
    match index < 0 {
        true => length.checked_sub(distance).ok_or(0),
        false if distance < length => Ok(distance),
        false => Err(length),
    }
}

#[cfg(test)]
mod tests {
    use super::{concat, insert, set, set_lax};

    #[test]
    fn values_are_put_where_postgresql_puts_them() {
        for (target, step, result) in [
            ("[1]", "3", "[1, 2]"),
            ("[1]", "-3", "[2, 1]"),
            ("[1]", "-1", "[2]"),
            ("{\"b\": 1}", "a", "{\"a\": 2, \"b\": 1}"),
        ] {
            assert_eq!(set(target, &[Some(step)], "2", true).as_deref(), Ok(result), "{target} {step}");
        }
        for (step, after, result) in
            [("0", false, "[9, 1, 2]"), ("0", true, "[1, 9, 2]"), ("-1", true, "[1, 2, 9]"), ("-5", true, "[9, 1, 2]")]
        {
            assert_eq!(insert("[1, 2]", &[Some(step)], "9", after).as_deref(), Ok(result), "{step} {after}");
        }
        assert_eq!(set("[]", &[Some("a")], "2", false).as_deref(), Ok("[]"));
        let unchanged = "{\"a\": {\"b\": 1}}";
        assert_eq!(set(unchanged, &["a", "b", "c"].map(Some), "2", true).as_deref(), Ok(unchanged));
    }

    #[test]
    fn null_treatments_are_those_of_postgresql() {
        let lax = |treatment| set_lax(Some("[1, 2]"), Some(&[Some("1")]), None, Some(true), treatment);
        assert_eq!(lax(Some("delete_key")), Ok(Some("[1]".into())));
        assert_eq!(lax(Some("use_json_null")), Ok(Some("[1, null]".into())));
        assert_eq!(lax(Some("raise_exception")).map_err(|error| error.sqlstate), Err("22004"));
        assert_eq!(lax(None).map_err(|error| error.sqlstate), Err("22023"));
    }

    #[test]
    fn what_is_no_array_is_joined_as_an_element() {
        for (left, right, joined) in [
            ("[1]", "2", "[1, 2]"),
            ("{}", "[]", "[{}]"),
            ("1", "{\"a\": 1}", "[1, {\"a\": 1}]"),
            ("{\"a\": 1, \"b\": 2}", "{\"a\": 3}", "{\"a\": 3, \"b\": 2}"),
        ] {
            assert_eq!(concat(left, right).as_deref(), Ok(joined));
        }
    }
}
