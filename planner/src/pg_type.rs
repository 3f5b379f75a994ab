//! PostgreSQL's types as expressions have them, and the Arrow types that their values have inside the engine. Several
//! types have the same Arrow type (`text`, `uuid`, `jsonb`), and mean different things by it.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, IntervalUnit, TimeUnit};
use rail_forge_connectors::POSTGRES_TYPE;

/// The type of an expression, without its modifier. The `Any...` are those of arguments that take several types.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum PgType {
    /// Of a text in quotes, NULL, or a parameter, before its surroundings say what it is.
    Unknown,
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Numeric,
    Text,
    Varchar,
    Bpchar,
    Name,
    Bytea,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Interval,
    Uuid,
    Json,
    Jsonb,
    Jsonpath,
    Array(Box<PgType>),
    /// A row with named fields.
    Record(Arc<[(String, PgType)]>),
    /// A type that is kept as the text that PostgreSQL prints: enums, `inet`, ranges, types of extensions.
    Printed(Arc<str>),
    AnyElement,
    AnyArray,
    AnyNonArray,
    AnyCompatible,
    AnyCompatibleArray,
    Any,
}

/// PostgreSQL's groups of types, within which implicit casts are preferred (`typcategory`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Category {
    Boolean,
    Number,
    String,
    DateTime,
    Timespan,
    Array,
    Composite,
    UserDefined,
    Pseudo,
    Unknown,
}

/// Digits of a decimal that holds every value of the integer type.
pub(crate) const SMALLINT_DIGITS: u8 = 5;
pub(crate) const INTEGER_DIGITS: u8 = 10;
pub(crate) const BIGINT_DIGITS: u8 = 19;
/// Decimals that computed numerics are kept with where nothing says how many there are.
pub(crate) const NUMERIC_SCALE: i8 = 20;

/// Names by which types are known, the one that PostgreSQL prints first.
const NAMES: &[(PgType, &[&str])] = &[
    (PgType::Bool, &["boolean", "bool"]),
    (PgType::Int2, &["smallint", "int2"]),
    (PgType::Int4, &["integer", "int4", "int"]),
    (PgType::Int8, &["bigint", "int8"]),
    (PgType::Oid, &["oid"]),
    (PgType::Float4, &["real", "float4"]),
    (PgType::Float8, &["double precision", "float8"]),
    (PgType::Numeric, &["numeric", "decimal"]),
    (PgType::Text, &["text"]),
    (PgType::Varchar, &["character varying", "varchar"]),
    (PgType::Bpchar, &["character", "bpchar"]),
    (PgType::Name, &["name"]),
    (PgType::Bytea, &["bytea"]),
    (PgType::Date, &["date"]),
    (PgType::Time, &["time without time zone", "time"]),
    (PgType::Timestamp, &["timestamp without time zone", "timestamp"]),
    (PgType::Timestamptz, &["timestamp with time zone", "timestamptz"]),
    (PgType::Interval, &["interval"]),
    (PgType::Uuid, &["uuid"]),
    (PgType::Json, &["json"]),
    (PgType::Jsonb, &["jsonb"]),
    (PgType::Jsonpath, &["jsonpath"]),
    (PgType::Unknown, &["unknown"]),
    (PgType::AnyElement, &["anyelement"]),
    (PgType::AnyArray, &["anyarray"]),
    (PgType::AnyNonArray, &["anynonarray"]),
    (PgType::AnyCompatible, &["anycompatible"]),
    (PgType::AnyCompatibleArray, &["anycompatiblearray"]),
    (PgType::Any, &["any"]),
];

impl PgType {
    /// `inet`, of which the engine knows some more than that it is printed.
    pub(crate) fn inet() -> Self {
        Self::Printed("inet".into())
    }

    /// The type of this name, which may have a modifier or `[]` behind it. A name that is not known stands for a type that
    /// is kept as it is printed.
    pub(crate) fn of_name(name: &str) -> Self {
        let name = name.trim();
        if let Some(element) = name.strip_suffix("[]") {
            return Self::Array(Box::new(Self::of_name(element)));
        }
        let plain = without_modifier(name);
        let known = NAMES.iter().find(|(_, names)| names.contains(&plain.as_str()));
        known.map_or_else(|| Self::Printed(name.into()), |(pg_type, _)| pg_type.clone())
    }

    /// The type of a column that PostgreSQL calls so and that has this type in Arrow. Where the two do not go together,
    /// it is a domain, or something that is kept as it is printed.
    pub(crate) fn of_column(name: Option<&str>, data_type: &DataType) -> Self {
        let natural = Self::of_arrow(data_type);
        let Some(name) = name else { return natural };
        let named = Self::of_name(name);
        let of_named = named.arrow();
        let is_text = |data_type: &DataType| data_type.is_string();
        match (&named, data_type) {
            (Self::Printed(_), _) if is_text(data_type) => named,
            (Self::Printed(_), _) => natural,
            (Self::Numeric, data_type) if data_type.is_decimal() => named,
            (Self::Array(_), DataType::List(_)) => named,
            (_, data_type) if is_text(&of_named) && is_text(data_type) => named,
            (_, data_type) if of_named == *data_type => named,
            (_, data_type) if is_text(data_type) => Self::Printed(name.into()),
            _ => natural,
        }
    }

    /// What an Arrow type is without knowing more.
    pub(crate) fn of_arrow(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Self::Bool,
            DataType::Int8 | DataType::UInt8 | DataType::Int16 => Self::Int2,
            DataType::UInt16 | DataType::Int32 => Self::Int4,
            DataType::Int64 => Self::Int8,
            DataType::UInt32 => Self::Oid,
            DataType::UInt64 => Self::Numeric,
            DataType::Float16 | DataType::Float32 => Self::Float4,
            DataType::Float64 => Self::Float8,
            data_type if data_type.is_decimal() => Self::Numeric,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Time32(_) | DataType::Time64(_) => Self::Time,
            DataType::Timestamp(_, None) => Self::Timestamp,
            DataType::Timestamp(_, Some(_)) => Self::Timestamptz,
            DataType::Interval(_) | DataType::Duration(_) => Self::Interval,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
                Self::Bytea
            }
            DataType::List(element)
            | DataType::LargeList(element)
            | DataType::ListView(element)
            | DataType::LargeListView(element)
            | DataType::FixedSizeList(element, _) => Self::Array(Box::new(Self::of_arrow(element.data_type()))),
            DataType::Dictionary(_, values) => Self::of_arrow(values),
            DataType::RunEndEncoded(_, values) => Self::of_arrow(values.data_type()),
            DataType::Struct(fields) => Self::Record(
                fields.iter().map(|field| (field.name().clone(), Self::of_arrow(field.data_type()))).collect(),
            ),
            DataType::Null => Self::Unknown,
            _ => Self::Text,
        }
    }

    /// The Arrow type of computed values. A numeric's digits follow from what it is computed of; what is given here is for
    /// those of which nothing is known.
    pub(crate) fn arrow(&self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int2 => DataType::Int16,
            Self::Int4 => DataType::Int32,
            Self::Int8 => DataType::Int64,
            Self::Oid => DataType::UInt32,
            Self::Float4 => DataType::Float32,
            Self::Float8 => DataType::Float64,
            Self::Numeric => DataType::Decimal128(DECIMAL128_MAX_PRECISION, NUMERIC_SCALE),
            Self::Bytea => DataType::BinaryView,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Timestamptz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
            Self::Array(element) => list_of(element.arrow()),
            Self::Record(fields) => {
                DataType::Struct(fields.iter().map(|(name, pg_type)| Field::new(name, pg_type.arrow(), true)).collect())
            }
            _ => DataType::Utf8View,
        }
    }

    pub(crate) fn category(&self) -> Category {
        match self {
            Self::Unknown => Category::Unknown,
            Self::Bool => Category::Boolean,
            Self::Int2 | Self::Int4 | Self::Int8 | Self::Oid | Self::Float4 | Self::Float8 | Self::Numeric => {
                Category::Number
            }
            Self::Text | Self::Varchar | Self::Bpchar | Self::Name => Category::String,
            Self::Printed(name) if &**name == "citext" || &**name == "\"char\"" => Category::String,
            Self::Date | Self::Time | Self::Timestamp | Self::Timestamptz => Category::DateTime,
            Self::Interval => Category::Timespan,
            Self::Array(_) => Category::Array,
            Self::Record(_) => Category::Composite,
            Self::Bytea | Self::Uuid | Self::Json | Self::Jsonb | Self::Jsonpath | Self::Printed(_) => {
                Category::UserDefined
            }
            Self::AnyElement
            | Self::AnyArray
            | Self::AnyNonArray
            | Self::AnyCompatible
            | Self::AnyCompatibleArray
            | Self::Any => Category::Pseudo,
        }
    }

    /// Whether it is what others of its category are rather cast to.
    pub(crate) fn is_preferred(&self) -> bool {
        matches!(self, Self::Bool | Self::Float8 | Self::Oid | Self::Text | Self::Timestamptz | Self::Interval)
    }

    /// Whether an argument of this type takes several types.
    pub(crate) fn is_polymorphic(&self) -> bool {
        self.category() == Category::Pseudo
    }

    /// Whether its values are texts inside the engine.
    pub(crate) fn is_textual(&self) -> bool {
        self.arrow() == DataType::Utf8View && !self.is_polymorphic()
    }

    /// The type of an array's elements.
    pub(crate) fn element(&self) -> Option<&Self> {
        match self {
            Self::Array(element) => Some(element),
            _ => None,
        }
    }

    /// The type of arrays of it.
    pub(crate) fn array(self) -> Self {
        Self::Array(Box::new(self))
    }
}

/// What PostgreSQL calls the type of a table's or a result's column, without its modifier; a domain is what it is over.
pub fn type_name(field: &Field) -> String {
    let told = field.metadata().get(POSTGRES_TYPE).map(String::as_str);
    match PgType::of_column(told, field.data_type()) {
        // NULL alone.
        PgType::Unknown => PgType::Text.to_string(),
        pg_type => without_modifier(&pg_type.to_string()),
    }
}

/// A list as the engine has them.
pub(crate) fn list_of(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(element, true)))
}

/// `timestamp(3) without time zone` is called `timestamp without time zone`.
fn without_modifier(name: &str) -> String {
    let Some((before, rest)) = name.split_once('(') else { return name.to_owned() };
    let behind = rest.split_once(')').map_or("", |(_, behind)| behind);
    format!("{}{behind}", before.trim_end())
}

impl fmt::Display for PgType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Array(element) => write!(formatter, "{element}[]"),
            Self::Record(_) => formatter.write_str("record"),
            Self::Printed(name) => formatter.write_str(name),
            other => {
                let known = NAMES.iter().find(|(pg_type, _)| pg_type == other);
                formatter.write_str(known.and_then(|(_, names)| names.first()).unwrap_or(&"unknown"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_modifiers_are_those_of_types() {
        for (name, expected) in [
            ("numeric(12,2)", PgType::Numeric),
            ("character varying(20)", PgType::Varchar),
            ("timestamp(3) with time zone", PgType::Timestamptz),
            ("integer[]", PgType::Int4.array()),
            ("mood", PgType::Printed("mood".into())),
        ] {
            assert_eq!(PgType::of_name(name), expected);
        }
    }

    #[test]
    fn columns_of_domains_are_what_they_are_over() {
        assert_eq!(PgType::of_column(Some("price"), &DataType::Int32), PgType::Int4);
        assert_eq!(PgType::of_column(Some("mood"), &DataType::Utf8View), PgType::Printed("mood".into()));
        assert_eq!(PgType::of_column(Some("interval[]"), &DataType::Utf8), PgType::Printed("interval[]".into()));
        assert_eq!(PgType::of_column(Some("uuid"), &DataType::Utf8), PgType::Uuid);
    }

    #[test]
    fn fields_have_the_names_of_their_types() {
        for (told, data_type, name) in [
            (Some("numeric(12,2)"), DataType::Decimal128(12, 2), "numeric"),
            (Some("character varying(20)"), DataType::Utf8, "character varying"),
            (Some("timestamp(3) with time zone"), PgType::Timestamptz.arrow(), "timestamp with time zone"),
            (Some("bit varying(5)"), DataType::Utf8, "bit varying"),
            (Some("price"), DataType::Int32, "integer"),
            (Some("numeric(4,1)[]"), list_of(DataType::Decimal128(4, 1)), "numeric[]"),
            (Some("bytea"), DataType::Binary, "bytea"),
            (None, DataType::Int64, "bigint"),
            (None, DataType::Null, "text"),
        ] {
            let metadata = told.map(|told| (POSTGRES_TYPE.to_owned(), told.to_owned())).into_iter().collect();
            assert_eq!(type_name(&Field::new("x", data_type, true).with_metadata(metadata)), name);
        }
    }
}
