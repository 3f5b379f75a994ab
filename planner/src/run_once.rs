//! An operator that runs its input once and no more.
//!
//! When the smaller side of a nested-loop join does not fit into memory, DataFusion 55 runs that side's plan a
//! second time to spill it. A plan below that has given away its rows, such as another join, gives none the
//! second time, and the answer is wrong without an error. With this operator the query fails instead, and
//! says what it needs.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err, resources_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

/// The operator, above an input of one partition.
#[derive(Debug)]
pub(crate) struct RunOnce {
    input: Arc<dyn ExecutionPlan>,
    has_run: AtomicBool,
}

impl RunOnce {
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>) -> Self {
        Self { input, has_run: AtomicBool::new(false) }
    }
}

impl DisplayAs for RunOnce {
    fn fmt_as(&self, _format: DisplayFormatType, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RunOnce")
    }
}

impl ExecutionPlan for RunOnce {
    fn name(&self) -> &str {
        "RunOnce"
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
            Some(input) => Ok(Arc::new(Self::new(input))),
            None => internal_err!("RunOnce has one input"),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        if self.has_run.swap(true, Ordering::Relaxed) {
            return resources_err!("the smaller side of a join does not fit");
        }
        self.input.execute(partition, context)
    }
}
