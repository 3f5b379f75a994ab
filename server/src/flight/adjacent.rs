//! Texts as views that lie in memory one after another, as those of a column that is kept there do: with offsets they are
//! what every client reads, and not one of them has to be copied for it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, GenericByteArray, GenericByteViewArray};
use arrow::buffer::{Buffer, OffsetBuffer};
use arrow::datatypes::{BinaryType, ByteArrayType, ByteViewType, DataType, Utf8Type};

/// Shorter ones stand in their views, beside what others have there.
const MAX_INLINE_BYTES: u32 = 12;

/// Where a text is: in which buffer, and from where on.
type Place = (u32, u32);

/// The same texts with offsets, if that is what is wanted and if they lie so.
pub(super) fn adjacent(texts: &ArrayRef, wanted: &DataType) -> Option<ArrayRef> {
    match (texts.data_type(), wanted) {
        (DataType::Utf8View, DataType::Utf8) => {
            with_offsets::<_, Utf8Type>(texts.as_string_view()).map(|texts| Arc::new(texts) as ArrayRef)
        }
        (DataType::BinaryView, DataType::Binary) => {
            with_offsets::<_, BinaryType>(texts.as_binary_view()).map(|bytes| Arc::new(bytes) as ArrayRef)
        }
        _ => None,
    }
}

fn with_offsets<V: ByteViewType + ?Sized, T: ByteArrayType<Offset = i32>>(
    views: &GenericByteViewArray<V>,
) -> Option<GenericByteArray<T>> {
    let mut offsets = Vec::with_capacity(views.len() + 1);
    offsets.push(0);
    let (mut first, mut bytes): (Option<Place>, u32) = (None, 0);
    for (row, &view) in views.views().iter().enumerate() {
        let length = if views.is_null(row) { 0 } else { length(view) };
        if length > 0 {
            let (buffer, start) = *first.get_or_insert(place(view));
            if length <= MAX_INLINE_BYTES || place(view) != (buffer, start.checked_add(bytes)?) {
                return None;
            }
            bytes = bytes.checked_add(length)?;
        }
        offsets.push(i32::try_from(bytes).ok()?);
    }
    let values = match first {
        Some((buffer, start)) => {
            views.data_buffers().get(buffer as usize)?.slice_with_length(start as usize, bytes as usize)
        }
        None => Buffer::from_vec(Vec::<u8>::new()),
    };
    GenericByteArray::try_new(OffsetBuffer::new(offsets.into()), values, views.nulls().cloned()).ok()
}

/// A view's lowest four bytes.
fn length(view: u128) -> u32 {
    view as u32
}

/// A view's highest eight bytes, unless they are those of a short text.
fn place(view: u128) -> Place {
    ((view >> 64) as u32, (view >> 96) as u32)
}

#[cfg(test)]
mod tests {
    use arrow::array::{StringArray, StringViewArray};

    use super::*;

    fn long(row: i32) -> String {
        format!("a text that is too long for its view: {row}")
    }

    #[test]
    fn texts_one_after_another_are_shared() {
        let texts = (0..1_000).map(|row| match row % 5 {
            0 => None,
            1 => Some(String::new()),
            _ => Some(long(row)),
        });
        let views = StringViewArray::from_iter(texts.clone()).gc();
        for (start, length) in [(0, 1_000), (3, 500), (13, 1), (10, 0), (20, 2)] {
            let views = views.slice(start, length);
            let shared: StringArray = with_offsets::<_, Utf8Type>(&views).unwrap();
            let wanted = StringArray::from_iter(texts.clone().skip(start).take(length));
            assert_eq!(shared, wanted);
            let memory = |buffer: &Buffer| buffer.as_ptr().addr()..=buffer.as_ptr().addr() + buffer.len();
            if !shared.values().is_empty() {
                assert!(memory(&views.data_buffers()[0]).contains(&shared.values().as_ptr().addr()));
            }
        }
    }

    #[test]
    fn texts_that_lie_otherwise_are_not() {
        let short = StringViewArray::from_iter([Some(long(1)), Some("short".to_owned())]);
        assert!(with_offsets::<_, Utf8Type>(&short).is_none());
        let one = StringViewArray::from_iter_values([long(1), long(2), long(3)]);
        let turned = arrow::compute::take(&one, &arrow::array::UInt32Array::from(vec![2, 0, 0]), None).unwrap();
        let turned = turned.as_any().downcast_ref::<StringViewArray>().unwrap();
        assert!(with_offsets::<_, Utf8Type>(turned).is_none());
    }
}
