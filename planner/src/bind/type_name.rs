//! Types as SQL names them.

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, CharacterLength, DataType, ExactNumberInfo, IntervalFields, ObjectName, TimezoneInfo,
};

use super::names::{folded, parts};
use crate::error::{Error, Result};
use crate::pg_type::PgType;

/// What stands in parentheses behind a type's name, or in an interval's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Modifier {
    None,
    /// `numeric(p, s)`.
    Digits {
        precision: u16,
        scale: i16,
    },
    /// Characters of `varchar(n)` and `char(n)`.
    Length(u32),
    /// Decimals of seconds.
    Seconds(u8),
}

/// PostgreSQL's limit of a numeric's precision.
const MAX_PRECISION: u64 = 1_000;
/// Of `varchar(n)`.
const MAX_LENGTH: u64 = 10_485_760;

/// # Errors
/// When casts know no such type.
pub(crate) fn check(data_type: &DataType) -> Result<()> {
    read(data_type).map(|_| ())
}

/// The type and its modifier.
pub(super) fn read(data_type: &DataType) -> Result<(PgType, Modifier)> {
    let plain = |pg_type| Ok((pg_type, Modifier::None));
    match data_type {
        DataType::Boolean | DataType::Bool => plain(PgType::Bool),
        DataType::SmallInt(_) | DataType::Int2(_) => plain(PgType::Int2),
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => plain(PgType::Int4),
        DataType::BigInt(_) | DataType::Int8(_) => plain(PgType::Int8),
        DataType::Real | DataType::Float4 => plain(PgType::Float4),
        DataType::Float8 | DataType::DoublePrecision | DataType::Double(_) => plain(PgType::Float8),
        DataType::Float(ExactNumberInfo::None) => plain(PgType::Float8),
        DataType::Float(ExactNumberInfo::Precision(1..=24)) => plain(PgType::Float4),
        DataType::Float(ExactNumberInfo::Precision(25..=53)) => plain(PgType::Float8),
        DataType::Numeric(digits) | DataType::Decimal(digits) | DataType::Dec(digits) => {
            Ok((PgType::Numeric, self::digits(digits)?))
        }
        DataType::Text => plain(PgType::Text),
        DataType::CharacterVarying(length) | DataType::CharVarying(length) | DataType::Varchar(length) => {
            Ok((PgType::Varchar, self::length(length.as_ref(), None)?))
        }
        // Without a length it is one character.
        DataType::Character(length) | DataType::Char(length) => {
            Ok((PgType::Bpchar, self::length(length.as_ref(), Some(1))?))
        }
        DataType::Bytea => plain(PgType::Bytea),
        DataType::Date => plain(PgType::Date),
        DataType::Time(precision, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            Ok((PgType::Time, seconds(*precision)))
        }
        DataType::Timestamp(precision, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            Ok((PgType::Timestamp, seconds(*precision)))
        }
        DataType::Timestamp(precision, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => {
            Ok((PgType::Timestamptz, seconds(*precision)))
        }
        DataType::Interval { fields: None, precision } => Ok((PgType::Interval, seconds(*precision))),
        DataType::Uuid => plain(PgType::Uuid),
        DataType::JSON => plain(PgType::Json),
        DataType::JSONB => plain(PgType::Jsonb),
        DataType::Array(ArrayElemTypeDef::SquareBracket(element, _) | ArrayElemTypeDef::AngleBracket(element)) => {
            let (element, modifier) = read(element)?;
            // Arrays of arrays are of the same type as arrays.
            let array = if element.element().is_some() { element } else { element.array() };
            Ok((array, modifier))
        }
        DataType::Custom(name, arguments) => custom(name, arguments),
        other => Err(unknown(&other.to_string())),
    }
}

/// Types that the parser does not know by name.
fn custom(name: &ObjectName, arguments: &[String]) -> Result<(PgType, Modifier)> {
    let name: Vec<String> = parts(name).iter().map(folded).collect();
    let name = match name.as_slice() {
        [name] => name,
        [schema, name] if schema == "pg_catalog" => name,
        _ => return Err(unknown(&name.join("."))),
    };
    let number = |text: &String| text.trim().parse::<u64>().ok();
    let modifier = |read: fn(u64) -> Modifier| match arguments {
        [argument] => number(argument).map_or(Modifier::None, read),
        _ => Modifier::None,
    };
    match PgType::of_name(name) {
        PgType::Printed(_) if !matches!(name.as_str(), "citext" | "inet") => Err(unknown(name)),
        PgType::Timestamptz => Ok((PgType::Timestamptz, modifier(|digits| seconds(Some(digits))))),
        PgType::Bpchar => {
            let length = |length: u64| Modifier::Length(u32::try_from(length).unwrap_or(u32::MAX));
            Ok((PgType::Bpchar, modifier(length)))
        }
        pg_type if pg_type.is_polymorphic() => Err(unknown(name)),
        pg_type => Ok((pg_type, Modifier::None)),
    }
}

fn unknown(name: &str) -> Error {
    Error::Unsupported(format!("not supported: type {} in a query", name.to_lowercase()))
}

fn digits(info: &ExactNumberInfo) -> Result<Modifier> {
    let (precision, scale) = match info {
        ExactNumberInfo::None => return Ok(Modifier::None),
        ExactNumberInfo::Precision(precision) => (*precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (*precision, *scale),
    };
    if !(1..=MAX_PRECISION).contains(&precision) {
        return Err(Error::Query(format!("NUMERIC precision {precision} must be between 1 and {MAX_PRECISION}")));
    }
    match (u16::try_from(precision), i16::try_from(scale)) {
        (Ok(precision), Ok(scale)) if (-1_000..=1_000).contains(&scale) => Ok(Modifier::Digits { precision, scale }),
        _ => Err(Error::Query(format!("NUMERIC scale {scale} must be between -1000 and 1000"))),
    }
}

fn length(length: Option<&CharacterLength>, default: Option<u32>) -> Result<Modifier> {
    match length {
        None => Ok(default.map_or(Modifier::None, Modifier::Length)),
        Some(CharacterLength::IntegerLength { length, .. }) if (1..=MAX_LENGTH).contains(length) => {
            Ok(Modifier::Length(u32::try_from(*length).unwrap_or(u32::MAX)))
        }
        Some(other) => {
            Err(Error::Query(format!("length {other} of a character type must be between 1 and {MAX_LENGTH}")))
        }
    }
}

/// More than six decimals are six, with a warning in PostgreSQL.
fn seconds(precision: Option<u64>) -> Modifier {
    precision.map_or(Modifier::None, |digits| Modifier::Seconds(u8::try_from(digits.min(6)).unwrap_or(6)))
}

/// The name that PostgreSQL knows a type by inside (`typname`).
pub(super) fn internal_name(pg_type: &PgType) -> String {
    let name = match pg_type {
        PgType::Bool => "bool",
        PgType::Int2 => "int2",
        PgType::Int4 => "int4",
        PgType::Int8 => "int8",
        PgType::Float4 => "float4",
        PgType::Float8 => "float8",
        PgType::Varchar => "varchar",
        PgType::Bpchar => "bpchar",
        PgType::Time => "time",
        PgType::Timestamp => "timestamp",
        PgType::Timestamptz => "timestamptz",
        PgType::Array(element) => return internal_name(element),
        other => return other.to_string(),
    };
    name.to_owned()
}

/// The fields of `INTERVAL '1' DAY TO SECOND`, as PostgreSQL writes them.
pub(super) fn interval_fields(fields: &IntervalFields) -> String {
    fields.to_string().to_lowercase()
}
