//! Rewrites the expressions of a plan's node. What is computed keeps its name, by which the nodes above know it.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan};

/// The node with its expressions rewritten from their parts upwards, in the schema that they are about.
pub(crate) fn rewrite_expressions(
    plan: LogicalPlan,
    rewrite: impl Fn(Expr, &DFSchema) -> Result<Transformed<Expr>>,
) -> Result<Transformed<LogicalPlan>> {
    let mut schema = merge_schema(&plan.inputs());
    if let LogicalPlan::TableScan(scan) = &plan {
        schema.merge(&scan.projected_schema);
    }
    let rewritten = map_expressions(plan, |expression| expression.transform_up(|part| rewrite(part, &schema)))?;
    rewritten.map_data(LogicalPlan::recompute_schema)
}

/// The node with other expressions, which have the names of those before.
pub(crate) fn map_expressions(
    plan: LogicalPlan,
    change: impl Fn(Expr) -> Result<Transformed<Expr>>,
) -> Result<Transformed<LogicalPlan>> {
    let names = NamePreserver::new(&plan);
    let change = |expression: Expr| {
        let name = names.save(&expression);
        let changed = change(expression)?;
        Ok(match changed.transformed {
            true => changed.update_data(|expression| name.restore(expression)),
            false => changed,
        })
    };
    plan.map_expressions(|expression| match expression {
        // Its parts have names, and it has none.
        Expr::GroupingSet(_) => expression.map_children(&change),
        expression => change(expression),
    })
}
