//! The catalogues of one snapshot: one for each source, with its schemas and tables.

use std::sync::Arc;

use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider,
    SchemaProvider, TableProvider,
};
use datafusion::common::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use object_store::ObjectStore;

use super::deletes::Deletes;
use super::hot::HotTier;
use super::manifest::{DeletesEntry, Manifest};
use super::table::SnapshotTable;
use crate::live::LiveTable;

/// Builds the table providers of a manifest.
pub(super) fn build(
    manifest: &Manifest,
    deletes: impl Fn(&DeletesEntry) -> crate::Result<Deletes>,
    store: &Arc<dyn ObjectStore>,
    store_url: &ObjectStoreUrl,
    hot: &Arc<HotTier>,
) -> Result<Arc<dyn CatalogProviderList>> {
    let catalogs = MemoryCatalogProviderList::new();
    for entry in &manifest.tables {
        let table: Arc<dyn TableProvider> = match LiveTable::new(entry) {
            Some(table) => Arc::new(table),
            None => {
                Arc::new(SnapshotTable::new(entry, &deletes, Arc::clone(store), store_url.clone(), Arc::clone(hot))?)
            }
        };
        let catalog = catalogs.catalog(&entry.name.catalog).unwrap_or_else(|| {
            let catalog: Arc<dyn CatalogProvider> = Arc::new(MemoryCatalogProvider::new());
            catalogs.register_catalog(entry.name.catalog.clone(), Arc::clone(&catalog));
            catalog
        });
        let schema = match catalog.schema(&entry.name.schema) {
            Some(schema) => schema,
            None => {
                let schema: Arc<dyn SchemaProvider> = Arc::new(MemorySchemaProvider::new());
                catalog.register_schema(&entry.name.schema, Arc::clone(&schema))?;
                schema
            }
        };
        schema.register_table(entry.name.table.clone(), table)?;
    }
    Ok(Arc::new(catalogs))
}
