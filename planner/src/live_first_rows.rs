//! Has PostgreSQL choose the first rows of a live table, where a query wants no others. The engine still sorts
//! them.
//!
//! ```text
//! before: Sort: t.created DESC NULLS FIRST, fetch=10
//!           TableScan: t projection=[id, created]
//!
//! after:  Sort: t.created DESC NULLS FIRST, fetch=10
//!           TableScan: t projection=[id, created]    (SELECT id, created FROM t ORDER BY created DESC ... LIMIT 10)
//! ```

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{LogicalPlan, Sort, SortExpr, TableScanBuilder};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use rail_forge_connectors::LiveTable;

use crate::live_scan_below::{LiveScanBelow, in_table_columns};

/// The rule.
#[derive(Debug)]
pub(crate) struct LiveFirstRows;

impl OptimizerRule for LiveFirstRows {
    fn name(&self) -> &str {
        "live_first_rows"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let first = match &plan {
            LogicalPlan::Sort(sort) => first_rows(sort)?,
            _ => None,
        };
        let Some(table) = first else { return Ok(Transformed::no(plan)) };
        let source = provider_as_source(Arc::new(table));
        // There is one scan below.
        plan.transform_down(|node| {
            Ok(match node {
                LogicalPlan::TableScan(scan) => {
                    let scan = TableScanBuilder::new(scan.table_name, Arc::clone(&source))
                        .with_projection(scan.projection)
                        .build()?;
                    Transformed::yes(LogicalPlan::TableScan(scan))
                }
                other => Transformed::no(other),
            })
        })
    }
}

fn first_rows(sort: &Sort) -> Result<Option<LiveTable>> {
    let (Some(rows), Some(below)) = (sort.fetch, LiveScanBelow::find(&sort.input)) else { return Ok(None) };
    let mut order = vec![];
    for key in &sort.expr {
        let Some(expression) = in_table_columns(&key.expr, &sort.input)? else { return Ok(None) };
        order.push(SortExpr::new(expression, key.asc, key.nulls_first));
    }
    Ok(below.table().and_then(|table| table.first(&below.scan.filters, &order, rows)))
}
