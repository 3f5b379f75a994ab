//! Prints `real` and `double precision` with the fewest digits that survive.

use std::fmt::Write;

/// Digits that always survive, from where PostgreSQL writes exponents (`FLT_DIG` and `DBL_DIG` of C).
const FLOAT4_DIGITS: i32 = 6;
const FLOAT8_DIGITS: i32 = 15;
/// The exponent below which PostgreSQL does not write zeros behind the point.
const LEAST_PLAIN_EXPONENT: i32 = -4;
/// Digits behind the point with which any float can be told from its neighbours.
const MOST_FRACTION_DIGITS: usize = 16;

/// Prints a `real`.
pub(crate) fn print_float4(value: f32) -> String {
    let bits = value.to_bits();
    let (fraction, exponent) = (bits & 0x7F_FFFF, i32::try_from(bits >> 23 & 0xFF).unwrap_or_default());
    let binary = Binary::new(u64::from(fraction), exponent, 23, 127);
    let shortest = binary.shortest(format!("{value:e}"), |digits| {
        let longer = format!("{value:.digits$e}");
        (longer.parse() == Ok(value)).then_some(longer)
    });
    print(&shortest, f64::from(value), FLOAT4_DIGITS)
}

/// Prints a `double precision`.
pub(crate) fn print_float8(value: f64) -> String {
    let bits = value.to_bits();
    let (fraction, exponent) = (bits & 0xF_FFFF_FFFF_FFFF, i32::try_from(bits >> 52 & 0x7FF).unwrap_or_default());
    let binary = Binary::new(fraction, exponent, 52, 1023);
    let shortest = binary.shortest(format!("{value:e}"), |digits| {
        let longer = format!("{value:.digits$e}");
        (longer.parse() == Ok(value)).then_some(longer)
    });
    print(&shortest, value, FLOAT8_DIGITS)
}

/// A float as `mantissa * 2^exponent`, without its sign.
#[derive(Clone, Copy)]
struct Binary {
    mantissa: u64,
    exponent: i32,
    /// Whether the neighbour below is only half as far away as the one above.
    is_first_of_exponent: bool,
}

impl Binary {
    fn new(fraction: u64, exponent: i32, fraction_bits: i32, bias: i32) -> Self {
        let is_first_of_exponent = fraction == 0 && exponent > 1;
        let (mantissa, exponent) = match exponent {
            0 => (fraction, 1 - bias - fraction_bits),
            _ => (fraction | 1 << fraction_bits, exponent - bias - fraction_bits),
        };
        Self { mantissa, exponent, is_first_of_exponent }
    }

    /// What PostgreSQL prints where Rust's shortest digits are not the only ones. If they lie in the very middle
    /// between a float and a neighbour, Rust takes them if they are read as this float, and PostgreSQL does not. If the
    /// float lies in the very middle between two such digits, PostgreSQL takes the even ones.
    fn shortest(self, rusts: String, exactly: impl Fn(usize) -> Option<String>) -> String {
        let Some(decimal) = Decimal::parse(&rusts) else { return rusts };
        if self.is_bound(decimal) {
            let others = (1..=MOST_FRACTION_DIGITS).filter_map(exactly);
            let is_inside = |digits: &String| Decimal::parse(digits).is_some_and(|decimal| !self.is_bound(decimal));
            return others.into_iter().find(is_inside).unwrap_or(rusts);
        }
        let Decimal { digits, power, fraction_digits } = decimal;
        let is_middle = |twice| Decimal { digits: twice, power, ..decimal }.is(self.mantissa.into(), self.exponent + 1);
        if digits > 0 && digits % 2 == 1 && (is_middle(digits * 2 - 1) || is_middle(digits * 2 + 1)) {
            return exactly(fraction_digits).unwrap_or(rusts);
        }
        rusts
    }

    /// Whether digits lie in the very middle between a float and a neighbour.
    fn is_bound(self, decimal: Decimal) -> bool {
        let twice = u128::from(self.mantissa) * 2;
        decimal.is(twice + 1, self.exponent - 1)
            || if self.is_first_of_exponent {
                decimal.is(twice * 2 - 1, self.exponent - 2)
            } else {
                self.mantissa > 0 && decimal.is(twice - 1, self.exponent - 1)
            }
    }
}

/// `digits * 10^power`.
#[derive(Clone, Copy)]
struct Decimal {
    digits: u128,
    power: i32,
    fraction_digits: usize,
}

impl Decimal {
    /// Of what Rust prints, `d.ddde±x`; none if it is no number.
    fn parse(printed: &str) -> Option<Self> {
        let (mantissa, exponent) = printed.split_once('e')?;
        let fraction_digits = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let power = exponent.parse::<i32>().ok()? - i32::try_from(fraction_digits).ok()?;
        let numbers = mantissa.chars().filter_map(|letter| letter.to_digit(10));
        Some(Self { digits: numbers.fold(0, |all, digit| all * 10 + u128::from(digit)), power, fraction_digits })
    }

    /// Whether this is `bits * 2^exponent`.
    fn is(self, bits: u128, exponent: i32) -> bool {
        // Only such powers of ten leave a number of so few bits.
        if !(-25..=25).contains(&self.power) || self.digits == 0 || bits == 0 {
            return false;
        }
        let five = |power: i32| 5_u128.pow(u32::try_from(power).unwrap_or_default());
        let odd =
            |number: u128| (number >> number.trailing_zeros(), i32::try_from(number.trailing_zeros()).unwrap_or(0));
        let (decimal, twos) = odd(self.digits * five(self.power));
        let (binary, other_twos) = odd(bits * five(-self.power));
        decimal == binary && twos + self.power == other_twos + exponent
    }
}

/// Of a number's shortest form `d.ddde±x`, what PostgreSQL prints.
fn print(shortest: &str, value: f64, plain_digits: i32) -> String {
    if value.is_nan() {
        return String::from("NaN");
    }
    let (sign, unsigned) = match shortest.strip_prefix('-') {
        Some(unsigned) => ("-", unsigned),
        None => ("", shortest),
    };
    if value.is_infinite() {
        return format!("{sign}Infinity");
    }
    let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((unsigned, "0"));
    let exponent = exponent.parse::<i32>().unwrap_or_default();
    let mut printed = String::with_capacity(24);
    printed.push_str(sign);
    let digits = mantissa.chars().filter(|&letter| letter != '.');
    if exponent < LEAST_PLAIN_EXPONENT || exponent >= plain_digits {
        let (sign, power) = if exponent < 0 { ('-', -exponent) } else { ('+', exponent) };
        // Writing to a string cannot fail.
        let _infallible = write!(printed, "{mantissa}e{sign}{power:02}");
    } else if exponent < 0 {
        printed.push_str("0.");
        printed.extend((exponent + 1..0).map(|_| '0'));
        printed.extend(digits);
    } else {
        let mut left = exponent + 1;
        for digit in digits {
            if left == 0 {
                printed.push('.');
            }
            printed.push(digit);
            left -= 1;
        }
        printed.extend((0..left).map(|_| '0'));
    }
    printed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_appear_late() {
        assert_eq!(print_float8(1e15), "1e+15");
        assert_eq!(print_float8(123_456_789_012_345.0), "123456789012345");
        assert_eq!(print_float8(1e-5), "1e-05");
        assert_eq!(print_float8(0.000_12), "0.00012");
        assert_eq!(print_float8(-0.0), "-0");
        assert_eq!(print_float8(f64::NEG_INFINITY), "-Infinity");
        assert_eq!(print_float8(1.7e300), "1.7e+300");
        assert_eq!(print_float4(1e6), "1e+06");
        assert_eq!(print_float4(0.1), "0.1");
        assert_eq!(print_float4(16_777_216.0), "1.6777216e+07");
        assert_eq!(print_float8(50_062_996_439_361_616.0), "5.0062996439361616e+16");
        assert_eq!(print_float4(-3.858e9), "-3.8579999e+09");
        assert_eq!(print_float4(f32::from_bits(0xC859_E388)), "-223118.12");
        assert_eq!(print_float8(-5.355961938529228e17), "-5.355961938529228e+17");
    }
}
