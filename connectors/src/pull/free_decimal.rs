//! A column of `numeric` without a precision. Its type is the smallest decimal that holds every value, which
//! is known when all have been read; so a batch has a type that is wide enough for what came so far, and
//! says how wide the values really are.

use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, Decimal256Array};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Field, FieldRef, i256};
use arrow::error::ArrowError;
use serde::{Deserialize, Serialize};

use super::cell_error::CellError;
use super::numeric::{Numeric, shifted, unscaled};
use crate::column_type::decimal_type;

/// Precisions that a batch may have. Parquet stores up to 18 digits in 8 bytes and more in 16 or 32; finer
/// steps would only make more files whose types differ.
const BATCH_PRECISIONS: [u8; 3] = [18, DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION];

/// How many digits the values of a column need.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digits {
    /// Before the point.
    pub integer: u8,
    /// Behind the point.
    pub scale: u8,
}

impl Digits {
    /// What holds both.
    pub(crate) fn union(self, other: Self) -> Self {
        Self { integer: self.integer.max(other.integer), scale: self.scale.max(other.scale) }
    }

    /// Their number; a decimal has at least one.
    pub(crate) fn precision(self) -> u8 {
        (self.integer + self.scale).max(1)
    }

    fn batch_precision(self) -> u8 {
        BATCH_PRECISIONS.into_iter().find(|&step| self.precision() <= step).unwrap_or(DECIMAL256_MAX_PRECISION)
    }
}

/// Builds batches of such a column.
#[derive(Debug, Default)]
pub(super) struct FreeDecimal {
    /// Of all values so far, those of earlier batches included.
    digits: Digits,
    values: Values,
}

#[derive(Debug)]
enum Values {
    /// Up to 38 digits.
    Narrow(Vec<i128>),
    Wide(Vec<i256>),
}

impl Default for Values {
    fn default() -> Self {
        Self::Narrow(vec![])
    }
}

impl FreeDecimal {
    pub(super) fn digits(&self) -> Digits {
        self.digits
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), CellError> {
        let numeric = Numeric::parse(bytes)?;
        self.make_room(&numeric)?;
        let scale = i32::from(self.digits.scale);
        match &mut self.values {
            Values::Narrow(values) => values.push(unscaled(bytes, scale)?),
            Values::Wide(values) => values.push(numeric.unscaled_wide(scale)?),
        }
        Ok(())
    }

    pub(super) fn append_null(&mut self) {
        match &mut self.values {
            Values::Narrow(values) => values.push(0),
            Values::Wide(values) => values.push(i256::ZERO),
        }
    }

    /// The batch's array; the builder is empty afterwards.
    pub(super) fn finish(&mut self, nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        let (precision, scale) = (self.digits.batch_precision(), self.digits.scale as i8);
        let empty = if precision > DECIMAL128_MAX_PRECISION { Values::Wide(vec![]) } else { Values::default() };
        Ok(match std::mem::replace(&mut self.values, empty) {
            Values::Narrow(values) => Arc::new(
                Decimal128Array::try_new(ScalarBuffer::from(values), nulls)?
                    .with_precision_and_scale(precision, scale)?,
            ),
            Values::Wide(values) => Arc::new(
                Decimal256Array::try_new(ScalarBuffer::from(values), nulls)?
                    .with_precision_and_scale(precision, scale)?,
            ),
        })
    }

    /// Widens what the values are kept in, so that this one fits.
    fn make_room(&mut self, numeric: &Numeric<'_>) -> Result<(), CellError> {
        let too_wide = CellError::NeedsText("a numeric of more than 76 digits");
        let (Ok(integer), Ok(scale)) = (u8::try_from(numeric.integer_digits()), u8::try_from(numeric.display_scale))
        else {
            return Err(too_wide);
        };
        let digits = self.digits.union(Digits { integer, scale });
        if digits == self.digits {
            return Ok(());
        }
        if u16::from(digits.integer) + u16::from(digits.scale) > u16::from(DECIMAL256_MAX_PRECISION) {
            return Err(too_wide);
        }
        if digits.precision() > DECIMAL128_MAX_PRECISION
            && let Values::Narrow(values) = &mut self.values
        {
            self.values = Values::Wide(values.drain(..).map(i256::from_i128).collect());
        }
        let shift = i32::from(digits.scale - self.digits.scale);
        if shift > 0 {
            // Within the new precision, which was checked, nothing overflows.
            match &mut self.values {
                Values::Narrow(values) => values.iter_mut().for_each(|value| *value *= 10_i128.pow(shift as u32)),
                Values::Wide(values) => {
                    for value in values {
                        *value = shifted(*value, shift).ok_or(CellError::Malformed)?;
                    }
                }
            }
        }
        self.digits = digits;
        Ok(())
    }
}

/// A field of such a column, with the type that values of so many digits need.
pub(crate) fn settled(field: &FieldRef, digits: Digits) -> FieldRef {
    let Some(decimal) = decimal_type(digits.precision(), digits.scale as i8) else { return Arc::clone(field) };
    let data_type = match field.data_type() {
        DataType::List(_) => DataType::List(Field::new_list_field(decimal, true).into()),
        _ => decimal,
    };
    field.as_ref().clone().with_data_type(data_type).into()
}

#[cfg(test)]
mod tests {
    use arrow::array::Array;

    use super::*;

    /// Digits in base 10,000, as [`Numeric`] reads them.
    fn numeric(weight: i16, scale: u16, digits: &[u16]) -> Vec<u8> {
        let header = [digits.len() as u16, weight as u16, 0, scale];
        header.iter().chain(digits).flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn the_type_widens_with_the_values() {
        let mut column = FreeDecimal::default();
        column.append(&numeric(0, 1, &[1, 5000])).unwrap();
        column.append_null();
        column.append(&numeric(0, 3, &[22, 1250])).unwrap();
        assert_eq!(column.digits(), Digits { integer: 2, scale: 3 });
        let array = column.finish(None).unwrap();
        assert_eq!(array.data_type(), &DataType::Decimal128(18, 3));
        let values = array.as_any().downcast_ref::<Decimal128Array>().unwrap();
        assert_eq!(values.values().as_ref(), [1_500, 0, 22_125]);
        let field = Field::new("c", DataType::Decimal128(38, 0), true).into();
        assert_eq!(settled(&field, column.digits()).data_type(), &DataType::Decimal128(5, 3));
    }

    #[test]
    fn more_than_thirty_eight_digits_need_the_wide_decimal_and_more_than_seventy_six_text() {
        let mut column = FreeDecimal::default();
        column.append(&numeric(0, 0, &[7])).unwrap();
        column.append(&numeric(9, 0, &[1000])).unwrap();
        assert_eq!(column.finish(None).unwrap().data_type(), &DataType::Decimal256(76, 0));
        assert!(matches!(column.append(&numeric(19, 0, &[1])), Err(CellError::NeedsText(_))));
        assert!(matches!(column.append(&numeric(0, 60, &[1])), Err(CellError::NeedsText(_))));
    }
}
