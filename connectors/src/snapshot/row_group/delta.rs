//! `DELTA_BINARY_PACKED`: the differences between neighbours, in blocks, as what they are above the smallest of their
//! block (<https://parquet.apache.org/docs/file-format/data-pages/encodings/>). Takes half the bytes of plain numbers or
//! less, and bytes are what writing costs.

use parquet::file::statistics::Statistics;

use super::bit_packing::{pack, width_of};
use super::varint;

/// A block has so many parts, each with a width of its own.
const MINIBLOCKS: usize = 4;
/// The longest block.
const LARGEST_BLOCK: usize = MINIBLOCKS * i64::MINIBLOCK;

/// The integers of Parquet. Their differences wrap.
pub(super) trait Integer: Copy + Ord + Default {
    /// Values of a part of a block: as many as Parquet's own writer takes, because readers are made for them.
    const MINIBLOCK: usize;

    /// The difference from a value to the next, as a number of their size.
    fn difference(self, next: Self) -> Self;

    /// How much it is above the smallest.
    fn above(self, smallest: Self) -> u64;

    fn wide(self) -> i64;

    /// What makes the order of unsigned values that of signed ones.
    fn with_sign_turned(self) -> Self;

    /// Its bytes as Parquet writes them plainly.
    fn plain(self) -> Vec<u8>;

    /// What the footer of a file says of values.
    fn statistics(bounds: (Option<Self>, Option<Self>), nulls: u64) -> Statistics;
}

impl Integer for i32 {
    const MINIBLOCK: usize = 32;

    fn difference(self, next: Self) -> Self {
        next.wrapping_sub(self)
    }

    fn above(self, smallest: Self) -> u64 {
        u64::from(self.wrapping_sub(smallest) as u32)
    }

    fn wide(self) -> i64 {
        i64::from(self)
    }

    fn with_sign_turned(self) -> Self {
        self ^ Self::MIN
    }

    fn plain(self) -> Vec<u8> {
        self.to_le_bytes().to_vec()
    }

    fn statistics((smallest, largest): (Option<Self>, Option<Self>), nulls: u64) -> Statistics {
        Statistics::int32(smallest, largest, None, Some(nulls), false)
    }
}

impl Integer for i64 {
    const MINIBLOCK: usize = 64;

    fn difference(self, next: Self) -> Self {
        next.wrapping_sub(self)
    }

    fn above(self, smallest: Self) -> u64 {
        self.wrapping_sub(smallest) as u64
    }

    fn wide(self) -> i64 {
        self
    }

    fn with_sign_turned(self) -> Self {
        self ^ Self::MIN
    }

    fn plain(self) -> Vec<u8> {
        self.to_le_bytes().to_vec()
    }

    fn statistics((smallest, largest): (Option<Self>, Option<Self>), nulls: u64) -> Statistics {
        Statistics::int64(smallest, largest, None, Some(nulls), false)
    }
}

/// Appends all values of a page.
pub(super) fn encode<T: Integer>(values: &[T], output: &mut Vec<u8>) {
    let block = MINIBLOCKS * T::MINIBLOCK;
    varint::put(block as u64, output);
    varint::put(MINIBLOCKS as u64, output);
    varint::put(values.len() as u64, output);
    let Some((first, others)) = values.split_first() else { return varint::put_signed(0, output) };
    varint::put_signed(first.wide(), output);
    for (before, next) in values.chunks(block).zip(others.chunks(block)) {
        encode_block(before, next, output);
    }
}

/// Appends the differences between values and those that come next, of which there may be one less.
fn encode_block<T: Integer>(before: &[T], next: &[T], output: &mut Vec<u8>) {
    let differences = || before.iter().zip(next).map(|(before, next)| before.difference(*next));
    let Some(smallest) = differences().min() else { return };
    let mut above = [0; LARGEST_BLOCK];
    for (above, difference) in above.iter_mut().zip(differences()) {
        *above = difference.above(smallest);
    }
    varint::put_signed(smallest.wide(), output);
    // What is missing of the last part is 0; parts without any value have no bits.
    let parts = above.chunks_exact(T::MINIBLOCK).take(MINIBLOCKS);
    let widths = parts.clone().map(|part| width_of(part.iter().fold(0, |all, value| all | value)));
    output.extend(widths.clone().map(|width| width as u8));
    for (part, width) in parts.zip(widths).take(next.len().div_ceil(T::MINIBLOCK)) {
        pack(part.iter().copied(), width, output);
    }
}
