//! What batches take where nothing is shared: the engine's rows share the memory of their texts.

use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;

/// The memory of a batch's values in bytes, each counted by itself.
pub(crate) fn unshared_bytes(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(|column| of_column(column)).sum()
}

fn of_column(column: &dyn Array) -> usize {
    match column.data_type() {
        DataType::Utf8View => column.as_string_view().lengths().map(|length| length as usize).sum(),
        DataType::BinaryView => column.as_binary_view().lengths().map(|length| length as usize).sum(),
        DataType::List(_) => {
            let lists = column.as_list::<i32>();
            let (start, end) = (lists.value_offsets()[0], lists.value_offsets()[lists.len()]);
            let (start, length) = (start.unsigned_abs() as usize, (end - start).unsigned_abs() as usize);
            of_column(&lists.values().slice(start, length))
        }
        _ => column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_buffer_memory_size()),
    }
}
