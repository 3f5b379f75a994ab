//! Integers of variable length: seven bits in a byte, the lowest first
//! (<https://parquet.apache.org/docs/file-format/data-pages/encodings/>).

const LOW_BITS: u64 = 0x7F;
const MORE: u8 = 0x80;

pub(super) fn put(mut value: u64, output: &mut Vec<u8>) {
    while value > LOW_BITS {
        output.push((value & LOW_BITS) as u8 | MORE);
        value >>= 7;
    }
    output.push(value as u8);
}

/// Signed ones: 0, -1, 1, -2 and so on are 0, 1, 2, 3.
pub(super) fn put_signed(value: i64, output: &mut Vec<u8>) {
    put(((value << 1) ^ (value >> 63)) as u64, output);
}
