//! Square roots.

use super::{GROUP_DIGITS, Integer, Numeric, result_scale};
use crate::postgres::error::{ValueError, ValueResult};

impl Numeric {
    /// The square root, with decimals enough for 16 significant digits.
    pub(crate) fn square_root(&self) -> ValueResult<Self> {
        if self.is_negative() {
            return Err(ValueError::new("2201F", "cannot take square root of a negative number"));
        }
        // Half of the digits before the point, told from whole groups of them.
        let exponent = self.weight() * i64::from(GROUP_DIGITS) / 2 + 1;
        self.square_root_at(result_scale(exponent, &[self])).checked()
    }

    /// The square root with a number of decimals; of a negative number it is zero.
    pub(super) fn square_root_at(&self, scale: u32) -> Self {
        // A root that is cut behind the last wanted digit rounds as the root itself does.
        let working_scale = (scale + 1).max(self.scale.div_ceil(2));
        let square = self.unscaled.scaled_up(2 * working_scale - self.scale);
        let root = if square.is_negative() { Integer::ZERO } else { square.square_root() };
        Self::of(root.rounded(working_scale - scale), scale)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::number;

    #[test]
    fn roots() {
        for (text, root) in [
            ("2", "1.414213562373095"),
            ("0", "0.000000000000000"),
            ("0.0001", "0.01000000000000000"),
            ("320e-25", "0.000000000005656854249492380"),
        ] {
            assert_eq!(number(text).square_root().unwrap().to_string(), root, "{text}");
        }
        assert_eq!(number("-1").square_root().unwrap_err().sqlstate, "2201F");
    }
}
