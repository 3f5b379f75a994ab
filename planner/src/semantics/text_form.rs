//! Values as PostgreSQL prints them (`float8out`, `timestamp_out`, `interval_out`, `bytea_out`, `array_out`), for casts to
//! text. The time zone is UTC.

use std::fmt::Write;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit,
    Time64MicrosecondType, TimeUnit, TimestampMicrosecondType, TimestampNanosecondType,
};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::map_rows;

const SECOND_MICROS: i64 = 1_000_000;
const DAY_MICROS: i64 = 86_400 * SECOND_MICROS;
const MICRO_NANOS: i64 = 1_000;
/// Days of 400 years, after which the calendar repeats.
const ERA_DAYS: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_DAYS: i64 = 719_468;
/// Digits that always survive, from where PostgreSQL writes exponents (`FLT_DIG` and `DBL_DIG` of C).
const FLOAT_DIGITS: i32 = 6;
const DOUBLE_DIGITS: i32 = 15;

/// An expression of this type printed as text of another type, if DataFusion prints it otherwise.
pub(super) fn printed(expression: &Expr, from: &DataType, to: &DataType) -> Option<Expr> {
    if !matches!(to, DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8) || !is_printed(from) {
        return None;
    }
    let signature = Signature::any(1, Volatility::Immutable);
    Some(ScalarUDF::from(TextForm { to: to.clone(), signature }).call(vec![expression.clone()]))
}

fn is_printed(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Float32
            | DataType::Float64
            | DataType::Date32
            | DataType::Time64(TimeUnit::Microsecond)
            | DataType::Timestamp(TimeUnit::Microsecond | TimeUnit::Nanosecond, _)
            | DataType::Interval(IntervalUnit::MonthDayNano)
            | DataType::Binary
            | DataType::BinaryView
            | DataType::LargeBinary
            | DataType::List(_)
    )
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TextForm {
    to: DataType,
    signature: Signature,
}

impl ScalarUDFImpl for TextForm {
    fn name(&self) -> &str {
        "text_form"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(self.to.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        map_rows(&args, |rows| self.print_all(rows))
    }
}

impl TextForm {
    fn print_all(&self, array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
        let mut texts = StringBuilder::new();
        let mut text = String::new();
        for row in 0..array.len() {
            if array.is_null(row) {
                texts.append_null();
                continue;
            }
            text.clear();
            print(array, row, &mut text)?;
            texts.append_value(&text);
        }
        cast(&texts.finish(), &self.to)
    }
}

/// Prints the value of a row.
fn print(array: &ArrayRef, row: usize, text: &mut String) -> Result<(), ArrowError> {
    match array.data_type() {
        DataType::Float32 => {
            let value = array.as_primitive::<Float32Type>().value(row);
            float(&format!("{value:e}"), FLOAT_DIGITS, text);
        }
        DataType::Float64 => {
            let value = array.as_primitive::<Float64Type>().value(row);
            float(&format!("{value:e}"), DOUBLE_DIGITS, text);
        }
        DataType::Date32 => date_and(i64::from(array.as_primitive::<Date32Type>().value(row)), text, |_| {}),
        DataType::Time64(TimeUnit::Microsecond) => time(array.as_primitive::<Time64MicrosecondType>().value(row), text),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            timestamp(array.as_primitive::<TimestampMicrosecondType>().value(row), zone.is_some(), text);
        }
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
            let nanos = array.as_primitive::<TimestampNanosecondType>().value(row);
            timestamp(nanos.div_euclid(MICRO_NANOS), zone.is_some(), text);
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            interval(array.as_primitive::<IntervalMonthDayNanoType>().value(row), text);
        }
        DataType::Binary => bytes(array.as_binary::<i32>().value(row), text),
        DataType::LargeBinary => bytes(array.as_binary::<i64>().value(row), text),
        DataType::BinaryView => bytes(array.as_binary_view().value(row), text),
        DataType::List(_) => list(&array.as_list::<i32>().value(row), text)?,
        DataType::Boolean => text.push(if array.as_boolean().value(row) { 't' } else { 'f' }),
        _ => write_other(array, row, text)?,
    }
    Ok(())
}

/// What Arrow prints as PostgreSQL does: integers, decimals, texts.
fn write_other(array: &ArrayRef, row: usize, text: &mut String) -> Result<(), ArrowError> {
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(array, &options)?;
    write!(text, "{}", formatter.value(row)).map_err(|error| ArrowError::ExternalError(error.into()))
}

/// An array, with quotes where an element would be read as something else.
fn list(elements: &ArrayRef, text: &mut String) -> Result<(), ArrowError> {
    let is_nested = matches!(elements.data_type(), DataType::List(_));
    text.push('{');
    let mut element = String::new();
    for row in 0..elements.len() {
        if row > 0 {
            text.push(',');
        }
        if elements.is_null(row) {
            text.push_str("NULL");
            continue;
        }
        element.clear();
        print(elements, row, &mut element)?;
        if is_nested || !needs_quotes(&element) {
            text.push_str(&element);
            continue;
        }
        text.push('"');
        for letter in element.chars() {
            if matches!(letter, '"' | '\\') {
                text.push('\\');
            }
            text.push(letter);
        }
        text.push('"');
    }
    text.push('}');
    Ok(())
}

fn needs_quotes(element: &str) -> bool {
    let is_special =
        |letter: char| matches!(letter, '"' | '\\' | '{' | '}' | ',' | ' ' | '\t' | '\n' | '\r' | '\x0B' | '\x0C');
    element.is_empty() || element.eq_ignore_ascii_case("null") || element.contains(is_special)
}

fn bytes(value: &[u8], text: &mut String) {
    text.push_str("\\x");
    for byte in value {
        number_of(format_args!("{byte:02x}"), text);
    }
}

/// A number from its shortest digits, in scientific notation as Rust prints it: `1.5e-7`.
fn float(scientific: &str, digits: i32, text: &mut String) {
    let (sign, magnitude) = match scientific.strip_prefix('-') {
        Some(magnitude) => ("-", magnitude),
        None => ("", scientific),
    };
    let Some((mantissa, exponent)) = magnitude.split_once('e') else {
        return match magnitude {
            "inf" => text.extend([sign, "Infinity"]),
            _ => text.push_str("NaN"),
        };
    };
    text.push_str(sign);
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if !(-4..digits).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return number_of(format_args!("{mantissa}e{sign}{:02}", exponent.abs()), text);
    }
    let shown: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    if exponent < 0 {
        text.push_str("0.");
        text.extend(std::iter::repeat_n('0', (-exponent - 1) as usize));
        text.push_str(&shown);
        return;
    }
    let whole = exponent as usize + 1;
    if shown.len() <= whole {
        text.push_str(&shown);
        text.extend(std::iter::repeat_n('0', whole - shown.len()));
    } else {
        let (whole, fraction) = shown.split_at(whole);
        text.extend([whole, ".", fraction]);
    }
}

/// A date, then what comes behind it, then whether it is before Christ. The algorithm is `civil_from_days` of Howard
/// Hinnant's "chrono-Compatible Low-Level Date Algorithms".
fn date_and(days: i64, text: &mut String, behind: impl FnOnce(&mut String)) {
    let days = days + EPOCH_DAYS;
    let (era, day_of_era) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let shown = if year > 0 { year } else { 1 - year };
    number_of(format_args!("{shown:04}-{month:02}-{day:02}"), text);
    behind(text);
    if year <= 0 {
        text.push_str(" BC");
    }
}

fn timestamp(micros: i64, has_zone: bool, text: &mut String) {
    date_and(micros.div_euclid(DAY_MICROS), text, |text| {
        text.push(' ');
        time(micros.rem_euclid(DAY_MICROS), text);
        if has_zone {
            text.push_str("+00");
        }
    });
}

/// A time of day, or a span of hours.
fn time(micros: i64, text: &mut String) {
    let (seconds, fraction) = (micros / SECOND_MICROS, micros % SECOND_MICROS);
    let (minutes, second) = (seconds / 60, seconds % 60);
    number_of(format_args!("{:02}:{:02}:{second:02}", minutes / 60, minutes % 60), text);
    if fraction > 0 {
        let digits = format!("{fraction:06}");
        text.extend([".", digits.trim_end_matches('0')]);
    }
}

/// A sign is written out where the field before it was negative (`EncodeInterval`).
fn interval(value: IntervalMonthDayNano, text: &mut String) {
    let start = text.len();
    let mut before_is_negative = false;
    for (number, unit) in [(value.months / 12, "year"), (value.months % 12, "mon"), (value.days, "day")] {
        if number == 0 {
            continue;
        }
        let space = if text.len() > start { " " } else { "" };
        let plus = if before_is_negative && number > 0 { "+" } else { "" };
        let plural = if number == 1 { "" } else { "s" };
        number_of(format_args!("{space}{plus}{number} {unit}{plural}"), text);
        before_is_negative = number < 0;
    }
    let micros = value.nanoseconds / MICRO_NANOS;
    if micros != 0 || text.len() == start {
        if text.len() > start {
            text.push(' ');
        }
        match micros {
            ..0 => text.push('-'),
            _ if before_is_negative => text.push('+'),
            _ => {}
        }
        time(micros.abs(), text);
    }
}

/// Writing to a text cannot fail.
fn number_of(arguments: std::fmt::Arguments<'_>, text: &mut String) {
    let _ = text.write_fmt(arguments);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(print: impl FnOnce(&mut String)) -> String {
        let mut text = String::new();
        print(&mut text);
        text
    }

    #[test]
    fn floats_have_exponents_where_postgresql_writes_them() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.1, "0.1"),
            (-1234.5, "-1234.5"),
            (1e14, "100000000000000"),
            (1e15, "1e+15"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e300, "1.5e+300"),
            (f64::NEG_INFINITY, "-Infinity"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(printed(|text| float(&format!("{value:e}"), DOUBLE_DIGITS, text)), expected);
        }
    }

    #[test]
    fn moments_before_christ_say_so() {
        assert_eq!(printed(|text| timestamp(0, true, text)), "1970-01-01 00:00:00+00");
        assert_eq!(printed(|text| timestamp(-1, false, text)), "1969-12-31 23:59:59.999999");
        assert_eq!(printed(|text| date_and(-719_163, text, |_| {})), "0001-12-31 BC");
    }

    #[test]
    fn intervals_write_signs_out() {
        let day = DAY_MICROS * MICRO_NANOS;
        for (months, days, nanos, expected) in [
            (0, 0, 0, "00:00:00"),
            (14, 1, day / 2, "1 year 2 mons 1 day 12:00:00"),
            (0, -1, 1_500_000_000, "-1 days +00:00:01.5"),
            (-1, 3, -1_000, "-1 mons +3 days -00:00:00.000001"),
        ] {
            let value = IntervalMonthDayNano::new(months, days, nanos);
            assert_eq!(printed(|text| interval(value, text)), expected);
        }
    }
}
