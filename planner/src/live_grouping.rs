//! Has PostgreSQL make the groups of a live table's rows, where it gives what the engine would.
//!
//! ```text
//! before: Aggregate: groupBy=[[t.k]], aggr=[[count(Int64(1)), sum(t.amount)]]
//!           TableScan: t projection=[k, amount], full_filters=[t.id > 7]
//!
//! after:  Projection: t.key_0 AS t.k, t.aggregate_0 AS count(Int64(1)), t.aggregate_1 AS sum(t.amount)
//!           TableScan: t        (SELECT k, count(*), sum(amount) FROM t WHERE id > 7 GROUP BY k)
//! ```
//!
//! The rule comes last: filters are in the scan by then, if PostgreSQL can decide them.

use std::sync::Arc;

use arrow::datatypes::FieldRef;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, Projection, TableScanBuilder};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use rail_forge_connectors::Grouping;

use crate::live_scan_below::{LiveScanBelow, in_table_columns};

/// The rule.
#[derive(Debug)]
pub(crate) struct LiveGrouping;

impl OptimizerRule for LiveGrouping {
    fn name(&self) -> &str {
        "live_grouping"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let grouped = match &plan {
            LogicalPlan::Aggregate(aggregate) => grouped(aggregate)?,
            _ => None,
        };
        Ok(grouped.map_or_else(|| Transformed::no(plan), Transformed::yes))
    }
}

/// What replaces the aggregate; none when the engine has to compute it.
fn grouped(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let Aggregate { input, group_expr, aggr_expr, schema, .. } = aggregate;
    let Some(below) = LiveScanBelow::find(input) else { return Ok(None) };
    if schema.fields().len() != group_expr.len() + aggr_expr.len() {
        return Ok(None);
    }
    let in_columns = |expressions: &[Expr]| -> Result<Option<Vec<Expr>>> {
        expressions.iter().map(|expression| in_table_columns(expression, input)).collect()
    };
    // Their names are those of the schema.
    let aggr_expr: Vec<Expr> = aggr_expr.iter().map(|aggregate| aggregate.clone().unalias()).collect();
    let (Some(keys), Some(aggregates)) = (in_columns(group_expr)?, in_columns(&aggr_expr)?) else { return Ok(None) };
    let numbered = |(index, field): (usize, &FieldRef)| {
        let name = match index.checked_sub(keys.len()) {
            None => format!("key_{index}"),
            Some(index) => format!("aggregate_{index}"),
        };
        Arc::new(field.as_ref().clone().with_name(name))
    };
    let fields: Vec<FieldRef> = schema.fields().iter().enumerate().map(numbered).collect();
    let grouping = Grouping { filters: &below.scan.filters, keys: &keys, aggregates: &aggregates, fields: &fields };
    let Some(table) = below.table().and_then(|table| table.grouped(grouping)) else { return Ok(None) };
    let scan = TableScanBuilder::new(below.scan.table_name.clone(), provider_as_source(Arc::new(table))).build()?;
    let columns = schema.iter().zip(scan.projected_schema.iter()).map(|((qualifier, field), (table, column))| {
        Expr::Column(Column::new(table.cloned(), column.name())).alias_qualified(qualifier.cloned(), field.name())
    });
    let projection = Projection::try_new(columns.collect(), Arc::new(LogicalPlan::TableScan(scan)))?;
    Ok(Some(LogicalPlan::Projection(projection)))
}
