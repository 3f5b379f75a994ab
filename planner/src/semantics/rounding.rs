//! From fractions to integers: `numeric` is rounded half away from zero, a floating-point number to the nearest even one.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, PrimitiveArray};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Float32Type, Float64Type,
    Int16Type, Int32Type, Int64Type,
};
use datafusion::arrow::error::ArrowError;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, cast,
};

use super::map_rows;

/// The cast of an expression of this type with the rounding that PostgreSQL does, if it does.
pub(super) fn rounded(expression: &Expr, from: &DataType, to: &DataType) -> Option<Expr> {
    if !matches!(to, DataType::Int16 | DataType::Int32 | DataType::Int64) {
        return None;
    }
    let through = |whole| Some(cast(cast(expression.clone(), whole), to.clone()));
    match from {
        DataType::Decimal128(_, 1..) => through(DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0)),
        DataType::Decimal256(_, 1..) => through(DataType::Decimal256(DECIMAL256_MAX_PRECISION, 0)),
        DataType::Float32 | DataType::Float64 => {
            Some(ScalarUDF::from(ToNearest::new(to.clone())).call(vec![expression.clone()]))
        }
        _ => None,
    }
}

/// `round` of a floating-point number.
pub(super) fn to_nearest(expression: &Expr, data_type: &DataType) -> Option<Expr> {
    let is_float = matches!(data_type, DataType::Float32 | DataType::Float64);
    is_float.then(|| ScalarUDF::from(ToNearest::new(data_type.clone())).call(vec![expression.clone()]))
}

/// A floating-point number's nearest integer, as one of this type.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ToNearest {
    to: DataType,
    signature: Signature,
}

impl ToNearest {
    fn new(to: DataType) -> Self {
        Self { to, signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for ToNearest {
    fn name(&self) -> &str {
        "to_nearest"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(self.to.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        map_rows(&args, |rows| match rows.data_type() {
            DataType::Float32 => self.of(&rows.as_primitive::<Float32Type>().unary(f64::from)),
            _ => self.of(rows.as_primitive::<Float64Type>()),
        })
    }
}

impl ToNearest {
    fn of(&self, values: &PrimitiveArray<Float64Type>) -> Result<ArrayRef, ArrowError> {
        Ok(match self.to {
            DataType::Int16 => Arc::new(integers::<Int16Type>(values, "smallint")?),
            DataType::Int32 => Arc::new(integers::<Int32Type>(values, "integer")?),
            DataType::Int64 => Arc::new(integers::<Int64Type>(values, "bigint")?),
            DataType::Float32 => Arc::new(values.unary::<_, Float32Type>(|value| value.round_ties_even() as f32)),
            _ => Arc::new(values.unary::<_, Float64Type>(f64::round_ties_even)),
        })
    }
}

fn integers<T: ArrowPrimitiveType>(
    values: &PrimitiveArray<Float64Type>,
    name: &str,
) -> Result<PrimitiveArray<T>, ArrowError>
where
    T::Native: TryFrom<i64>,
{
    // What is 2^63 or more is no 64-bit integer; the bounds themselves are floating-point numbers.
    let range = -(2_f64.powi(63))..2_f64.powi(63);
    values.try_unary(|value| {
        let nearest = value.round_ties_even();
        let integer = range.contains(&nearest).then_some(nearest as i64).and_then(|value| value.try_into().ok());
        integer.ok_or_else(|| ArrowError::ComputeError(format!("{name} out of range")))
    })
}
