//! Where a column of a result comes from. A result column that is a column of a table, unchanged, has that
//! column's PostgreSQL type and comment in its metadata; anything computed has none, because its type is
//! another one. The metadata does not travel through plans: DataFusion would carry it over casts, and
//! compares it where it must not.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::JoinType;
use datafusion::logical_expr::{Aggregate, Distinct, Expr, Join, LogicalPlan, TableScan};
use rail_forge_connectors::{Manifest, TableName};

/// Aggregates whose result is one of their inputs.
const CHOOSING_AGGREGATES: [&str; 4] = ["min", "max", "first_value", "last_value"];

/// Finds origins in one manifest.
pub(crate) struct Origins<'a> {
    pub(crate) manifest: &'a Manifest,
    pub(crate) default_catalog: &'a str,
    pub(crate) default_schema: &'a str,
}

type Metadata = HashMap<String, String>;

impl<'a> Origins<'a> {
    /// The plan's schema, with the metadata of the columns that it shows unchanged.
    pub(crate) fn describe(&self, plan: &LogicalPlan) -> SchemaRef {
        let describe = |(index, field): (usize, &Arc<arrow::datatypes::Field>)| {
            let metadata = self.of_column(plan, index).cloned().unwrap_or_default();
            field.as_ref().clone().with_metadata(metadata)
        };
        let fields: Vec<_> = plan.schema().fields().iter().enumerate().map(describe).collect();
        Arc::new(Schema::new(fields))
    }

    /// The metadata of the table column that the plan's column `index` shows.
    fn of_column(&self, plan: &LogicalPlan, index: usize) -> Option<&'a Metadata> {
        match plan {
            LogicalPlan::Projection(projection) => self.of_expression(projection.expr.get(index)?, &projection.input),
            LogicalPlan::Filter(filter) => self.of_column(&filter.input, index),
            LogicalPlan::Sort(sort) => self.of_column(&sort.input, index),
            LogicalPlan::Limit(limit) => self.of_column(&limit.input, index),
            LogicalPlan::SubqueryAlias(alias) => self.of_column(&alias.input, index),
            LogicalPlan::Distinct(Distinct::All(input)) => self.of_column(input, index),
            LogicalPlan::Distinct(Distinct::On(on)) => self.of_expression(on.select_expr.get(index)?, &on.input),
            LogicalPlan::Window(window) if index < window.input.schema().fields().len() => {
                self.of_column(&window.input, index)
            }
            LogicalPlan::Aggregate(aggregate) => self.of_aggregate(aggregate, index),
            LogicalPlan::Join(join) => self.of_join(join, index),
            LogicalPlan::RecursiveQuery(query) => self.of_column(&query.static_term, index),
            LogicalPlan::Union(union) => {
                let mut origins = union.inputs.iter().map(|input| self.of_column(input, index));
                let first = origins.next()??;
                origins.all(|origin| origin == Some(first)).then_some(first)
            }
            LogicalPlan::TableScan(scan) => self.of_table(scan, index),
            _ => None,
        }
    }

    fn of_expression(&self, expression: &Expr, input: &LogicalPlan) -> Option<&'a Metadata> {
        match expression {
            Expr::Column(column) => self.of_column(input, input.schema().maybe_index_of_column(column)?),
            Expr::Alias(alias) => self.of_expression(&alias.expr, input),
            _ => None,
        }
    }

    fn of_aggregate(&self, aggregate: &Aggregate, index: usize) -> Option<&'a Metadata> {
        if let Some(group) = aggregate.group_expr.get(index) {
            return self.of_expression(group, &aggregate.input);
        }
        match unaliased(aggregate.aggr_expr.get(index - aggregate.group_expr.len())?) {
            Expr::AggregateFunction(function) if CHOOSING_AGGREGATES.contains(&function.func.name()) => {
                self.of_expression(function.params.args.first()?, &aggregate.input)
            }
            _ => None,
        }
    }

    fn of_join(&self, join: &Join, index: usize) -> Option<&'a Metadata> {
        let left_columns = join.left.schema().fields().len();
        match join.join_type {
            JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => self.of_column(&join.right, index),
            _ if index < left_columns => self.of_column(&join.left, index),
            JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => {
                self.of_column(&join.right, index - left_columns)
            }
            JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => None,
        }
    }

    fn of_table(&self, scan: &TableScan, index: usize) -> Option<&'a Metadata> {
        let resolved = scan.table_name.clone().resolve(self.default_catalog, self.default_schema);
        let name = TableName {
            catalog: resolved.catalog.to_string(),
            schema: resolved.schema.to_string(),
            table: resolved.table.to_string(),
        };
        let column = scan.projected_schema.fields().get(index)?.name();
        self.manifest.table(&name)?.schema.field_with_name(column).ok().map(|field| field.metadata())
    }
}

fn unaliased(expression: &Expr) -> &Expr {
    match expression {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}
