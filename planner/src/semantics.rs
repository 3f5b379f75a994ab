//! Gives expressions PostgreSQL's meaning where DataFusion's is another: arithmetic that does not fit is an error,
//! fractions are rounded to integers and not cut off, values print as PostgreSQL prints them.
//!
//! ```text
//! before: Projection: t.i + 1, CAST(t.n AS Int32), CAST(t.at AS Utf8)
//! after:  Projection: checked_add(t.i, 1), CAST(CAST(t.n AS Decimal128(11, 0)) AS Int32), text_form(t.at)
//! ```

mod arithmetic;
mod finite;
mod intervals;
mod literals;
mod patterns;
mod rounding;
mod text_form;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::error::ArrowError;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::expr::{Cast, ScalarFunction};
use datafusion::logical_expr::{BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, ScalarFunctionArgs};
use datafusion::optimizer::AnalyzerRule;

pub(crate) use self::literals::with_short_literals;
use crate::rewrite_expressions::rewrite_expressions;

/// The rule. It comes after type coercion, when operands have the types that they are computed in.
#[derive(Debug)]
pub(crate) struct Semantics;

impl AnalyzerRule for Semantics {
    fn name(&self) -> &str {
        "semantics"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let rewrite = |plan| rewrite_expressions(plan, rewrite)?.map_data(intervals::sorted);
        Ok(plan.transform_up_with_subqueries(rewrite)?.data)
    }
}

/// What a function of one argument gives: for a constant, a constant.
fn map_rows(
    args: &ScalarFunctionArgs,
    map: impl Fn(&ArrayRef) -> Result<ArrayRef, ArrowError>,
) -> Result<ColumnarValue> {
    match args.args.as_slice() {
        [ColumnarValue::Array(rows)] => Ok(ColumnarValue::Array(map(rows)?)),
        [ColumnarValue::Scalar(constant)] => {
            Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&map(&constant.to_array()?)?, 0)?))
        }
        _ => internal_err!("a function of one argument has {}", args.args.len()),
    }
}

fn rewrite(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let rewritten = match &expression {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let function = arithmetic::checked(*op, &left.get_type(schema)?, &right.get_type(schema)?);
            match function {
                Some(function) => Some(function.call(vec![left.as_ref().clone(), right.as_ref().clone()])),
                None => intervals::compared(&expression, schema)?,
            }
        }
        Expr::Cast(Cast { expr, field }) => {
            let (from, to) = (expr.get_type(schema)?, field.data_type());
            rounding::rounded(expr, &from, to).or_else(|| text_form::printed(expr, &from, to))
        }
        Expr::ScalarFunction(ScalarFunction { func, args }) => match (func.name(), args.as_slice()) {
            ("round", [argument]) => rounding::to_nearest(argument, &argument.get_type(schema)?),
            (name, args) if finite::is_checked(name) => finite::checked(&expression, args, schema)?,
            _ => None,
        },
        Expr::Between(_) | Expr::InList(_) => intervals::compared(&expression, schema)?,
        Expr::SimilarTo(like) => Some(patterns::similar_to(like)?),
        _ => None,
    };
    Ok(rewritten.map_or_else(|| Transformed::no(expression), Transformed::yes))
}
