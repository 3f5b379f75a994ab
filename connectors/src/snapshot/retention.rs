//! Which versions stay on disk, and the removal of what no version needs. A version goes when it is not
//! among the newest, nobody reads it, and no ticket for it can be young.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::layout::Layout;
use super::manifest::FileEntry;
use super::store::Snapshot;

/// The newest versions that are always kept: the current one, and one to fall back on if it is damaged.
const KEPT_VERSIONS: usize = 2;
/// How long a replaced version stays for clients that hold a ticket but have not read its result yet.
const TICKET_GRACE: Duration = Duration::from_secs(60);

/// The versions that are kept, by number.
#[derive(Debug, Default)]
pub(super) struct Retained {
    versions: BTreeMap<u64, Version>,
}

#[derive(Debug)]
struct Version {
    snapshot: Arc<Snapshot>,
    /// `None` for the current version.
    replaced_at: Option<Instant>,
}

impl Retained {
    /// Adds the newest version, which replaces all others.
    pub(super) fn push(&mut self, snapshot: Arc<Snapshot>) {
        let now = Instant::now();
        for version in self.versions.values_mut() {
            version.replaced_at.get_or_insert(now);
        }
        self.versions.insert(snapshot.manifest.version, Version { snapshot, replaced_at: None });
    }

    /// Adds a version older than the current one.
    pub(super) fn push_previous(&mut self, snapshot: Arc<Snapshot>) {
        let version = Version { replaced_at: Some(Instant::now()), snapshot };
        self.versions.insert(version.snapshot.manifest.version, version);
    }

    pub(super) fn get(&self, version: u64) -> Option<&Arc<Snapshot>> {
        self.versions.get(&version).map(|version| &version.snapshot)
    }

    /// Forgets the versions that may go, and removes from disk what no remaining one needs.
    pub(super) fn collect_garbage(&mut self, layout: &Layout) {
        let oldest_kept = self.versions.keys().rev().nth(KEPT_VERSIONS - 1).copied().unwrap_or(0);
        self.versions.retain(|&number, version| {
            number >= oldest_kept
                || Arc::strong_count(&version.snapshot) > 1
                || version.replaced_at.is_none_or(|at| at.elapsed() < TICKET_GRACE)
        });
        if let Err(error) = self.remove_unneeded(layout) {
            tracing::warn!(error = &error as &dyn std::error::Error, "old snapshots could not be removed");
        }
    }

    fn remove_unneeded(&self, layout: &Layout) -> crate::Result<()> {
        let Some((&newest, _)) = self.versions.last_key_value() else { return Ok(()) };
        for version in layout.versions()? {
            if version < newest && !self.versions.contains_key(&version) {
                remove_file(&layout.manifest(version));
            }
        }
        let needed: HashSet<_> = self
            .versions
            .values()
            .flat_map(|version| &version.snapshot.manifest.tables)
            .flat_map(|table| table.files.iter().flat_map(FileEntry::paths).map(|path| layout.file(path)))
            .collect();
        for folder in layout.data_folders()? {
            let number = folder.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
            // A newer folder belongs to a refresh that is under way, or to a damaged version.
            if number.is_none_or(|number: u64| number > newest) {
                continue;
            }
            let files: Vec<_> = fs::read_dir(&folder).into_iter().flatten().flatten().map(|file| file.path()).collect();
            let (kept, unneeded): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| needed.contains(file));
            if kept.is_empty() {
                layout.remove_folder(&folder);
            } else {
                unneeded.iter().for_each(|file| remove_file(file));
            }
        }
        Ok(())
    }
}

fn remove_file(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(file = %path.display(), %error, "a file that no snapshot needs could not be removed");
    }
}
