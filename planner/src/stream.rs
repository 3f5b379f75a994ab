//! A result on its way: kept from before, or batches as the engine computes them (`computed.rs`).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use futures::{Stream, StreamExt};
use rail_forge_connectors::{LiveQuery, Manifest, PinnedSnapshot};
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::bind::Wanted;
use crate::computed::{Computed, Outlet, Places, Until};
use crate::error::{Error, Result};
use crate::execute::execute;
use crate::explain::{ExplainOptions, Explanation, Measured};
use crate::found_rows::with_found_rows;
use crate::interrupt::check_planning;
use crate::interruptible::{StopFlag, interruptible};
use crate::null_peers::with_null_peers;
use crate::one_pass::needs_one_pass;
use crate::pieces::pieces;
use crate::query::Truth;
use crate::result_cache::{CachedResult, Key, Recording};
use crate::wide_arrays::{Narrow, narrow};
use crate::window_memory::with_counted_windows;

/// The batches of a result.
#[derive(Debug)]
pub struct ResultStream {
    schema: SchemaRef,
    truth: Truth,
    until: Until,
    rows: Rows,
}

#[derive(Debug)]
enum Rows {
    /// Of a result that was computed before, and how many batches of it have been given.
    Kept(Arc<CachedResult>, usize),
    Computed(Computed),
}

/// A query whose result is known but for its rows.
pub(crate) struct Analysed {
    pub(crate) state: SessionState,
    pub(crate) plan: LogicalPlan,
    /// How long it has taken so far.
    pub(crate) planning: Duration,
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
    planning: Duration,
    schema: SchemaRef,
    wanted: Wanted,
    explain: Option<ExplainOptions>,
    truth: Truth,
    stop: StopFlag,
    snapshot: PinnedSnapshot,
    recording: Option<Recording>,
}

impl ResultStream {
    /// Starts the query on the runtime.
    pub(crate) fn start(runtime: &Handle, execution: Execution, places: Places, until: Until) -> Self {
        let truth = execution.truth.clone();
        let schema = SchemaRef::clone(&execution.schema);
        let stop = execution.stop.clone();
        let computed = Computed::start(runtime, places, until.clone(), stop, |outlet| execution.run(outlet));
        Self { schema, truth, until, rows: Rows::Computed(computed) }
    }

    /// A result that was computed before, and whose tables are the same in the manifest.
    pub(crate) fn kept(result: Arc<CachedResult>, manifest: &Manifest, until: Until) -> Self {
        let truth = result.truth(manifest);
        Self { schema: Arc::clone(&result.schema), truth, until, rows: Rows::Kept(result, 0) }
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

    /// When nothing of it may be held any longer, and what whoever still waits for rows is told then.
    pub fn deadline(&self) -> (std::time::Instant, Error) {
        (self.until.deadline().into_std(), self.until.passed())
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

/// The plan that runs. It is analysed already.
pub(crate) async fn physical(
    mut state: SessionState,
    plan: LogicalPlan,
) -> Result<(SessionState, Arc<dyn ExecutionPlan>)> {
    if needs_one_pass(&plan)? {
        state.config_mut().options_mut().optimizer.max_passes = 1;
    }
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
        let started = Instant::now();
        let Analysed { state, plan, planning, schema, wanted, explain, truth, snapshot, .. } = analysed;
        let stop = StopFlag::default();
        let runs = explain.is_none_or(|options| options.analyze);
        let (mut state, plan) = physical(state, plan).await?;
        let Narrow { plan, batch_rows } = narrow(plan, state.config().batch_size())?;
        // Changing them copies all settings.
        if batch_rows < state.config().batch_size() {
            *state.config_mut() = state.config().clone().with_batch_size(batch_rows);
        }
        let plan = with_counted_windows(interruptible(with_found_rows(with_null_peers(plan)?)?, &stop)?)?;
        let planning = planning + started.elapsed();
        let truth = match state.config().get_extension::<LiveQuery>().filter(|_| runs) {
            Some(live) => truth.read_at(&live.open(&plan).await?),
            None => truth,
        };
        Ok(Self { state, plan, planning, schema, wanted, explain, truth, stop, snapshot, recording })
    }

    async fn run(mut self, mut outlet: Outlet) -> Result<()> {
        if let Some(options) = self.explain {
            outlet.send_kept(self.explained(options).await?);
            return Ok(());
        }
        let mut stream = execute(self.plan, self.state.task_ctx())?;
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            let kept = self.recording.as_mut().and_then(|recording| recording.add(&batch));
            match kept {
                Some(kept) => outlet.send_kept(kept),
                None => {
                    for (piece, bytes) in pieces(batch) {
                        outlet.send(piece, bytes).await?;
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
            let mut stream = execute(Arc::clone(&self.plan), self.state.task_ctx())?;
            while let Some(batch) = stream.next().await {
                rows += batch?.num_rows();
            }
            measured = Some(Measured { rows, elapsed: started.elapsed() });
        }
        let (truth, manifest, plan) = (&self.truth, &self.snapshot.manifest, &self.plan);
        Explanation { options, truth, manifest, plan, planning: self.planning, measured }.batch()
    }
}
