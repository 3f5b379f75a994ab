//! The columns of one file that a scan reads from memory, held until the scan is done, whatever is dropped
//! meanwhile.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, UInt64Array};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, Result, ScalarValue};
use std::collections::HashSet;

use super::super::deletes::Deletes;
use super::column::{CHUNK_ROWS, HotColumn};

/// The rows of a file that a scan gives: how many there are, and which of them are deleted.
#[derive(Debug, Clone)]
pub(in crate::snapshot) struct StoredRows {
    pub(in crate::snapshot) rows: u64,
    pub(in crate::snapshot) deletes: Option<Arc<Deletes>>,
}

/// A file of which some columns are in memory.
#[derive(Debug, Clone)]
pub(super) struct FileInMemory {
    /// Those columns that are in memory, by their indices in the table.
    columns: Arc<[(usize, Arc<HotColumn>)]>,
    rows: StoredRows,
}

impl FileInMemory {
    /// `None` when the columns are not of that many rows; the file is then read from where it is stored.
    pub(super) fn new(columns: Vec<(usize, Arc<HotColumn>)>, rows: StoredRows) -> Option<Self> {
        let in_file = |column: &HotColumn| column.chunks().iter().map(|chunk| chunk.len() as u64).sum::<u64>();
        let fits = columns.iter().all(|(_, column)| in_file(column) == rows.rows);
        fits.then(|| Self { columns: columns.into(), rows })
    }

    fn column(&self, index: usize) -> Option<&HotColumn> {
        self.columns.iter().find(|(known, _)| *known == index).map(|(_, column)| column.as_ref())
    }

    /// Whether all of these columns are here.
    pub(super) fn has(&self, indices: &[usize]) -> bool {
        indices.iter().all(|&index| self.column(index).is_some())
    }

    pub(super) fn chunks(&self) -> usize {
        (self.rows.rows as usize).div_ceil(CHUNK_ROWS)
    }

    /// The rows of a chunk that are not deleted, of these columns, whose schema this is.
    pub(super) fn batch(&self, chunk: usize, indices: &[usize], schema: &SchemaRef) -> Result<RecordBatch> {
        let first = chunk * CHUNK_ROWS;
        let rows = CHUNK_ROWS.min(self.rows.rows as usize - first);
        let columns = indices.iter().filter_map(|&index| self.column(index)?.chunks().get(chunk).cloned());
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(schema), columns.collect(), &options)?;
        let live: Option<BooleanArray> =
            self.rows.deletes.as_ref().and_then(|deletes| deletes.live(first as u32..(first + rows) as u32));
        match live {
            Some(live) => Ok(filter_record_batch(&batch, &live)?),
            None => Ok(batch),
        }
    }

    /// The order of chunks by the bounds of a column: by the smallest values, or by the largest and backwards.
    pub(super) fn chunks_ordered_by(&self, index: usize, descending: bool) -> Option<Vec<usize>> {
        let column = self.column(index)?;
        let bounds = if descending { column.largest() } else { column.smallest() }?;
        let options = arrow::compute::SortOptions { descending, nulls_first: false };
        let order = arrow::compute::sort_to_indices(bounds, Some(options), None).ok()?;
        Some(order.values().iter().map(|&chunk| chunk as usize).collect())
    }

    /// What is known of the chunks, for filters to skip some.
    pub(super) fn statistics<'a>(&'a self, schema: &'a Schema) -> ChunkStatistics<'a> {
        ChunkStatistics { file: self, schema }
    }
}

/// Bounds and NULLs of all chunks.
pub(super) struct ChunkStatistics<'a> {
    file: &'a FileInMemory,
    /// The table's.
    schema: &'a Schema,
}

impl ChunkStatistics<'_> {
    fn column(&self, column: &Column) -> Option<&HotColumn> {
        self.file.column(self.schema.index_of(&column.name).ok()?)
    }
}

impl PruningStatistics for ChunkStatistics<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.column(column)?.smallest().cloned()
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.column(column)?.largest().cloned()
    }

    fn num_containers(&self) -> usize {
        self.file.chunks()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let chunks = self.column(column)?.chunks().iter();
        Some(Arc::new(chunks.map(|chunk| Some(chunk.null_count() as u64)).collect::<UInt64Array>()))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let rows = (0..self.file.chunks()).map(|chunk| self.file.rows.rows - (chunk * CHUNK_ROWS) as u64);
        Some(Arc::new(UInt64Array::from_iter_values(rows.map(|rows| rows.min(CHUNK_ROWS as u64)))))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
