//! Values taken apart into rows.

use std::borrow::Cow;

use super::as_text;
use crate::functions::column::{Json, JsonText, Jsonb, JsonbText};
use crate::functions::function::Function;
use crate::functions::strict::strict1;
use crate::postgres::error::ValueResult;
use crate::postgres::json::expand::{self, Variant};
use crate::postgres::text::{MAX_PARTS, too_many_parts};

/// The columns of the rows of members.
const MEMBER: [&str; 2] = ["key", "value"];
/// The column of the rows of elements.
const ELEMENT: [&str; 1] = ["value"];

type Members<'a> = Vec<(Cow<'a, str>, &'a str)>;

/// The parts of a `json`, whose text says nothing of how many it has.
fn not_too_many<T>(parts: Vec<T>) -> ValueResult<Vec<T>> {
    if parts.len() > MAX_PARTS { Err(too_many_parts()) } else { Ok(parts) }
}

/// Rows of keys and values.
type Rows<T> = Vec<Option<(String, Option<T>)>>;

fn members<T>(members: Members<'_>, make: fn(String) -> T) -> Rows<T> {
    members.into_iter().map(|(key, value)| Some((key.into_owned(), Some(make(value.to_owned()))))).collect()
}

fn text_members(members: Members<'_>) -> ValueResult<Rows<String>> {
    members.into_iter().map(|(key, value)| Ok(Some((key.into_owned(), as_text(Some(value))?)))).collect()
}

fn elements<T>(elements: Vec<&str>, make: fn(String) -> T) -> Vec<Option<T>> {
    elements.into_iter().map(|element| Some(make(element.to_owned()))).collect()
}

fn text_elements(elements: Vec<&str>) -> ValueResult<Vec<Option<String>>> {
    elements.into_iter().map(|element| as_text(Some(element))).collect()
}

fn keys(keys: Vec<Cow<'_, str>>) -> Vec<Option<String>> {
    keys.into_iter().map(|key| Some(key.into_owned())).collect()
}

pub(super) fn functions() -> Vec<Function> {
    vec![
        strict1::<Jsonb, _, _>("jsonb_each", |value: &str| {
            expand::jsonb_each(value, Variant::Json).map(|all| members(all, JsonbText))
        })
        .set(&MEMBER),
        strict1::<Json, _, _>("json_each", |value: &str| {
            expand::json_each(value).and_then(not_too_many).map(|all| members(all, JsonText))
        })
        .set(&MEMBER),
        strict1::<Jsonb, _, _>("jsonb_each_text", |value: &str| {
            expand::jsonb_each(value, Variant::Text).and_then(text_members)
        })
        .set(&MEMBER),
        strict1::<Json, _, _>("json_each_text", |value: &str| {
            expand::json_each(value).and_then(not_too_many).and_then(text_members)
        })
        .set(&MEMBER),
        strict1::<Jsonb, _, _>("jsonb_array_elements", |value: &str| {
            expand::jsonb_array_elements(value).map(|all| elements(all, JsonbText))
        })
        .set(&ELEMENT),
        strict1::<Json, _, _>("json_array_elements", |value: &str| {
            expand::json_array_elements(value, Variant::Json).and_then(not_too_many).map(|all| elements(all, JsonText))
        })
        .set(&ELEMENT),
        strict1::<Jsonb, _, _>("jsonb_array_elements_text", |value: &str| {
            expand::jsonb_array_elements(value).and_then(text_elements)
        })
        .set(&ELEMENT),
        strict1::<Json, _, _>("json_array_elements_text", |value: &str| {
            expand::json_array_elements(value, Variant::Text).and_then(not_too_many).and_then(text_elements)
        })
        .set(&ELEMENT),
        strict1::<Jsonb, _, _>("jsonb_object_keys", |value: &str| expand::jsonb_object_keys(value).map(keys)).set(&[]),
        strict1::<Json, _, _>("json_object_keys", |value: &str| {
            expand::json_object_keys(value).and_then(not_too_many).map(keys)
        })
        .set(&[]),
    ]
}
