//! Looks up the tables that a statement names before it is planned, so that an unknown one is answered
//! with the nearest known name, and a refused one with the reason. What may not be read is not known here: the session
//! does not have it, and no message names it. Nor is the server's configuration, for whom anything is hidden.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::{ResolvedTableReference, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::Expr;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast;
use rail_forge_connectors::{AsOf, Collation, Manifest, TableEntry, TableName, nearest};

use crate::bind::{KnownTable, Tables, bind_condition};
use crate::error::{Error, Result};
use crate::functions::Catalogue;
use crate::policy::{Access, GuardedTable, Policy};
use crate::query::{Surroundings, TableTruth, Truth};
use crate::stable_constants::simplified;
use crate::statement;

/// The schema of DataFusion's views of the catalogue.
const INFORMATION_SCHEMA: &str = "information_schema";
/// The view there of DataFusion's settings, which tell of the server's memory and disk. SHOW reads it.
const SETTINGS: &str = "df_settings";

/// The tables that a statement reads: their rows, and the moments that these are true for.
pub(crate) struct Resolved {
    pub(crate) tables: Tables,
    pub(crate) truth: Truth,
    /// Whether some rows or columns of them may not be read.
    pub(crate) are_limited: bool,
}

/// Where and when tables are looked up, and for whom.
pub(crate) struct Lookup<'a> {
    pub(crate) state: &'a SessionState,
    pub(crate) manifest: &'a Manifest,
    pub(crate) policy: &'a Policy,
    pub(crate) surroundings: &'a Surroundings,
}

/// The tables that `statement` reads.
///
/// # Errors
/// [`Error::UnknownTable`] for a table that the snapshot does not serve, or that may not be read;
/// [`Error::Forbidden`] where it cannot be told which rows may be, and for settings that must not be known.
pub(crate) async fn resolve(lookup: Lookup<'_>, statement: &Statement) -> Result<Resolved> {
    let Lookup { state, manifest, policy, .. } = lookup;
    let hides_settings = !policy.is_everything();
    if hides_settings && statement::shows_settings(statement) {
        return Err(Error::Forbidden("SHOW of settings is for those who may read everything".to_owned()));
    }
    let defaults = &state.config().options().catalog;
    let (planned, mut truths) = (AsOf::now(), vec![]);
    let mut are_limited = false;
    let mut tables = Tables::new();
    for reference in state.resolve_table_references(statement)? {
        let name = full_name(reference.clone().resolve(&defaults.default_catalog, &defaults.default_schema));
        if hides_settings && is_of_catalogue(&name) && name.table.eq_ignore_ascii_case(SETTINGS) {
            if statement::query_of(statement).is_some() {
                return Err(unknown(&reference, &name, manifest, policy));
            }
            // DataFusion counts it among the tables of every SHOW; those of tables and columns do not read it.
            continue;
        }
        let provider = match state.schema_for_ref(reference.clone()) {
            Ok(schema) => schema.table(&name.table).await?,
            Err(_) => None,
        };
        let is_function = || !Catalogue::get().functions(reference.table()).is_empty();
        let known = manifest.table(&name).and_then(|table| Some((table, policy.access(&name, &table.schema)?)));
        match (known, provider) {
            (Some((table, access)), Some(provider)) => {
                let live = table.live.is_some();
                truths.push(TableTruth { name: name.clone(), as_of: if live { planned } else { table.as_of }, live });
                let is_whole = access.is_whole(table.schema.fields().len());
                are_limited |= !is_whole;
                let known =
                    if is_whole { known_table(table, provider) } else { lookup.limited(table, &access, &provider)? };
                tables.insert(name, known);
            }
            (None, Some(provider)) if is_of_catalogue(&name) => {
                let (schema, source) = (provider.schema(), provider_as_source(provider));
                tables.insert(
                    name,
                    KnownTable { source, schema, primary_key: vec![], has_unique_key: false, collation: None },
                );
            }
            // What stands in FROM with parentheses behind it is looked for among the functions.
            _ if is_function() => {}
            _ => return Err(unknown(&reference, &name, manifest, policy)),
        }
    }
    Ok(Resolved { tables, truth: Truth::new(manifest.version, truths), are_limited })
}

/// A table as the binder knows it.
fn known_table(table: &TableEntry, provider: Arc<dyn TableProvider>) -> KnownTable {
    KnownTable {
        source: provider_as_source(provider),
        schema: Arc::clone(&table.schema),
        primary_key: table.primary_key.iter().flat_map(|key| key.columns.clone()).collect(),
        has_unique_key: !table.unique_key().is_empty(),
        collation: if table.collations_read { table.collation.clone() } else { Some(Collation::unread()) },
    }
}

impl Lookup<'_> {
    /// A table of which only some columns or rows may be read.
    fn limited(&self, table: &TableEntry, access: &Access, provider: &Arc<dyn TableProvider>) -> Result<KnownTable> {
        let Some(guarded) = provider.downcast_ref::<GuardedTable>() else {
            return Err(Error::Internal(format!("the session has all of {}", table.name).into()));
        };
        let rows = match self.policy.condition(&table.name, access)? {
            None => guarded.with_all_rows()?,
            Some(condition) => guarded.with_rows(self.row_filter(&condition, table, guarded.inner())?)?,
        };
        let schema = Arc::new(table.schema.project(&access.columns).map_err(|error| Error::Internal(error.into()))?);
        let known = known_table(table, Arc::new(rows));
        // What a key determines cannot be told where a part of it is missing.
        let has_key = known.primary_key.iter().all(|column| schema.field_with_name(column).is_ok());
        let primary_key = if has_key { known.primary_key } else { vec![] };
        Ok(KnownTable { schema, primary_key, ..known })
    }

    /// A row filter as a condition on the columns of the whole table.
    fn row_filter(&self, filter: &ast::Expr, table: &TableEntry, whole: &Arc<dyn TableProvider>) -> Result<Expr> {
        let surroundings = self.surroundings.of_operator(&table.name);
        let known = known_table(table, Arc::clone(whole));
        let condition =
            bind_condition(filter, &table.name, known, &surroundings).map_err(|error| unusable(&table.name, &error))?;
        if condition.is_volatile() {
            return Err(unusable(&table.name, &Error::Query("its value is another each time".to_owned())));
        }
        self.surroundings.depends_on(&surroundings);
        // Its error may quote a claim.
        let failed = |_| unusable(&table.name, &Error::Query("one of its constants cannot be computed".to_owned()));
        simplified(condition, whole.schema()).map_err(failed)
    }
}

/// The error for a row filter that does not go with its table, or with a claim. What is wrong names columns that must not
/// be known.
fn unusable(table: &TableName, error: &Error) -> Error {
    match error {
        // The value is the claim's.
        Error::Value(error) => {
            tracing::warn!(%table, sqlstate = error.sqlstate, "the row filter cannot be used with a claim's value");
        }
        error => tracing::warn!(%table, "the row filter cannot be used: {error}"),
    }
    Error::Forbidden(format!("the row filter of {table} cannot be used; the server's log says why"))
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

fn unknown(reference: &TableReference, name: &TableName, manifest: &Manifest, policy: &Policy) -> Error {
    if let Some(refused) = manifest.refused.iter().find(|refused| &refused.name == name)
        && policy.grants_whole(name)
    {
        return Error::UnknownTable(format!("table {reference} is not served: {}", refused.reason));
    }
    let mut message = format!("table {reference} does not exist");
    // Who may read nothing, and has named no source, has none.
    if name.catalog.is_empty() {
        return Error::UnknownTable(message);
    }
    let readable = policy.readable(manifest).map(|(table, _)| &table.name);
    let known: Vec<&TableName> = readable.filter(|known| known.catalog == name.catalog).collect();
    if known.is_empty() {
        message.push_str(&format!("; no source \"{}\" has tables (see rail-forge status)", name.catalog));
        return Error::UnknownTable(message);
    }
    let suggestion = known.iter().find(|other| other.table == name.table).or_else(|| {
        let alike = nearest(&name.table, known.iter().map(|candidate| candidate.table.as_str()))?;
        known.iter().find(|candidate| candidate.table == alike)
    });
    if let Some(suggestion) = suggestion {
        message.push_str(&format!("; did you mean {suggestion}?"));
    }
    Error::UnknownTable(message)
}
