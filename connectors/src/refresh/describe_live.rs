//! Describes a live table in a refresh: its entry has everything but rows.

use super::job;
use crate::as_of::AsOf;
use crate::catalogue::TableDescription;
use crate::error::Result;
use crate::live::{FREE_DIGITS, LiveColumn, LiveEntry};
use crate::pull::{Digits, TablePlan};
use crate::snapshot::TableEntry;
use crate::source::Source;
use crate::source_settings::Unrepresentable;

/// The entry of a live table.
///
/// # Errors
/// [`Error::Table`](crate::Error::Table) when the role may not read it, or its settings do not fit it.
pub(super) fn entry(source: &Source, description: TableDescription, as_of: AsOf) -> Result<TableEntry> {
    let settings = source.settings();
    let as_text = job::text_columns(source, &description, &[])?;
    let plan = TablePlan::new(description, &as_text, false, settings.unrepresentable)?;
    let description = &plan.description;
    let columns = description.columns.iter().zip(plan.selection.columns());
    let digits: Vec<Option<Digits>> =
        plan.selection.columns().iter().map(|column| column.cell.is_free().then_some(FREE_DIGITS)).collect();
    let pages = match description.relations.as_slice() {
        [only] if TablePlan::has_places(description) => only.estimated_pages,
        _ => 0,
    };
    Ok(TableEntry {
        live: Some(LiveEntry {
            columns: columns.map(|(column, plan)| LiveColumn::new(column, plan)).collect(),
            primary_key: description.primary_key.iter().flat_map(|key| &key.columns).cloned().collect(),
            lockable: description.readable && description.kind.is_lockable(),
            pages,
            estimated_rows: description.estimated_rows,
            utf8: description.utf8,
            nulls_unrepresentable: settings.unrepresentable == Unrepresentable::Null,
        }),
        ..TableEntry::described(description, plan.table_schema(&digits), as_of)
    })
}
