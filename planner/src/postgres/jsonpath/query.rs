//! `jsonb_path_exists`, `jsonb_path_match`, `jsonb_path_query` and its like. `@?` and `@@` are the first two, silent
//! and without variables. With a time zone, as `jsonb_path_query_tz`, they do the same.

use super::ast::JsonPath;
use super::execution::{Execution, Failure, Item, Sink};
use crate::postgres::error::{ValueError, ValueResult};
use crate::postgres::json::tree::Jsonb;
use crate::postgres::text::checked_length;

pub(super) const NO_VARIABLES: Jsonb<'static> = Jsonb::Object(Vec::new());

/// Applies a path and looks at what it gives, and at the error that ended it early unless `silent` hides it.
pub(super) fn apply<T>(
    path: &JsonPath,
    target: &str,
    variables: Option<&str>,
    silent: bool,
    look: impl FnOnce(Vec<Item<'_>>, bool) -> T,
) -> ValueResult<T> {
    let root = Jsonb::parse(target)?;
    let variables = variables.map(Jsonb::parse).transpose()?.unwrap_or(NO_VARIABLES);
    let (items, failure) = run(path, &root, &variables, Sink::Collect(Vec::new()), silent)?;
    match failure {
        Some(error) if !silent => Err(error),
        failure => Ok(look(items.unwrap_or_default(), failure.is_some())),
    }
}

/// The items unless only their existence was asked for, and the error that can be hidden.
fn run<'t>(
    path: &JsonPath,
    root: &'t Jsonb<'t>,
    variables: &'t Jsonb<'t>,
    mut sink: Sink<'t>,
    silent: bool,
) -> ValueResult<(Option<Vec<Item<'t>>>, Option<ValueError>)> {
    let outcome = Execution::new(path, root, variables, silent)?.evaluate(&path.root, &mut sink);
    let items = |is_found: bool| match sink {
        Sink::Collect(items) => Some(items),
        Sink::Any => is_found.then(Vec::new),
    };
    match outcome {
        Ok(is_found) => Ok((items(is_found), None)),
        Err(Failure::Suppressible(error)) => Ok((items(false), Some(error))),
        Err(Failure::Fatal(error)) => Err(error),
    }
}

/// `jsonb_path_exists(jsonb, jsonpath, jsonb, bool)`; NULL for a hidden error.
pub(crate) fn exists(
    path: &JsonPath,
    target: &str,
    variables: Option<&str>,
    silent: bool,
) -> ValueResult<Option<bool>> {
    if path.is_strict {
        // An error anywhere counts.
        return apply(path, target, variables, silent, |items, failed| (!failed).then_some(!items.is_empty()));
    }
    let root = Jsonb::parse(target)?;
    let variables = variables.map(Jsonb::parse).transpose()?.unwrap_or(NO_VARIABLES);
    match run(path, &root, &variables, Sink::Any, silent)? {
        (_, Some(error)) if !silent => Err(error),
        (_, Some(_)) => Ok(None),
        (found, None) => Ok(Some(found.is_some())),
    }
}

/// `jsonb_path_match(jsonb, jsonpath, jsonb, bool)`; NULL for what is unknown.
pub(crate) fn matches(
    path: &JsonPath,
    target: &str,
    variables: Option<&str>,
    silent: bool,
) -> ValueResult<Option<bool>> {
    let truth = apply(path, target, variables, silent, |items, _| match items.as_slice() {
        [item] => match **item {
            Jsonb::Bool(value) => Some(Some(value)),
            Jsonb::Null => Some(None),
            _ => None,
        },
        _ => None,
    })?;
    match truth {
        None if !silent => Err(ValueError::new("22038", "single boolean result is expected")),
        truth => Ok(truth.flatten()),
    }
}

/// `jsonb_path_query(jsonb, jsonpath, jsonb, bool)`.
pub(crate) fn query(path: &JsonPath, target: &str, variables: Option<&str>, silent: bool) -> ValueResult<Vec<String>> {
    apply(path, target, variables, silent, |items, _| {
        let mut bytes = 0_usize;
        let print = |item: &Item<'_>| {
            let text = item.print();
            bytes = bytes.saturating_add(text.len());
            checked_length(Some(bytes)).map(|_| text)
        };
        items.iter().map(print).collect()
    })?
}

/// `jsonb_path_query_array(jsonb, jsonpath, jsonb, bool)`.
pub(crate) fn query_array(path: &JsonPath, target: &str, variables: Option<&str>, silent: bool) -> ValueResult<String> {
    apply(path, target, variables, silent, |items, _| array(&items))?
}

/// An array of items.
pub(super) fn array(items: &[Item<'_>]) -> ValueResult<String> {
    let mut out = String::from("[");
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        item.write(&mut out);
        checked_length(Some(out.len()))?;
    }
    out.push(']');
    Ok(out)
}

/// `jsonb_path_query_first(jsonb, jsonpath, jsonb, bool)`.
pub(crate) fn query_first(
    path: &JsonPath,
    target: &str,
    variables: Option<&str>,
    silent: bool,
) -> ValueResult<Option<String>> {
    apply(path, target, variables, silent, |items, _| items.first().map(|item| item.print()))
}

#[cfg(test)]
mod tests {
    use super::super::JsonPath;
    use super::{exists, matches, query};

    fn all(target: &str, path: &str) -> String {
        let found =
            JsonPath::parse(path).and_then(|path| query(&path, target, Some("{\"x\": {\"p\": {\"q\": 1}}}"), false));
        found.map_or_else(|error| format!("{} {}", error.sqlstate, error.message), |items| items.join("; "))
    }

    #[test]
    fn finds_what_postgresql_finds() {
        for (target, path, found) in [
            ("[1, 2, 3]", "$[last-1 to last]", "2; 3"),
            ("[1, 2, 3]", "strict $[5]", "22033 jsonpath array subscript is out of bounds"),
            ("{\"a\": [1, 2, {\"b\": 3}]}", "$.**{last}", "1; 2; 3"),
            ("{\"a\": [1, 2, {\"b\": 3}]}", "$.**{1 to 2}.b", "3; 3"),
            ("{\"a\": [1, 5]}", "$.a ? (@ > 2)", "5"),
            ("{\"a\": [1, 5]}", "strict $.a ? (@ > 2)", ""),
            ("{\"a\": 1}", "strict $.b", "2203A JSON object does not contain key \"b\""),
            ("[1, 2]", "strict $ == 1", "null"),
            ("[1, 2]", "-$", "-1; -2"),
            ("[1, 2]", "$ + 1", "22038 left operand of jsonpath operator + is not a single numeric value"),
            ("\"1.23456789012345678901\"", "$.double()", "1.23456789012346"),
            ("12.345", "$.decimal(4,2)", "12.35"),
            ("{}", "$x.p.keyvalue()", "{\"id\": 10000000032, \"key\": \"q\", \"value\": 1}"),
            ("[{\"a\": 1}, {\"b\": 2}]", "$[*].keyvalue().id", "12; 36"),
            ("{}", "$y", "42704 could not find jsonpath variable \"y\""),
        ] {
            assert_eq!(all(target, path), found, "{target} {path}");
        }
    }

    #[test]
    fn so_many_values_are_found_at_once() {
        let ones = format!("[{}1]", "1, ".repeat(1_200_000));
        // What a condition looks at is not kept.
        assert_eq!(all(&ones, "$[*] ? (@ == 2)"), "");
        let tenfold = "[0,0,0,0,0,0,0,0,0,0]".repeat(7);
        assert_eq!(all("1", &format!("${tenfold}")), "54000 a text has more than 2097152 parts");
    }

    #[test]
    fn errors_can_be_hidden() {
        let path = |text: &str| JsonPath::parse(text);
        let target = "[{\"a\": 1}, {\"a\": 2}, 3]";
        let found = path("strict $[*].a").and_then(|path| query(&path, target, None, true));
        assert_eq!(found, Ok(vec!["1".to_owned(), "2".to_owned()]));
        assert_eq!(path("strict $[*].a").and_then(|path| exists(&path, target, None, true)), Ok(None));
        assert_eq!(path("$[0].a == 1").and_then(|path| matches(&path, target, None, false)), Ok(Some(true)));
        let error = path("$[0].a").and_then(|path| matches(&path, target, None, false));
        assert_eq!(error.map_err(|error| error.sqlstate), Err("22038"));
    }
}
