//! What a token says of its holder, as row filters use it: texts, which are read as what their place wants, like texts
//! in quotes.

use datafusion::sql::sqlparser::ast::{Expr, Value};

/// A claim.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Claim {
    One(String),
    /// For `= ANY (claim('...'))`.
    Several(Vec<String>),
}

impl Claim {
    /// The constant of a single value; none of several.
    pub(super) fn value(&self) -> Option<Expr> {
        match self {
            Self::One(text) => Some(constant(text.clone())),
            Self::Several(_) => None,
        }
    }

    /// The constant of an array.
    pub(super) fn array(&self) -> Expr {
        let quoted = |text: &String| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let elements: Vec<String> = match self {
            Self::One(text) => vec![quoted(text)],
            Self::Several(texts) => texts.iter().map(quoted).collect(),
        };
        constant(format!("{{{}}}", elements.join(",")))
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::One(text) => text.len(),
            Self::Several(texts) => texts.iter().map(String::len).sum(),
        }
    }
}

/// A node of the tree and no text, so that nothing in it is ever read as SQL.
fn constant(text: String) -> Expr {
    Expr::Value(Value::SingleQuotedString(text).with_empty_span())
}
