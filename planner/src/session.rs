//! DataFusion's session, set up once to speak PostgreSQL and copied for every query with the catalogues
//! of the snapshot that the query has pinned.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use datafusion::config::Dialect;
use datafusion::error::Result;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, MemoryLimit, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::optimizer::{Analyzer, Optimizer, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::SessionConfig;
use rail_forge_connectors::{LiveQuery, Manifest, PinnedSnapshot, SnapshotStore, Source};
use url::Url;

use crate::aggregates_by_statistics::AggregatesByStatistics;
use crate::constant_keys::ConstantKeys;
use crate::constants_barrier::ConstantsBarriers;
use crate::determined_keys::DeterminedKeys;
use crate::distinct_limits::DistinctLimits;
use crate::empty_groups::EmptyGroups;
use crate::inlining_barrier::InliningBarrier;
use crate::key_barrier::KeyBarrier;
use crate::limits::Limits;
use crate::live_first_rows::LiveFirstRows;
use crate::live_grouping::LiveGrouping;
use crate::one_scan::with_few_of_one_scan;
use crate::planning_deadline::with_deadline;
use crate::policy::{Policy, VisibleCatalogs};
use crate::query::{Query, SessionOptions};
use crate::recursive_steps::RecursiveSteps;
use crate::single_distinct::SingleDistinct;
use crate::stable_constants::StableConstants;
use crate::subqueries::Subqueries;

/// The schema of unqualified names, as in PostgreSQL.
const DEFAULT_SCHEMA: &str = "public";
/// Rows of a batch inside the engine.
const BATCH_ROWS: usize = 8_192;
/// How many of the largest consumers an out-of-memory error names.
const NAMED_CONSUMERS: NonZeroUsize = NonZeroUsize::new(3).unwrap();

/// Up to how many rows, or bytes where they are known, a join's left side is one table that all threads look into.
/// Above, both sides are dealt out by their keys, which moves every row of the right side.
const COLLECTED_ROWS: usize = 1 << 20;
const COLLECTED_BYTES: usize = 64 << 20;
/// Joins on one integer look keys up by their distance from the smallest one where these lie in so narrow a range (4 bytes
/// for each number in it, 4 MiB here), or make up more than that share of it (200 bytes for each row).
const DIRECT_RANGE: usize = 1 << 20;
const DIRECT_DENSITY: f64 = 0.02;

/// DataFusion's rule that computes constants.
const SIMPLIFICATION: &str = "simplify_expressions";
/// DataFusion's rule that decides which side of a join is which.
const JOIN_SELECTION: &str = "join_selection";

/// The template that sessions are copied from.
#[derive(Debug)]
pub(crate) struct Sessions {
    template: SessionState,
    /// Those whose live tables queries may read, by name.
    sources: Arc<HashMap<String, Arc<Source>>>,
    /// Their names in the order of the configuration.
    catalogs: Vec<String>,
}

impl Sessions {
    pub(crate) fn new(limits: &Limits, store: &SnapshotStore, sources: &[Arc<Source>]) -> Result<Self> {
        let runtime = Arc::new(runtime(limits, store)?);
        let catalogs: Vec<String> = sources.iter().map(|source| source.name().to_owned()).collect();
        // Without DataFusion's functions: the binder has its own, and a session is made for every query.
        let template = SessionStateBuilder::new()
            .with_config(config(catalogs.first().map_or("", String::as_str)))
            .with_runtime_env(runtime)
            .with_analyzer_rules(analyzer_rules())
            .with_physical_optimizer_rules(with_few_of_one_scan(physical_rules()))
            .with_optimizer_rules(with_deadline(optimizer_rules()))
            .build();
        let sources = sources.iter().map(|source| (source.name().to_owned(), Arc::clone(source))).collect();
        Ok(Self { template, sources: Arc::new(sources), catalogs })
    }

    /// A query with the place where its unqualified names are looked up. That is the first source; for whom something is
    /// hidden the first of which something is not, or none.
    pub(crate) fn placed(&self, mut query: Query, manifest: &Manifest) -> Query {
        if query.options.catalog.is_none() && !query.policy.is_everything() {
            let is_seen =
                |catalog: &&String| query.policy.readable(manifest).any(|(table, _)| table.name.catalog == **catalog);
            query.options.catalog = Some(self.catalogs.iter().find(is_seen).cloned().unwrap_or_default());
        }
        query
    }

    /// What all queries share: memory and disk.
    pub(crate) fn runtime(&self) -> &RuntimeEnv {
        self.template.runtime_env()
    }

    /// The share of the queries' memory that is taken.
    pub(crate) fn memory_share(&self) -> impl Fn() -> f64 + Send + 'static {
        let pool = Arc::clone(&self.template.runtime_env().memory_pool);
        move || match pool.memory_limit() {
            MemoryLimit::Finite(limit) => pool.reserved() as f64 / limit.max(1) as f64,
            MemoryLimit::Infinite | MemoryLimit::Unknown => 0.0,
        }
    }

    /// A session that sees the pinned snapshot's tables, as far as a policy shows them, and no others.
    pub(crate) fn open(
        &self,
        snapshot: &PinnedSnapshot,
        options: &SessionOptions,
        policy: &Arc<Policy>,
    ) -> SessionState {
        let live = LiveQuery::new(Arc::clone(&self.sources));
        let mut config = self.template.config().clone().with_extension(Arc::new(live));
        // Changing them copies all settings.
        if let Some(name) = &options.catalog {
            config.options_mut().catalog.default_catalog.clone_from(name);
        }
        if let Some(name) = &options.schema {
            config.options_mut().catalog.default_schema.clone_from(name);
        }
        let mut state = SessionStateBuilder::new_from_existing(self.template.clone())
            .with_catalog_list(VisibleCatalogs::of(snapshot, policy))
            .with_config(config)
            .build();
        // The moment of now() and current_date.
        state.mark_start_execution();
        state
    }
}

fn config(default_catalog: &str) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_default_catalog_and_schema(default_catalog, DEFAULT_SCHEMA)
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(true)
        .with_batch_size(BATCH_ROWS);
    let options = config.options_mut();
    options.sql_parser.dialect = Dialect::PostgreSQL;
    options.sql_parser.parse_float_as_decimal = true;
    // Whether a computed column may be NULL is known better before a plan is optimized than afterwards, and the check of
    // an aggregate's input takes a difference for an error.
    options.execution.skip_physical_aggregate_schema_check = true;
    options.execution.perfect_hash_join_small_build_threshold = DIRECT_RANGE;
    options.execution.perfect_hash_join_min_key_density = DIRECT_DENSITY;
    options.optimizer.hash_join_single_partition_threshold = COLLECTED_BYTES;
    options.optimizer.hash_join_single_partition_threshold_rows = COLLECTED_ROWS;
    config
}

/// DataFusion's analyzer rules between ours. Subqueries come first, because what is made of them is like what a query
/// says; the barriers come when all groupings are there.
fn analyzer_rules() -> Vec<Arc<dyn datafusion::optimizer::AnalyzerRule + Send + Sync>> {
    let mut rules = Analyzer::new().rules;
    rules.insert(0, Arc::new(Subqueries));
    rules.push(Arc::new(KeyBarrier));
    rules.push(Arc::new(EmptyGroups));
    rules
}

/// DataFusion's, which bring filters and limits to where ours look for them, behind the barriers that some filters stay
/// above.
pub(crate) fn optimizer_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let mut rules = Optimizer::new().rules;
    let single_distinct = SingleDistinct::default();
    if let Some(rule) = rules.iter_mut().find(|rule| rule.name() == single_distinct.name()) {
        *rule = Arc::new(single_distinct);
    }
    let constants = rules.iter().position(|rule| rule.name() == SIMPLIFICATION).map_or(0, |place| place + 1);
    rules.insert(constants, Arc::new(ConstantKeys));
    rules.insert(constants, Arc::new(InliningBarrier));
    rules.insert(0, Arc::new(InliningBarrier));
    rules.insert(0, Arc::new(StableConstants));
    rules.push(Arc::new(LiveGrouping));
    rules.push(Arc::new(LiveFirstRows));
    rules.push(Arc::new(DeterminedKeys));
    rules
}

pub(crate) fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    let settled = rules.iter().position(|rule| rule.name() == JOIN_SELECTION).map_or(0, |place| place + 1);
    rules.insert(settled, Arc::new(ConstantsBarriers));
    rules.insert(0, Arc::new(RecursiveSteps));
    let by_statistics = AggregatesByStatistics::default();
    if let Some(rule) = rules.iter_mut().find(|rule| rule.name() == by_statistics.name()) {
        *rule = Arc::new(by_statistics);
    }
    rules.push(Arc::new(DistinctLimits));
    rules
}

/// Memory and disk under limits, and no object store but the snapshots'.
fn runtime(limits: &Limits, store: &SnapshotStore) -> Result<RuntimeEnv> {
    let pool = TrackConsumersPool::new(FairSpillPool::new(limits.memory_bytes), NAMED_CONSUMERS);
    let spill = DiskManagerBuilder::default()
        .with_mode(DiskManagerMode::Directories(vec![limits.spill_dir.clone()]))
        .with_max_temp_directory_size(limits.spill_bytes);
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(pool)).with_disk_manager_builder(spill).build()?;
    if let Ok(files) = Url::parse("file://") {
        runtime.deregister_object_store(&files)?;
    }
    let (url, files) = store.object_store();
    runtime.register_object_store(url.as_ref(), files);
    Ok(runtime)
}
