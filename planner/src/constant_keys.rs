//! Makes conditions of keys of joins that are constants on one side, and leaves out those that are the same constant on
//! both. DataFusion joins tables anew with each pass, by keys that have columns on both sides; of those that have become
//! constants by then, nothing is left. Comparing for which NULL is a value is made of two keys (`null_safe.rs`), of which
//! one becomes `false = false` where nothing can be NULL; and where both sides of a join have a key of one name, DataFusion
//! gives all of their columns new names, which two columns `id` of one side share.
//!
//! ```text
//! before: Inner Join: false = false, a.id = b.key        after: Inner Join: a.id = b.key
//!         Inner Join: false = b.is_new                          Inner Join: Filter: false = b.is_new
//! ```

use datafusion::common::tree_node::Transformed;
use datafusion::common::{JoinType, NullEquality, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, Operator, and, binary_expr};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// The rule. It comes when constants have been computed, before tables are joined anew.
#[derive(Debug)]
pub(crate) struct ConstantKeys;

impl OptimizerRule for ConstantKeys {
    fn name(&self) -> &str {
        "constant_keys"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Join(mut join) = plan else { return Ok(Transformed::no(plan)) };
        let equal = match join.null_equality {
            NullEquality::NullEqualsNothing => Operator::Eq,
            NullEquality::NullEqualsNull => Operator::IsNotDistinctFrom,
        };
        // Only inner joins are made anew.
        let is_kept = |left: &Expr, right: &Expr| {
            !is_always_true(left, right)
                && (join.join_type != JoinType::Inner || (left.any_column_refs() && right.any_column_refs()))
        };
        let (keys, constant): (Vec<_>, Vec<_>) = join.on.into_iter().partition(|(left, right)| is_kept(left, right));
        join.on = keys;
        let is_changed = !constant.is_empty();
        let conditions = constant
            .into_iter()
            .filter(|(left, right)| !is_always_true(left, right))
            .map(|(left, right)| binary_expr(left, equal, right));
        join.filter = join.filter.into_iter().chain(conditions).reduce(and);
        let plan = LogicalPlan::Join(join);
        Ok(if is_changed { Transformed::yes(plan) } else { Transformed::no(plan) })
    }
}

fn is_always_true(left: &Expr, right: &Expr) -> bool {
    match (left, right) {
        (Expr::Literal(left, _), Expr::Literal(right, _)) => left == right && !left.is_null(),
        _ => false,
    }
}
