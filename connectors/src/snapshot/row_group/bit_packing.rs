//! Values of a few bits each, one behind the other, the lowest bit first
//! (<https://parquet.apache.org/docs/file-format/data-pages/encodings/>).

/// Bits that hold every value which has only bits of `all`, the values' union.
pub(super) fn width_of(all: u64) -> u32 {
    u64::BITS - all.leading_zeros()
}

/// Appends values of `width` bits, and blanks up to a whole byte.
#[inline]
pub(super) fn pack(values: impl Iterator<Item = u64>, width: u32, output: &mut Vec<u8>) {
    let (mut word, mut filled) = (0, 0);
    for value in values {
        word |= value << filled;
        filled += width;
        if filled >= u64::BITS {
            output.extend_from_slice(&word.to_le_bytes());
            filled -= u64::BITS;
            // What of the value had no room.
            word = if filled == 0 { 0 } else { value >> (width - filled) };
        }
    }
    output.extend_from_slice(&word.to_le_bytes()[..filled.div_ceil(u8::BITS) as usize]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_one_behind_the_other() {
        let packed = |values: &[u64], width| {
            let mut output = vec![];
            pack(values.iter().copied(), width, &mut output);
            output
        };
        // The example of Parquet's documentation: 0 to 7, in 3 bits each.
        assert_eq!(packed(&[0, 1, 2, 3, 4, 5, 6, 7], 3), [0b1000_1000, 0b1100_0110, 0b1111_1010]);
        assert_eq!(packed(&[1, 2], 0), [0; 0]);
        assert_eq!(packed(&[u64::MAX, 7], 64), [u64::MAX.to_le_bytes(), 7_u64.to_le_bytes()].concat());
        for width in 1..=63 {
            let values: Vec<u64> =
                (1..=100_u64).map(|value| value.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - width)).collect();
            let bits = packed(&values, width);
            let bit = |at: usize| u64::from(bits[at / 8] >> (at % 8) & 1);
            for (index, value) in values.iter().enumerate() {
                let read = (0..width as usize).map(|at| bit(index * width as usize + at) << at).sum::<u64>();
                assert_eq!(read, *value, "value {index} of {width} bits");
            }
        }
    }
}
