//! What is exact: sums, differences, products, signs, common divisors and factorials.

use num_bigint::BigUint;

use super::{Integer, MAX_SCALE, Numeric, OUT_OF_RANGE, overflow};
use crate::postgres::error::{ValueError, ValueResult};

/// The largest number whose factorial has not too many digits.
const MAX_FACTORIAL: i64 = 32_177;

impl Numeric {
    pub(crate) fn plus(&self, other: &Self) -> ValueResult<Self> {
        self.plus_unchecked(other).checked()
    }

    pub(super) fn plus_unchecked(&self, other: &Self) -> Self {
        let scale = self.scale.max(other.scale);
        if self.scale == other.scale {
            return Self::of(self.unscaled.plus(&other.unscaled), scale);
        }
        Self::of(self.unscaled_at(scale).plus(&other.unscaled_at(scale)), scale)
    }

    pub(crate) fn minus(&self, other: &Self) -> ValueResult<Self> {
        self.minus_unchecked(other).checked()
    }

    pub(super) fn minus_unchecked(&self, other: &Self) -> Self {
        let scale = self.scale.max(other.scale);
        if self.scale == other.scale {
            return Self::of(self.unscaled.minus(&other.unscaled), scale);
        }
        Self::of(self.unscaled_at(scale).minus(&other.unscaled_at(scale)), scale)
    }

    /// The product, with as many decimals as both have together.
    pub(crate) fn times(&self, other: &Self) -> ValueResult<Self> {
        self.product_at(other, MAX_SCALE).checked()
    }

    /// The product, rounded if it has more decimals than `max_scale`.
    pub(super) fn product_at(&self, other: &Self, max_scale: u32) -> Self {
        Self::of(self.unscaled.times(&other.unscaled), self.scale + other.scale).with_at_most(max_scale)
    }

    pub(crate) fn negated(&self) -> Self {
        Self::of(self.unscaled.negated(), self.scale)
    }

    pub(crate) fn absolute(&self) -> Self {
        Self::of(self.unscaled.absolute(), self.scale)
    }

    /// -1, 0 or 1.
    pub(crate) fn sign(&self) -> Self {
        Self::of(Integer::Small(i128::from(self.unscaled.signum())), 0)
    }

    /// The greatest number of which both are multiples.
    pub(crate) fn greatest_common_divisor(&self, other: &Self) -> ValueResult<Self> {
        let scale = self.scale.max(other.scale);
        let divisor = self.unscaled_at(scale).greatest_common_divisor(&other.unscaled_at(scale));
        Self::of(divisor, scale).checked()
    }

    /// The least number that is a multiple of both.
    pub(crate) fn least_common_multiple(&self, other: &Self) -> ValueResult<Self> {
        let scale = self.scale.max(other.scale);
        let (left, right) = (self.unscaled_at(scale), other.unscaled_at(scale));
        let multiple = match left.divided(&left.greatest_common_divisor(&right)) {
            Some((quotient, _)) => quotient.times(&right).absolute(),
            None => Integer::ZERO,
        };
        Self::of(multiple, scale).checked()
    }
}

/// The product of all whole numbers from one on.
pub(crate) fn factorial(number: i64) -> ValueResult<Numeric> {
    if number < 0 {
        return Err(ValueError::new(OUT_OF_RANGE, "factorial of a negative number is undefined"));
    }
    match u32::try_from(number) {
        Ok(last) if number <= MAX_FACTORIAL => Numeric::from_big(product_of(1, last).into(), 0),
        _ => Err(overflow()),
    }
}

/// The product of all whole numbers in a range. Its halves are multiplied: products of equally long numbers are fast.
fn product_of(first: u32, last: u32) -> BigUint {
    if last.saturating_sub(first) < 16 {
        return (first..=last).fold(BigUint::from(1_u32), |product, factor| product * factor);
    }
    let middle = u32::midpoint(first, last);
    product_of(first, middle) * product_of(middle + 1, last)
}

#[cfg(test)]
mod tests {
    use super::super::tests::number;
    use super::*;

    fn text(result: ValueResult<Numeric>) -> String {
        result.map_or_else(|error| error.message, |number| number.to_string())
    }

    #[test]
    fn scales_of_exact_results() {
        assert_eq!(text(number("1.5").plus(&number("2.250"))), "3.750");
        assert_eq!(text(number("1.50").minus(&number("1.5"))), "0.00");
        assert_eq!(text(number("1.50").times(&number("-0.20"))), "-0.3000");
        assert_eq!(text(number("1e131071").times(&number("10"))), "value overflows numeric format");
        assert_eq!(text(number("1e131071").plus(&number("9e131071"))), "value overflows numeric format");
        assert_eq!(number("1.5e-10000").times(&number("1.5e-10000")).unwrap().scale(), 16_383);
    }

    #[test]
    fn common_divisors_and_multiples() {
        assert_eq!(text(number("6.0").greatest_common_divisor(&number("4.00"))), "2.00");
        assert_eq!(text(number("0.0").greatest_common_divisor(&number("0"))), "0.0");
        assert_eq!(text(number("-0.5").least_common_multiple(&number("0.75"))), "1.50");
        assert_eq!(text(number("0.0").least_common_multiple(&number("7.00"))), "0.00");
    }

    #[test]
    fn factorials() {
        assert_eq!(text(factorial(0)), "1");
        assert_eq!(text(factorial(25)), "15511210043330985984000000");
        assert_eq!(text(factorial(32_177)).len(), 131_068);
        assert_eq!(text(factorial(32_178)), "value overflows numeric format");
        assert_eq!(text(factorial(-1)), "factorial of a negative number is undefined");
    }
}
