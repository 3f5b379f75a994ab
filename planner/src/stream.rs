//! A result on its way: batches that the engine computes on its own threads go through a short queue to
//! whoever serves the client. Dropping the stream, or the deadline, ends the query.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use futures::{FutureExt, Stream, StreamExt};
use rail_forge_connectors::PinnedSnapshot;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, Sleep};

use crate::error::{Error, Result};
use crate::interruptible::{StopFlag, interruptible};
use crate::query::Truth;

/// Batches that wait for a reader that is slower than the query: with those in flight on either side, what
/// a stalled client costs in memory.
const QUEUED_BATCHES: usize = 2;

/// The batches of a result.
#[derive(Debug)]
pub struct ResultStream {
    schema: SchemaRef,
    truth: Truth,
    batches: mpsc::Receiver<Result<RecordBatch>>,
    /// Kept by the reader's side: a query that is busy does not look at clocks.
    deadline: Pin<Box<Sleep>>,
    timeout: Duration,
    /// Whether the deadline has been told.
    stopped: bool,
    query: AbortHandle,
    stop: StopFlag,
}

/// What a query needs to run.
pub(crate) struct Execution {
    pub(crate) state: SessionState,
    pub(crate) plan: LogicalPlan,
    pub(crate) schema: SchemaRef,
    pub(crate) truth: Truth,
    pub(crate) snapshot: PinnedSnapshot,
}

impl ResultStream {
    /// Starts the query on the runtime.
    pub(crate) fn start(runtime: &Handle, execution: Execution, deadline: Instant, timeout: Duration) -> Self {
        let (sender, batches) = mpsc::channel(QUEUED_BATCHES);
        let truth = execution.truth.clone();
        let schema = SchemaRef::clone(&execution.schema);
        let stop = StopFlag::default();
        let flag = stop.clone();
        let query = runtime.spawn(async move {
            let error = match AssertUnwindSafe(execution.run(&sender, &flag)).catch_unwind().await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error,
                Err(_) => Error::Internal("the query panicked".into()),
            };
            // A receiver that has gone away does not miss the error.
            let _ = sender.send(Err(error)).await;
        });
        let deadline = Box::pin(tokio::time::sleep_until(deadline));
        Self { schema, truth, batches, deadline, timeout, stopped: false, query: query.abort_handle(), stop }
    }

    /// The columns of every batch. Its decimals may have fewer digits than announced here, where a function
    /// decides on them from a constant.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Ends the query where it gives way next, or where it looks at the flag.
    fn end(&self) {
        self.stop.stop();
        self.query.abort();
    }

    /// What the result is true for.
    pub fn truth(&self) -> &Truth {
        &self.truth
    }
}

impl Stream for ResultStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.stopped {
            return Poll::Ready(None);
        }
        if self.query.is_finished() || self.deadline.as_mut().poll(context).is_pending() {
            return self.batches.poll_recv(context);
        }
        self.end();
        self.stopped = true;
        Poll::Ready(Some(Err(Error::Deadline { seconds: self.timeout.as_secs() })))
    }
}

impl Drop for ResultStream {
    fn drop(&mut self) {
        self.end();
    }
}

impl Execution {
    async fn run(self, sender: &mpsc::Sender<Result<RecordBatch>>, stop: &StopFlag) -> Result<()> {
        let plan = interruptible(self.state.create_physical_plan(&self.plan).await?, stop)?;
        let mut stream = execute_stream(plan, self.state.task_ctx())?;
        while let Some(batch) = stream.next().await {
            if sender.send(Ok(batch?)).await.is_err() {
                break;
            }
        }
        drop(self.snapshot);
        Ok(())
    }
}
