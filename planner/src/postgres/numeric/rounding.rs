//! Numbers with fewer or more decimals.

use std::cmp::Ordering;

use super::{Integer, MAX_INTEGER_DIGITS, MAX_SCALE, Numeric};
use crate::postgres::error::ValueResult;

impl Numeric {
    /// The nearest number with `decimals` decimals, halves away from zero; with negative `decimals` the nearest
    /// multiple of a power of ten.
    pub(crate) fn round(&self, decimals: i32) -> ValueResult<Self> {
        self.at(decimals, Integer::rounded).checked()
    }

    /// The number cut to `decimals` decimals; with negative `decimals` to a multiple of a power of ten.
    pub(crate) fn truncate(&self, decimals: i32) -> ValueResult<Self> {
        self.at(decimals, Integer::cut).checked()
    }

    pub(super) fn at(&self, decimals: i32, shortened: fn(&Integer, u32) -> Integer) -> Self {
        let zeros = decimals.min(0).unsigned_abs().min(MAX_INTEGER_DIGITS + 1);
        let scale = decimals.max(0).unsigned_abs().min(MAX_SCALE);
        if zeros > 0 {
            return Self::of(shortened(&self.unscaled, self.scale + zeros).scaled_up(zeros), 0);
        }
        match self.scale.checked_sub(scale) {
            Some(excess) => Self::of(shortened(&self.unscaled, excess), scale),
            None => Self::of(self.unscaled_at(scale), scale),
        }
    }

    /// The number, rounded if it has more decimals than `max_scale`.
    pub(super) fn with_at_most(self, max_scale: u32) -> Self {
        match self.scale.checked_sub(max_scale) {
            None | Some(0) => self,
            Some(excess) => Self::of(self.unscaled.rounded(excess), max_scale),
        }
    }

    /// The nearest whole number that is not smaller.
    pub(crate) fn ceil(&self) -> ValueResult<Self> {
        self.towards(Ordering::Greater).checked()
    }

    /// The nearest whole number that is not larger.
    pub(crate) fn floor(&self) -> ValueResult<Self> {
        self.towards(Ordering::Less).checked()
    }

    /// The nearest whole number in a direction.
    fn towards(&self, direction: Ordering) -> Self {
        let cut = Self::of(self.unscaled.cut(self.scale), 0);
        if self.scale == 0 || (*self).cmp(&cut) != direction {
            return cut;
        }
        let step = if direction == Ordering::Greater { 1 } else { -1 };
        Self::of(cut.unscaled.plus(&Integer::Small(step)), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::number;

    #[test]
    fn rounding() {
        for (text, decimals, rounded) in [
            ("123.456", 2, "123.46"),
            ("123.456", 5, "123.45600"),
            ("-0.5", 0, "-1"),
            ("0.4", 0, "0"),
            ("155", -1, "160"),
            ("5", -1, "10"),
            ("4.999", -1, "0"),
            ("4e131071", -131_072, "0"),
            ("5e131071", i32::MIN, "0"),
        ] {
            assert_eq!(number(text).round(decimals).unwrap().to_string(), rounded, "{text}");
        }
        assert!(number("5e131071").round(-131_072).is_err());
        assert_eq!(number("1.5").round(i32::MAX).unwrap().scale(), 16_383);
    }

    #[test]
    fn cutting() {
        for (text, decimals, cut) in [("123.456", 2, "123.45"), ("-1.9", 0, "-1"), ("199", -2, "100"), ("9", -1, "0")] {
            assert_eq!(number(text).truncate(decimals).unwrap().to_string(), cut, "{text}");
        }
    }

    #[test]
    fn whole_numbers_nearby() {
        for (text, floor, ceil) in [
            ("1.5", "1", "2"),
            ("-1.5", "-2", "-1"),
            ("-0.5", "-1", "0"),
            ("2.00", "2", "2"),
            ("0.00", "0", "0"),
            ("1e40", "10000000000000000000000000000000000000000", "10000000000000000000000000000000000000000"),
        ] {
            assert_eq!(number(text).floor().unwrap().to_string(), floor);
            assert_eq!(number(text).ceil().unwrap().to_string(), ceil);
        }
    }
}
