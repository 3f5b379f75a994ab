//! Answers that must not be too old: tables that are older than a client can use are refreshed before its query is
//! planned.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use chrono::Utc;
use rail_forge_connectors::RefreshEvent;
use rail_forge_planner::{Prepared, TableTruth};
use tokio::sync::Mutex;
use tonic::Status;

use super::status;
use crate::refresher::Refresher;

/// Brings tables up to date for those who ask, one after another for each source: what one has refreshed is fresh for
/// the next.
#[derive(Debug, Default)]
pub(super) struct Freshness {
    turns: std::sync::Mutex<HashMap<String, Arc<Mutex<()>>>>,
}

impl Freshness {
    /// Refreshes the tables of a query that are older than `max_staleness`. `prepare` plans the query on what there is.
    ///
    /// # Errors
    /// When the query cannot be planned, or a table not be refreshed.
    pub(super) async fn ensure<P>(
        &self,
        refresher: &Refresher,
        max_staleness: Duration,
        prepare: impl Fn() -> P,
    ) -> Result<(), Status>
    where
        P: Future<Output = Result<Prepared, Status>>,
    {
        let asked = Utc::now();
        let old = |table: &&TableTruth| {
            let age = (asked - table.as_of.time).to_std().unwrap_or_default();
            !table.live && age > max_staleness
        };
        // In the order of their names, so that two never wait for each other.
        let catalogs: BTreeSet<String> =
            prepare().await?.truth.tables.iter().filter(old).map(|table| table.name.catalog.clone()).collect();
        let mut turns = vec![];
        for catalog in catalogs {
            turns.push(self.turn(catalog).lock_owned().await);
        }
        if turns.is_empty() {
            return Ok(());
        }
        let tables: Vec<String> =
            prepare().await?.truth.tables.iter().filter(old).map(|table| table.name.to_string()).collect();
        if tables.is_empty() {
            return Ok(());
        }
        let reports =
            refresher.refresh(&tables, Arc::new(|_: RefreshEvent| {})).await.map_err(status::of_connectors)?;
        let failed = reports.into_iter().flat_map(|report| report.tables).find_map(|table| {
            let error = table.error?;
            Some(format!("{} is older than max-staleness allows, and could not be refreshed: {error}", table.table))
        });
        failed.map_or(Ok(()), |message| Err(Status::unavailable(message)))
    }

    fn turn(&self, catalog: String) -> Arc<Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(catalog).or_default())
    }
}
