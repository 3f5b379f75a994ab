//! Columnar snapshots: immutable Parquet files, and manifests that say which of them make up the tables
//! at one moment. The only part of RailForge that knows what the place of the snapshots looks like.

mod catalog;
mod checksum;
mod garbage;
mod layout;
mod location;
mod manifest;
mod opening;
mod retention;
mod staging;
mod statistics;
mod storage;
mod store;
mod table;
#[cfg(test)]
mod testing;
mod version;
mod writer;

pub use location::Location;
pub use manifest::{FileEntry, Manifest, RefusedTable, TableEntry};
pub use opening::Opened;
pub use retention::Retention;
pub(crate) use staging::Staging;
pub use store::SnapshotStore;
pub use version::PinnedSnapshot;
pub(crate) use writer::PartitionWriter;
