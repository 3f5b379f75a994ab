//! Actions that are not Flight SQL's: those of Flight itself, and RailForge's own, refresh and status, whose bodies and
//! answers are JSON, so that any Flight client can use them.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_flight::{Action, ActionType};
use futures::StreamExt;
use rail_forge_connectors as connectors;
use rail_forge_connectors::{AsOf, Manifest, RefreshEvent, TableEntry, TableName, TableReport};
use serde::{Deserialize, Serialize};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::service::Service;
use super::session_actions::{CLOSE_ACTION, GET_ACTION, SET_ACTION};
use super::stored::LIST_ACTION;
use super::substrait::PREPARE_ACTION;
use super::tickets::{CANCEL_ACTION, RENEW_ACTION};
use super::{session_actions, status, stored, tickets};
use crate::authorisation::Rights;

/// Refreshes tables; answers a stream of [`RefreshMessage`]s.
pub const REFRESH_ACTION: &str = "rail_forge.refresh";
/// Answers one [`crate::refresher::ServerStatus`].
pub const STATUS_ACTION: &str = "rail_forge.status";

/// Messages that wait for a client that reads them slowly.
const QUEUED_MESSAGES: usize = 64;

/// The body of a refresh.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    /// `table`, `schema.table` or `catalogue.schema.table`; none means all.
    #[serde(default)]
    pub tables: Vec<String>,
}

/// One message of a refresh.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum RefreshMessage {
    /// A table will be pulled.
    Started { catalog: String, schema: String, table: String, estimated_rows: Option<u64> },
    /// Rows have been read, since the last message of this table, and the bytes they take in memory.
    Progress { catalog: String, schema: String, table: String, rows: u64, bytes: u64 },
    /// A table is done; `bytes` are those on disk. A live one has none.
    Table { catalog: String, schema: String, table: String, rows: u64, bytes: u64, live: bool, error: Option<String> },
    /// The refresh is committed.
    Done { as_of: Option<chrono::DateTime<chrono::Utc>>, lsn: Option<String> },
}

impl From<RefreshEvent> for RefreshMessage {
    fn from(event: RefreshEvent) -> Self {
        match event {
            RefreshEvent::Started { table: name, estimated_rows } => {
                Self::Started { catalog: name.catalog, schema: name.schema, table: name.table, estimated_rows }
            }
            RefreshEvent::Advanced { table: name, rows, bytes } => {
                Self::Progress { catalog: name.catalog, schema: name.schema, table: name.table, rows, bytes }
            }
            RefreshEvent::Finished(TableReport { table: name, rows, bytes, live, error }) => {
                Self::Table { catalog: name.catalog, schema: name.schema, table: name.table, rows, bytes, live, error }
            }
        }
    }
}

impl RefreshMessage {
    fn done(as_of: Option<AsOf>) -> Self {
        Self::Done { as_of: as_of.map(|as_of| as_of.time), lsn: as_of.map(|as_of| as_of.lsn.to_string()) }
    }
}

/// What ListActions answers: what is there, and nothing that would be refused.
pub(super) fn offered() -> impl Iterator<Item = ActionType> {
    [
        ("BeginTransaction", "Begins a transaction, in which each statement sees the newest snapshot (Flight SQL)."),
        ("EndTransaction", "Ends a transaction; there is nothing to commit (Flight SQL)."),
        ("CreatePreparedStatement", "Prepares a statement (Flight SQL)."),
        (PREPARE_ACTION, "Prepares a Substrait plan (Flight SQL)."),
        ("ClosePreparedStatement", "Closes a prepared statement (Flight SQL)."),
        ("CancelQuery", "Cancels the query of a FlightInfo, as before CancelFlightInfo (Flight SQL)."),
        (CANCEL_ACTION, "Cancels the query of a FlightInfo. Body: CancelFlightInfoRequest."),
        (RENEW_ACTION, "Answers the endpoint; tickets do not grow old. Body: RenewFlightEndpointRequest."),
        (SET_ACTION, "Sets options of the session, which is begun with the first. Body: SetSessionOptionsRequest."),
        (GET_ACTION, "Tells the options of the session. Body: GetSessionOptionsRequest."),
        (CLOSE_ACTION, "Forgets the session. Body: CloseSessionRequest."),
        (REFRESH_ACTION, "Pulls tables from PostgreSQL. Body: {\"tables\": []} as JSON; empty means all."),
        (LIST_ACTION, "The stored queries that the caller may run, each as JSON. No body."),
        (STATUS_ACTION, "Sources, tables, rows, bytes and freshness, as JSON. No body."),
    ]
    .into_iter()
    .map(|(name, description)| ActionType { r#type: name.to_owned(), description: description.to_owned() })
}

pub(super) type ActionStream = <Service as arrow_flight::flight_service_server::FlightService>::DoActionStream;

/// Answers the actions that are not Flight SQL's.
pub(super) async fn answer(service: &Service, request: &Request<Action>) -> Result<Response<ActionStream>, Status> {
    match request.get_ref().r#type.as_str() {
        SET_ACTION => session_actions::set(service, request),
        GET_ACTION => session_actions::get(service, request),
        CLOSE_ACTION => session_actions::close(service, request),
        CANCEL_ACTION => tickets::cancel(service, request),
        RENEW_ACTION => tickets::renew(service, request),
        LIST_ACTION => stored::list(service, request).await,
        REFRESH_ACTION => refresh(service, &request.get_ref().body, &service.rights(request)?),
        STATUS_ACTION => {
            let rights = service.rights(request)?;
            let (results, fallback) = (service.engine.cache_statistics(), service.engine.fallback_statistics());
            let status = json(&service.refresher.status(results, fallback, &rights).await)?;
            Ok(Response::new(futures::stream::iter([Ok(status)]).boxed()))
        }
        other => Err(Status::unimplemented(format!("no action \"{other}\"; ListActions names those there are"))),
    }
}

/// A refresh runs on when its client goes away only until its next message.
fn refresh(service: &Service, body: &[u8], rights: &Rights) -> Result<Response<ActionStream>, Status> {
    let request: RefreshRequest = if body.is_empty() {
        RefreshRequest::default()
    } else {
        serde_json::from_slice(body)
            .map_err(|error| Status::invalid_argument(format!("the body is not {{\"tables\": [...]}}: {error}")))?
    };
    let permitted = Arc::new(Permitted::of(request.tables, &service.refresher.pin_whole().manifest, rights)?);
    let (sender, receiver) = tokio::sync::mpsc::channel(QUEUED_MESSAGES);
    let refresher = Arc::clone(&service.refresher);
    let progress = sender.clone();
    let (rights, observed) = (rights.clone(), Arc::clone(&permitted));
    let observer = move |event: RefreshEvent| {
        if !observed.has(table_of(&event)) {
            return;
        }
        let message = RefreshMessage::from(event);
        // Progress is told when there is room; how a table ended is told in any case, below.
        if !matches!(message, RefreshMessage::Table { .. }) {
            let _ = progress.try_send(json(&message));
        }
    };
    tokio::spawn(async move {
        let requests = permitted.requests();
        let refresh = refresher.refresh(&requests, Arc::new(observer));
        let outcome = tokio::select! {
            outcome = refresh => outcome,
            () = sender.closed() => return,
        };
        match outcome {
            Ok(reports) => {
                let tables = reports.iter().flat_map(|report| report.tables.clone());
                let tables = tables.filter(|report| permitted.has(&report.table));
                let as_of = reports.iter().map(|report| report.as_of).min();
                let messages = tables
                    .map(|table| RefreshMessage::from(RefreshEvent::Finished(rights.told_report(table))))
                    .chain([RefreshMessage::done(as_of)]);
                for message in messages {
                    if sender.send(json(&message)).await.is_err() {
                        return;
                    }
                }
            }
            Err(error) => {
                // A client that has gone away does not miss it; the log has it.
                let _ = sender.send(Err(status::of_connectors(rights.told(error)))).await;
            }
        }
    });
    Ok(Response::new(ReceiverStream::new(receiver).boxed()))
}

/// The tables that a caller may have refreshed, of those that it has asked for, and hear of.
enum Permitted {
    /// Whatever it has asked for.
    All(Vec<String>),
    Only(BTreeSet<TableName>),
}

impl Permitted {
    /// Those that the caller may read, have refreshed and count; that it has named none means all of these.
    fn of(requested: Vec<String>, manifest: &Manifest, rights: &Rights) -> Result<Self, Status> {
        if rights.are_whole() {
            return Ok(Self::All(requested));
        }
        let visible = rights.policy.visible(manifest);
        let (may, may_not): (Vec<&TableEntry>, Vec<&TableEntry>) =
            visible.tables.iter().partition(|table| rights.may_follow_refresh(&visible, table));
        if requested.is_empty() && may.is_empty() {
            return Err(status::forbidden(
                "the caller may not have tables refreshed: that takes a role with refresh = true",
            ));
        }
        if requested.is_empty() {
            return Ok(Self::Only(may.into_iter().map(|table| table.name.clone()).collect()));
        }
        let only = requested.into_iter().map(|requested| match (named(&may, &requested), named(&may_not, &requested)) {
            (Some(table), _) => Ok(table.clone()),
            (None, Some(table)) => Err(status::forbidden(format!(
                "the caller may not have {table} refreshed: that takes a role with refresh = true, and to see all of its \
                 rows"
            ))),
            (None, None) => Err(status::of_connectors(connectors::Error::UnknownTable {
                requested,
                searched: "what the caller may read".to_owned(),
                suggestion: None,
            })),
        });
        only.collect::<Result<_, _>>().map(Self::Only)
    }

    /// As the refresher is asked. By full names: there may be other tables of such a name, which must not be known.
    fn requests(&self) -> Vec<String> {
        match self {
            Self::All(requested) => requested.clone(),
            Self::Only(tables) => tables.iter().map(TableName::unquoted).collect(),
        }
    }

    fn has(&self, table: &TableName) -> bool {
        match self {
            Self::All(_) => true,
            Self::Only(tables) => tables.contains(table),
        }
    }
}

/// The table that a request names.
fn named<'a>(tables: &[&'a TableEntry], requested: &str) -> Option<&'a TableName> {
    tables.iter().map(|table| &table.name).find(|name| name.matches(requested))
}

/// The table that an event is about.
fn table_of(event: &RefreshEvent) -> &TableName {
    match event {
        RefreshEvent::Started { table, .. } | RefreshEvent::Advanced { table, .. } => table,
        RefreshEvent::Finished(report) => &report.table,
    }
}

pub(super) fn json(value: &impl Serialize) -> Result<arrow_flight::Result, Status> {
    serde_json::to_vec(value).map(arrow_flight::Result::new).map_err(|error| Status::internal(error.to_string()))
}
