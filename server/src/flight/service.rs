//! Flight SQL: each command decoded, handed to the engine, its answer encoded. No state is kept for a
//! client between two calls.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::ipc::writer::IpcWriteOptions;
use arrow::record_batch::RecordBatch;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_server::FlightService;
use arrow_flight::sql::server::{FlightSqlService, PeekableFlightDataStream};
use arrow_flight::sql::{
    ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult,
    CommandGetCatalogs, CommandGetCrossReference, CommandGetDbSchemas, CommandGetExportedKeys, CommandGetImportedKeys,
    CommandGetPrimaryKeys, CommandGetSqlInfo, CommandGetTableTypes, CommandGetTables, CommandPreparedStatementQuery,
    CommandPreparedStatementUpdate, CommandStatementIngest, CommandStatementQuery, CommandStatementUpdate,
    DoPutPreparedStatementResult, ProstMessageExt, SqlInfo, TicketStatementQuery,
};
use arrow_flight::{Action, FlightDescriptor, FlightEndpoint, FlightInfo, IpcMessage, SchemaAsIpc, Ticket};
use futures::{StreamExt, TryStreamExt};
use prost::Message;
use rail_forge_planner::{Engine, Error, Prepared, Query, ResultStream, SessionOptions, TableTruth, Truth};
use serde_json::json;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

use super::demands::Demands;
use super::freshness::Freshness;
use super::handle::StatementHandle;
use super::wire::{Wire, wire_schema};
use super::{actions, catalogue, keys, parameters, sql_info, status};
use crate::refresher::Refresher;

/// Headers in which a client says where unqualified names are looked up, as percent-encoded UTF-8.
const CATALOG_HEADER: &str = "x-rail-forge-catalog";
const SCHEMA_HEADER: &str = "x-rail-forge-schema";
const TIMEZONE_HEADER: &str = "x-rail-forge-timezone";

type DataStream = <Service as FlightService>::DoGetStream;

/// The Flight SQL service.
#[derive(Clone)]
pub struct Service {
    pub(super) engine: Engine,
    pub(super) refresher: Arc<Refresher>,
    freshness: Arc<Freshness>,
}

impl Service {
    pub fn new(engine: Engine, refresher: Arc<Refresher>) -> Self {
        Self { engine, refresher, freshness: Arc::default() }
    }

    /// Plans a statement and describes its result, with a ticket for it.
    pub(super) async fn statement_info(
        &self,
        sql: String,
        request: Request<FlightDescriptor>,
    ) -> Result<FlightInfo, Status> {
        self.info(StatementHandle::new(sql, session_options(request.metadata())?), request).await
    }

    async fn info(
        &self,
        mut handle: StatementHandle,
        request: Request<FlightDescriptor>,
    ) -> Result<FlightInfo, Status> {
        let demands = Demands::of(request.metadata())?;
        let descriptor = request.into_inner();
        let query = handle.query(demands).await?;
        self.make_fresh(&query, demands).await?;
        let prepared = self.prepared(&query).await?;
        handle.version = Some(prepared.truth.version);
        let ticket = TicketStatementQuery { statement_handle: handle.to_bytes() };
        let endpoint = FlightEndpoint::new().with_ticket(Ticket::new(ticket.as_any().encode_to_vec()));
        Ok(FlightInfo::new()
            .try_with_schema(&wire_schema(&prepared.schema))
            .map_err(|error| Status::internal(error.to_string()))?
            .with_descriptor(descriptor)
            .with_endpoint(endpoint)
            .with_total_records(-1)
            .with_total_bytes(-1)
            .with_ordered(true)
            .with_app_metadata(truth_as_json(&prepared.truth).to_string()))
    }

    async fn prepared(&self, query: &Query) -> Result<Prepared, Status> {
        self.engine.prepare(query.clone()).await.map_err(status::of_query)
    }

    /// Sees to it that the tables of a query are as fresh as it demands.
    async fn make_fresh(&self, query: &Query, demands: Demands) -> Result<(), Status> {
        match demands.max_staleness {
            Some(max) => self.freshness.ensure(&self.refresher, max, || self.prepared(query)).await,
            None => Ok(()),
        }
    }

    /// Runs a statement; its first batch is sent as soon as it is there.
    async fn run(&self, handle: StatementHandle, headers: &MetadataMap) -> Result<Response<DataStream>, Status> {
        let demands = Demands::of(headers)?;
        let query = handle.query(demands).await?;
        if handle.version.is_none() {
            self.make_fresh(&query, demands).await?;
        }
        let stream = self.engine.execute(query, handle.version).await.map_err(status::of_query)?;
        let wire = Wire::new(stream.schema());
        let metadata = describe_result(&stream);
        let schema = Arc::clone(wire.schema());
        let batches = stream.map(move |batch| {
            let batch = batch.map_err(status::of_query)?;
            wire.convert(&batch).map_err(|error| Status::invalid_argument(error.to_string()))
        });
        Ok(Response::new(encode(schema, metadata, batches.map_err(tonic_error))))
    }

    fn catalogue_info(
        &self,
        command: impl ProstMessageExt,
        schema: &Schema,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let ticket = Ticket::new(command.as_any().encode_to_vec());
        let info = FlightInfo::new()
            .try_with_schema(schema)
            .map_err(|error| Status::internal(error.to_string()))?
            .with_descriptor(request.into_inner())
            .with_endpoint(FlightEndpoint::new().with_ticket(ticket));
        Ok(Response::new(info))
    }
}

/// What a client says of its session with every call.
pub(super) fn session_options(headers: &MetadataMap) -> Result<SessionOptions, Status> {
    let read = |name: &'static str| {
        let Some(value) = headers.get(name) else { return Ok(None) };
        percent_encoding::percent_decode(value.as_bytes())
            .decode_utf8()
            .map(|value| Some(value.into_owned()))
            .map_err(|_| Status::invalid_argument(format!("the header {name} is not percent-encoded UTF-8")))
    };
    let (catalog, schema) = (read(CATALOG_HEADER)?, read(SCHEMA_HEADER)?);
    Ok(SessionOptions { catalog, schema, timezone: read(TIMEZONE_HEADER)? })
}

/// What the first message of a result says about it.
fn describe_result(stream: &ResultStream) -> String {
    let mut description = truth_as_json(stream.truth());
    description["cached"] = stream.is_kept().into();
    description.to_string()
}

/// What FlightInfo says about a result's truth. In FlightInfo a live table has the time of
/// planning and the position 0/0, because it will be read later than that; in the result it has its moment.
fn truth_as_json(truth: &Truth) -> serde_json::Value {
    let describe = |TableTruth { name, as_of, live }: &TableTruth| {
        let mut table = json!({"as_of": as_of.time, "lsn": as_of.lsn});
        if *live {
            table["live"] = true.into();
        }
        (name.to_string(), table)
    };
    let tables: serde_json::Map<String, serde_json::Value> = truth.tables.iter().map(describe).collect();
    json!({
        "as_of": truth.as_of.map(|as_of| as_of.time),
        "lsn": truth.as_of.map(|as_of| as_of.lsn),
        "engine": truth.engine.name(),
        "version": truth.version,
        "tables": tables,
    })
}

fn encode(
    schema: SchemaRef,
    metadata: String,
    batches: impl futures::Stream<Item = Result<RecordBatch, FlightError>> + Send + 'static,
) -> DataStream {
    FlightDataEncoderBuilder::new()
        .with_schema(schema)
        .with_metadata(metadata.into())
        .build(batches)
        .map_err(Status::from)
        .boxed()
}

fn read_only(what: &str) -> Status {
    status::of_query(Error::ReadOnly(what.to_owned()))
}

fn tonic_error(status: Status) -> FlightError {
    FlightError::Tonic(Box::new(status))
}

fn one_batch(batch: RecordBatch) -> Result<Response<DataStream>, Status> {
    let batches = futures::stream::iter([Ok(batch.clone())]);
    Ok(Response::new(encode(batch.schema(), String::new(), batches)))
}

fn schema_bytes(schema: &Schema) -> Result<prost::bytes::Bytes, Status> {
    let options = IpcWriteOptions::default();
    let IpcMessage(bytes) = SchemaAsIpc::new(schema, &options)
        .try_into()
        .map_err(|error: arrow::error::ArrowError| Status::internal(error.to_string()))?;
    Ok(bytes)
}

#[tonic::async_trait]
impl FlightSqlService for Service {
    type FlightService = Self;

    async fn get_flight_info_statement(
        &self,
        query: CommandStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.statement_info(query.query, request).await.map(Response::new)
    }

    async fn do_get_statement(
        &self,
        ticket: TicketStatementQuery,
        request: Request<Ticket>,
    ) -> Result<Response<DataStream>, Status> {
        self.run(StatementHandle::from_bytes(&ticket.statement_handle)?, request.metadata()).await
    }

    async fn do_action_create_prepared_statement(
        &self,
        query: ActionCreatePreparedStatementRequest,
        request: Request<Action>,
    ) -> Result<ActionCreatePreparedStatementResult, Status> {
        let handle = StatementHandle::new(query.query, session_options(request.metadata())?);
        let prepared = self.prepared(&handle.query(Demands::default()).await?).await?;
        let parameters: Vec<Field> = prepared
            .parameters
            .into_iter()
            .enumerate()
            .map(|(index, wanted)| {
                Field::new(format!("${}", index + 1), wanted.unwrap_or(arrow::datatypes::DataType::Utf8), true)
            })
            .collect();
        Ok(ActionCreatePreparedStatementResult {
            prepared_statement_handle: handle.to_bytes(),
            dataset_schema: schema_bytes(&wire_schema(&prepared.schema))?,
            parameter_schema: schema_bytes(&wire_schema(&Schema::new(parameters)))?,
        })
    }

    /// The handle that comes back holds the parameters; the one that was sent still has none.
    async fn do_put_prepared_statement_query(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<DoPutPreparedStatementResult, Status> {
        let mut handle = StatementHandle::from_bytes(&query.prepared_statement_handle)?;
        handle.parameters = parameters::receive(request.into_inner()).await?;
        // Decoded now, so that the client hears here of what is wrong with them.
        handle.query(Demands::default()).await?;
        Ok(DoPutPreparedStatementResult { prepared_statement_handle: Some(handle.to_bytes()) })
    }

    async fn get_flight_info_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let handle = StatementHandle::from_bytes(&query.prepared_statement_handle)?;
        self.info(handle, request).await.map(Response::new)
    }

    async fn do_get_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<Ticket>,
    ) -> Result<Response<DataStream>, Status> {
        self.run(StatementHandle::from_bytes(&query.prepared_statement_handle)?, request.metadata()).await
    }

    async fn do_put_statement_update(
        &self,
        _update: CommandStatementUpdate,
        _request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        Err(read_only("an update"))
    }

    async fn do_put_prepared_statement_update(
        &self,
        _update: CommandPreparedStatementUpdate,
        _request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        Err(read_only("an update"))
    }

    async fn do_put_statement_ingest(
        &self,
        _ingest: CommandStatementIngest,
        _request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        Err(read_only("an ingest"))
    }

    /// Nothing to forget: the handle is all there is.
    async fn do_action_close_prepared_statement(
        &self,
        _query: ActionClosePreparedStatementRequest,
        _request: Request<Action>,
    ) -> Result<(), Status> {
        Ok(())
    }

    async fn do_action_fallback(
        &self,
        request: Request<Action>,
    ) -> Result<Response<<Self as FlightService>::DoActionStream>, Status> {
        actions::answer(self, request.into_inner()).await
    }

    async fn get_flight_info_catalogs(
        &self,
        query: CommandGetCatalogs,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.catalogue_info(query, &query.into_builder().schema(), request)
    }

    async fn do_get_catalogs(
        &self,
        query: CommandGetCatalogs,
        _request: Request<Ticket>,
    ) -> Result<Response<DataStream>, Status> {
        one_batch(catalogue::catalogs(query, &self.refresher)?)
    }

    async fn get_flight_info_schemas(
        &self,
        query: CommandGetDbSchemas,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let schema = query.clone().into_builder().schema();
        self.catalogue_info(query, &schema, request)
    }

    async fn do_get_schemas(
        &self,
        query: CommandGetDbSchemas,
        _request: Request<Ticket>,
    ) -> Result<Response<DataStream>, Status> {
        one_batch(catalogue::schemas(query, &self.refresher.pin())?)
    }

    async fn get_flight_info_tables(
        &self,
        query: CommandGetTables,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let schema = query.clone().into_builder().schema();
        self.catalogue_info(query, &schema, request)
    }

    async fn do_get_tables(
        &self,
        query: CommandGetTables,
        _request: Request<Ticket>,
    ) -> Result<Response<DataStream>, Status> {
        one_batch(catalogue::tables(query, &self.refresher.pin())?)
    }

    async fn get_flight_info_table_types(
        &self,
        query: CommandGetTableTypes,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.catalogue_info(query, &query.into_builder().schema(), request)
    }

    async fn do_get_table_types(
        &self,
        query: CommandGetTableTypes,
        _request: Request<Ticket>,
    ) -> Result<Response<DataStream>, Status> {
        one_batch(catalogue::table_types(query)?)
    }

    async fn get_flight_info_sql_info(
        &self,
        query: CommandGetSqlInfo,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let schema = query.clone().into_builder(sql_info::all()?).schema();
        self.catalogue_info(query, &schema, request)
    }

    async fn do_get_sql_info(
        &self,
        query: CommandGetSqlInfo,
        _request: Request<Ticket>,
    ) -> Result<Response<DataStream>, Status> {
        let batch = query.into_builder(sql_info::all()?).build();
        one_batch(batch.map_err(|error| Status::internal(error.to_string()))?)
    }

    async fn get_flight_info_primary_keys(
        &self,
        query: CommandGetPrimaryKeys,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.catalogue_info(query, &keys::primary_schema(), request)
    }

    async fn do_get_primary_keys(
        &self,
        query: CommandGetPrimaryKeys,
        _request: Request<Ticket>,
    ) -> Result<Response<DataStream>, Status> {
        one_batch(keys::primary(&query, &self.refresher.pin())?)
    }

    async fn get_flight_info_exported_keys(
        &self,
        query: CommandGetExportedKeys,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.catalogue_info(query, &keys::foreign_schema(), request)
    }

    async fn do_get_exported_keys(
        &self,
        query: CommandGetExportedKeys,
        _request: Request<Ticket>,
    ) -> Result<Response<DataStream>, Status> {
        one_batch(keys::exported(&query, &self.refresher.pin())?)
    }

    async fn get_flight_info_imported_keys(
        &self,
        query: CommandGetImportedKeys,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.catalogue_info(query, &keys::foreign_schema(), request)
    }

    async fn do_get_imported_keys(
        &self,
        query: CommandGetImportedKeys,
        _request: Request<Ticket>,
    ) -> Result<Response<DataStream>, Status> {
        one_batch(keys::imported(&query, &self.refresher.pin())?)
    }

    async fn get_flight_info_cross_reference(
        &self,
        query: CommandGetCrossReference,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.catalogue_info(query, &keys::foreign_schema(), request)
    }

    async fn do_get_cross_reference(
        &self,
        query: CommandGetCrossReference,
        _request: Request<Ticket>,
    ) -> Result<Response<DataStream>, Status> {
        one_batch(keys::cross_reference(&query, &self.refresher.pin())?)
    }

    /// The set of codes is fixed; nothing is registered at run time.
    async fn register_sql_info(&self, _id: i32, _result: &SqlInfo) {}
}
