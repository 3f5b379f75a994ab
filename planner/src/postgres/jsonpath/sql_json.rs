//! `JSON_EXISTS`, `JSON_VALUE` and `JSON_QUERY` of the SQL standard, without further clauses: what is not found, and what goes
//! wrong, is NULL.

use super::ast::JsonPath;
use super::execution::Item;
use super::query::{apply, exists};
use crate::postgres::error::ValueResult;
use crate::postgres::json::as_text;
use crate::postgres::json::tree::Jsonb;

/// `JSON_EXISTS`; false for an error.
pub(crate) fn json_exists(path: &JsonPath, target: &str) -> ValueResult<bool> {
    Ok(exists(path, target, None, true)?.unwrap_or(false))
}

/// `JSON_VALUE`: the text of the only scalar.
pub(crate) fn json_value(path: &JsonPath, target: &str) -> ValueResult<Option<String>> {
    let found = only(path, target, |item| item.is_scalar().then(|| item.print()))?;
    match found {
        Some(jsonb) => Ok(as_text(&jsonb)?.map(std::borrow::Cow::into_owned)),
        None => Ok(None),
    }
}

/// `JSON_QUERY`: the only item, as `jsonb`.
pub(crate) fn json_query(path: &JsonPath, target: &str) -> ValueResult<Option<String>> {
    only(path, target, |item| Some(item.print()))
}

fn only(path: &JsonPath, target: &str, look: impl FnOnce(&Jsonb<'_>) -> Option<String>) -> ValueResult<Option<String>> {
    apply(path, target, None, true, |items: Vec<Item<'_>>, failed| match items.as_slice() {
        [item] if !failed => look(item),
        _ => None,
    })
}
