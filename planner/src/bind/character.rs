//! `character(n)`: its values are kept without their padding, and padded where they are shown. What chooses between values of
//! several lengths (CASE, COALESCE, UNION) has to pad them by itself, and so has a text that becomes one without a length.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::logical_expr::Expr;
use rail_forge_connectors::POSTGRES_TYPE;

use super::typed::{Metadata, Typed};
use crate::functions::{self, Function};
use crate::pg_type::PgType;
use crate::type_conversion::common_type;

/// The type of values that are kept with their padding.
const PADDED: &str = "character";

fn type_name(typed: &Typed) -> Option<&str> {
    (typed.pg_type == PgType::Bpchar).then(|| typed.metadata.as_ref()?.get(POSTGRES_TYPE))?.map(String::as_str)
}

/// The value as it is shown.
pub(super) fn padded(typed: Typed) -> Typed {
    let width = |name: &str| name.strip_prefix("character(")?.strip_suffix(')')?.parse::<i32>().ok();
    match type_name(&typed).and_then(width) {
        Some(width) => Typed { expr: functions::padded(typed.expr, width), ..typed },
        None => typed,
    }
}

/// The value as it is compared, and cast to other types.
pub(super) fn unpadded(typed: Typed) -> Typed {
    match is_padded(&typed) {
        true => Typed { expr: functions::unpadded(typed.expr), metadata: None, ..typed },
        false => typed,
    }
}

/// An expression that has the values of another, as they are compared.
pub(super) fn compared(expr: Expr, of: &Typed) -> Expr {
    if is_padded(of) { functions::unpadded(expr) } else { expr }
}

/// Whether it is kept with its padding, which does not tell it apart from others.
pub(super) fn is_padded(typed: &Typed) -> bool {
    type_name(typed) == Some(PADDED)
}

/// Values of which one is shown, and what is told of it.
pub(super) fn chosen_from(values: Vec<Typed>) -> (Vec<Typed>, Option<Metadata>) {
    let own: Vec<PgType> = values.iter().map(|value| value.pg_type.clone()).collect();
    if own.contains(&PgType::Bpchar) && common_type(&own) != Some(PgType::Bpchar) {
        // They are cast to texts.
        return (values.into_iter().map(unpadded).collect(), None);
    }
    let is_null = |value: &Typed| value.quoted() == Some(None);
    let mut all = values.iter().filter(|value| !is_null(value)).map(|value| &value.metadata);
    let first = all.next().cloned().flatten();
    if all.all(|other| *other == first) {
        return (values, first);
    }
    if !values.iter().any(|value| type_name(value).is_some()) {
        return (values, None);
    }
    (values.into_iter().map(kept_as_shown).collect(), Some(of_any_length()))
}

/// The value with the blanks that it is shown with.
fn kept_as_shown(typed: Typed) -> Typed {
    let is_text = matches!(typed.pg_type, PgType::Text | PgType::Varchar) || matches!(typed.quoted(), Some(Some(_)));
    if is_text { with_own_blanks(typed) } else { padded(typed) }
}

/// What is told of a `character` without a length.
pub(super) fn of_any_length() -> Metadata {
    Arc::new(HashMap::from([(POSTGRES_TYPE.to_owned(), PADDED.to_owned())]))
}

/// A text as a `character` without a length, which has the blanks that the text has.
pub(super) fn with_own_blanks(text: Typed) -> Typed {
    Typed { pg_type: PgType::Bpchar, metadata: Some(of_any_length()), ..text }
}

/// Whether a function shows the padding of an argument that it declares so: it prints it, or looks at it as it is.
pub(super) fn shows_padding(function: &Function, declared: &PgType) -> bool {
    match declared {
        PgType::Any => function.name != "pg_typeof",
        PgType::AnyElement => matches!(function.returns, PgType::Json | PgType::Jsonb),
        PgType::Bpchar => function.name.contains('~') || matches!(function.name, "octet_length" | "similar_to"),
        _ => false,
    }
}
