//! Gives `sum` of `bigint` PostgreSQL's type, in which no sum overflows.
//!
//! ```text
//! before: Aggregate: aggr=[[sum(t.big)]]                                   Int64
//! after:  Aggregate: aggr=[[sum(CAST(t.big AS Decimal128(20, 0)))]]        Decimal128(30, 0)
//! ```

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, cast};
use datafusion::optimizer::AnalyzerRule;

use super::BIGINT_DIGITS;
use crate::rewrite_expressions::rewrite_expressions;

/// The rule. It comes after averages, which are sums of numerics already.
#[derive(Debug)]
pub(crate) struct NumericSum;

impl AnalyzerRule for NumericSum {
    fn name(&self) -> &str {
        "numeric_sum"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(|plan| rewrite_expressions(plan, rewrite))?.data)
    }
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
