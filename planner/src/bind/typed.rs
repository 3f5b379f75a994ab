//! Expressions with the types that PostgreSQL gives them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::Expr;

use super::collation::Derivation;
use crate::pg_type::PgType;

/// What is told of a column beside its type: the modifier of its type, its comment. It belongs to the column of a table, and
/// to what shows it unchanged.
pub(crate) type Metadata = Arc<HashMap<String, String>>;

/// An expression of a plan and its type.
#[derive(Debug, Clone)]
pub(crate) struct Typed {
    pub(crate) expr: Expr,
    pub(crate) pg_type: PgType,
    pub(crate) metadata: Option<Metadata>,
    pub(crate) collation: Derivation,
}

impl Typed {
    pub(crate) fn new(expr: Expr, pg_type: PgType) -> Self {
        Self { expr, pg_type, metadata: None, collation: Derivation::Default }
    }

    pub(crate) fn with_metadata(self, metadata: Option<Metadata>) -> Self {
        Self { metadata, ..self }
    }

    pub(crate) fn with_collation(self, collation: Derivation) -> Self {
        Self { collation, ..self }
    }

    /// A constant of a type that Arrow tells.
    pub(super) fn constant(value: ScalarValue, pg_type: PgType) -> Self {
        Self::new(Expr::Literal(value, None), pg_type)
    }

    /// A text in quotes, whose surroundings say what it is.
    pub(super) fn unknown(text: impl Into<String>) -> Self {
        Self::constant(ScalarValue::Utf8View(Some(text.into())), PgType::Unknown)
    }

    pub(super) fn null() -> Self {
        Self::constant(ScalarValue::Utf8View(None), PgType::Unknown)
    }

    pub(super) fn boolean(expr: Expr) -> Self {
        Self::new(expr, PgType::Bool)
    }

    /// The text of a constant in quotes. `Some(None)` is NULL.
    pub(super) fn quoted(&self) -> Option<Option<&str>> {
        match (&self.pg_type, &self.expr) {
            (PgType::Unknown, Expr::Literal(value, _)) => value.try_as_str(),
            _ => None,
        }
    }

    /// The number of a parameter whose type is not known yet.
    pub(super) fn open_parameter(&self) -> Option<&str> {
        match (&self.pg_type, &self.expr) {
            (PgType::Unknown, Expr::Placeholder(placeholder)) => Some(&placeholder.id),
            _ => None,
        }
    }
}

/// A column of a query's result.
#[derive(Debug, Clone)]
pub(crate) struct OutputColumn {
    /// What the client calls it. Several may have one name.
    pub(crate) name: String,
    pub(crate) pg_type: PgType,
    pub(crate) metadata: Option<Metadata>,
    pub(crate) collation: Derivation,
    /// What the plan calls it. No other column of the plan has the same name, with or without a table before it.
    pub(crate) internal: Column,
}

/// A query that has become a plan.
#[derive(Debug, Clone)]
pub(crate) struct BoundQuery {
    pub(crate) plan: datafusion::logical_expr::LogicalPlan,
    pub(crate) columns: Vec<OutputColumn>,
}

/// Names that a plan does not have yet, as close as can be to those that are wanted.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    pub(super) fn unique(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 1;
        while !self.0.insert(name.clone()) {
            number += 1;
            name = format!("{wanted} {number}");
        }
        name
    }
}

/// The types of expressions.
pub(super) fn types(expressions: &[Typed]) -> Vec<PgType> {
    expressions.iter().map(|typed| typed.pg_type.clone()).collect()
}

/// The fields of a row.
pub(super) fn record(fields: &[(String, PgType)]) -> PgType {
    PgType::Record(Arc::from(fields))
}
