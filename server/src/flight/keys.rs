//! Flight SQL's key calls, for which arrow-flight has no builders. The schemas are those of the
//! specification (FlightSql.proto, CommandGetPrimaryKeys and CommandGetExportedKeys).

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Int32Array, StringArray, UInt8Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow_flight::sql::{
    CommandGetCrossReference, CommandGetExportedKeys, CommandGetImportedKeys, CommandGetPrimaryKeys,
};
use rail_forge_connectors::{ForeignKey, Manifest, TableEntry, TableName};
use tonic::Status;

static PRIMARY: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("catalog_name", DataType::Utf8, true),
        Field::new("db_schema_name", DataType::Utf8, true),
        Field::new("table_name", DataType::Utf8, false),
        Field::new("column_name", DataType::Utf8, false),
        Field::new("key_name", DataType::Utf8, true),
        Field::new("key_sequence", DataType::Int32, false),
    ]))
});

static FOREIGN: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("pk_catalog_name", DataType::Utf8, true),
        Field::new("pk_db_schema_name", DataType::Utf8, true),
        Field::new("pk_table_name", DataType::Utf8, false),
        Field::new("pk_column_name", DataType::Utf8, false),
        Field::new("fk_catalog_name", DataType::Utf8, true),
        Field::new("fk_db_schema_name", DataType::Utf8, true),
        Field::new("fk_table_name", DataType::Utf8, false),
        Field::new("fk_column_name", DataType::Utf8, false),
        Field::new("key_sequence", DataType::Int32, false),
        Field::new("fk_key_name", DataType::Utf8, true),
        Field::new("pk_key_name", DataType::Utf8, true),
        Field::new("update_rule", DataType::UInt8, false),
        Field::new("delete_rule", DataType::UInt8, false),
    ]))
});

pub(super) fn primary_schema() -> SchemaRef {
    Arc::clone(&PRIMARY)
}

pub(super) fn foreign_schema() -> SchemaRef {
    Arc::clone(&FOREIGN)
}

/// A table as a command names it; what is missing matches anything.
struct Wanted<'a> {
    catalog: Option<&'a str>,
    schema: Option<&'a str>,
    table: &'a str,
}

impl Wanted<'_> {
    fn matches(&self, name: &TableName) -> bool {
        self.catalog.is_none_or(|catalog| catalog == name.catalog)
            && self.schema.is_none_or(|schema| schema == name.schema)
            && self.table == name.table
    }
}

/// The columns of a table's primary key.
pub(super) fn primary(query: &CommandGetPrimaryKeys, manifest: &Manifest) -> Result<RecordBatch, Status> {
    let wanted = Wanted { catalog: query.catalog.as_deref(), schema: query.db_schema.as_deref(), table: &query.table };
    let columns: Vec<(&TableName, &String, &String, i32)> = manifest
        .tables
        .iter()
        .filter(|table| wanted.matches(&table.name))
        .filter_map(|table| Some((&table.name, table.primary_key.as_ref()?)))
        .flat_map(|(name, key)| key.columns.iter().zip(1..).map(move |(column, at)| (name, column, &key.name, at)))
        .collect();
    batch(
        &PRIMARY,
        vec![
            text(columns.iter().map(|(name, ..)| &name.catalog)),
            text(columns.iter().map(|(name, ..)| &name.schema)),
            text(columns.iter().map(|(name, ..)| &name.table)),
            text(columns.iter().map(|(_, column, ..)| *column)),
            text(columns.iter().map(|(_, _, key, _)| *key)),
            Arc::new(Int32Array::from_iter_values(columns.iter().map(|(.., at)| *at))),
        ],
    )
}

/// The foreign keys that refer to a table.
pub(super) fn exported(query: &CommandGetExportedKeys, manifest: &Manifest) -> Result<RecordBatch, Status> {
    let wanted = Wanted { catalog: query.catalog.as_deref(), schema: query.db_schema.as_deref(), table: &query.table };
    foreign(manifest, Order::Referring, |_, key| wanted.matches(&key.referenced))
}

/// The foreign keys of a table.
pub(super) fn imported(query: &CommandGetImportedKeys, manifest: &Manifest) -> Result<RecordBatch, Status> {
    let wanted = Wanted { catalog: query.catalog.as_deref(), schema: query.db_schema.as_deref(), table: &query.table };
    foreign(manifest, Order::Referenced, |table, _| wanted.matches(&table.name))
}

/// The foreign keys of one table that refer to another.
pub(super) fn cross_reference(query: &CommandGetCrossReference, manifest: &Manifest) -> Result<RecordBatch, Status> {
    let referenced =
        Wanted { catalog: query.pk_catalog.as_deref(), schema: query.pk_db_schema.as_deref(), table: &query.pk_table };
    let referring =
        Wanted { catalog: query.fk_catalog.as_deref(), schema: query.fk_db_schema.as_deref(), table: &query.fk_table };
    foreign(manifest, Order::Referenced, |table, key| {
        referenced.matches(&key.referenced) && referring.matches(&table.name)
    })
}

/// One column of a foreign key.
struct ForeignColumn<'a> {
    table: &'a TableEntry,
    key: &'a ForeignKey,
    index: usize,
}

/// In which order the specification wants the rows: by the tables and keys of which side.
#[derive(Clone, Copy)]
enum Order {
    Referring,
    Referenced,
}

fn foreign(
    manifest: &Manifest,
    order: Order,
    wanted: impl Fn(&TableEntry, &ForeignKey) -> bool,
) -> Result<RecordBatch, Status> {
    let mut rows: Vec<ForeignColumn<'_>> = manifest
        .tables
        .iter()
        .flat_map(|table| table.foreign_keys.iter().map(move |key| (table, key)))
        .filter(|(table, key)| wanted(table, key))
        .flat_map(|(table, key)| (0..key.columns.len()).map(move |index| ForeignColumn { table, key, index }))
        .collect();
    let referenced_key = |row: &ForeignColumn<'_>| {
        let key = manifest.table(&row.key.referenced)?.primary_key.as_ref()?;
        let referenced: BTreeSet<&String> = row.key.referenced_columns.iter().collect();
        (referenced == key.columns.iter().collect()).then_some(key.name.as_str())
    };
    rows.sort_by_cached_key(|row| {
        let referring = (row.table.name.clone(), Some(row.key.name.as_str()));
        let referenced = (row.key.referenced.clone(), referenced_key(row));
        match order {
            Order::Referring => (referring, row.index, referenced),
            Order::Referenced => (referenced, row.index, referring),
        }
    });
    batch(
        &FOREIGN,
        vec![
            text(rows.iter().map(|row| &row.key.referenced.catalog)),
            text(rows.iter().map(|row| &row.key.referenced.schema)),
            text(rows.iter().map(|row| &row.key.referenced.table)),
            text(rows.iter().map(|row| &row.key.referenced_columns[row.index])),
            text(rows.iter().map(|row| &row.table.name.catalog)),
            text(rows.iter().map(|row| &row.table.name.schema)),
            text(rows.iter().map(|row| &row.table.name.table)),
            text(rows.iter().map(|row| &row.key.columns[row.index])),
            Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.index as i32 + 1))),
            text(rows.iter().map(|row| &row.key.name)),
            Arc::new(rows.iter().map(referenced_key).collect::<StringArray>()),
            Arc::new(UInt8Array::from_iter_values(rows.iter().map(|row| rule(row.key.on_update)))),
            Arc::new(UInt8Array::from_iter_values(rows.iter().map(|row| rule(row.key.on_delete)))),
        ],
    )
}

/// `UpdateDeleteRules` of FlightSql.proto, from PostgreSQL's letters.
fn rule(letter: char) -> u8 {
    match letter {
        'c' => 0,
        'r' => 1,
        'n' => 2,
        'd' => 4,
        _ => 3,
    }
}

fn text<'a>(values: impl Iterator<Item = &'a String>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch, Status> {
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(|error| Status::internal(error.to_string()))
}
