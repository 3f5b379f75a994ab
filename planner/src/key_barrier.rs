//! Keeps DataFusion from taking keys for more than they are. What a subquery groups by is a key of its rows. Below a
//! join it determines its own side's columns only, but an aggregate over the join that groups by the key and something
//! else claims that the key alone is unique in its result; and so does what makes several rows of one. A further GROUP
//! BY, DISTINCT or ORDER BY above then leaves out what else it should look at, without an error.
//!
//! ```text
//! before: Aggregate: groupBy=[[a.id, b.year]], aggr=[[count(1)]]
//!           Aggregate: groupBy=[[a.id, b.year]], aggr=[[]]
//!             Cross Join: a, b                                      (a is grouped by a.id)
//!
//! after:  Aggregate: groupBy=[[a.id, b.year]], aggr=[[count(1)]]
//!           Projection: as_is(a.id) AS a.id, as_is(b.year) AS b.year
//!             Aggregate: groupBy=[[a.id, b.year]], aggr=[[]]
//!               Cross Join: a, b
//! ```

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, Projection};
use datafusion::optimizer::AnalyzerRule;

use crate::as_is::as_is;

/// The rule.
#[derive(Debug)]
pub(crate) struct KeyBarrier;

impl AnalyzerRule for KeyBarrier {
    fn name(&self) -> &str {
        "key_barrier"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        with_barriers(plan, false)
    }
}

/// The plan with barriers where a key of a grouping is taken for more than it is, `below` something that relies on
/// keys.
fn with_barriers(plan: LogicalPlan, below: bool) -> Result<LogicalPlan> {
    let relies = is_grouping(&plan) || matches!(plan, LogicalPlan::Sort(_) | LogicalPlan::Distinct(_));
    let within = |plan| with_barriers(plan, below || relies).map(Transformed::yes);
    let plan = plan.map_subqueries(within)?.data.map_children(within)?.data;
    let loses_keys = match &plan {
        LogicalPlan::Unnest(_) => has_grouping_below(&plan)?,
        plan if is_grouping(plan) => plan.exists(|node| match node {
            LogicalPlan::Join(_) => has_grouping_below(node),
            _ => Ok(false),
        })?,
        _ => false,
    };
    if below && loses_keys { barrier(plan) } else { Ok(plan) }
}

fn has_grouping_below(plan: &LogicalPlan) -> Result<bool> {
    for input in plan.inputs() {
        if input.exists(|node| Ok(is_grouping(node)))? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_grouping(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(aggregate) => !aggregate.group_expr.is_empty(),
        LogicalPlan::Distinct(distinct) => matches!(distinct, Distinct::All(_)),
        _ => false,
    }
}

/// The plan's columns, those that it groups by computed anew.
pub(crate) fn barrier(plan: LogicalPlan) -> Result<LogicalPlan> {
    let keys = match &plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.schema.fields().len() - aggregate.aggr_expr.len(),
        other => other.schema().fields().len(),
    };
    let columns = plan.schema().iter().enumerate().map(|(index, (qualifier, field))| {
        let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        match index < keys {
            true => as_is(column).alias_qualified(qualifier.cloned(), field.name()),
            false => column,
        }
    });
    let columns = columns.collect();
    Projection::try_new(columns, Arc::new(plan)).map(LogicalPlan::Projection)
}
