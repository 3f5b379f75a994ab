//! Keeps conditions above an aggregate that has a row of no rows: one without keys, or with an empty grouping set.
//! DataFusion moves a condition that uses no column, such as one on a constant of a subquery, below it.
//!
//! ```text
//! before: Filter: s.c > 5                                    after: Filter: s.c > 5
//!           Projection: 3 AS c, count(1) AS n                         Projection: 3 AS c, count(1) AS n
//!             Aggregate: groupBy=[[]], aggr=[[count(1)]]                Limit: fetch=1
//!               TableScan: t                                              Aggregate: groupBy=[[]], aggr=[[count(1)]]
//!                                                                           TableScan: t
//! ```

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::{Aggregate, Expr, GroupingSet, Limit, LogicalPlan, lit};
use datafusion::optimizer::AnalyzerRule;

/// The rule.
#[derive(Debug)]
pub(crate) struct EmptyGroups;

impl AnalyzerRule for EmptyGroups {
    fn name(&self) -> &str {
        "empty_groups"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        guarded(plan, false)
    }
}

/// The plan, `below` a condition.
fn guarded(plan: LogicalPlan, below: bool) -> Result<LogicalPlan> {
    let plan = plan.map_subqueries(|subquery| guarded(subquery, false).map(Transformed::yes))?.data;
    let most_rows = match &plan {
        LogicalPlan::Aggregate(aggregate) if below => rows_of_no_rows(aggregate),
        _ => None,
    };
    // No condition comes through a limit, and this may be a limit of before.
    let is_barrier = most_rows.is_some() || matches!(plan, LogicalPlan::Limit(_));
    let has_condition = matches!(plan, LogicalPlan::Filter(_) | LogicalPlan::Join(_));
    let below = has_condition || below && !is_barrier;
    let plan = plan.map_children(|child| guarded(child, below).map(Transformed::yes))?.data;
    Ok(match most_rows {
        Some(rows) => LogicalPlan::Limit(Limit { skip: None, fetch: Some(Box::new(lit(rows))), input: Arc::new(plan) }),
        None => plan,
    })
}

/// How many rows an aggregate has at most, if it has one for no rows.
fn rows_of_no_rows(aggregate: &Aggregate) -> Option<i64> {
    match aggregate.group_expr.as_slice() {
        [] => Some(1),
        [Expr::GroupingSet(sets)] => match sets {
            GroupingSet::Rollup(_) | GroupingSet::Cube(_) => Some(i64::MAX),
            GroupingSet::GroupingSets(sets) => sets.iter().any(Vec::is_empty).then_some(i64::MAX),
        },
        _ => None,
    }
}
