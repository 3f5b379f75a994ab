//! Functions and operators with a `jsonpath`, and those with a path of keys as arguments.

use std::sync::Arc;

use datafusion::logical_expr::{Expr, cast};

use crate::functions::column::{Array1, Bool, Json, JsonText, Jsonb, JsonbText, Jsonpath, Text};
use crate::functions::function::Function;
use crate::functions::strict::{cached2, cached3, cached4, strict2};
use crate::pg_type::PgType;
use crate::postgres::error::ValueResult;
use crate::postgres::json::{self, access};
use crate::postgres::jsonpath::{self, JsonPath};

use super::{as_text, owned};

/// The last path of a batch.
#[derive(Default)]
struct LastPath(Option<(String, JsonPath)>);

impl LastPath {
    fn get(&mut self, text: &str) -> ValueResult<&JsonPath> {
        let known = self.0.take().filter(|(known, _)| known == text);
        let path = match known {
            Some(known) => known,
            None => (text.to_owned(), JsonPath::parse(text)?),
        };
        Ok(&self.0.insert(path).1)
    }
}

/// Operators hide what is wrong with the values that they look at.
pub(super) fn operators() -> Vec<Function> {
    vec![
        cached2::<LastPath, Jsonb, Jsonpath, _, _>("@?", |last, value: &str, path: &str| {
            jsonpath::exists(last.get(path)?, value, None, true)
        }),
        cached2::<LastPath, Jsonb, Jsonpath, _, _>("@@", |last, value: &str, path: &str| {
            jsonpath::matches(last.get(path)?, value, None, true)
        }),
    ]
}

pub(super) fn functions() -> Vec<Function> {
    fn rows(values: Vec<String>) -> Vec<Option<JsonbText>> {
        values.into_iter().map(|value| Some(JsonbText(value))).collect()
    }
    macro_rules! with_path {
        ($name:literal, $function:path) => {
            with_path!($name, |path, value, variables, silent| $function(path, value, variables, silent))
        };
        ($name:literal, |$path:ident, $value:ident, $variables:ident, $silent:ident| $body:expr) => {
            [
                cached2::<LastPath, Jsonb, Jsonpath, _, _>($name, |last, $value: &str, path: &str| {
                    let ($path, $variables, $silent) = (last.get(path)?, None, false);
                    $body
                }),
                cached3::<LastPath, Jsonb, Jsonpath, Jsonb, _, _>(
                    $name,
                    |last, $value: &str, path: &str, variables: &str| {
                        let ($path, $variables, $silent) = (last.get(path)?, Some(variables), false);
                        $body
                    },
                ),
                cached4::<LastPath, Jsonb, Jsonpath, Jsonb, Bool, _, _>(
                    $name,
                    |last, $value: &str, path: &str, variables: &str, $silent| {
                        let ($path, $variables) = (last.get(path)?, Some(variables));
                        $body
                    },
                ),
            ]
        };
    }
    let mut functions: Vec<Function> = with_path!("jsonb_path_exists", jsonpath::exists).into();
    functions.extend(with_path!("jsonb_path_match", jsonpath::matches));
    functions.extend(with_path!("jsonb_path_query_first", |path, value, variables, silent| Ok(jsonpath::query_first(
        path, value, variables, silent
    )?
    .map(JsonbText))));
    functions.extend(with_path!("jsonb_path_query_array", |path, value, variables, silent| {
        jsonpath::query_array(path, value, variables, silent).map(JsonbText)
    }));
    functions.extend(
        with_path!("jsonb_path_query", |path, value, variables, silent| {
            jsonpath::query(path, value, variables, silent).map(rows)
        })
        .map(|function| function.set(&[])),
    );
    functions.extend(by_keys());
    functions.extend(standard());
    functions
}

/// `JSON_EXISTS`, `JSON_VALUE` and `JSON_QUERY` without further clauses, for whatever becomes `jsonb` without a word.
fn standard() -> Vec<Function> {
    macro_rules! of_context {
        ($name:literal, |$path:ident, $target:ident| $body:expr) => {
            [
                cached2::<LastPath, Jsonb, Jsonpath, _, _>($name, |last, $target: &str, path: &str| {
                    let $path = last.get(path)?;
                    $body
                }),
                of_context!($name, Json, |$path, $target| $body),
                of_context!($name, Text, |$path, $target| $body),
            ]
        };
        ($name:literal, $made_jsonb:ty, |$path:ident, $target:ident| $body:expr) => {
            cached2::<LastPath, $made_jsonb, Jsonpath, _, _>($name, |last, target: &str, path: &str| {
                let ($path, $target) = (last.get(path)?, json::canonical(target)?);
                let $target = $target.as_str();
                $body
            })
        };
    }
    let mut functions: Vec<Function> =
        of_context!("json_exists", |path, target| jsonpath::json_exists(path, target)).into();
    functions.extend(of_context!("json_value", |path, target| jsonpath::json_value(path, target)));
    functions.extend(of_context!("json_query", |path, target| Ok(jsonpath::json_query(path, target)?.map(JsonbText))));
    functions
}

/// `jsonb_extract_path` and its like, whose keys are arguments.
fn by_keys() -> Vec<Function> {
    let functions = [
        strict2::<Jsonb, Array1<Text>, _, _>("jsonb_extract_path", |value: &str, path| {
            owned(access::jsonb_path(value, &path.iter().collect::<Vec<_>>()), JsonbText)
        }),
        strict2::<Json, Array1<Text>, _, _>("json_extract_path", |value: &str, path| {
            Ok(owned(access::json_path(value, &path.iter().collect::<Vec<_>>())?, JsonText))
        }),
        strict2::<Jsonb, Array1<Text>, _, _>("jsonb_extract_path_text", |value: &str, path| {
            as_text(access::jsonb_path(value, &path.iter().collect::<Vec<_>>()))
        }),
        strict2::<Json, Array1<Text>, _, _>("json_extract_path_text", |value: &str, path| {
            as_text(access::json_path(value, &path.iter().collect::<Vec<_>>())?)
        }),
    ];
    functions
        .into_iter()
        .map(|function| {
            let of = function.arguments.first().cloned().unwrap_or(PgType::Jsonb);
            let (name, returns) = (function.name, function.returns.clone());
            let function = Arc::new(function);
            Function::made(name, vec![of, PgType::Text], returns, move |mut call| {
                let keys = call.arguments.split_off(1);
                let keys: Vec<Expr> = keys.into_iter().map(|key| cast(key, PgType::Text.arrow())).collect();
                call.arguments.push(datafusion::functions_nested::expr_fn::make_array(keys));
                function.expression(call)
            })
            .variadic()
        })
        .collect()
}
