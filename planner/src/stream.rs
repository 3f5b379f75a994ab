//! A result on its way: batches that the engine computes on its own threads go through a short queue to
//! whoever serves the client. Dropping the stream, or the deadline, ends the query.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::{FutureExt, Stream, StreamExt};
use rail_forge_connectors::{LiveQuery, PinnedSnapshot};
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

/// A query whose result is known but for its rows.
pub(crate) struct Analysed {
    pub(crate) state: SessionState,
    pub(crate) plan: LogicalPlan,
    pub(crate) schema: SchemaRef,
    pub(crate) truth: Truth,
    pub(crate) snapshot: PinnedSnapshot,
}

/// What a query needs to run.
pub(crate) struct Execution {
    state: SessionState,
    plan: Arc<dyn ExecutionPlan>,
    schema: SchemaRef,
    truth: Truth,
    stop: StopFlag,
    snapshot: PinnedSnapshot,
}

impl ResultStream {
    /// Starts the query on the runtime.
    pub(crate) fn start(runtime: &Handle, execution: Execution, deadline: Instant, timeout: Duration) -> Self {
        let (sender, batches) = mpsc::channel(QUEUED_BATCHES);
        let truth = execution.truth.clone();
        let schema = SchemaRef::clone(&execution.schema);
        let stop = execution.stop.clone();
        let query = runtime.spawn(async move {
            let error = match AssertUnwindSafe(execution.run(&sender)).catch_unwind().await {
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

/// The plan that runs. A plan that explains itself shows how it was optimized; others are analysed already.
async fn physical(state: &SessionState, plan: LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
    if matches!(plan, LogicalPlan::Explain(_)) {
        return Ok(state.create_physical_plan(&plan).await?);
    }
    let optimized = state.optimizer().optimize(plan, state, |_, _| {})?;
    Ok(state.query_planner().create_physical_plan(&optimized, state).await?)
}

impl Execution {
    /// Plans the query, and connects to the sources of the live tables that it reads: the first rows cannot be
    /// sent before it is known what they are true for.
    pub(crate) async fn new(analysed: Analysed) -> Result<Self> {
        let Analysed { state, plan, schema, truth, snapshot } = analysed;
        let stop = StopFlag::default();
        let runs = !matches!(plan, LogicalPlan::Explain(_));
        let plan = interruptible(physical(&state, plan).await?, &stop)?;
        let truth = match state.config().get_extension::<LiveQuery>().filter(|_| runs) {
            Some(live) => truth.read_at(&live.open(&plan).await?),
            None => truth,
        };
        Ok(Self { state, plan, schema, truth, stop, snapshot })
    }

    async fn run(self, sender: &mpsc::Sender<Result<RecordBatch>>) -> Result<()> {
        let mut stream = execute_stream(self.plan, self.state.task_ctx())?;
        while let Some(batch) = stream.next().await {
            if sender.send(Ok(batch?)).await.is_err() {
                break;
            }
        }
        drop(self.snapshot);
        Ok(())
    }
}
