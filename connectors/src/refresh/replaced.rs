//! Finds the rows that newer ones of the same primary key replace, so that a watermark refresh leaves one row
//! for each key. Of the older files only the key's columns are read, and of those only row groups that can
//! hold one of the new keys. A row that was read again, because of the overlap, and is the version that is
//! there already is not new.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, FixedSizeBinaryArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, SchemaRef, UInt32Type};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;

use super::job::TableJob;
use crate::error::{Error, Result};
use crate::pull::{ROW_PLACE, ROW_WRITER};
use crate::snapshot::{Columns, Deletes, FileEntry, SnapshotStore};

/// A stored interval: months and days of 32 bits, nanoseconds of 64, least significant bytes first.
const INTERVAL_BYTES: i32 = 16;
const DAYS_IN_MONTH: i128 = 30;
const DAY_NANOS: i128 = 86_400_000_000_000;

/// Marks in `kept` the rows whose keys `new` has too, and in `new` those that are the same version. A table
/// without a primary key has no such rows.
pub(super) async fn find(
    store: &SnapshotStore,
    job: &TableJob,
    schema: &SchemaRef,
    kept: &mut [(FileEntry, Deletes)],
    new: &mut [(FileEntry, Deletes)],
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
    let columns: Vec<String> = key.columns.iter().cloned().chain([ROW_PLACE, ROW_WRITER].map(str::to_owned)).collect();
    let columns = Columns::Named(&columns);
    for (number, (file, _)) in new.iter().enumerate() {
        let take = |batch: &RecordBatch, first| keys.add(batch, number, first).map_err(failed);
        store.read_file(file)?.read(columns, |_| true, take).await?;
    }
    keys.numbers.sort_unstable();
    for (file, gone) in kept {
        let reader = store.read_file(file)?;
        let take = |batch: &RecordBatch, first: u32| {
            for Found { row, by, is_same } in keys.among(batch).map_err(failed)? {
                let position = first + row;
                match (reader.is_deleted(position), is_same) {
                    (true, _) => {}
                    (false, true) => new[by.file].1.insert(by.position),
                    (false, false) => gone.insert(position),
                }
            }
            Ok(())
        };
        reader.read(columns, |group| keys.may_be_in(group), take).await?;
    }
    Ok(())
}

/// A row that has come.
#[derive(Debug, Clone, Copy)]
struct NewRow {
    /// The file's number.
    file: usize,
    position: u32,
    version: Option<Version>,
}

/// A row of a batch that has the key of a row that has come.
struct Found {
    /// Its number in the batch.
    row: u32,
    by: NewRow,
    /// It is the same version of the row.
    is_same: bool,
}

/// The place of a row and the transaction that wrote it, where they are kept.
type Version = (i64, u32);

/// The keys that have come.
struct Keys {
    columns: Vec<String>,
    types: Vec<DataType>,
    converter: RowConverter,
    rows: HashMap<Box<[u8]>, NewRow>,
    /// Their first column, where it is an integer, by which row groups are left out.
    numbers: Vec<i64>,
}

impl Keys {
    fn new(columns: &[String], schema: &SchemaRef) -> Result<Self, ArrowError> {
        let types = columns
            .iter()
            .map(|column| match schema.field_with_name(column)?.data_type() {
                DataType::Interval(_) => Ok(DataType::FixedSizeBinary(INTERVAL_BYTES)),
                other => Ok(other.clone()),
            })
            .collect::<Result<Vec<_>, ArrowError>>()?;
        let converter = RowConverter::new(types.iter().cloned().map(SortField::new).collect())?;
        Ok(Self { columns: columns.to_vec(), types, converter, rows: HashMap::new(), numbers: vec![] })
    }

    /// The key's columns of a batch, in the key's order and with the table's types.
    fn columns(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>, ArrowError> {
        let columns = self.columns.iter().zip(&self.types);
        columns
            .map(|(name, data_type)| {
                let column = batch.column(batch.schema_ref().index_of(name)?);
                match column.as_fixed_size_binary_opt() {
                    Some(intervals) => lengths(intervals),
                    None => cast(column, data_type),
                }
            })
            .collect()
    }

    fn add(&mut self, batch: &RecordBatch, file: usize, first: u32) -> Result<(), ArrowError> {
        let columns = self.columns(batch)?;
        if let Some(numbers) = columns.first().filter(|column| column.data_type().is_integer()) {
            self.numbers.extend(cast(numbers, &DataType::Int64)?.as_primitive::<Int64Type>().values());
        }
        let rows = self.converter.convert_columns(&columns)?;
        for ((position, row), version) in (first..).zip(&rows).zip(versions(batch)) {
            self.rows.insert(row.as_ref().into(), NewRow { file, position, version });
        }
        Ok(())
    }

    /// The rows of a batch whose keys are among these.
    fn among(&self, batch: &RecordBatch) -> Result<Vec<Found>, ArrowError> {
        let rows = self.converter.convert_columns(&self.columns(batch)?)?;
        let found = (0_u32..).zip(&rows).zip(versions(batch)).filter_map(|((row, key), version)| {
            let by = *self.rows.get(key.as_ref())?;
            Some(Found { row, by, is_same: version.is_some() && version == by.version })
        });
        Ok(found.collect())
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

/// Intervals, as they are stored, by what PostgreSQL compares: a month is 30 days, a day 24 hours.
fn lengths(intervals: &FixedSizeBinaryArray) -> Result<ArrayRef, ArrowError> {
    let length = |bytes: &[u8]| {
        let number = |from: usize, to: usize| {
            bytes[from..to].iter().rev().fold(0_i128, |number, byte| number << 8 | i128::from(*byte))
        };
        let (months, days) = (number(0, 4) as i32, number(4, 8) as i32);
        let days = i128::from(months) * DAYS_IN_MONTH + i128::from(days);
        (days * DAY_NANOS + i128::from(number(8, 16) as i64)).to_be_bytes()
    };
    let lengths = intervals.iter().map(|bytes| bytes.map(length));
    Ok(Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(lengths, INTERVAL_BYTES)?))
}

/// The versions of a batch's rows.
fn versions(batch: &RecordBatch) -> impl Iterator<Item = Option<Version>> {
    let places = batch.column_by_name(ROW_PLACE).map(|places| places.as_primitive::<Int64Type>().clone());
    let writers = batch.column_by_name(ROW_WRITER).map(|writers| writers.as_primitive::<UInt32Type>().clone());
    let kept = places.zip(writers);
    (0..batch.num_rows()).map(move |row| kept.as_ref().map(|(places, writers)| (places.value(row), writers.value(row))))
}
