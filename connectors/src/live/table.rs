//! A live table as DataFusion sees it. A scan of it becomes one statement for PostgreSQL, or two for the halves
//! of a large heap.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{Result, Statistics, internal_datafusion_err, project_schema};
use datafusion::datasource::TableType;
use datafusion::logical_expr::{Expr, SortExpr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;

use super::entry::LiveEntry;
use super::scan::{LiveScan, Of, Request};
use super::statement::Statement;
use crate::TableName;
use crate::column_type::{Cell, ColumnPlan};
use crate::pull::{PageRange, Selection};
use crate::snapshot::{TableEntry, in_memory_schema};

/// Statements that read a large heap side by side.
const MAX_PARTITIONS: usize = 2;
/// Rows of a batch: few, so that the first come soon, and what the engine's own batches have.
pub(super) const BATCH_ROWS: usize = 8_192;

/// A table whose rows PostgreSQL has, or the groups of them that it makes.
#[derive(Debug, Clone)]
pub struct LiveTable {
    name: TableName,
    pub(super) entry: Arc<LiveEntry>,
    unique_key: Vec<String>,
    /// As plans see it: text and bytes are views.
    pub(super) schema: SchemaRef,
    /// How each column of the schema is selected.
    outputs: Vec<Output>,
    pub(super) rows: Rows,
}

/// How a column is selected, and what its cells are.
#[derive(Debug, Clone)]
pub(super) struct Output {
    pub(super) expression: String,
    pub(super) cell: Cell,
}

/// What rows there are.
#[derive(Debug, Clone)]
pub(super) enum Rows {
    /// Those of the table.
    Own,
    /// One for each group of them.
    Groups { conditions: Vec<String>, groups: Vec<String> },
    /// The first in some order.
    First { conditions: Vec<String>, order: Vec<String>, rows: usize },
}

impl LiveTable {
    /// The table of an entry, if it is a live one.
    pub(crate) fn new(entry: &TableEntry) -> Option<Self> {
        let live = entry.live.clone()?;
        let output =
            |column: &super::LiveColumn| Output { expression: column.expression.clone(), cell: column.cell.clone() };
        Some(Self {
            name: entry.name.clone(),
            schema: in_memory_schema(&entry.schema),
            outputs: live.columns.iter().map(output).collect(),
            entry: Arc::new(live),
            unique_key: entry.unique_key().to_vec(),
            rows: Rows::Own,
        })
    }

    /// The table of the first `rows` of those that the filters leave, in an order that is the same here and there.
    /// They may come in any order. None when PostgreSQL cannot be asked for it.
    pub fn first(&self, filters: &[Expr], order: &[SortExpr], rows: usize) -> Option<Self> {
        if !matches!(self.rows, Rows::Own) {
            return None;
        }
        let conditions = filters.iter().map(|filter| self.entry.condition(filter)).collect::<Option<_>>()?;
        let key = |key: &SortExpr| {
            let value = self.entry.ordered(&key.expr)?.expression;
            let direction = if key.asc { "ASC" } else { "DESC" };
            Some(format!("{value} {direction} NULLS {}", if key.nulls_first { "FIRST" } else { "LAST" }))
        };
        let order = order.iter().map(key).collect::<Option<_>>()?;
        let rows = Rows::First { conditions, order, rows };
        Some(self.derived(Arc::clone(&self.schema), self.outputs.clone(), rows))
    }

    /// The columns that no two rows have the same values in.
    pub(crate) fn unique_key(&self) -> &[String] {
        match self.rows {
            Rows::Own | Rows::First { .. } => &self.unique_key,
            Rows::Groups { .. } => &[],
        }
    }

    /// Another table that is computed from this one.
    pub(super) fn derived(&self, schema: SchemaRef, outputs: Vec<Output>, rows: Rows) -> Self {
        Self { schema, outputs, rows, ..self.clone() }
    }

    /// The statement for some columns of the rows that the filters leave.
    pub(super) fn statement(
        &self,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Option<Statement> {
        let select = self.projected(projection).map(|(_, output)| output.expression.clone()).collect();
        let mut statement = Statement { select, relation: self.name.quoted(), limit, ..Statement::default() };
        match &self.rows {
            Rows::Own => {}
            Rows::Groups { conditions, groups } => {
                statement.conditions.clone_from(conditions);
                statement.groups = Some(groups.clone());
            }
            Rows::First { conditions, order, rows } => {
                statement.conditions.clone_from(conditions);
                statement.order.clone_from(order);
                statement.limit = Some(limit.map_or(*rows, |limit| limit.min(*rows)));
            }
        }
        for filter in filters {
            statement.conditions.push(self.condition(filter)?);
        }
        Some(statement)
    }

    fn condition(&self, filter: &Expr) -> Option<String> {
        match self.rows {
            Rows::Own => self.entry.condition(filter),
            // It would have to be decided after groups were made and rows chosen, which are few.
            Rows::Groups { .. } | Rows::First { .. } => None,
        }
    }

    /// The columns that a scan gives.
    fn projected(&self, projection: Option<&Vec<usize>>) -> impl Iterator<Item = (&Arc<Field>, &Output)> {
        let all = self.schema.fields().iter().zip(&self.outputs);
        let indices = projection.cloned().unwrap_or_else(|| (0..self.outputs.len()).collect());
        let all: Vec<_> = all.collect();
        indices.into_iter().filter_map(move |index| all.get(index).copied())
    }

    /// What the cells of a scan are read as.
    fn selection(&self, projection: Option<&Vec<usize>>) -> Selection {
        let plan = |(field, output): (&Arc<Field>, &Output)| ColumnPlan {
            field: Field::new(field.name(), pulled_type(field.data_type()), field.is_nullable()).into(),
            expression: output.expression.clone(),
            cell: output.cell.clone(),
        };
        Selection::of_query(&self.name, self.projected(projection).map(plan).collect(), BATCH_ROWS)
    }
}

#[async_trait]
impl TableProvider for LiveTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn statistics(&self) -> Option<Statistics> {
        let rows = match (&self.rows, self.entry.estimated_rows) {
            (Rows::Own, Some(rows)) => Precision::Inexact(usize::try_from(rows).unwrap_or(usize::MAX)),
            _ => Precision::Absent,
        };
        Some(Statistics::new_unknown(&self.schema).with_num_rows(rows))
    }

    /// A filter that PostgreSQL decides is not evaluated again; of all others it knows nothing.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| match self.condition(filter) {
            Some(_) => TableProviderFilterPushDown::Exact,
            None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut statement = self
            .statement(projection, filters, limit)
            .ok_or_else(|| internal_datafusion_err!("a filter on {} cannot be sent", self.name))?;
        let selection = self.selection(projection);
        statement.select = selection.expressions().map(str::to_owned).collect();
        let is_whole = matches!(self.rows, Rows::Own) && filters.is_empty() && limit.is_none();
        let partitions = MAX_PARTITIONS.min(state.config().target_partitions()) as u64;
        // With a filter, PostgreSQL may have an index that is better than a scan of each half.
        let statements = if is_whole {
            let ranges = PageRange::even(self.entry.pages, partitions);
            ranges.into_iter().map(|range| statement.sql(Some(range))).collect()
        } else {
            vec![statement.sql(None)]
        };
        let rows = if is_whole { self.statistics().unwrap_or_default().num_rows } else { Precision::Absent };
        let schema = project_schema(&self.schema, projection)?;
        let request = Request { of: Of::Table(Arc::clone(&self.entry)), selection, schema };
        Ok(Arc::new(LiveScan::new(request, statements, rows)))
    }
}

/// The type that cells are read as, for a column that plans see as a view.
fn pulled_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        other => other.clone(),
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::super::LiveColumn;
    use super::super::entry::testing::{self, column};
    use super::*;
    use arrow::datatypes::Schema;

    /// A table with a column of some kinds.
    pub(in super::super) fn live_table() -> LiveTable {
        let list = DataType::List(Field::new_list_field(DataType::Int32, true).into());
        let columns = [
            (column("i", Cell::Int32, "int4"), DataType::Int32),
            (column("n", Cell::Decimal { precision: 12, scale: 2 }, "numeric"), DataType::Decimal128(12, 2)),
            (column("f", Cell::Float64, "float8"), DataType::Float64),
            (column("d", Cell::Date, "date"), DataType::Date32),
            (column("t", Cell::Text, "text"), DataType::Utf8View),
            (column("e", Cell::Text, "mood"), DataType::Utf8View),
            (column("a", Cell::List(Box::new(Cell::Int32)), "_int4"), list),
        ];
        let fields: Vec<Field> =
            columns.iter().map(|(column, data_type)| Field::new(&column.name, data_type.clone(), true)).collect();
        let columns: Vec<LiveColumn> = columns.into_iter().map(|(column, _)| column).collect();
        let output = |column: &LiveColumn| Output { expression: column.expression.clone(), cell: column.cell.clone() };
        LiveTable {
            name: TableName { catalog: "shop".into(), schema: "public".into(), table: "t".into() },
            schema: Schema::new(fields).into(),
            outputs: columns.iter().map(output).collect(),
            entry: Arc::new(testing::entry(columns)),
            unique_key: vec![],
            rows: Rows::Own,
        }
    }
}
