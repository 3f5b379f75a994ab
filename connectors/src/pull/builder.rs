//! Arrow builders that take cells from ConnectorX's binary parser, one column each. Refuses values that
//! Arrow has no place for (infinite dates, numbers that do not fit) instead of rounding or clamping them.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder, Float64Builder,
    Int16Builder, Int32Builder, Int64Builder, ListBuilder, StringBuilder, Time64MicrosecondBuilder,
    TimestampMicrosecondBuilder, UInt32Builder,
};
use arrow::datatypes::DataType;
use connectorx::sources::Produce;
use connectorx::sources::postgres::{PostgresBinarySourcePartitionParser, PostgresSourceError};
use uuid::Uuid;

use super::numeric;
use crate::column_type::{Cell, ColumnPlan};

pub(super) type Parser<'a> = PostgresBinarySourcePartitionParser<'a>;

/// Microseconds of a day: `24:00:00`, which PostgreSQL allows and Arrow's time of day does not.
const DAY_MICROS: i64 = 86_400_000_000;
/// From PostgreSQL's epoch, 2000-01-01, to Arrow's, 1970-01-01.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * DAY_MICROS;

/// Why a cell could not be taken.
#[derive(Debug)]
pub(super) enum CellError {
    /// The value has no place in the column's Arrow type.
    Value(String),
    /// The parser failed: the connection broke, or the bytes are not what the type promises.
    Parser(PostgresSourceError),
}

impl From<PostgresSourceError> for CellError {
    fn from(error: PostgresSourceError) -> Self {
        Self::Parser(error)
    }
}

/// Builds one column of a batch.
#[derive(Debug)]
pub(super) enum ColumnBuilder {
    Bool(BooleanBuilder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    UInt32(UInt32Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Decimal(Decimal128Builder, i8),
    Text(StringBuilder),
    PaddedText(StringBuilder),
    Jsonb(StringBuilder),
    Binary(BinaryBuilder),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    Uuid(StringBuilder),
    BoolList(ListBuilder<BooleanBuilder>),
    Int16List(ListBuilder<Int16Builder>),
    Int32List(ListBuilder<Int32Builder>),
    Int64List(ListBuilder<Int64Builder>),
    Float32List(ListBuilder<Float32Builder>),
    Float64List(ListBuilder<Float64Builder>),
    TextList(ListBuilder<StringBuilder>),
}

impl ColumnBuilder {
    /// A builder for the column, with room for `rows` cells.
    pub(super) fn new(plan: &ColumnPlan, rows: usize) -> Self {
        let data_type: &DataType = plan.field.data_type();
        match plan.cell {
            Cell::Bool => Self::Bool(BooleanBuilder::with_capacity(rows)),
            Cell::Int16 => Self::Int16(Int16Builder::with_capacity(rows)),
            Cell::Int32 => Self::Int32(Int32Builder::with_capacity(rows)),
            Cell::Int64 => Self::Int64(Int64Builder::with_capacity(rows)),
            Cell::UInt32 => Self::UInt32(UInt32Builder::with_capacity(rows)),
            Cell::Float32 => Self::Float32(Float32Builder::with_capacity(rows)),
            Cell::Float64 => Self::Float64(Float64Builder::with_capacity(rows)),
            Cell::Decimal { scale } => {
                Self::Decimal(Decimal128Builder::with_capacity(rows).with_data_type(data_type.clone()), scale)
            }
            Cell::Text => Self::Text(StringBuilder::new()),
            Cell::PaddedText => Self::PaddedText(StringBuilder::new()),
            Cell::Jsonb => Self::Jsonb(StringBuilder::new()),
            Cell::Binary => Self::Binary(BinaryBuilder::new()),
            Cell::Date => Self::Date(Date32Builder::with_capacity(rows)),
            Cell::Time => Self::Time(Time64MicrosecondBuilder::with_capacity(rows)),
            Cell::Timestamp => {
                Self::Timestamp(TimestampMicrosecondBuilder::with_capacity(rows).with_data_type(data_type.clone()))
            }
            Cell::Uuid => Self::Uuid(StringBuilder::new()),
            Cell::BoolList => Self::BoolList(ListBuilder::default()),
            Cell::Int16List => Self::Int16List(ListBuilder::default()),
            Cell::Int32List => Self::Int32List(ListBuilder::default()),
            Cell::Int64List => Self::Int64List(ListBuilder::default()),
            Cell::Float32List => Self::Float32List(ListBuilder::default()),
            Cell::Float64List => Self::Float64List(ListBuilder::default()),
            Cell::TextList => Self::TextList(ListBuilder::default()),
        }
    }

    /// Takes the parser's next cell and says how many bytes of values it added.
    pub(super) fn append(&mut self, parser: &mut Parser<'_>) -> Result<usize, CellError> {
        let added = match self {
            Self::Bool(builder) => {
                builder.append_option(parser.produce()?);
                1
            }
            Self::Int16(builder) => {
                builder.append_option(parser.produce()?);
                2
            }
            Self::Int32(builder) => {
                builder.append_option(parser.produce()?);
                4
            }
            Self::Int64(builder) => {
                builder.append_option(parser.produce()?);
                8
            }
            Self::UInt32(builder) => {
                builder.append_option(parser.produce()?);
                4
            }
            Self::Float32(builder) => {
                builder.append_option(parser.produce()?);
                4
            }
            Self::Float64(builder) => {
                builder.append_option(parser.produce()?);
                8
            }
            Self::Decimal(builder, scale) => {
                let bytes: Option<Vec<u8>> = parser.produce()?;
                builder.append_option(bytes.map(|bytes| numeric::unscaled(&bytes, *scale)).transpose()?);
                16
            }
            Self::Text(builder) => {
                let text: Option<&str> = parser.produce()?;
                builder.append_option(text);
                text.map_or(0, str::len)
            }
            Self::PaddedText(builder) => {
                let text: Option<&str> = parser.produce()?;
                let text = text.map(|text| text.trim_end_matches(' '));
                builder.append_option(text);
                text.map_or(0, str::len)
            }
            Self::Jsonb(builder) => {
                let text: Option<&str> = parser.produce()?;
                builder.append_option(text.map(without_version).transpose()?);
                text.map_or(0, str::len)
            }
            Self::Binary(builder) => {
                let bytes: Option<Vec<u8>> = parser.produce()?;
                builder.append_option(bytes.as_deref());
                bytes.map_or(0, |bytes| bytes.len())
            }
            Self::Date(builder) => {
                let days: Option<i32> = parser.produce()?;
                builder.append_option(days.map(date).transpose()?);
                4
            }
            Self::Time(builder) => {
                let micros: Option<i64> = parser.produce()?;
                if micros == Some(DAY_MICROS) {
                    return Err(CellError::Value("24:00:00 is not a time of day in Arrow".to_owned()));
                }
                builder.append_option(micros);
                8
            }
            Self::Timestamp(builder) => {
                let micros: Option<i64> = parser.produce()?;
                builder.append_option(micros.map(timestamp).transpose()?);
                8
            }
            Self::Uuid(builder) => {
                let bytes: Option<Vec<u8>> = parser.produce()?;
                let uuid = bytes.map(|bytes| Uuid::from_slice(&bytes)).transpose();
                let uuid = uuid.map_err(|error| CellError::Value(error.to_string()))?;
                let mut buffer = Uuid::encode_buffer();
                builder.append_option(uuid.map(|uuid| &*uuid.hyphenated().encode_lower(&mut buffer)));
                36
            }
            Self::BoolList(builder) => append_list::<bool, _>(builder, parser, 1)?,
            Self::Int16List(builder) => append_list::<i16, _>(builder, parser, 2)?,
            Self::Int32List(builder) => append_list::<i32, _>(builder, parser, 4)?,
            Self::Int64List(builder) => append_list::<i64, _>(builder, parser, 8)?,
            Self::Float32List(builder) => append_list::<f32, _>(builder, parser, 4)?,
            Self::Float64List(builder) => append_list::<f64, _>(builder, parser, 8)?,
            Self::TextList(builder) => append_list::<String, _>(builder, parser, 16)?,
        };
        Ok(added)
    }

    /// The column's array; the builder is empty afterwards.
    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Bool(builder) => Arc::new(builder.finish()),
            Self::Int16(builder) => Arc::new(builder.finish()),
            Self::Int32(builder) => Arc::new(builder.finish()),
            Self::Int64(builder) => Arc::new(builder.finish()),
            Self::UInt32(builder) => Arc::new(builder.finish()),
            Self::Float32(builder) => Arc::new(builder.finish()),
            Self::Float64(builder) => Arc::new(builder.finish()),
            Self::Decimal(builder, _) => Arc::new(builder.finish()),
            Self::Text(builder) | Self::PaddedText(builder) | Self::Jsonb(builder) | Self::Uuid(builder) => {
                Arc::new(builder.finish())
            }
            Self::Binary(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Time(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish()),
            Self::BoolList(builder) => Arc::new(builder.finish()),
            Self::Int16List(builder) => Arc::new(builder.finish()),
            Self::Int32List(builder) => Arc::new(builder.finish()),
            Self::Int64List(builder) => Arc::new(builder.finish()),
            Self::Float32List(builder) => Arc::new(builder.finish()),
            Self::Float64List(builder) => Arc::new(builder.finish()),
            Self::TextList(builder) => Arc::new(builder.finish()),
        }
    }
}

/// A one-dimensional array; `element_bytes` is the size of an element, or an estimate.
fn append_list<T, B>(
    builder: &mut ListBuilder<B>,
    parser: &mut Parser<'_>,
    element_bytes: usize,
) -> Result<usize, CellError>
where
    B: arrow::array::ArrayBuilder + Extend<Option<T>>,
    for<'r, 'a> Parser<'a>: Produce<'r, Option<Vec<Option<T>>>, Error = PostgresSourceError>,
{
    let elements: Option<Vec<Option<T>>> = parser.produce()?;
    let Some(elements) = elements else {
        builder.append_null();
        return Ok(0);
    };
    let bytes = elements.len() * element_bytes;
    builder.values().extend(elements);
    builder.append(true);
    Ok(bytes)
}

/// `jsonb` comes as its version, the byte 1, and its text.
fn without_version(text: &str) -> Result<&str, CellError> {
    text.strip_prefix('\u{1}').ok_or_else(|| CellError::Value("jsonb of an unknown version".to_owned()))
}

/// Days since 1970-01-01. PostgreSQL's infinities are the smallest and the largest number.
fn date(days: i32) -> Result<i32, CellError> {
    if days == i32::MAX || days == i32::MIN {
        return Err(infinite());
    }
    days.checked_add(EPOCH_DAYS).ok_or_else(infinite)
}

/// Microseconds since 1970-01-01, likewise.
fn timestamp(micros: i64) -> Result<i64, CellError> {
    if micros == i64::MAX || micros == i64::MIN {
        return Err(infinite());
    }
    micros.checked_add(EPOCH_MICROS).ok_or_else(|| CellError::Value("a timestamp beyond Arrow's range".to_owned()))
}

fn infinite() -> CellError {
    CellError::Value("infinity has no place in an Arrow date or timestamp".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinity_is_refused_and_the_epochs_meet() {
        assert!(date(i32::MAX).is_err());
        assert!(timestamp(i64::MIN).is_err());
        assert_eq!(date(-EPOCH_DAYS).unwrap(), 0);
        assert_eq!(timestamp(0).unwrap(), 946_684_800_000_000);
    }

    #[test]
    fn jsonb_loses_its_version_and_nothing_else() {
        assert_eq!(without_version("\u{1}{\"a\": 1}").unwrap(), "{\"a\": 1}");
        assert!(without_version("\u{2}{}").is_err());
    }
}
