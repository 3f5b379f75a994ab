//! Looks up the tables that a statement names before it is planned, so that an unknown one is answered
//! with the nearest known name, and a refused one with the reason.

use std::sync::Arc;

use datafusion::common::{ResolvedTableReference, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::sql::parser::Statement;
use rail_forge_connectors::{AsOf, Collation, Manifest, TableName, nearest};

use crate::bind::{KnownTable, Tables};
use crate::error::{Error, Result};
use crate::functions::Catalogue;
use crate::query::{TableTruth, Truth};

/// The schema of DataFusion's views of the catalogue.
const INFORMATION_SCHEMA: &str = "information_schema";

/// The tables that a statement reads: their rows, and the moments that these are true for.
pub(crate) struct Resolved {
    pub(crate) tables: Tables,
    pub(crate) truth: Truth,
}

/// The tables that `statement` reads.
///
/// # Errors
/// [`Error::UnknownTable`] for a table that the snapshot does not serve.
pub(crate) async fn resolve(state: &SessionState, statement: &Statement, manifest: &Manifest) -> Result<Resolved> {
    let defaults = &state.config().options().catalog;
    let (planned, mut truths) = (AsOf::now(), vec![]);
    let mut tables = Tables::new();
    for reference in state.resolve_table_references(statement)? {
        let name = full_name(reference.clone().resolve(&defaults.default_catalog, &defaults.default_schema));
        let provider = match state.schema_for_ref(reference.clone()) {
            Ok(schema) => schema.table(&name.table).await?,
            Err(_) => None,
        };
        let is_function = || !Catalogue::get().functions(reference.table()).is_empty();
        match (manifest.table(&name), provider) {
            (Some(table), Some(provider)) => {
                let live = table.live.is_some();
                truths.push(TableTruth { name: name.clone(), as_of: if live { planned } else { table.as_of }, live });
                let source = provider_as_source(provider);
                let primary_key = table.primary_key.iter().flat_map(|key| key.columns.clone()).collect();
                let schema = Arc::clone(&table.schema);
                let collation = if table.collations_read { table.collation.clone() } else { Some(Collation::unread()) };
                tables.insert(name, KnownTable { source, schema, primary_key, collation });
            }
            (None, Some(provider)) if is_of_catalogue(&name) => {
                let (schema, source) = (provider.schema(), provider_as_source(provider));
                tables.insert(name, KnownTable { source, schema, primary_key: vec![], collation: None });
            }
            // What stands in FROM with parentheses behind it is looked for among the functions.
            _ if is_function() => {}
            _ => return Err(unknown(&reference, &name, manifest)),
        }
    }
    Ok(Resolved { tables, truth: Truth::new(manifest.version, truths) })
}

/// Whether a table is a view of the catalogue, which is not among the snapshot's tables.
pub(crate) fn is_of_catalogue(name: &TableName) -> bool {
    name.schema == INFORMATION_SCHEMA
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
