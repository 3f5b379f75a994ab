//! `smallint`, `integer` and `bigint`: from one to another, signs, common divisors and bits; results must fit the type.
//! And `oid`, which is made of them.

use super::error::{ValueError, ValueResult};

/// What the three types do by themselves.
pub(crate) trait WholeNumber: Copy + Into<i64> + TryFrom<i64> + TryFrom<u128> {
    /// PostgreSQL's name of the type.
    const NAME: &'static str;

    fn checked_negated(self) -> Option<Self>;
    fn checked_absolute(self) -> Option<Self>;
    /// The bits moved to the left; the distance is taken modulo the bits of the type, but not below 32.
    fn shifted_left(self, distance: i32) -> Self;
    /// The bits moved to the right, the sign kept; the distance is taken modulo the bits of the type, but not below 32.
    fn shifted_right(self, distance: i32) -> Self;
}

/// The type, its name in PostgreSQL, and the type whose bits are shifted.
macro_rules! whole_number {
    ($type:ident, $name:literal, $shifted:ident) => {
        impl WholeNumber for $type {
            const NAME: &'static str = $name;

            fn checked_negated(self) -> Option<Self> {
                self.checked_neg()
            }

            fn checked_absolute(self) -> Option<Self> {
                self.checked_abs()
            }

            fn shifted_left(self, distance: i32) -> Self {
                low_bits!($shifted::from(self).wrapping_shl(distance.cast_unsigned()), $type)
            }

            fn shifted_right(self, distance: i32) -> Self {
                low_bits!($shifted::from(self).wrapping_shr(distance.cast_unsigned()), $type)
            }
        }
    };
}

/// The value of a type, or the lower half of it.
macro_rules! low_bits {
    ($value:expr, i16) => {{
        let [first, second, ..] = $value.to_le_bytes();
        i16::from_le_bytes([first, second])
    }};
    ($value:expr, $type:ident) => {
        $value
    };
}

whole_number!(i16, "smallint", i32);
whole_number!(i32, "integer", i32);
whole_number!(i64, "bigint", i64);

fn out_of_range<T: WholeNumber>() -> ValueError {
    ValueError::new("22003", format!("{} out of range", T::NAME))
}

/// The number as one of another type.
pub(crate) fn cast<T: WholeNumber>(number: impl WholeNumber) -> ValueResult<T> {
    T::try_from(number.into()).map_err(|_| out_of_range::<T>())
}

/// The number as an object's identifier. An `integer` is the same bits, a `bigint` the same number.
pub(crate) fn to_oid(number: i64) -> ValueResult<u32> {
    u32::try_from(number).map_err(|_| ValueError::new("22003", "OID out of range"))
}

pub(crate) fn negate<T: WholeNumber>(number: T) -> ValueResult<T> {
    number.checked_negated().ok_or_else(out_of_range::<T>)
}

pub(crate) fn absolute<T: WholeNumber>(number: T) -> ValueResult<T> {
    number.checked_absolute().ok_or_else(out_of_range::<T>)
}

/// The greatest number that divides both; not negative.
pub(crate) fn greatest_common_divisor<T: WholeNumber>(left: T, right: T) -> ValueResult<T> {
    T::try_from(u128::from(common_divisor(size(left), size(right)))).map_err(|_| out_of_range::<T>())
}

/// The least number that is a multiple of both; not negative, and zero if one is zero.
pub(crate) fn least_common_multiple<T: WholeNumber>(left: T, right: T) -> ValueResult<T> {
    let (left, right) = (size(left), size(right));
    let multiple = match left.checked_div(common_divisor(left, right)) {
        Some(quotient) => u128::from(quotient) * u128::from(right),
        None => 0,
    };
    T::try_from(multiple).map_err(|_| out_of_range::<T>())
}

fn size<T: WholeNumber>(number: T) -> u64 {
    let number: i64 = number.into();
    number.unsigned_abs()
}

fn common_divisor(mut left: u64, mut right: u64) -> u64 {
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}

/// `<<`
pub(crate) fn shift_left<T: WholeNumber>(number: T, distance: i32) -> T {
    number.shifted_left(distance)
}

/// `>>`
pub(crate) fn shift_right<T: WholeNumber>(number: T, distance: i32) -> T {
    number.shifted_right(distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message<T: std::fmt::Debug>(result: ValueResult<T>) -> String {
        result.unwrap_err().message
    }

    #[test]
    fn numbers_of_other_types() {
        assert_eq!(cast::<i16>(-32_768_i64), Ok(i16::MIN));
        assert_eq!(message(cast::<i16>(32_768_i32)), "smallint out of range");
        assert_eq!(message(cast::<i32>(i64::MIN)), "integer out of range");
        assert_eq!(to_oid(4_294_967_295), Ok(u32::MAX));
        assert_eq!(message(to_oid(4_294_967_296)), "OID out of range");
        assert_eq!(message(to_oid(-1)), "OID out of range");
    }

    #[test]
    fn results_must_fit() {
        assert_eq!(message(absolute(i16::MIN)), "smallint out of range");
        assert_eq!(message(negate(i64::MIN)), "bigint out of range");
    }

    #[test]
    fn divisors_and_multiples() {
        assert_eq!(message(greatest_common_divisor(i32::MIN, 0)), "integer out of range");
        assert_eq!(greatest_common_divisor(i32::MIN, -1), Ok(1));
        assert_eq!(greatest_common_divisor(i32::MIN, 6), Ok(2));
        assert_eq!(least_common_multiple(i32::MIN, 0), Ok(0));
        assert_eq!(message(least_common_multiple(i32::MIN, 1)), "integer out of range");
        assert_eq!(message(least_common_multiple(4_611_686_018_427_387_904_i64, 3)), "bigint out of range");
        assert_eq!(least_common_multiple(6, -4), Ok(12));
    }

    #[test]
    fn shifts() {
        assert_eq!((shift_left(1_i16, 20), shift_left(1_i16, 33), shift_left(1_i16, 15)), (0, 2, i16::MIN));
        assert_eq!((shift_left(1_i32, 33), shift_left(1_i32, -1), shift_left(1_i64, 65)), (2, i32::MIN, 2));
        assert_eq!((shift_right(-5_i16, 1), shift_right(-5_i32, 33), shift_right(-5_i64, 1)), (-3, -3, -3));
    }
}
