//! Keeps the optimizer from putting expressions into each other without an end. It moves conditions below projections,
//! and puts what a column is computed by in the place of the column; where each of many subqueries computes a column
//! by two of the one before, the condition doubles with each of them.
//!
//! ```text
//! before: Filter: x > 0                    after: Filter: x > 0
//!           Projection: x + x AS x                  Projection: as_is_held_back(x + x) AS x
//!             Projection: x + x AS x                  Projection: x + x AS x
//!               ...                                     ...
//! ```
//!
//! And a long text that is computed once is not put in each place that names it.
//!
//! Nothing is moved below a function of which it is not known whether it gives the same value twice, and
//! `constants_barrier.rs` does the same for the conditions of the physical plan.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Distinct, Expr, JoinType, LogicalPlan, Projection};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};

use crate::as_is::held_back;

/// Parts of the expression that a column is, with all below put in the place of columns. Conditions of ten times as many
/// are planned for a second.
const MOST_PARTS: usize = 500;

/// Constants count as so many parts as they have as much memory.
const BYTES_OF_PART: usize = 128;

/// The parts of a column that is a barrier: the function, and the name that it is given.
const PARTS_OF_BARRIER: usize = 2;

/// The rule. It comes first, and again when constants have been computed.
#[derive(Debug)]
pub(crate) struct InliningBarrier;

impl OptimizerRule for InliningBarrier {
    fn name(&self) -> &str {
        "inlining_barrier"
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let mut barriers = 0;
        let (plan, _) = with_barriers(plan, &mut barriers)?;
        Ok(if barriers > 0 { Transformed::yes(plan) } else { Transformed::no(plan) })
    }
}

/// The plan with barriers, and how many parts each of its columns has.
fn with_barriers(plan: LogicalPlan, barriers: &mut usize) -> Result<(LogicalPlan, Vec<usize>)> {
    let plan = plan.map_subqueries(|inner| Ok(Transformed::yes(with_barriers(inner, barriers)?.0)))?.data;
    let mut below = vec![];
    let plan = plan.map_children(|input| {
        let (input, parts) = with_barriers(input, barriers)?;
        below.push(parts);
        Ok(Transformed::yes(input))
    })?;
    match plan.data {
        LogicalPlan::Projection(projection) => projected(projection, &first(below), barriers),
        plan => {
            let parts = parts_of(&plan, below);
            Ok((plan, parts))
        }
    }
}

fn first(below: Vec<Vec<usize>>) -> Vec<usize> {
    below.into_iter().next().unwrap_or_default()
}

fn projected(projection: Projection, below: &[usize], barriers: &mut usize) -> Result<(LogicalPlan, Vec<usize>)> {
    let mut parts: Vec<usize> =
        projection.expr.iter().map(|expression| parts_in(expression, projection.input.schema(), below)).collect();
    if parts.iter().all(|&parts| parts <= MOST_PARTS) {
        return Ok((LogicalPlan::Projection(projection), parts));
    }
    let Projection { input, expr, .. } = projection;
    let mut expressions = Vec::with_capacity(expr.len());
    for (expression, parts) in expr.into_iter().zip(&mut parts) {
        if *parts <= MOST_PARTS {
            expressions.push(expression);
            continue;
        }
        *barriers += 1;
        *parts = PARTS_OF_BARRIER;
        let (qualifier, name) = expression.qualified_name();
        expressions.push(held_back().call(vec![expression.unalias()]).alias_qualified(qualifier, name));
    }
    Ok((LogicalPlan::Projection(Projection::try_new(expressions, input)?), parts))
}

/// The parts of the columns of any other plan, of whose inputs they are known.
fn parts_of(plan: &LogicalPlan, mut below: Vec<Vec<usize>>) -> Vec<usize> {
    let columns = plan.schema().fields().len();
    let most = below.iter().flatten().copied().max().unwrap_or(1);
    let mut parts = match plan {
        LogicalPlan::Filter(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::Distinct(Distinct::All(_))
        // What it computes comes behind its input's columns, and nothing is put in its place.
        | LogicalPlan::Window(_) => first(below),
        LogicalPlan::Join(join) => match join.join_type {
            JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => first(below),
            JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => below.pop().unwrap_or_default(),
            JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => below.concat(),
        },
        LogicalPlan::Union(_) => {
            (0..columns).map(|column| below.iter().filter_map(|input| input.get(column)).copied().max().unwrap_or(1)).collect()
        }
        LogicalPlan::Aggregate(aggregate) => match aggregate.group_expr.as_slice() {
            [Expr::GroupingSet(_)] => vec![most; columns],
            keys => {
                let input = first(below);
                keys.iter().map(|key| parts_in(key, aggregate.input.schema(), &input)).collect()
            }
        },
        LogicalPlan::Unnest(_) | LogicalPlan::Distinct(Distinct::On(_)) => vec![most; columns],
        _ => vec![],
    };
    parts.resize(columns, 1);
    parts
}

/// The parts of an expression with those of the columns that it uses.
fn parts_in(expression: &Expr, schema: &DFSchema, below: &[usize]) -> usize {
    if below.iter().all(|&parts| parts == 1) {
        return simplified_parts(expression, &|_| 1);
    }
    simplified_parts(expression, &|column| {
        schema.maybe_index_of_column(column).and_then(|place| below.get(place)).copied().unwrap_or(1)
    })
}

/// How many parts an expression has when it is simplified, with those of its columns: all arguments of COALESCE but the
/// last are in its conditions, and in what comes of them.
pub(crate) fn simplified_parts(expression: &Expr, parts_of_column: &dyn Fn(&Column) -> usize) -> usize {
    let mut parts: usize = 1;
    match expression {
        Expr::Column(column) => return parts_of_column(column),
        // Arrays are shared, and texts are copied.
        Expr::Literal(value, _) if !value.data_type().is_nested() => parts += value.size() / BYTES_OF_PART,
        Expr::ScalarFunction(function) if is_barrier(function) => {}
        Expr::ScalarFunction(function) if is_coalesce(function) => {
            for (place, argument) in function.args.iter().enumerate() {
                let times = if place + 1 < function.args.len() { 2 } else { 1 };
                parts = parts.saturating_add(simplified_parts(argument, parts_of_column).saturating_mul(times));
            }
        }
        other => {
            // Nothing fails on the way.
            let _ = other.apply_children(|child| {
                parts = parts.saturating_add(simplified_parts(child, parts_of_column));
                Ok(TreeNodeRecursion::Continue)
            });
        }
    }
    parts
}

pub(crate) fn is_coalesce(function: &ScalarFunction) -> bool {
    *function.func == *datafusion::functions::core::coalesce()
}

fn is_barrier(function: &ScalarFunction) -> bool {
    function.func == held_back()
}

/// Whether conditions on an expression are not put below it.
pub(crate) fn has_barrier(expression: &Arc<dyn PhysicalExpr>) -> Result<bool> {
    let barrier = held_back();
    expression.exists(|part| {
        Ok(part.downcast_ref::<ScalarFunctionExpr>().is_some_and(|function| function.fun() == barrier.as_ref()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::logical_expr::{LogicalPlanBuilder, col, lit};
    use datafusion::optimizer::OptimizerContext;

    /// A column that is computed by two of the step before it, time after time, and a condition on it.
    fn doubled(levels: usize) -> LogicalPlan {
        let mut plan = LogicalPlanBuilder::empty(true).project(vec![lit(1).alias("x")]).unwrap();
        for _ in 0..levels {
            plan = plan.project(vec![(col("x") + col("x")).alias("x")]).unwrap();
        }
        plan.filter(col("x").gt(lit(0))).unwrap().build().unwrap()
    }

    fn barriers(plan: LogicalPlan) -> usize {
        let rewritten = InliningBarrier.rewrite(plan, &OptimizerContext::new()).unwrap();
        let shown = rewritten.data.display_indent().to_string();
        let again = InliningBarrier.rewrite(rewritten.data, &OptimizerContext::new()).unwrap();
        assert!(!again.transformed, "{shown}");
        shown.matches("as_is").count()
    }

    #[test]
    fn arguments_of_coalesce_count_twice() {
        let nested =
            (0..10).fold(col("x"), |inner, _| datafusion::functions::core::expr_fn::coalesce(vec![inner, lit(1)]));
        assert_eq!(simplified_parts(&nested, &|_| 1), 3_070);
    }

    #[test]
    fn long_texts_are_held_back() {
        let constant =
            |bytes| LogicalPlanBuilder::empty(true).project(vec![lit("x".repeat(bytes)).alias("x")]).unwrap();
        assert_eq!(barriers(constant(1_000).build().unwrap()), 0);
        assert_eq!(barriers(constant(100_000).build().unwrap()), 1);
    }

    #[test]
    fn what_doubles_is_held_back() {
        assert_eq!(barriers(doubled(6)), 0);
        assert_eq!(barriers(doubled(30)), 4);
    }
}
