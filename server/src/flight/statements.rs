//! Statements: planned and described when a client asks for a FlightInfo or prepares one, run when it comes with the
//! ticket. All that is known of one is in its handle, which the client keeps.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use arrow::ipc::writer::IpcWriteOptions;
use arrow::record_batch::RecordBatch;
use arrow_flight::sql::server::PeekableFlightDataStream;
use arrow_flight::sql::{
    ActionCreatePreparedStatementResult, DoPutPreparedStatementResult, ProstMessageExt, TicketStatementQuery,
};
use arrow_flight::{Action, FlightDescriptor, FlightEndpoint, FlightInfo, IpcMessage, SchemaAsIpc, Ticket};
use futures::TryStreamExt;
use prost::Message;
use prost::bytes::Bytes;
use rail_forge_planner::{Prepared, ResultStream, TableTruth, Truth};
use serde_json::json;
use tonic::{Request, Response, Status};

use super::demands::Demands;
use super::handle::StatementHandle;
use super::observation::Observation;
use super::service::Service;
use super::stream::{DataStream, Rows, compression};
use super::user_agent::is_cpp_on_linux;
use super::wire::{Wire, wire_schema};
use super::{java, parameters, status};
use crate::authorisation::Rights;
use crate::stored_queries::Asked;

impl Service {
    /// Plans a statement and describes its result, with a ticket for it.
    pub(super) async fn statement_info(
        &self,
        sql: String,
        request: Request<FlightDescriptor>,
    ) -> Result<FlightInfo, Status> {
        self.info(StatementHandle::new(sql, self.choices(&request)?), request).await
    }

    /// Describes the result of a prepared statement, with a ticket for it.
    pub(super) async fn prepared_info(
        &self,
        handle: &[u8],
        request: Request<FlightDescriptor>,
    ) -> Result<FlightInfo, Status> {
        self.info(StatementHandle::from_bytes(handle, &self.seal(&request)?)?, request).await
    }

    /// Plans a statement, and hands out what stands for it.
    pub(super) async fn prepare(
        &self,
        sql: String,
        request: &Request<Action>,
    ) -> Result<ActionCreatePreparedStatementResult, Status> {
        let handle = StatementHandle::new(sql, self.choices(request)?);
        let asked = self.asked(&handle, Demands::default(), &self.rights(request)?).await?;
        let prepared = self.prepared(&asked).await?;
        let parameters: Vec<Field> = asked
            .wanted(prepared.parameters)
            .into_iter()
            .enumerate()
            .map(|(index, wanted)| Field::new(format!("${}", index + 1), wanted.unwrap_or(DataType::Utf8), true))
            .collect();
        let parameters = java::parameters(wire_schema(&Schema::new(parameters)), request.metadata());
        Ok(ActionCreatePreparedStatementResult {
            prepared_statement_handle: handle.to_bytes(&self.seal(request)?),
            dataset_schema: schema_bytes(Wire::new(&prepared.schema).with_views(handle.views).schema())?,
            parameter_schema: schema_bytes(&parameters)?,
        })
    }

    /// Binds parameters: what comes back stands for the statement with them, and what was sent still has none.
    pub(super) async fn bind(
        &self,
        handle: &[u8],
        request: Request<PeekableFlightDataStream>,
    ) -> Result<DoPutPreparedStatementResult, Status> {
        let (seal, rights) = (self.seal(&request)?, self.rights(&request)?);
        let mut handle = StatementHandle::from_bytes(handle, &seal)?;
        handle.parameters = parameters::receive(request.into_inner()).await?;
        // Decoded now, so that the client hears here of what is wrong with them.
        self.asked(&handle, Demands::default(), &rights).await?;
        Ok(DoPutPreparedStatementResult { prepared_statement_handle: Some(handle.to_bytes(&seal)) })
    }

    /// Runs the statement of a ticket or a handle; its first batch is sent as soon as it is there.
    pub(super) async fn run(&self, handle: &[u8], request: &Request<Ticket>) -> Result<Response<DataStream>, Status> {
        let handle = StatementHandle::from_bytes(handle, &self.seal(request)?)?;
        let compression = compression(request.metadata())?;
        let running = self.running.begin(handle.query_id())?;
        let demands = Demands::of(request.metadata(), handle.demands())?;
        let rights = self.rights(request)?;
        let asked = self.asked(&handle, demands, &rights).await?;
        asked.refuse_unbound().map_err(status::of_query)?;
        if handle.version.is_none() {
            self.make_fresh(&asked, demands, &rights).await?;
        }
        let Asked { query, told, .. } = asked;
        let mut observation = Observation::begin(&self.metrics);
        let executed = async {
            let executed = running.unless_cancelled(self.engine.execute(query, handle.version)).await?;
            executed.map_err(|error| status::of_query(told.error(error)))
        };
        let stream = observation.note(executed.await)?;
        let wire = Wire::new(stream.schema()).with_views(handle.views);
        let metadata = describe_result(&stream);
        let (deadline, passed) = stream.deadline();
        let (schema, engine) = (Arc::clone(wire.schema()), stream.truth().engine);
        let wire = Arc::new((wire, told.clone()));
        let converted = move |batch: RecordBatch| {
            let wire = Arc::clone(&wire);
            let parts = wire.0.parts(batch).into_iter();
            futures::stream::iter(parts.map(move |part: RecordBatch| {
                let (wire, told) = wire.as_ref();
                wire.convert(&part).map_err(|error| status::of_value(told.of_value(error)))
            }))
        };
        let batches = stream.map_err(move |error| status::of_query(told.error(error))).map_ok(converted).try_flatten();
        let rows = Rows::new(schema, running.flow(observation.follow(engine, batches))).with_metadata(metadata);
        // A large batch is worth its name where it is received as large.
        let has_large_batch = compression.is_none() && is_cpp_on_linux(request.metadata());
        let rows = rows.with_compression(compression).with_large_batch(has_large_batch);
        Ok(rows.with_deadline(deadline, move || status::of_query(passed)).answer())
    }

    async fn info(&self, handle: StatementHandle, request: Request<FlightDescriptor>) -> Result<FlightInfo, Status> {
        let demands = Demands::of(request.metadata(), handle.demands())?;
        let (seal, rights) = (self.seal(&request)?, self.rights(&request)?);
        let descriptor = request.into_inner();
        let asked = self.asked(&handle, demands, &rights).await?;
        self.make_fresh(&asked, demands, &rights).await?;
        let prepared = self.prepared(&asked).await?;
        let wire = Wire::new(&prepared.schema).with_views(handle.views);
        let handle = handle.for_ticket(prepared.truth.version)?;
        let ticket = TicketStatementQuery { statement_handle: handle.to_bytes(&seal) };
        let endpoint = FlightEndpoint::new().with_ticket(Ticket::new(ticket.as_any().encode_to_vec()));
        Ok(FlightInfo::new()
            .try_with_schema(wire.schema())
            .map_err(|error| Status::internal(error.to_string()))?
            .with_descriptor(descriptor)
            .with_endpoint(endpoint)
            .with_total_records(-1)
            .with_total_bytes(-1)
            .with_ordered(true)
            .with_app_metadata(truth_as_json(&prepared.truth).to_string()))
    }

    /// What a handle asks: its statement, or the stored query that this calls.
    async fn asked(&self, handle: &StatementHandle, demands: Demands, rights: &Rights) -> Result<Asked, Status> {
        let query = handle.query(demands, rights).await?;
        let observation = Observation::begin(&self.metrics);
        let asked = observation.planned(self.stored_queries.resolve(query, rights).map_err(status::of_query))?;
        if let Some(casts) = &asked.casts {
            let computed = async { self.engine.execute(casts.clone(), None).await?.try_collect::<Vec<_>>().await };
            computed.await.map_err(|error| status::of_query(asked.told.of_casts(error)))?;
        }
        Ok(asked)
    }

    async fn prepared(&self, asked: &Asked) -> Result<Prepared, Status> {
        let observation = Observation::begin(&self.metrics);
        let prepared = self.engine.prepare(asked.query.clone()).await;
        observation.planned(prepared.map_err(|error| status::of_query(asked.told.error(error))))
    }

    /// Sees to it that the tables of a query are as fresh as it demands.
    async fn make_fresh(&self, asked: &Asked, demands: Demands, rights: &Rights) -> Result<(), Status> {
        match demands.max_staleness {
            Some(max) => self.freshness.ensure(&self.refresher, max, rights, || self.prepared(asked)).await,
            None => Ok(()),
        }
    }
}

/// What the first message of a result says about it.
fn describe_result(stream: &ResultStream) -> String {
    let mut description = truth_as_json(stream.truth());
    description["cached"] = stream.is_kept().into();
    description.to_string()
}

/// What FlightInfo says about a result's truth. In FlightInfo a live table has the time of
/// planning and the position 0/0, because it will be read later than that; in the result it has its moment.
pub(super) fn truth_as_json(truth: &Truth) -> serde_json::Value {
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

fn schema_bytes(schema: &Schema) -> Result<Bytes, Status> {
    let options = IpcWriteOptions::default();
    let IpcMessage(bytes) = SchemaAsIpc::new(schema, &options)
        .try_into()
        .map_err(|error: ArrowError| Status::internal(error.to_string()))?;
    Ok(bytes)
}
