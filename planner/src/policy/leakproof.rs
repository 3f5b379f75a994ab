//! Conditions that say nothing about the rows that they are asked about: they never fail. Only these may be asked before
//! it is known whether a row may be seen.

use arrow::datatypes::{DataType, Schema};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

/// Whether a condition on columns of a schema compares them with constants of their types, and does nothing else.
pub(super) fn is_leakproof(condition: &Expr, schema: &Schema) -> bool {
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And | Operator::Or, right }) => {
            is_leakproof(left, schema) && is_leakproof(right, schema)
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            is_comparison(*op)
                && (is_column_and_constant(left, right, schema) || is_column_and_constant(right, left, schema))
        }
        Expr::Not(inner) => is_leakproof(inner, schema),
        Expr::IsNull(inner) | Expr::IsNotNull(inner) => matches!(inner.as_ref(), Expr::Column(_)),
        Expr::InList(InList { expr, list, .. }) => {
            list.iter().all(|constant| is_column_and_constant(expr, constant, schema))
        }
        Expr::Column(_) => type_of(condition, schema) == Some(&DataType::Boolean),
        Expr::Literal(value, _) => value.data_type() == DataType::Boolean,
        _ => false,
    }
}

fn is_comparison(operator: Operator) -> bool {
    matches!(operator, Operator::Eq | Operator::NotEq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq)
}

/// Whether neither has to be cast to be compared, which could fail.
fn is_column_and_constant(column: &Expr, constant: &Expr, schema: &Schema) -> bool {
    let Expr::Literal(value, _) = constant else { return false };
    let (of_column, of_constant) = (type_of(column, schema), value.data_type());
    of_column.is_some_and(|of_column| {
        !of_column.is_nested() && (*of_column == of_constant || is_text(of_column) && is_text(&of_constant))
    })
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn type_of<'a>(expression: &Expr, schema: &'a Schema) -> Option<&'a DataType> {
    let Expr::Column(column) = expression else { return None };
    schema.field_with_name(&column.name).ok().map(|field| field.data_type())
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Field;
    use datafusion::logical_expr::{cast, col, lit};

    use super::*;

    #[test]
    fn only_comparisons_of_columns_with_constants_are() {
        let fields = [("i", DataType::Int32), ("t", DataType::Utf8View), ("b", DataType::Boolean)];
        let schema = Schema::new(fields.map(|(name, data_type)| Field::new(name, data_type, true)).to_vec());
        for condition in [
            col("i").eq(lit(1_i32)),
            lit(1_i32).lt(col("i")),
            col("t").not_eq(lit("x")),
            col("i").in_list(vec![lit(1_i32), lit(2_i32)], true),
            col("i").is_null().and(Expr::Not(Box::new(col("b")))),
            lit(true).or(col("t").is_not_null()),
        ] {
            assert!(is_leakproof(&condition, &schema), "{condition}");
        }
        for condition in [
            (lit(1_i32) / (col("i") - lit(1_i32))).gt(lit(0_i32)),
            col("i").eq(col("i")),
            col("i").eq(lit(1_i64)),
            cast(col("t"), DataType::Int32).eq(lit(1_i32)),
            col("i").eq(lit(1_i32)).and(cast(col("t"), DataType::Boolean)),
            col("i").in_list(vec![col("i")], false),
            col("t"),
            col("hidden").eq(lit(1_i32)),
        ] {
            assert!(!is_leakproof(&condition, &schema), "{condition}");
        }
    }
}
