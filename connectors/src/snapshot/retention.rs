//! Which versions stay. A version goes when it is not among the newest, nobody reads it, and no ticket for it
//! can be young.

use std::collections::{BTreeMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::version::Snapshot;

/// The current version, and one to fall back on if it is damaged.
const KEEP_VERSIONS: NonZeroUsize = NonZeroUsize::new(2).unwrap();
/// A client reads a result within seconds of the ticket for it, or not at all.
const KEEP_REPLACED: Duration = Duration::from_secs(60);

/// How long versions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// The newest versions, which are always kept; the current one is among them.
    pub keep_versions: NonZeroUsize,
    /// How long any version is kept after it was replaced, for clients that hold a ticket of it and have not
    /// read its result yet.
    pub keep_replaced: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self { keep_versions: KEEP_VERSIONS, keep_replaced: KEEP_REPLACED }
    }
}

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

    pub(super) fn len(&self) -> usize {
        self.versions.len()
    }

    /// Forgets the versions that may go, and gives them.
    pub(super) fn forget(&mut self, retention: &Retention) -> Vec<Arc<Snapshot>> {
        let oldest_kept = self.versions.keys().rev().nth(retention.keep_versions.get() - 1).copied().unwrap_or(0);
        let may_go = |number: u64, version: &Version| {
            number < oldest_kept
                && Arc::strong_count(&version.snapshot) == 1
                && version.replaced_at.is_some_and(|at| at.elapsed() >= retention.keep_replaced)
        };
        self.versions
            .extract_if(.., |&number, version| may_go(number, version))
            .map(|(_, version)| version.snapshot)
            .collect()
    }

    /// The paths of all files that a version needs.
    pub(super) fn needed(&self) -> HashSet<String> {
        let manifests = self.versions.values().map(|version| &version.snapshot.manifest);
        manifests.flat_map(|manifest| manifest.files().flat_map(|file| file.paths())).map(str::to_owned).collect()
    }
}
