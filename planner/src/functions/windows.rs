//! Window functions that are no aggregates.

use arrow::datatypes::DataType;
use datafusion::functions_window::cume_dist::cume_dist_udwf;
use datafusion::functions_window::lead_lag::{lag_udwf, lead_udwf};
use datafusion::functions_window::nth_value::{first_value_udwf, last_value_udwf, nth_value_udwf};
use datafusion::functions_window::ntile::ntile_udwf;
use datafusion::functions_window::rank::{dense_rank_udwf, percent_rank_udwf, rank_udwf};
use datafusion::functions_window::row_number::row_number_udwf;
use datafusion::logical_expr::cast;

use super::function::Function;
use crate::pg_type::PgType;

pub(super) fn functions() -> Vec<Function> {
    let counting = [("row_number", row_number_udwf()), ("rank", rank_udwf()), ("dense_rank", dense_rank_udwf())];
    let mut functions: Vec<Function> = counting
        .into_iter()
        .map(|(name, udwf)| {
            Function::window(name, vec![], PgType::Int8, move |call| {
                Ok(cast(call.over(std::sync::Arc::clone(&udwf), vec![])?, DataType::Int64))
            })
        })
        .collect();
    let shares = [("percent_rank", percent_rank_udwf()), ("cume_dist", cume_dist_udwf())];
    functions.extend(shares.into_iter().map(|(name, udwf)| {
        Function::window(name, vec![], PgType::Float8, move |call| call.over(std::sync::Arc::clone(&udwf), vec![]))
    }));
    functions.push(Function::window("ntile", vec![PgType::Int4], PgType::Int4, |call| {
        let arguments = call.arguments.clone();
        Ok(cast(call.over(ntile_udwf(), arguments)?, DataType::Int32))
    }));
    for (name, udwf) in [("lag", lag_udwf()), ("lead", lead_udwf())] {
        let (value, offset) = (PgType::AnyElement, PgType::Int4);
        let with_default = vec![PgType::AnyCompatible, PgType::Int4, PgType::AnyCompatible];
        for arguments in [vec![value.clone()], vec![value, offset], with_default] {
            let udwf = std::sync::Arc::clone(&udwf);
            let returns = arguments.first().cloned().unwrap_or(PgType::AnyElement);
            functions.push(Function::window(name, arguments, returns, move |call| {
                let mut arguments = call.arguments.clone();
                if let Some(offset) = arguments.get_mut(1) {
                    *offset = as_bigint(offset.clone());
                }
                call.over(std::sync::Arc::clone(&udwf), arguments)
            }));
        }
    }
    for (name, udwf) in [("first_value", first_value_udwf()), ("last_value", last_value_udwf())] {
        functions.push(Function::window(name, vec![PgType::AnyElement], PgType::AnyElement, move |call| {
            let arguments = call.arguments.clone();
            call.over(std::sync::Arc::clone(&udwf), arguments)
        }));
    }
    functions.push(Function::window("nth_value", vec![PgType::AnyElement, PgType::Int4], PgType::AnyElement, |call| {
        let mut arguments = call.arguments.clone();
        if let Some(place) = arguments.get_mut(1) {
            *place = as_bigint(place.clone());
        }
        call.over(nth_value_udwf(), arguments)
    }));
    functions
}

/// DataFusion takes the numbers of rows as constants of 64 bits.
fn as_bigint(number: datafusion::logical_expr::Expr) -> datafusion::logical_expr::Expr {
    use datafusion::common::ScalarValue;
    use datafusion::logical_expr::{Expr, lit};
    match number {
        Expr::Literal(ScalarValue::Int32(value), _) => lit(ScalarValue::Int64(value.map(i64::from))),
        other => cast(other, DataType::Int64),
    }
}
