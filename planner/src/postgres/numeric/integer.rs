//! Whole numbers without a limit that are machine words as long as they fit: nearly all are, and arithmetic on them
//! then allocates nothing.

use std::cmp::Ordering;
use std::fmt;

use num_bigint::{BigInt, BigUint, Sign};
use num_integer::Integer as _;

/// The largest power of ten that an `i128` holds.
const MAX_SMALL_POWER: u32 = 38;
/// Decimal digits of a bit.
const DIGITS_OF_BIT: f64 = std::f64::consts::LOG10_2;

/// A whole number. What fits `Small` is always that, so equal numbers are equal values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Integer {
    Small(i128),
    Big(BigInt),
}

impl Integer {
    pub(super) const ZERO: Self = Self::Small(0);

    /// Ten to the power of `exponent`.
    pub(super) fn power_of_ten(exponent: u32) -> Self {
        match small_power_of_ten(exponent) {
            Some(power) => Self::Small(power),
            None => Self::Big(big_power_of_ten(exponent)),
        }
    }

    pub(super) fn to_big(&self) -> BigInt {
        match self {
            Self::Small(value) => BigInt::from(*value),
            Self::Big(value) => value.clone(),
        }
    }

    pub(super) fn to_i128(&self) -> Option<i128> {
        match self {
            Self::Small(value) => Some(*value),
            Self::Big(_) => None,
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        matches!(self, Self::Small(0))
    }

    /// -1, 0 or 1.
    pub(super) fn signum(&self) -> i8 {
        match self {
            Self::Small(value) => match value.cmp(&0) {
                Ordering::Less => -1,
                Ordering::Equal => 0,
                Ordering::Greater => 1,
            },
            Self::Big(value) => match value.sign() {
                Sign::Minus => -1,
                Sign::NoSign => 0,
                Sign::Plus => 1,
            },
        }
    }

    pub(super) fn is_negative(&self) -> bool {
        self.signum() < 0
    }

    pub(super) fn is_odd(&self) -> bool {
        match self {
            Self::Small(value) => value % 2 != 0,
            Self::Big(value) => value.bit(0),
        }
    }

    pub(super) fn negated(&self) -> Self {
        match self {
            Self::Small(value) => match value.checked_neg() {
                Some(negated) => Self::Small(negated),
                None => (-self.to_big()).into(),
            },
            Self::Big(value) => (-value).into(),
        }
    }

    pub(super) fn absolute(&self) -> Self {
        if self.is_negative() { self.negated() } else { self.clone() }
    }

    pub(super) fn plus(&self, other: &Self) -> Self {
        if let (Self::Small(left), Self::Small(right)) = (self, other)
            && let Some(sum) = left.checked_add(*right)
        {
            return Self::Small(sum);
        }
        (self.to_big() + other.to_big()).into()
    }

    pub(super) fn minus(&self, other: &Self) -> Self {
        if let (Self::Small(left), Self::Small(right)) = (self, other)
            && let Some(difference) = left.checked_sub(*right)
        {
            return Self::Small(difference);
        }
        (self.to_big() - other.to_big()).into()
    }

    pub(super) fn times(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Small(left), Self::Small(right)) => match left.checked_mul(*right) {
                Some(product) => Self::Small(product),
                None => (BigInt::from(*left) * BigInt::from(*right)).into(),
            },
            (Self::Small(small), Self::Big(big)) | (Self::Big(big), Self::Small(small)) => (big * small).into(),
            (Self::Big(left), Self::Big(right)) => (left * right).into(),
        }
    }

    /// Quotient and remainder of a division towards zero, or nothing if `divisor` is zero.
    pub(super) fn divided(&self, divisor: &Self) -> Option<(Self, Self)> {
        if divisor.is_zero() {
            return None;
        }
        if let (Self::Small(left), Self::Small(right)) = (self, divisor)
            && let (Some(quotient), Some(remainder)) = (left.checked_div(*right), left.checked_rem(*right))
        {
            return Some((Self::Small(quotient), Self::Small(remainder)));
        }
        let (quotient, remainder) = self.to_big().div_rem(&divisor.to_big());
        Some((quotient.into(), remainder.into()))
    }

    /// The nearest whole number to a quotient, halves away from zero, or nothing if `divisor` is zero.
    pub(super) fn divided_rounded(&self, divisor: &Self) -> Option<Self> {
        let (quotient, remainder) = self.divided(divisor)?;
        if remainder.is_zero() {
            return Some(quotient);
        }
        let rest = remainder.absolute();
        if rest >= divisor.absolute().minus(&rest) {
            let away = if self.is_negative() == divisor.is_negative() { 1 } else { -1 };
            return Some(quotient.plus(&Self::Small(away)));
        }
        Some(quotient)
    }

    /// Times ten to the power of `digits`.
    pub(super) fn scaled_up(&self, digits: u32) -> Self {
        match (self, digits) {
            (_, 0) | (Self::Small(0), _) => self.clone(),
            _ => self.times(&Self::power_of_ten(digits)),
        }
    }

    /// Without its last `digits` digits.
    pub(super) fn cut(&self, digits: u32) -> Self {
        if digits == 0 {
            return self.clone();
        }
        if self.has_fewer_digits_than(digits) {
            return Self::ZERO;
        }
        self.divided(&Self::power_of_ten(digits)).map_or(Self::ZERO, |(quotient, _)| quotient)
    }

    /// Rounded to a number without its last `digits` digits, halves away from zero.
    pub(super) fn rounded(&self, digits: u32) -> Self {
        if digits == 0 {
            return self.clone();
        }
        if self.has_fewer_digits_than(digits) {
            return Self::ZERO;
        }
        self.divided_rounded(&Self::power_of_ten(digits)).unwrap_or(Self::ZERO)
    }

    /// Whether the number is surely below a power of ten, told without computing the power.
    fn has_fewer_digits_than(&self, digits: u32) -> bool {
        match self {
            Self::Small(_) => digits > MAX_SMALL_POWER + 1,
            Self::Big(value) => value.bits() < u64::from(digits) * 3,
        }
    }

    /// How many decimal digits it has, none for zero.
    pub(super) fn digits(&self) -> u32 {
        match self {
            Self::Small(value) => value.unsigned_abs().checked_ilog10().map_or(0, |exponent| exponent + 1),
            Self::Big(value) => {
                // A number of b bits is at least 2^(b-1), and below twice that.
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bits are below 2^32")]
                #[expect(clippy::cast_precision_loss, reason = "bits are below 2^32")]
                let at_least = ((value.bits() - 1) as f64 * DIGITS_OF_BIT) as u32 + 1;
                let next = big_power_of_ten(at_least);
                at_least + u32::from(value.magnitude() >= next.magnitude())
            }
        }
    }

    /// The first `count` decimal digits of its absolute value, zeros behind them if it has fewer.
    pub(super) fn leading_digits(&self, count: u32) -> u64 {
        let digits = self.digits();
        let leading = if digits >= count { self.cut(digits - count) } else { self.scaled_up(count - digits) };
        leading.to_i128().and_then(|leading| u64::try_from(leading.unsigned_abs()).ok()).unwrap_or(u64::MAX)
    }

    /// How many zeros it ends with, at most `limit`.
    pub(super) fn trailing_zeros(&self, limit: u32) -> u32 {
        match self {
            _ if self.is_zero() => limit,
            Self::Small(value) => {
                let (mut zeros, mut rest) = (0, *value);
                while zeros < limit && rest % 10 == 0 {
                    rest /= 10;
                    zeros += 1;
                }
                zeros
            }
            Self::Big(value) => {
                let text = value.magnitude().to_string();
                let zeros = text.bytes().rev().take_while(|digit| *digit == b'0').count();
                u32::try_from(zeros).map_or(limit, |zeros| zeros.min(limit))
            }
        }
    }

    /// The largest whole number whose square is not above this one, which must not be negative.
    pub(super) fn square_root(&self) -> Self {
        match self {
            Self::Small(value) => Self::Small(value.checked_isqrt().unwrap_or(0)),
            Self::Big(value) => BigInt::from(value.magnitude().sqrt()).into(),
        }
    }

    /// The greatest number that divides both; not negative.
    pub(super) fn greatest_common_divisor(&self, other: &Self) -> Self {
        if let (Self::Small(left), Self::Small(right)) = (self, other)
            && *left != i128::MIN
            && *right != i128::MIN
        {
            return Self::Small(left.gcd(right));
        }
        self.to_big().gcd(&other.to_big()).into()
    }
}

impl From<i128> for Integer {
    fn from(value: i128) -> Self {
        Self::Small(value)
    }
}

impl From<BigInt> for Integer {
    fn from(value: BigInt) -> Self {
        match i128::try_from(&value) {
            Ok(small) => Self::Small(small),
            Err(_) => Self::Big(value),
        }
    }
}

impl PartialOrd for Integer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Integer {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Small(left), Self::Small(right)) => left.cmp(right),
            (Self::Big(left), Self::Big(right)) => left.cmp(right),
            // What is big is farther from zero than all that is small.
            (Self::Small(_), Self::Big(_)) => 0.cmp(&other.signum()),
            (Self::Big(_), Self::Small(_)) => self.signum().cmp(&0),
        }
    }
}

impl fmt::Display for Integer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Small(value) => fmt::Display::fmt(value, formatter),
            Self::Big(value) => fmt::Display::fmt(value, formatter),
        }
    }
}

/// Ten to the power of `exponent`, if an `i128` holds it.
pub(super) fn small_power_of_ten(exponent: u32) -> Option<i128> {
    const POWERS: [i128; MAX_SMALL_POWER as usize + 1] = {
        let mut powers = [1; MAX_SMALL_POWER as usize + 1];
        let mut exponent = 1;
        while exponent < powers.len() {
            powers[exponent] = powers[exponent - 1] * 10;
            exponent += 1;
        }
        powers
    };
    POWERS.get(usize::try_from(exponent).ok()?).copied()
}

/// Ten to the power of `exponent`.
pub(super) fn big_power_of_ten(exponent: u32) -> BigInt {
    BigInt::from(BigUint::from(10_u32).pow(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Integer = Integer::Small(1);

    #[test]
    fn the_ends_of_i128_are_no_obstacle() {
        let (least, greatest) = (Integer::Small(i128::MIN), Integer::Small(i128::MAX));
        assert_eq!(least.negated().to_string(), "170141183460469231731687303715884105728");
        assert_eq!(least.absolute().minus(&ONE), greatest);
        assert_eq!(greatest.plus(&ONE).negated(), least);
        assert_eq!(least.divided(&Integer::Small(-1)).map(|(quotient, _)| quotient), Some(least.negated()));
        assert_eq!(least.negated().greatest_common_divisor(&least), least.negated());
        assert!(least.negated() > greatest && least < least.negated());
    }

    #[test]
    fn digits_are_counted() {
        for exponent in [0_u32, 1, 18, 37, 38, 39, 40, 77, 500, 5000] {
            let power = Integer::power_of_ten(exponent);
            assert_eq!(power.digits(), exponent + 1);
            assert_eq!(power.minus(&ONE).digits(), exponent);
            assert_eq!(power.trailing_zeros(u32::MAX), exponent);
        }
        assert_eq!(Integer::power_of_ten(60).plus(&ONE).leading_digits(4), 1000);
        assert_eq!(Integer::Small(-7).leading_digits(3), 700);
    }

    #[test]
    fn halves_go_away_from_zero() {
        for (value, rounded) in [(15, 2), (-15, -2), (14, 1), (-14, -1), (25, 3), (4, 0), (-5, -1)] {
            assert_eq!(Integer::Small(value).rounded(1), Integer::Small(rounded));
        }
        assert_eq!(Integer::Small(i128::MAX).rounded(39), Integer::ZERO);
        assert_eq!(Integer::Small(i128::MAX).rounded(38), Integer::Small(2));
        assert_eq!(Integer::power_of_ten(40).rounded(41), Integer::ZERO);
        assert_eq!(Integer::power_of_ten(40).times(&Integer::Small(5)).rounded(41), ONE);
    }
}
