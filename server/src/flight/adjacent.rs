//! Texts as views that lie in memory one after another, as those of a column that is kept there do: with offsets they are
//! what every client reads, and not one of them has to be copied for it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, GenericByteViewArray, StringArray, StringViewArray};
use arrow::buffer::{Buffer, OffsetBuffer};
use arrow::datatypes::{ByteViewType, DataType};

/// Shorter ones stand in their views, beside what others have there.
const MAX_INLINE_BYTES: u32 = 12;

/// Where a text is: in which buffer, and from where on.
type Place = (u32, u32);

/// The same texts with offsets, if that is what is wanted and if they lie so.
pub(super) fn adjacent(texts: &ArrayRef, wanted: &DataType) -> Option<ArrayRef> {
    match (texts.data_type(), wanted) {
        (DataType::Utf8View, DataType::Utf8) => Some(Arc::new(adjacent_texts(texts.as_string_view())?)),
        (DataType::BinaryView, DataType::Binary) => {
            let views = texts.as_binary_view();
            let (offsets, values) = shared(views)?;
            Some(Arc::new(BinaryArray::try_new(offsets, values, views.nulls().cloned()).ok()?))
        }
        _ => None,
    }
}

#[expect(unsafe_code, reason = "reading all texts to know that they are UTF-8 took a tenth of the time to send them")]
fn adjacent_texts(views: &StringViewArray) -> Option<StringArray> {
    let (offsets, values) = shared(views)?;
    // SAFETY: between two offsets is the text of a view or, for NULL, nothing, and texts of views are UTF-8.
    Some(unsafe { StringArray::new_unchecked(offsets, values, views.nulls().cloned()) })
}

/// The offsets of values, and the memory where these are one after another, each where its view says.
#[expect(unsafe_code, reason = "comparing all offsets with their neighbours took a third of the time to make them")]
fn shared<V: ByteViewType + ?Sized>(views: &GenericByteViewArray<V>) -> Option<(OffsetBuffer<i32>, Buffer)> {
    let (offsets, first) = match views.nulls() {
        Some(nulls) => offsets(views.views(), |row| nulls.is_null(row)),
        None => offsets(views.views(), |_| false),
    }?;
    let bytes = offsets.last().copied().unwrap_or_default().unsigned_abs() as usize;
    let values = match first {
        Some((buffer, start)) => views.data_buffers().get(buffer as usize)?.slice_with_length(start as usize, bytes),
        None => Buffer::from_vec(Vec::<u8>::new()),
    };
    // SAFETY: there is a first offset, zero, and each of the others is the sum of the lengths before it, which fits.
    Some((unsafe { OffsetBuffer::new_unchecked(offsets.into()) }, values))
}

/// Where each text begins behind the first one, and where that is, if they are one after another. All are looked at
/// whatever is found: without a way out, a row takes a nanosecond.
fn offsets(views: &[u128], is_null: impl Fn(usize) -> bool) -> Option<(Vec<i32>, Option<Place>)> {
    let shown = |row: usize, view: u128| if is_null(row) { 0 } else { length(view) };
    let first = views.iter().enumerate().find(|&(row, &view)| shown(row, view) > 0).map(|(_, &view)| place(view));
    let (buffer, start) = first.unwrap_or_default();
    let (mut bytes, mut is_adjacent) = (0_u64, true);
    let mut offsets = Vec::with_capacity(views.len() + 1);
    offsets.push(0);
    offsets.extend(views.iter().enumerate().map(|(row, &view)| {
        let length = shown(row, view);
        let follows = place(view) == (buffer, start.wrapping_add(bytes as u32));
        is_adjacent &= (length == 0) | ((length > MAX_INLINE_BYTES) & follows);
        bytes += u64::from(length);
        bytes as i32
    }));
    // Wherever bytes were lost above, there were too many of them.
    let is_adjacent = is_adjacent && i32::try_from(bytes).is_ok() && start.checked_add(bytes as u32).is_some();
    is_adjacent.then_some((offsets, first))
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
            let shared = adjacent_texts(&views).unwrap();
            let wanted = StringArray::from_iter(texts.clone().skip(start).take(length));
            assert_eq!(shared, wanted);
            shared.to_data().validate_full().unwrap();
            let memory = |buffer: &Buffer| buffer.as_ptr().addr()..=buffer.as_ptr().addr() + buffer.len();
            if !shared.values().is_empty() {
                assert!(memory(&views.data_buffers()[0]).contains(&shared.values().as_ptr().addr()));
            }
        }
    }

    #[test]
    fn texts_that_lie_otherwise_are_not() {
        let short = StringViewArray::from_iter([Some(long(1)), Some("short".to_owned())]);
        assert!(adjacent_texts(&short).is_none());
        let one = StringViewArray::from_iter_values([long(1), long(2), long(3)]);
        let turned = arrow::compute::take(&one, &arrow::array::UInt32Array::from(vec![2, 0, 0]), None).unwrap();
        let turned = turned.as_any().downcast_ref::<StringViewArray>().unwrap();
        assert!(adjacent_texts(turned).is_none());
    }
}
