//! From the bytes of one cell to one value, in Arrow's terms: epochs, units, padding. Refuses values that Arrow has no
//! place for instead of rounding or clamping them.

use arrow::datatypes::IntervalMonthDayNano;

use super::cell_error::CellError;
use super::page_range::PLACE_PAGE_SHIFT;

/// Microseconds of a day: `24:00:00`, which PostgreSQL allows and Arrow's time of day does not.
const DAY_MICROS: i64 = 86_400_000_000;
/// From PostgreSQL's epoch, 2000-01-01, to Arrow's, 1970-01-01.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * DAY_MICROS;
const NANOS_IN_MICRO: i64 = 1_000;
const BLANKS: u64 = u64::from_ne_bytes([b' '; 8]);
const BITS_IN_BYTE: usize = 8;
/// The only version of jsonb's binary format.
const JSONB_VERSION: u8 = 1;
const INFINITE: CellError = CellError::Unrepresentable("infinity has no place in an Arrow date or timestamp");

/// A cell of a fixed length.
pub(super) fn fixed<const N: usize>(cell: &[u8]) -> Result<[u8; N], CellError> {
    cell.try_into().map_err(|_| CellError::Malformed)
}

/// A decoder of cells that are one big-endian number.
pub(super) fn number<const N: usize, T>(from: impl Fn([u8; N]) -> T) -> impl Fn(&[u8]) -> Result<T, CellError> {
    move |cell| Ok(from(fixed(cell)?))
}

/// The text of a jsonb, behind its version.
pub(super) fn jsonb(cell: &[u8]) -> Result<&[u8], CellError> {
    match cell.split_first() {
        Some((&JSONB_VERSION, text)) => Ok(text),
        _ => Err(CellError::Malformed),
    }
}

/// A row's place: 32 bits of page and 16 bits of line, as [`PLACE_PAGE_SHIFT`] packs them.
pub(super) fn place(cell: &[u8]) -> Result<i64, CellError> {
    let (page, line) = cell.split_first_chunk().ok_or(CellError::Malformed)?;
    Ok(i64::from(u32::from_be_bytes(*page)) << PLACE_PAGE_SHIFT | i64::from(u16::from_be_bytes(fixed(line)?)))
}

/// A text without the blanks that a width has added.
#[inline]
pub(super) fn without_padding(mut text: &[u8]) -> &[u8] {
    // By words: padding is longer than the text as often as not.
    while let Some((before, word)) = text.split_last_chunk() {
        let others = u64::from_be_bytes(*word) ^ BLANKS;
        if others != 0 {
            return &text[..text.len() - others.trailing_zeros() as usize / BITS_IN_BYTE];
        }
        text = before;
    }
    while let Some((b' ', before)) = text.split_last() {
        text = before;
    }
    text
}

/// Days since 1970-01-01. PostgreSQL's infinities are the smallest and the largest number.
pub(super) fn date(days: i32) -> Result<i32, CellError> {
    if days == i32::MAX || days == i32::MIN {
        return Err(INFINITE);
    }
    days.checked_add(EPOCH_DAYS).ok_or(CellError::Unrepresentable("a date beyond Arrow's range"))
}

/// Microseconds since midnight.
pub(super) fn time(cell: &[u8]) -> Result<i64, CellError> {
    match i64::from_be_bytes(fixed(cell)?) {
        DAY_MICROS => Err(CellError::Unrepresentable("24:00:00 is not a time of day in Arrow")),
        micros => Ok(micros),
    }
}

/// Microseconds since 1970-01-01, likewise.
pub(super) fn timestamp(micros: i64) -> Result<i64, CellError> {
    if micros == i64::MAX || micros == i64::MIN {
        return Err(INFINITE);
    }
    micros.checked_add(EPOCH_MICROS).ok_or(CellError::Unrepresentable("a timestamp beyond Arrow's range"))
}

/// Microseconds, days and months; infinite ones have the largest or the smallest of all three.
pub(super) fn interval(cell: &[u8]) -> Result<IntervalMonthDayNano, CellError> {
    let (micros, rest) = cell.split_first_chunk().ok_or(CellError::Malformed)?;
    let (days, months) = rest.split_first_chunk().ok_or(CellError::Malformed)?;
    let (micros, days) = (i64::from_be_bytes(*micros), i32::from_be_bytes(*days));
    let months = i32::from_be_bytes(fixed(months)?);
    if [(i64::MAX, i32::MAX, i32::MAX), (i64::MIN, i32::MIN, i32::MIN)].contains(&(micros, days, months)) {
        return Err(CellError::Unrepresentable("infinity has no place in an Arrow interval"));
    }
    let nanos = micros.checked_mul(NANOS_IN_MICRO).ok_or(CellError::Unrepresentable(
        "an interval of more than 292 years in hours, which Arrow has no place for",
    ))?;
    Ok(IntervalMonthDayNano::new(months, days, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinity_is_refused_and_the_epochs_meet() {
        assert!(date(i32::MAX).is_err());
        assert!(timestamp(i64::MIN).is_err());
        assert_eq!(date(-EPOCH_DAYS).unwrap(), 0);
        assert_eq!(timestamp(0).unwrap(), 946_684_800_000_000);
    }

    #[test]
    fn intervals_keep_their_three_parts() {
        let cell = |micros: i64, days: i32, months: i32| {
            [micros.to_be_bytes().as_slice(), &days.to_be_bytes(), &months.to_be_bytes()].concat()
        };
        assert_eq!(interval(&cell(1, -2, 14)).unwrap(), IntervalMonthDayNano::new(14, -2, 1_000));
        assert!(interval(&cell(i64::MAX, i32::MAX, i32::MAX)).is_err());
        assert!(interval(&cell(i64::MAX / 1_000 + 1, 0, 0)).is_err());
        assert_eq!(interval(&[0; 15]), Err(CellError::Malformed));
    }

    #[test]
    fn padding_is_blanks_at_the_end() {
        assert_eq!(without_padding(b" a b  "), b" a b");
        assert_eq!(without_padding(b"   "), b"");
        for length in 0..20 {
            let text = &b"a c e g i k m o q s."[..length];
            for blanks in 0..20 {
                let padded = [text, &vec![b' '; blanks]].concat();
                assert_eq!(without_padding(&padded), text.trim_ascii_end(), "{padded:?}");
            }
        }
    }
}
