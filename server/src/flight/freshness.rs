//! Answers that must not be too old: tables that are older than a client can use are refreshed before its query is
//! planned.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use chrono::Utc;
use rail_forge_connectors::{RefreshEvent, TableReport};
use rail_forge_planner::{Prepared, TableTruth};
use tokio::sync::Mutex;
use tonic::{Code, Status};

use super::reason::{Reason, Told};
use super::status;
use crate::authorisation::Rights;
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
    /// When the query cannot be planned, or a table not be refreshed, by whomever or by this caller.
    pub(super) async fn ensure<P>(
        &self,
        refresher: &Refresher,
        max_staleness: Duration,
        rights: &Rights,
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
        let tables = prepare().await?.truth.tables;
        if let Some(denied) = tables.iter().filter(old).find(|table| !rights.may_refresh(&table.name)) {
            return Err(status::forbidden(format!(
                "{} is older than max-staleness allows, and the caller may not have it refreshed: that takes a role \
                 with refresh = true and a grant on it",
                denied.name
            )));
        }
        // In the order of their names, so that two never wait for each other.
        let catalogs: BTreeSet<String> = tables.iter().filter(old).map(|table| table.name.catalog.clone()).collect();
        let mut turns = vec![];
        for catalog in catalogs {
            turns.push(self.turn(catalog).lock_owned().await);
        }
        if turns.is_empty() {
            return Ok(());
        }
        let tables: Vec<String> =
            prepare().await?.truth.tables.iter().filter(old).map(|table| table.name.unquoted()).collect();
        if tables.is_empty() {
            return Ok(());
        }
        let refreshed = refresher.refresh(&tables, Arc::new(|_: RefreshEvent| {})).await;
        let reports = refreshed.map_err(|error| status::of_connectors(rights.told(error)))?;
        let failed = reports.into_iter().flat_map(|report| report.tables).find_map(|report| {
            let TableReport { table, error, .. } = rights.told_report(report);
            Some(format!("{table} is older than max-staleness allows, and could not be refreshed: {}", error?))
        });
        failed.map_or(Ok(()), |message| Err(Told::new(Code::Unavailable, Reason::TooStale).status(message)))
    }

    fn turn(&self, catalog: String) -> Arc<Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(catalog).or_default())
    }
}
