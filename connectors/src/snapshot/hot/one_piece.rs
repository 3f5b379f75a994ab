//! Moves arrays into one piece of memory. An allocator rounds sizes up, and more so where memory must be aligned
//! as Arrow wants it: in pieces, a column takes a quarter more than its bytes, which nobody would count. Each
//! array keeps buffers of its own size, so that whoever asks what a batch takes is not told of the others.

use std::collections::HashMap;

use arrow::array::{Array, ArrayData, ArrayRef, make_array};
use arrow::buffer::{BooleanBuffer, Buffer, MutableBuffer, NullBuffer};
use arrow::error::ArrowError;
use bytes::Bytes;

/// What Arrow aligns its own buffers to.
const ALIGNMENT: usize = 64;

/// Memory that is let go when the last array in it is.
struct Piece(MutableBuffer);

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

/// The same arrays, and the bytes of the piece that they are in now.
pub(super) fn in_one_piece(arrays: &[ArrayRef]) -> Result<(Vec<ArrayRef>, u64), ArrowError> {
    let arrays: Vec<ArrayData> = arrays.iter().map(Array::to_data).collect();
    let mut found = HashMap::new();
    let mut piece = MutableBuffer::new(arrays.iter().map(bytes_of).sum());
    for array in &arrays {
        copy(array, &mut piece, &mut found);
    }
    piece.shrink_to_fit();
    let bytes = piece.capacity() as u64;
    let piece = Bytes::from_owner(Piece(piece));
    let place = |buffer: &Buffer| match found.get(&identity(buffer)) {
        Some(&start) => Buffer::from(piece.slice(start..start + buffer.len())),
        None => buffer.clone(),
    };
    let moved = arrays.into_iter().map(|array| Ok(make_array(moved(array, &place)?)));
    Ok((moved.collect::<Result<_, ArrowError>>()?, bytes))
}

/// Arrays may share buffers; what is the same memory is copied once.
fn identity(buffer: &Buffer) -> (usize, usize) {
    (buffer.as_ptr().addr(), buffer.len())
}

fn buffers(data: &ArrayData) -> impl Iterator<Item = &Buffer> {
    data.buffers().iter().chain(data.nulls().map(|nulls| nulls.buffer())).filter(|buffer| !buffer.is_empty())
}

/// At most so many: those that are shared are counted for each array.
fn bytes_of(data: &ArrayData) -> usize {
    let own: usize = buffers(data).map(|buffer| buffer.len().next_multiple_of(ALIGNMENT)).sum();
    own + data.child_data().iter().map(bytes_of).sum::<usize>()
}

fn copy(data: &ArrayData, piece: &mut MutableBuffer, found: &mut HashMap<(usize, usize), usize>) {
    for buffer in buffers(data) {
        found.entry(identity(buffer)).or_insert_with(|| {
            let start = piece.len();
            piece.extend_from_slice(buffer.as_slice());
            piece.resize(piece.len().next_multiple_of(ALIGNMENT), 0);
            start
        });
    }
    data.child_data().iter().for_each(|child| copy(child, piece, found));
}

fn moved(data: ArrayData, place: &impl Fn(&Buffer) -> Buffer) -> Result<ArrayData, ArrowError> {
    let moved_nulls =
        |nulls: &NullBuffer| NullBuffer::new(BooleanBuffer::new(place(nulls.buffer()), nulls.offset(), nulls.len()));
    let nulls = data.nulls().map(moved_nulls);
    let buffers = data.buffers().iter().map(place).collect();
    let children = data.child_data().iter().map(|child| moved(child.clone(), place)).collect::<Result<_, _>>()?;
    data.into_builder().nulls(nulls).buffers(buffers).child_data(children).build()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Int32Array, ListArray, StringArray, StringViewArray};
    use arrow::datatypes::Int32Type;

    use super::*;

    #[test]
    fn arrays_are_the_same_in_another_place() {
        let lists = [Some(vec![Some(1), None]), None, Some(vec![]), Some(vec![Some(7)])];
        let arrays: [ArrayRef; 7] = [
            Arc::new(Int32Array::from(vec![Some(1), None, Some(3)])),
            Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), Some(true)]).slice(1, 3)),
            Arc::new(StringArray::from(vec![Some("a"), None, Some("b")]).slice(1, 2)),
            Arc::new(StringViewArray::from(vec![Some("short"), None, Some("a text that is not inline")])),
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists)),
            Arc::new(Int32Array::from(Vec::<i32>::new())),
            Arc::new(StringViewArray::from(Vec::<&str>::new())),
        ];
        let (moved, bytes) = in_one_piece(&arrays).unwrap();
        assert_eq!(moved, arrays);
        assert!(bytes <= 20 * ALIGNMENT as u64, "{bytes}");
        assert_eq!(in_one_piece(&[]).unwrap().0.len(), 0);
    }

    #[test]
    fn what_is_shared_stays_shared() {
        let texts = StringViewArray::from((0..1_000).map(|row| format!("a long text {row}")).collect::<Vec<_>>());
        let arrays: Vec<ArrayRef> = (0..10).map(|part| Arc::new(texts.slice(part * 100, 100)) as ArrayRef).collect();
        let (moved, bytes) = in_one_piece(&arrays).unwrap();
        assert_eq!(moved, arrays);
        assert!(bytes < 1_000 * (16 + 20) + 2_000, "{bytes}");
        // An array tells its own size, not that of the piece.
        assert!(moved[0].get_buffer_memory_size() < 100 * 16 + 1_000 * 20);
    }
}
