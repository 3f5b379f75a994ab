//! `OVERLAPS`, and `isfinite`.

use std::cmp::Ordering;

/// `(start, end) OVERLAPS (start, end)`: whether two periods have any time in common. Either end may come first, a
/// period contains its beginning and not its end, and one of no length is its beginning.
pub(crate) fn overlaps<T: Ord + Copy>(first: (Option<T>, Option<T>), second: (Option<T>, Option<T>)) -> Option<bool> {
    let (start, end) = in_order(first)?;
    let (other_start, other_end) = in_order(second)?;
    match start.cmp(&other_start) {
        Ordering::Greater => later_overlaps(start, end, other_end),
        Ordering::Less => later_overlaps(other_start, other_end, end),
        Ordering::Equal => (end.is_some() && other_end.is_some()).then_some(true),
    }
}

/// `isfinite`: every date, timestamp and interval that there is here.
pub(crate) fn is_finite<T: Copy>(_value: T) -> bool {
    true
}

fn in_order<T: Ord + Copy>(period: (Option<T>, Option<T>)) -> Option<(T, Option<T>)> {
    match period {
        (Some(start), Some(end)) => Some((start.min(end), Some(start.max(end)))),
        (Some(only), None) | (None, Some(only)) => Some((only, None)),
        (None, None) => None,
    }
}

/// Whether a period overlaps one that began earlier; unknown where an end is and matters.
fn later_overlaps<T: Ord + Copy>(start: T, end: Option<T>, earlier_end: Option<T>) -> Option<bool> {
    let earlier_end = earlier_end?;
    if start < earlier_end {
        return Some(true);
    }
    end.map(|_| false)
}
