//! The outermost layer of the Flight service. arrow-flight's Flight SQL implementation knows only Flight SQL commands
//! and leaves some calls unimplemented; this adds what a plain Flight client uses: SQL as a descriptor's command, a
//! table as its path, GetSchema, PollFlightInfo, ListFlights, the handshake, and the handle of a plan that is prepared.
//! Everything else passes through. Whatever is refused says why.

use std::io;
use std::pin::Pin;
use std::sync::Arc;

use arrow_flight::flight_service_server::{FlightService, FlightServiceServer};
use arrow_flight::sql::{Any, ProstMessageExt};
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightInfo, HandshakeRequest, HandshakeResponse,
    PollInfo, PutResult, SchemaResult, Ticket,
};
use futures::{Stream, TryStreamExt};
use prost::Message;
use rail_forge_connectors::quote;
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};
use tower::Layer;

use super::awaited::Awaited;
use super::calls::{CallsLayer, shutting_down};
use super::reason::with_reason;
use super::service::Service;
use super::stream::PastTonic;
use super::{call, handshake, health, http2, list_flights, reflection, substrait};
use crate::auth::{AuthenticationLayer, Gate};
use crate::drain::Drain;
use crate::listener::Connection;
use crate::metrics::Metrics;
use crate::readiness::Readiness;

/// Of a path: a table's catalog, its schema and its name.
const PATH_PARTS: usize = 3;
/// The largest request: a statement, or parameters. Results have no such limit, they are streams.
const MAX_REQUEST_BYTES: usize = 16 << 20;

/// Serves Flight to the connections, to those whom the gate lets in, until `shutdown` completes; then connections are
/// closed. That is no way to end calls, whose clients would not hear why: see [`Drain`].
pub async fn serve(
    service: Service,
    gate: Arc<Gate>,
    readiness: Readiness,
    metrics: Arc<Metrics>,
    connections: impl Stream<Item = io::Result<Connection>>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let drain = readiness.drain().clone();
    let flight = FlightServiceServer::new(Gateway { service, gate: Arc::clone(&gate), drain: drain.clone() })
        .max_decoding_message_size(MAX_REQUEST_BYTES);
    let health = health::service(readiness).await;
    let mut services = Routes::new(Awaited::new(drain.clone(), PastTonic(flight))).add_service(health);
    if let Some(reflection) = reflection::newest() {
        services = services.add_service(reflection);
    }
    if let Some(reflection) = reflection::older() {
        services = services.add_service(reflection);
    }
    // Around all services that are added: none is asked by whom the gate does not let in.
    let guarded = AuthenticationLayer::new(gate).layer(services.prepare());
    // The outermost: it sees the calls that are refused there as well.
    http2::serve(CallsLayer::new(drain, metrics).layer(guarded), connections, shutdown).await;
}

struct Gateway {
    service: Service,
    gate: Arc<Gate>,
    drain: Drain,
}

pub(super) type BoxStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// What a descriptor asks for.
enum Asked {
    FlightSql,
    Statement(String),
}

impl Gateway {
    async fn info(&self, request: Request<FlightDescriptor>) -> Result<Response<FlightInfo>, Status> {
        match asked(request.get_ref())? {
            Asked::FlightSql => self.service.get_flight_info(request).await,
            Asked::Statement(sql) => self.service.statement_info(sql, request).await.map(Response::new),
        }
    }

    /// A query runs when its ticket is read, so that with its FlightInfo there is nothing left to wait for: the answer
    /// is whole, and no descriptor is there to ask again with.
    async fn poll(&self, request: Request<FlightDescriptor>) -> Result<Response<PollInfo>, Status> {
        let info = self.info(request).await?;
        Ok(info.map(|info| PollInfo { info: Some(info), progress: Some(1.0), ..PollInfo::default() }))
    }

    async fn schema(&self, request: Request<FlightDescriptor>) -> Result<Response<SchemaResult>, Status> {
        let info = self.info(request).await?;
        Ok(info.map(|FlightInfo { schema, .. }| SchemaResult { schema }))
    }
}

/// A stream whose errors say why, as those of a call do that ends at once.
fn streamed<T: 'static>(
    answer: Result<Response<impl Stream<Item = Result<T, Status>> + Send + 'static>, Status>,
) -> Result<Response<BoxStream<T>>, Status> {
    let response = answer.map_err(with_reason)?;
    Ok(response.map(|stream| Box::pin(stream.map_err(with_reason)) as BoxStream<T>))
}

#[tonic::async_trait]
impl FlightService for Gateway {
    type HandshakeStream = BoxStream<HandshakeResponse>;
    type ListFlightsStream = BoxStream<FlightInfo>;
    type DoGetStream = BoxStream<FlightData>;
    type DoPutStream = BoxStream<PutResult>;
    type DoActionStream = BoxStream<arrow_flight::Result>;
    type ListActionsStream = BoxStream<ActionType>;
    type DoExchangeStream = BoxStream<FlightData>;

    async fn get_flight_info(&self, request: Request<FlightDescriptor>) -> Result<Response<FlightInfo>, Status> {
        self.info(request).await.map_err(with_reason)
    }

    async fn get_schema(&self, request: Request<FlightDescriptor>) -> Result<Response<SchemaResult>, Status> {
        self.schema(request).await.map_err(with_reason)
    }

    async fn handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Self::HandshakeStream>, Status> {
        streamed(handshake::answer(&self.gate, request).await)
    }

    async fn list_flights(&self, request: Request<Criteria>) -> Result<Response<Self::ListFlightsStream>, Status> {
        streamed(list_flights::answer(&self.service, &request))
    }

    async fn poll_flight_info(&self, request: Request<FlightDescriptor>) -> Result<Response<PollInfo>, Status> {
        self.poll(request).await.map_err(with_reason)
    }

    async fn do_get(&self, request: Request<Ticket>) -> Result<Response<Self::DoGetStream>, Status> {
        streamed(self.service.do_get(request).await)
    }

    async fn do_put(&self, request: Request<Streaming<FlightData>>) -> Result<Response<Self::DoPutStream>, Status> {
        streamed(self.service.do_put(request).await)
    }

    async fn do_action(&self, request: Request<Action>) -> Result<Response<Self::DoActionStream>, Status> {
        let action = request.get_ref().r#type.as_str();
        if self.drain.has_begun() && !call::is_ending(action) {
            return Err(shutting_down());
        }
        if action == substrait::PREPARE_ACTION {
            return streamed(substrait::prepare(&self.service, request).await);
        }
        streamed(self.service.do_action(request).await)
    }

    async fn list_actions(&self, _request: Request<Empty>) -> Result<Response<Self::ListActionsStream>, Status> {
        Ok(Response::new(Box::pin(futures::stream::iter(super::actions::offered().map(Ok)))))
    }

    async fn do_exchange(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoExchangeStream>, Status> {
        streamed(self.service.do_exchange(request).await)
    }
}

/// Reads a descriptor: Flight SQL's commands are protobuf and name their type, SQL is text, a path is a table.
fn asked(descriptor: &FlightDescriptor) -> Result<Asked, Status> {
    if descriptor.path.len() > PATH_PARTS {
        return Err(Status::invalid_argument(format!(
            "the path of the descriptor has {} parts; that of a table is its catalog, its schema and its name",
            descriptor.path.len()
        )));
    }
    if !descriptor.path.is_empty() {
        return Ok(Asked::Statement(sql_of_path(&descriptor.path)));
    }
    let prefix = arrow_flight::sql::CommandStatementQuery::type_url();
    let prefix = prefix.rsplit_once('.').map_or(prefix, |(prefix, _)| prefix);
    if Any::decode(descriptor.cmd.clone()).is_ok_and(|any| any.type_url.starts_with(prefix)) {
        return Ok(Asked::FlightSql);
    }
    match std::str::from_utf8(&descriptor.cmd) {
        Ok(sql) if !sql.trim().is_empty() => Ok(Asked::Statement(sql.to_owned())),
        _ => Err(Status::invalid_argument(
            "the descriptor holds neither a Flight SQL command, nor SQL as UTF-8 text, nor the path of a table",
        )),
    }
}

/// The statement that reads a whole table.
pub(super) fn sql_of_path(path: &[String]) -> String {
    let quoted: Vec<String> = path.iter().map(|part| quote(part)).collect();
    format!("SELECT * FROM {}", quoted.join("."))
}

#[cfg(test)]
mod tests {
    use arrow_flight::sql::CommandGetCatalogs;

    use super::*;

    fn statement(descriptor: &FlightDescriptor) -> Option<String> {
        match asked(descriptor) {
            Ok(Asked::Statement(sql)) => Some(sql),
            _ => None,
        }
    }

    #[test]
    fn text_is_sql_and_a_path_is_a_table() {
        assert_eq!(statement(&FlightDescriptor::new_cmd("SELECT 1")).as_deref(), Some("SELECT 1"));
        let path = FlightDescriptor::new_path(vec!["public".into(), "Order \"x\"".into()]);
        assert_eq!(statement(&path).as_deref(), Some(r#"SELECT * FROM "public"."Order ""x""""#));
    }

    #[test]
    fn any_descriptor_is_asked_for_something_or_refused() {
        let command = CommandGetCatalogs {}.as_any().encode_to_vec();
        for seed in 0..20_000 {
            let mut chance = fastrand::Rng::with_seed(seed);
            let mut changed = command.clone();
            for _ in 0..chance.usize(1..4) {
                let at = chance.usize(..changed.len());
                changed[at] = chance.u8(..);
            }
            changed.truncate(chance.usize(..changed.len() * 2));
            let is_text = std::str::from_utf8(&changed).is_ok_and(|text| !text.trim().is_empty());
            match asked(&FlightDescriptor::new_cmd(changed)) {
                Ok(Asked::Statement(sql)) => assert!(is_text && !sql.is_empty(), "seed {seed}"),
                Ok(Asked::FlightSql) => {}
                Err(status) => assert!(!is_text, "seed {seed}: {status}"),
            }
        }
    }

    #[test]
    fn protobuf_is_flight_sql_and_anything_else_is_refused() {
        let command = FlightDescriptor::new_cmd(CommandGetCatalogs {}.as_any().encode_to_vec());
        assert!(matches!(asked(&command), Ok(Asked::FlightSql)));
        assert!(asked(&FlightDescriptor::new_cmd(vec![0xff, 0xfe])).is_err());
        assert!(asked(&FlightDescriptor::new_cmd("  ")).is_err());
    }
}
