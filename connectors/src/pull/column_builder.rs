//! Builds one column of a batch from cells in PostgreSQL's binary format, straight into Arrow's buffers. Whether a
//! value that Arrow has no place for is an error or a NULL is the source's choice.

use std::sync::Arc;

use arrow::array::builder::NullBufferBuilder;
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, BooleanBufferBuilder, Date32Array, Decimal128Array, Decimal256Array,
    Float32Array, Float64Array, Int16Array, Int32Array, Int64Array, IntervalMonthDayNanoArray, ListArray, StringArray,
    Time64MicrosecondArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, IntervalMonthDayNano, i256};
use arrow::error::ArrowError;
use uuid::Uuid;

use super::cell_error::CellError;
use super::cell_values::{date, fixed, interval, jsonb, number, place, time, timestamp, without_padding};
use super::free_decimal::{Digits, FreeDecimal};
use super::numeric::{Numeric, unscaled};
use crate::column_type::{Cell, ColumnPlan};
use crate::source_settings::Unrepresentable;

const UUID_BYTES: usize = 16;
/// A batch of texts has room for one in so many bytes more than the one before had.
const CAPACITY_SHARE: usize = 8;
/// An array's header: dimensions, flags and element type, then size and lower bound of one dimension.
const ARRAY_HEADER_BYTES: usize = 12;

/// Builds one column.
#[derive(Debug)]
pub(super) struct ColumnBuilder {
    values: Values,
    nulls: NullBufferBuilder,
    data_type: DataType,
    unrepresentable: Unrepresentable,
}

#[derive(Debug)]
enum Values {
    Bool(BooleanBufferBuilder),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Place(Vec<i64>),
    UInt32(Vec<u32>),
    Float32(Vec<f32>),
    Float64(Vec<f64>),
    Decimal(Vec<i128>, i32),
    WideDecimal(Vec<i256>, i32),
    FreeDecimal(FreeDecimal),
    Text(Bytes),
    PaddedText(Bytes),
    Jsonb(Bytes),
    Uuid(Bytes),
    Binary(Bytes),
    Date(Vec<i32>),
    Time(Vec<i64>),
    Timestamp(Vec<i64>),
    Interval(Vec<IntervalMonthDayNano>),
    List(Box<ColumnBuilder>, Ends),
}

/// Values of any length, one behind the other.
#[derive(Debug)]
struct Bytes {
    data: Vec<u8>,
    ends: Ends,
}

impl Bytes {
    fn with_capacity(rows: usize) -> Self {
        Self { data: vec![], ends: Ends::with_capacity(rows) }
    }

    #[inline]
    fn push(&mut self, value: &[u8]) {
        match value {
            // Flags of one letter are common, and calling what copies bytes takes longer than copying one.
            [letter] => self.data.push(*letter),
            _ => self.data.extend_from_slice(value),
        }
        self.ends.push(self.data.len());
    }

    /// Pushes what of a cell is its value, or nothing in the place of NULL.
    fn pushing<'c>(
        &mut self,
        value: impl Fn(&'c [u8]) -> Result<&'c [u8], CellError>,
    ) -> impl FnMut(Option<&'c [u8]>) -> Result<(), CellError> {
        move |cell| {
            self.push(cell.map_or(Ok(&[][..]), &value)?);
            Ok(())
        }
    }

    fn take(&mut self) -> (OffsetBuffer<i32>, arrow::buffer::Buffer) {
        // The next batch has about as many bytes; growing to them step by step would copy them once more.
        let expected = self.data.len() + self.data.len() / CAPACITY_SHARE;
        let data = std::mem::replace(&mut self.data, Vec::with_capacity(expected));
        (self.ends.take(), data.into())
    }
}

/// Where values end, behind where the first begins.
#[derive(Debug)]
struct Ends(Vec<i32>);

impl Ends {
    fn with_capacity(rows: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self(offsets)
    }

    /// A batch is sent long before it has as many bytes as a 32-bit offset can count.
    #[inline]
    fn push(&mut self, end: usize) {
        self.0.push(end as i32);
    }

    fn take(&mut self) -> OffsetBuffer<i32> {
        let next = Self::with_capacity(self.0.len() - 1);
        OffsetBuffer::new(std::mem::replace(self, next).0.into())
    }
}

impl ColumnBuilder {
    /// A builder for the column, with room for `rows` cells.
    pub(super) fn new(plan: &ColumnPlan, unrepresentable: Unrepresentable, rows: usize) -> Self {
        Self::of_cell(&plan.cell, plan.field.data_type(), unrepresentable, rows)
    }

    fn of_cell(cell: &Cell, data_type: &DataType, unrepresentable: Unrepresentable, rows: usize) -> Self {
        let values = match cell {
            Cell::Bool => Values::Bool(BooleanBufferBuilder::new(rows)),
            Cell::Int16 => Values::Int16(Vec::with_capacity(rows)),
            Cell::Int32 => Values::Int32(Vec::with_capacity(rows)),
            Cell::Int64 => Values::Int64(Vec::with_capacity(rows)),
            Cell::Place => Values::Place(Vec::with_capacity(rows)),
            Cell::UInt32 => Values::UInt32(Vec::with_capacity(rows)),
            Cell::Float32 => Values::Float32(Vec::with_capacity(rows)),
            Cell::Float64 => Values::Float64(Vec::with_capacity(rows)),
            Cell::Decimal { precision: ..=DECIMAL128_MAX_PRECISION, scale } => {
                Values::Decimal(Vec::with_capacity(rows), i32::from(*scale))
            }
            Cell::Decimal { scale, .. } => Values::WideDecimal(Vec::with_capacity(rows), i32::from(*scale)),
            Cell::FreeDecimal => Values::FreeDecimal(FreeDecimal::default()),
            Cell::Text => Values::Text(Bytes::with_capacity(rows)),
            Cell::PaddedText => Values::PaddedText(Bytes::with_capacity(rows)),
            Cell::Jsonb => Values::Jsonb(Bytes::with_capacity(rows)),
            Cell::Uuid => Values::Uuid(Bytes::with_capacity(rows)),
            Cell::Binary => Values::Binary(Bytes::with_capacity(rows)),
            Cell::Date => Values::Date(Vec::with_capacity(rows)),
            Cell::Time => Values::Time(Vec::with_capacity(rows)),
            Cell::Timestamp => Values::Timestamp(Vec::with_capacity(rows)),
            Cell::Interval => Values::Interval(Vec::with_capacity(rows)),
            Cell::List(element) => {
                let element_type = match data_type {
                    DataType::List(field) => field.data_type(),
                    other => other,
                };
                let elements = Self::of_cell(element, element_type, unrepresentable, 0);
                Values::List(Box::new(elements), Ends::with_capacity(rows))
            }
        };
        Self { values, nulls: NullBufferBuilder::new(rows), data_type: data_type.clone(), unrepresentable }
    }

    /// Takes the next cell. After an error the builder is of no use.
    pub(super) fn append(&mut self, cell: Option<&[u8]>) -> Result<(), CellError> {
        self.append_all(std::iter::once(cell)).map_err(|(_, error)| error)
    }

    /// Takes the next cells; an error comes with the number of its cell among them. What they are is decided once
    /// for all of them.
    pub(super) fn append_all<'a>(
        &mut self,
        cells: impl Iterator<Item = Option<&'a [u8]>>,
    ) -> Result<(), (usize, CellError)> {
        let refused_are_null = self.unrepresentable == Unrepresentable::Null;
        let taken = Taken { cells, nulls: &mut self.nulls, refused_are_null };
        match &mut self.values {
            Values::Bool(values) => taken.each(|cell| {
                values.append(cell == Some(&[1]));
                Ok(())
            }),
            Values::Int16(values) => taken.each(pushing(values, number(i16::from_be_bytes))),
            Values::Int32(values) => taken.each(pushing(values, number(i32::from_be_bytes))),
            Values::Int64(values) => taken.each(pushing(values, number(i64::from_be_bytes))),
            Values::Place(values) => taken.each(pushing(values, place)),
            Values::UInt32(values) => taken.each(pushing(values, number(u32::from_be_bytes))),
            Values::Float32(values) => taken.each(pushing(values, number(f32::from_be_bytes))),
            Values::Float64(values) => taken.each(pushing(values, number(f64::from_be_bytes))),
            Values::Decimal(values, scale) => taken.each(pushing(values, |cell| unscaled(cell, *scale))),
            Values::WideDecimal(values, scale) => {
                taken.each(pushing(values, |cell| Numeric::parse(cell)?.unscaled_wide(*scale)))
            }
            Values::FreeDecimal(values) => taken.each(|cell| match cell {
                Some(cell) => values.append(cell),
                None => {
                    values.append_null();
                    Ok(())
                }
            }),
            Values::Text(values) | Values::Binary(values) => taken.each(values.pushing(Ok)),
            Values::PaddedText(values) => taken.each(values.pushing(|cell| Ok(without_padding(cell)))),
            Values::Jsonb(values) => taken.each(values.pushing(jsonb)),
            Values::Uuid(values) => taken.each(|cell| {
                let mut buffer = Uuid::encode_buffer();
                let text = match cell {
                    Some(cell) => {
                        let uuid = Uuid::from_bytes(fixed::<UUID_BYTES>(cell)?);
                        uuid.hyphenated().encode_lower(&mut buffer).as_bytes()
                    }
                    None => &[],
                };
                values.push(text);
                Ok(())
            }),
            Values::Date(values) => taken.each(pushing(values, |cell| date(i32::from_be_bytes(fixed(cell)?)))),
            Values::Time(values) => taken.each(pushing(values, time)),
            Values::Timestamp(values) => {
                taken.each(pushing(values, |cell| timestamp(i64::from_be_bytes(fixed(cell)?))))
            }
            Values::Interval(values) => taken.each(pushing(values, interval)),
            Values::List(elements, ends) => taken.each(|cell| {
                if let Some(cell) = cell {
                    append_elements(elements, cell)?;
                }
                ends.push(elements.len());
                Ok(())
            }),
        }
    }

    /// Cells since the last batch.
    pub(super) fn len(&self) -> usize {
        self.nulls.len()
    }

    /// How many digits the values of a `numeric` without a precision have needed so far.
    pub(super) fn digits(&self) -> Option<Digits> {
        match &self.values {
            Values::FreeDecimal(values) => Some(values.digits()),
            Values::List(elements, _) => elements.digits(),
            _ => None,
        }
    }

    /// The column's array; the builder is empty afterwards.
    ///
    /// # Errors
    /// When text is not UTF-8.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let nulls = self.nulls.finish();
        Ok(match &mut self.values {
            Values::Bool(values) => Arc::new(BooleanArray::new(values.finish(), nulls)),
            Values::Int16(values) => Arc::new(Int16Array::try_new(take(values), nulls)?),
            Values::Int32(values) => Arc::new(Int32Array::try_new(take(values), nulls)?),
            Values::Int64(values) | Values::Place(values) => Arc::new(Int64Array::try_new(take(values), nulls)?),
            Values::UInt32(values) => Arc::new(UInt32Array::try_new(take(values), nulls)?),
            Values::Float32(values) => Arc::new(Float32Array::try_new(take(values), nulls)?),
            Values::Float64(values) => Arc::new(Float64Array::try_new(take(values), nulls)?),
            Values::Decimal(values, _) => {
                Arc::new(Decimal128Array::try_new(take(values), nulls)?.with_data_type(self.data_type.clone()))
            }
            Values::WideDecimal(values, _) => {
                Arc::new(Decimal256Array::try_new(take(values), nulls)?.with_data_type(self.data_type.clone()))
            }
            Values::FreeDecimal(values) => values.finish(nulls)?,
            Values::Text(values) | Values::PaddedText(values) | Values::Jsonb(values) | Values::Uuid(values) => {
                let (offsets, data) = values.take();
                Arc::new(StringArray::try_new(offsets, data, nulls)?)
            }
            Values::Binary(values) => {
                let (offsets, data) = values.take();
                Arc::new(BinaryArray::try_new(offsets, data, nulls)?)
            }
            Values::Date(values) => Arc::new(Date32Array::try_new(take(values), nulls)?),
            Values::Time(values) => Arc::new(Time64MicrosecondArray::try_new(take(values), nulls)?),
            Values::Timestamp(values) => Arc::new(
                TimestampMicrosecondArray::try_new(take(values), nulls)?.with_data_type(self.data_type.clone()),
            ),
            Values::Interval(values) => Arc::new(IntervalMonthDayNanoArray::try_new(take(values), nulls)?),
            Values::List(elements, ends) => list(elements, ends, nulls)?,
        })
    }
}

/// Cells that are being taken.
struct Taken<'n, C> {
    cells: C,
    nulls: &'n mut NullBufferBuilder,
    /// Values that are refused become NULL.
    refused_are_null: bool,
}

impl<'a, C: Iterator<Item = Option<&'a [u8]>>> Taken<'_, C> {
    /// Pushes every cell, and notes which are NULL. For a value that becomes NULL, `push` is called once more,
    /// without a cell.
    #[inline]
    fn each(self, mut push: impl FnMut(Option<&'a [u8]>) -> Result<(), CellError>) -> Result<(), (usize, CellError)> {
        let (mut row, mut not_null) = (0, 0);
        for cell in self.cells {
            let is_null = match push(cell) {
                Ok(()) => cell.is_none(),
                Err(CellError::Unrepresentable(_)) if self.refused_are_null => {
                    push(None).map_err(|error| (row, error))?;
                    true
                }
                Err(error) => return Err((row, error)),
            };
            if is_null {
                self.nulls.append_n_non_nulls(not_null);
                self.nulls.append_null();
                not_null = 0;
            } else {
                not_null += 1;
            }
            row += 1;
        }
        self.nulls.append_n_non_nulls(not_null);
        Ok(())
    }
}

/// Pushes what a cell is decoded to; some value in the place of NULL.
#[inline]
fn pushing<'v, T: Default>(
    values: &'v mut Vec<T>,
    decode: impl Fn(&[u8]) -> Result<T, CellError> + 'v,
) -> impl FnMut(Option<&[u8]>) -> Result<(), CellError> + 'v {
    move |cell| {
        values.push(match cell {
            Some(cell) => decode(cell)?,
            None => T::default(),
        });
        Ok(())
    }
}

fn take<T: arrow::datatypes::ArrowNativeType>(values: &mut Vec<T>) -> ScalarBuffer<T> {
    let capacity = values.len();
    std::mem::replace(values, Vec::with_capacity(capacity)).into()
}

fn list(elements: &mut ColumnBuilder, ends: &mut Ends, nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
    let elements = elements.finish()?;
    let field = Field::new_list_field(elements.data_type().clone(), true);
    Ok(Arc::new(ListArray::try_new(field.into(), ends.take(), elements, nulls)?))
}

/// An array: dimensions, flags, the element's type, then for each dimension its size and lower bound, then the
/// elements, each with its length (`array_send` in PostgreSQL's arrayfuncs.c).
fn append_elements(elements: &mut ColumnBuilder, cell: &[u8]) -> Result<(), CellError> {
    let (header, rest) = cell.split_at_checked(ARRAY_HEADER_BYTES).ok_or(CellError::Malformed)?;
    let dimensions = i32::from_be_bytes(fixed(&header[..4])?);
    if dimensions == 0 {
        return Ok(());
    }
    if dimensions > 1 {
        return Err(CellError::NeedsText("an array of several dimensions"));
    }
    let (size, rest) = rest.split_first_chunk().ok_or(CellError::Malformed)?;
    let (lower_bound, mut rest) = rest.split_first_chunk().ok_or(CellError::Malformed)?;
    if i32::from_be_bytes(*lower_bound) != 1 {
        return Err(CellError::NeedsText("an array that does not begin at 1"));
    }
    for _ in 0..i32::from_be_bytes(*size) {
        let (length, tail) = rest.split_first_chunk().ok_or(CellError::Malformed)?;
        match usize::try_from(i32::from_be_bytes(*length)) {
            Err(_) => {
                elements.append(None)?;
                rest = tail;
            }
            Ok(length) => {
                let (element, tail) = tail.split_at_checked(length).ok_or(CellError::Malformed)?;
                elements.append(Some(element))?;
                rest = tail;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_lists_unless_their_shape_says_more() {
        let array = |dimensions: &[(i32, i32)], elements: &[Option<i32>]| {
            let mut bytes = [dimensions.len() as i32, 0, 23].map(i32::to_be_bytes).concat();
            bytes
                .extend(dimensions.iter().flat_map(|(size, bound)| [size.to_be_bytes(), bound.to_be_bytes()].concat()));
            bytes.extend(elements.iter().flat_map(|element| match element {
                Some(value) => [4_i32.to_be_bytes(), value.to_be_bytes()].concat(),
                None => (-1_i32).to_be_bytes().to_vec(),
            }));
            bytes
        };
        let data_type = DataType::List(Field::new_list_field(DataType::Int32, true).into());
        let mut column =
            ColumnBuilder::of_cell(&Cell::List(Box::new(Cell::Int32)), &data_type, Unrepresentable::Error, 4);
        column.append(Some(&array(&[(2, 1)], &[Some(7), None]))).unwrap();
        column.append(Some(&array(&[], &[]))).unwrap();
        column.append(None).unwrap();
        for shape in [&[(1, 1), (2, 1)][..], &[(2, 0)]] {
            assert!(matches!(column.append(Some(&array(shape, &[Some(1), Some(2)]))), Err(CellError::NeedsText(_))));
        }
        assert_eq!(column.append(Some(&array(&[(2, 1)], &[Some(1)]))), Err(CellError::Malformed));
        let lists = column.finish().unwrap();
        assert_eq!(lists.len(), 3);
    }
}
