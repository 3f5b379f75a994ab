//! Statement handles and tickets. They hold all that is needed to serve them, so that the server keeps no
//! state for clients that never come back, and any replica can answer. The bytes are the client's to keep,
//! so nothing in them is trusted: a handle can ask for no more than its sender could ask for in SQL.

use arrow_flight::FlightData;
use prost::Message;
use prost::bytes::Bytes;
use rail_forge_planner::{Query, SessionOptions};
use tonic::Status;

use super::demands::Demands;
use super::parameters;

/// What a handle says.
#[derive(Clone, PartialEq, Message)]
pub(super) struct StatementHandle {
    #[prost(string, tag = "1")]
    pub(super) sql: String,
    #[prost(string, optional, tag = "2")]
    pub(super) catalog: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub(super) schema: Option<String>,
    /// The bound parameters, as the client sent them.
    #[prost(message, repeated, tag = "4")]
    pub(super) parameters: Vec<FlightData>,
    /// The snapshot that FlightInfo has described; a ticket has it, a prepared statement has not.
    #[prost(uint64, optional, tag = "5")]
    pub(super) version: Option<u64>,
    #[prost(string, optional, tag = "6")]
    pub(super) timezone: Option<String>,
}

impl StatementHandle {
    pub(super) fn new(sql: String, options: SessionOptions) -> Self {
        let SessionOptions { catalog, schema, timezone } = options;
        Self { sql, catalog, schema, timezone, parameters: vec![], version: None }
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Status> {
        Self::decode(bytes).map_err(|_| Status::not_found("no such statement; prepare it again"))
    }

    pub(super) fn to_bytes(&self) -> Bytes {
        self.encode_to_vec().into()
    }

    /// The statement with its parameters.
    pub(super) async fn query(&self, demands: Demands) -> Result<Query, Status> {
        let parameters = match self.parameters.as_slice() {
            [] => None,
            messages => Some(parameters::decode(messages.to_vec()).await?),
        };
        let (catalog, schema, timezone) = (self.catalog.clone(), self.schema.clone(), self.timezone.clone());
        let options = SessionOptions { catalog, schema, timezone };
        let Demands { anew, class, .. } = demands;
        Ok(Query { sql: self.sql.clone(), parameters, options, anew, class })
    }
}
