//! How plans run. What an operator computes comes from all threads; rows that are in memory already, and
//! only have to be handed over, come from one, partition after partition: several would hand them to it first.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, execute_stream};
use futures::{TryStreamExt, stream};
use rail_forge_connectors::reads_memory;

/// Runs the plan.
///
/// # Errors
/// When an operator cannot begin.
pub(crate) fn execute(plan: Arc<dyn ExecutionPlan>, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
    if !only_hands_over(plan.as_ref()) {
        return execute_stream(plan, context);
    }
    let schema = plan.schema();
    let partitions = 0..plan.output_partitioning().partition_count();
    let streams = stream::iter(partitions.map(move |partition| plan.execute(partition, Arc::clone(&context))));
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, streams.try_flatten())))
}

/// Whether all rows are in memory as they are given.
fn only_hands_over(plan: &dyn ExecutionPlan) -> bool {
    let chooses = |projection: &ProjectionExec| projection.expr().iter().all(|each| each.expr.is::<Column>());
    let passes = plan.is::<UnionExec>() || plan.downcast_ref::<ProjectionExec>().is_some_and(chooses);
    reads_memory(plan) || passes && plan.children().into_iter().all(|input| only_hands_over(input.as_ref()))
}
