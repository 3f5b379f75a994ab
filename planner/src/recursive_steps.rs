//! What a step of a recursive query reads: the rows of the step before, as often as its plan asks for them. DataFusion's
//! own scan of them takes them away, and so there can be one; but a subquery that is made a join is asked with the rows
//! beside it, which are in the plan once more.
//!
//! ```text
//! before: RecursiveQueryExec                        after: RecursiveQueryExec
//!           (the first rows)                                 (the first rows)
//!           HashJoinExec                                     KeepStep
//!             StepScan                                         HashJoinExec
//!             AggregateExec                                      StepScan
//!               StepScan                                         AggregateExec
//!                                                                  StepScan
//!                                                              WorkTableExec
//! ```

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::memory::MemoryStream;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::work_table::WorkTableExec;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, InputDistributionRequirements,
    PlanProperties, ReplaceChildrenOptions,
};
use futures::{StreamExt, TryStreamExt, stream};

/// The rows of the step before as a table.
#[derive(Debug)]
pub(crate) struct StepTable {
    /// The recursive query's, which no other has.
    name: String,
    schema: SchemaRef,
}

impl StepTable {
    pub(crate) fn new(name: &str, schema: SchemaRef) -> Self {
        Self { name: name.to_owned(), schema }
    }
}

#[async_trait]
impl TableProvider for StepTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => Arc::clone(&self.schema),
        };
        Ok(Arc::new(StepScan {
            name: self.name.clone(),
            whole: Arc::clone(&self.schema),
            columns: projection.cloned(),
            step: Arc::default(),
            properties: Arc::new(properties(schema)),
        }))
    }
}

fn properties(schema: SchemaRef) -> PlanProperties {
    let nothing = EquivalenceProperties::new(schema);
    let one = Partitioning::UnknownPartitioning(1);
    PlanProperties::new(nothing, one, EmissionType::Incremental, Boundedness::Bounded)
}

/// The rows of the step before, and the memory that they take.
#[derive(Debug, Default)]
struct Step(Mutex<Option<(Vec<RecordBatch>, MemoryReservation)>>);

impl Step {
    fn keep(&self, batches: Vec<RecordBatch>, reservation: MemoryReservation) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((batches, reservation));
    }

    fn batches(&self) -> Result<Vec<RecordBatch>> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            Some((batches, _)) => Ok(batches.clone()),
            None => internal_err!("a step of a recursive query has no rows before it"),
        }
    }
}

/// Reads them.
#[derive(Debug, Clone)]
struct StepScan {
    name: String,
    /// The schema of all columns, and those that are read.
    whole: SchemaRef,
    columns: Option<Vec<usize>>,
    step: Arc<Step>,
    properties: Arc<PlanProperties>,
}

impl DisplayAs for StepScan {
    fn fmt_as(&self, _format: DisplayFormatType, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "StepScan: name={}", self.name)
    }
}

impl ExecutionPlan for StepScan {
    fn name(&self) -> &str {
        "StepScan"
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

    fn execute(&self, _partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let rows = MemoryStream::try_new(self.step.batches()?, Arc::clone(&self.whole), self.columns.clone())?;
        // That a column may be NULL is said of the table, and not of each of its batches.
        let schema = self.schema();
        let typed = Arc::clone(&schema);
        let rows = rows.map(move |batch: Result<RecordBatch>| -> Result<RecordBatch> {
            let batch = batch?;
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            Ok(RecordBatch::try_new_with_options(Arc::clone(&typed), batch.columns().to_vec(), &options)?)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }
}

/// Keeps the rows of the step before for all that read them, and then runs the next.
#[derive(Debug)]
struct KeepStep {
    next: Arc<dyn ExecutionPlan>,
    before: Arc<dyn ExecutionPlan>,
    step: Arc<Step>,
    properties: Arc<PlanProperties>,
}

impl KeepStep {
    fn new(next: Arc<dyn ExecutionPlan>, before: Arc<dyn ExecutionPlan>, step: Arc<Step>) -> Self {
        let properties = Arc::new(properties(next.schema()));
        Self { next, before, step, properties }
    }
}

impl DisplayAs for KeepStep {
    fn fmt_as(&self, _format: DisplayFormatType, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeepStep")
    }
}

impl ExecutionPlan for KeepStep {
    fn name(&self) -> &str {
        "KeepStep"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.next, &self.before]
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![Distribution::SinglePartition; 2])
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; 2]
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match <[Arc<dyn ExecutionPlan>; 2]>::try_from(children) {
            Ok([next, before]) => Ok(Arc::new(Self::new(next, before, Arc::clone(&self.step)))),
            Err(_) => internal_err!("KeepStep has two inputs"),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let before = self.before.execute(partition, Arc::clone(&context))?;
        let (step, next) = (Arc::clone(&self.step), Arc::clone(&self.next));
        let rows = async move {
            let batches: Vec<RecordBatch> = before.try_collect().await?;
            let reservation = MemoryConsumer::new("StepScan").register(context.memory_pool());
            reservation.try_grow(batches.iter().map(RecordBatch::get_array_memory_size).sum())?;
            step.keep(batches, reservation);
            next.execute(partition, context)
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), stream::once(rows).try_flatten())))
    }
}

/// The rule. It comes before distributions are decided on.
#[derive(Debug)]
pub(crate) struct RecursiveSteps;

impl PhysicalOptimizerRule for RecursiveSteps {
    fn name(&self) -> &str {
        "recursive_steps"
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            let Some(recursion) = plan.downcast_ref::<RecursiveQueryExec>() else { return Ok(Transformed::no(plan)) };
            // Two that are run beside each other have the same name when one WITH query is named twice.
            let step = Arc::<Step>::default();
            let mut rows = None;
            let next = Arc::clone(recursion.recursive_term()).transform_up(|node| {
                Ok(match node.downcast_ref::<StepScan>() {
                    Some(scan) if scan.name == recursion.name() => {
                        rows = Some(Arc::clone(&scan.whole));
                        let scan: Arc<dyn ExecutionPlan> =
                            Arc::new(StepScan { step: Arc::clone(&step), ..scan.clone() });
                        Transformed::yes(scan)
                    }
                    _ => Transformed::no(node),
                })
            })?;
            let Some(rows) = rows else { return Ok(Transformed::no(plan)) };
            let before = Arc::new(WorkTableExec::new(recursion.name().to_owned(), rows, None)?);
            let first = Arc::clone(recursion.static_term());
            let keep: Arc<dyn ExecutionPlan> = Arc::new(KeepStep::new(next.data, before, step));
            let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
            plan.replace_children(vec![first, keep], options).map(Transformed::yes)
        })
        .data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}
