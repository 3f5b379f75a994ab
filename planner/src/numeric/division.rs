//! Gives `/` between numerics PostgreSQL's digits.
//!
//! ```text
//! before: Projection: t.amount / t.quantity          Decimal128(19, 6)
//! after:  Projection: numeric_div(t.amount, t.quantity) AS t.amount / t.quantity   Decimal128(38, 20)
//! ```

use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator};
use datafusion::optimizer::AnalyzerRule;

use super::divide::numeric_div;
use super::is_numeric_division;
use crate::rewrite_expressions::rewrite_expressions;

/// The rule. It must run before type coercion, which would bring both sides to one scale.
#[derive(Debug)]
pub(crate) struct NumericDivision;

impl AnalyzerRule for NumericDivision {
    fn name(&self) -> &str {
        "numeric_division"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(|plan| rewrite_expressions(plan, rewrite))?.data)
    }
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
