//! Stores and tables for the tests of this folder.

use std::sync::Arc;

use arrow::array::Int32Array;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use chrono::Utc;

use super::manifest::{RelationId, TableEntry};
use super::retention::Retention;
use super::staging::Staging;
use super::storage::testing::{Bucket, Folder};
use super::storage::{self};
use super::store::SnapshotStore;
use crate::as_of::{AsOf, Lsn};
use crate::error::Result;
use crate::{Location, TableName};

/// What goes with the test.
pub(super) enum Place {
    Folder(Folder),
    Bucket(#[expect(dead_code, reason = "it holds the runtime that the store runs on")] Bucket),
}

impl Place {
    pub(super) fn folder(&self) -> &Folder {
        match self {
            Self::Folder(folder) => folder,
            Self::Bucket(_) => panic!("it is a bucket"),
        }
    }
}

impl Folder {
    pub(super) fn open(&self, retention: Retention) -> Arc<SnapshotStore> {
        let storage = storage::open(&Location::Folder(self.path().to_owned()), &[]).unwrap();
        Arc::new(SnapshotStore::open_storage(storage, retention).unwrap().store)
    }
}

impl Bucket {
    pub(super) fn open(&self, retention: Retention) -> Arc<SnapshotStore> {
        Arc::new(SnapshotStore::open_storage(self.storage(), retention).unwrap().store)
    }
}

pub(super) fn open_folder(retention: Retention) -> (Arc<SnapshotStore>, Place) {
    let folder = Folder::new();
    (folder.open(retention), Place::Folder(folder))
}

pub(super) fn open_bucket(retention: Retention) -> (Arc<SnapshotStore>, Place) {
    let bucket = Bucket::new();
    (bucket.open(retention), Place::Bucket(bucket))
}

/// Writes a table of one file.
pub(super) fn write_table(staging: &Staging, name: &str) -> TableEntry {
    let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Int32, false)]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(Int32Array::from(vec![1, 2, 3]))]).unwrap();
    let mut writer = staging.create_file("0", RelationId::default(), Arc::clone(&schema)).unwrap();
    writer.write(&batch).unwrap();
    let name = TableName { catalog: "shop".into(), schema: "public".into(), table: name.into() };
    let as_of = AsOf { time: Utc::now(), lsn: Lsn::UNKNOWN };
    TableEntry { files: vec![writer.finish().unwrap()], ..TableEntry::new(name, schema, as_of) }
}

/// Commits the table beside the current ones.
pub(super) fn commit_table(staging: Staging, table: TableEntry) -> Result<u64> {
    staging.commit(|current| {
        let mut tables = current.tables.clone();
        tables.retain(|other| other.name != table.name);
        tables.push(table);
        (tables, current.refused.clone())
    })
}

/// Writes and commits a table.
pub(super) fn commit(store: &Arc<SnapshotStore>, name: &str) -> u64 {
    let staging = store.begin();
    let table = write_table(&staging, name);
    commit_table(staging, table).unwrap()
}

/// The data files that are there when all garbage is gone, sorted.
pub(super) fn paths(store: &SnapshotStore) -> Vec<String> {
    store.collect_garbage();
    let mut paths: Vec<String> = store.layout.data_sizes().unwrap().into_keys().collect();
    paths.sort();
    paths
}
