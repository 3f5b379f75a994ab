//! What a policy shows of a manifest: for whoever lists tables, columns and keys, or tells how large tables are.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use rail_forge_connectors::{ForeignKey, Manifest, TableEntry, TableName};

use super::{Access, Policy};

/// What may be known of a manifest: the tables that may be read, with the columns that may be, and the keys that are of
/// them. Where anything is limited, there are no files, which tell how many rows there are, and what is in them.
#[derive(Debug)]
pub struct VisibleManifest<'a> {
    manifest: Cow<'a, Manifest>,
    /// Those of its tables; `None` where nothing is limited.
    sizes: Option<HashMap<TableName, Size>>,
}

/// How large a table is, as far as that may be known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// `None` where some rows must not be known to be there.
    pub rows: Option<u64>,
    /// Bytes on disk; `None` where they are also of columns or rows that must not be known.
    pub bytes: Option<u64>,
}

impl Size {
    /// All that there is to know.
    pub fn of(table: &TableEntry) -> Self {
        Self { rows: Some(table.rows()), bytes: Some(table.bytes()) }
    }
}

impl VisibleManifest<'_> {
    /// How large one of its tables is.
    pub fn size(&self, table: &TableEntry) -> Size {
        match &self.sizes {
            None => Size::of(table),
            Some(sizes) => sizes.get(&table.name).copied().unwrap_or_default(),
        }
    }
}

impl Deref for VisibleManifest<'_> {
    type Target = Manifest;

    fn deref(&self) -> &Manifest {
        &self.manifest
    }
}

impl Policy {
    /// What may be known of a manifest.
    pub fn visible<'a>(&self, manifest: &'a Manifest) -> VisibleManifest<'a> {
        if self.is_everything() {
            return VisibleManifest { manifest: Cow::Borrowed(manifest), sizes: None };
        }
        let seen: Vec<Seen<'_>> =
            self.readable(manifest).filter_map(|(table, access)| Seen::new(table, access)).collect();
        let schemas = seen.iter().map(|seen| (&seen.table.name, seen.schema.as_ref())).collect();
        let sizes = seen.iter().map(|seen| (seen.table.name.clone(), seen.size())).collect();
        let shown = Manifest {
            format: manifest.format,
            version: manifest.version,
            committed_at: manifest.committed_at,
            tables: seen.iter().map(|seen| seen.entry(&schemas)).collect(),
            // Why they are not served tells of their columns.
            refused: manifest.refused.iter().filter(|refused| self.grants_whole(&refused.name)).cloned().collect(),
        };
        VisibleManifest { manifest: Cow::Owned(shown), sizes: Some(sizes) }
    }

    /// The tables that may be read, in the order of their names, each with what of it may be.
    pub(crate) fn readable<'a>(&self, manifest: &'a Manifest) -> impl Iterator<Item = (&'a TableEntry, Access)> {
        manifest.tables.iter().filter_map(|table| Some((table, self.access(&table.name, &table.schema)?)))
    }
}

/// A table as far as it may be read.
struct Seen<'a> {
    table: &'a TableEntry,
    access: Access,
    /// Its columns that may be.
    schema: SchemaRef,
}

impl<'a> Seen<'a> {
    fn new(table: &'a TableEntry, access: Access) -> Option<Self> {
        let schema = match access.is_whole(table.schema.fields().len()) {
            true => Arc::clone(&table.schema),
            false => Arc::new(table.schema.project(&access.columns).ok()?),
        };
        Some(Self { table, access, schema })
    }

    fn is_whole(&self) -> bool {
        self.access.is_whole(self.table.schema.fields().len())
    }

    fn size(&self) -> Size {
        let Size { rows, bytes } = Size::of(self.table);
        Size { rows: rows.filter(|_| self.access.rows.is_empty()), bytes: bytes.filter(|_| self.is_whole()) }
    }

    /// The entry beside those of the tables whose visible columns are given. What it does not say tells of columns, by
    /// their names or by their values.
    fn entry(&self, schemas: &HashMap<&TableName, &Schema>) -> TableEntry {
        let Self { table, schema, .. } = self;
        let primary_key = table.primary_key.clone().filter(|key| has_all(schema, &key.columns));
        let is_seen = |key: &&ForeignKey| {
            let referenced = schemas.get(&key.referenced);
            has_all(schema, &key.columns) && referenced.is_some_and(|schema| has_all(schema, &key.referenced_columns))
        };
        let told = |why: &String| if self.is_whole() { why.clone() } else { "the last refresh failed".to_owned() };
        TableEntry {
            comment: table.comment.clone(),
            primary_key,
            foreign_keys: table.foreign_keys.iter().filter(is_seen).cloned().collect(),
            collation: table.collation.clone(),
            collations_read: table.collations_read,
            version: table.version,
            stale: table.stale.as_ref().map(told),
            live: table.live.clone(),
            ..TableEntry::new(table.name.clone(), Arc::clone(schema), table.as_of)
        }
    }
}

/// Whether a table has all of some columns.
fn has_all(schema: &Schema, columns: &[String]) -> bool {
    columns.iter().all(|column| schema.field_with_name(column).is_ok())
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field};
    use rail_forge_connectors::{AsOf, FileEntry, RelationId};

    use super::super::{Columns, Grant, RowFilter};
    use super::*;

    fn name(table: &str) -> TableName {
        TableName { catalog: "shop".into(), schema: "public".into(), table: table.into() }
    }

    /// A table of seven rows that refers to another by its column `secret`, and whose refresh has failed.
    fn table(table: &str, referenced: &str) -> TableEntry {
        let schema = Schema::new(["id", "secret"].map(|name| Field::new(name, DataType::Int64, true)).to_vec());
        let key = ForeignKey {
            name: "key".into(),
            columns: vec!["secret".into()],
            referenced: name(referenced),
            referenced_columns: vec!["id".into()],
            on_update: 'a',
            on_delete: 'a',
        };
        let file = FileEntry {
            path: "a".into(),
            rows: 7,
            bytes: 100,
            checksum: String::new(),
            columns: vec![],
            relation: RelationId::default(),
            digits: vec![],
            deletes: None,
        };
        TableEntry {
            foreign_keys: vec![key],
            files: vec![file],
            stale: Some("secret".into()),
            ..TableEntry::new(name(table), schema.into(), AsOf::now())
        }
    }

    fn grant(table: &str, columns: Columns, rows: Option<&str>) -> Arc<Grant> {
        Arc::new(Grant {
            role: "r".into(),
            catalog: "shop".into(),
            schemas: vec!["public".into()],
            tables: vec![table.into()],
            columns,
            rows: rows.map(|text| RowFilter::parse(text).unwrap()),
        })
    }

    #[test]
    fn what_is_limited_is_told_with_no_more_than_may_be_read() {
        let tables = vec![table("columns", "whole"), table("rows", "hidden"), table("whole", "columns")];
        let manifest = Manifest { tables, ..Manifest::empty() };
        let without_secret = || Columns::Except(vec!["secret".to_owned()]);
        let policy = Policy::granting(
            vec![
                grant("columns", without_secret(), None),
                grant("rows", Columns::All, Some("id = 1")),
                grant("whole", Columns::All, None),
                grant("hidden", without_secret(), None),
            ],
            |_| None,
        );
        let visible = policy.visible(&manifest);
        let [columns, rows, whole] = visible.tables.as_slice() else { panic!("three tables") };
        assert_eq!((columns.schema.fields().len(), rows.schema.fields().len()), (1, 2));
        assert_eq!(visible.size(columns), Size { rows: Some(7), bytes: None });
        assert_eq!(visible.size(rows), Size::default());
        assert_eq!(visible.size(whole), Size { rows: Some(7), bytes: Some(100) });
        let keys = [columns, rows, whole].map(|table| table.foreign_keys.len());
        assert_eq!(keys, [0, 0, 1]);
        let failures = [columns, rows, whole].map(|table| table.stale.as_deref().unwrap());
        assert_eq!(failures, ["the last refresh failed", "the last refresh failed", "secret"]);
        assert!(visible.tables.iter().all(|table| table.files.is_empty()));
        let everything = Policy::everything().visible(&manifest);
        assert_eq!(everything.tables, manifest.tables);
        assert_eq!(everything.size(&manifest.tables[1]), Size { rows: Some(7), bytes: Some(100) });
    }
}
