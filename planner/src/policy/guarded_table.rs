//! A table of which some columns or rows may not be seen. It has no other columns than those that may be; a scan of it
//! evaluates the row filter first, and nothing of the query's below it but conditions that tell nothing of the rows that
//! are left out, beside a filter that tells nothing of them either. Where a filter can fail, or the reading of rows for
//! it, a query that chose rows below would choose which of them fails.
//!
//! ```text
//! TableScan: orders, filters=[id > 7]        Guard: orders
//!                                              ProjectionExec: [the columns that are asked for]
//!                                                FilterExec: tenant = 3 AND id > 7
//!                                                  the table's own scan, filters=[tenant = 3, id > 7]
//! ```

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, Result};
use datafusion::datasource::TableType;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use rail_forge_connectors::{LiveTable, TableName};

use super::Access;
use super::guard::{Guard, retold};
use super::leakproof::is_leakproof;
use super::redaction::Redaction;
use crate::error::Error;
use crate::pass_through::PassThrough;

/// The table.
#[derive(Debug)]
pub(crate) struct GuardedTable {
    name: Arc<TableName>,
    inner: Arc<dyn TableProvider>,
    /// The places in the inner table's schema of the columns that there are.
    columns: Vec<usize>,
    schema: SchemaRef,
    rows: Rows,
}

/// The rows that there are.
#[derive(Debug, Clone)]
enum Rows {
    All,
    /// Those of a filter that nobody has bound: none, and no scan.
    NotKnown,
    /// Those that meet a condition on the inner table's columns.
    Of {
        condition: Expr,
        /// Whether it has left the other rows out before anything of them can fail.
        narrows_first: bool,
    },
}

impl GuardedTable {
    /// What a policy leaves of a table. Where it leaves out rows, there is no scan before `with_rows`.
    pub(super) fn new(name: TableName, inner: Arc<dyn TableProvider>, access: Access) -> Result<Self> {
        let schema = Arc::new(inner.schema().project(&access.columns)?);
        let rows = if access.rows.is_empty() { Rows::All } else { Rows::NotKnown };
        Ok(Self { name: Arc::new(name), inner, columns: access.columns, schema, rows })
    }

    /// The table with all that may not be seen.
    pub(crate) fn inner(&self) -> &Arc<dyn TableProvider> {
        &self.inner
    }

    /// The table with all its rows.
    ///
    /// # Errors
    /// When there are some that may not be read.
    pub(crate) fn with_all_rows(&self) -> Result<Self, Error> {
        match self.rows {
            Rows::All => Ok(self.limited_to(Rows::All)),
            Rows::NotKnown | Rows::Of { .. } => Err(not_known(&self.name)),
        }
    }

    /// The table with the rows that meet a condition on the inner table's columns.
    ///
    /// # Errors
    /// When the inner table cannot say what it makes of the condition.
    pub(crate) fn with_rows(&self, condition: Expr) -> Result<Self> {
        let narrows_first = self.narrows_first(&condition)?;
        Ok(self.limited_to(Rows::Of { condition, narrows_first }))
    }

    /// Whether a condition leaves out rows of which nothing has failed. Of a live table, a cell that has no place in Arrow
    /// fails as it is read, so that PostgreSQL itself must leave the row out.
    fn narrows_first(&self, condition: &Expr) -> Result<bool> {
        if !is_leakproof(condition, &self.inner.schema()) {
            return Ok(false);
        }
        if !self.inner.is::<LiveTable>() {
            return Ok(true);
        }
        let known = self.inner.supports_filters_pushdown(&split_conjunction(condition))?;
        Ok(known.into_iter().all(|known| known == TableProviderFilterPushDown::Exact))
    }

    fn limited_to(&self, rows: Rows) -> Self {
        Self {
            name: Arc::clone(&self.name),
            inner: Arc::clone(&self.inner),
            columns: self.columns.clone(),
            schema: Arc::clone(&self.schema),
            rows,
        }
    }

    /// The places in the inner schema of columns that are given by their places in this one.
    fn places(&self, projection: Option<&Vec<usize>>) -> Vec<usize> {
        match projection {
            Some(places) => places.iter().filter_map(|&place| self.columns.get(place).copied()).collect(),
            None => self.columns.clone(),
        }
    }

    /// The scan of the rows that meet `condition`, and the query's filters, which tell nothing.
    async fn guarded_scan(
        &self,
        state: &dyn Session,
        wanted: Vec<usize>,
        condition: &Expr,
        filters: &[Expr],
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let inner_schema = self.inner.schema();
        let conditions: Vec<&Expr> =
            split_conjunction(condition).into_iter().chain(filters.iter().flat_map(split_conjunction)).collect();
        let shown = wanted.len();
        let mut read = wanted;
        for column in conditions.iter().flat_map(|condition| condition.column_refs()) {
            let place = inner_schema.index_of(&column.name)?;
            if !read.contains(&place) {
                read.push(place);
            }
        }
        // What the table's own scan is asked to leave out may be asked of rows in any order.
        let tell_nothing: Vec<&Expr> =
            conditions.iter().copied().filter(|condition| is_leakproof(condition, &inner_schema)).collect();
        let known = self.inner.supports_filters_pushdown(&tell_nothing)?;
        let pushed: Vec<Expr> = tell_nothing
            .into_iter()
            .zip(known)
            .filter(|(_, known)| *known != TableProviderFilterPushDown::Unsupported)
            .map(|(condition, _)| condition.clone())
            .collect();
        let scan = self.inner.scan(state, Some(&read), &pushed, None).await?;
        let all = conjunction(conditions.into_iter().cloned()).unwrap_or_else(|| condition.clone());
        let schema = scan.schema();
        let predicate = state.create_physical_expr(all, &DFSchema::try_from(Arc::clone(&schema))?)?;
        let filtered: Arc<dyn ExecutionPlan> = Arc::new(FilterExec::try_new(predicate, scan)?);
        let columns = schema.fields().iter().take(shown).enumerate().map(|(place, field)| {
            let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), place));
            (column, field.name().clone())
        });
        let shown: Arc<dyn ExecutionPlan> = match shown == schema.fields().len() {
            true => filtered,
            false => Arc::new(ProjectionExec::try_new(columns, filtered)?),
        };
        Ok(Arc::new(PassThrough::new(shown, Guard { table: Arc::clone(&self.name) })))
    }
}

#[async_trait]
impl TableProvider for GuardedTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let narrows_first = match self.rows {
            Rows::All => return self.inner.supports_filters_pushdown(filters),
            Rows::NotKnown => false,
            Rows::Of { narrows_first, .. } => narrows_first,
        };
        let support = |filter: &&Expr| match narrows_first && is_leakproof(filter, &self.schema) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Unsupported,
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
        let wanted = self.places(projection);
        match &self.rows {
            Rows::All => {
                let scan = self.inner.scan(state, Some(&wanted), filters, limit).await?;
                // Snapshots were read before, and say nothing of columns when they fail.
                if !self.inner.is::<LiveTable>() {
                    return Ok(scan);
                }
                Ok(Arc::new(PassThrough::new(scan, Redaction { visible: Arc::clone(&self.schema) })))
            }
            // The first rows of all are not the first of those that may be seen.
            Rows::Of { condition, .. } => {
                let scan = self.guarded_scan(state, wanted, condition, filters).await;
                scan.map_err(|error| retold(error, &self.name))
            }
            Rows::NotKnown => Err(not_known(&self.name).into()),
        }
    }
}

fn not_known(table: &TableName) -> Error {
    Error::Forbidden(format!("it is not known which rows of {table} may be read"))
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, Schema};
    use datafusion::datasource::MemTable;
    use datafusion::logical_expr::{cast, col, lit};

    use super::*;

    fn orders() -> GuardedTable {
        let fields = [("tenant", DataType::Int64), ("note", DataType::Utf8View)];
        let schema = Arc::new(Schema::new(fields.map(|(name, data_type)| Field::new(name, data_type, true)).to_vec()));
        let inner = Arc::new(MemTable::try_new(schema, vec![vec![]]).unwrap());
        let name = TableName { catalog: "shop".into(), schema: "public".into(), table: "orders".into() };
        GuardedTable::new(name, inner, Access { columns: vec![0, 1], rows: vec![] }).unwrap()
    }

    #[test]
    fn a_query_chooses_rows_beside_a_filter_that_cannot_fail_and_above_any_other() {
        let (known, failing) = (col("tenant").eq(lit(3_i64)), cast(col("note"), DataType::Int32).gt(lit(0_i32)));
        for (filter, condition, expected) in [
            (known.clone(), known.clone(), TableProviderFilterPushDown::Exact),
            (known.clone(), failing.clone(), TableProviderFilterPushDown::Unsupported),
            (failing.clone(), known.clone(), TableProviderFilterPushDown::Unsupported),
            (known.clone().and(failing), known, TableProviderFilterPushDown::Unsupported),
        ] {
            let table = orders().with_rows(filter.clone()).unwrap();
            assert_eq!(table.supports_filters_pushdown(&[&condition]).unwrap(), [expected], "{filter}: {condition}");
        }
    }
}
