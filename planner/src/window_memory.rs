//! Counts what windows keep. Where a frame can end at the last row, DataFusion's operator holds its whole input, and
//! takes no memory from the pool for it.
//!
//! ```text
//! before: WindowAggExec: count(1)          after: WindowAggExec: count(1)
//!           CrossJoinExec                           CountedInput
//!                                                     CrossJoinExec
//! ```

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
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
use crate::wide_arrays::{arrays_of_a_row, has_arrays, has_list};

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
        let repeats_arrays = has_arrays(&input.schema()) && {
            let computed = plan.schema();
            computed.fields().iter().skip(input.schema().fields().len()).any(|field| has_list(field.data_type()))
        };
        let counted = Arc::new(PassThrough::new(Arc::clone(input), CountedInput { repeats_arrays }));
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        plan.replace_children(vec![counted], options).map(Transformed::yes)
    })
    .data()
}

/// The operator. It holds memory for the rows as long as somebody reads from it.
#[derive(Debug)]
struct CountedInput {
    /// Whether the window gives arrays of its input, each in any number of rows.
    repeats_arrays: bool,
}

impl Passing for CountedInput {
    const NAME: &'static str = "CountedInput";

    fn anew(&self) -> Self {
        Self { repeats_arrays: self.repeats_arrays }
    }

    fn rows(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let memory = MemoryConsumer::new("rows of a window").register(context.memory_pool());
        let mut counter = RecordBatchMemoryCounter::new();
        let mut arrays = Arrays::default();
        let repeats_arrays = self.repeats_arrays;
        let batches = input.execute(partition, context)?.map(move |batch| {
            let batch = batch?;
            // Batches share memory, and each part of it counts once; a batch may be rows without columns.
            let computed = batch.num_rows().saturating_mul(BYTES_OF_RESULT);
            let repeated = if repeats_arrays { arrays.more(&batch) } else { 0 };
            memory.try_grow(counter.count_batch(&batch).saturating_add(computed).saturating_add(repeated))?;
            Ok(batch)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(input.schema(), batches)))
    }
}

/// What the largest arrays take if they are in every row.
#[derive(Debug, Default)]
struct Arrays {
    rows: usize,
    largest: usize,
    counted: usize,
}

impl Arrays {
    /// By how much that is more with another batch.
    fn more(&mut self, batch: &RecordBatch) -> usize {
        self.rows += batch.num_rows();
        self.largest = self.largest.max(arrays_of_a_row(batch));
        let all = self.rows.saturating_mul(self.largest);
        let more = all.saturating_sub(self.counted);
        self.counted = all;
        more
    }
}
