//! What is done with tickets beside reading them: queries are cancelled by them, and endpoints renewed. Another
//! principal's ticket is one that there never was.

use arrow_flight::sql::{ActionCancelQueryRequest, ActionCancelQueryResult, Any, Command};
use arrow_flight::{
    Action, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightEndpoint, FlightInfo,
    RenewFlightEndpointRequest, Ticket,
};
use prost::Message;
use tonic::{Request, Response, Status};

use super::actions::ActionStream;
use super::handle::{Seal, StatementHandle};
use super::random_id::RandomId;
use super::service::Service;
use super::session_actions::{body, one_result};

pub(super) const CANCEL_ACTION: &str = "CancelFlightInfo";
pub(super) const RENEW_ACTION: &str = "RenewFlightEndpoint";

/// Cancels the queries of the tickets of a FlightInfo.
pub(super) fn cancel(service: &Service, request: &Request<Action>) -> Result<Response<ActionStream>, Status> {
    let CancelFlightInfoRequest { info } = body(request)?;
    let info = info.ok_or_else(|| Status::invalid_argument("there is no FlightInfo to cancel"))?;
    let status = cancel_info(service, &info, &service.seal(request)?)?;
    Ok(one_result(&CancelFlightInfoResult::new(status)))
}

/// The same as Flight SQL had it before Flight did.
pub(super) fn cancel_query(
    service: &Service,
    query: &ActionCancelQueryRequest,
    request: &Request<Action>,
) -> Result<ActionCancelQueryResult, Status> {
    let info = FlightInfo::decode(query.info.clone())
        .map_err(|error| Status::invalid_argument(format!("the FlightInfo cannot be read: {error}")))?;
    let status = cancel_info(service, &info, &service.seal(request)?)?;
    // The numbers of both enumerations are the same.
    Ok(ActionCancelQueryResult { result: status.into() })
}

fn cancel_info(service: &Service, info: &FlightInfo, seal: &Seal) -> Result<CancelStatus, Status> {
    if info.endpoint.is_empty() {
        return Err(Status::invalid_argument("the FlightInfo has no endpoint, so that there is no query to cancel"));
    }
    // All or none.
    let held = info.endpoint.iter().map(|endpoint| held(endpoint, seal)).collect::<Result<Vec<_>, _>>()?;
    let mut status = CancelStatus::Cancelled;
    for held in held {
        match held {
            Held::Query(id) if service.running.cancel(id) => {}
            Held::Query(_) => status = CancelStatus::Cancelling,
            Held::Other if status == CancelStatus::Cancelled => status = CancelStatus::NotCancellable,
            Held::Other => {}
        }
    }
    Ok(status)
}

/// Answers the endpoint as it is: its ticket holds all that is needed, and does not grow old.
pub(super) fn renew(service: &Service, request: &Request<Action>) -> Result<Response<ActionStream>, Status> {
    let RenewFlightEndpointRequest { endpoint } = body(request)?;
    let endpoint = endpoint.ok_or_else(|| Status::invalid_argument("there is no endpoint to renew"))?;
    held(&endpoint, &service.seal(request)?)?;
    Ok(one_result(&FlightEndpoint { expiration_time: None, ..endpoint }))
}

/// What a ticket of this server stands for.
enum Held {
    Query(RandomId),
    /// Tables of the catalogue, which are there at once, or a statement that runs without a ticket of its own.
    Other,
}

fn held(endpoint: &FlightEndpoint, seal: &Seal) -> Result<Held, Status> {
    let unknown = || Status::not_found("no such ticket; ask for the FlightInfo again");
    let Ticket { ticket } = endpoint.ticket.as_ref().ok_or_else(unknown)?;
    let any = Any::decode(ticket.clone()).map_err(|_| unknown())?;
    let handle = |bytes: &[u8]| StatementHandle::from_bytes(bytes, seal).map_err(|_| unknown());
    match Command::try_from(any).map_err(|_| unknown())? {
        Command::TicketStatementQuery(ticket) => {
            Ok(handle(&ticket.statement_handle)?.query_id().map_or(Held::Other, Held::Query))
        }
        Command::CommandPreparedStatementQuery(query) => handle(&query.prepared_statement_handle).map(|_| Held::Other),
        Command::CommandGetCatalogs(_)
        | Command::CommandGetDbSchemas(_)
        | Command::CommandGetTables(_)
        | Command::CommandGetTableTypes(_)
        | Command::CommandGetSqlInfo(_)
        | Command::CommandGetXdbcTypeInfo(_)
        | Command::CommandGetPrimaryKeys(_)
        | Command::CommandGetExportedKeys(_)
        | Command::CommandGetImportedKeys(_)
        | Command::CommandGetCrossReference(_) => Ok(Held::Other),
        _ => Err(unknown()),
    }
}
