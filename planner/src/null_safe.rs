//! `IS NOT DISTINCT FROM` as two comparisons with `=`. DataFusion has one meaning of NULL for all keys of a join: where it joins
//! by both operators at once, NULL would be equal to NULL for `=`, too.
//!
//! ```text
//! a.x IS NOT DISTINCT FROM b.x     is     (a.x IS NULL) = (b.x IS NULL) AND coalesce(a.x, 0) = coalesce(b.x, 0)
//! ```
//!
//! Arrays are compared by their keys: DataFusion leaves out rows between whose bounds a join finds nothing, and has two orders
//! of arrays with NULLs.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, lit};

use crate::functions::{array_key, row_key};
use crate::pg_type::PgType;

/// That two values of a type are the same, or both NULL.
pub(crate) fn null_safe_equal(left: &Expr, right: &Expr, data_type: &DataType) -> Expr {
    if data_type.is_list() {
        return null_safe_equal(&array_key(left.clone()), &array_key(right.clone()), &PgType::Bytea.arrow());
    }
    let float = match data_type {
        DataType::Float32 => Some(PgType::Float4),
        DataType::Float64 => Some(PgType::Float8),
        _ => None,
    };
    let key = |side: &Expr| float.as_ref().map_or(side.clone(), |float| row_key(side.clone(), float));
    let (left, right) = (&key(left), &key(right));
    let Ok(instead) = ScalarValue::new_default(data_type).and_then(|value| value.cast_to(data_type)) else {
        return Expr::BinaryExpr(BinaryExpr::new(
            Box::new(left.clone()),
            Operator::IsNotDistinctFrom,
            Box::new(right.clone()),
        ));
    };
    let value = |side: &Expr| coalesce(vec![side.clone(), lit(instead.clone())]);
    left.clone().is_null().eq(right.clone().is_null()).and(value(left).eq(value(right)))
}
