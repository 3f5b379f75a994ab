//! The manifest: which files make up every table at one moment, what the tables look like, and the LSN and
//! time that each is true for. One JSON file, written once.

use arrow::datatypes::SchemaRef;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::statistics::ColumnRange;
use crate::TableName;
use crate::as_of::AsOf;
use crate::catalogue::{ForeignKey, Key};

/// The version of this format; a manifest of another version is not read.
pub(super) const FORMAT: u32 = 1;

/// All tables at one moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    /// Grows by one with every commit.
    pub version: u64,
    pub committed_at: DateTime<Utc>,
    /// Sorted by name.
    pub tables: Vec<TableEntry>,
    /// Tables that exist in a source and are not served, sorted by name.
    pub refused: Vec<RefusedTable>,
}

/// A table and its files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableEntry {
    pub name: TableName,
    pub comment: Option<String>,
    pub schema: SchemaRef,
    pub primary_key: Option<Key>,
    pub foreign_keys: Vec<ForeignKey>,
    pub as_of: AsOf,
    pub files: Vec<FileEntry>,
    /// Why the last refresh of this table failed, where the files are older than that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale: Option<String>,
}

impl TableEntry {
    /// Rows of all files.
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// Bytes on disk of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// An immutable Parquet file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Relative to the data folder, with `/`.
    pub path: String,
    pub rows: u64,
    pub bytes: u64,
    /// xxHash64 of the whole file, in hexadecimal.
    pub checksum: String,
    /// One for every column of the table's schema.
    pub columns: Vec<ColumnRange>,
    /// The bitmap of rows that were deleted since the file was written. None is written yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletes: Option<String>,
}

impl FileEntry {
    /// Every file of the store that belongs to it.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.path.as_str())
    }
}

/// A table that a source has and that is not served, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedTable {
    pub name: TableName,
    pub reason: String,
}

impl Manifest {
    /// What a data folder holds before the first refresh.
    pub(super) fn empty() -> Self {
        Self { format: FORMAT, version: 0, committed_at: DateTime::UNIX_EPOCH, tables: vec![], refused: vec![] }
    }

    /// The files of all tables.
    pub(super) fn files(&self) -> impl Iterator<Item = &FileEntry> {
        self.tables.iter().flat_map(|table| &table.files)
    }

    /// The entry of a table.
    pub fn table(&self, name: &TableName) -> Option<&TableEntry> {
        self.tables.iter().find(|table| &table.name == name)
    }
}
