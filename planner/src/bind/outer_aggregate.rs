//! Aggregates within a subquery that belong to a query around it: those of its columns alone.
//!
//! ```text
//! SELECT (SELECT max(a.x) FROM b) FROM a     is     SELECT (SELECT m FROM b) FROM (SELECT max(a.x) AS m FROM a)
//! ```

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion::logical_expr::{Expr, ExprSchemable};

use super::Binder;
use crate::error::Result;

impl Binder<'_> {
    /// Checks that an aggregate may stand where it does, and leaves it to the query that it belongs to.
    pub(super) fn placed(&mut self, aggregate: Expr) -> Result<Expr> {
        let Some(owner) = self.owner(&aggregate)? else {
            self.allow_aggregate()?;
            return Ok(aggregate);
        };
        self.levels[owner].allow_aggregate()?;
        Ok(aggregate.transform_down(|part| self.left_to(owner, part))?.data)
    }

    /// The query that an aggregate belongs to, if that is not the innermost: the nearest whose columns it uses.
    fn owner(&self, aggregate: &Expr) -> Result<Option<usize>> {
        let mut is_own = false;
        let mut owner = None;
        let level_of = |column: &Column| self.levels.iter().rposition(|level| level.scope.schema.has_column(column));
        aggregate.apply(|part| {
            match part {
                Expr::Column(_) => is_own = true,
                Expr::OuterReferenceColumn(_, column) => owner = owner.max(level_of(column)),
                Expr::ScalarSubquery(subquery)
                | Expr::Exists(Exists { subquery, .. })
                | Expr::InSubquery(InSubquery { subquery, .. })
                | Expr::SetComparison(SetComparison { subquery, .. }) => {
                    for reference in &subquery.outer_ref_columns {
                        if let Expr::OuterReferenceColumn(_, column) = reference {
                            owner = owner.max(level_of(column));
                        }
                    }
                }
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        let innermost = self.levels.len().saturating_sub(1);
        Ok(owner.filter(|owner| !is_own && *owner < innermost))
    }

    /// A part of an expression over aggregates, with each of these computed by the query at `owner`.
    pub(super) fn left_to(&mut self, owner: usize, part: Expr) -> datafusion::common::Result<Transformed<Expr>> {
        if !matches!(part, Expr::AggregateFunction(_)) {
            return Ok(Transformed::no(part));
        }
        let name = self.qualifiers.unique("outer aggregate");
        let level = &mut self.levels[owner];
        let seen_from_there = |part: Expr| {
            Ok(match part {
                Expr::OuterReferenceColumn(_, column) if level.scope.schema.has_column(&column) => {
                    Transformed::yes(Expr::Column(column))
                }
                other => Transformed::no(other),
            })
        };
        let aggregate = part.transform(seen_from_there)?.data;
        let (_, field) = aggregate.to_field(&level.scope.schema)?;
        let field = Arc::new(field.as_ref().clone().with_name(&name));
        level.outer_aggregates.push(aggregate.alias(&name));
        let reference = Expr::OuterReferenceColumn(field, Column::new_unqualified(name));
        Ok(Transformed::new(reference, true, TreeNodeRecursion::Jump))
    }
}
