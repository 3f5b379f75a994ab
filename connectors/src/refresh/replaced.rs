//! Finds the rows that newer ones of the same primary key replace, so that a watermark refresh leaves one row
//! for each key. Of the older files only the key's columns are read, and of those only row groups that can
//! hold one of the new keys.

use std::collections::HashSet;

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;

use super::job::TableJob;
use crate::error::{Error, Result};
use crate::snapshot::{Columns, Deletes, FileEntry, SnapshotStore};

/// Marks in `kept` the rows whose keys `new` has too. A table without a primary key has no such rows.
pub(super) async fn find(
    store: &SnapshotStore,
    job: &TableJob,
    schema: &SchemaRef,
    kept: &mut [(FileEntry, Deletes)],
    new: &[FileEntry],
) -> Result<()> {
    let Some(key) = &job.plan.description.primary_key else { return Ok(()) };
    if new.is_empty() {
        return Ok(());
    }
    let name = job.plan.name();
    let failed = |cause: ArrowError| Error::Table {
        table: Box::new(name.clone()),
        column: None,
        message: "its primary keys cannot be compared; use mode = \"diff\"".to_owned(),
        cause: Some(cause.into()),
    };
    let mut keys = Keys::new(&key.columns, schema).map_err(failed)?;
    let columns = Columns::Named(&key.columns);
    for file in new {
        let take = |batch: &RecordBatch, _| keys.add(batch).map_err(failed);
        store.read_file(file)?.read(columns, |_| true, take).await?;
    }
    keys.numbers.sort_unstable();
    for (file, gone) in kept {
        let reader = store.read_file(file)?;
        let take = |batch: &RecordBatch, first| {
            let positions = keys.among(batch).map_err(failed)?.into_iter().map(|row| first + row);
            positions.filter(|&position| !reader.is_deleted(position)).for_each(|position| gone.insert(position));
            Ok(())
        };
        reader.read(columns, |group| keys.may_be_in(group), take).await?;
    }
    Ok(())
}

/// The keys that have come.
struct Keys {
    columns: Vec<String>,
    types: Vec<DataType>,
    converter: RowConverter,
    rows: HashSet<Box<[u8]>>,
    /// Their first column, where it is an integer, by which row groups are left out.
    numbers: Vec<i64>,
}

impl Keys {
    fn new(columns: &[String], schema: &SchemaRef) -> Result<Self, ArrowError> {
        let types = columns
            .iter()
            .map(|column| Ok(schema.field_with_name(column)?.data_type().clone()))
            .collect::<Result<Vec<_>, ArrowError>>()?;
        let converter = RowConverter::new(types.iter().cloned().map(SortField::new).collect())?;
        Ok(Self { columns: columns.to_vec(), types, converter, rows: HashSet::new(), numbers: vec![] })
    }

    /// The key's columns of a batch, in the key's order and with the table's types.
    fn columns(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>, ArrowError> {
        let columns = self.columns.iter().zip(&self.types);
        columns
            .map(|(name, data_type)| {
                let column = batch.column(batch.schema_ref().index_of(name)?);
                cast(column, data_type)
            })
            .collect()
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let columns = self.columns(batch)?;
        if let Some(first) = columns.first().filter(|first| first.data_type().is_integer()) {
            self.numbers.extend(cast(first, &DataType::Int64)?.as_primitive::<Int64Type>().values());
        }
        let rows = self.converter.convert_columns(&columns)?;
        self.rows.extend(rows.iter().map(|row| row.as_ref().into()));
        Ok(())
    }

    /// The rows of a batch whose keys are among these.
    fn among(&self, batch: &RecordBatch) -> Result<Vec<u32>, ArrowError> {
        let rows = self.converter.convert_columns(&self.columns(batch)?)?;
        let found = (0_u32..).zip(&rows).filter(|(_, row)| self.rows.contains(row.as_ref()));
        Ok(found.map(|(position, _)| position).collect())
    }

    fn may_be_in(&self, group: &RowGroupMetaData) -> bool {
        let Some(first) = self.columns.first().filter(|_| !self.numbers.is_empty()) else { return true };
        let chunk = group.columns().iter().find(|chunk| chunk.column_path().string() == *first);
        let bounds = match chunk.and_then(|chunk| chunk.statistics()) {
            Some(Statistics::Int32(known)) => {
                known.min_opt().zip(known.max_opt()).map(|(min, max)| (i64::from(*min), i64::from(*max)))
            }
            Some(Statistics::Int64(known)) => known.min_opt().zip(known.max_opt()).map(|(min, max)| (*min, *max)),
            _ => None,
        };
        bounds.is_none_or(|(min, max)| {
            let next = self.numbers.partition_point(|&number| number < min);
            self.numbers.get(next).is_some_and(|&number| number <= max)
        })
    }
}
