//! Strings as the methods of paths read them: as the input of `boolean`, `bigint`, `numeric` and `double precision`.

use num_bigint::BigInt;

use crate::postgres::error::ValueResult;
use crate::postgres::json::decimal;

/// Digits of a `double precision` that `numeric` takes (`DBL_DIG` of C), without the first.
const LATER_DIGITS: usize = 14;

/// What a text means as `numeric`.
pub(super) enum Numeric {
    /// As it is printed.
    Finite(String),
    NotFinite,
}

/// The whole words of `boolean`, and how much of each is enough.
const BOOLEANS: [(&str, usize, bool); 8] = [
    ("true", 1, true),
    ("false", 1, false),
    ("yes", 1, true),
    ("no", 1, false),
    ("on", 2, true),
    ("off", 2, false),
    ("1", 1, true),
    ("0", 1, false),
];

pub(super) fn boolean(text: &str) -> Option<bool> {
    let matches = |word: &str, enough: usize| {
        text.len() >= enough && word.get(..text.len()).is_some_and(|prefix| prefix.eq_ignore_ascii_case(text))
    };
    BOOLEANS.iter().find(|(word, enough, _)| matches(word, *enough)).map(|(_, _, value)| *value)
}

pub(super) fn integer(text: &str) -> Option<i64> {
    let text = trimmed(text);
    if text.contains(['.', 'e', 'E']) && !is_radix(text) {
        return None;
    }
    match numeric(text)? {
        Numeric::Finite(number) => number.parse().ok(),
        Numeric::NotFinite => None,
    }
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}'])
}

fn is_radix(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    ["0x", "0X", "0o", "0O", "0b", "0B"].iter().any(|prefix| digits.starts_with(prefix))
}

pub(super) fn numeric(text: &str) -> Option<Numeric> {
    let text = trimmed(text);
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    if ["inf", "infinity"].iter().any(|name| digits.eq_ignore_ascii_case(name)) || text.eq_ignore_ascii_case("nan") {
        return Some(Numeric::NotFinite);
    }
    if is_radix(digits) {
        let radix = match digits.as_bytes().get(1) {
            Some(b'x' | b'X') => 16,
            Some(b'o' | b'O') => 8,
            _ => 2,
        };
        let digits = digits.get(2..)?;
        let digits = without_underscores(digits.strip_prefix('_').unwrap_or(digits), radix)?;
        let value = BigInt::parse_bytes(format!("{sign}{digits}").as_bytes(), radix)?;
        return Some(Numeric::Finite(value.to_string()));
    }
    let (mantissa, exponent) = match digits.find(['e', 'E']) {
        Some(at) => (digits.get(..at)?, Some(digits.get(at + 1..)?)),
        None => (digits, None),
    };
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if integer.is_empty() && fraction.is_empty() {
        return None;
    }
    let integer = without_underscores(integer, 10)?;
    let fraction = without_underscores(fraction, 10)?;
    let integer = integer.trim_start_matches('0');
    let mut number = format!("{sign}{}", if integer.is_empty() { "0" } else { integer });
    if !fraction.is_empty() {
        number.push('.');
        number.push_str(&fraction);
    }
    if let Some(exponent) = exponent {
        let (sign, digits) = match exponent.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", exponent.strip_prefix('+').unwrap_or(exponent)),
        };
        let digits = without_underscores(digits, 10).filter(|digits| !digits.is_empty())?;
        number.extend(["e", sign, &digits]);
    }
    decimal::canonical(&number).ok().map(|number| Numeric::Finite(number.into_owned()))
}

/// The digits without single underscores between them.
fn without_underscores(digits: &str, radix: u32) -> Option<String> {
    let is_valid = digits.chars().all(|character| character == '_' || character.is_digit(radix));
    let is_between = !digits.starts_with('_') && !digits.ends_with('_') && !digits.contains("__");
    (is_valid && is_between).then(|| digits.replace('_', ""))
}

pub(super) fn double(text: &str) -> Option<f64> {
    let text = trimmed(text);
    if is_radix(text) {
        return hexadecimal_double(text);
    }
    let value: f64 = text.parse().ok()?;
    let is_named = text.contains(['n', 'N']);
    let has_digits =
        text.bytes().take_while(|byte| !matches!(byte, b'e' | b'E')).any(|byte| (b'1'..=b'9').contains(&byte));
    // What is out of range is an error, also on the side of zero.
    let is_lost = (value.is_infinite() && !is_named) || (value == 0.0 && has_digits);
    (!is_lost).then_some(value)
}

/// C reads hexadecimal numbers too; here without fractions and exponents.
fn hexadecimal_double(text: &str) -> Option<f64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1.0, digits),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"))?;
    let value = u64::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?;
    // What has more than 53 digits in binary is rounded, as in C.
    Some(sign * value as f64)
}

/// A finite number as its cast to `numeric` gives it.
pub(super) fn double_as_numeric(value: f64) -> ValueResult<String> {
    let digits = format!("{value:.LATER_DIGITS$e}");
    let (mantissa, exponent) = digits.split_once('e').unwrap_or((&digits, "0"));
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
    Ok(decimal::canonical(&format!("{mantissa}e{exponent}"))?.into_owned())
}
