//! What there is to tell of sources and tables, to each as far as it may know of them.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rail_forge_connectors::{HotTierStatus, Manifest, RefusedTable, TableEntry};
use rail_forge_planner::{CacheStatistics, FallbackStatistics, Size};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::Refresher;
use crate::authorisation::Rights;

/// How long `status` waits for the sizes of files; everything else that it tells is known.
const LISTING_TIMEOUT: Duration = Duration::from_secs(3);

/// How a source is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing was tried since the start.
    #[default]
    Waiting,
    Refreshing,
    /// The last refresh succeeded.
    Ready,
    /// The last refresh failed; the snapshot before it is served.
    Failing,
}

/// What `status` tells.
#[derive(Debug, Serialize, Deserialize)]
pub struct ServerStatus {
    pub version: String,
    pub sources: Vec<SourceStatus>,
    pub tables: Vec<TableStatus>,
    /// Bytes of all files, of replaced versions too; `None` when the object store does not tell in time.
    pub stored_bytes: Option<u64>,
    /// The columns that are kept in memory; `None` when none are.
    #[serde(default)]
    pub cache: Option<CacheStatus>,
    /// The results that are kept, and how queries have used them since the start.
    #[serde(default)]
    pub results: CacheStatistics,
    /// The queries that PostgreSQL has answered as a whole since the start.
    #[serde(default)]
    pub fallback: FallbackStatistics,
}

/// The columns that are kept in memory, and the files that queries have read since the start.
#[derive(Debug, Serialize, Deserialize)]
pub struct CacheStatus {
    pub limit_bytes: u64,
    pub bytes: u64,
    /// Columns of files.
    pub columns: usize,
    /// Files that were read from memory.
    pub hits: u64,
    /// Files that were read from the data folder.
    pub misses: u64,
}

impl From<HotTierStatus> for CacheStatus {
    fn from(status: HotTierStatus) -> Self {
        let HotTierStatus { budget_bytes, bytes, columns, hits, misses } = status;
        Self { limit_bytes: budget_bytes, bytes, columns, hits, misses }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub struct SourceStatus {
    pub catalog: String,
    pub state: State,
    pub message: Option<String>,
}

/// A table. Without `as_of` it is live, or it is not served and `error` says why.
#[derive(Debug, Serialize, Deserialize)]
pub struct TableStatus {
    pub catalog: String,
    pub schema: String,
    pub table: String,
    /// `None` for a live table, whose rows PostgreSQL has, and where some must not be known.
    pub rows: Option<u64>,
    /// `None` where they are also of columns that must not be known.
    pub bytes: Option<u64>,
    pub live: bool,
    pub as_of: Option<DateTime<Utc>>,
    pub lsn: Option<String>,
    pub lag_seconds: Option<f64>,
    pub error: Option<String>,
}

impl Refresher {
    /// Sources and tables as they are now, as far as somebody may know of them. What is told of the server as a whole, and
    /// what others have asked and were answered, is for those from whom nothing is hidden.
    pub async fn status(
        &self,
        results: CacheStatistics,
        fallback: FallbackStatistics,
        rights: &Rights,
    ) -> ServerStatus {
        let is_whole = rights.policy.is_everything();
        let stored_bytes = if is_whole { self.stored_bytes().await } else { None };
        let snapshot = self.pin_whole();
        let manifest = rights.policy.visible(&snapshot.manifest);
        let has_some = |catalog: &&str| is_whole || manifest.tables.iter().any(|table| table.name.catalog == **catalog);
        let states = self.states().clone();
        let sources = self
            .catalogs()
            .filter(has_some)
            .map(|catalog| {
                let known = states.get(catalog).cloned().unwrap_or_default();
                // It may name any table of the source.
                let message = known.message().filter(|_| is_whole);
                SourceStatus { catalog: catalog.to_owned(), state: known.state(), message }
            })
            .collect();
        let now = Utc::now();
        let told = manifest.tables.iter().map(|table| table_status(table, manifest.size(table), now));
        let tables = told.chain(manifest.refused.iter().map(refused_status)).collect();
        let (results, fallback) = if is_whole { (results, fallback) } else { Default::default() };
        let cache = self.column_cache().filter(|_| is_whole);
        let version = env!("CARGO_PKG_VERSION").to_owned();
        ServerStatus { version, sources, tables, stored_bytes, cache, results, fallback }
    }

    /// The columns that are kept in memory; `None` when none are.
    pub fn column_cache(&self) -> Option<CacheStatus> {
        self.store.hot_tier().map(CacheStatus::from)
    }

    /// All tables as they are now, those that cannot be served at the end: for the operator. What a client is told of
    /// them is in [`Self::status`].
    pub fn all_tables(&self, now: DateTime<Utc>) -> Vec<TableStatus> {
        let snapshot = self.pin_whole();
        let Manifest { tables, refused, .. } = &snapshot.manifest;
        let told = tables.iter().map(|table| table_status(table, Size::of(table), now));
        told.chain(refused.iter().map(refused_status)).collect()
    }

    async fn stored_bytes(&self) -> Option<u64> {
        let store = Arc::clone(&self.store);
        let listing = tokio::task::spawn_blocking(move || store.bytes_stored());
        match timeout(LISTING_TIMEOUT, listing).await {
            Ok(Ok(Ok(bytes))) => Some(bytes),
            Ok(Ok(Err(error))) => {
                tracing::warn!(error = std::error::Error::source(&error), "{error}");
                None
            }
            // Too slow, or the server is stopping.
            Err(_) | Ok(Err(_)) => None,
        }
    }
}

fn table_status(table: &TableEntry, size: Size, now: DateTime<Utc>) -> TableStatus {
    // A live table has no rows that could be old.
    let kept = table.live.is_none().then_some(table);
    TableStatus {
        catalog: table.name.catalog.clone(),
        schema: table.name.schema.clone(),
        table: table.name.table.clone(),
        rows: kept.and(size.rows),
        bytes: kept.and(size.bytes),
        live: kept.is_none(),
        as_of: kept.map(|table| table.as_of.time),
        lsn: kept.map(|table| table.as_of.lsn.to_string()),
        lag_seconds: kept.map(|table| now.signed_duration_since(table.as_of.time).as_seconds_f64()),
        error: table.stale.clone(),
    }
}

/// A table that cannot be served as it is.
fn refused_status(refused: &RefusedTable) -> TableStatus {
    TableStatus {
        catalog: refused.name.catalog.clone(),
        schema: refused.name.schema.clone(),
        table: refused.name.table.clone(),
        rows: Some(0),
        bytes: Some(0),
        live: false,
        as_of: None,
        lsn: None,
        lag_seconds: None,
        error: Some(refused.reason.clone()),
    }
}
