//! The operator above the scan of a live table of which some columns must not be known. The rows are those of the scan;
//! an error of it names no other column than those that may be.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::{Result, Statistics};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use rail_forge_connectors as connectors;

use crate::error::Error;
use crate::pass_through::{Passing, rows_with_errors};

/// The operator.
#[derive(Debug)]
pub(super) struct Redaction {
    /// The columns that may be known.
    pub(super) visible: SchemaRef,
}

impl Passing for Redaction {
    const NAME: &'static str = "Redaction";

    fn anew(&self) -> Self {
        Self { visible: Arc::clone(&self.visible) }
    }

    fn statistics(&self, input: &Arc<Statistics>) -> Option<Statistics> {
        Some(input.as_ref().clone())
    }

    fn rows(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let visible = Arc::clone(&self.visible);
        rows_with_errors(input, partition, context, move |error| redacted(error, &visible))
    }
}

fn redacted(error: DataFusionError, visible: &Schema) -> DataFusionError {
    match Error::from(error) {
        Error::Snapshot(error) => DataFusionError::External(Box::new(without_hidden_column(error, visible))),
        other => other.into(),
    }
}

/// A table as a whole has changed for whoever must not know the column that has.
fn without_hidden_column(error: connectors::Error, visible: &Schema) -> connectors::Error {
    match error {
        connectors::Error::Table { table, column: Some(column), message, cause }
            if visible.field_with_name(&column).is_err() =>
        {
            tracing::warn!(%table, column, "a query that must not know of a column has failed because of it: {message}");
            let message = "a column was dropped or changed since it was described; refresh the table".to_owned();
            connectors::Error::Table { table, column: None, message, cause }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field};
    use rail_forge_connectors::TableName;

    use super::*;

    #[test]
    fn no_hidden_column_is_named() {
        let visible = Schema::new(vec![Field::new("id", DataType::Int32, true)]);
        let told = |column: &str| {
            let table = TableName { catalog: "shop".into(), schema: "public".into(), table: "orders".into() };
            let error = connectors::Error::Table {
                table: Box::new(table),
                column: Some(column.to_owned()),
                message: format!("{column} was dropped"),
                cause: None,
            };
            Error::from(redacted(DataFusionError::External(Box::new(error)), &visible)).to_string()
        };
        assert_eq!(told("id"), "table shop.public.orders, column \"id\": id was dropped");
        let hidden = told("canary");
        assert!(hidden.contains("shop.public.orders") && hidden.contains("refresh the table"), "{hidden}");
        assert!(!hidden.contains("canary"), "{hidden}");
    }
}
