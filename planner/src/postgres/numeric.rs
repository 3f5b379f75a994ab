//! PostgreSQL's `numeric`: numbers of any precision whose every result has a number of decimals that PostgreSQL's rules
//! give it. It refuses NaN and the infinities, which the columns of this server cannot keep.

mod aggregate;
mod arithmetic;
mod buckets;
mod convert;
mod divide;
mod exponential;
mod fixed_point;
mod integer;
mod logarithm;
mod modifier;
mod power;
mod root;
mod rounding;
mod text;

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use num_bigint::BigInt;

use self::integer::Integer;
use super::error::{ValueError, ValueResult};

pub(crate) use self::aggregate::NumericMoments;
pub(crate) use self::arithmetic::factorial;
pub(crate) use self::buckets::{width_bucket, width_bucket_of_thresholds};
pub(crate) use self::modifier::NumericModifier;

/// The most decimals of a value (documentation of PostgreSQL, "Arbitrary Precision Numbers").
pub(crate) const MAX_SCALE: u32 = 16_383;
/// The most digits before the decimal point (documentation of PostgreSQL, "Arbitrary Precision Numbers").
pub(crate) const MAX_INTEGER_DIGITS: u32 = 131_072;
/// The most decimals of what is computed and not exact.
const MAX_RESULT_SCALE: u32 = 1000;
/// The significant digits that what is not exact has at least.
const MIN_SIGNIFICANT_DIGITS: i64 = 16;
/// PostgreSQL computes with groups of so many decimal digits; how many decimals a result has depends on them.
const GROUP_DIGITS: u32 = 4;

const OUT_OF_RANGE: &str = "22003";

/// A number, `unscaled` divided by ten to the power of `scale`. Numbers are compared by their value: 1.0 equals 1.00.
#[derive(Debug, Clone)]
pub(crate) struct Numeric {
    unscaled: Integer,
    scale: u32,
}

impl Numeric {
    pub(crate) const ZERO: Self = Self { unscaled: Integer::ZERO, scale: 0 };

    fn of(unscaled: Integer, scale: u32) -> Self {
        Self { unscaled, scale }
    }

    /// The number, unless it is outside of what PostgreSQL can keep.
    fn checked(self) -> ValueResult<Self> {
        let is_small = matches!(self.unscaled, Integer::Small(_));
        if self.scale > MAX_SCALE || !is_small && self.unscaled.digits() > self.scale + MAX_INTEGER_DIGITS {
            return Err(overflow());
        }
        Ok(self)
    }

    /// `unscaled` divided by ten to the power of `scale`.
    pub(crate) fn from_big(unscaled: BigInt, scale: u32) -> ValueResult<Self> {
        Self::of(unscaled.into(), scale).checked()
    }

    /// The digits of the number without a decimal point.
    pub(crate) fn unscaled(&self) -> BigInt {
        self.unscaled.to_big()
    }

    /// How many decimals it has, zeros at the end included.
    pub(crate) fn scale(&self) -> u32 {
        self.scale
    }

    /// How many decimals it needs.
    pub(crate) fn min_scale(&self) -> u32 {
        self.scale - self.unscaled.trailing_zeros(self.scale)
    }

    /// The number without zeros at the end of its decimals.
    pub(crate) fn trim_scale(&self) -> Self {
        let zeros = self.unscaled.trailing_zeros(self.scale);
        Self::of(self.unscaled.cut(zeros), self.scale - zeros)
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.unscaled.is_zero()
    }

    pub(crate) fn is_negative(&self) -> bool {
        self.unscaled.is_negative()
    }

    /// Whether it has no decimals but zeros.
    pub(crate) fn is_integral(&self) -> bool {
        self.scale == 0 || self.min_scale() == 0
    }

    /// The digits at a scale that is not smaller.
    fn unscaled_at(&self, scale: u32) -> Integer {
        self.unscaled.scaled_up(scale.saturating_sub(self.scale))
    }

    /// The power of ten of the first digit, zero for zero.
    fn exponent(&self) -> i64 {
        match self.unscaled.digits() {
            0 => 0,
            digits => i64::from(digits) - 1 - i64::from(self.scale),
        }
    }

    /// The power of 10,000 of the first group of digits, zero for zero.
    fn weight(&self) -> i64 {
        self.exponent().div_euclid(i64::from(GROUP_DIGITS))
    }

    /// The first `groups` groups of digits as one number.
    fn leading_groups(&self, groups: u32) -> u64 {
        if self.is_zero() {
            return 0;
        }
        let first = u32::try_from(self.exponent().rem_euclid(i64::from(GROUP_DIGITS))).unwrap_or(0) + 1;
        self.unscaled.leading_digits(first + (groups - 1) * GROUP_DIGITS)
    }
}

impl PartialEq for Numeric {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Numeric {}

impl PartialOrd for Numeric {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Numeric {
    fn cmp(&self, other: &Self) -> Ordering {
        match self.scale.cmp(&other.scale) {
            Ordering::Equal => self.unscaled.cmp(&other.unscaled),
            Ordering::Less => self.unscaled_at(other.scale).cmp(&other.unscaled),
            Ordering::Greater => self.unscaled.cmp(&other.unscaled_at(self.scale)),
        }
    }
}

impl Hash for Numeric {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let trimmed = self.trim_scale();
        trimmed.unscaled.hash(state);
        trimmed.scale.hash(state);
    }
}

fn overflow() -> ValueError {
    ValueError::new(OUT_OF_RANGE, "value overflows numeric format")
}

fn division_by_zero() -> ValueError {
    ValueError::new("22012", "division by zero")
}

/// How many decimals a result that is not exact has: enough for 16 significant digits if the power of ten of its first
/// digit is `exponent`, and at least as many as its arguments.
fn result_scale(exponent: i64, arguments: &[&Numeric]) -> u32 {
    let least = arguments.iter().map(|argument| argument.scale).max().unwrap_or(0);
    let wanted = u32::try_from((MIN_SIGNIFICANT_DIGITS - exponent).max(0)).unwrap_or(MAX_RESULT_SCALE);
    wanted.max(least).min(MAX_RESULT_SCALE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of a text; the tests give only texts of numbers.
    pub(super) fn number(text: &str) -> Numeric {
        Numeric::parse(text).unwrap()
    }

    #[test]
    fn numbers_are_compared_by_value() {
        assert_eq!(number("1.0"), number("1.00"));
        assert!(number("-1e40") < number("1e-40"));
        assert!(number("1e40") > number("1.5"));
        assert!(number("1.49999999999999999999999999999999999999999999") < number("1.5"));
    }

    #[test]
    fn scales() {
        assert_eq!(number("1.5000").scale(), 4);
        assert_eq!(number("1.5000").min_scale(), 1);
        assert_eq!(number("100").min_scale(), 0);
        assert_eq!(number("1.5000").trim_scale().to_string(), "1.5");
        assert_eq!(number("0.000").trim_scale().to_string(), "0");
        assert_eq!(number("100").trim_scale().to_string(), "100");
        assert!(number("7.000").is_integral() && !number("7.001").is_integral());
    }
}
