//! Columnar snapshots: immutable Parquet files, and manifests that say which of them make up the tables
//! at one moment. The only part of RailForge that knows what the place of the snapshots looks like.

mod catalog;
mod checksum;
mod deletes;
mod file_reader;
mod garbage;
mod hot;
mod layout;
mod location;
mod manifest;
mod opening;
mod retention;
mod row_group;
mod sorted_rows;
mod staging;
mod statistics;
mod storage;
mod store;
mod stored_form;
mod table;
#[cfg(test)]
mod testing;
mod version;
mod writer;

pub(crate) use deletes::Deletes;
pub(crate) use file_reader::{Columns, StoredVersion};
pub use hot::{HotTierSettings, HotTierStatus, reads_memory};
pub use location::Location;
pub use manifest::{DeletesEntry, FileEntry, Manifest, RefusedTable, RelationEntry, RelationId, TableEntry};
pub use opening::Opened;
pub use retention::Retention;
pub(crate) use staging::Staging;
pub use store::SnapshotStore;
pub(crate) use table::{SnapshotTable, in_memory_schema};
pub use version::PinnedSnapshot;
pub(crate) use writer::PartitionWriter;
