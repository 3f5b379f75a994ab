//! Arithmetic whose result must fit its type: integers do not wrap, and floating-point numbers become neither infinite
//! nor zero by themselves (`float.h` and `int.c` of PostgreSQL). Decimals are computed as by DataFusion's own operators, of
//! which its optimizer knows that `0 * x` is the zero: one with fewer digits than the product, which does not have the
//! product's type.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use datafusion::arrow::compute::kernels::arity::try_binary;
use datafusion::arrow::compute::kernels::numeric::{add, div, mul, rem, sub};
use datafusion::arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, Result, ScalarValue, internal_err};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion::logical_expr::{
    ColumnarValue, Expr, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr_common::datum::apply;

use super::udf::null_for_null;

/// The function that computes what the operator does with numbers of this type.
pub(super) fn checked(operator: Operator) -> ScalarUDF {
    ScalarUDF::from(Checked { operator, signature: Signature::any(2, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    operator: Operator,
    signature: Signature,
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &str {
        match self.operator {
            Operator::Plus => "checked_add",
            Operator::Minus => "checked_subtract",
            Operator::Multiply => "checked_multiply",
            Operator::Divide => "checked_divide",
            _ => "checked_remainder",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [left @ DataType::Decimal128(..), right] => {
                BinaryTypeCoercer::new(left, &self.operator, right).get_result_type()
            }
            [left, _] => Ok(left.clone()),
            _ => internal_err!("{} takes two numbers", self.name()),
        }
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        null_for_null(self, args, info)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [left, right] = args.args.as_slice() else { return internal_err!("{} takes two numbers", self.name()) };
        // The optimizer asks what becomes of NULL, which has no type there.
        if left.data_type().is_null() || right.data_type().is_null() {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from(args.return_field.data_type())?));
        }
        match left.data_type() {
            DataType::Float32 => self.floats::<Float32Type>(left, right, args.number_rows),
            DataType::Float64 => self.floats::<Float64Type>(left, right, args.number_rows),
            DataType::Decimal128(..) => self.exact(left, right),
            data_type => self.exact(left, right).map_err(|error| out_of_range(error, &data_type)),
        }
    }
}

impl Checked {
    fn exact(&self, left: &ColumnarValue, right: &ColumnarValue) -> Result<ColumnarValue> {
        match self.operator {
            Operator::Plus => apply(left, right, add),
            Operator::Minus => apply(left, right, sub),
            Operator::Multiply => apply(left, right, mul),
            Operator::Divide => apply(left, right, div),
            // The smallest integer has no remainder by -1 in the processor.
            _ => apply(left, right, rem),
        }
    }

    fn floats<T: ArrowPrimitiveType>(
        &self,
        left: &ColumnarValue,
        right: &ColumnarValue,
        rows: usize,
    ) -> Result<ColumnarValue>
    where
        T::Native: Float,
    {
        let are_scalars = matches!((left, right), (ColumnarValue::Scalar(_), ColumnarValue::Scalar(_)));
        let rows = if are_scalars { 1 } else { rows };
        let (left, right) = (left.to_array(rows)?, right.to_array(rows)?);
        let (left, right) = (left.as_primitive::<T>(), right.as_primitive::<T>());
        let computed: PrimitiveArray<T> = match self.operator {
            Operator::Plus => try_binary(left, right, |a, b| a.plus(b).finite_as([a, b])),
            Operator::Minus => try_binary(left, right, |a, b| a.minus(b).finite_as([a, b])),
            Operator::Multiply => try_binary(left, right, |a, b| a.times(b).finite_as([a, b])?.not_lost([a, b])),
            _ => try_binary(left, right, |a, b| match b.is_zero() && !a.is_nan() {
                true => Err(ArrowError::DivideByZero),
                false => a.over(b).finite_as([a, T::Native::ONE])?.not_lost([a, b.finite_part()]),
            }),
        }?;
        let computed: ArrayRef = Arc::new(computed);
        Ok(match are_scalars {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&computed, 0)?),
            false => ColumnarValue::Array(computed),
        })
    }
}

/// What is asked of floating-point numbers here.
trait Float: Copy {
    const ONE: Self;

    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    fn over(self, other: Self) -> Self;
    fn is_zero(self) -> bool;
    fn is_infinite(self) -> bool;
    fn is_nan(self) -> bool;

    /// Itself; of all that are not numbers, the one that is the largest in Arrow's order, as in PostgreSQL's.
    fn ordered(self) -> Self;

    /// Itself, or zero if it is infinite: what is divided by infinity may become zero.
    fn finite_part(self) -> Self;

    /// The result of operands, which must not be infinite unless one of them is.
    fn finite_as(self, operands: [Self; 2]) -> Result<Self, ArrowError> {
        if self.is_infinite() && !operands.into_iter().any(Self::is_infinite) {
            return Err(ArrowError::ArithmeticOverflow("value out of range: overflow".to_owned()));
        }
        Ok(self.ordered())
    }

    /// The result of operands, which must not be zero unless one of them is.
    fn not_lost(self, operands: [Self; 2]) -> Result<Self, ArrowError> {
        if self.is_zero() && !operands.into_iter().any(Self::is_zero) {
            return Err(ArrowError::ArithmeticOverflow("value out of range: underflow".to_owned()));
        }
        Ok(self)
    }
}

macro_rules! float {
    ($type:ty) => {
        impl Float for $type {
            const ONE: Self = 1.0;

            fn plus(self, other: Self) -> Self {
                self + other
            }

            fn minus(self, other: Self) -> Self {
                self - other
            }

            fn times(self, other: Self) -> Self {
                self * other
            }

            fn over(self, other: Self) -> Self {
                self / other
            }

            fn is_zero(self) -> bool {
                self == 0.0
            }

            fn is_infinite(self) -> bool {
                self.is_infinite()
            }

            fn is_nan(self) -> bool {
                self.is_nan()
            }

            fn ordered(self) -> Self {
                if self.is_nan() { Self::NAN.abs() } else { self }
            }

            fn finite_part(self) -> Self {
                if self.is_infinite() { 0.0 } else { self }
            }
        }
    };
}

float!(f32);
float!(f64);

/// In PostgreSQL's words.
fn out_of_range(error: DataFusionError, data_type: &DataType) -> DataFusionError {
    let name = match data_type {
        DataType::Int16 => "smallint",
        DataType::Int32 => "integer",
        _ => "bigint",
    };
    match error.find_root() {
        DataFusionError::ArrowError(cause, _) if matches!(cause.as_ref(), ArrowError::ArithmeticOverflow(_)) => {
            DataFusionError::Execution(format!("{name} out of range"))
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_that_do_not_fit_are_errors() {
        let multiplied = |a: f64, b: f64| a.times(b).finite_as([a, b]).and_then(|c| c.not_lost([a, b]));
        assert!(multiplied(1e200, 1e200).is_err());
        assert!(multiplied(1e-200, 1e-200).is_err());
        assert_eq!(multiplied(f64::INFINITY, 2.0).unwrap(), f64::INFINITY);
        assert_eq!(multiplied(0.0, 2.0).unwrap(), 0.0);
    }
}
