//! The engine: from SQL to a stream of batches. Planning and execution run on threads of their own, apart
//! from those that serve connections, with stacks deep enough for nested plans.

use std::sync::Arc;
use std::time::Duration;

use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SQLOptions;
use rail_forge_connectors::{PinnedSnapshot, SnapshotStore, Source};
use tokio::runtime::Runtime;

use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::numeric::with_numeric_sums;
use crate::origin::Origins;
use crate::query::{Prepared, Query};
use crate::semantics::with_short_literals;
use crate::session::Sessions;
use crate::stream::{Analysed, Execution, ResultStream};
use crate::{names, parameters, statement};

/// Planning recurses over expressions and subqueries; the limits on text keep it within this.
const STACK_BYTES: usize = 32 << 20;

/// Answers queries from the snapshots of a store, and from the sources of live tables. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: Arc<SnapshotStore>,
    sessions: Sessions,
    timeout: Duration,
    /// Taken when the engine is dropped, because a runtime must not be dropped where it could block.
    runtime: Option<Runtime>,
}

impl Engine {
    /// Sets up the engine. Unqualified names are looked up in `default_catalog`; `sources` are asked for the rows of
    /// live tables.
    ///
    /// # Errors
    /// When the spill folder or the threads cannot be had.
    pub fn new(
        store: Arc<SnapshotStore>,
        sources: &[Arc<Source>],
        limits: &Limits,
        default_catalog: &str,
    ) -> Result<Self> {
        let sessions = Sessions::new(limits, &store, sources, default_catalog)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("query")
            .thread_stack_size(STACK_BYTES)
            .enable_time()
            .build()
            .map_err(|cause| Error::Internal(cause.into()))?;
        Ok(Self { shared: Arc::new(Shared { store, sessions, timeout: limits.timeout, runtime: Some(runtime) }) })
    }

    /// Tells, whenever it is asked, the share of the queries' memory that is taken.
    pub fn memory_share(&self) -> impl Fn() -> f64 + Send + 'static {
        self.shared.sessions.memory_share()
    }

    /// Plans a statement on the current snapshot, without running it.
    ///
    /// # Errors
    /// Whatever is wrong with the statement; see [`Error`].
    pub async fn prepare(&self, query: Query) -> Result<Prepared> {
        let engine = Arc::clone(&self.shared);
        let snapshot = engine.store.pin();
        self.on_query_threads(async move { engine.prepare(&query, snapshot).await }).await
    }

    /// Runs a statement on the snapshot `version`, or on the current one.
    ///
    /// # Errors
    /// Whatever is wrong with the statement; errors of its execution come from the stream.
    pub async fn execute(&self, query: Query, version: Option<u64>) -> Result<ResultStream> {
        let engine = Arc::clone(&self.shared);
        let snapshot = match version {
            Some(version) => engine.store.pin_version(version)?,
            None => engine.store.pin(),
        };
        let timeout = engine.timeout;
        let started = tokio::time::Instant::now();
        let execution = self
            .on_query_threads(async move {
                let analysed = engine.analyse(&query, snapshot).await?;
                if query.parameters.is_none() {
                    refuse_unbound(&analysed.plan)?;
                }
                Execution::new(analysed).await
            })
            .await?;
        let runtime = self.shared.runtime()?;
        Ok(ResultStream::start(runtime.handle(), execution, started + timeout, timeout))
    }

    /// Runs planning under the query timeout, where a panic is an error of this query alone.
    async fn on_query_threads<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let timeout = self.shared.timeout;
        // Planning does not yield, so the one who waits for it keeps the time.
        let task = self.shared.runtime()?.spawn(work);
        match tokio::time::timeout(timeout, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => Err(Error::Internal(Box::new(panic))),
            Err(_) => Err(Error::Deadline { seconds: timeout.as_secs() }),
        }
    }
}

impl Shared {
    fn runtime(&self) -> Result<&Runtime> {
        self.runtime.as_ref().ok_or_else(|| Error::Internal("the engine has stopped".into()))
    }

    async fn prepare(&self, query: &Query, snapshot: PinnedSnapshot) -> Result<Prepared> {
        let analysed = self.analyse(query, snapshot).await?;
        let parameters = parameters::wanted(&analysed.plan)?;
        Ok(Prepared { schema: analysed.schema, parameters, truth: analysed.truth })
    }

    /// The analysed plan: the one whose schema is that of the result.
    async fn analyse(&self, query: &Query, snapshot: PinnedSnapshot) -> Result<Analysed> {
        let statement = statement::parse(&query.sql)?;
        let state = self.sessions.open(&snapshot, &query.defaults);
        let truth = names::resolve(&state, &statement, &snapshot.manifest)?;
        let plan = state.statement_to_plan(statement).await?;
        read_only().verify_plan(&plan)?;
        let plan = with_short_literals(plan)?;
        let plan = match &query.parameters {
            Some(values) => parameters::bind(plan, values)?,
            None => plan,
        };
        let plan = with_numeric_sums(plan)?;
        let plan = state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {})?;
        let defaults = &state.config_options().catalog;
        let origins = Origins {
            manifest: &snapshot.manifest,
            default_catalog: &defaults.default_catalog,
            default_schema: &defaults.default_schema,
        };
        let schema = origins.describe(&plan);
        Ok(Analysed { state, plan, schema, truth, snapshot })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn refuse_unbound(plan: &LogicalPlan) -> Result<()> {
    match parameters::wanted(plan)?.len() {
        0 => Ok(()),
        wanted => Err(Error::Parameter(format!(
            "the statement has {wanted} parameter{}, but none was given",
            if wanted == 1 { "" } else { "s" }
        ))),
    }
}

/// The second look, at the plan: whatever the text looked like, a plan that changes anything is refused.
fn read_only() -> SQLOptions {
    SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false)
}
