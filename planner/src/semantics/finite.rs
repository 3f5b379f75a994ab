//! Functions of floating-point numbers that have no value everywhere: PostgreSQL raises an error where the C library gives
//! infinity or NaN for finite arguments.

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{DFSchema, Result, exec_err, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// Those whose results are checked.
const CHECKED: [&str; 9] = ["acos", "asin", "cot", "exp", "ln", "log", "log10", "power", "sqrt"];

pub(super) fn is_checked(function: &str) -> bool {
    CHECKED.contains(&function)
}

/// The call with a look at its result, if that is a floating-point number.
pub(super) fn checked(call: &Expr, args: &[Expr], schema: &DFSchema) -> Result<Option<Expr>> {
    if !call.get_type(schema)?.is_floating() {
        return Ok(None);
    }
    let values = std::iter::once(call.clone()).chain(args.iter().cloned()).collect();
    let signature = Signature::variadic_any(Volatility::Immutable);
    Ok(Some(ScalarUDF::from(FiniteAs { signature }).call(values)))
}

/// The first value, which must be finite where all others are.
#[derive(Debug, PartialEq, Eq, Hash)]
struct FiniteAs {
    signature: Signature,
}

impl ScalarUDFImpl for FiniteAs {
    fn name(&self) -> &str {
        "finite_as"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [result, ..] => Ok(result.clone()),
            [] => internal_err!("finite_as takes a result"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [result, others @ ..] = args.args.as_slice() else { return internal_err!("finite_as takes a result") };
        let rows = if matches!(result, ColumnarValue::Scalar(_)) { 1 } else { args.number_rows };
        let numbers = |value: &ColumnarValue| cast(&value.to_array(rows)?, &DataType::Float64).map_err(Into::into);
        let results = numbers(result)?;
        let results = results.as_primitive::<Float64Type>();
        let others = others.iter().map(numbers).collect::<Result<Vec<_>>>()?;
        let has_no_value = |row: usize| {
            results.is_valid(row)
                && !results.value(row).is_finite()
                && others.iter().all(|other| other.as_primitive::<Float64Type>().value(row).is_finite())
        };
        if (0..results.len()).any(has_no_value) {
            return exec_err!("a function has no value for its arguments, or one that is out of range");
        }
        Ok(result.clone())
    }
}
