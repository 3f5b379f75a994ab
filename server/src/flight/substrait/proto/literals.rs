//! `Expression.Literal` of `algebra.proto`, and `type.proto`.

use prost::{Message, Oneof};

use super::Untaken;

#[derive(Clone, PartialEq, Message)]
pub struct Literal {
    #[prost(
        oneof = "LiteralType",
        tags = "1, 2, 3, 5, 7, 10, 11, 12, 13, 14, 16, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, \
                34, 35, 36, 37"
    )]
    pub literal_type: Option<LiteralType>,
    #[prost(uint32, tag = "51")]
    pub type_variation_reference: u32,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum LiteralType {
    #[prost(bool, tag = "1")]
    Boolean(bool),
    #[prost(int32, tag = "2")]
    I8(i32),
    #[prost(int32, tag = "3")]
    I16(i32),
    #[prost(int32, tag = "5")]
    I32(i32),
    #[prost(int64, tag = "7")]
    I64(i64),
    #[prost(float, tag = "10")]
    Fp32(f32),
    #[prost(double, tag = "11")]
    Fp64(f64),
    #[prost(string, tag = "12")]
    String(String),
    #[prost(bytes = "vec", tag = "13")]
    Binary(Vec<u8>),
    /// Microseconds, as those of the next two without a precision, in plans of before 0.88.
    #[prost(int64, tag = "14")]
    Timestamp(i64),
    #[prost(int32, tag = "16")]
    Date(i32),
    #[prost(int64, tag = "17")]
    Time(i64),
    #[prost(message, tag = "19")]
    IntervalYearToMonth(IntervalYearToMonth),
    #[prost(message, tag = "20")]
    IntervalDayToSecond(IntervalDayToSecond),
    #[prost(string, tag = "21")]
    FixedChar(String),
    #[prost(message, tag = "22")]
    VarChar(VarCharLiteral),
    #[prost(bytes = "vec", tag = "23")]
    FixedBinary(Vec<u8>),
    #[prost(message, tag = "24")]
    Decimal(DecimalLiteral),
    #[prost(message, tag = "25")]
    Struct(Untaken),
    #[prost(message, tag = "26")]
    Map(Untaken),
    #[prost(int64, tag = "27")]
    TimestampTz(i64),
    #[prost(bytes = "vec", tag = "28")]
    Uuid(Vec<u8>),
    #[prost(message, tag = "29")]
    Null(Type),
    #[prost(message, tag = "30")]
    List(Untaken),
    #[prost(message, tag = "31")]
    EmptyList(Untaken),
    #[prost(message, tag = "32")]
    EmptyMap(Untaken),
    #[prost(message, tag = "33")]
    UserDefined(Untaken),
    #[prost(message, tag = "34")]
    PrecisionTimestamp(PrecisionLiteral),
    #[prost(message, tag = "35")]
    PrecisionTimestampTz(PrecisionLiteral),
    #[prost(message, tag = "36")]
    IntervalCompound(IntervalCompound),
    #[prost(message, tag = "37")]
    PrecisionTime(PrecisionLiteral),
}

/// `Expression.Literal.Struct`.
#[derive(Clone, PartialEq, Message)]
pub struct LiteralStruct {
    #[prost(message, repeated, tag = "1")]
    pub fields: Vec<Literal>,
}

#[derive(Clone, PartialEq, Message)]
pub struct VarCharLiteral {
    #[prost(string, tag = "1")]
    pub value: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct DecimalLiteral {
    /// An integer of 16 bytes, the lowest first.
    #[prost(bytes = "vec", tag = "1")]
    pub value: Vec<u8>,
    #[prost(int32, tag = "3")]
    pub scale: i32,
}

/// A time or a moment, in units of 10 to the power of `-precision` seconds.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct PrecisionLiteral {
    #[prost(int32, tag = "1")]
    pub precision: i32,
    #[prost(int64, tag = "2")]
    pub value: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct IntervalYearToMonth {
    #[prost(int32, tag = "1")]
    pub years: i32,
    #[prost(int32, tag = "2")]
    pub months: i32,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct IntervalDayToSecond {
    #[prost(int32, tag = "1")]
    pub days: i32,
    #[prost(int32, tag = "2")]
    pub seconds: i32,
    #[prost(oneof = "PrecisionMode", tags = "3, 4")]
    pub precision_mode: Option<PrecisionMode>,
    #[prost(int64, tag = "5")]
    pub subseconds: i64,
}

#[derive(Clone, Copy, PartialEq, Oneof)]
pub enum PrecisionMode {
    #[prost(int32, tag = "3")]
    Microseconds(i32),
    /// That of `subseconds`.
    #[prost(int32, tag = "4")]
    Precision(i32),
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct IntervalCompound {
    #[prost(message, optional, tag = "1")]
    pub interval_year_to_month: Option<IntervalYearToMonth>,
    #[prost(message, optional, tag = "2")]
    pub interval_day_to_second: Option<IntervalDayToSecond>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Type {
    #[prost(
        oneof = "Kind",
        tags = "1, 2, 3, 5, 7, 10, 11, 12, 13, 14, 16, 17, 19, 20, 21, 22, 23, 24, 25, 27, 28, 29, 30, 32, 33, 34, 35, \
                36, 37, 38"
    )]
    pub kind: Option<Kind>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum Kind {
    #[prost(message, tag = "1")]
    Bool(Untaken),
    #[prost(message, tag = "2")]
    I8(IntegerType),
    #[prost(message, tag = "3")]
    I16(IntegerType),
    #[prost(message, tag = "5")]
    I32(IntegerType),
    #[prost(message, tag = "7")]
    I64(IntegerType),
    #[prost(message, tag = "10")]
    Fp32(Untaken),
    #[prost(message, tag = "11")]
    Fp64(Untaken),
    #[prost(message, tag = "12")]
    String(Untaken),
    #[prost(message, tag = "13")]
    Binary(Untaken),
    #[prost(message, tag = "14")]
    Timestamp(Untaken),
    #[prost(message, tag = "16")]
    Date(Untaken),
    #[prost(message, tag = "17")]
    Time(Untaken),
    #[prost(message, tag = "19")]
    IntervalYear(Untaken),
    #[prost(message, tag = "20")]
    IntervalDay(Untaken),
    #[prost(message, tag = "21")]
    FixedChar(SizedType),
    #[prost(message, tag = "22")]
    VarChar(SizedType),
    #[prost(message, tag = "23")]
    FixedBinary(Untaken),
    #[prost(message, tag = "24")]
    Decimal(DecimalType),
    #[prost(message, tag = "25")]
    Struct(Untaken),
    #[prost(message, tag = "27")]
    List(Box<ListType>),
    #[prost(message, tag = "28")]
    Map(Untaken),
    #[prost(message, tag = "29")]
    TimestampTz(Untaken),
    #[prost(message, tag = "30")]
    UserDefined(Untaken),
    #[prost(message, tag = "32")]
    Uuid(Untaken),
    #[prost(message, tag = "33")]
    PrecisionTimestamp(PrecisionType),
    #[prost(message, tag = "34")]
    PrecisionTimestampTz(PrecisionType),
    #[prost(message, tag = "35")]
    IntervalCompound(Untaken),
    #[prost(message, tag = "36")]
    PrecisionTime(PrecisionType),
    #[prost(message, tag = "37")]
    Alias(Untaken),
    #[prost(message, tag = "38")]
    Func(Untaken),
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct IntegerType {
    #[prost(uint32, tag = "1")]
    pub type_variation_reference: u32,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct SizedType {
    #[prost(int32, tag = "1")]
    pub length: i32,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct DecimalType {
    #[prost(int32, tag = "1")]
    pub scale: i32,
    #[prost(int32, tag = "2")]
    pub precision: i32,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct PrecisionType {
    #[prost(int32, tag = "1")]
    pub precision: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct ListType {
    #[prost(message, optional, tag = "1")]
    pub r#type: Option<Type>,
}
