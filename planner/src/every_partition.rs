//! Sees to it that every partition of a join begins. A hash join that collects its left side waits with each partition
//! until all have said that they have it (DataFusion 55), before it tells the right side which keys there are. One that
//! is dropped before, because the operator above had nothing to join its rows with, would let the others wait for ever.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{Stream, StreamExt};
use tokio::runtime::Handle;

use crate::interrupt::Within;
use crate::interruptible::StopFlag;

/// The operator. It gives the rows of its input.
#[derive(Debug)]
pub(crate) struct EveryPartition {
    input: Arc<dyn ExecutionPlan>,
    stop: StopFlag,
}

impl EveryPartition {
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>, stop: StopFlag) -> Self {
        Self { input, stop }
    }
}

impl DisplayAs for EveryPartition {
    fn fmt_as(&self, _format: DisplayFormatType, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EveryPartition")
    }
}

impl ExecutionPlan for EveryPartition {
    fn name(&self) -> &str {
        "EveryPartition"
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
            Some(input) => Ok(Arc::new(Self { input, stop: self.stop.clone() })),
            None => internal_err!("EveryPartition has one input"),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let rows = self.input.execute(partition, context)?;
        Ok(Box::pin(Beginning { schema: rows.schema(), rows: Some(rows), has_begun: false, stop: self.stop.clone() }))
    }
}

/// A partition's rows, which are asked for at least once.
struct Beginning {
    schema: SchemaRef,
    rows: Option<SendableRecordBatchStream>,
    has_begun: bool,
    stop: StopFlag,
}

impl Stream for Beginning {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(rows) = &mut self.rows else { return Poll::Ready(None) };
        let next = rows.poll_next_unpin(context);
        self.has_begun |= next.is_ready();
        next
    }
}

impl RecordBatchStream for Beginning {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

impl Drop for Beginning {
    fn drop(&mut self) {
        let Some(mut rows) = self.rows.take().filter(|_| !self.has_begun && !self.stop.is_set()) else { return };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(Within::new(self.stop.clone(), Box::pin(async move { drop(rows.next().await) })));
        }
    }
}
