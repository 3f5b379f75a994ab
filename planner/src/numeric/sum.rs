//! Gives `sum` of `bigint` PostgreSQL's type, in which no sum overflows.
//!
//! ```text
//! before: Aggregate: aggr=[[sum(t.big)]]                                   Int64
//! after:  Aggregate: aggr=[[sum(CAST(t.big AS Decimal128(20, 0)))]]        Decimal128(30, 0)
//! ```

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, cast};

use super::BIGINT_DIGITS;
use crate::rewrite_expressions::rewrite_expressions;

/// The plan with sums of numerics. It must come once, before the analyzer, which runs again when a plan is optimized:
/// type coercion makes sums of `bigint` of those of smaller integers.
pub(crate) fn with_numeric_sums(plan: LogicalPlan) -> Result<LogicalPlan> {
    Ok(plan.transform_up_with_subqueries(|plan| rewrite_expressions(plan, rewrite))?.data)
}

fn rewrite(mut expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let arguments = match &mut expression {
        Expr::AggregateFunction(function) if function.func.name() == "sum" => &mut function.params.args,
        Expr::WindowFunction(function) if function.fun.name() == "sum" => &mut function.params.args,
        _ => return Ok(Transformed::no(expression)),
    };
    match arguments.as_mut_slice() {
        [argument] if argument.get_type(schema)? == DataType::Int64 => {
            *argument = cast(argument.clone(), DataType::Decimal128(BIGINT_DIGITS, 0));
            Ok(Transformed::yes(expression))
        }
        _ => Ok(Transformed::no(expression)),
    }
}
