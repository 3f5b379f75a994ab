//! Rows on their way into a file, sorted a part at a time where the table's settings say so (`sort_by`). A part has as many
//! rows as a row group, or fewer if they are wide: pages, and chunks in memory, then have narrow bounds, while no more rows
//! are held than a row group has.

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{SortColumn, SortOptions, concat, interleave_record_batch, lexsort_to_indices, partition, take};
use arrow::error::ArrowError;

use super::row_group::{PAGE_ROWS, ROW_GROUP_ROWS};

/// A part of so many bytes is sorted though it has fewer rows than a row group.
const PART_BYTES: usize = 64 << 20;
/// As ORDER BY has it: NULLs are last.
const ORDER: SortOptions = SortOptions { descending: false, nulls_first: false };

/// Rows that wait to be sorted.
#[derive(Debug)]
pub(super) struct SortedRows {
    /// The columns that are compared, the first one first.
    columns: Vec<usize>,
    waiting: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
}

/// A part that has been sorted, handed out a page at a time, so that it is not there twice.
#[derive(Debug)]
pub(super) struct SortedPart {
    batches: Vec<RecordBatch>,
    /// The batch and the place of each row.
    order: std::vec::IntoIter<(usize, usize)>,
}

impl SortedRows {
    pub(super) fn new(columns: Vec<usize>) -> Self {
        Self { columns, waiting: vec![], rows: 0, bytes: 0 }
    }

    /// Adds rows. A part, when there are enough.
    pub(super) fn add(&mut self, batch: RecordBatch) -> Result<Option<SortedPart>, ArrowError> {
        self.rows += batch.num_rows();
        self.bytes += batch.get_array_memory_size();
        self.waiting.push(batch);
        let is_full = self.rows >= ROW_GROUP_ROWS || self.bytes >= PART_BYTES;
        Ok(if is_full { Some(self.sort()?) } else { None })
    }

    /// Sorts what waits. Rows of which no column tells which comes first stay in their order: what they are sorted by
    /// otherwise, as by the time of their insertion, is not lost.
    pub(super) fn sort(&mut self) -> Result<SortedPart, ArrowError> {
        let batches = std::mem::take(&mut self.waiting);
        (self.rows, self.bytes) = (0, 0);
        if batches.is_empty() {
            return Ok(SortedPart { batches, order: vec![].into_iter() });
        }
        let keys = self.columns.iter().map(|&column| {
            let parts: Vec<_> = batches.iter().map(|batch| batch.column(column).as_ref()).collect();
            concat(&parts)
        });
        let keys = keys.collect::<Result<Vec<ArrayRef>, _>>()?;
        let sorted = keys.iter().map(|key| SortColumn { values: ArrayRef::clone(key), options: Some(ORDER) });
        let indices = lexsort_to_indices(&sorted.collect::<Vec<_>>(), None)?;
        let equal = equal_rows(&keys, &indices)?;
        let mut indices = indices.values().to_vec();
        for range in equal {
            indices[range].sort_unstable();
        }
        let places: Vec<(usize, usize)> = batches
            .iter()
            .enumerate()
            .flat_map(|(batch, rows)| (0..rows.num_rows()).map(move |row| (batch, row)))
            .collect();
        let order: Vec<_> = indices.into_iter().map(|index| places[index as usize]).collect();
        Ok(SortedPart { batches, order: order.into_iter() })
    }
}

/// Ranges of sorted rows whose keys are the same.
fn equal_rows(keys: &[ArrayRef], indices: &UInt32Array) -> Result<Vec<std::ops::Range<usize>>, ArrowError> {
    let sorted = keys.iter().map(|key| take(key.as_ref(), indices, None)).collect::<Result<Vec<_>, _>>()?;
    Ok(partition(&sorted)?.ranges())
}

impl Iterator for SortedPart {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows: Vec<(usize, usize)> = self.order.by_ref().take(PAGE_ROWS).collect();
        if rows.is_empty() {
            return None;
        }
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        Some(interleave_record_batch(&batches, &rows))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Array, AsArray, Int32Array, StringArray};
    use arrow::compute::concat_batches;
    use arrow::datatypes::Int32Type;

    use super::*;

    fn batch(keys: Vec<Option<i32>>, texts: Vec<&str>) -> RecordBatch {
        let columns: [(&str, ArrayRef); 2] =
            [("key", Arc::new(Int32Array::from(keys))), ("text", Arc::new(StringArray::from(texts)))];
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
    }

    fn rows(part: SortedPart) -> Vec<(Option<i32>, String)> {
        let schema = part.batches[0].schema();
        let batch = concat_batches(&schema, &part.collect::<Result<Vec<_>, _>>().unwrap()).unwrap();
        let texts = batch.column(1).as_string::<i32>();
        let keys = batch.column(0).as_primitive::<Int32Type>();
        (0..batch.num_rows())
            .map(|row| (keys.is_valid(row).then(|| keys.value(row)), texts.value(row).to_owned()))
            .collect()
    }

    #[test]
    fn rows_of_one_key_stay_in_their_order_and_nulls_come_last() {
        let mut sorted = SortedRows::new(vec![0]);
        assert!(sorted.add(batch(vec![Some(2), None, Some(1)], vec!["a", "b", "c"])).unwrap().is_none());
        assert!(sorted.add(batch(vec![Some(2), Some(1), None], vec!["0", "1", "2"])).unwrap().is_none());
        let expected = [(Some(1), "c"), (Some(1), "1"), (Some(2), "a"), (Some(2), "0"), (None, "b"), (None, "2")];
        assert_eq!(rows(sorted.sort().unwrap()), expected.map(|(key, text)| (key, text.to_owned())));
        assert_eq!(sorted.sort().unwrap().count(), 0);
    }

    #[test]
    fn later_columns_decide_where_the_first_are_the_same() {
        let mut sorted = SortedRows::new(vec![1, 0]);
        sorted.add(batch(vec![Some(3), Some(1), Some(2)], vec!["b", "b", "a"])).unwrap();
        let expected = [(Some(2), "a"), (Some(1), "b"), (Some(3), "b")];
        assert_eq!(rows(sorted.sort().unwrap()), expected.map(|(key, text)| (key, text.to_owned())));
    }

    #[test]
    fn a_part_has_the_rows_of_a_row_group() {
        let mut sorted = SortedRows::new(vec![0]);
        let half = |from: usize| {
            let keys = (from..from + ROW_GROUP_ROWS / 2).rev().map(|key| Some(key as i32));
            batch(keys.collect(), vec!["x"; ROW_GROUP_ROWS / 2])
        };
        assert!(sorted.add(half(ROW_GROUP_ROWS / 2)).unwrap().is_none());
        let part = sorted.add(half(0)).unwrap().unwrap();
        let keys: Vec<i32> = rows(part).into_iter().filter_map(|(key, _)| key).collect();
        assert!(keys.into_iter().eq(0..ROW_GROUP_ROWS as i32));
    }
}
