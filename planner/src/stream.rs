//! A result on its way: batches that the engine computes on its own threads go through a short queue to
//! whoever serves the client. Dropping the stream, or the deadline, ends the query.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::{FutureExt, Stream, StreamExt};
use rail_forge_connectors::{LiveQuery, Manifest, PinnedSnapshot};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::AbortHandle;
use tokio::time::{Instant, Sleep};

use crate::admission::{Admission, Class, Place};
use crate::bind::Wanted;
use crate::error::{Error, Result};
use crate::explain::{ExplainOptions, Explanation, Measured};
use crate::found_rows::with_found_rows;
use crate::interrupt::{Within, check_planning};
use crate::interruptible::{StopFlag, interruptible};
use crate::pieces::pieces;
use crate::query::Truth;
use crate::result_cache::{CachedResult, Key, Recording};
use crate::wide_arrays::{Narrow, narrow};
use crate::window_memory::with_counted_windows;

/// Batches that wait for a reader that is slower than the query: with those in flight on either side, what
/// a stalled client costs in memory.
const QUEUED_BATCHES: usize = 2;

/// The batches of a result.
#[derive(Debug)]
pub struct ResultStream {
    schema: SchemaRef,
    truth: Truth,
    rows: Rows,
}

#[derive(Debug)]
enum Rows {
    /// Of a result that was computed before, and how many batches of it have been given.
    Kept(Arc<CachedResult>, usize),
    Computed(Computed),
}

/// Batches as they are computed.
#[derive(Debug)]
struct Computed {
    batches: mpsc::UnboundedReceiver<Message>,
    until: Until,
    /// Kept by the reader's side, and by a clock of its threads: those of queries look at none while all of them are
    /// busy.
    deadline: Option<Pin<Box<Sleep>>>,
    /// Whether the end has been told, or the deadline.
    ended: bool,
    query: AbortHandle,
    stop: StopFlag,
}

/// A batch on its way, or the end, with the room that it takes until it is read; one that is kept in any case takes
/// none.
type Message = (Result<Option<RecordBatch>>, Option<OwnedSemaphorePermit>);

/// The end of a query's time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Until {
    deadline: Instant,
    timeout: Duration,
}

impl Until {
    pub(crate) fn from_now(timeout: Duration) -> Self {
        Self { deadline: Instant::now() + timeout, timeout }
    }
}

/// A query whose result is known but for its rows.
pub(crate) struct Analysed {
    pub(crate) state: SessionState,
    pub(crate) plan: LogicalPlan,
    pub(crate) schema: SchemaRef,
    /// The parameters that the statement wants.
    pub(crate) wanted: Wanted,
    pub(crate) explain: Option<ExplainOptions>,
    /// What the result is kept by, if it can be.
    pub(crate) kept_by: Option<Key>,
    pub(crate) truth: Truth,
    pub(crate) snapshot: PinnedSnapshot,
    /// Why PostgreSQL answers it as a whole, where it does.
    pub(crate) passed_on: Option<String>,
}

/// What a query needs to run.
pub(crate) struct Execution {
    state: SessionState,
    plan: Arc<dyn ExecutionPlan>,
    schema: SchemaRef,
    wanted: Wanted,
    explain: Option<ExplainOptions>,
    truth: Truth,
    stop: StopFlag,
    snapshot: PinnedSnapshot,
    recording: Option<Recording>,
}

/// A query's place among those that run.
pub(crate) struct Places {
    pub(crate) admission: Arc<Admission>,
    pub(crate) class: Class,
    pub(crate) own: Option<Place>,
}

/// Where batches go.
struct Outlet {
    batches: mpsc::UnboundedSender<Message>,
    room: Arc<Semaphore>,
    places: Places,
}

impl Outlet {
    /// Sends a batch that nobody keeps when there is room for it. Until then, another query may run in this one's
    /// place.
    async fn send(&mut self, batch: RecordBatch) -> Result<()> {
        let room = match Arc::clone(&self.room).try_acquire_owned() {
            Ok(room) => room,
            Err(_) => {
                self.places.own = None;
                let room = Arc::clone(&self.room).acquire_owned().await;
                self.places.own = Some(self.places.admission.enter_again(self.places.class).await?);
                // It is never closed.
                room.map_err(|closed| Error::Internal(Box::new(closed)))?
            }
        };
        self.put(Ok(Some(batch)), Some(room));
        Ok(())
    }

    /// A reader that has gone away misses nothing: it ends the query.
    fn put(&self, batch: Result<Option<RecordBatch>>, room: Option<OwnedSemaphorePermit>) {
        let _ = self.batches.send((batch, room));
    }
}

impl ResultStream {
    /// Starts the query on the runtime.
    pub(crate) fn start(runtime: &Handle, execution: Execution, places: Places, until: Until) -> Self {
        let (sender, batches) = mpsc::unbounded_channel();
        let truth = execution.truth.clone();
        let schema = SchemaRef::clone(&execution.schema);
        let stop = execution.stop.clone();
        let mut outlet = Outlet { batches: sender, room: Arc::new(Semaphore::new(QUEUED_BATCHES)), places };
        let work = async move {
            let end = match AssertUnwindSafe(execution.run(&mut outlet)).catch_unwind().await {
                Ok(end) => end.map(|()| None),
                Err(_) => Err(Error::Internal("the query panicked".into())),
            };
            outlet.put(end, None);
        };
        let query = runtime.spawn(Within::new(stop.clone(), Box::pin(work)));
        let query = query.abort_handle();
        let rows = Rows::Computed(Computed { batches, until, deadline: None, ended: false, query, stop });
        Self { schema, truth, rows }
    }

    /// A result that was computed before, and whose tables are the same in the manifest.
    pub(crate) fn kept(result: Arc<CachedResult>, manifest: &Manifest) -> Self {
        let truth = result.truth(manifest);
        Self { schema: Arc::clone(&result.schema), truth, rows: Rows::Kept(result, 0) }
    }

    /// The columns of every batch. Its decimals may have fewer digits than announced here, where a function
    /// decides on them from a constant.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// What the result is true for.
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// Whether it was computed before.
    pub fn is_kept(&self) -> bool {
        matches!(self.rows, Rows::Kept(..))
    }
}

impl Stream for ResultStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.rows {
            Rows::Kept(result, given) => {
                let next = result.batches.get(*given).cloned();
                *given += 1;
                Poll::Ready(next.map(Ok))
            }
            Rows::Computed(computed) => computed.poll_next(context),
        }
    }
}

impl Computed {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<RecordBatch>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let until = self.until.deadline;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        let next = if self.query.is_finished() || deadline.as_mut().poll(context).is_pending() {
            match ready!(self.batches.poll_recv(context)) {
                Some((batch, _room)) => batch,
                // It would look like a result that is whole.
                None => Err(Error::Internal("the query was ended before its result was whole".into())),
            }
        } else {
            self.end();
            Err(Error::Deadline { seconds: self.until.timeout.as_secs() })
        };
        self.ended = !matches!(next, Ok(Some(_)));
        Poll::Ready(next.transpose())
    }

    /// Ends the query where it gives way next, or where it looks at the flag.
    fn end(&self) {
        self.stop.stop();
        self.query.abort();
    }
}

impl Drop for Computed {
    fn drop(&mut self) {
        self.end();
    }
}

/// The plan that runs. It is analysed already.
pub(crate) async fn physical(
    mut state: SessionState,
    plan: LogicalPlan,
) -> Result<(SessionState, Arc<dyn ExecutionPlan>)> {
    // The time that planning may take does not begin before it, and the binder has read the moment of now() by then.
    state.mark_start_execution();
    let optimized = state.optimizer().optimize(plan, &state, |_, _| {})?;
    let plan = state.query_planner().create_physical_plan(&optimized, &state).await?;
    // What could not be computed now would be when the query runs, where nobody counts it.
    check_planning()?;
    Ok((state, plan))
}

impl Execution {
    /// Plans the query, and connects to the sources of the live tables that it reads: the first rows cannot be
    /// sent before it is known what they are true for.
    pub(crate) async fn new(analysed: Analysed, recording: Option<Recording>) -> Result<Self> {
        let Analysed { state, plan, schema, wanted, explain, truth, snapshot, .. } = analysed;
        let stop = StopFlag::default();
        let runs = explain.is_none_or(|options| options.analyze);
        let (mut state, plan) = physical(state, plan).await?;
        let Narrow { plan, batch_rows } = narrow(plan, state.config().batch_size())?;
        // Changing them copies all settings.
        if batch_rows < state.config().batch_size() {
            *state.config_mut() = state.config().clone().with_batch_size(batch_rows);
        }
        let plan = with_counted_windows(interruptible(with_found_rows(plan)?, &stop)?)?;
        let truth = match state.config().get_extension::<LiveQuery>().filter(|_| runs) {
            Some(live) => truth.read_at(&live.open(&plan).await?),
            None => truth,
        };
        Ok(Self { state, plan, schema, wanted, explain, truth, stop, snapshot, recording })
    }

    async fn run(mut self, outlet: &mut Outlet) -> Result<()> {
        if let Some(options) = self.explain {
            let explained = self.explained(options).await?;
            return outlet.send(explained).await;
        }
        let mut stream = execute_stream(self.plan, self.state.task_ctx())?;
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            let kept = self.recording.as_mut().and_then(|recording| recording.add(&batch));
            match kept {
                Some(kept) => outlet.put(Ok(Some(kept)), None),
                None => {
                    for piece in pieces(batch) {
                        outlet.send(piece).await?;
                    }
                }
            }
        }
        if let Some(recording) = self.recording {
            recording.finish(self.schema, self.wanted);
        }
        drop(self.snapshot);
        Ok(())
    }

    /// The explanation of the query, which is run if that is asked for.
    async fn explained(&self, options: ExplainOptions) -> Result<RecordBatch> {
        let mut measured = None;
        if options.analyze {
            let (started, mut rows) = (Instant::now(), 0);
            let mut stream = execute_stream(Arc::clone(&self.plan), self.state.task_ctx())?;
            while let Some(batch) = stream.next().await {
                rows += batch?.num_rows();
            }
            measured = Some(Measured { rows, elapsed: started.elapsed() });
        }
        let (truth, manifest, plan) = (&self.truth, &self.snapshot.manifest, &self.plan);
        Explanation { options, truth, manifest, plan, measured }.batch()
    }
}
