//! Whether a table still is what it was described as. Its rows come as bare bytes: a column of another type would be
//! read as something else without any error.

use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;

use super::entry::LiveEntry;
use super::literal::quoted;
use crate::TableName;
use crate::column_type::{Cell, ColumnPlan};
use crate::error::{Error, Result};
use crate::pull::{Selection, Session};

/// Rows of a batch of columns' descriptions.
const BATCH_ROWS: usize = 64;

/// Compares the table's columns with the entry; those that have been added are no concern of it.
///
/// # Errors
/// [`Error::Table`] when a column is gone or is another.
pub(super) fn check(session: &mut Session, table: &TableName, entry: &LiveEntry) -> Result<()> {
    let columns = vec![
        ColumnPlan::of_expression("name", DataType::Utf8, Cell::Text, "a.attname::text"),
        ColumnPlan::of_expression(
            "type",
            DataType::Utf8,
            Cell::Text,
            "pg_catalog.format_type(a.atttypid, a.atttypmod)",
        ),
        ColumnPlan::of_expression("not_null", DataType::Boolean, Cell::Bool, "a.attnotnull"),
    ];
    let selection = Selection::of_query(table, columns, BATCH_ROWS);
    let query = format!(
        "{} FROM pg_catalog.pg_attribute a WHERE a.attrelid = pg_catalog.to_regclass({}) AND a.attnum > 0 \
         AND NOT a.attisdropped",
        selection.select(),
        quoted(&table.quoted()),
    );
    let mut there: Vec<(String, String, bool)> = vec![];
    session
        .read(&selection, &query, &mut |pulled| {
            let (names, types) = (pulled.batch.column(0).as_string::<i32>(), pulled.batch.column(1).as_string::<i32>());
            let not_null = pulled.batch.column(2).as_boolean();
            for row in 0..names.len() {
                there.push((names.value(row).to_owned(), types.value(row).to_owned(), not_null.value(row)));
            }
            Ok(())
        })
        .map_err(|failure| failure.into_error(&selection))?;
    if there.is_empty() {
        return Err(Error::table(table, "it was dropped; refresh it"));
    }
    for column in &entry.columns {
        let found = there.iter().find(|(name, ..)| *name == column.name);
        let is_same = found
            .is_some_and(|(_, printed, not_null)| *printed == column.printed_type && (column.nullable || *not_null));
        if !is_same {
            let message = if found.is_some() { "it was changed" } else { "it was dropped" };
            return Err(Error::Table {
                table: Box::new(table.clone()),
                column: Some(column.name.clone()),
                message: format!("{message} since the table was described; refresh the table"),
                cause: None,
            });
        }
    }
    Ok(())
}
