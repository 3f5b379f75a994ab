//! The digits of numbers of each type, rounded and measured for a template.

use super::super::error::{ValueError, ValueResult};
use super::number_template::Shape;
use super::{NUMERIC_VALUE_OUT_OF_RANGE, roman};

/// The digits that a template shows.
pub(super) struct Digits {
    /// Without a sign; with the decimal point if there are digits after it. Number signs if the template has not room
    /// enough. An exponent or a Roman numeral as it is shown.
    pub(super) text: String,
    pub(super) is_negative: bool,
    /// How many digits of the template are before the first one of the number.
    pub(super) lead: usize,
    /// The shape, with the digits that there really are.
    pub(super) shape: Shape,
}

/// `numeric` has no more digits before the decimal point.
const MAX_NUMERIC_WHOLE: usize = 131_072;
/// And no more after it.
const MAX_NUMERIC_SCALE: usize = 16_383;
/// PostgreSQL prints no more digits of a floating-point number, but zeros.
const MAX_FLOAT_PRECISION: usize = 350;
/// The decimal digits that every `real` keeps.
const REAL_DIGITS: usize = 6;
/// The decimal digits that every `double precision` keeps.
const DOUBLE_DIGITS: usize = 15;

impl Digits {
    fn whole_text(text: String, shape: Shape) -> Self {
        Self { text, is_negative: false, lead: 0, shape }
    }

    fn roman(number: i32, shape: Shape) -> Self {
        Self::whole_text(roman::numeral(number), Shape { whole: 0, fraction: 0, ..shape })
    }

    /// A number with as many digits before the decimal point as there are.
    fn fitted(mut text: String, is_negative: bool, shape: Shape) -> Self {
        let whole = text.find('.').unwrap_or(text.len());
        if whole > shape.whole {
            text.clear();
            text.extend(std::iter::repeat_n('#', shape.whole));
            text.push('.');
            text.extend(std::iter::repeat_n('#', shape.fraction));
        }
        Self { text, is_negative, lead: shape.whole.saturating_sub(whole), shape }
    }

    /// What `EEEE` shows instead of a number that is none or that is infinite.
    fn no_exponent(shape: Shape) -> Self {
        let mut text = String::with_capacity(shape.whole + shape.fraction + 6);
        text.push(' ');
        text.extend(std::iter::repeat_n('#', shape.whole));
        text.push('.');
        text.extend(std::iter::repeat_n('#', shape.fraction + 4));
        Self::whole_text(text, shape)
    }

    pub(super) fn of_integer(value: i32, shape: Shape) -> Self {
        if shape.roman {
            return Self::roman(value, shape);
        }
        if shape.exponent {
            return Self::exponent_of_float(value.into(), shape);
        }
        // PostgreSQL multiplies integers, of all types only those, without a look at what comes out, and on x86 a power
        // that is no integer is the smallest one.
        let power = power_of_ten(shape).and_then(|power| i32::try_from(power).ok()).unwrap_or(i32::MIN);
        Self::of_whole_number(value.wrapping_mul(power).into(), shape)
    }

    pub(super) fn of_bigint(value: i64, shape: Shape) -> ValueResult<Self> {
        if shape.roman {
            return Ok(Self::roman(i32::try_from(value).unwrap_or_default(), shape));
        }
        if shape.exponent {
            return Ok(Self::exponent_of_decimal(&value.to_string(), shape));
        }
        let value = power_of_ten(shape).and_then(|power| value.checked_mul(power));
        Ok(Self::of_whole_number(value.ok_or_else(bigint_out_of_range)?, shape))
    }

    fn of_whole_number(value: i64, shape: Shape) -> Self {
        let shape = Shape { whole: shape.whole + shape.shift, ..shape };
        let mut text = value.unsigned_abs().to_string();
        if shape.fraction > 0 {
            text.push('.');
            text.extend(std::iter::repeat_n('0', shape.fraction));
        }
        Self::fitted(text, value < 0, shape)
    }

    pub(super) fn of_double(value: f64, shape: Shape) -> Self {
        if shape.roman {
            return Self::roman_of_float(value, shape);
        }
        if shape.exponent {
            return Self::exponent_of_float(value, shape);
        }
        let value = if shape.shifts { value * float_power_of_ten(shape) } else { value };
        Self::of_float(value, DOUBLE_DIGITS, shape)
    }

    pub(super) fn of_real(value: f32, shape: Shape) -> Self {
        if shape.roman {
            return Self::roman_of_float(value.into(), shape);
        }
        if shape.exponent {
            return Self::exponent_of_float(value.into(), shape);
        }
        // What is too large for a `real` is infinite.
        let value = if shape.shifts { value * float_power_of_ten(shape) as f32 } else { value };
        Self::of_float(value.into(), REAL_DIGITS, shape)
    }

    fn of_float(value: f64, kept_digits: usize, shape: Shape) -> Self {
        let mut shape = Shape { whole: shape.whole + shape.shift, ..shape };
        let whole = float_text(value.abs(), 0).len();
        // No digits are shown that mean nothing.
        if whole >= kept_digits {
            shape.fraction = 0;
        } else {
            shape.fraction = shape.fraction.min(kept_digits - whole);
        }
        let mut text = float_text(value, shape.fraction);
        let is_negative = text.starts_with('-');
        if is_negative {
            text.remove(0);
        }
        Self::fitted(text, is_negative, shape)
    }

    fn roman_of_float(value: f64, shape: Shape) -> Self {
        let nearest = value.round_ties_even();
        // What is beyond the integers, or no number, has no numeral, as 0 has none.
        Self::roman(if nearest.abs() < 4_000.0 { nearest as i32 } else { 0 }, shape)
    }

    fn exponent_of_float(value: f64, shape: Shape) -> Self {
        if !value.is_finite() {
            return Self::no_exponent(shape);
        }
        let precision = shape.fraction.min(MAX_FLOAT_PRECISION);
        let printed = format!("{value:.precision$e}");
        let (significand, exponent) = printed.split_once('e').unwrap_or((&printed, "0"));
        let zeros = shape.fraction - precision;
        let exponent = exponent.parse().unwrap_or_default();
        Self::whole_text(with_exponent(significand.to_owned() + &"0".repeat(zeros), exponent), shape)
    }

    /// Of a `numeric` in plain decimal notation.
    pub(super) fn of_numeric(value: &str, shape: Shape) -> ValueResult<Self> {
        if shape.roman {
            let number = Decimal::parse(value).map(|decimal| decimal.rounded(0, 0));
            let number = number.and_then(|(text, is_negative)| text.parse().ok().filter(|_| !is_negative));
            return Ok(Self::roman(number.unwrap_or_default(), shape));
        }
        if shape.exponent {
            return Ok(Self::exponent_of_decimal(value, shape));
        }
        let overflow = || ValueError::new(NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format");
        if shape.shift >= MAX_NUMERIC_WHOLE {
            return Err(overflow());
        }
        let shape_with_shift = Shape { whole: shape.whole + shape.shift, ..shape };
        let (text, is_negative) = match Decimal::parse(value) {
            Some(decimal) => decimal.rounded(shape.shift, shape.fraction.min(MAX_NUMERIC_SCALE)),
            None => (value.trim_start_matches('-').to_owned(), value.starts_with('-')),
        };
        if shape.shifts && text.len() > MAX_NUMERIC_WHOLE {
            return Err(overflow());
        }
        Ok(Self::fitted(text, is_negative, shape_with_shift))
    }

    fn exponent_of_decimal(value: &str, shape: Shape) -> Self {
        match Decimal::parse(value) {
            Some(decimal) => Self::whole_text(decimal.with_exponent(shape.fraction), shape),
            None => Self::no_exponent(shape),
        }
    }
}

/// The power of ten that `V` multiplies by, if it is a 64-bit integer.
fn power_of_ten(shape: Shape) -> Option<i64> {
    10_i64.checked_pow(u32::try_from(shape.shift).ok()?)
}

/// The same as a floating-point number; what is beyond an `i32` is as infinite as what is not.
fn float_power_of_ten(shape: Shape) -> f64 {
    10_f64.powf(i32::try_from(shape.shift).unwrap_or(i32::MAX).into())
}

fn bigint_out_of_range() -> ValueError {
    ValueError::new(NUMERIC_VALUE_OUT_OF_RANGE, "bigint out of range")
}

fn float_text(value: f64, fraction: usize) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value < 0.0 { "-Infinity" } else { "Infinity" }.to_owned()
    } else {
        format!("{value:.fraction$}")
    }
}

/// A significand with its exponent, and a space where there is no minus sign.
fn with_exponent(significand: String, exponent: i64) -> String {
    let space = if significand.starts_with('-') { "" } else { " " };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{space}{significand}e{sign}{:02}", exponent.unsigned_abs())
}

/// A finite `numeric`.
struct Decimal<'a> {
    is_negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
}

impl<'a> Decimal<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_number = is_digits(whole) && is_digits(fraction);
        is_number.then_some(Self { is_negative, whole: whole.as_bytes(), fraction: fraction.as_bytes() })
    }

    fn digits(&self) -> impl Iterator<Item = u8> + '_ {
        self.whole.iter().chain(self.fraction).copied()
    }

    /// Multiplied by a power of ten and rounded, half away from zero, and whether that is negative.
    fn rounded(&self, shift: usize, scale: usize) -> (String, bool) {
        let kept_whole = self.whole.len() + shift;
        let kept = kept_whole + scale;
        let mut digits: Vec<u8> = Vec::with_capacity(kept + 2);
        digits.push(b'0');
        digits.extend(self.digits().take(kept));
        digits.resize(kept + 1, b'0');
        if self.digits().nth(kept).is_some_and(|digit| digit >= b'5') {
            increment(&mut digits);
        }
        let is_negative = self.is_negative && digits.iter().any(|digit| *digit != b'0');
        let (whole, fraction) = digits.split_at(kept_whole + 1);
        let leading_zeros = whole.iter().position(|digit| *digit != b'0').unwrap_or(whole.len());
        let whole = whole.get(leading_zeros.min(kept_whole)..).unwrap_or_default();
        let mut text = String::with_capacity(digits.len() + 1);
        text.extend(whole.iter().map(|digit| char::from(*digit)));
        if scale > 0 {
            text.push('.');
            text.extend(fraction.iter().map(|digit| char::from(*digit)));
        }
        (text, is_negative)
    }

    /// In scientific notation. The exponent is that of the number before it is rounded, so that 9.99 can be `10.0e+00`.
    fn with_exponent(&self, scale: usize) -> String {
        let zeros = self.digits().position(|digit| digit != b'0');
        let exponent = zeros.map_or(0, |zeros| signed(self.whole.len()) - 1 - signed(zeros));
        let zeros = zeros.unwrap_or_default();
        let mut digits: Vec<u8> = Vec::with_capacity(scale + 2);
        digits.push(b'0');
        digits.extend(self.digits().skip(zeros).take(scale + 1));
        digits.resize(scale + 2, b'0');
        if self.digits().nth(zeros + scale + 1).is_some_and(|digit| digit >= b'5') {
            increment(&mut digits);
        }
        let mut text = String::with_capacity(scale + 4);
        if self.is_negative && digits.iter().any(|digit| *digit != b'0') {
            text.push('-');
        }
        let carried = usize::from(digits.first() == Some(&b'0'));
        for (index, digit) in digits.iter().enumerate().skip(carried) {
            if index == 2 {
                text.push('.');
            }
            text.push(char::from(*digit));
        }
        with_exponent(text, exponent)
    }
}

/// Lengths of texts are far from the ends of 64 bits.
fn signed(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// Adds 1 to the last of decimal digits, of which the first is 0.
fn increment(digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
}
