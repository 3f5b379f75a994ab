//! Constants of a statement's text.

use std::collections::BTreeMap;

use datafusion::common::ScalarValue;
use datafusion::common::metadata::FieldMetadata;
use datafusion::logical_expr::Expr;
use datafusion::sql::sqlparser::ast::Value;

use super::Binder;
use super::typed::Typed;
use crate::error::{Error, Result};
use crate::pg_type::PgType;

impl Binder<'_> {
    pub(super) fn literal(&mut self, value: &Value) -> Result<Typed> {
        match value {
            Value::Number(text, _) => number(text),
            Value::SingleQuotedString(text)
            | Value::EscapedStringLiteral(text)
            | Value::UnicodeStringLiteral(text)
            | Value::NationalStringLiteral(text) => Ok(Typed::unknown(text)),
            Value::DollarQuotedString(text) => Ok(Typed::unknown(&text.value)),
            Value::Boolean(value) => Ok(Typed::constant(ScalarValue::Boolean(Some(*value)), PgType::Bool)),
            Value::Null => Ok(Typed::null()),
            Value::Placeholder(name) => self.parameters.get(name),
            other => Err(Error::Unsupported(format!("not supported: the constant {other}"))),
        }
    }
}

/// The same, told apart from what it is not. A constant moment with a time zone is equal to the one without for DataFusion,
/// which computes an aggregate of equal arguments once.
pub(super) fn told_apart(argument: Expr) -> Expr {
    match argument {
        Expr::Literal(value @ ScalarValue::TimestampMicrosecond(_, Some(_)), None) => {
            let metadata = BTreeMap::from([("zone".to_owned(), "known".to_owned())]);
            Expr::Literal(value, Some(FieldMetadata::from(metadata)))
        }
        other => other,
    }
}

/// An integer as short as it can be, but no shorter than `integer`.
pub(super) fn integer(value: i64) -> Typed {
    match i32::try_from(value) {
        Ok(value) => Typed::constant(ScalarValue::Int32(Some(value)), PgType::Int4),
        Err(_) => Typed::constant(ScalarValue::Int64(Some(value)), PgType::Int8),
    }
}

/// A number, possibly with a sign: an integer if it is written like one and not too large, or else a numeric.
pub(super) fn number(text: &str) -> Result<Typed> {
    let text = text.replace('_', "");
    if let Ok(value) = text.parse::<i64>() {
        return Ok(integer(value));
    }
    let radix = |prefix: [&str; 2], radix| {
        let digits = prefix.iter().find_map(|prefix| text.strip_prefix(prefix))?;
        i64::from_str_radix(digits, radix).ok()
    };
    let other = radix(["0x", "0X"], 16).or_else(|| radix(["0o", "0O"], 8)).or_else(|| radix(["0b", "0B"], 2));
    match other {
        Some(value) => Ok(integer(value)),
        None => super::cast::numeric_constant(&text),
    }
}
