//! PostgreSQL's side of RailForge: reads the catalogue, pulls tables as Arrow batches, keeps them as
//! columnar snapshots, and hands out table providers for DataFusion. Knows nothing of clients' SQL, of
//! Flight or of users.

mod as_of;
mod catalogue;
mod collation;
mod column_type;
mod connection;
mod error;
mod live;
mod name;
mod pattern;
mod pull;
mod refresh;
mod shard;
mod snapshot;
mod source;
mod source_settings;
mod unique_key;
mod waiting;

pub use as_of::{AsOf, Lsn};
pub use catalogue::{ForeignKey, Key};
pub use collation::{COLLATION, Collation, CollationProvider};
pub use column_type::{COMMENT, POSTGRES_TYPE};
pub use error::{Cause, Error, Result};
pub use live::{Described, Grouping, LiveEntry, LiveQuery, LiveTable, PostgresQuery, QuerySession, literal};
pub use name::{TableName, quote};
pub use pattern::matches_pattern;
pub use pull::Digits;
pub use refresh::{Observer, RefreshEvent, RefreshReport, Scope, TableReport, nearest, refresh};
pub use snapshot::{
    DeletesEntry, FileEntry, HotTierSettings, HotTierStatus, Location, Manifest, Opened, PinnedSnapshot, RefusedTable,
    RelationEntry, RelationId, Retention, SnapshotStore, TableEntry, reads_memory,
};
pub use source::Source;
pub use source_settings::{
    Fallback, Overlap, Reader, RefreshMode, RefreshPolicy, Schedule, SourceSettings, TableSelection, TableSettings,
    Unrepresentable,
};
pub use unique_key::unique_key;
pub use waiting::Waiting;
