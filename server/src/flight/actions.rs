//! RailForge's own actions: refresh and status. Bodies and answers are JSON, so that any Flight client can
//! use them.

use arrow_flight::{Action, ActionType};
use futures::StreamExt;
use rail_forge_connectors::{AsOf, RefreshEvent, TableReport};
use serde::{Deserialize, Serialize};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status};

use super::service::Service;
use super::status;

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
        ("CreatePreparedStatement", "Prepares a statement (Flight SQL)."),
        ("ClosePreparedStatement", "Closes a prepared statement (Flight SQL)."),
        (REFRESH_ACTION, "Pulls tables from PostgreSQL. Body: {\"tables\": []} as JSON; empty means all."),
        (STATUS_ACTION, "Sources, tables, rows, bytes and freshness, as JSON. No body."),
    ]
    .into_iter()
    .map(|(name, description)| ActionType { r#type: name.to_owned(), description: description.to_owned() })
}

type ActionStream = <Service as arrow_flight::flight_service_server::FlightService>::DoActionStream;

/// Answers the actions that are not Flight SQL's.
pub(super) async fn answer(service: &Service, action: Action) -> Result<Response<ActionStream>, Status> {
    match action.r#type.as_str() {
        REFRESH_ACTION => refresh(service, &action.body),
        STATUS_ACTION => {
            let (results, fallback) = (service.engine.cache_statistics(), service.engine.fallback_statistics());
            let status = json(&service.refresher.status(results, fallback).await)?;
            Ok(Response::new(futures::stream::iter([Ok(status)]).boxed()))
        }
        other => Err(Status::unimplemented(format!("no action \"{other}\"; ListActions names those there are"))),
    }
}

/// A refresh runs on when its client goes away only until its next message.
fn refresh(service: &Service, body: &[u8]) -> Result<Response<ActionStream>, Status> {
    let request: RefreshRequest = if body.is_empty() {
        RefreshRequest::default()
    } else {
        serde_json::from_slice(body)
            .map_err(|error| Status::invalid_argument(format!("the body is not {{\"tables\": [...]}}: {error}")))?
    };
    let (sender, receiver) = tokio::sync::mpsc::channel(QUEUED_MESSAGES);
    let refresher = std::sync::Arc::clone(&service.refresher);
    let progress = sender.clone();
    let observer = move |event: RefreshEvent| {
        let message = RefreshMessage::from(event);
        // Progress is told when there is room; how a table ended is told in any case, below.
        if !matches!(message, RefreshMessage::Table { .. }) {
            let _ = progress.try_send(json(&message));
        }
    };
    tokio::spawn(async move {
        let refresh = refresher.refresh(&request.tables, std::sync::Arc::new(observer));
        let outcome = tokio::select! {
            outcome = refresh => outcome,
            () = sender.closed() => return,
        };
        match outcome {
            Ok(reports) => {
                let tables = reports.iter().flat_map(|report| report.tables.clone());
                let as_of = reports.iter().map(|report| report.as_of).min();
                let messages = tables
                    .map(|table| RefreshMessage::from(RefreshEvent::Finished(table)))
                    .chain([RefreshMessage::done(as_of)]);
                for message in messages {
                    if sender.send(json(&message)).await.is_err() {
                        return;
                    }
                }
            }
            Err(error) => {
                // A client that has gone away does not miss it; the log has it.
                let _ = sender.send(Err(status::of_connectors(error))).await;
            }
        }
    });
    Ok(Response::new(ReceiverStream::new(receiver).boxed()))
}

fn json(value: &impl Serialize) -> Result<arrow_flight::Result, Status> {
    serde_json::to_vec(value).map(arrow_flight::Result::new).map_err(|error| Status::internal(error.to_string()))
}
