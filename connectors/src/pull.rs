//! Reads rows from PostgreSQL into Arrow batches, as one exported snapshot sees them. Two readers stand
//! behind one trait: COPY, decoded where it arrives, and ConnectorX's binary parser. Both hand the bytes of
//! each cell to the same builders, so that a table is the same whoever read it.

mod batch_sink;
mod cell_error;
mod cell_values;
mod column_builder;
mod connectorx;
mod copy;
mod copy_format;
mod exported_snapshot;
mod free_decimal;
mod numeric;
mod page_range;
mod row_cells;
mod session;
mod shard_snapshots;
mod socket;

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};

use self::batch_sink::BATCH_ROWS;
pub(crate) use self::batch_sink::PulledBatch;
pub(crate) use self::exported_snapshot::{POSITION, moment, query_statements, reading_statements};
pub use self::free_decimal::Digits;
pub(crate) use self::free_decimal::settled;
pub(crate) use self::page_range::{PLACE_PAGE_SHIFT, PageRange};
pub(crate) use self::session::{Purpose, Session, query_failed};
pub(crate) use self::shard_snapshots::ShardSnapshots;
use crate::TableName;
use crate::catalogue::{Relation, TableDescription};
use crate::column_type::{self, Cell, ColumnPlan};
use crate::error::{Error, Result};
use crate::live::quoted_text;
use crate::source_settings::Unrepresentable;

/// The columns that say which version of a row was read: its place, and the transaction that wrote it. No
/// table can have columns of its own of these names.
pub(crate) const ROW_PLACE: &str = "ctid";
pub(crate) const ROW_WRITER: &str = "xmin";

/// Why a pull ended early.
#[derive(Debug)]
pub(crate) enum PullFailure {
    Error(Error),
    /// A file of the snapshot that the refresh builds on cannot be read.
    Unreadable(Error),
    /// A value has shown that the column has to be read as text; `column` counts from 0.
    NeedsText {
        column: usize,
        reason: &'static str,
    },
}

impl PullFailure {
    /// The failure of a query on a table that is read as it was described, and cannot be read otherwise now.
    pub(crate) fn into_error(self, selection: &Selection) -> Error {
        match self {
            Self::Error(error) | Self::Unreadable(error) => error,
            Self::NeedsText { column, reason } => Error::Table {
                table: Box::new(selection.table.clone()),
                column: selection.schema.fields().get(column).map(|field| field.name().clone()),
                message: format!("it has {reason}; name it in text_columns and refresh the table"),
                cause: None,
            },
        }
    }
}

impl From<Error> for PullFailure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Columns to read, and what of.
#[derive(Debug)]
pub(crate) struct Selection {
    pub(crate) table: TableName,
    pub(crate) schema: SchemaRef,
    columns: Vec<ColumnPlan>,
    /// The column that is the name of the shard of what is read.
    shard_column: Option<usize>,
    /// The columns of the primary key, by which errors name a row.
    key: Vec<usize>,
    /// Rows of a batch.
    batch_rows: usize,
}

impl Selection {
    fn new(table: &TableName, columns: Vec<ColumnPlan>, key: Vec<usize>) -> Self {
        let fields: Vec<_> = columns.iter().map(|column| Arc::clone(&column.field)).collect();
        let schema = Arc::new(Schema::new(fields));
        Self { table: table.clone(), schema, columns, shard_column: None, key, batch_rows: BATCH_ROWS }
    }

    /// Any columns, in batches of so many rows. Rows without columns are counted by a constant.
    pub(crate) fn of_query(table: &TableName, mut columns: Vec<ColumnPlan>, batch_rows: usize) -> Self {
        if columns.is_empty() {
            columns.push(ColumnPlan::of_expression("row", DataType::Boolean, Cell::Bool, "TRUE"));
        }
        Self { batch_rows, ..Self::new(table, columns, vec![]) }
    }

    /// The places and writers of rows.
    pub(crate) fn row_versions(table: &TableName) -> Self {
        Self::new(table, row_version_columns(), vec![])
    }

    /// One number.
    pub(crate) fn number(table: &TableName, expression: &str) -> Self {
        Self::new(table, vec![ColumnPlan::of_expression("number", DataType::Int64, Cell::Int64, expression)], vec![])
    }

    /// The query that reads `relation`; `condition` is SQL, or empty for all rows.
    pub(crate) fn query(&self, relation: &Relation, condition: &str) -> String {
        let condition = if condition.is_empty() { String::new() } else { format!(" WHERE {condition}") };
        let shard = self.shard_column.map(|column| (column, format!("{}::text", quoted_text(&relation.shard_name))));
        let expressions = self.expressions().enumerate().map(|(index, expression)| match &shard {
            Some((column, name)) if *column == index => name,
            _ => expression,
        });
        format!("{} FROM {}{condition}", select(expressions), relation.quoted)
    }

    /// How each column is selected.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.expression.as_str())
    }

    /// The columns, and how their cells are read.
    pub(crate) fn columns(&self) -> &[ColumnPlan] {
        &self.columns
    }

    /// Whether the column's type does not depend on its values.
    pub(crate) fn is_settled(&self, column: usize) -> bool {
        !self.columns[column].cell.is_free()
    }

    /// The query up to its `FROM`.
    pub(crate) fn select(&self) -> String {
        select(self.expressions())
    }
}

fn select<'a>(expressions: impl Iterator<Item = &'a str>) -> String {
    format!("SELECT {}", expressions.collect::<Vec<_>>().join(", "))
}

fn row_version_columns() -> Vec<ColumnPlan> {
    vec![
        ColumnPlan::of_expression(ROW_PLACE, DataType::Int64, Cell::Place, ROW_PLACE),
        ColumnPlan::of_expression(ROW_WRITER, DataType::UInt32, Cell::UInt32, ROW_WRITER),
    ]
}

/// A table that can be pulled.
#[derive(Debug)]
pub(crate) struct TablePlan {
    pub(crate) description: TableDescription,
    /// What its rows are read as: its columns, and their versions behind them where they are kept.
    pub(crate) selection: Selection,
}

impl TablePlan {
    /// Plans a table whose columns `as_text` come as PostgreSQL prints them, and whose rows' versions are kept
    /// if `with_versions`.
    ///
    /// # Errors
    /// [`Error::Table`] when the role may not read the table.
    pub(crate) fn new(
        description: TableDescription,
        as_text: &[String],
        with_versions: bool,
        unrepresentable: Unrepresentable,
    ) -> Result<Self> {
        let name = &description.name;
        if let Some(why) = description.why_nothing() {
            return Err(Error::table(name, why));
        }
        // The name of the shard is not of the database's values.
        let may_become_null =
            |index| unrepresentable == Unrepresentable::Null && description.shard_column != Some(index);
        let mut columns: Vec<ColumnPlan> = description
            .columns
            .iter()
            .map(|column| column_type::plan(column, as_text.contains(&column.name)))
            .enumerate()
            .map(|(index, plan)| if may_become_null(index) { plan.nullable() } else { plan })
            .collect();
        let position = |name: &String| description.columns.iter().position(|column| &column.name == name);
        let key = description.primary_key.iter().flat_map(|key| &key.columns).map(position).collect::<Option<Vec<_>>>();
        let mut key = key.unwrap_or_default();
        let shard_column = description.shard_column;
        // Errors name the shard anyway.
        key.retain(|&column| Some(column) != shard_column);
        if with_versions {
            columns.extend(row_version_columns());
        }
        let selection = Selection { shard_column, ..Selection::new(name, columns, key) };
        Ok(Self { description, selection })
    }

    pub(crate) fn name(&self) -> &TableName {
        &self.description.name
    }

    /// The table's own columns, with the types that values of so many digits give them.
    pub(crate) fn table_schema(&self, digits: &[Option<Digits>]) -> SchemaRef {
        let width = self.description.columns.len();
        let fields = self.selection.schema.fields().iter().take(width).enumerate();
        let settled =
            fields.map(|(index, field)| match (self.selection.columns[index].cell.is_free(), digits.get(index)) {
                (true, digits) => free_decimal::settled(field, digits.copied().flatten().unwrap_or_default()),
                (false, _) => Arc::clone(field),
            });
        Arc::new(Schema::new(settled.collect::<Vec<_>>()))
    }

    /// Whether rows can be told apart by their places within each relation.
    pub(crate) fn has_places(description: &TableDescription) -> bool {
        description.readable
            && description.relations.iter().all(|relation| relation.kind.has_heap() && !relation.has_children)
    }
}
