//! What one query has of all sources. It is put into the query's session, lives as long as that, and connects when
//! the query begins to run.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use datafusion::common::Result as PlanResult;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;
use tokio::sync::Mutex;

use super::scan::{LiveScan, Of, Request};
use super::source_snapshot::SourceSnapshot;
use crate::TableName;
use crate::as_of::AsOf;
use crate::error::{Error, Result};
use crate::source::Source;

/// The connections of one query to the sources of the live tables that it reads.
pub struct LiveQuery {
    sources: Arc<HashMap<String, Arc<Source>>>,
    snapshots: Mutex<HashMap<String, Arc<SourceSnapshot>>>,
}

impl fmt::Debug for LiveQuery {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LiveQuery").finish_non_exhaustive()
    }
}

/// What a plan needs of a source.
#[derive(Debug, Default)]
pub(super) struct Need {
    pub(super) statements: usize,
    /// Whether some are sent more than once.
    pub(super) repeated: bool,
    /// Whether PostgreSQL answers the query as a whole.
    pub(super) whole: bool,
    /// Which tables, in an order in which two queries never wait for each other.
    pub(super) tables: BTreeMap<TableName, Arc<Request>>,
}

impl Need {
    fn add(&mut self, request: &Arc<Request>, statements: usize) {
        self.statements += statements;
        match request.of {
            Of::Table(_) => {
                self.tables.insert(request.table().clone(), Arc::clone(request));
            }
            Of::Query { .. } => self.whole = true,
        }
    }
}

impl LiveQuery {
    /// Nothing is connected yet.
    pub fn new(sources: Arc<HashMap<String, Arc<Source>>>) -> Self {
        Self { sources, snapshots: Mutex::default() }
    }

    /// Connects to the sources of the live tables that the plan reads, and says for each what its snapshot is true
    /// for. Sources come in the order of their names, so that two queries never wait for each other.
    ///
    /// # Errors
    /// [`Error::Source`] when a source cannot be reached, or has no connection left.
    pub async fn open(&self, plan: &Arc<dyn ExecutionPlan>) -> Result<BTreeMap<String, AsOf>> {
        let mut moments = BTreeMap::new();
        for (source, need) in needs(plan).map_err(|_| Error::Cancelled)? {
            let snapshot = self.snapshot(&source, &need).await?;
            moments.insert(source, snapshot.as_of);
        }
        Ok(moments)
    }

    /// What is open of the source of a table.
    pub(super) async fn opened(&self, request: &Arc<Request>) -> Result<Arc<SourceSnapshot>> {
        let mut need = Need { repeated: true, ..Need::default() };
        need.add(request, 1);
        self.snapshot(&request.table().catalog, &need).await
    }

    async fn snapshot(&self, source: &str, need: &Need) -> Result<Arc<SourceSnapshot>> {
        let mut snapshots = self.snapshots.lock().await;
        if let Some(snapshot) = snapshots.get(source) {
            return Ok(Arc::clone(snapshot));
        }
        let known = self.sources.get(source).ok_or_else(|| Error::Source {
            source_name: source.to_owned(),
            message: "the configuration has no such source any more; its live tables cannot be read".to_owned(),
            cause: None,
        })?;
        let snapshot = Arc::new(SourceSnapshot::open(known, need).await?);
        snapshots.insert(source.to_owned(), Arc::clone(&snapshot));
        Ok(snapshot)
    }
}

fn needs(plan: &Arc<dyn ExecutionPlan>) -> PlanResult<BTreeMap<String, Need>> {
    let mut needs: BTreeMap<String, Need> = BTreeMap::new();
    let mut recursive = false;
    plan.apply(|node| {
        recursive |= node.is::<RecursiveQueryExec>();
        if let Some(scan) = node.downcast_ref::<LiveScan>() {
            let need = needs.entry(scan.source().to_owned()).or_default();
            need.add(scan.request(), scan.statements());
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    for need in needs.values_mut() {
        need.repeated = recursive;
    }
    Ok(needs)
}
