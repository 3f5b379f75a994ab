//! An operator that runs its input once and no more.
//!
//! When the smaller side of a nested-loop join does not fit into memory, DataFusion 55 runs that side's plan a
//! second time to spill it. A plan below that has given away its rows, such as another join, gives none the
//! second time, and the answer is wrong without an error. With this operator the query fails instead, and
//! says what it needs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::common::{Result, resources_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;

use crate::pass_through::Passing;

/// The operator, above an input of one partition.
#[derive(Debug, Default)]
pub(crate) struct RunOnce {
    has_run: AtomicBool,
}

impl Passing for RunOnce {
    const NAME: &'static str = "RunOnce";

    fn anew(&self) -> Self {
        Self::default()
    }

    fn rows(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        if self.has_run.swap(true, Ordering::Relaxed) {
            return resources_err!("the smaller side of a join does not fit");
        }
        input.execute(partition, context)
    }
}
