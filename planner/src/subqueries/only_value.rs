//! The only value of a scalar subquery, which has at most one row. More are an error where the value is used, and nowhere
//! else: CASE, COALESCE and the like may do without it.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, exec_err, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// The value of one of so many rows, which is NULL of none.
pub(super) fn only_value(value: Expr, rows: Expr) -> Expr {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> =
        LazyLock::new(|| Arc::new(ScalarUDF::from(OnlyValue { signature: Signature::any(2, Volatility::Immutable) })));
    FUNCTION.call(vec![value, rows])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OnlyValue {
    signature: Signature,
}

impl ScalarUDFImpl for OnlyValue {
    fn name(&self) -> &str {
        "only_value"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types.first().cloned().unwrap_or(DataType::Null))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value, rows] =
            <[ColumnarValue; 2]>::try_from(args.args).or_else(|_| internal_err!("not two arguments"))?;
        check(&rows.into_array(1)?)?;
        Ok(value)
    }
}

fn check(rows: &ArrayRef) -> Result<()> {
    let Some(rows) = rows.as_primitive_opt::<Int64Type>() else { return internal_err!("rows are counted in bigint") };
    if rows.iter().flatten().any(|rows| rows > 1) {
        return exec_err!("more than one row was given by a subquery that stands for a value");
    }
    Ok(())
}
