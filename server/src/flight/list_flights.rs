//! ListFlights: every table that the caller may read, described as by its path, with a ticket for all of its rows. One
//! is described after the other, as the client reads them.

use arrow::array::{BooleanArray, StringArray};
use arrow::compute::kernels::comparison::like;
use arrow::datatypes::SchemaRef;
use arrow_flight::sql::{ProstMessageExt, TicketStatementQuery};
use arrow_flight::{Criteria, FlightDescriptor, FlightEndpoint, FlightInfo, Ticket};
use futures::StreamExt;
use prost::Message;
use rail_forge_connectors::{AsOf, TableEntry, TableName};
use rail_forge_planner::{AnsweredBy, Size, TableTruth, Truth};
use tonic::{Request, Response, Status};

use super::catalogue::check_pattern;
use super::choices::Choices;
use super::gateway::{BoxStream, sql_of_path};
use super::handle::{Seal, StatementHandle};
use super::service::Service;
use super::statements::truth_as_json;
use super::views;
use super::wire::table_schema;

/// What all that is listed has in common.
struct Listing {
    version: u64,
    choices: Choices,
    seal: Seal,
}

/// What is told of a table. The snapshot itself is not held while a client reads the list slowly.
struct Listed {
    name: TableName,
    schema: SchemaRef,
    as_of: AsOf,
    live: bool,
    size: Size,
}

pub(super) fn answer(
    service: &Service,
    request: &Request<Criteria>,
) -> Result<Response<BoxStream<FlightInfo>>, Status> {
    let visible = service.visible(request)?;
    let manifest = visible.manifest();
    let tables = &manifest.tables;
    let wanted = wanted(tables, &request.get_ref().expression)?;
    let listed: Vec<Listed> = tables
        .iter()
        .zip(&wanted)
        .filter(|(_, wanted)| *wanted == Some(true))
        .map(|(table, _)| listed(table, manifest.size(table)))
        .collect();
    let version = manifest.version;
    let listing = Listing { version, choices: service.choices(request)?, seal: service.seal(request)? };
    let infos = listed.into_iter().map(move |table| listing.info(table));
    Ok(Response::new(futures::stream::iter(infos).boxed()))
}

/// Which tables a client asks for: those whose whole name is as the pattern of LIKE, or all.
fn wanted(tables: &[TableEntry], pattern: &[u8]) -> Result<BooleanArray, Status> {
    let pattern = std::str::from_utf8(pattern).map_err(|_| {
        Status::invalid_argument("the criteria are not UTF-8: they are a pattern of LIKE, such as shop.public.%")
    })?;
    check_pattern(Some(pattern))?;
    if pattern.is_empty() {
        return Ok(BooleanArray::from(vec![true; tables.len()]));
    }
    let names = StringArray::from_iter_values(tables.iter().map(|table| table.name.unquoted()));
    like(&names, &StringArray::new_scalar(pattern)).map_err(|error| Status::invalid_argument(error.to_string()))
}

fn listed(table: &TableEntry, size: Size) -> Listed {
    let live = table.live.is_some();
    Listed {
        name: table.name.clone(),
        schema: SchemaRef::clone(&table.schema),
        // Of a live table it is the time of planning: it is read later.
        as_of: if live { AsOf::now() } else { table.as_of },
        live,
        // PostgreSQL has the rows of live tables, and nobody has counted them.
        size: if live { Size::default() } else { size },
    }
}

impl Listing {
    fn info(&self, table: Listed) -> Result<FlightInfo, Status> {
        let Listed { name, schema, as_of, live, size } = table;
        let path = vec![name.catalog.clone(), name.schema.clone(), name.table.clone()];
        let schema = table_schema(&name, &schema);
        let schema = if self.choices.views { views::with_views(&schema) } else { schema };
        let handle = StatementHandle::new(sql_of_path(&path), self.choices.clone()).for_ticket(self.version)?;
        let ticket = TicketStatementQuery { statement_handle: handle.to_bytes(&self.seal) };
        let total = |known: Option<u64>| known.and_then(|known| i64::try_from(known).ok()).unwrap_or(-1);
        let truth = Truth {
            engine: AnsweredBy::default(),
            version: self.version,
            as_of: Some(as_of),
            tables: vec![TableTruth { name, as_of, live }],
        };
        Ok(FlightInfo::new()
            .try_with_schema(&schema)
            .map_err(|error| Status::internal(error.to_string()))?
            .with_descriptor(FlightDescriptor::new_path(path))
            .with_endpoint(FlightEndpoint::new().with_ticket(Ticket::new(ticket.as_any().encode_to_vec())))
            .with_total_records(total(size.rows))
            .with_total_bytes(total(size.bytes))
            .with_ordered(true)
            .with_app_metadata(truth_as_json(&truth).to_string()))
    }
}
