//! The outermost layer of the Flight service. arrow-flight's Flight SQL implementation knows only Flight SQL
//! commands and leaves some calls unimplemented; this adds what a plain Flight client uses: SQL as a
//! descriptor's command, a table as its path, and GetSchema. Everything else passes through.

use std::pin::Pin;

use arrow_flight::flight_service_server::{FlightService, FlightServiceServer};
use arrow_flight::sql::{Any, ProstMessageExt};
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightInfo, HandshakeRequest, HandshakeResponse,
    IpcMessage, PollInfo, PutResult, SchemaAsIpc, SchemaResult, Ticket,
};
use futures::{Stream, TryStreamExt};
use prost::Message;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};

use super::lingering::LingeringStream;
use super::service::Service;

/// Clients send their session in headers; hyper's default of 16 KiB breaks those with long cookies or tokens.
const MAX_HEADER_BYTES: u32 = 64 << 10;
/// The largest request: a statement, or parameters. Results have no such limit, they are streams.
const MAX_REQUEST_BYTES: usize = 16 << 20;
/// Streams that one connection may have open.
const MAX_STREAMS: u32 = 256;

/// Serves Flight on the listener until `shutdown` completes; running calls are finished.
///
/// # Errors
/// When the transport fails.
pub async fn serve(
    service: Service,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    let flight = FlightServiceServer::new(Gateway { service }).max_decoding_message_size(MAX_REQUEST_BYTES);
    // Without it, every small answer waits for the client's delayed acknowledgement, some 40 ms.
    let connections = TcpIncoming::from(listener).with_nodelay(Some(true));
    tonic::transport::Server::builder()
        .http2_max_header_list_size(Some(MAX_HEADER_BYTES))
        .max_concurrent_streams(Some(MAX_STREAMS))
        .add_service(flight)
        .serve_with_incoming_shutdown(connections.map_ok(LingeringStream::new), shutdown)
        .await
}

struct Gateway {
    service: Service,
}

type BoxStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// What a descriptor asks for.
enum Asked {
    FlightSql,
    Statement(String),
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
        match asked(request.get_ref())? {
            Asked::FlightSql => self.service.get_flight_info(request).await,
            Asked::Statement(sql) => self.service.statement_info(sql, request).await.map(Response::new),
        }
    }

    async fn get_schema(&self, request: Request<FlightDescriptor>) -> Result<Response<SchemaResult>, Status> {
        let info = self.get_flight_info(request).await?.into_inner();
        let schema = info.try_decode_schema().map_err(|error| Status::internal(error.to_string()))?;
        let options = Default::default();
        let IpcMessage(schema) = SchemaAsIpc::new(&schema, &options)
            .try_into()
            .map_err(|error: arrow::error::ArrowError| Status::internal(error.to_string()))?;
        Ok(Response::new(SchemaResult { schema }))
    }

    async fn handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Self::HandshakeStream>, Status> {
        FlightService::handshake(&self.service, request).await
    }

    async fn list_flights(&self, request: Request<Criteria>) -> Result<Response<Self::ListFlightsStream>, Status> {
        self.service.list_flights(request).await
    }

    async fn poll_flight_info(&self, request: Request<FlightDescriptor>) -> Result<Response<PollInfo>, Status> {
        self.service.poll_flight_info(request).await
    }

    async fn do_get(&self, request: Request<Ticket>) -> Result<Response<Self::DoGetStream>, Status> {
        self.service.do_get(request).await
    }

    async fn do_put(&self, request: Request<Streaming<FlightData>>) -> Result<Response<Self::DoPutStream>, Status> {
        self.service.do_put(request).await
    }

    async fn do_action(&self, request: Request<Action>) -> Result<Response<Self::DoActionStream>, Status> {
        self.service.do_action(request).await
    }

    async fn list_actions(&self, _request: Request<Empty>) -> Result<Response<Self::ListActionsStream>, Status> {
        Ok(Response::new(Box::pin(futures::stream::iter(super::actions::offered().map(Ok)))))
    }

    async fn do_exchange(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoExchangeStream>, Status> {
        self.service.do_exchange(request).await
    }
}

/// Reads a descriptor: Flight SQL's commands are protobuf and name their type, SQL is text, a path is a table.
fn asked(descriptor: &FlightDescriptor) -> Result<Asked, Status> {
    if !descriptor.path.is_empty() {
        let quoted: Vec<String> =
            descriptor.path.iter().map(|part| format!("\"{}\"", part.replace('"', "\"\""))).collect();
        return Ok(Asked::Statement(format!("SELECT * FROM {}", quoted.join("."))));
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
    fn protobuf_is_flight_sql_and_anything_else_is_refused() {
        let command = FlightDescriptor::new_cmd(CommandGetCatalogs {}.as_any().encode_to_vec());
        assert!(matches!(asked(&command), Ok(Asked::FlightSql)));
        assert!(asked(&FlightDescriptor::new_cmd(vec![0xff, 0xfe])).is_err());
        assert!(asked(&FlightDescriptor::new_cmd("  ")).is_err());
    }
}
