//! The catalogues of a snapshot as a policy shows them: without the tables and columns that may not be read, for
//! whatever looks names up or lists them, `information_schema` included.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::error::{DataFusionError, Result};
use rail_forge_connectors::{PinnedSnapshot, TableName};

use super::{GuardedTable, Policy};

/// The catalogues.
#[derive(Debug)]
pub(crate) struct VisibleCatalogs {
    inner: Arc<dyn CatalogProviderList>,
    shown: Arc<Shown>,
}

/// What is shown, and for whom.
#[derive(Debug)]
struct Shown {
    snapshot: PinnedSnapshot,
    policy: Arc<Policy>,
}

impl Shown {
    /// The tables that may be read, in the order of their names.
    fn tables(&self) -> impl Iterator<Item = &TableName> {
        self.policy.readable(&self.snapshot.manifest).map(|(table, _)| &table.name)
    }
}

/// Names of which equal ones follow each other.
fn unique<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut unique: Vec<String> = names.cloned().collect();
    unique.dedup();
    unique
}

impl VisibleCatalogs {
    /// What a policy shows of the catalogues of a snapshot.
    pub(crate) fn of(snapshot: &PinnedSnapshot, policy: &Arc<Policy>) -> Arc<dyn CatalogProviderList> {
        let inner = snapshot.catalogs();
        if policy.is_everything() {
            return inner;
        }
        let shown = Shown { snapshot: snapshot.clone(), policy: Arc::clone(policy) };
        Arc::new(Self { inner, shown: Arc::new(shown) })
    }
}

impl CatalogProviderList for VisibleCatalogs {
    /// A query registers nothing.
    fn register_catalog(&self, _name: String, _catalog: Arc<dyn CatalogProvider>) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        unique(self.shown.tables().map(|table| &table.catalog))
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        let inner = self.inner.catalog(name)?;
        Some(Arc::new(VisibleCatalog { name: name.to_owned(), inner, shown: Arc::clone(&self.shown) }))
    }
}

#[derive(Debug)]
struct VisibleCatalog {
    name: String,
    inner: Arc<dyn CatalogProvider>,
    shown: Arc<Shown>,
}

impl CatalogProvider for VisibleCatalog {
    fn schema_names(&self) -> Vec<String> {
        let tables = self.shown.tables().filter(|table| table.catalog == self.name);
        unique(tables.map(|table| &table.schema))
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let inner = self.inner.schema(name)?;
        let (catalog, schema) = (self.name.clone(), name.to_owned());
        Some(Arc::new(VisibleSchema { catalog, schema, inner, shown: Arc::clone(&self.shown) }))
    }
}

#[derive(Debug)]
struct VisibleSchema {
    catalog: String,
    schema: String,
    inner: Arc<dyn SchemaProvider>,
    shown: Arc<Shown>,
}

impl VisibleSchema {
    /// Its tables.
    fn tables(&self) -> impl Iterator<Item = &String> {
        let is_own = move |table: &&TableName| table.catalog == self.catalog && table.schema == self.schema;
        self.shown.tables().filter(is_own).map(|table| &table.table)
    }
}

#[async_trait]
impl SchemaProvider for VisibleSchema {
    fn table_names(&self) -> Vec<String> {
        self.tables().cloned().collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        let Some(inner) = self.inner.table(name).await? else { return Ok(None) };
        let (catalog, schema) = (self.catalog.clone(), self.schema.clone());
        let full = TableName { catalog, schema, table: name.to_owned() };
        let schema = inner.schema();
        match self.shown.policy.access(&full, &schema) {
            None => Ok(None),
            Some(access) if access.is_whole(schema.fields().len()) => Ok(Some(inner)),
            Some(access) => Ok(Some(Arc::new(GuardedTable::new(full, inner, access)?))),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.tables().any(|table| table == name)
    }
}
