//! The values that are written in a call: read once, and sent to the statement as its parameters, so that nothing of
//! what a client writes becomes a part of its text.

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
            Self::Number(text) | Self::Text(text) => ScalarValue::Utf8(Some(text.clone())),
            Self::Array(elements) => ScalarValue::Utf8(Some(array_text(elements))),
        }
    }
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
