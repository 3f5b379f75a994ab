//! VALUES.

use datafusion::common::Column;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::Values;
use std::sync::Arc;

use super::Binder;
use super::character::chosen_from;
use super::clause::{Clause, Level};
use super::collation::Derivation;
use super::scope::Scope;
use super::typed::{BoundQuery, OutputColumn, Typed};
use crate::error::{Error, Result};
use crate::pg_type::PgType;
use crate::subqueries::has_subquery;

impl Binder<'_> {
    pub(super) fn values(&mut self, values: &Values) -> Result<BoundQuery> {
        let empty = LogicalPlanBuilder::empty(true).build()?;
        self.levels.push(Level::new(Scope::empty(Arc::clone(empty.schema())), Clause::Values));
        let bound = self.rows_of_values(values);
        self.levels.pop();
        bound
    }

    fn rows_of_values(&mut self, values: &Values) -> Result<BoundQuery> {
        let mut columns: Vec<Vec<Typed>> = vec![];
        for (number, row) in values.rows.iter().enumerate() {
            if number == 0 {
                columns.resize_with(row.content.len(), Vec::new);
            }
            if row.content.len() != columns.len() {
                return Err(Error::Query("VALUES lists must all be the same length".to_owned()));
            }
            for (column, expression) in columns.iter_mut().zip(&row.content) {
                column.push(self.expression(expression)?);
            }
        }
        let mut output = Vec::with_capacity(columns.len());
        let mut rows: Vec<Vec<Expr>> = vec![vec![]; values.rows.len()];
        for (number, column) in columns.into_iter().enumerate() {
            let collation = Derivation::merged(&column)?.of_result();
            let (column, metadata) = chosen_from(column);
            let (column, pg_type) = self.unified(column, "VALUES")?;
            for (row, value) in rows.iter_mut().zip(column) {
                row.push(value.expr);
            }
            let name = format!("column{}", number + 1);
            let internal = Column::new_unqualified(&name);
            output.push(OutputColumn { internal, name, pg_type, metadata, collation });
        }
        // What is computed has its decimals when it is planned, and rows of VALUES have those that they seem to have.
        let is_computed = |place: usize| rows.iter().any(|row| !matches!(row.get(place), Some(Expr::Literal(..))));
        let scale_is_open =
            output.iter().enumerate().any(|(place, column)| column.pg_type.has_decimals() && is_computed(place));
        let uses_queries = rows.iter().flatten().any(|value| value.contains_outer() || has_subquery(value));
        if uses_queries || scale_is_open || rows.first().is_some_and(Vec::is_empty) {
            return Self::rows_as_union(rows, output);
        }
        let plan = LogicalPlanBuilder::values(rows)?.build()?;
        Ok(BoundQuery { plan, columns: output })
    }

    /// Rows that use other queries, or whose values have to be brought to one scale, are SELECTs without FROM.
    fn rows_as_union(rows: Vec<Vec<Expr>>, columns: Vec<OutputColumn>) -> Result<BoundQuery> {
        let mut all: Option<LogicalPlanBuilder> = None;
        for row in rows {
            let named = row.into_iter().zip(&columns).map(|(value, column)| value.alias(&column.internal.name));
            let plan = LogicalPlanBuilder::empty(true).project(named)?.build()?;
            all = Some(match all {
                None => LogicalPlanBuilder::from(plan),
                Some(before) => before.union(plan)?,
            });
        }
        let Some(all) = all else { return Err(Error::Query("VALUES has no rows".to_owned())) };
        Ok(BoundQuery { plan: all.build()?, columns })
    }
}

impl OutputColumn {
    /// The column in the plan.
    pub(super) fn typed(&self) -> Typed {
        let column = Expr::Column(self.internal.clone());
        Typed::new(column, self.pg_type.clone())
            .with_metadata(self.metadata.clone())
            .with_collation(self.collation.clone())
    }
}

impl PgType {
    /// Whether its values have decimals of their own, which a column has for all.
    fn has_decimals(&self) -> bool {
        match self {
            Self::Numeric => true,
            Self::Array(element) => element.has_decimals(),
            _ => false,
        }
    }

    /// Whether it is not known yet.
    pub(super) fn is_open(&self) -> bool {
        *self == Self::Unknown
    }
}
