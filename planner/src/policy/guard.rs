//! The operator above a row filter. It gives the rows that the filter has left, and lets nothing of the query's come
//! below: no condition, no expression, no order and no limit is moved past it, so that nothing of the query's is ever
//! evaluated on a row that may not be seen, and could tell of it by failing. It says nothing of what is below it either:
//! no statistics that an aggregate could be answered from, and not what the filter, or the reading of rows for it, has
//! failed on.

use std::sync::Arc;

use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Result, Statistics};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use rail_forge_connectors as connectors;
use rail_forge_connectors::TableName;

use crate::error::Error;
use crate::pass_through::{Passing, rows_with_errors};

/// The operator.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) table: Arc<TableName>,
}

impl Passing for Guard {
    const NAME: &'static str = "Guard";

    fn anew(&self) -> Self {
        Self { table: Arc::clone(&self.table) }
    }

    fn subject(&self) -> Option<String> {
        Some(self.table.to_string())
    }

    /// An order that is wanted above is made above.
    fn is_transparent(&self) -> bool {
        false
    }

    /// How many rows there are, about, so that joins are planned well, and nothing of what is in them.
    fn statistics(&self, input: &Arc<Statistics>) -> Option<Statistics> {
        let unknown = vec![ColumnStatistics::new_unknown(); input.column_statistics.len()];
        Some(Statistics {
            num_rows: input.num_rows.to_inexact(),
            total_byte_size: Precision::Absent,
            column_statistics: unknown,
        })
    }

    fn rows(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let table = Arc::clone(&self.table);
        rows_with_errors(input, partition, context, move |error| retold(error, &table))
    }
}

/// What a client is told when a filter fails, or a row cannot be read for it to be evaluated on: the same in both cases,
/// as either may be because of a row that it must not see.
pub(super) fn retold(error: DataFusionError, table: &TableName) -> DataFusionError {
    const FAILS: &str = "the row filter fails on the table's rows; it should be written so that it cannot";
    match Error::from(error) {
        // The text may have a value of a row, and so it is not for the log either.
        Error::Value(error) => tracing::warn!(%table, sqlstate = error.sqlstate, "{FAILS}"),
        Error::Query(_) | Error::Unsupported(_) => tracing::warn!(%table, "{FAILS}"),
        // As a refresh tells of a table that it cannot pull.
        Error::Snapshot(error @ connectors::Error::Table { .. }) => {
            tracing::warn!(%table, "the rows that a row filter is for cannot be read: {error}");
        }
        other => return other.into(),
    }
    Error::Forbidden(format!("the row filter of {table} cannot be evaluated; the server's log says more")).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ValueError;

    #[test]
    fn an_error_tells_nothing_of_the_rows() {
        let table = TableName { catalog: "shop".into(), schema: "public".into(), table: "orders".into() };
        let cell = connectors::Error::Table {
            table: Box::new(table.clone()),
            column: Some("canary".into()),
            message: "row 17 of those read: canary".into(),
            cause: None,
        };
        let errors = [
            DataFusionError::External(Box::new(cell)),
            Error::Value(ValueError::new("22P02", "invalid input syntax: canary")).into(),
            DataFusionError::Execution("canary".to_owned()),
        ];
        let told = errors.map(|error| Error::from(retold(error, &table)));
        for error in &told {
            assert!(matches!(error, Error::Forbidden(_)) && !error.to_string().contains("canary"), "{error:?}");
        }
        assert!(told.windows(2).all(|pair| pair[0].to_string() == pair[1].to_string()));
    }

    #[test]
    fn what_is_not_of_the_rows_is_told_as_it_is() {
        let table = TableName { catalog: "shop".into(), schema: "public".into(), table: "orders".into() };
        let error = Error::from(retold(Error::TooLarge("memory".into()).into(), &table));
        assert!(matches!(error, Error::TooLarge(_)), "{error:?}");
    }
}
