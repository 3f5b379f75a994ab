//! One column of one file in memory: Arrow arrays of a batch's rows each, all rows of the file in its order,
//! and for every array its smallest and largest value, by which scans skip it. Deleted rows are among them:
//! files never change, what is deleted of them does.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::concat;
use arrow::datatypes::{BinaryViewType, ByteViewType, DataType, StringViewType};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_aggregate::min_max::{MaxAccumulator, MinAccumulator};
use datafusion::logical_expr::Accumulator;

use super::one_piece::in_one_piece;

/// Rows of an array: a batch of the engine, so that no batch keeps the memory of others' rows, or is taken to
/// need it by a sort that counts.
pub(super) const CHUNK_ROWS: usize = 8_192;
/// What an array takes beside its buffers: its own fields, and those of its buffers.
const ARRAY_BYTES: u64 = 256;
/// A bound of text that is longer is not kept. One that is unknown skips nothing.
const BOUND_BYTES: usize = 64;

/// A column of a file.
#[derive(Debug)]
pub(super) struct HotColumn {
    chunks: Vec<ArrayRef>,
    bounds: Option<Bounds>,
    bytes: u64,
}

/// The smallest and the largest value of each array; NULL where it is not known.
#[derive(Debug)]
struct Bounds {
    smallest: ArrayRef,
    largest: ArrayRef,
}

impl HotColumn {
    /// The column of these arrays, as they were read.
    pub(super) fn new(read: Vec<ArrayRef>) -> Result<Self> {
        let chunks = with_own_texts(rechunk(read)?);
        let bounds = match chunks.first().map(|chunk| chunk.data_type()) {
            Some(data_type) if has_order(data_type) => vec![
                bounds(&chunks, || MinAccumulator::try_new(data_type))?,
                bounds(&chunks, || MaxAccumulator::try_new(data_type))?,
            ],
            _ => vec![],
        };
        let arrays: Vec<ArrayRef> = [bounds, chunks].concat();
        let (mut arrays, bytes) = in_one_piece(&arrays)?;
        let bytes = bytes + arrays.len() as u64 * ARRAY_BYTES;
        let has_bounds = arrays.first().is_some_and(|first| has_order(first.data_type()));
        let chunks = arrays.split_off(if has_bounds { 2 } else { 0 });
        let mut bounds = arrays.into_iter();
        let bounds = bounds.next().zip(bounds.next()).map(|(smallest, largest)| Bounds { smallest, largest });
        Ok(Self { chunks, bounds, bytes })
    }

    /// What it takes in memory.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn chunks(&self) -> &[ArrayRef] {
        &self.chunks
    }

    /// Whether its values are of the type.
    pub(super) fn is_of(&self, data_type: &DataType) -> bool {
        self.chunks.first().is_none_or(|chunk| chunk.data_type() == data_type)
    }

    /// The smallest value of each chunk.
    pub(super) fn smallest(&self) -> Option<&ArrayRef> {
        self.bounds.as_ref().map(|bounds| &bounds.smallest)
    }

    /// The largest value of each chunk.
    pub(super) fn largest(&self) -> Option<&ArrayRef> {
        self.bounds.as_ref().map(|bounds| &bounds.largest)
    }
}

/// The same rows in arrays of [`CHUNK_ROWS`]. Those that were read have as many, unless row groups end between.
fn rechunk(read: Vec<ArrayRef>) -> Result<Vec<ArrayRef>> {
    let mut chunks: Vec<ArrayRef> = vec![];
    let (mut pieces, mut rows): (Vec<ArrayRef>, usize) = (vec![], 0);
    for array in read {
        if rows == 0 && array.len() == CHUNK_ROWS {
            chunks.push(array);
            continue;
        }
        let mut offset = 0;
        while offset < array.len() {
            let taken = (CHUNK_ROWS - rows).min(array.len() - offset);
            pieces.push(array.slice(offset, taken));
            offset += taken;
            rows += taken;
            if rows == CHUNK_ROWS {
                chunks.push(joined(&pieces)?);
                pieces.clear();
                rows = 0;
            }
        }
    }
    if rows > 0 {
        chunks.push(joined(&pieces)?);
    }
    Ok(chunks)
}

fn joined(pieces: &[ArrayRef]) -> Result<ArrayRef> {
    Ok(concat(&pieces.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>())?)
}

/// Text as it was read refers to whole pages. It gets buffers of its own, unless they would be larger, as they
/// would where many rows share the texts of a dictionary.
fn with_own_texts(mut chunks: Vec<ArrayRef>) -> Vec<ArrayRef> {
    match chunks.first().map(|chunk| chunk.data_type().clone()) {
        Some(DataType::Utf8View) => own_texts::<StringViewType>(&mut chunks),
        Some(DataType::BinaryView) => own_texts::<BinaryViewType>(&mut chunks),
        _ => {}
    }
    chunks
}

fn own_texts<T: ByteViewType>(chunks: &mut [ArrayRef]) {
    let pages = chunks.iter().flat_map(|chunk| chunk.as_byte_view::<T>().data_buffers());
    let pages: HashMap<usize, usize> = pages.map(|page| (page.as_ptr().addr(), page.len())).collect();
    let own: usize = chunks.iter().map(|chunk| chunk.as_byte_view::<T>().total_buffer_bytes_used()).sum();
    if own < pages.values().sum() {
        chunks.iter_mut().for_each(|chunk| *chunk = Arc::new(chunk.as_byte_view::<T>().gc()));
    }
}

/// Whether the values' order in memory is the one that filters compare by.
fn has_order(data_type: &DataType) -> bool {
    match data_type {
        DataType::Boolean | DataType::Utf8View => true,
        other => other.is_primitive() && !matches!(other, DataType::Interval(_)),
    }
}

/// A bound of each chunk.
fn bounds<A: Accumulator>(chunks: &[ArrayRef], accumulator: impl Fn() -> Result<A>) -> Result<ArrayRef> {
    let bounds = chunks.iter().map(|chunk| {
        let mut accumulator = accumulator()?;
        accumulator.update_batch(std::slice::from_ref(chunk))?;
        Ok(match accumulator.evaluate()? {
            ScalarValue::Utf8View(Some(text)) if text.len() > BOUND_BYTES => ScalarValue::Utf8View(None),
            bound => bound,
        })
    });
    ScalarValue::iter_to_array(bounds.collect::<Result<Vec<_>>>()?)
}

#[cfg(test)]
mod tests {
    use arrow::array::{BooleanArray, Int32Array, ListArray, StringViewArray};
    use arrow::datatypes::Int32Type;

    use super::*;

    fn rows(column: &HotColumn) -> Vec<usize> {
        column.chunks().iter().map(|chunk| chunk.len()).collect()
    }

    #[test]
    fn arrays_of_any_length_become_chunks() {
        for lengths in [vec![], vec![3], vec![CHUNK_ROWS, CHUNK_ROWS, 5], vec![10_000, 1, 20_000, CHUNK_ROWS]] {
            let total: usize = lengths.iter().sum();
            let mut numbers = 0..total as i32;
            let read = lengths
                .iter()
                .map(|&length| Arc::new(Int32Array::from_iter_values(numbers.by_ref().take(length))) as ArrayRef);
            let column = HotColumn::new(read.collect()).unwrap();
            let expected: Vec<usize> =
                (0..total).step_by(CHUNK_ROWS).map(|first| CHUNK_ROWS.min(total - first)).collect();
            assert_eq!(rows(&column), expected);
            let values = column.chunks().iter().flat_map(|chunk| chunk.as_primitive::<Int32Type>().values().to_vec());
            assert!(values.eq(0..total as i32));
        }
    }

    #[test]
    fn bounds_are_those_of_each_chunk() {
        let read: ArrayRef =
            Arc::new((0..20_000).map(|number| (number >= 8_192).then_some(number)).collect::<Int32Array>());
        let column = HotColumn::new(vec![read]).unwrap();
        let expected = |values: [Option<i32>; 3]| Arc::new(Int32Array::from(values.to_vec())) as ArrayRef;
        assert_eq!(column.smallest(), Some(&expected([None, Some(8_192), Some(16_384)])));
        assert_eq!(column.largest(), Some(&expected([None, Some(16_383), Some(19_999)])));
    }

    #[test]
    fn long_texts_have_no_bounds_and_lists_have_none() {
        let texts: ArrayRef = Arc::new(StringViewArray::from(vec!["a", &"b".repeat(65)]));
        let column = HotColumn::new(vec![texts]).unwrap();
        assert_eq!(column.smallest(), Some(&(Arc::new(StringViewArray::from(vec!["a"])) as ArrayRef)));
        assert_eq!(column.largest().map(|bound| bound.null_count()), Some(1));
        let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)])]));
        assert!(HotColumn::new(vec![lists]).unwrap().smallest().is_none());
    }

    #[test]
    fn a_column_takes_no_more_than_its_values() {
        let page = StringViewArray::from((0..8_192).map(|row| format!("text number {row:010}")).collect::<Vec<_>>());
        let few: ArrayRef = Arc::new(page.slice(0, 100));
        let column = HotColumn::new(vec![Arc::clone(&few)]).unwrap();
        // 16 bytes for each view, and 22 for each text.
        assert!(column.bytes() < 100 * (16 + 22) + 2_000, "{}", column.bytes());
        assert_eq!(&column.chunks()[0], &few);
        // A text that all rows share stays shared.
        let shared = StringViewArray::from_iter_values(std::iter::repeat_n("a text that is shared by all", 1));
        let indices = arrow::array::UInt32Array::from(vec![0; 20_000]);
        let shared = arrow::compute::take(&shared, &indices, None).unwrap();
        let column = HotColumn::new(vec![shared]).unwrap();
        assert!(column.bytes() < 20_000 * 16 + 3_000, "{}", column.bytes());
        let flags: ArrayRef = Arc::new(BooleanArray::from(vec![true; 8_192]));
        assert!(HotColumn::new(vec![flags]).unwrap().bytes() < 1_024 + 2_000);
    }
}
