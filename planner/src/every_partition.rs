//! Sees to it that every partition of a join begins. A hash join that collects its left side waits with each partition
//! until all have said that they have it (DataFusion 55), before it tells the right side which keys there are. One that
//! is dropped before, because the operator above had nothing to join its rows with, would let the others wait for ever.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use futures::{Stream, StreamExt};
use tokio::runtime::Handle;

use crate::interrupt::Within;
use crate::interruptible::StopFlag;
use crate::pass_through::Passing;

/// The operator.
#[derive(Debug)]
pub(crate) struct EveryPartition {
    stop: StopFlag,
}

impl EveryPartition {
    pub(crate) fn new(stop: StopFlag) -> Self {
        Self { stop }
    }
}

impl Passing for EveryPartition {
    const NAME: &'static str = "EveryPartition";

    fn anew(&self) -> Self {
        Self::new(self.stop.clone())
    }

    fn rows(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let rows = input.execute(partition, context)?;
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
