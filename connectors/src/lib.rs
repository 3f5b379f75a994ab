//! PostgreSQL's side of RailForge: reads the catalogue, pulls tables as Arrow batches, keeps them as
//! columnar snapshots, and hands out table providers for DataFusion. Knows nothing of clients' SQL, of
//! Flight or of users.

mod as_of;
mod catalogue;
mod column_type;
mod connection;
mod error;
mod name;
mod pull;
mod refresh;
mod snapshot;
mod source;

pub use as_of::{AsOf, Lsn};
pub use catalogue::{ForeignKey, Key};
pub use column_type::{COMMENT, POSTGRES_TYPE};
pub use error::{Cause, Error, Result};
pub use name::TableName;
pub use refresh::{Observer, RefreshEvent, RefreshReport, TableReport, nearest, refresh};
pub use snapshot::{FileEntry, Manifest, Opened, PinnedSnapshot, RefusedTable, SnapshotStore, TableEntry};
pub use source::{Source, TableSelection};
