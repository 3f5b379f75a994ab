//! The manifest: which files make up every table at one moment, what the tables look like, and the LSN and
//! time that each is true for. One JSON file, written once.

use std::collections::BTreeMap;

use arrow::datatypes::SchemaRef;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::statistics::ColumnRange;
use crate::TableName;
use crate::as_of::AsOf;
use crate::catalogue::{ForeignKey, Key, Relation, TableDescription};
use crate::collation::Collation;
use crate::live::LiveEntry;
use crate::pull::Digits;

/// The version of this format; a manifest of another version is not read.
pub(super) const FORMAT: u32 = 4;

/// What every manifest says, whatever its format.
#[derive(Debug, Deserialize)]
pub(super) struct ManifestFormat {
    pub(super) format: u32,
}

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
    /// The default collation of its database, if it does not order by bytes. That of a column is told by its field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collation: Option<Collation>,
    /// Whether collations were read: a manifest of an older version has none, and its texts are not ordered by bytes for
    /// that.
    #[serde(default)]
    pub collations_read: bool,
    pub as_of: AsOf,
    /// The version of the manifest in which its rows last changed.
    pub version: u64,
    pub files: Vec<FileEntry>,
    /// What was read; a relation that is not among these is read whole.
    pub relations: Vec<RelationEntry>,
    /// What the columns were; files of another layout cannot be added to.
    pub layout: String,
    /// The largest value of the watermark column in each shard, by its name, for tables in that mode. A source of
    /// one database has one, of the empty name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub watermarks: BTreeMap<String, String>,
    /// Columns that come as text because of a value that they held, each with its PostgreSQL type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needed_text: Vec<(String, String)>,
    /// Why the last refresh of this table failed, where the files are older than that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale: Option<String>,
    /// How the table is read where it has no files, because each query asks PostgreSQL. What is cached under the
    /// table's version would then be wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<LiveEntry>,
}

impl TableEntry {
    /// What the entry of a table has of its description.
    pub(crate) fn described(description: &TableDescription, schema: SchemaRef, as_of: AsOf) -> Self {
        Self {
            comment: description.comment.clone(),
            primary_key: description.primary_key.clone(),
            foreign_keys: description.foreign_keys.clone(),
            collation: description.collation.clone(),
            collations_read: true,
            ..Self::new(description.name.clone(), schema, as_of)
        }
    }

    /// The columns of its primary key, if no two rows have the same values in all of them: some values have no place in
    /// Arrow, and where these are NULL, rows that differ in the database do no more. No column is told to be without
    /// NULL then; of integers, there are no such values.
    pub fn unique_key(&self) -> &[String] {
        let is_kept = |column: &String| {
            self.schema
                .field_with_name(column)
                .is_ok_and(|field| !field.is_nullable() || field.data_type().is_integer())
        };
        match &self.primary_key {
            Some(key) if key.columns.iter().all(is_kept) => &key.columns,
            _ => &[],
        }
    }

    /// The entry of a table of which nothing has been read. The commit gives it a version.
    pub fn new(name: TableName, schema: SchemaRef, as_of: AsOf) -> Self {
        Self {
            name,
            comment: None,
            schema,
            primary_key: None,
            foreign_keys: vec![],
            collation: None,
            collations_read: false,
            as_of,
            version: 0,
            files: vec![],
            relations: vec![],
            layout: String::new(),
            watermarks: BTreeMap::new(),
            needed_text: vec![],
            stale: None,
            live: None,
        }
    }

    /// Rows of all files that have not been deleted.
    pub fn rows(&self) -> u64 {
        self.files.iter().map(FileEntry::live_rows).sum()
    }

    /// Bytes on disk of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes + file.deletes.as_ref().map_or(0, |deletes| deletes.bytes)).sum()
    }
}

/// Which relation of a source. Those of two shards may have the same number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelationId {
    /// The name of the shard; empty where the source is one database.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub shard: String,
    pub oid: u32,
}

impl From<&Relation> for RelationId {
    fn from(relation: &Relation) -> Self {
        Self { shard: relation.shard_name.clone(), oid: relation.oid }
    }
}

/// A relation that a table's rows were read from: the table itself, or a leaf of a partitioned one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelationEntry {
    pub id: RelationId,
    /// `pg_class.relfilenode`, which changes whenever places of rows do.
    pub file_node: u32,
}

impl From<&Relation> for RelationEntry {
    fn from(relation: &Relation) -> Self {
        Self { id: RelationId::from(relation), file_node: relation.file_node }
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
    /// The relation that its rows are of.
    pub relation: RelationId,
    /// For every column, the digits that its values need where the column's type follows them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digits: Vec<Option<Digits>>,
    /// The rows that were deleted or replaced since the file was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletes: Option<DeletesEntry>,
}

impl FileEntry {
    /// What of it is in the data folder, relative to that.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.path.as_str()).chain(self.deletes.as_ref().map(|deletes| deletes.path.as_str()))
    }

    /// Rows that have not been deleted.
    pub fn live_rows(&self) -> u64 {
        self.rows - self.deletes.as_ref().map_or(0, |deletes| deletes.rows)
    }
}

/// A bitmap of the positions of deleted rows in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletesEntry {
    /// Relative to the data folder, with `/`.
    pub path: String,
    /// How many rows are deleted.
    pub rows: u64,
    pub bytes: u64,
    /// xxHash64 of the bitmap's file, in hexadecimal.
    pub checksum: String,
}

/// A table that a source has and that is not served, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedTable {
    pub name: TableName,
    pub reason: String,
}

impl Manifest {
    /// What a data folder holds before the first refresh.
    pub fn empty() -> Self {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::Schema;

    use super::*;

    #[test]
    fn an_older_version_has_not_read_collations() {
        let name = TableName { catalog: "shop".into(), schema: "public".into(), table: "t".into() };
        let entry = TableEntry::new(name, Arc::new(Schema::empty()), AsOf::now());
        let mut written = serde_json::to_value(TableEntry { collations_read: true, ..entry }).unwrap();
        let read = |written: &serde_json::Value| serde_json::from_value::<TableEntry>(written.clone()).unwrap();
        assert!(read(&written).collations_read);
        written.as_object_mut().unwrap().remove("collations_read");
        assert!(!read(&written).collations_read);
    }
}
