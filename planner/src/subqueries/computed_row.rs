//! LATERAL without a FROM: what is computed of an outer row stands beside it, and needs no join.
//!
//! ```text
//! before: Lateral Join:                          after: Projection: a.x, a.x + 1 AS b.y
//!           TableScan: a                                  TableScan: a
//!           SubqueryAlias: b
//!             Projection: outer(a.x) + 1 AS y
//!               EmptyRelation: rows=1
//! ```

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{Expr, Join, JoinType, LogicalPlan, Projection, lit};

use super::simple::has_subquery;

/// The join as a projection, if its right side is one row that is computed.
pub(super) fn computed(join: &Join) -> Result<Option<LogicalPlan>> {
    let is_always = join.on.is_empty() && join.filter.as_ref().is_none_or(|filter| *filter == lit(true));
    if !is_always || !matches!(join.join_type, JoinType::Inner | JoinType::Left) {
        return Ok(None);
    }
    let Some(values) = row(&join.right).filter(|values| !values.iter().any(has_subquery)) else { return Ok(None) };
    let outer = join.left.schema();
    let mut columns: Vec<Expr> = outer.iter().map(|field| Expr::Column(Column::from(field))).collect();
    for (value, (qualifier, field)) in values.into_iter().zip(join.right.schema().iter()) {
        let value = value.transform(|part| {
            Ok(match part {
                Expr::OuterReferenceColumn(_, column) if outer.has_column(&column) => {
                    Transformed::yes(Expr::Column(column))
                }
                other => Transformed::no(other),
            })
        })?;
        columns.push(value.data.alias_qualified(qualifier.cloned(), field.name()));
    }
    Projection::try_new(columns, Arc::clone(&join.left)).map(|projection| Some(LogicalPlan::Projection(projection)))
}

/// The values of a plan that is one row, computed of nothing but outer columns.
fn row(plan: &LogicalPlan) -> Option<Vec<Expr>> {
    match plan {
        LogicalPlan::Subquery(subquery) => row(&subquery.subquery),
        LogicalPlan::SubqueryAlias(alias) => row(&alias.input),
        LogicalPlan::Projection(Projection { input, expr, .. }) => match input.as_ref() {
            LogicalPlan::EmptyRelation(empty) if empty.produce_one_row => {
                Some(expr.iter().cloned().map(Expr::unalias).collect())
            }
            // Other names for all of it.
            input => {
                let values = row(input)?;
                let value = |expression: &Expr| match expression {
                    Expr::Column(column) => values.get(input.schema().maybe_index_of_column(column)?).cloned(),
                    _ => None,
                };
                expr.iter().map(|expression| value(&expression.clone().unalias())).collect()
            }
        },
        _ => None,
    }
}
