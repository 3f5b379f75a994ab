//! Flight SQL's catalogue calls: catalogs, schemas, tables and table types, from what the caller may know of the current
//! manifest.

use arrow::record_batch::RecordBatch;
use arrow_flight::error::FlightError;
use arrow_flight::sql::{CommandGetCatalogs, CommandGetDbSchemas, CommandGetTableTypes, CommandGetTables};
use rail_forge_connectors::Manifest;
use tonic::Status;

use super::column_metadata::with_remarks;
use super::wire::table_schema;

/// The longest pattern for names. PostgreSQL's have at most 63 bytes, a table's whole name three times that; of a
/// pattern, each can be an escaped one.
const MAX_PATTERN_BYTES: usize = 1 << 10;
/// The one kind of table that is served.
const TABLE_TYPE: &str = "TABLE";

pub(super) fn catalogs(query: CommandGetCatalogs, names: Vec<String>) -> Result<RecordBatch, Status> {
    let mut builder = query.into_builder();
    for name in names {
        builder.append(name);
    }
    built(builder.build())
}

pub(super) fn schemas(query: CommandGetDbSchemas, manifest: &Manifest) -> Result<RecordBatch, Status> {
    check_pattern(query.db_schema_filter_pattern.as_deref())?;
    let mut builder = query.into_builder();
    let mut schemas: Vec<_> = manifest.tables.iter().map(|table| (&table.name.catalog, &table.name.schema)).collect();
    schemas.dedup();
    for (catalog, schema) in schemas {
        builder.append(catalog, schema);
    }
    built(builder.build())
}

pub(super) fn tables(mut query: CommandGetTables, manifest: &Manifest) -> Result<RecordBatch, Status> {
    check_pattern(query.db_schema_filter_pattern.as_deref())?;
    check_pattern(query.table_name_filter_pattern.as_deref())?;
    // Each is looked for among all tables, and a client may send millions of them.
    match query.table_types.iter().position(|kind| kind == TABLE_TYPE) {
        Some(served) => query.table_types = vec![query.table_types.swap_remove(served)],
        None => query.table_types.truncate(1),
    }
    let mut builder = query.into_builder();
    for table in &manifest.tables {
        let name = &table.name;
        let schema = with_remarks(&table_schema(name, &table.schema));
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

/// Long ones are compiled into more than they are worth.
pub(super) fn check_pattern(pattern: Option<&str>) -> Result<(), Status> {
    match pattern {
        Some(pattern) if pattern.len() > MAX_PATTERN_BYTES => {
            Err(Status::invalid_argument(format!("a pattern for names has more than {MAX_PATTERN_BYTES} bytes")))
        }
        _ => Ok(()),
    }
}

fn built(batch: Result<RecordBatch, FlightError>) -> Result<RecordBatch, Status> {
    batch.map_err(|error| Status::internal(error.to_string()))
}
