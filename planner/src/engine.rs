//! The engine: from SQL to a stream of batches. Planning and execution run on threads of their own, apart
//! from those that serve connections, with stacks deep enough for nested plans.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::config::CatalogOptions;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SQLOptions;
use rail_forge_connectors::{POSTGRES_TYPE, PinnedSnapshot, SnapshotStore, Source};
use tokio::runtime::Runtime;
use tokio::task::AbortHandle;

use crate::admission::Admission;
use crate::allocated;
use crate::bind::{OutputColumn, Wanted, bind};
use crate::computed::{Places, Until};
use crate::error::{Error, Result};
use crate::explain;
use crate::fallback::{FallbackStatistics, Fallbacks};
use crate::interrupt::{self, Within};
use crate::interruptible::StopFlag;
use crate::limits::Limits;
use crate::load::Load;
use crate::names::{self, Lookup, Resolved};
use crate::origin::{self, Origin};
use crate::pg_type::PgType;
use crate::postgres::datetime::zone::Zone;
use crate::postgres::value::{Timestamp, TimestampTz};
use crate::query::{Lasting, Prepared, Query, SessionOptions, Surroundings};
use crate::result_cache::{CacheStatistics, CachedResult, Ended, Key, ResultCache, Turn};
use crate::session::Sessions;
use crate::statement::{self, Asked};
use crate::stream::{Analysed, Execution, ResultStream, physical};
use crate::subqueries::is_volatile;

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
    admission: Arc<Admission>,
    results: Arc<ResultCache>,
    fallbacks: Fallbacks,
    /// Taken when the engine is dropped, because a runtime must not be dropped where it could block.
    runtime: Option<Runtime>,
}

impl Engine {
    /// Sets up the engine. Unqualified names are looked up in the first of the `sources` that may be read, and all are
    /// asked for the rows of live tables.
    ///
    /// # Errors
    /// When the spill folder or the threads cannot be had.
    pub fn new(store: Arc<SnapshotStore>, sources: &[Arc<Source>], limits: &Limits) -> Result<Self> {
        let sessions = Sessions::new(limits, &store, sources)?;
        interrupt::follow_tasks();
        allocated::limit(limits.all_bytes());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("query")
            .thread_stack_size(STACK_BYTES)
            .on_thread_park(allocated::before_pause)
            .enable_time()
            .build()
            .map_err(|cause| Error::Internal(cause.into()))?;
        let shared = Shared {
            store,
            sessions,
            timeout: limits.timeout,
            admission: Arc::new(Admission::new(limits.max_queries, limits.queue_timeout)),
            results: Arc::new(ResultCache::new(limits.result_cache_bytes)),
            fallbacks: Fallbacks::new(sources),
            runtime: Some(runtime),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// How the results that are kept are used.
    pub fn cache_statistics(&self) -> CacheStatistics {
        self.shared.results.statistics()
    }

    /// How many queries PostgreSQL has answered as a whole, and why.
    pub fn fallback_statistics(&self) -> FallbackStatistics {
        self.shared.fallbacks.statistics()
    }

    /// The same by what kind of thing is not supported. Kinds are few, and hold nothing of what was asked.
    pub fn fallback_kinds(&self) -> Vec<(&'static str, u64)> {
        self.shared.fallbacks.kinds()
    }

    /// How busy it is.
    pub fn load(&self) -> Load {
        Load::of(&self.shared.admission, &self.shared.sessions)
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
        let query = engine.sessions.placed(query, &snapshot.manifest);
        if let Some(found) = engine.found(&query, &snapshot) {
            let truth = found.truth(&snapshot.manifest);
            return Ok(Prepared { schema: Arc::clone(&found.schema), parameters: found.wanted.clone(), truth });
        }
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
        let query = engine.sessions.placed(query, &snapshot.manifest);
        let until = Until::from_now(engine.timeout);
        if let Some(found) = engine.found(&query, &snapshot) {
            engine.results.count_hit();
            return Ok(ResultStream::kept(found, &snapshot.manifest, until));
        }
        self.on_query_threads(async move { engine.execute(&query, snapshot, until).await }).await
    }

    /// Runs planning under the query timeout, where a panic is an error of this query alone.
    async fn on_query_threads<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let timeout = self.shared.timeout;
        let stop = StopFlag::default();
        // Planning does not yield, so the one who waits for it keeps the time.
        let task = self.shared.runtime()?.spawn(Within::planning(stop.clone(), Box::pin(work)));
        let _ended = EndOnDrop { stop, task: task.abort_handle() };
        match tokio::time::timeout(timeout, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => Err(Error::Internal(Box::new(panic))),
            Err(_) => Err(Error::Deadline { seconds: timeout.as_secs() }),
        }
    }
}

/// Ends planning, and waiting for a place, for which nobody waits any more.
struct EndOnDrop {
    stop: StopFlag,
    task: AbortHandle,
}

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.stop.stop();
        self.task.abort();
    }
}

impl Shared {
    fn runtime(&self) -> Result<&Runtime> {
        self.runtime.as_ref().ok_or_else(|| Error::Internal("the engine has stopped".into()))
    }

    /// The result of a statement, if it was computed before.
    fn found(&self, query: &Query, snapshot: &PinnedSnapshot) -> Option<Arc<CachedResult>> {
        if query.anew {
            return None;
        }
        let now = TimestampTz(chrono::Utc::now().timestamp_micros());
        self.results.find(query, day_of(now, &query.options), &snapshot.manifest)
    }

    async fn prepare(&self, query: &Query, snapshot: PinnedSnapshot) -> Result<Prepared> {
        let mut analysed = self.analyse(query, snapshot).await?;
        // Who answers is told before the query runs, and some is only known not to be supported when its plan is made.
        if self.may_pass_on(query)
            && analysed.passed_on.is_none()
            && let Err(Error::Unsupported(why)) = physical(analysed.state.clone(), analysed.plan.clone()).await
        {
            analysed = self.pass_on(query, why).await?;
        }
        let Analysed { schema, truth, wanted, .. } = analysed;
        Ok(Prepared { schema, parameters: wanted, truth })
    }

    async fn execute(&self, query: &Query, snapshot: PinnedSnapshot, until: Until) -> Result<ResultStream> {
        let analysed = self.analyse(query, snapshot).await?;
        if query.parameters.is_none() {
            refuse_unbound(&analysed.wanted)?;
        }
        let recording = loop {
            let Some(key) = analysed.kept_by.clone() else { break None };
            let manifest = &analysed.snapshot.manifest;
            match self.results.turn(key, &analysed.schema, &analysed.truth, manifest, query.anew) {
                Turn::Compute(recording) => break Some(recording),
                Turn::Alone => break None,
                Turn::Done(result) => return Ok(ResultStream::kept(result, manifest, until)),
                Turn::Wait(mut ended) => {
                    // One whose end is not told has made way for another.
                    if ended.changed().await.is_ok() && *ended.borrow() == Ended::GivenUp {
                        break None;
                    }
                }
            }
        };
        let place = self.admission.enter(query.class).await?;
        let mut passed_on = analysed.passed_on.clone();
        let execution = match Execution::new(analysed, recording).await {
            Err(Error::Unsupported(why)) if passed_on.is_none() => {
                let analysed = self.pass_on(query, why).await?;
                passed_on.clone_from(&analysed.passed_on);
                Execution::new(analysed, None).await?
            }
            other => other?,
        };
        if let Some(why) = passed_on {
            self.fallbacks.count(&why);
        }
        let places = Places { admission: Arc::clone(&self.admission), class: query.class, own: Some(place) };
        Ok(ResultStream::start(self.runtime()?.handle(), execution, places, until))
    }

    /// The analysed plan, whose columns are those of the result: the engine's or, where that does not support the query
    /// and the operator allows it, that of what PostgreSQL answers.
    async fn analyse(&self, query: &Query, snapshot: PinnedSnapshot) -> Result<Analysed> {
        match self.analyse_here(query, snapshot).await {
            Err(Error::Unsupported(why)) => self.pass_on(query, why).await,
            analysed => analysed,
        }
    }

    /// Whether PostgreSQL may be asked: for those who may read everything. It knows of no policy.
    fn may_pass_on(&self, query: &Query) -> bool {
        !self.fallbacks.is_off() && query.policy.is_everything()
    }

    /// What PostgreSQL may be asked is what is served now, as what it answers is of now.
    async fn pass_on(&self, query: &Query, why: String) -> Result<Analysed> {
        if !self.may_pass_on(query) {
            return Err(Error::Unsupported(why));
        }
        let snapshot = self.store.pin();
        let state = self.sessions.open(&snapshot, &query.options, &query.policy);
        let surroundings = surroundings(&state, &query.options)?;
        self.fallbacks.analyse(query, state, &surroundings, snapshot, why).await
    }

    async fn analyse_here(&self, query: &Query, snapshot: PinnedSnapshot) -> Result<Analysed> {
        let started = Instant::now();
        let Asked { statement, explain, .. } = statement::parse(&query.sql)?;
        let policy = query.policy.as_ref();
        let state = self.sessions.open(&snapshot, &query.options, &query.policy);
        let surroundings = surroundings(&state, &query.options)?;
        let lookup = Lookup { state: &state, manifest: &snapshot.manifest, policy, surroundings: &surroundings };
        let Resolved { tables, truth, are_limited } = names::resolve(lookup, &statement).await?;
        if explain.is_some() && are_limited {
            return Err(not_explained());
        }
        let (plan, described, wanted) = match statement::query_of(&statement) {
            Some(inner) => {
                let bound = bind(inner, &tables, &surroundings, query.parameters.as_deref())?;
                check_count(&bound.wanted, query)?;
                let origins = origin::origins(&bound.plan);
                (bound.plan, Some((bound.columns, origins)), bound.wanted)
            }
            None => (state.statement_to_plan(statement).await?, None, vec![]),
        };
        read_only().verify_plan(&plan)?;
        let plan = state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {})?;
        let schema = match explain {
            Some(options) => explain::schema(options),
            None => result_schema(&plan, described.as_ref()),
        };
        let is_lasting = described.is_some()
            && explain.is_none()
            && !tables.keys().any(names::is_of_catalogue)
            && !is_volatile(&plan)?;
        let lasting = if is_lasting { surroundings.lasting() } else { Lasting::Once };
        let kept_by = key(query, lasting, surroundings.now());
        let planning = started.elapsed();
        Ok(Analysed { state, plan, planning, schema, wanted, explain, kept_by, truth, snapshot, passed_on: None })
    }
}

/// A plan tells what else there is than what may be read: the filter, its constants, and how many rows there are.
fn not_explained() -> Error {
    Error::Forbidden("EXPLAIN is for those who may read whole tables; ask the operator for the plan".to_owned())
}

/// What functions are told about the session.
fn surroundings(state: &SessionState, options: &SessionOptions) -> Result<Surroundings> {
    let zone = options.timezone.clone().unwrap_or_else(|| UTC.to_owned());
    if Zone::named(&zone).is_none() {
        return Err(Error::Query(format!("invalid value for parameter \"TimeZone\": \"{zone}\"")));
    }
    let now = state.execution_props().query_execution_start_time;
    let CatalogOptions { default_catalog, default_schema, .. } = state.config_options().catalog.clone();
    Ok(Surroundings::new(now.map_or(0, |now| now.timestamp_micros()), zone, default_catalog, default_schema))
}

/// What a result is kept under; none where it is another each time.
fn key(query: &Query, lasting: Lasting, now: TimestampTz) -> Option<Key> {
    match lasting {
        Lasting::Always => Some(Key::new(query, None)),
        Lasting::Today => Some(Key::new(query, Some(day_of(now, &query.options)))),
        Lasting::Once => None,
    }
}

/// The day that a moment is of in the session: days since 1970-01-01. Of a zone that there is not, none is found.
fn day_of(now: TimestampTz, options: &SessionOptions) -> i32 {
    let zone = options.timezone.as_deref().map_or_else(|| Some(Zone::utc()), Zone::named);
    let date = zone.and_then(|zone| zone.to_local(now).and_then(Timestamp::date).ok());
    date.map_or(i32::MIN, |date| date.0)
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The columns of a result as it calls them, with what is told of them. A column says its type where Arrow does not.
fn result_schema(plan: &LogicalPlan, described: Option<&(Vec<OutputColumn>, Vec<Origin>)>) -> SchemaRef {
    let describe = |(index, field): (usize, &FieldRef)| {
        let field = field.as_ref().clone().with_metadata(HashMap::new());
        let Some((columns, origins)) = described else { return field };
        let Some(column) = columns.get(index) else { return field };
        let field = field.with_name(&column.name);
        let field = match &column.metadata {
            Some(metadata) => field.with_metadata(metadata.as_ref().clone()),
            None if column.pg_type != PgType::of_arrow(field.data_type()) => {
                field.with_metadata(HashMap::from([(POSTGRES_TYPE.to_owned(), column.pg_type.to_string())]))
            }
            None => field,
        };
        match origins.get(index).and_then(Option::as_ref) {
            Some(table) => origin::of_table(field, table),
            None => field,
        }
    };
    Arc::new(Schema::new(plan.schema().fields().iter().enumerate().map(describe).collect::<Vec<_>>()))
}

/// Whether as many parameters are given as the statement has, if any are.
fn check_count(wanted: &Wanted, query: &Query) -> Result<()> {
    match &query.parameters {
        Some(given) if given.len() != wanted.len() => Err(Error::parameter_count(wanted.len(), given.len())),
        _ => Ok(()),
    }
}

fn refuse_unbound(wanted: &Wanted) -> Result<()> {
    match wanted.len() {
        0 => Ok(()),
        wanted => Err(Error::parameter_count(wanted, 0)),
    }
}

/// The second look, at the plan: whatever the text looked like, a plan that changes anything is refused.
fn read_only() -> SQLOptions {
    SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false)
}
