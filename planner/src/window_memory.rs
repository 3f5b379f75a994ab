//! Counts what windows keep. Where a frame can end at the last row, DataFusion's operator holds its whole input, and
//! takes no memory from the pool for it.
//!
//! ```text
//! before: WindowAggExec: count(1)          after: WindowAggExec: count(1)
//!           CrossJoinExec                           CountedInput
//!                                                     CrossJoinExec
//! ```

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::utils::memory::RecordBatchMemoryCounter;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::windows::WindowAggExec;
use datafusion::physical_plan::{ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions};
use futures::StreamExt;

use crate::pass_through::{PassThrough, Passing};

/// What a window function computes for a row, of which numbers are made before they are put into columns.
const BYTES_OF_RESULT: usize = 64;

/// The plan, with its windows' rows counted.
pub(crate) fn with_counted_windows(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|plan| {
        let inputs = plan.children();
        let [input] = inputs.as_slice() else { return Ok(Transformed::no(plan)) };
        if !plan.is::<WindowAggExec>() {
            return Ok(Transformed::no(plan));
        }
        let counted = Arc::new(PassThrough::new(Arc::clone(input), CountedInput));
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        plan.replace_children(vec![counted], options).map(Transformed::yes)
    })
    .data()
}

/// The operator. It holds memory for the rows as long as somebody reads from it.
#[derive(Debug)]
struct CountedInput;

impl Passing for CountedInput {
    const NAME: &'static str = "CountedInput";

    fn anew(&self) -> Self {
        Self
    }

    fn rows(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let memory = MemoryConsumer::new("rows of a window").register(context.memory_pool());
        let mut counter = RecordBatchMemoryCounter::new();
        let batches = input.execute(partition, context)?.map(move |batch| {
            let batch = batch?;
            // Batches share memory, and each part of it counts once; a batch may be rows without columns.
            let computed = batch.num_rows().saturating_mul(BYTES_OF_RESULT);
            memory.try_grow(counter.count_batch(&batch).saturating_add(computed))?;
            Ok(batch)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(input.schema(), batches)))
    }
}
