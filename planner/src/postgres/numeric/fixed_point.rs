//! Exponentials and logarithms with as many correct digits as are asked for. They are computed on binary numbers with a
//! fixed number of bits behind the point, so many that what is cut off does not reach the digits that are given.

use std::sync::OnceLock;

use num_bigint::{BigInt, Sign};

use super::Numeric;
use super::integer::{Integer, big_power_of_ten};

/// Bits of a decimal digit, rounded up.
const BITS_OF_DIGIT: f64 = 3.322;
/// Bits that are computed beyond those that are asked for.
const GUARD_BITS: u64 = 64;
/// Bits of ln 2 that are computed once.
const KEPT_BITS: u64 = 2048;
/// Bits of a first estimate in floating point.
const ESTIMATE_BITS: u64 = 60;

/// e to the power of `value` times ten to the power of `scale`, rounded. The power of ten of the first digit of the
/// result is about `exponent`, and `value` is below 10,000.
pub(super) fn exponential(value: &Numeric, scale: u32, exponent: i64) -> Integer {
    let digits = (i64::from(scale) + exponent).max(0);
    let bits = bits_of(u32::try_from(digits).unwrap_or(0)) + GUARD_BITS;
    let exact = (value.unscaled.to_big() << bits) / big_power_of_ten(value.scale);
    // e^x = 2^k * e^(x - k ln 2)
    #[expect(clippy::cast_possible_truncation, reason = "the value is small")]
    let doublings = (value.to_f64_or_infinite() / std::f64::consts::LN_2).round() as i64;
    let rest = exact - ln_2(bits) * doublings;
    let power = exponential_of_fraction(&rest, bits) * big_power_of_ten(scale);
    let bits = i64::try_from(bits).unwrap_or(0) - doublings;
    match u64::try_from(bits) {
        Ok(bits) => rounded_shift(power, bits).into(),
        Err(_) => (power << bits.unsigned_abs()).into(),
    }
}

/// The natural logarithm of a positive number times ten to the power of `scale`, rounded.
pub(super) fn logarithm(value: &Numeric, scale: u32) -> Integer {
    let bits = bits_of(scale) + GUARD_BITS;
    let (numerator, denominator) = (value.unscaled.to_big(), big_power_of_ten(value.scale));
    // value = mantissa * 2^doublings, the mantissa from 0.75 to 1.5
    let signed = |bits: u64| i64::try_from(bits).unwrap_or(0);
    let mut doublings = signed(numerator.bits()) - signed(denominator.bits());
    let mut mantissa = match u64::try_from(signed(bits) - doublings) {
        Ok(shift) => (numerator << shift) / denominator,
        Err(_) => numerator / (denominator << (doublings - signed(bits)).unsigned_abs()),
    };
    if mantissa > BigInt::from(3) << (bits - 1) {
        mantissa >>= 1_u32;
        doublings += 1;
    } else if mantissa < BigInt::from(3) << (bits - 2) {
        mantissa <<= 1_u32;
        doublings -= 1;
    }
    // ln m = y + ln(m * e^-y), and with y near ln m the last logarithm is that of a number near one.
    let estimate = estimated_logarithm(&mantissa, bits);
    let near_one = (mantissa * exponential_of_fraction(&-&estimate, bits)) >> bits;
    let logarithm = estimate + logarithm_near_one(&near_one, bits) + ln_2(bits) * doublings;
    rounded_shift(logarithm * big_power_of_ten(scale), bits).into()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "both are far below the limits")]
fn bits_of(digits: u32) -> u64 {
    (f64::from(digits) * BITS_OF_DIGIT) as u64
}

/// The number divided by a power of two, rounded, halves away from zero.
fn rounded_shift(value: BigInt, bits: u64) -> BigInt {
    let Some(half_bit) = bits.checked_sub(1) else { return value };
    let (sign, magnitude) = value.into_parts();
    let half = BigInt::from(1) << half_bit;
    let shifted: BigInt = (BigInt::from(magnitude) + half) >> bits;
    if sign == Sign::Minus { -shifted } else { shifted }
}

/// e to the power of a number below one, by its series for a smaller number, which is squared then.
fn exponential_of_fraction(value: &BigInt, bits: u64) -> BigInt {
    let halvings = 4 + bits.isqrt() / 2;
    let working_bits = bits + 2 * halvings + 8;
    let small: BigInt = value << (working_bits - bits - halvings);
    let mut sum = BigInt::from(1) << working_bits;
    let mut term = sum.clone();
    for divisor in 1_u32.. {
        term = ((term * &small) >> working_bits) / divisor;
        // What is shifted is cut downwards: a term that becomes smaller ends at -1.
        if term.magnitude().bits() <= 1 {
            break;
        }
        sum += &term;
    }
    for _ in 0..halvings {
        sum = (&sum * &sum) >> working_bits;
    }
    sum >> (working_bits - bits)
}

/// The logarithm of a number between a half and two, to the precision of floating point.
fn estimated_logarithm(value: &BigInt, bits: u64) -> BigInt {
    let shortened: BigInt = value >> (bits - ESTIMATE_BITS);
    let unit = f64::from(1_u32 << (ESTIMATE_BITS / 2)).powi(2);
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "an estimate")]
    let estimate = ((i64::try_from(shortened).unwrap_or(1) as f64 / unit).ln() * unit) as i64;
    BigInt::from(estimate) << (bits - ESTIMATE_BITS)
}

/// The logarithm of a number near one: ln x = 2 artanh((x - 1) / (x + 1)).
fn logarithm_near_one(value: &BigInt, bits: u64) -> BigInt {
    let one = BigInt::from(1) << bits;
    let ratio = ((value - &one) << bits) / (value + &one);
    let square = (&ratio * &ratio) >> bits;
    let mut sum = ratio.clone();
    let mut power = ratio;
    for divisor in (3_u32..).step_by(2) {
        power = (power * &square) >> bits;
        let term = &power / divisor;
        if term.magnitude().bits() == 0 {
            break;
        }
        sum += term;
    }
    sum << 1_u32
}

/// The natural logarithm of two.
fn ln_2(bits: u64) -> BigInt {
    static KEPT: OnceLock<BigInt> = OnceLock::new();
    match KEPT_BITS.checked_sub(bits) {
        Some(excess) => KEPT.get_or_init(|| computed_ln_2(KEPT_BITS)) >> excess,
        None => computed_ln_2(bits),
    }
}

/// ln 2 = 18 artanh(1/26) - 2 artanh(1/4801) + 8 artanh(1/8749)
fn computed_ln_2(bits: u64) -> BigInt {
    let bits_with_guard = bits + 16;
    let artanh_of_inverse = |number: u32| {
        let mut power = (BigInt::from(1) << bits_with_guard) / number;
        let mut sum = power.clone();
        for divisor in (3_u32..).step_by(2) {
            power /= number * number;
            if power.sign() == Sign::NoSign {
                break;
            }
            sum += &power / divisor;
        }
        sum
    };
    (artanh_of_inverse(26) * 18 - artanh_of_inverse(4801) * 2 + artanh_of_inverse(8749) * 8) >> 16_u32
}
