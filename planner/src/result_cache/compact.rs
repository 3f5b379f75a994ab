//! Batches that hold no more memory than their rows need: a filter's or a file's buffers are larger than what is left
//! of them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryViewArray, MutableArrayData, StringViewArray, make_array};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;

/// Memory beyond the rows' own that is not worth a copy, as a share of theirs.
const WASTE: usize = 2;

/// The same batch.
pub(super) fn compact(batch: &RecordBatch) -> RecordBatch {
    let columns = batch.columns().iter().map(compact_column).collect();
    // The same columns fit the same schema.
    RecordBatch::try_new_with_options(
        batch.schema(),
        columns,
        &arrow::record_batch::RecordBatchOptions::new().with_row_count(Some(batch.num_rows())),
    )
    .unwrap_or_else(|_| batch.clone())
}

fn compact_column(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        // Written anew: short texts stand in the views, which may be a part of those of many rows.
        DataType::Utf8View => return Arc::new(column.as_string_view().iter().collect::<StringViewArray>()),
        DataType::BinaryView => return Arc::new(column.as_binary_view().iter().collect::<BinaryViewArray>()),
        _ => {}
    }
    let data = column.to_data();
    let needed = data.get_slice_memory_size().unwrap_or(usize::MAX);
    if column.get_buffer_memory_size() / WASTE <= needed {
        return Arc::clone(column);
    }
    let mut copy = MutableArrayData::new(vec![&data], false, column.len());
    match copy.try_extend(0, 0, column.len()) {
        Ok(()) => make_array(copy.freeze()),
        Err(_) => Arc::clone(column),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;

    use super::*;

    #[test]
    fn a_few_rows_do_not_hold_the_memory_of_many() {
        let long = |number: i64| format!("a text that is too long to stand in its view: {number}");
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..10_000));
        let texts: ArrayRef = Arc::new(StringViewArray::from_iter_values((0..10_000).map(long)));
        let batch = RecordBatch::try_from_iter([("number", numbers), ("text", texts)]).unwrap().slice(17, 2);
        let small = compact(&batch);
        assert_eq!(small, batch);
        // The first block of texts has 16 KiB.
        assert!(small.get_array_memory_size() < 20_000, "{}", small.get_array_memory_size());
    }
}
