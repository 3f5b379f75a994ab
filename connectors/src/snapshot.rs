//! Columnar snapshots: immutable Parquet files, and manifests that say which of them make up the tables
//! at one moment. The only part of RailForge that knows what the data folder looks like.

mod catalog;
mod checksum;
mod layout;
mod manifest;
mod retention;
mod statistics;
mod store;
mod table;
mod writer;

pub use manifest::{FileEntry, Manifest, RefusedTable, TableEntry};
pub(crate) use store::Staging;
pub use store::{Opened, PinnedSnapshot, SnapshotStore};
pub(crate) use writer::PartitionWriter;
