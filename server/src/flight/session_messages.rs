//! The messages of Flight's sessions, which arrow-flight does not have. Types and numbers are those of Flight.proto.

use std::collections::BTreeMap;

use prost::{Enumeration, Message, Oneof};

/// A value; without one, the option is reset.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SessionOptionValue {
    #[prost(oneof = "OptionValue", tags = "1, 2, 3, 4, 5")]
    pub(super) option_value: Option<OptionValue>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum OptionValue {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Flag(bool),
    #[prost(sfixed64, tag = "3")]
    Integer(i64),
    #[prost(double, tag = "4")]
    Number(f64),
    #[prost(message, tag = "5")]
    List(StringListValue),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StringListValue {
    #[prost(string, repeated, tag = "1")]
    pub(super) values: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SetSessionOptionsRequest {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(super) session_options: BTreeMap<String, SessionOptionValue>,
}

/// Only of the options that could not be set.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SetSessionOptionsResult {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(super) errors: BTreeMap<String, OptionError>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct OptionError {
    #[prost(enumeration = "ErrorValue", tag = "1")]
    pub(super) value: i32,
}

/// Why an option could not be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(super) enum ErrorValue {
    Unspecified = 0,
    InvalidName = 1,
    InvalidValue = 2,
    Error = 3,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct GetSessionOptionsRequest {}

#[derive(Clone, PartialEq, Message)]
pub(super) struct GetSessionOptionsResult {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(super) session_options: BTreeMap<String, SessionOptionValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct CloseSessionRequest {}

#[derive(Clone, PartialEq, Message)]
pub(super) struct CloseSessionResult {
    #[prost(enumeration = "CloseStatus", tag = "1")]
    pub(super) status: i32,
}

/// What has become of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(super) enum CloseStatus {
    Unspecified = 0,
    Closed = 1,
    Closing = 2,
    NotCloseable = 3,
}

impl From<OptionValue> for SessionOptionValue {
    fn from(value: OptionValue) -> Self {
        Self { option_value: Some(value) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by Python's protobuf from Flight.proto.
    #[test]
    fn messages_are_those_of_the_specification() {
        for (value, bytes) in [
            (OptionValue::Text("UTC".to_owned()), &b"\x0a\x03UTC"[..]),
            (OptionValue::Flag(true), b"\x10\x01"),
            (OptionValue::Integer(5), b"\x19\x05\0\0\0\0\0\0\0"),
            (OptionValue::Number(2.5), b"\x21\0\0\0\0\0\0\x04\x40"),
            (OptionValue::List(StringListValue { values: vec!["a".to_owned()] }), b"\x2a\x03\x0a\x01a"),
        ] {
            let value = SessionOptionValue::from(value);
            assert_eq!(value.encode_to_vec(), bytes);
            assert_eq!(SessionOptionValue::decode(bytes).unwrap(), value);
        }
        let errors = [("x".to_owned(), OptionError { value: ErrorValue::InvalidName.into() })].into();
        assert_eq!(SetSessionOptionsResult { errors }.encode_to_vec(), b"\x0a\x07\x0a\x01x\x12\x02\x08\x01");
        assert_eq!(CloseSessionResult { status: CloseStatus::Closed.into() }.encode_to_vec(), b"\x08\x01");
    }
}
