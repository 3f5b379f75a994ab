//! What somebody may know of the tables of a moment: the one way from a snapshot to what a client is told of it.

use rail_forge_connectors::PinnedSnapshot;
use rail_forge_planner::VisibleManifest;

use crate::authorisation::Rights;
use crate::refresher::Refresher;

/// What somebody may know of a snapshot.
pub(super) struct Visible {
    rights: Rights,
    snapshot: PinnedSnapshot,
}

impl Visible {
    /// What the holder of some rights may know of the newest snapshot.
    pub(super) fn now(rights: Rights, refresher: &Refresher) -> Self {
        Self { rights, snapshot: refresher.pin_whole() }
    }

    /// The tables, columns and keys.
    pub(super) fn manifest(&self) -> VisibleManifest<'_> {
        self.rights.policy.visible(&self.snapshot.manifest)
    }

    /// The sources that have something of it, in the order of the configuration; for whom nothing is hidden, all sources.
    pub(super) fn catalogs(&self, refresher: &Refresher) -> Vec<String> {
        let manifest = self.manifest();
        let is_known = |catalog: &&str| {
            self.rights.policy.is_everything() || manifest.tables.iter().any(|table| table.name.catalog == **catalog)
        };
        refresher.catalogs().filter(is_known).map(str::to_owned).collect()
    }
}
