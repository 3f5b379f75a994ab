//! Functions and operators of `json` and `jsonb`.

mod build;
mod expand;
mod paths;

use std::sync::Arc;

use arrow::array::StringViewBuilder;
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::ColumnarValue;

use super::column::{Array1, Bool, Int4, Json, JsonText, Jsonb, JsonbText, Text};
use super::function::Function;
use super::strict::{Operand, argument, result_of, rows_of, strict1, strict2, strict3, strict4};
use super::udf::{Evaluate, Udf};
use crate::error::Error;
use crate::pg_type::PgType;
use crate::postgres::error::ValueResult;
use crate::postgres::json::{self, access, contain, delete, modify, predicate, pretty, strip};

pub(super) fn operators() -> Vec<Function> {
    let mut operators = parts(["->", "->>", "#>", "#>>"]);
    operators.extend(paths::operators());
    operators.extend([
        strict2::<Jsonb, Jsonb, _, _>("@>", contain::contains),
        strict2::<Jsonb, Jsonb, _, _>("<@", |part: &str, whole: &str| contain::contains(whole, part)),
        strict2::<Jsonb, Text, _, _>("?", access::exists),
        strict2::<Jsonb, Array1<Text>, _, _>("?|", |value: &str, keys| {
            access::exists_any(value, &keys.iter().collect::<Vec<_>>())
        }),
        strict2::<Jsonb, Array1<Text>, _, _>("?&", |value: &str, keys| {
            access::exists_all(value, &keys.iter().collect::<Vec<_>>())
        }),
        strict2::<Jsonb, Jsonb, _, _>("||", |left: &str, right: &str| modify::concat(left, right).map(JsonbText)),
        strict2::<Jsonb, Text, _, _>("-", |value: &str, key: &str| delete::delete_key(value, key).map(JsonbText)),
        strict2::<Jsonb, Int4, _, _>("-", |value: &str, index| delete::delete_element(value, index).map(JsonbText)),
        strict2::<Jsonb, Array1<Text>, _, _>("-", |value: &str, keys| {
            delete::delete_keys(value, &keys.iter().collect::<Vec<_>>()).map(JsonbText)
        }),
        strict2::<Jsonb, Array1<Text>, _, _>("#-", |value: &str, path| {
            jsonb(delete::delete_path(value, &path.iter().collect::<Vec<_>>()))
        }),
    ]);
    operators
}

pub(super) fn functions() -> Vec<Function> {
    let mut functions = build::functions();
    functions.extend(build::aggregates());
    functions.extend(expand::functions());
    functions.extend(paths::functions());
    functions.extend(changes());
    functions.extend(set_lax());
    functions.extend([
        strict1::<Json, _, _>("json_typeof", |value: &str| access::type_of(value).to_owned()),
        strict1::<Jsonb, _, _>("jsonb_typeof", |value: &str| access::type_of(value).to_owned()),
        strict1::<Json, _, _>("json_array_length", access::array_length),
        strict1::<Jsonb, _, _>("jsonb_array_length", access::array_length),
        strict1::<Jsonb, _, _>("jsonb_pretty", pretty::jsonb_pretty),
        strict1::<Json, _, _>("json_strip_nulls", |value: &str| strip::json_strip_nulls(value, false).map(JsonText)),
        strict2::<Json, Bool, _, _>("json_strip_nulls", |value: &str, in_arrays| {
            strip::json_strip_nulls(value, in_arrays).map(JsonText)
        }),
        strict1::<Jsonb, _, _>("jsonb_strip_nulls", |value: &str| {
            strip::jsonb_strip_nulls(value, false).map(JsonbText)
        }),
        strict2::<Jsonb, Bool, _, _>("jsonb_strip_nulls", |value: &str, in_arrays| {
            strip::jsonb_strip_nulls(value, in_arrays).map(JsonbText)
        }),
        strict2::<Text, Text, _, _>("is_json", |value: &str, kind: &str| {
            let wanted = match kind {
                "object" => predicate::Wanted::Object,
                "array" => predicate::Wanted::Array,
                "scalar" => predicate::Wanted::Scalar,
                _ => predicate::Wanted::Value,
            };
            predicate::is_json(value, wanted, false)
        }),
    ]);
    functions
}

fn jsonb<'a>(value: ValueResult<std::borrow::Cow<'a, str>>) -> ValueResult<JsonbText> {
    value.map(|text| JsonbText(text.into_owned()))
}

/// A part as text; a `null` of JSON is NULL.
fn as_text(value: Option<&str>) -> ValueResult<Option<String>> {
    match value {
        Some(value) => Ok(json::as_text(value)?.map(std::borrow::Cow::into_owned)),
        None => Ok(None),
    }
}

fn owned<T>(value: Option<&str>, make: fn(String) -> T) -> Option<T> {
    value.map(|value| make(value.to_owned()))
}

/// The operators that take parts out, as operators.
fn parts([get, get_text, path, path_text]: [&'static str; 4]) -> Vec<Function> {
    vec![
        strict2::<Jsonb, Text, _, _>(get, |value: &str, key: &str| owned(access::jsonb_field(value, key), JsonbText)),
        strict2::<Jsonb, Int4, _, _>(get, |value: &str, index| owned(access::jsonb_element(value, index), JsonbText)),
        strict2::<Json, Text, _, _>(get, |value: &str, key: &str| Ok(owned(access::json_field(value, key)?, JsonText))),
        strict2::<Json, Int4, _, _>(get, |value: &str, index| Ok(owned(access::json_element(value, index)?, JsonText))),
        strict2::<Jsonb, Text, _, _>(get_text, |value: &str, key: &str| as_text(access::jsonb_field(value, key))),
        strict2::<Jsonb, Int4, _, _>(get_text, |value: &str, index| as_text(access::jsonb_element(value, index))),
        strict2::<Json, Text, _, _>(get_text, |value: &str, key: &str| as_text(access::json_field(value, key)?)),
        strict2::<Json, Int4, _, _>(get_text, |value: &str, index| as_text(access::json_element(value, index)?)),
        strict2::<Jsonb, Array1<Text>, _, _>(path, |value: &str, path| {
            owned(access::jsonb_path(value, &path.iter().collect::<Vec<_>>()), JsonbText)
        }),
        strict2::<Json, Array1<Text>, _, _>(path, |value: &str, path| {
            Ok(owned(access::json_path(value, &path.iter().collect::<Vec<_>>())?, JsonText))
        }),
        strict2::<Jsonb, Array1<Text>, _, _>(path_text, |value: &str, path| {
            as_text(access::jsonb_path(value, &path.iter().collect::<Vec<_>>()))
        }),
        strict2::<Json, Array1<Text>, _, _>(path_text, |value: &str, path| {
            as_text(access::json_path(value, &path.iter().collect::<Vec<_>>())?)
        }),
    ]
}

/// `jsonb_set_lax`, which says what a NULL does.
struct SetLax;

impl Evaluate for SetLax {
    fn evaluate(&self, arguments: &[ColumnarValue], rows: usize, _returns: &DataType) -> Result<ColumnarValue> {
        const DEFAULT_TREATMENT: &str = "use_json_null";
        let target = Operand::<Jsonb>::read(argument(arguments, 0)?)?;
        let path = Operand::<Array1<Text>>::read(argument(arguments, 1)?)?;
        let new = Operand::<Jsonb>::read(argument(arguments, 2)?)?;
        let creates = arguments.get(3).map(Operand::<Bool>::read).transpose()?;
        let treatment = arguments.get(4).map(Operand::<Text>::read).transpose()?;
        let rows = rows_of(arguments, rows);
        let mut changed = StringViewBuilder::with_capacity(rows);
        for row in 0..rows {
            let path: Option<Vec<Option<&str>>> = path.value(row).map(|path| path.iter().collect());
            let creates = creates.as_ref().map_or(Some(true), |creates| creates.value(row));
            let treatment = treatment.as_ref().map_or(Some(DEFAULT_TREATMENT), |treatment| treatment.value(row));
            let set = modify::set_lax(target.value(row), path.as_deref(), new.value(row), creates, treatment);
            changed.append_option(set.map_err(Error::Value)?);
        }
        result_of(Arc::new(changed.finish()), arguments)
    }
}

fn set_lax() -> impl Iterator<Item = Function> {
    let types = [PgType::Jsonb, PgType::Text.array(), PgType::Jsonb, PgType::Bool, PgType::Text];
    let udf = Udf::new("jsonb_set_lax", PgType::Jsonb, Arc::new(SetLax));
    (3..=types.len()).map(move |count| Function::scalar("jsonb_set_lax", types[..count].to_vec(), udf.clone()))
}

fn changes() -> Vec<Function> {
    vec![
        strict3::<Jsonb, Array1<Text>, Jsonb, _, _>("jsonb_set", |value: &str, path, new: &str| {
            jsonb(modify::set(value, &path.iter().collect::<Vec<_>>(), new, true))
        }),
        strict4::<Jsonb, Array1<Text>, Jsonb, Bool, _, _>("jsonb_set", |value: &str, path, new: &str, creates| {
            jsonb(modify::set(value, &path.iter().collect::<Vec<_>>(), new, creates))
        }),
        strict3::<Jsonb, Array1<Text>, Jsonb, _, _>("jsonb_insert", |value: &str, path, new: &str| {
            jsonb(modify::insert(value, &path.iter().collect::<Vec<_>>(), new, false))
        }),
        strict4::<Jsonb, Array1<Text>, Jsonb, Bool, _, _>("jsonb_insert", |value: &str, path, new: &str, after| {
            jsonb(modify::insert(value, &path.iter().collect::<Vec<_>>(), new, after))
        }),
    ]
}
