//! Flight SQL's catalogue calls: catalogs, schemas, tables and table types, from the current manifest.

use arrow::record_batch::RecordBatch;
use arrow_flight::error::FlightError;
use arrow_flight::sql::{CommandGetCatalogs, CommandGetDbSchemas, CommandGetTableTypes, CommandGetTables};
use rail_forge_connectors::PinnedSnapshot;
use tonic::Status;

use super::wire::wire_schema;
use crate::refresher::Refresher;

/// The one kind of table that is served.
const TABLE_TYPE: &str = "TABLE";

pub(super) fn catalogs(query: CommandGetCatalogs, refresher: &Refresher) -> Result<RecordBatch, Status> {
    let mut builder = query.into_builder();
    for name in refresher.catalogs() {
        builder.append(name);
    }
    built(builder.build())
}

pub(super) fn schemas(query: CommandGetDbSchemas, snapshot: &PinnedSnapshot) -> Result<RecordBatch, Status> {
    let mut builder = query.into_builder();
    let mut schemas: Vec<_> =
        snapshot.manifest.tables.iter().map(|table| (&table.name.catalog, &table.name.schema)).collect();
    schemas.dedup();
    for (catalog, schema) in schemas {
        builder.append(catalog, schema);
    }
    built(builder.build())
}

pub(super) fn tables(query: CommandGetTables, snapshot: &PinnedSnapshot) -> Result<RecordBatch, Status> {
    let mut builder = query.into_builder();
    for table in &snapshot.manifest.tables {
        let name = &table.name;
        let schema = wire_schema(&table.schema);
        builder
            .append(&name.catalog, &name.schema, &name.table, TABLE_TYPE, &schema)
            .map_err(|error| Status::internal(error.to_string()))?;
    }
    built(builder.build())
}

pub(super) fn table_types(query: CommandGetTableTypes) -> Result<RecordBatch, Status> {
    let mut builder = query.into_builder();
    builder.append(TABLE_TYPE);
    built(builder.build())
}

fn built(batch: Result<RecordBatch, FlightError>) -> Result<RecordBatch, Status> {
    batch.map_err(|error| Status::internal(error.to_string()))
}
