//! The operator that reads a live table, or what PostgreSQL answers to a whole query. Each of its partitions is one
//! statement, which EXPLAIN shows.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, internal_datafusion_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, StatisticsArgs,
};
use futures::{StreamExt, TryStreamExt};

use super::entry::LiveEntry;
use super::query::LiveQuery;
use super::reading::Reading;
use crate::TableName;
use crate::pull::Selection;

/// The operator.
#[derive(Debug)]
pub(crate) struct LiveScan {
    pub(super) request: Arc<Request>,
    /// One for each partition.
    statements: Vec<String>,
    rows: Precision<usize>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

/// What is read, whatever the partition.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) of: Of,
    pub(super) selection: Selection,
    /// The schema of the batches.
    pub(super) schema: SchemaRef,
}

/// Whose rows are read.
#[derive(Debug)]
pub(super) enum Of {
    /// A table's, which must be what it was described as.
    Table(Arc<LiveEntry>),
    /// A query's. `settings` are the statements that say how PostgreSQL is to read it.
    Query { settings: String },
}

impl Request {
    pub(super) fn table(&self) -> &TableName {
        &self.selection.table
    }

    /// The table to be locked against changes of what it is.
    pub(super) fn lockable(&self) -> Option<&TableName> {
        match &self.of {
            Of::Table(entry) if entry.lockable => Some(self.table()),
            Of::Table(_) | Of::Query { .. } => None,
        }
    }
}

impl LiveScan {
    pub(super) fn new(request: Request, statements: Vec<String>, rows: Precision<usize>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&request.schema)),
            Partitioning::UnknownPartitioning(statements.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            request: Arc::new(request),
            statements,
            rows,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    /// How many statements it sends.
    pub(super) fn statements(&self) -> usize {
        self.statements.len()
    }

    pub(super) fn request(&self) -> &Arc<Request> {
        &self.request
    }

    /// The source that it reads from.
    pub(super) fn source(&self) -> &str {
        &self.request.table().catalog
    }
}

impl DisplayAs for LiveScan {
    fn fmt_as(&self, format: DisplayFormatType, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let statements = self.statements.join("; ");
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(formatter, "LiveScan: source={}, sql=[{statements}]", self.source())
            }
            DisplayFormatType::TreeRender => write!(formatter, "source={}\nsql={statements}", self.source()),
        }
    }
}

impl ExecutionPlan for LiveScan {
    fn name(&self) -> &str {
        "LiveScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![]
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, _children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let query = context
            .session_config()
            .get_extension::<LiveQuery>()
            .ok_or_else(|| internal_datafusion_err!("a live table is read outside of a query"))?;
        let statement = self
            .statements
            .get(partition)
            .cloned()
            .ok_or_else(|| internal_datafusion_err!("LiveScan has no partition {partition}"))?;
        let request = Arc::clone(&self.request);
        let pool = Arc::clone(context.memory_pool());
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        // Nothing is asked of PostgreSQL before somebody wants the first row.
        let batches = futures::stream::once(async move { Reading::start(&query, request, statement, &pool).await })
            .try_flatten()
            .inspect_ok(move |batch| metrics.record_output(batch.num_rows()))
            .boxed();
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.request.schema), batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(
        &self,
        _inputs: &[Arc<Statistics>],
        arguments: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let partitions = if arguments.partition().is_some() { self.statements.len() } else { 1 };
        let rows = match self.rows {
            Precision::Exact(rows) | Precision::Inexact(rows) => Precision::Inexact(rows / partitions),
            Precision::Absent => Precision::Absent,
        };
        Ok(Arc::new(Statistics::new_unknown(&self.request.schema).with_num_rows(rows)))
    }
}
