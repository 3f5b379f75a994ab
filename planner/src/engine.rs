//! The engine: from SQL to a stream of batches. Planning and execution run on threads of their own, apart
//! from those that serve connections, with stacks deep enough for nested plans.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SQLOptions;
use datafusion::sql::parser::Statement;
use rail_forge_connectors::{POSTGRES_TYPE, PinnedSnapshot, SnapshotStore, Source};
use tokio::runtime::Runtime;

use crate::bind::{OutputColumn, Wanted, bind};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::names::{self, Resolved};
use crate::pg_type::PgType;
use crate::postgres::datetime::zone::Zone;
use crate::query::{Prepared, Query, SessionOptions, Surroundings};
use crate::session::Sessions;
use crate::statement;
use crate::stream::{Analysed, Execution, ResultStream};

/// Planning recurses over expressions and subqueries; the limits on text keep it within this.
const STACK_BYTES: usize = 32 << 20;
/// The time zone of sessions that name none.
const UTC: &str = "UTC";

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
                let (analysed, wanted) = engine.analyse(&query, snapshot).await?;
                if query.parameters.is_none() {
                    refuse_unbound(&wanted)?;
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
        let (analysed, wanted) = self.analyse(query, snapshot).await?;
        Ok(Prepared { schema: analysed.schema, parameters: wanted, truth: analysed.truth })
    }

    /// The analysed plan, whose columns are those of the result, and the parameters that the statement wants.
    async fn analyse(&self, query: &Query, snapshot: PinnedSnapshot) -> Result<(Analysed, Wanted)> {
        let statement = statement::parse(&query.sql)?;
        let state = self.sessions.open(&snapshot, &query.options);
        let Resolved { tables, truth } = names::resolve(&state, &statement, &snapshot.manifest).await?;
        let surroundings = surroundings(&state, &query.options)?;
        let (plan, columns, wanted) = match statement::query_of(&statement) {
            Some(inner) => {
                let bound = bind(inner, &tables, &surroundings, query.parameters.as_deref())?;
                check_count(&bound.wanted, query)?;
                let columns = matches!(statement, Statement::Statement(_)).then_some(bound.columns);
                (statement::explained_if_asked(bound.plan, &statement)?, columns, bound.wanted)
            }
            None => (state.statement_to_plan(statement).await?, None, vec![]),
        };
        read_only().verify_plan(&plan)?;
        let plan = state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {})?;
        let schema = result_schema(&plan, columns.as_deref());
        Ok((Analysed { state, plan, schema, truth, snapshot }, wanted))
    }
}

/// What functions are told about the session.
fn surroundings(state: &SessionState, options: &SessionOptions) -> Result<Surroundings> {
    let zone = options.timezone.clone().unwrap_or_else(|| UTC.to_owned());
    if Zone::named(&zone).is_none() {
        return Err(Error::Query(format!("invalid value for parameter \"TimeZone\": \"{zone}\"")));
    }
    let now = state.execution_props().query_execution_start_time;
    let defaults = &state.config_options().catalog;
    Ok(Surroundings {
        now_micros: now.map_or(0, |now| now.timestamp_micros()),
        zone,
        catalog: defaults.default_catalog.clone(),
        schema: defaults.default_schema.clone(),
    })
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The columns of a result as it calls them, with what is told of them. A computed column says its type where Arrow does not.
fn result_schema(plan: &LogicalPlan, columns: Option<&[OutputColumn]>) -> SchemaRef {
    let describe = |(index, field): (usize, &FieldRef)| {
        let field = field.as_ref().clone().with_metadata(HashMap::new());
        let Some(column) = columns.and_then(|columns| columns.get(index)) else { return field };
        let field = field.with_name(&column.name);
        let is_told = matches!(column.pg_type, PgType::Uuid | PgType::Json | PgType::Jsonb | PgType::Printed(_));
        match &column.metadata {
            Some(metadata) => field.with_metadata(metadata.as_ref().clone()),
            None if is_told => {
                field.with_metadata(HashMap::from([(POSTGRES_TYPE.to_owned(), column.pg_type.to_string())]))
            }
            None => field,
        }
    };
    Arc::new(Schema::new(plan.schema().fields().iter().enumerate().map(describe).collect::<Vec<_>>()))
}

/// Whether as many parameters are given as the statement has, if any are.
fn check_count(wanted: &Wanted, query: &Query) -> Result<()> {
    let Some(given) = &query.parameters else { return Ok(()) };
    if given.len() == wanted.len() {
        return Ok(());
    }
    Err(Error::Parameter(format!(
        "the statement has {} parameter{}, but {} {} given",
        wanted.len(),
        if wanted.len() == 1 { "" } else { "s" },
        given.len(),
        if given.len() == 1 { "was" } else { "were" },
    )))
}

fn refuse_unbound(wanted: &Wanted) -> Result<()> {
    match wanted.len() {
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
