//! Arithmetic of `numeric` on numbers as they are printed, as much of it as `jsonpath` has, with PostgreSQL's scales.

use num_bigint::{BigInt, Sign};

use crate::postgres::error::{ValueError, ValueResult};
use crate::postgres::json::decimal::overflow;

/// Digits that `numeric` can have before and behind the point.
const MAX_INTEGER_DIGITS: usize = 131_072;
const MAX_SCALE: u32 = 16_383;
/// Digits that count in a quotient at least, and digits behind its point at most.
const MIN_QUOTIENT_DIGITS: i64 = 16;
const MAX_QUOTIENT_SCALE: i64 = 1_000;
/// Decimal digits that `numeric` keeps in one of its own.
const GROUP_DIGITS: i64 = 4;

/// A number: `unscaled` divided by ten to the power of `scale`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Number {
    unscaled: BigInt,
    scale: u32,
}

impl Number {
    /// The number of a canonical text.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (integer, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = [integer, fraction].concat();
        Some(Self { unscaled: digits.parse().ok()?, scale: u32::try_from(fraction.len()).ok()? })
    }

    /// The canonical text, if `numeric` can hold the number.
    pub(super) fn print(&self) -> ValueResult<String> {
        let mut digits = self.unscaled.magnitude().to_string();
        let scale = usize::try_from(self.scale).unwrap_or(usize::MAX);
        if self.scale > MAX_SCALE || digits.len() > scale.saturating_add(MAX_INTEGER_DIGITS) {
            return Err(overflow());
        }
        if scale > 0 {
            if digits.len() <= scale {
                digits.insert_str(0, &"0".repeat(scale + 1 - digits.len()));
            }
            digits.insert(digits.len() - scale, '.');
        }
        if self.unscaled.sign() == Sign::Minus {
            digits.insert(0, '-');
        }
        Ok(digits)
    }

    fn at_scale(&self, scale: u32) -> BigInt {
        &self.unscaled * power_of_ten(scale.saturating_sub(self.scale))
    }

    pub(super) fn add(&self, other: &Self) -> Self {
        let scale = self.scale.max(other.scale);
        Self { unscaled: self.at_scale(scale) + other.at_scale(scale), scale }
    }

    pub(super) fn subtract(&self, other: &Self) -> Self {
        let scale = self.scale.max(other.scale);
        Self { unscaled: self.at_scale(scale) - other.at_scale(scale), scale }
    }

    pub(super) fn multiply(&self, other: &Self) -> Self {
        let product = Self { unscaled: &self.unscaled * &other.unscaled, scale: self.scale + other.scale };
        match product.scale > MAX_SCALE {
            true => product.round(MAX_SCALE),
            false => product,
        }
    }

    pub(super) fn divide(&self, other: &Self) -> ValueResult<Self> {
        other.check_divisor()?;
        let scale = self.quotient_scale(other);
        // The quotient of the digits has the wanted scale if one side is shifted by so many places.
        let shift = i64::from(scale) + i64::from(other.scale) - i64::from(self.scale);
        let exponent = u32::try_from(shift.unsigned_abs()).unwrap_or(u32::MAX);
        let (mut dividend, mut divisor) = (self.unscaled.clone(), other.unscaled.clone());
        match shift < 0 {
            true => divisor *= power_of_ten(exponent),
            false => dividend *= power_of_ten(exponent),
        }
        Ok(Self { unscaled: rounded_quotient(&dividend, &divisor), scale })
    }

    pub(super) fn modulo(&self, other: &Self) -> ValueResult<Self> {
        other.check_divisor()?;
        let scale = self.scale.max(other.scale);
        Ok(Self { unscaled: self.at_scale(scale) % other.at_scale(scale), scale })
    }

    fn check_divisor(&self) -> ValueResult<()> {
        match self.unscaled.sign() {
            Sign::NoSign => Err(ValueError::new("22012", "division by zero")),
            _ => Ok(()),
        }
    }

    /// The scale of a quotient, for which `numeric` looks at the first of its own digits.
    fn quotient_scale(&self, divisor: &Self) -> u32 {
        let (weight, first) = self.first_group();
        let (divisor_weight, divisor_first) = divisor.first_group();
        let weight = weight - divisor_weight - i64::from(first <= divisor_first);
        let scale = MIN_QUOTIENT_DIGITS - weight * GROUP_DIGITS;
        let scale = scale.max(self.scale.into()).max(divisor.scale.into()).clamp(0, MAX_QUOTIENT_SCALE);
        u32::try_from(scale).unwrap_or(0)
    }

    /// The place of the first digit of `numeric`, and that digit, which has four of ours.
    fn first_group(&self) -> (i64, i64) {
        if self.unscaled.sign() == Sign::NoSign {
            return (0, 0);
        }
        let digits = self.unscaled.magnitude().to_string();
        let length = i64::try_from(digits.len()).unwrap_or(i64::MAX);
        let place = length - i64::from(self.scale);
        let weight = (place - 1).div_euclid(GROUP_DIGITS);
        let in_group = usize::try_from(place - weight * GROUP_DIGITS).unwrap_or(0);
        let first = digits.bytes().chain(std::iter::repeat(b'0')).take(in_group);
        (weight, first.fold(0, |group, digit| group * 10 + i64::from(digit - b'0')))
    }

    pub(super) fn negate(&self) -> Self {
        Self { unscaled: -&self.unscaled, scale: self.scale }
    }

    pub(super) fn abs(&self) -> Self {
        Self { unscaled: self.unscaled.magnitude().clone().into(), scale: self.scale }
    }

    pub(super) fn floor(&self) -> Self {
        let unit = power_of_ten(self.scale);
        let quotient = &self.unscaled / &unit;
        let is_below = self.unscaled.sign() == Sign::Minus && &quotient * unit != self.unscaled;
        Self { unscaled: quotient - i32::from(is_below), scale: 0 }
    }

    pub(super) fn ceiling(&self) -> Self {
        self.negate().floor().negate()
    }

    pub(super) fn truncate(&self) -> Self {
        Self { unscaled: &self.unscaled / power_of_ten(self.scale), scale: 0 }
    }

    /// The number with so many digits behind the point, halves away from zero.
    pub(super) fn round(&self, scale: u32) -> Self {
        match scale >= self.scale {
            true => Self { unscaled: self.at_scale(scale), scale },
            false => Self { unscaled: rounded_quotient(&self.unscaled, &power_of_ten(self.scale - scale)), scale },
        }
    }

    /// What `numeric(precision, scale)` makes of it, if it fits.
    pub(super) fn fit(&self, precision: u32, scale: i32) -> Option<Self> {
        let (rounded, digits) = match u32::try_from(scale) {
            Ok(scale) => {
                let rounded = self.round(scale);
                let digits = rounded.unscaled.clone();
                (rounded, digits)
            }
            Err(_) => {
                let unit = power_of_ten(scale.unsigned_abs());
                let digits = rounded_quotient(&self.unscaled, &(&unit * power_of_ten(self.scale)));
                (Self { unscaled: &digits * unit, scale: 0 }, digits)
            }
        };
        (digits.magnitude() < power_of_ten(precision).magnitude()).then_some(rounded)
    }

    /// The value of a number without digits behind the point.
    pub(super) fn to_integer(&self) -> Option<i64> {
        if self.scale == 0 { i64::try_from(&self.unscaled).ok() } else { None }
    }
}

fn power_of_ten(exponent: u32) -> BigInt {
    BigInt::from(10).pow(exponent)
}

/// The quotient, halves away from zero.
fn rounded_quotient(dividend: &BigInt, divisor: &BigInt) -> BigInt {
    let quotient = dividend / divisor;
    let rest = dividend - &quotient * divisor;
    let is_up = (rest * 2_u32).magnitude() >= divisor.magnitude();
    match (is_up, dividend.sign() == divisor.sign()) {
        (false, _) => quotient,
        (true, true) => quotient + 1,
        (true, false) => quotient - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::Number;
    use crate::postgres::error::ValueResult;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap_or(Number { unscaled: 0.into(), scale: 0 })
    }

    fn printed(number: ValueResult<Number>) -> String {
        number.and_then(|number| number.print()).unwrap_or_else(|error| error.message)
    }

    #[test]
    fn digits_are_those_of_postgresql() {
        for (dividend, divisor, quotient) in [
            ("1", "3", "0.33333333333333333333"),
            ("10", "4.0", "2.5000000000000000"),
            ("1", "10000", "0.000100000000000000000000"),
            ("-2", "3", "-0.66666666666666666667"),
            ("1", "0.0", "division by zero"),
        ] {
            assert_eq!(printed(number(dividend).divide(&number(divisor))), quotient, "{dividend} / {divisor}");
        }
        assert_eq!(printed(number("1.5").modulo(&number("0.4"))), "0.3");
        assert_eq!(printed(Ok(number("1.10").multiply(&number("2.00")))), "2.2000");
        assert_eq!(printed(Ok(number("-0.5").ceiling())), "0");
        assert_eq!(printed(Ok(number("-5.5").floor())), "-6");
        assert_eq!(number("12345").fit(5, -2).map(|number| printed(Ok(number))).as_deref(), Some("12300"));
        assert_eq!(number("12.345").fit(2, 1), None);
    }
}
