//! Leaves out keys of joins that are the same constant on both sides. Comparing for which NULL is a value is made of two
//! keys (`null_safe.rs`), of which one becomes `false = false` where nothing can be NULL; and where both sides of a join have
//! a key of one name, DataFusion gives all of their columns new names, which two columns `id` of one side share.
//!
//! ```text
//! before: Inner Join: false = false, a.id = b.key        after: Inner Join: a.id = b.key
//! ```

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// The rule. It comes when constants have been computed.
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
        let keys = join.on.len();
        join.on.retain(|(left, right)| !is_always_true(left, right));
        let is_changed = join.on.len() < keys;
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
