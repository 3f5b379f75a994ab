//! Whether a table still is what it was described as. Its rows come as bare bytes: a column of another type would be
//! read as something else without any error.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Int32Type, UInt32Type};

use super::entry::LiveEntry;
use super::literal::quoted;
use crate::TableName;
use crate::catalogue::DeclaredType;
use crate::column_type::{Cell, ColumnPlan};
use crate::error::{Error, Result};
use crate::pull::{Selection, Session};

/// The place of a column in the primary key, from 1, or 0. A key does not hold for the rows of tables that inherit from
/// this one.
const KEY_POSITION: &str = "
    COALESCE((SELECT pg_catalog.array_position(k.conkey, a.attnum) FROM pg_catalog.pg_constraint k
              WHERE k.conrelid = c.oid AND k.contype = 'p' AND NOT (c.relkind = 'r' AND EXISTS (
                  SELECT FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid))), 0)::int4";
/// Rows of a batch of columns' descriptions.
const BATCH_ROWS: usize = 64;

/// A column as it is now.
struct Column {
    name: String,
    declared_type: DeclaredType,
    not_null: bool,
    key_position: i32,
}

/// Compares the table's columns and its key with the entry; those that have been added are no concern of it.
///
/// # Errors
/// [`Error::Table`] when a column is gone or is another.
pub(super) fn check(session: &mut Session, table: &TableName, entry: &LiveEntry) -> Result<()> {
    let columns = vec![
        ColumnPlan::of_expression("name", DataType::Utf8, Cell::Text, "a.attname::text"),
        ColumnPlan::of_expression("type", DataType::UInt32, Cell::UInt32, "a.atttypid"),
        ColumnPlan::of_expression("modifier", DataType::Int32, Cell::Int32, "a.atttypmod"),
        ColumnPlan::of_expression("not_null", DataType::Boolean, Cell::Bool, "a.attnotnull"),
        ColumnPlan::of_expression("key_position", DataType::Int32, Cell::Int32, KEY_POSITION),
    ];
    let selection = Selection::of_query(table, columns, BATCH_ROWS);
    let query = format!(
        "{} FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
         WHERE a.attrelid = pg_catalog.to_regclass({}) AND a.attnum > 0 AND NOT a.attisdropped",
        selection.select(),
        quoted(&table.quoted()),
    );
    let mut there: Vec<Column> = vec![];
    session
        .read(&selection, &query, &mut |pulled| {
            let names = pulled.batch.column(0).as_string::<i32>();
            let oids = pulled.batch.column(1).as_primitive::<UInt32Type>();
            let modifiers = pulled.batch.column(2).as_primitive::<Int32Type>();
            let not_null = pulled.batch.column(3).as_boolean();
            let key_positions = pulled.batch.column(4).as_primitive::<Int32Type>();
            for row in 0..names.len() {
                there.push(Column {
                    name: names.value(row).to_owned(),
                    declared_type: DeclaredType { oid: oids.value(row), modifier: modifiers.value(row) },
                    not_null: not_null.value(row),
                    key_position: key_positions.value(row),
                });
            }
            Ok(())
        })
        .map_err(|failure| failure.into_error(&selection))?;
    if there.is_empty() {
        return Err(Error::table(table, "it was dropped; refresh it"));
    }
    for column in &entry.columns {
        let message = match there.iter().find(|known| known.name == column.name) {
            None => "it was dropped",
            Some(known) if known.declared_type != column.declared_type || !(column.nullable || known.not_null) => {
                "it was changed"
            }
            Some(_) => continue,
        };
        let message = format!("{message} since the table was described; refresh the table");
        return Err(Error::column(table, &column.name, message));
    }
    let mut key: Vec<&Column> = there.iter().filter(|column| column.key_position > 0).collect();
    key.sort_by_key(|column| column.key_position);
    if !entry.primary_key.is_empty() && !key.iter().map(|column| &column.name).eq(&entry.primary_key) {
        return Err(Error::table(table, "its primary key has changed since it was described; refresh the table"));
    }
    Ok(())
}
