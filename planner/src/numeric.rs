//! PostgreSQL's `numeric` where DataFusion's decimals differ: division and averages keep at least sixteen
//! significant digits instead of four decimals.

mod average;
mod divide;
mod division;
mod sum;

pub(crate) use average::NumericAverage;
pub(crate) use division::NumericDivision;
pub(crate) use sum::with_numeric_sums;

use arrow::datatypes::DataType;

/// Digits of a decimal that holds every `bigint`.
const BIGINT_DIGITS: u8 = 20;

/// Whether a division of the types is one of `numeric`s in PostgreSQL: a decimal and a decimal or integer.
fn is_numeric_division(left: &DataType, right: &DataType) -> bool {
    let numeric = |data_type: &DataType| matches!(data_type, DataType::Decimal128(..)) || data_type.is_integer();
    let decimal = |data_type: &DataType| matches!(data_type, DataType::Decimal128(..));
    numeric(left) && numeric(right) && (decimal(left) || decimal(right))
}
