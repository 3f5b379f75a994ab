//! Columnar snapshots: immutable Parquet files, and manifests that say which of them make up the tables
//! at one moment. The only part of RailForge that knows what the data folder looks like.

mod catalog;
mod checksum;
mod deletes;
mod file_reader;
mod layout;
mod manifest;
mod retention;
mod statistics;
mod store;
mod stored_form;
mod table;
mod writer;

pub(crate) use deletes::Deletes;
pub(crate) use file_reader::{Columns, StoredVersion};
pub use manifest::{DeletesEntry, FileEntry, Manifest, RefusedTable, RelationEntry, TableEntry};
pub(crate) use store::Staging;
pub use store::{Opened, PinnedSnapshot, SnapshotStore};
pub(crate) use writer::PartitionWriter;
