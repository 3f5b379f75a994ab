//! Looks up the tables that a statement names before it is planned, so that an unknown one is answered
//! with the nearest known name, and a refused one with the reason.

use datafusion::common::{ResolvedTableReference, TableReference};
use datafusion::execution::SessionState;
use datafusion::sql::parser::Statement;
use rail_forge_connectors::{AsOf, Manifest, TableName, nearest};

use crate::error::{Error, Result};
use crate::query::{TableTruth, Truth};

/// The schema of DataFusion's views of the catalogue.
const INFORMATION_SCHEMA: &str = "information_schema";

/// The moments of the tables that `statement` reads.
///
/// # Errors
/// [`Error::UnknownTable`] for a table that the snapshot does not serve.
pub(crate) fn resolve(state: &SessionState, statement: &Statement, manifest: &Manifest) -> Result<Truth> {
    let defaults = &state.config().options().catalog;
    let (planned, mut tables) = (AsOf::now(), vec![]);
    for reference in state.resolve_table_references(statement)? {
        let name = full_name(reference.clone().resolve(&defaults.default_catalog, &defaults.default_schema));
        let is_function = state.table_functions().contains_key(reference.table());
        if name.schema == INFORMATION_SCHEMA || is_function {
            continue;
        }
        match manifest.table(&name) {
            Some(table) => {
                let live = table.live.is_some();
                tables.push(TableTruth { name, as_of: if live { planned } else { table.as_of }, live });
            }
            None => return Err(unknown(&reference, &name, manifest)),
        }
    }
    Ok(Truth::new(manifest.version, tables))
}

fn full_name(reference: ResolvedTableReference) -> TableName {
    TableName {
        catalog: reference.catalog.to_string(),
        schema: reference.schema.to_string(),
        table: reference.table.to_string(),
    }
}

fn unknown(reference: &TableReference, name: &TableName, manifest: &Manifest) -> Error {
    if let Some(refused) = manifest.refused.iter().find(|refused| &refused.name == name) {
        return Error::UnknownTable(format!("table {reference} is not served: {}", refused.reason));
    }
    let mut message = format!("table {reference} does not exist");
    if !manifest.tables.iter().any(|table| table.name.catalog == name.catalog) {
        message.push_str(&format!("; no source \"{}\" has tables (see rail-forge status)", name.catalog));
        return Error::UnknownTable(message);
    }
    let known = manifest.tables.iter().filter(|table| table.name.catalog == name.catalog).map(|table| &table.name);
    let elsewhere = known.clone().find(|other| other.table == name.table);
    let suggestion = elsewhere.cloned().or_else(|| {
        let candidates: Vec<&TableName> = known.collect();
        let alike = nearest(&name.table, candidates.iter().map(|candidate| candidate.table.as_str()))?;
        candidates.into_iter().find(|candidate| candidate.table == alike).cloned()
    });
    if let Some(suggestion) = suggestion {
        message.push_str(&format!("; did you mean {suggestion}?"));
    }
    Error::UnknownTable(message)
}
