//! Columns of PostgreSQL's types as functions of values read and write them.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, BinaryViewBuilder, BooleanArray, BooleanBuilder, Decimal128Array,
    Decimal256Array, ListArray, PrimitiveArray, PrimitiveBuilder, StringViewArray, StringViewBuilder, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DataType, Date32Type, Decimal128Type, Decimal256Type, Field, Fields, Float32Type,
    Float64Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
    Time64MicrosecondType, TimestampMicrosecondType, UInt32Type,
};
use datafusion::common::{Result, internal_err};
use num_bigint::BigInt;

use crate::pg_type::{NUMERIC_SCALE, PgType, list_of};
use crate::postgres::error::{ValueError, ValueResult};
use crate::postgres::numeric::Numeric;
use crate::postgres::value::{Date, Interval, Time, Timestamp, TimestampTz};

/// Nanoseconds of a microsecond.
const NANOS_OF_MICRO: i64 = 1_000;

/// A type of arguments. Its name is that of the type in PostgreSQL.
pub(crate) trait Argument: 'static {
    /// One value, borrowed from its column.
    type Value<'a>;
    /// A column that has been made ready to be read.
    type Column;

    fn pg_type() -> PgType;

    /// # Errors
    /// When the column is of another type.
    fn read(array: &ArrayRef) -> Result<Self::Column>;

    fn is_null(column: &Self::Column, row: usize) -> bool;

    /// The value of a row that is not NULL.
    fn value(column: &Self::Column, row: usize) -> Self::Value<'_>;
}

/// A type of results.
pub(crate) trait Output: 'static + Sized {
    type Builder;

    fn pg_type() -> PgType;

    /// `returns` is the Arrow type of the result.
    fn builder(rows: usize, returns: &DataType) -> Self::Builder;

    /// # Errors
    /// When the result's Arrow type has no place for the value.
    fn append(builder: &mut Self::Builder, value: Option<Self>) -> ValueResult<()>;

    fn finish(builder: Self::Builder) -> Result<ArrayRef>;

    /// Bytes of memory beyond those that every value of the type takes.
    fn bytes(&self) -> usize {
        0
    }
}

/// Defines results that are copied.
macro_rules! primitive_output {
    ($value:ty, $arrow:ty, $pg_type:expr, |$own:ident| $to:expr) => {
        impl Output for $value {
            type Builder = PrimitiveBuilder<$arrow>;

            fn pg_type() -> PgType {
                $pg_type
            }

            fn builder(rows: usize, _returns: &DataType) -> Self::Builder {
                PrimitiveBuilder::with_capacity(rows).with_data_type($pg_type.arrow())
            }

            fn append(builder: &mut Self::Builder, value: Option<Self>) -> ValueResult<()> {
                builder.append_option(value.map(|$own| $to).transpose()?);
                Ok(())
            }

            fn finish(mut builder: Self::Builder) -> Result<ArrayRef> {
                Ok(Arc::new(builder.finish()))
            }
        }
    };
}

/// Defines the types whose values are copied.
macro_rules! primitive {
    ($name:ident, $value:ty, $arrow:ty, $pg_type:expr, |$native:ident| $from:expr, |$own:ident| $to:expr) => {
        primitive_argument!($name, $value, $arrow, $pg_type, |$native| $from);
        primitive_output!($value, $arrow, $pg_type, |$own| ValueResult::Ok($to));
    };
}

macro_rules! primitive_argument {
    ($name:ident, $value:ty, $arrow:ty, $pg_type:expr, |$native:ident| $from:expr) => {
        #[derive(Debug)]
        pub(crate) struct $name;

        impl Argument for $name {
            type Value<'a> = $value;
            type Column = PrimitiveArray<$arrow>;

            fn pg_type() -> PgType {
                $pg_type
            }

            fn read(array: &ArrayRef) -> Result<Self::Column> {
                Ok(as_type(array, &$pg_type.arrow())?.as_primitive::<$arrow>().clone())
            }

            fn is_null(column: &Self::Column, row: usize) -> bool {
                column.is_null(row)
            }

            fn value(column: &Self::Column, row: usize) -> $value {
                let $native = column.value(row);
                $from
            }
        }
    };
}

primitive!(Int2, i16, Int16Type, PgType::Int2, |native| native, |own| own);
primitive!(Int4, i32, Int32Type, PgType::Int4, |native| native, |own| own);
primitive!(Int8, i64, Int64Type, PgType::Int8, |native| native, |own| own);
primitive!(Oid, u32, UInt32Type, PgType::Oid, |native| native, |own| own);
primitive!(Float4, f32, Float32Type, PgType::Float4, |native| native, |own| own);
primitive!(Float8, f64, Float64Type, PgType::Float8, |native| native, |own| own);
primitive!(DateArg, Date, Date32Type, PgType::Date, |native| Date(native), |own| own.0);
primitive!(TimeArg, Time, Time64MicrosecondType, PgType::Time, |native| Time(native), |own| own.0);
primitive!(TimestampArg, Timestamp, TimestampMicrosecondType, PgType::Timestamp, |native| Timestamp(native), |own| own
    .0);
primitive!(
    TimestampTzArg,
    TimestampTz,
    TimestampMicrosecondType,
    PgType::Timestamptz,
    |native| TimestampTz(native),
    |own| own.0
);
primitive_argument!(IntervalArg, Interval, IntervalMonthDayNanoType, PgType::Interval, |native| interval(native));
primitive_output!(Interval, IntervalMonthDayNanoType, PgType::Interval, |own| in_nanoseconds(own));

/// An interval as Arrow keeps it.
///
/// # Errors
/// When its hours, minutes and seconds are more nanoseconds than a `bigint` counts, which are 292 years.
pub(super) fn in_nanoseconds(interval: Interval) -> ValueResult<IntervalMonthDayNano> {
    match interval.micros.checked_mul(NANOS_OF_MICRO) {
        Some(nanos) => Ok(IntervalMonthDayNano::new(interval.months, interval.days, nanos)),
        None => Err(ValueError::new("22008", "interval out of range: more than 2562047 hours are not kept as such")),
    }
}

pub(super) fn interval(value: IntervalMonthDayNano) -> Interval {
    Interval { months: value.months, days: value.days, micros: value.nanoseconds.div_euclid(NANOS_OF_MICRO) }
}

/// `boolean`.
#[derive(Debug)]
pub(crate) struct Bool;

impl Argument for Bool {
    type Value<'a> = bool;
    type Column = BooleanArray;

    fn pg_type() -> PgType {
        PgType::Bool
    }

    fn read(array: &ArrayRef) -> Result<Self::Column> {
        Ok(as_type(array, &DataType::Boolean)?.as_boolean().clone())
    }

    fn is_null(column: &Self::Column, row: usize) -> bool {
        column.is_null(row)
    }

    fn value(column: &Self::Column, row: usize) -> bool {
        column.value(row)
    }
}

impl Output for bool {
    type Builder = BooleanBuilder;

    fn pg_type() -> PgType {
        PgType::Bool
    }

    fn builder(rows: usize, _returns: &DataType) -> Self::Builder {
        BooleanBuilder::with_capacity(rows)
    }

    fn append(builder: &mut Self::Builder, value: Option<Self>) -> ValueResult<()> {
        builder.append_option(value);
        Ok(())
    }

    fn finish(mut builder: Self::Builder) -> Result<ArrayRef> {
        Ok(Arc::new(builder.finish()))
    }
}

/// Defines arguments that are texts.
macro_rules! textual {
    ($name:ident, $pg_type:expr, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug)]
        pub(crate) struct $name;

        impl Argument for $name {
            type Value<'a> = &'a str;
            type Column = StringViewArray;

            fn pg_type() -> PgType {
                $pg_type
            }

            fn read(array: &ArrayRef) -> Result<Self::Column> {
                Ok(as_type(array, &DataType::Utf8View)?.as_string_view().clone())
            }

            fn is_null(column: &Self::Column, row: usize) -> bool {
                column.is_null(row)
            }

            fn value(column: &Self::Column, row: usize) -> &str {
                column.value(row)
            }
        }
    };
}

textual!(Text, PgType::Text, "`text`.");
textual!(Json, PgType::Json, "`json`.");
textual!(Jsonb, PgType::Jsonb, "`jsonb`, as PostgreSQL prints it.");
textual!(Jsonpath, PgType::Jsonpath, "`jsonpath`.");
textual!(Uuid, PgType::Uuid, "`uuid`, as PostgreSQL prints it.");
textual!(Inet, PgType::inet(), "`inet`, as PostgreSQL prints it.");
textual!(Bpchar, PgType::Bpchar, "`character(n)`, without its padding.");

/// Defines results that are texts.
macro_rules! textual_output {
    ($output:ty, $pg_type:expr, |$own:ident| $to:expr) => {
        impl Output for $output {
            type Builder = StringViewBuilder;

            fn pg_type() -> PgType {
                $pg_type
            }

            fn builder(rows: usize, _returns: &DataType) -> Self::Builder {
                StringViewBuilder::with_capacity(rows)
            }

            fn append(builder: &mut Self::Builder, value: Option<Self>) -> ValueResult<()> {
                builder.append_option(value.as_ref().map(|$own| $to));
                Ok(())
            }

            fn bytes(&self) -> usize {
                let $own = self;
                $to.len()
            }

            fn finish(mut builder: Self::Builder) -> Result<ArrayRef> {
                Ok(Arc::new(builder.finish()))
            }
        }
    };
}

/// Defines results that are texts of a type of their own.
macro_rules! textual_results {
    ($($output:ident $pg_type:expr;)*) => {$(
        /// A text of a type of its own.
        #[derive(Debug)]
        pub(crate) struct $output(pub(crate) String);

        textual_output!($output, $pg_type, |own| own.0.as_str());
    )*};
}

textual_output!(String, PgType::Text, |own| own.as_str());
textual_results! {
    JsonText PgType::Json;
    JsonbText PgType::Jsonb;
    JsonpathText PgType::Jsonpath;
    UuidText PgType::Uuid;
    InetText PgType::inet();
    BpcharText PgType::Bpchar;
    NameText PgType::Name;
}

/// `bytea`.
#[derive(Debug)]
pub(crate) struct Bytea;

impl Argument for Bytea {
    type Value<'a> = &'a [u8];
    type Column = BinaryViewArray;

    fn pg_type() -> PgType {
        PgType::Bytea
    }

    fn read(array: &ArrayRef) -> Result<Self::Column> {
        Ok(as_type(array, &DataType::BinaryView)?.as_binary_view().clone())
    }

    fn is_null(column: &Self::Column, row: usize) -> bool {
        column.is_null(row)
    }

    fn value(column: &Self::Column, row: usize) -> &[u8] {
        column.value(row)
    }
}

impl Output for Vec<u8> {
    type Builder = BinaryViewBuilder;

    fn pg_type() -> PgType {
        PgType::Bytea
    }

    fn builder(_rows: usize, _returns: &DataType) -> Self::Builder {
        BinaryViewBuilder::new()
    }

    fn append(builder: &mut Self::Builder, value: Option<Self>) -> ValueResult<()> {
        builder.append_option(value);
        Ok(())
    }

    fn finish(mut builder: Self::Builder) -> Result<ArrayRef> {
        Ok(Arc::new(builder.finish()))
    }

    fn bytes(&self) -> usize {
        self.len()
    }
}

/// An array of values of a type.
#[derive(Debug)]
pub(crate) struct Array1<T>(std::marker::PhantomData<T>);

/// A column of arrays.
pub(crate) struct ListColumn<T: Argument> {
    lists: ListArray,
    elements: T::Column,
}

/// The elements of one array.
pub(crate) struct Elements<'a, T: Argument> {
    column: &'a T::Column,
    range: std::ops::Range<usize>,
}

impl<'a, T: Argument> Elements<'a, T> {
    pub(crate) fn len(&self) -> usize {
        self.range.len()
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = Option<T::Value<'a>>> + use<'a, T> {
        let column = self.column;
        self.range.clone().map(move |row| (!T::is_null(column, row)).then(|| T::value(column, row)))
    }
}

impl<T: Argument> Argument for Array1<T> {
    type Value<'a> = Elements<'a, T>;
    type Column = ListColumn<T>;

    fn pg_type() -> PgType {
        T::pg_type().array()
    }

    fn read(array: &ArrayRef) -> Result<Self::Column> {
        let lists = as_list(array)?;
        Ok(ListColumn { elements: T::read(lists.values())?, lists })
    }

    fn is_null(column: &Self::Column, row: usize) -> bool {
        column.lists.is_null(row)
    }

    fn value(column: &Self::Column, row: usize) -> Self::Value<'_> {
        let offsets = column.lists.value_offsets();
        let range = offsets[row] as usize..offsets[row + 1] as usize;
        Elements { column: &column.elements, range }
    }
}

/// A list array, which what has no rows of its own (NULL) is made.
pub(super) fn as_list(array: &ArrayRef) -> Result<ListArray> {
    let lists = match array.data_type() {
        DataType::List(_) => Arc::clone(array),
        DataType::Null => cast(array, &list_of(DataType::Null))?,
        DataType::LargeList(element) | DataType::ListView(element) => {
            cast(array, &DataType::List(Arc::clone(element)))?
        }
        other => return internal_err!("{other} where an array is expected"),
    };
    Ok(lists.as_list::<i32>().clone())
}

/// Builds lists.
pub(crate) struct ListOutput<T: Output> {
    elements: T::Builder,
    lengths: Vec<usize>,
    valid: Vec<bool>,
}

impl<T: Output> Output for Vec<Option<T>> {
    type Builder = ListOutput<T>;

    fn pg_type() -> PgType {
        T::pg_type().array()
    }

    fn builder(rows: usize, returns: &DataType) -> Self::Builder {
        let element = match returns {
            DataType::List(element) => element.data_type(),
            other => other,
        };
        ListOutput {
            elements: T::builder(rows, element),
            lengths: Vec::with_capacity(rows),
            valid: Vec::with_capacity(rows),
        }
    }

    fn append(builder: &mut Self::Builder, value: Option<Self>) -> ValueResult<()> {
        builder.valid.push(value.is_some());
        let elements = value.unwrap_or_default();
        builder.lengths.push(elements.len());
        elements.into_iter().try_for_each(|element| T::append(&mut builder.elements, element))
    }

    fn bytes(&self) -> usize {
        size_of::<Option<T>>() * self.len() + self.iter().flatten().map(T::bytes).sum::<usize>()
    }

    fn finish(builder: Self::Builder) -> Result<ArrayRef> {
        let elements = T::finish(builder.elements)?;
        let field = Arc::new(Field::new_list_field(elements.data_type().clone(), true));
        let offsets = OffsetBuffer::from_lengths(builder.lengths);
        Ok(Arc::new(ListArray::try_new(field, offsets, elements, Some(NullBuffer::from(builder.valid)))?))
    }
}

/// An array without NULLs, which takes less memory while it is made.
#[derive(Debug, Default)]
pub(crate) struct Whole<T>(pub(crate) Vec<T>);

impl<T: Output> Output for Whole<T> {
    type Builder = ListOutput<T>;

    fn pg_type() -> PgType {
        T::pg_type().array()
    }

    fn builder(rows: usize, returns: &DataType) -> Self::Builder {
        <Vec<Option<T>>>::builder(rows, returns)
    }

    fn append(builder: &mut Self::Builder, value: Option<Self>) -> ValueResult<()> {
        builder.valid.push(value.is_some());
        let elements = value.map(|Self(elements)| elements).unwrap_or_default();
        builder.lengths.push(elements.len());
        elements.into_iter().try_for_each(|element| T::append(&mut builder.elements, Some(element)))
    }

    /// They are in memory twice while the column is made.
    fn bytes(&self) -> usize {
        2 * size_of::<T>() * self.0.len() + self.0.iter().map(T::bytes).sum::<usize>()
    }

    fn finish(builder: Self::Builder) -> Result<ArrayRef> {
        <Vec<Option<T>>>::finish(builder)
    }
}

/// The names of the parts of a pair.
pub(crate) const PAIR: [&str; 2] = ["f1", "f2"];

/// Pairs, which functions that return rows of two columns have in their arrays.
pub(crate) struct PairOutput<A: Output, B: Output> {
    first: A::Builder,
    second: B::Builder,
    valid: Vec<bool>,
}

impl<A: Output, B: Output> Output for (A, Option<B>) {
    type Builder = PairOutput<A, B>;

    fn pg_type() -> PgType {
        let [first, second] = PAIR.map(str::to_owned);
        PgType::Record([(first, A::pg_type()), (second, B::pg_type())].into())
    }

    fn builder(rows: usize, _returns: &DataType) -> Self::Builder {
        let part = |pg_type: PgType| pg_type.arrow();
        PairOutput {
            first: A::builder(rows, &part(A::pg_type())),
            second: B::builder(rows, &part(B::pg_type())),
            valid: Vec::with_capacity(rows),
        }
    }

    fn append(builder: &mut Self::Builder, value: Option<Self>) -> ValueResult<()> {
        builder.valid.push(value.is_some());
        let (first, second) = value.map_or((None, None), |(first, second)| (Some(first), second));
        A::append(&mut builder.first, first)?;
        B::append(&mut builder.second, second)
    }

    fn bytes(&self) -> usize {
        self.0.bytes() + self.1.as_ref().map_or(0, B::bytes)
    }

    fn finish(builder: Self::Builder) -> Result<ArrayRef> {
        let columns = vec![A::finish(builder.first)?, B::finish(builder.second)?];
        let named = PAIR.iter().zip(&columns).map(|(name, column)| Field::new(*name, column.data_type().clone(), true));
        let fields: Fields = named.collect();
        Ok(Arc::new(StructArray::try_new(fields, columns, Some(NullBuffer::from(builder.valid)))?))
    }
}

/// The column as one of the Arrow type that functions read, which is another form of the same values.
fn as_type(array: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    if array.data_type() == data_type {
        return Ok(Arc::clone(array));
    }
    Ok(cast(array, data_type)?)
}

/// `numeric`.
#[derive(Debug)]
pub(crate) struct NumericArg;

/// A column of decimals of either width.
pub(crate) enum NumericColumn {
    Narrow(Decimal128Array),
    Wide(Decimal256Array),
}

impl Argument for NumericArg {
    type Value<'a> = Numeric;
    type Column = NumericColumn;

    fn pg_type() -> PgType {
        PgType::Numeric
    }

    fn read(array: &ArrayRef) -> Result<Self::Column> {
        Ok(match array.data_type() {
            DataType::Decimal128(..) => NumericColumn::Narrow(array.as_primitive::<Decimal128Type>().clone()),
            DataType::Decimal256(..) => NumericColumn::Wide(array.as_primitive::<Decimal256Type>().clone()),
            _ => NumericColumn::Narrow(cast(array, &PgType::Numeric.arrow())?.as_primitive::<Decimal128Type>().clone()),
        })
    }

    fn is_null(column: &Self::Column, row: usize) -> bool {
        match column {
            NumericColumn::Narrow(narrow) => narrow.is_null(row),
            NumericColumn::Wide(wide) => wide.is_null(row),
        }
    }

    fn value(column: &Self::Column, row: usize) -> Numeric {
        match column {
            NumericColumn::Narrow(narrow) => Numeric::from_i128(narrow.value(row), scale_of(narrow.scale())),
            NumericColumn::Wide(wide) => {
                let unscaled = BigInt::from_signed_bytes_le(&wide.value(row).to_le_bytes());
                // Seventy-six digits are far from any limit.
                Numeric::from_big(unscaled, scale_of(wide.scale())).unwrap_or(Numeric::ZERO)
            }
        }
    }
}

fn scale_of(scale: i8) -> u32 {
    u32::try_from(scale).unwrap_or_default()
}

/// Builds decimals of one scale.
pub(crate) struct NumericOutput {
    values: Vec<Option<i128>>,
    scale: i8,
}

impl Output for Numeric {
    type Builder = NumericOutput;

    fn pg_type() -> PgType {
        PgType::Numeric
    }

    fn builder(rows: usize, returns: &DataType) -> Self::Builder {
        let scale = match returns {
            DataType::Decimal128(_, scale) => *scale,
            _ => NUMERIC_SCALE,
        };
        NumericOutput { values: Vec::with_capacity(rows), scale }
    }

    fn append(builder: &mut Self::Builder, value: Option<Self>) -> ValueResult<()> {
        let unscaled = match value {
            None => None,
            Some(value) => Some(kept(&value, builder.scale)?),
        };
        builder.values.push(unscaled);
        Ok(())
    }

    fn finish(builder: Self::Builder) -> Result<ArrayRef> {
        let data_type = DataType::Decimal128(DECIMAL128_MAX_PRECISION, builder.scale);
        Ok(Arc::new(Decimal128Array::from(builder.values).with_data_type(data_type)))
    }
}

/// The value in units of its column's last decimal.
fn kept(value: &Numeric, scale: i8) -> ValueResult<i128> {
    let scale = scale_of(scale);
    let fits = |unscaled: &i128| unscaled.unsigned_abs() < 10_u128.pow(u32::from(DECIMAL128_MAX_PRECISION));
    if let Some(unscaled) = value.to_i128(scale).filter(fits) {
        return Ok(unscaled);
    }
    let rounded = value.round(i32::try_from(scale).unwrap_or(i32::MAX))?;
    rounded.to_i128(scale).filter(fits).ok_or_else(|| {
        let whole = u32::from(DECIMAL128_MAX_PRECISION).saturating_sub(scale);
        ValueError::new("22003", format!("numeric value out of range: it is kept with {whole} digits before the point"))
    })
}
