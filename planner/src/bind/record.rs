//! Rows as values: `(a, b)`, `ROW(a, b)`, and a relation's name that stands for its row.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, lit};
use datafusion::sql::sqlparser::ast;

use super::Binder;
use super::collation::Derivation;
use super::scope::{Found, Scope};
use super::typed::{Typed, record};
use crate::error::{Error, Result};
use crate::pg_type::PgType;

/// The function of the plan that makes rows of values.
const STRUCT: &str = "named_struct";

impl Binder<'_> {
    pub(super) fn row(&mut self, parts: &[ast::Expr]) -> Result<Typed> {
        if parts.is_empty() {
            return Err(Error::Unsupported("not supported: a row without fields".to_owned()));
        }
        let mut fields = Vec::with_capacity(parts.len());
        for (index, part) in parts.iter().enumerate() {
            fields.push((format!("f{}", index + 1), self.expression(part)?));
        }
        Ok(of_fields(fields))
    }

    /// A name of which all but the last part is a row: `t.column` is found before, `(t).column` and `column.field` are not.
    pub(super) fn field_of_name(&self, parts: &[ast::Ident]) -> Result<Typed> {
        let Some(level) = self.levels.last() else {
            return Err(Error::Query("a name stands outside of a query".to_owned()));
        };
        // The innermost query that has the relation knows best what its columns are called.
        let has_relation =
            |scope: &&Scope| matches!(parts, [first, _, ..] if scope.relation(std::slice::from_ref(first)).is_some());
        let scope = self.levels.iter().rev().map(|level| &level.scope).find(has_relation);
        Err(scope.unwrap_or(&level.scope).unknown(parts))
    }

    /// `(row).field`.
    pub(super) fn field(&mut self, row: &Typed, name: &ast::Ident) -> Result<Typed> {
        let name = super::names::folded(name);
        let PgType::Record(fields) = &row.pg_type else {
            return Err(Error::Query(format!("type {} has no field \"{name}\"", row.pg_type)));
        };
        let Some(index) = fields.iter().position(|(field, _)| *field == name) else {
            return Err(Error::Query(format!("column \"{name}\" not found in data type record")));
        };
        if let Some(mut parts) = parts_of(row) {
            return Ok(parts.swap_remove(index));
        }
        Ok(get(row, index).unwrap_or_else(Typed::null))
    }
}

/// The field of a row that is not made in this expression.
pub(super) fn get(row: &Typed, index: usize) -> Option<Typed> {
    let PgType::Record(fields) = &row.pg_type else { return None };
    let (name, pg_type) = fields.get(index)?;
    let expr = datafusion::functions::core::expr_fn::get_field(row.expr.clone(), name.as_str());
    Some(Typed::new(expr, pg_type.clone()).with_collation(row.collation.of_field(index)))
}

/// The row of a relation.
pub(super) fn of_relation(scope: &Scope, relation: usize) -> Typed {
    if let (true, Some(value)) = (scope.relations[relation].is_value, scope.columns_of(relation).next()) {
        return value.typed();
    }
    of_fields(scope.columns_of(relation).map(|column| (column.name.clone(), column.typed())).collect())
}

pub(super) fn of_fields(fields: Vec<(String, Typed)>) -> Typed {
    let types: Vec<(String, PgType)> =
        fields.iter().map(|(name, typed)| (name.clone(), typed.pg_type.clone())).collect();
    let collation = Derivation::of_fields(&fields);
    let arguments = fields.into_iter().flat_map(|(name, typed)| [lit(name), typed.expr]).collect();
    let function = datafusion::functions::core::named_struct();
    Typed::new(Expr::ScalarFunction(ScalarFunction::new_udf(function, arguments)), record(&types))
        .with_collation(collation)
}

/// The fields of a row that is made in this expression.
pub(super) fn parts_of(row: &Typed) -> Option<Vec<Typed>> {
    match (&row.pg_type, &row.expr) {
        (PgType::Record(fields), Expr::ScalarFunction(function)) if function.name() == STRUCT => {
            let values = function.args.iter().skip(1).step_by(2);
            let typed = |(index, (expr, (_, pg_type))): (usize, (&Expr, &(String, PgType)))| {
                Typed::new(expr.clone(), pg_type.clone()).with_collation(row.collation.of_field(index))
            };
            Some(values.zip(fields.iter()).enumerate().map(typed).collect())
        }
        _ => None,
    }
}

/// What a relation's row is counted by: NULL where an outer join has found none.
pub(super) fn presence(scope: &Scope, relation: usize) -> Expr {
    if let Some(key) = scope.relations[relation].primary_key.first() {
        return Expr::Column(key.clone());
    }
    let columns = scope.columns_of(relation).map(|column| column.expr.clone().is_not_null());
    match columns.reduce(Expr::or) {
        Some(any) => Expr::Case(datafusion::logical_expr::Case::new(
            None,
            vec![(Box::new(any), Box::new(lit(true)))],
            Some(Box::new(lit(ScalarValue::Boolean(None)))),
        )),
        None => lit(true),
    }
}

impl Scope {
    /// The row of a relation of this name, if no column has it.
    pub(super) fn row_named(&self, name: &ast::Ident) -> Result<Option<usize>> {
        Ok(match self.find(std::slice::from_ref(name))? {
            Some(Found::Row(relation)) => Some(relation),
            _ => None,
        })
    }
}
