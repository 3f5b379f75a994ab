//! Casts of `jsonb` to numbers and booleans.

use super::scan::{Kind, kind};
use crate::postgres::error::{ValueError, ValueResult};

/// `jsonb` as `boolean`; NULL for `null`.
pub(crate) fn to_bool(jsonb: &str) -> ValueResult<Option<bool>> {
    match kind(jsonb) {
        Kind::Boolean => Ok(Some(jsonb == "true")),
        Kind::Null => Ok(None),
        other => Err(no_cast(other, "boolean")),
    }
}

/// The text of the `numeric` that a `jsonb` is, to be cast on to the type that the message names, such as `integer` or
/// `double precision`; NULL for `null`.
pub(crate) fn to_number<'a>(jsonb: &'a str, type_name: &str) -> ValueResult<Option<&'a str>> {
    match kind(jsonb) {
        Kind::Number => Ok(Some(jsonb)),
        Kind::Null => Ok(None),
        other => Err(no_cast(other, type_name)),
    }
}

fn no_cast(kind: Kind, type_name: &str) -> ValueError {
    let name = if kind == Kind::Number { "numeric" } else { kind.name() };
    ValueError::new("22023", format!("cannot cast jsonb {name} to type {type_name}"))
}

#[cfg(test)]
mod tests {
    use super::{to_bool, to_number};

    #[test]
    fn errors_name_both_types() {
        assert_eq!((to_number("1.5", "integer"), to_number("null", "integer")), (Ok(Some("1.5")), Ok(None)));
        let message = to_number("\"a\"", "integer").map_err(|error| error.message);
        assert_eq!(message, Err("cannot cast jsonb string to type integer".into()));
        let message = to_bool("1.5").map_err(|error| error.message);
        assert_eq!(message, Err("cannot cast jsonb numeric to type boolean".into()));
    }
}
