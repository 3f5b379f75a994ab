//! Integers of a query's text: PostgreSQL takes those that fit for `integer`, and the parser all for `bigint`.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue, TableReference};
use datafusion::datasource::cte_worktable::CteWorkTable;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, RecursiveQuery, TableScanBuilder, Values};

use crate::rewrite_expressions::map_expressions;

/// The plan with integers that are no longer than they need be. It must come before parameters are put in, whose types
/// are their own.
pub(crate) fn with_short_literals(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = match plan {
        LogicalPlan::RecursiveQuery(recursion) => return recursive(recursion),
        // Numbers of rows, which have no type.
        LogicalPlan::Limit(mut limit) => {
            limit.input = Arc::new(with_short_literals(Arc::unwrap_or_clone(limit.input))?);
            return Ok(LogicalPlan::Limit(limit));
        }
        plan => plan.map_children(|child| with_short_literals(child).map(Transformed::yes))?.data,
    };
    let plan = plan.map_subqueries(|subquery| with_short_literals(subquery).map(Transformed::yes))?.data;
    let plan = map_expressions(plan, |expression| expression.transform_down(shorten))?;
    match plan.data {
        LogicalPlan::Values(Values { values, .. }) => LogicalPlanBuilder::values(values)?.build(),
        plan => plan.recompute_schema(),
    }
}

/// A recursion's rows have the types of its beginning.
fn recursive(recursion: RecursiveQuery) -> Result<LogicalPlan> {
    let RecursiveQuery { name, static_term, recursive_term, is_distinct, .. } = recursion;
    let beginning = with_short_literals(Arc::unwrap_or_clone(static_term))?;
    let rows = CteWorkTable::new(&name, Arc::clone(beginning.schema().inner()));
    let rows = provider_as_source(Arc::new(rows));
    let step = Arc::unwrap_or_clone(recursive_term).transform_down(|node| {
        Ok(match node {
            LogicalPlan::TableScan(scan) if scan.table_name == TableReference::bare(name.as_str()) => {
                let scan = TableScanBuilder::new(scan.table_name, Arc::clone(&rows)).with_projection(scan.projection);
                Transformed::yes(LogicalPlan::TableScan(scan.build()?))
            }
            other => Transformed::no(other),
        })
    })?;
    let step = with_short_literals(step.data)?;
    LogicalPlanBuilder::from(beginning).to_recursive_query(name, step, is_distinct)?.build()
}

fn shorten(expression: Expr) -> Result<Transformed<Expr>> {
    Ok(match expression {
        Expr::Literal(ScalarValue::Int64(Some(value)), metadata) => match i32::try_from(value) {
            Ok(value) => Transformed::yes(Expr::Literal(ScalarValue::Int32(Some(value)), metadata)),
            Err(_) => Transformed::no(Expr::Literal(ScalarValue::Int64(Some(value)), metadata)),
        },
        // What rows are counted by is no value.
        Expr::AggregateFunction(function) if function.func.name() == "count" => {
            Transformed::new(Expr::AggregateFunction(function), false, TreeNodeRecursion::Jump)
        }
        other => Transformed::no(other),
    })
}
