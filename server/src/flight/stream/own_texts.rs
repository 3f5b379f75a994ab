//! Texts as views refer to memory that may be that of many more: of a whole column of a file, for the rows that a filter
//! has left. What is referred to is sent; so views get memory of their own first where that is much more than theirs.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, GenericByteViewArray};
use arrow::datatypes::{ByteViewType, DataType};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

/// Memory beyond the texts' own that is not worth a copy, as a share of theirs.
const WASTE: usize = 2;

/// The same batch.
pub(super) fn with_own_texts(batch: RecordBatch) -> RecordBatch {
    let is_view = |column: &ArrayRef| matches!(column.data_type(), DataType::Utf8View | DataType::BinaryView);
    if !batch.columns().iter().any(is_view) {
        return batch;
    }
    let columns = batch.columns().iter().map(of_column).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    // The same columns fit the same schema.
    RecordBatch::try_new_with_options(batch.schema(), columns, &options).unwrap_or(batch)
}

fn of_column(column: &ArrayRef) -> ArrayRef {
    let own = match column.data_type() {
        DataType::Utf8View => own(column.as_string_view()).map(|texts| Arc::new(texts) as ArrayRef),
        DataType::BinaryView => own(column.as_binary_view()).map(|bytes| Arc::new(bytes) as ArrayRef),
        _ => None,
    };
    own.unwrap_or_else(|| Arc::clone(column))
}

fn own<T: ByteViewType + ?Sized>(views: &GenericByteViewArray<T>) -> Option<GenericByteViewArray<T>> {
    let referred: usize = views.data_buffers().iter().map(|buffer| buffer.len()).sum();
    (referred / WASTE > views.total_buffer_bytes_used()).then(|| views.gc())
}

#[cfg(test)]
mod tests {
    use arrow::array::StringViewArray;

    use super::*;
    use crate::flight::stream::batches::bytes_of;

    #[test]
    fn texts_of_a_few_rows_do_not_take_those_of_all_along() {
        let long = |row: i32| format!("a text that is too long to stand in its view: {row}");
        let texts: ArrayRef = Arc::new(StringViewArray::from_iter_values((0..10_000).map(long)));
        let batch = RecordBatch::try_from_iter([("text", texts)]).unwrap();
        let few = batch.slice(17, 2);
        let own = with_own_texts(few.clone());
        assert_eq!(own, few);
        let bytes = |batch: &RecordBatch| batch.column(0).as_string_view().data_buffers().iter().map(|b| b.len()).sum();
        let (before, after): (usize, usize) = (bytes(&few), bytes(&own));
        assert!(before > 100_000 && after < 200, "{before} {after}");
        assert!(bytes_of(&few) < 200, "{}", bytes_of(&few));
        assert!(Arc::ptr_eq(batch.column(0), with_own_texts(batch.clone()).column(0)), "all is worth no copy");
    }
}
