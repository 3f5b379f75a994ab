//! The values that are written in a call: read once, and sent to the statement as its parameters, so that nothing of
//! what a client writes becomes a part of its text.

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DECIMAL128_MAX_SCALE};
use datafusion::common::ScalarValue;

/// A constant.
#[derive(Debug, Clone, PartialEq)]
pub enum Constant {
    Null,
    Boolean(bool),
    Integer(i64),
    /// A number with a fraction, or one that is longer: its digits, as they are written.
    Number(String),
    /// What a text in quotes is: its place reads it as what it wants.
    Text(String),
    Array(Vec<Self>),
}

impl Constant {
    /// The value of a parameter. An array is the text that PostgreSQL reads it from, for what its elements are only its
    /// place knows.
    pub(super) fn to_value(&self) -> ScalarValue {
        match self {
            Self::Null => ScalarValue::Null,
            Self::Boolean(value) => ScalarValue::Boolean(Some(*value)),
            Self::Integer(value) => ScalarValue::Int64(Some(*value)),
            Self::Number(text) => decimal(text).unwrap_or_else(|| ScalarValue::Utf8(Some(text.clone()))),
            Self::Text(text) => ScalarValue::Utf8(Some(text.clone())),
            Self::Array(elements) => ScalarValue::Utf8(Some(array_text(elements))),
        }
    }
}

/// A number as a numeric; one of more digits than Arrow's have stays a text.
fn decimal(text: &str) -> Option<ScalarValue> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    let zeros = usize::try_from(-scale.min(0)).ok().filter(|zeros| *zeros <= usize::from(DECIMAL128_MAX_PRECISION))?;
    let digits: i128 = format!("{whole}{fraction}{}", "0".repeat(zeros)).parse().ok()?;
    let scale = i8::try_from(scale.max(0)).ok().filter(|scale| *scale <= DECIMAL128_MAX_SCALE)?;
    (digits.unsigned_abs() < 10_u128.pow(u32::from(DECIMAL128_MAX_PRECISION))).then_some(ScalarValue::Decimal128(
        Some(digits),
        DECIMAL128_MAX_PRECISION,
        scale,
    ))
}

/// An array as a text: `{1,"a \"b\"",NULL}`.
fn array_text(elements: &[Constant]) -> String {
    let texts: Vec<String> = elements.iter().map(element_text).collect();
    format!("{{{}}}", texts.join(","))
}

fn element_text(element: &Constant) -> String {
    match element {
        Constant::Null => "NULL".to_owned(),
        Constant::Boolean(value) => value.to_string(),
        Constant::Integer(value) => value.to_string(),
        Constant::Number(text) => text.clone(),
        Constant::Text(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        Constant::Array(elements) => array_text(elements),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_numerics_as_far_as_arrow_has_them() {
        let decimal = |digits, scale| ScalarValue::Decimal128(Some(digits), 38, scale);
        for (text, expected) in [
            ("1.50", decimal(150, 2)),
            ("-.5", decimal(-5, 1)),
            ("12.5e2", decimal(1_250, 0)),
            ("1e-3", decimal(1, 3)),
            ("99999999999999999999", decimal(99_999_999_999_999_999_999, 0)),
        ] {
            assert_eq!(Constant::Number(text.to_owned()).to_value(), expected, "{text}");
        }
        for text in ["1e39", "1e-39", "1e99999999999", &"9".repeat(39), "0x1F"] {
            assert_eq!(
                Constant::Number(text.to_owned()).to_value(),
                ScalarValue::Utf8(Some(text.to_owned())),
                "{text}"
            );
        }
    }

    #[test]
    fn arrays_are_written_as_postgresql_reads_them() {
        let text = |text: &str| Constant::Text(text.to_owned());
        for (elements, expected) in [
            (vec![], "{}"),
            (vec![Constant::Integer(-1), Constant::Null, Constant::Number("1.50".to_owned())], "{-1,NULL,1.50}"),
            (vec![text("a,b"), text("NULL"), text(""), text("\"\\{")], r#"{"a,b","NULL","","\"\\{"}"#),
            (
                vec![Constant::Array(vec![Constant::Boolean(true)]), Constant::Array(vec![text("x")])],
                "{{true},{\"x\"}}",
            ),
        ] {
            assert_eq!(Constant::Array(elements).to_value(), ScalarValue::Utf8(Some(expected.to_owned())));
        }
    }
}
