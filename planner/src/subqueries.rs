//! Makes joins of the subqueries that DataFusion cannot run: EXISTS, IN and scalar subqueries wherever an expression
//! may stand, correlated in any way, and LATERAL.
//!
//! ```text
//! before: Projection: a.name, EXISTS (Projection: 1
//!                                       Filter: b.y < outer(a.x)
//!                                         TableScan: b)
//!           TableScan: a
//!
//! after:  Projection: a.name, found IS NOT NULL AS EXISTS(<subquery>)
//!           Left Join: a.x IS NOT DISTINCT FROM x
//!             TableScan: a
//!             Projection: x, true AS found
//!               Distinct: x
//!                 Filter: b.y < x
//!                   Cross Join:
//!                     Distinct: a.x AS x
//!                       TableScan: a
//!                     TableScan: b
//! ```
//!
//! The subquery is computed once for every combination of values that it is asked with (Neumann and Kemper, "Unnesting
//! Arbitrary Queries", 2015); `dependent.rs` brings these combinations to where they are needed. What DataFusion's own
//! rules do well (`simple.rs`) is left to them: they need no second look at the outer rows.

mod asked;
mod computed_row;
mod dependent;
mod only_value;
mod replacement;
mod simple;

use std::cell::Cell;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result, not_impl_err};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    Aggregate, Expr, Filter, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Projection, Sort, SortExpr, Window, lit,
};
use datafusion::optimizer::rewrite_set_comparison::RewriteSetComparison;
use datafusion::optimizer::{AnalyzerRule, OptimizerContext, OptimizerRule};

use self::computed_row::computed;
use self::dependent::Dependent;
use self::replacement::Replacement;

pub(crate) use self::simple::has_subquery;

use crate::error::Error;

/// The rule. It comes first: what it makes is coerced and optimized as if it had been written so.
#[derive(Debug)]
pub(crate) struct Subqueries;

impl AnalyzerRule for Subqueries {
    fn name(&self) -> &str {
        "subqueries"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        if !plan.exists(uses_subquery)? {
            return Ok(plan);
        }
        // ANY and ALL are made of EXISTS.
        let plan = plan.transform_up_with_subqueries(name_comparisons)?.data;
        let plan = RewriteSetComparison::new().rewrite(plan, &OptimizerContext::new())?.data;
        let names = Names::default();
        Ok(plan.transform_up_with_subqueries(|plan| rewrite(plan, &names))?.data)
    }
}

/// Keeps the names of columns that are computed with ANY and ALL of subqueries.
fn name_comparisons(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    if !matches!(node, LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_) | LogicalPlan::Window(_)) {
        return Ok(Transformed::no(node));
    }
    node.map_expressions(|expression| {
        let compares = expression.exists(|part| Ok(matches!(part, Expr::SetComparison(_))))?;
        Ok(match expression {
            Expr::Alias(_) | Expr::GroupingSet(_) => Transformed::no(expression),
            other if compares => {
                let name = other.schema_name().to_string();
                Transformed::yes(other.alias(name))
            }
            other => Transformed::no(other),
        })
    })
}

/// Whether something is left to chance.
pub(crate) fn is_volatile(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            found |= expression.is_volatile();
            Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })
    })?;
    Ok(found)
}

fn uses_subquery(node: &LogicalPlan) -> Result<bool> {
    let mut found = matches!(node, LogicalPlan::Subquery(_));
    node.apply_expressions(|expression| {
        found = found || has_subquery(expression);
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// Nodes of plans whose rows subqueries are asked with: they are in the plan once more for each of them, and where one
/// depends on another, twice as often for each.
const MAX_COPIED_NODES: usize = 1_000;

/// Names that no identifier of a query has, and how much of its plan is copied.
#[derive(Debug, Default)]
struct Names {
    given: Cell<usize>,
    copied_nodes: Cell<usize>,
}

impl Names {
    fn next(&self, what: &str) -> String {
        let number = self.given.get();
        self.given.set(number + 1);
        format!("subquery: {what} {number}")
    }

    /// Counts a plan that is copied.
    fn count_copy(&self, plan: &LogicalPlan) -> Result<()> {
        let mut nodes = self.copied_nodes.get();
        plan.apply(|_| {
            nodes += 1;
            Ok(if nodes > MAX_COPIED_NODES { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })?;
        self.copied_nodes.set(nodes);
        if nodes > MAX_COPIED_NODES {
            return Err(Error::TooLarge(format!(
                "too many subqueries, or LATERAL, depend on each other: the rows that they are asked with take more than \
                 {MAX_COPIED_NODES} steps. Join with what does not depend on other rows"
            ))
            .into());
        }
        Ok(())
    }
}

fn rewrite(plan: LogicalPlan, names: &Names) -> Result<Transformed<LogicalPlan>> {
    // What was replaced below may be NULL now.
    let plan = plan.recompute_schema()?;
    let preserver = NamePreserver::new(&plan);
    let rewritten = match &plan {
        LogicalPlan::Projection(Projection { input, expr, .. }) => {
            Replacement::of(input, expr, simple::in_projection, names)?.map(|replaced| {
                let expressions = replaced.named_as(expr, &preserver);
                Projection::try_new(expressions, Arc::new(replaced.input)).map(LogicalPlan::Projection)
            })
        }
        LogicalPlan::Filter(Filter { input, predicate, .. }) => {
            let conditions = split_conjunction_owned(predicate.clone());
            let (others, replaced): (Vec<Expr>, Vec<Expr>) =
                conditions.into_iter().partition(|condition| simple::in_filter(condition, input.schema()));
            // The fewer rows are left, the fewer values subqueries are asked with.
            let rows = match conjunction(others) {
                Some(others) => LogicalPlan::Filter(Filter::try_new(others, Arc::clone(input))?),
                None => input.as_ref().clone(),
            };
            Replacement::of(&rows, &replaced, simple::nowhere, names)?.map(|replaced| {
                let predicate = conjunction(replaced.expressions).unwrap_or_else(|| lit(true));
                let filter = Filter::try_new(predicate, Arc::new(replaced.input))?;
                columns_of(input.schema(), LogicalPlan::Filter(filter))
            })
        }
        LogicalPlan::Aggregate(Aggregate { input, group_expr, aggr_expr, .. }) => {
            let expressions: Vec<Expr> = group_expr.iter().chain(aggr_expr).cloned().collect();
            Replacement::of(input, &expressions, simple::nowhere, names)?.map(|replaced| {
                let mut keys = replaced.named_as(&expressions, &preserver);
                let aggregates = keys.split_off(group_expr.len());
                Aggregate::try_new(Arc::new(replaced.input), keys, aggregates).map(LogicalPlan::Aggregate)
            })
        }
        LogicalPlan::Sort(Sort { input, expr, fetch }) => {
            let keys: Vec<Expr> = expr.iter().map(|key| key.expr.clone()).collect();
            Replacement::of(input, &keys, simple::nowhere, names)?.map(|replaced| {
                let keys = expr.iter().zip(replaced.expressions);
                let keys = keys.map(|(key, replaced)| SortExpr { expr: replaced, ..key.clone() }).collect();
                let sort = Sort { expr: keys, input: Arc::new(replaced.input), fetch: *fetch };
                columns_of(input.schema(), LogicalPlan::Sort(sort))
            })
        }
        LogicalPlan::Window(Window { input, window_expr, schema }) => {
            Replacement::of(input, window_expr, simple::nowhere, names)?.map(|replaced| {
                let expressions = replaced.named_as(window_expr, &preserver);
                let window = Window::try_new(expressions, Arc::new(replaced.input))?;
                columns_of(schema, LogicalPlan::Window(window))
            })
        }
        LogicalPlan::Join(join) => match lateral(join, names)? {
            Some(joined) => Some(Ok(joined)),
            None => filter_above(join, names)?.map(Ok),
        },
        _ => None,
    };
    rewritten.map_or_else(|| Ok(Transformed::no(plan)), |rewritten| rewritten.map(Transformed::yes))
}

/// A join whose right side depends on the left one's rows.
fn lateral(join: &Join, names: &Names) -> Result<Option<LogicalPlan>> {
    let dependent = Dependent::new(&join.left, &join.right, names)?;
    if !dependent.is_correlated() {
        let right = independent(join.right.as_ref().clone())?;
        return Ok(right.transformed.then(|| LogicalPlan::Join(Join { right: Arc::new(right.data), ..join.clone() })));
    }
    if !matches!(join.join_type, JoinType::Inner | JoinType::Left) {
        return Ok(None);
    }
    if let Some(computed) = computed(join)? {
        return Ok(Some(computed));
    }
    let pushed = dependent.push(&join.right)?;
    let mut conditions = dependent.same_values(&pushed.outer);
    conditions.extend(join.on.iter().map(|(left, right)| left.clone().eq(right.clone())));
    conditions.extend(join.filter.clone());
    let joined = LogicalPlanBuilder::from(join.left.as_ref().clone());
    let joined = joined.join_on(pushed.plan, join.join_type, conditions)?.build()?;
    columns_of(&join.schema, joined).map(Some)
}

/// The side of a join that says LATERAL and depends on no other rows.
fn independent(side: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    side.transform_down(|plan| match plan {
        LogicalPlan::Subquery(subquery) if subquery.subquery.all_out_ref_exprs().is_empty() => {
            Ok(Transformed::yes(Arc::unwrap_or_clone(subquery.subquery)))
        }
        other => Ok(Transformed::no(other)),
    })
}

/// An inner join's conditions with subqueries as conditions on its rows.
fn filter_above(join: &Join, names: &Names) -> Result<Option<LogicalPlan>> {
    let Some(filter) = join.filter.as_ref().filter(|filter| !simple::nowhere(filter, &join.schema)) else {
        return Ok(None);
    };
    if join.join_type != JoinType::Inner {
        return not_impl_err!("a subquery in the condition of a {} JOIN", join.join_type);
    }
    let without = LogicalPlan::Join(Join { filter: None, ..join.clone() });
    let filtered = LogicalPlan::Filter(Filter::try_new(filter.clone(), Arc::new(without))?);
    rewrite(filtered, names).map(|rewritten| Some(rewritten.data))
}

/// Those columns of a plan, but for the number of a grouping set: what `grouping` becomes has it no more.
fn columns_of(schema: &DFSchema, plan: LogicalPlan) -> Result<LogicalPlan> {
    let columns = schema.iter().filter(|(_, field)| field.name() != Aggregate::INTERNAL_GROUPING_ID);
    let columns = columns.map(|field| Expr::Column(Column::from(field))).collect();
    Projection::try_new(columns, Arc::new(plan)).map(LogicalPlan::Projection)
}
