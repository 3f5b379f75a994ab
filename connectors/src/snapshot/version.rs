//! One version of the store as readers have it: its manifest, its table providers, and a pin that keeps its
//! files in place.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use datafusion::catalog::CatalogProviderList;

use super::manifest::Manifest;

/// A manifest with its table providers.
pub struct Snapshot {
    pub manifest: Manifest,
    pub(super) catalogs: Arc<dyn CatalogProviderList>,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Snapshot").field("version", &self.manifest.version).finish_non_exhaustive()
    }
}

impl Snapshot {
    /// The tables, as DataFusion's catalogues.
    pub fn catalogs(&self) -> Arc<dyn CatalogProviderList> {
        Arc::clone(&self.catalogs)
    }
}

/// A snapshot whose files stay for as long as this lives.
#[derive(Debug, Clone)]
pub struct PinnedSnapshot(pub(super) Arc<Snapshot>);

impl Deref for PinnedSnapshot {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.0
    }
}
