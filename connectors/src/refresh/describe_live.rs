//! Describes a live table in a refresh: its entry has everything but rows.

use std::collections::BTreeMap;

use super::job;
use crate::as_of::AsOf;
use crate::catalogue::TableDescription;
use crate::column_type;
use crate::error::Result;
use crate::live::{LiveColumn, LiveEntry};
use crate::pull::TablePlan;
use crate::snapshot::TableEntry;
use crate::source::Source;
use crate::source_settings::Unrepresentable;

/// The entry of a live table.
///
/// A `numeric` without a precision comes as text: its type would follow its values, and no query has seen them all
/// when its first rows go out.
///
/// # Errors
/// [`Error::Table`](crate::Error::Table) when the role may not read it, or its settings do not fit it.
pub(super) fn entry(source: &Source, description: TableDescription, as_of: AsOf) -> Result<TableEntry> {
    let settings = source.settings();
    let mut as_text = job::text_columns(source, &description, &[])?;
    let free = description.columns.iter().filter(|column| column_type::plan(column, false).cell.is_free());
    as_text.extend(free.map(|column| column.name.clone()));
    let plan = TablePlan::new(description, &as_text, false, settings.unrepresentable)?;
    let description = &plan.description;
    let columns = description.columns.iter().zip(plan.selection.columns());
    let pages = match description.relations.as_slice() {
        [only] if TablePlan::has_places(description) => only.estimated_pages,
        _ => 0,
    };
    Ok(TableEntry {
        name: description.name.clone(),
        comment: description.comment.clone(),
        schema: plan.table_schema(&[]),
        primary_key: description.primary_key.clone(),
        foreign_keys: description.foreign_keys.clone(),
        as_of,
        version: 0,
        files: vec![],
        relations: vec![],
        layout: String::new(),
        watermarks: BTreeMap::new(),
        needed_text: vec![],
        stale: None,
        live: Some(LiveEntry {
            columns: columns.map(|(column, plan)| LiveColumn::new(column, plan)).collect(),
            primary_key: description.primary_key.iter().flat_map(|key| &key.columns).cloned().collect(),
            lockable: description.readable && description.kind.is_lockable(),
            pages,
            estimated_rows: description.estimated_rows,
            utf8: description.utf8,
            nulls_unrepresentable: settings.unrepresentable == Unrepresentable::Null,
        }),
    })
}
