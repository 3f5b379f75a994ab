//! Counts what windows keep. Where a frame can end at the last row, DataFusion's operator holds its whole input, and
//! takes no memory from the pool for it.
//!
//! ```text
//! before: WindowAggExec: count(1)          after: WindowAggExec: count(1)
//!           CrossJoinExec                           CountedInput
//!                                                     CrossJoinExec
//! ```

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::utils::memory::RecordBatchMemoryCounter;
use datafusion::common::{Result, internal_err};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::windows::WindowAggExec;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};
use futures::StreamExt;

/// The plan, with its windows' rows counted.
pub(crate) fn with_counted_windows(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|plan| {
        let inputs = plan.children();
        let [input] = inputs.as_slice() else { return Ok(Transformed::no(plan)) };
        if !plan.is::<WindowAggExec>() {
            return Ok(Transformed::no(plan));
        }
        let counted = Arc::new(CountedInput { input: Arc::clone(input) });
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        plan.replace_children(vec![counted], options).map(Transformed::yes)
    })
    .data()
}

/// The operator. It gives the rows of its input, and holds memory for them as long as somebody reads from it.
#[derive(Debug)]
struct CountedInput {
    input: Arc<dyn ExecutionPlan>,
}

impl DisplayAs for CountedInput {
    fn fmt_as(&self, _format: DisplayFormatType, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CountedInput")
    }
}

impl ExecutionPlan for CountedInput {
    fn name(&self) -> &str {
        "CountedInput"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match children.pop() {
            Some(input) => Ok(Arc::new(Self { input })),
            None => internal_err!("CountedInput has one input"),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let memory = MemoryConsumer::new("rows of a window").register(context.memory_pool());
        let mut counter = RecordBatchMemoryCounter::new();
        let batches = self.input.execute(partition, context)?.map(move |batch| {
            let batch = batch?;
            // Batches share memory, and each part of it counts once.
            memory.try_grow(counter.count_batch(&batch))?;
            Ok(batch)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }
}
