//! Intervals compared as PostgreSQL compares them: by their length, a month counting thirty days and a day 24 hours
//! (`interval_cmp_value` in timestamp.c). DataFusion compares month with month, then day with day.

use datafusion::arrow::array::{ArrayRef, AsArray, Decimal128Array};
use datafusion::arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DataType, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit,
};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{
    Between, BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Sort, Volatility,
};

use super::map_rows;

const MONTH_DAYS: i128 = 30;
const DAY_NANOS: i128 = 86_400_000_000_000;
/// The longest intervals have 27 digits in nanoseconds.
const LENGTH: DataType = DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0);

/// A comparison of intervals as one of their lengths.
pub(super) fn compared(comparison: &Expr, schema: &DFSchema) -> Result<Option<Expr>> {
    Ok(match comparison {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(*op) && is_interval(left, schema)? => {
            Some(Expr::BinaryExpr(BinaryExpr::new(Box::new(length(left)), *op, Box::new(length(right)))))
        }
        Expr::Between(Between { expr, negated, low, high }) if is_interval(expr, schema)? => {
            let bounds = (Box::new(length(low)), Box::new(length(high)));
            Some(Expr::Between(Between::new(Box::new(length(expr)), *negated, bounds.0, bounds.1)))
        }
        Expr::InList(InList { expr, list, negated }) if is_interval(expr, schema)? => {
            Some(Expr::InList(InList::new(Box::new(length(expr)), list.iter().map(length).collect(), *negated)))
        }
        _ => None,
    })
}

/// Rows sorted by intervals are sorted by their lengths.
pub(super) fn sorted(plan: LogicalPlan) -> Result<LogicalPlan> {
    let LogicalPlan::Sort(Sort { mut expr, input, fetch }) = plan else { return Ok(plan) };
    for key in &mut expr {
        if is_interval(&key.expr, input.schema())? {
            key.expr = length(&key.expr);
        }
    }
    Ok(LogicalPlan::Sort(Sort { expr, input, fetch }))
}

fn is_comparison(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
    )
}

fn is_interval(expression: &Expr, schema: &DFSchema) -> Result<bool> {
    Ok(matches!(expression.get_type(schema)?, DataType::Interval(IntervalUnit::MonthDayNano)))
}

fn length(interval: &Expr) -> Expr {
    ScalarUDF::from(Length { signature: Signature::any(1, Volatility::Immutable) }).call(vec![interval.clone()])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Length {
    signature: Signature,
}

impl ScalarUDFImpl for Length {
    fn name(&self) -> &str {
        "interval_length"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(LENGTH)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        map_rows(&args, lengths)
    }
}

fn lengths(intervals: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let nanos = |interval: IntervalMonthDayNano| {
        let days = i128::from(interval.months) * MONTH_DAYS + i128::from(interval.days);
        days * DAY_NANOS + i128::from(interval.nanoseconds)
    };
    let lengths: Decimal128Array = intervals.as_primitive::<IntervalMonthDayNanoType>().unary(nanos);
    Ok(std::sync::Arc::new(lengths.with_data_type(LENGTH)))
}
