//! Batches cut into pieces that can be sent: the engine's rows share the memory of their texts, and on the wire each
//! has its own. A batch that is large for that is no longer on its way than its query may be.

use arrow::record_batch::RecordBatch;

use crate::unshared::unshared_bytes;

/// What a piece may take on the wire, unless a single row takes more.
const PIECE_BYTES: usize = 16 << 20;

/// The batch, in pieces, and what each takes in bytes.
pub(crate) fn pieces(batch: RecordBatch) -> Vec<(RecordBatch, usize)> {
    let bytes = unshared_bytes(&batch);
    let count = bytes.div_ceil(PIECE_BYTES).min(batch.num_rows());
    if count <= 1 {
        return vec![(batch, bytes)];
    }
    let rows = batch.num_rows().div_ceil(count);
    let piece = |start: usize| batch.slice(start, rows.min(batch.num_rows() - start));
    let halves = (0..batch.num_rows()).step_by(rows).map(piece);
    // Rows are not all of one size. One row is never cut.
    halves.flat_map(pieces).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringViewArray, UInt32Array};
    use arrow::compute::{concat_batches, take};

    use super::*;

    #[test]
    fn texts_that_share_memory_are_sent_in_pieces() {
        let long: ArrayRef = Arc::new(StringViewArray::from(vec!["x".repeat(1 << 20)]));
        let texts = take(&long, &UInt32Array::from(vec![0; 100]), None).unwrap();
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
        let batch = RecordBatch::try_from_iter([("text", texts), ("number", numbers)]).unwrap();
        let cut: Vec<RecordBatch> = pieces(batch.clone()).into_iter().map(|(piece, _)| piece).collect();
        assert!(cut.len() >= 7, "{}", cut.len());
        assert_eq!(concat_batches(&batch.schema(), &cut).unwrap(), batch);
    }

    #[test]
    fn small_batches_stay_whole() {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..8_192));
        let batch = RecordBatch::try_from_iter([("number", numbers)]).unwrap();
        assert_eq!(pieces(batch.clone()), [(batch, 8 * 8_192)]);
        let empty =
            RecordBatch::try_from_iter([("text", Arc::new(StringViewArray::from(Vec::<&str>::new())) as ArrayRef)]);
        assert_eq!(pieces(empty.unwrap()).len(), 1);
    }
}
