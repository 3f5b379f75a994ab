//! Whether a subquery is asked with about all values that its own rows have: that of a foreign key, for the rows of the
//! table that it refers to. To find out first with which it is asked is as much work as to compute it for all of them.

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{
    BinaryExpr, Cast, Distinct, Expr, ExprSchemable, JoinType, LogicalPlan, Operator, TableScan,
};

/// So many rows are one outer row's at most, for it to be no more work.
const ROWS_OF_ONE: usize = 8;
/// Aggregates that give a value of whatever rows they are asked about.
const HARMLESS: [&str; 5] = ["count", "min", "max", "sum", "first_value"];

/// Whether the outer rows are all rows of tables that are about as large as those of the subquery, and nothing in it
/// could fail for values that it would not be asked with.
pub(super) fn is_asked_with_all(rows: &LogicalPlan, subquery: &LogicalPlan) -> Result<bool> {
    let is_whole = !rows.exists(|node| {
        Ok(!matches!(
            node,
            LogicalPlan::TableScan(TableScan { fetch: None, .. })
                | LogicalPlan::SubqueryAlias(_)
                | LogicalPlan::Projection(_)
                | LogicalPlan::Join(_)
        ))
    })?;
    if !is_whole || subquery.exists(|node| Ok(!is_harmless(node)))? {
        return Ok(false);
    }
    let (Some(outer), Some(own)) = (largest_table(rows)?, largest_table(subquery)?) else { return Ok(false) };
    Ok(outer.saturating_mul(ROWS_OF_ONE) >= own)
}

/// The rows of the largest table below a node, if all are known.
fn largest_table(plan: &LogicalPlan) -> Result<Option<usize>> {
    let mut largest = Some(0);
    plan.apply(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let statistics = source_as_provider(&scan.source).ok().and_then(|table| table.statistics());
            let rows = statistics.and_then(|known| known.num_rows.get_value().copied());
            largest = largest.zip(rows).map(|(one, other)| one.max(other));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(largest)
}

/// Whether a node computes nothing that could fail.
fn is_harmless(node: &LogicalPlan) -> bool {
    let is_known = match node {
        LogicalPlan::Join(join) => matches!(join.join_type, JoinType::Inner | JoinType::Left),
        LogicalPlan::Distinct(distinct) => matches!(distinct, Distinct::All(_)),
        LogicalPlan::TableScan(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_) => true,
        _ => false,
    };
    let mut schema = DFSchema::empty();
    for input in node.inputs() {
        schema.merge(input.schema());
    }
    is_known && node.expressions().iter().all(|expression| gives_value(expression, &schema))
}

/// Whether an expression has a value for all rows.
fn gives_value(expression: &Expr, schema: &DFSchema) -> bool {
    let gives_value = |part: &Expr| gives_value(part, schema);
    match expression {
        Expr::Column(_) | Expr::OuterReferenceColumn(..) | Expr::Literal(..) => true,
        Expr::Alias(alias) => gives_value(&alias.expr),
        Expr::Not(part) | Expr::IsNull(part) | Expr::IsNotNull(part) => gives_value(part),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            (is_comparison(*op) || matches!(op, Operator::And | Operator::Or))
                && gives_value(left)
                && gives_value(right)
        }
        Expr::Cast(Cast { expr, field }) => {
            expr.get_type(schema).is_ok_and(|from| is_wider_integer(&from, field.data_type())) && gives_value(expr)
        }
        Expr::AggregateFunction(function) => {
            let params = &function.params;
            HARMLESS.contains(&function.func.name())
                && params.order_by.is_empty()
                && params.args.iter().all(gives_value)
                && params.filter.as_deref().is_none_or(gives_value)
        }
        _ => false,
    }
}

fn is_comparison(operator: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(operator, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

/// Whether every integer of one type is one of the other.
fn is_wider_integer(from: &DataType, to: &DataType) -> bool {
    from.is_signed_integer() && to.is_signed_integer() && from.primitive_width() <= to.primitive_width()
}
