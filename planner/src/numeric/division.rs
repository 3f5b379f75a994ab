//! Gives `/` between numerics PostgreSQL's digits.
//!
//! ```text
//! before: Projection: t.amount / t.quantity          Decimal128(19, 6)
//! after:  Projection: numeric_div(t.amount, t.quantity) AS t.amount / t.quantity   Decimal128(38, 20)
//! ```

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator};
use datafusion::optimizer::AnalyzerRule;

use super::divide::numeric_div;
use super::is_numeric_division;

/// The rule. It must run before type coercion, which would bring both sides to one scale.
#[derive(Debug)]
pub(crate) struct NumericDivision;

impl AnalyzerRule for NumericDivision {
    fn name(&self) -> &str {
        "numeric_division"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(rewrite_plan)?.data)
    }
}

fn rewrite_plan(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let mut schema = merge_schema(&plan.inputs());
    if let LogicalPlan::TableScan(scan) = &plan {
        schema.merge(&scan.projected_schema);
    }
    let names = NamePreserver::new(&plan);
    let rewritten = plan.map_expressions(|expression| {
        let name = names.save(&expression);
        let rewritten = expression.transform_up(|expression| rewrite(expression, &schema))?;
        Ok(rewritten.update_data(|expression| name.restore(expression)))
    })?;
    rewritten.map_data(LogicalPlan::recompute_schema)
}

fn rewrite(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expression {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Divide, right })
            if matches!(
                (left.get_type(schema), right.get_type(schema)),
                (Ok(left), Ok(right)) if is_numeric_division(&left, &right)
            ) =>
        {
            let call = ScalarFunction { func: numeric_div(), args: vec![*left, *right] };
            Ok(Transformed::yes(Expr::ScalarFunction(call)))
        }
        other => Ok(Transformed::no(other)),
    }
}
