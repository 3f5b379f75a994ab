//! Runs of one value, and values of a few bits in between: what Parquet keeps of NULLs and of places in a dictionary
//! (<https://parquet.apache.org/docs/file-format/data-pages/encodings/>, "Run Length Encoding / Bit-Packing Hybrid").

use arrow::buffer::NullBuffer;

use super::bit_packing::pack;
use super::varint;

/// Values are packed in groups of so many.
const GROUP: usize = 8;
/// A run of one value begins and ends with such a piece, so that it is worth a header of its own.
const PIECE: usize = 8 * GROUP;

/// Appends which of so many rows have a value, behind the length of what is appended.
pub(super) fn encode_levels(nulls: Option<&NullBuffer>, rows: usize, output: &mut Vec<u8>) {
    let start = output.len();
    output.extend_from_slice(&[0; size_of::<u32>()]);
    match nulls.filter(|nulls| nulls.null_count() > 0) {
        None => put_repeated(1, rows, 1, output),
        Some(nulls) if nulls.null_count() == rows => put_repeated(0, rows, 1, output),
        Some(nulls) => {
            put_packed_header(rows.div_ceil(GROUP), output);
            output.extend_from_slice(&nulls.inner().sliced()[..rows.div_ceil(GROUP)]);
        }
    }
    let bytes = output.len() - start - size_of::<u32>();
    output[start..start + size_of::<u32>()].copy_from_slice(&(bytes as u32).to_le_bytes());
}

/// Appends numbers of `width` bits.
pub(super) fn encode(values: &[u32], width: u32, output: &mut Vec<u8>) {
    let length = |pieces: &mut dyn Iterator<Item = &[u32]>| pieces.map(<[u32]>::len).sum::<usize>();
    let mut rest = values;
    while let Some(first) = rest.first() {
        let of_first = |piece: &&[u32]| piece.iter().all(|value| value == first);
        let (repeated, others) = rest.split_at(length(&mut rest.chunks(PIECE).take_while(of_first)));
        if !repeated.is_empty() {
            put_repeated(*first, repeated.len(), width, output);
        }
        let is_mixed = |piece: &&[u32]| piece.iter().any(|value| *value != piece[0]);
        let (mixed, others) = others.split_at(length(&mut others.chunks(PIECE).take_while(is_mixed)));
        if !mixed.is_empty() {
            let groups = mixed.len().div_ceil(GROUP);
            put_packed_header(groups, output);
            let end = output.len() + groups * width as usize;
            pack(mixed.iter().map(|value| u64::from(*value)), width, output);
            output.resize(end, 0);
        }
        rest = others;
    }
}

fn put_repeated(value: u32, times: usize, width: u32, output: &mut Vec<u8>) {
    varint::put((times as u64) << 1, output);
    output.extend_from_slice(&value.to_le_bytes()[..width.div_ceil(u8::BITS) as usize]);
}

fn put_packed_header(groups: usize, output: &mut Vec<u8>) {
    varint::put((groups as u64) << 1 | 1, output);
}
