//! PostgreSQL's types as ODBC and JDBC ask for them: how large their values are, how they are written, what can be
//! compared. One list, for GetXdbcTypeInfo and for what is told of each column of a result.

use std::sync::LazyLock;

use arrow_flight::error::FlightError;
use arrow_flight::sql::metadata::{XdbcTypeInfo, XdbcTypeInfoData, XdbcTypeInfoDataBuilder};
use arrow_flight::sql::{Nullable, Searchable, XdbcDataType, XdbcDatetimeSubcode};
use tonic::Status;

/// Characters or bytes of types without a limit of their own: the largest a column may be declared with.
/// A client that is told none takes a small one, and cuts off what is longer.
pub(super) const LONGEST: i32 = 10_485_760;
/// Digits of the widest decimal that Arrow has. A `numeric` with more comes as text.
const DECIMAL_DIGITS: i32 = 76;
/// Digits of fractions of a second.
pub(super) const MICROSECONDS: i32 = 6;

/// What a type is to ODBC and JDBC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Integer,
    Float,
    Numeric,
    Text,
    /// Text that is compared as a whole, and with LIKE only once it is cast.
    Exact,
    /// Text that compares with nothing.
    Opaque,
    Binary,
    Time,
    Interval,
}

/// One of PostgreSQL's types.
#[derive(Debug)]
pub(super) struct Type {
    /// As PostgreSQL prints it.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    xdbc: XdbcDataType,
    /// Digits of numbers, characters of texts and of what is written of times, bytes; none where nothing bounds them.
    pub(super) size: Option<i32>,
    subcode: Option<XdbcDatetimeSubcode>,
}

const fn of(name: &'static str, kind: Kind, xdbc: XdbcDataType, size: i32) -> Type {
    Type { name, kind, xdbc, size: Some(size), subcode: None }
}

const fn of_time(name: &'static str, xdbc: XdbcDataType, size: i32, subcode: XdbcDatetimeSubcode) -> Type {
    Type { name, kind: Kind::Time, xdbc, size: Some(size), subcode: Some(subcode) }
}

/// The sizes are those of ODBC's appendix on column sizes.
static TYPES: &[Type] = &[
    of("boolean", Kind::Boolean, XdbcDataType::XdbcBit, 1),
    of("smallint", Kind::Integer, XdbcDataType::XdbcSmallint, 5),
    of("integer", Kind::Integer, XdbcDataType::XdbcInteger, 10),
    of("bigint", Kind::Integer, XdbcDataType::XdbcBigint, 19),
    of("oid", Kind::Integer, XdbcDataType::XdbcInteger, 10),
    of("real", Kind::Float, XdbcDataType::XdbcReal, 7),
    of("double precision", Kind::Float, XdbcDataType::XdbcDouble, 15),
    of("numeric", Kind::Numeric, XdbcDataType::XdbcNumeric, DECIMAL_DIGITS),
    of("character", Kind::Text, XdbcDataType::XdbcChar, LONGEST),
    of("character varying", Kind::Text, XdbcDataType::XdbcVarchar, LONGEST),
    of("text", Kind::Text, XdbcDataType::XdbcVarchar, LONGEST),
    of("name", Kind::Text, XdbcDataType::XdbcVarchar, 63),
    of("uuid", Kind::Exact, XdbcDataType::XdbcVarchar, 36),
    of("json", Kind::Opaque, XdbcDataType::XdbcVarchar, LONGEST),
    of("jsonb", Kind::Exact, XdbcDataType::XdbcVarchar, LONGEST),
    of("bytea", Kind::Binary, XdbcDataType::XdbcVarbinary, LONGEST),
    // The enumeration calls 1 a year, which in ODBC, whose numbers they are, is a date.
    of_time("date", XdbcDataType::XdbcDate, 10, XdbcDatetimeSubcode::XdbcSubcodeYear),
    of_time("time without time zone", XdbcDataType::XdbcTime, 15, XdbcDatetimeSubcode::XdbcSubcodeTime),
    of_time("timestamp without time zone", XdbcDataType::XdbcTimestamp, 26, XdbcDatetimeSubcode::XdbcSubcodeTimestamp),
    of_time(
        "timestamp with time zone",
        XdbcDataType::XdbcTimestamp,
        26,
        XdbcDatetimeSubcode::XdbcSubcodeTimestampWithTimezone,
    ),
    Type { name: "interval", kind: Kind::Interval, xdbc: XdbcDataType::XdbcInterval, size: None, subcode: None },
];

/// The type of a name without a modifier.
pub(super) fn find(name: &str) -> Option<&'static Type> {
    TYPES.iter().find(|own| own.name == name)
}

impl Type {
    fn info(&self) -> XdbcTypeInfo {
        let is_number = matches!(self.kind, Kind::Integer | Kind::Float | Kind::Numeric);
        let (prefix, suffix) = match self.kind {
            Kind::Boolean | Kind::Integer | Kind::Float | Kind::Numeric => (None, None),
            Kind::Binary => (Some("'\\x"), Some("'")),
            Kind::Text | Kind::Exact | Kind::Opaque | Kind::Time | Kind::Interval => (Some("'"), Some("'")),
        };
        let (minimum_scale, maximum_scale) = match self.kind {
            Kind::Integer => (Some(0), Some(0)),
            Kind::Numeric => (Some(0), Some(DECIMAL_DIGITS)),
            Kind::Time if self.xdbc != XdbcDataType::XdbcDate => (Some(0), Some(MICROSECONDS)),
            _ => (None, None),
        };
        let create_params: &[&str] = match self.name {
            "numeric" => &["precision", "scale"],
            "character" | "character varying" => &["length"],
            _ => &[],
        };
        XdbcTypeInfo {
            type_name: self.name.to_owned(),
            data_type: self.xdbc,
            column_size: self.size,
            literal_prefix: prefix.map(str::to_owned),
            literal_suffix: suffix.map(str::to_owned),
            create_params: Some(create_params.iter().map(|param| (*param).to_owned()).collect()),
            nullable: Nullable::NullabilityNullable,
            case_sensitive: matches!(self.kind, Kind::Text | Kind::Opaque) || self.name == "jsonb",
            searchable: match self.kind {
                Kind::Text => Searchable::Full,
                Kind::Opaque => Searchable::None,
                _ => Searchable::Basic,
            },
            unsigned_attribute: is_number.then_some(self.name == "oid"),
            fixed_prec_scale: false,
            // Nothing is inserted here.
            auto_increment: is_number.then_some(false),
            local_type_name: None,
            minimum_scale,
            maximum_scale,
            // Times have one type for all of them here, which the subcode tells apart.
            sql_data_type: if self.subcode.is_some() { XdbcDataType::XdbcDatetime } else { self.xdbc },
            datetime_subcode: self.subcode,
            num_prec_radix: is_number.then_some(10),
            interval_precision: None,
        }
    }
}

static ALL: LazyLock<Result<XdbcTypeInfoData, FlightError>> = LazyLock::new(|| {
    let mut builder = XdbcTypeInfoDataBuilder::new();
    for own in TYPES {
        builder.append(own.info());
    }
    builder.build()
});

/// Every type, as GetXdbcTypeInfo answers it.
pub(super) fn all() -> Result<&'static XdbcTypeInfoData, Status> {
    ALL.as_ref().map_err(|error| Status::internal(error.to_string()))
}
