//! What the settings say of tables and columns in place of the comments that PostgreSQL has: an application may know
//! more than its database, and RailForge does not write there.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::TableDescription;
use crate::TableName;
use crate::source::Source;
use crate::source_settings::SourceSettings;

/// Columns that comments name and tables have not, as far as the log has been told: refreshes come often.
static TOLD: Mutex<BTreeSet<(TableName, String)>> = Mutex::new(BTreeSet::new());

/// Puts the comments of the settings where they belong.
pub(crate) fn apply(source: &Source, tables: &mut [TableDescription]) {
    let unknown = tables.iter_mut().flat_map(|table| apply_to(source.settings(), table));
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    for (table, column) in unknown.filter(|unknown| told.insert(unknown.clone())) {
        tracing::warn!(%table, column, "comments of its settings name a column that it has not");
    }
}

/// Gives the columns that there are not.
fn apply_to(settings: &SourceSettings, table: &mut TableDescription) -> Vec<(TableName, String)> {
    if let Some(comment) = settings.comment(&table.name) {
        table.comment = Some(comment.to_owned());
    }
    let mut unknown = vec![];
    for (name, comment) in settings.comments(&table.name) {
        match table.columns.iter_mut().find(|column| &column.name == name) {
            Some(column) => column.comment = Some(comment.clone()),
            None => unknown.push((table.name.clone(), name.clone())),
        }
    }
    unknown
}
