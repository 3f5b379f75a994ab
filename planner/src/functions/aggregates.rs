//! Aggregates.

mod by_group;
mod collected;
mod extremes;
mod first;
mod fold;
mod in_order;
mod joined;
mod moments;
mod ordered_sets;
mod windowed;

use std::sync::{Arc, LazyLock};

use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_aggregate::any_value::any_value_udaf;
use datafusion::functions_aggregate::average::avg_udaf;
use datafusion::functions_aggregate::bit_and_or_xor::{bit_and_udaf, bit_or_udaf, bit_xor_udaf};
use datafusion::functions_aggregate::bool_and_or::{bool_and_udaf, bool_or_udaf};
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::functions_aggregate::string_agg::string_agg_udaf;
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::{AggregateUDF, Expr, SortExpr, cast, lit};

pub(crate) use self::collected::collected;
pub(crate) use self::first::{first_of_group, first_value, is_first_value};
pub(crate) use self::in_order::in_order;
pub(super) use self::windowed::windowed;

use self::extremes::extreme_by_key;
use self::joined::{joined_bytes, joined_texts};
use super::column::{Float8, Int8, IntervalArg};
use super::division::numeric_division;
use super::function::{AggregateCall, Function};
use super::keys::has_key;
use super::strict::{strict1, strict2};
use super::text_order::text_of_key;
use crate::pg_type::{BIGINT_DIGITS, PgType};
use crate::postgres::float;
use crate::postgres::value::Interval;

/// A delimiter that DataFusion's `string_agg` may put between all texts of a batch.
const SHORT_DELIMITER_BYTES: usize = 256;

/// Types that have a smallest and a largest value, but for arrays.
const ORDERED: [PgType; 16] = [
    PgType::Int2,
    PgType::Int4,
    PgType::Int8,
    PgType::Oid,
    PgType::Float4,
    PgType::Float8,
    PgType::Numeric,
    PgType::Text,
    PgType::Bpchar,
    PgType::Bytea,
    PgType::Date,
    PgType::Time,
    PgType::Timestamp,
    PgType::Timestamptz,
    PgType::Interval,
    PgType::AnyArray,
];

pub(super) fn functions() -> Vec<Function> {
    let mut functions = vec![Function::aggregate("count", vec![PgType::Any], PgType::Int8, |call| {
        let value = only(&call);
        let counted = if call.distinct { call.key(value, 0) } else { value };
        Ok(call.of(count_udaf(), vec![counted]))
    })];
    functions.extend(sums());
    functions.extend(averages());
    functions.extend(extremes());
    functions.extend(collections());
    functions.extend(of_bits());
    functions.extend(moments::functions());
    functions.extend(ordered_sets::functions());
    functions
}

/// The only argument of an aggregate.
fn only(call: &AggregateCall<'_>) -> Expr {
    call.arguments.first().cloned().unwrap_or_else(|| lit(ScalarValue::Null))
}

fn sums() -> Vec<Function> {
    let widened = |pg_type: PgType, wide: PgType| {
        let data_type = wide.arrow();
        Function::aggregate("sum", vec![pg_type], wide, move |call| {
            Ok(call.of(sum_udaf(), vec![cast(only(&call), data_type.clone())]))
        })
    };
    let plain = |pg_type: PgType| {
        Function::aggregate("sum", vec![pg_type.clone()], pg_type, |call| Ok(call.of(sum_udaf(), vec![only(&call)])))
    };
    vec![
        widened(PgType::Int2, PgType::Int8),
        widened(PgType::Int4, PgType::Int8),
        // No sum of them overflows.
        Function::aggregate("sum", vec![PgType::Int8], PgType::Numeric, |call| {
            Ok(call.of(sum_udaf(), vec![as_numeric(only(&call), BIGINT_DIGITS)]))
        }),
        plain(PgType::Numeric),
        plain(PgType::Float8),
        Function::aggregate("sum", vec![PgType::Float4], PgType::Float4, |call| {
            let sum = call.of(sum_udaf(), vec![cast(only(&call), PgType::Float8.arrow())]);
            Ok(cast(sum, PgType::Float4.arrow()))
        }),
        Function::aggregate("sum", vec![PgType::Interval], PgType::Interval, |call| {
            let value = only(&call);
            Ok(in_order_if_distinct(call).of(fold::interval_sum(), vec![value]))
        }),
    ]
}

fn as_numeric(value: Expr, digits: u8) -> Expr {
    cast(value, DataType::Decimal128(digits, 0))
}

fn averages() -> Vec<Function> {
    let quotient = |pg_type: PgType, summed: fn(Expr) -> Expr| {
        Function::aggregate("avg", vec![pg_type], PgType::Numeric, move |call| {
            let value = only(&call);
            let sum = call.of(sum_udaf(), vec![summed(value.clone())]);
            Ok(numeric_division(sum, call.of(count_udaf(), vec![value])))
        })
    };
    let as_bigint = |value| cast(value, PgType::Int8.arrow());
    let per_row =
        strict2::<IntervalArg, Int8, _, _>("interval_average", |sum: Interval, rows: i64| sum.divide(rows as f64));
    vec![
        quotient(PgType::Int2, as_bigint),
        quotient(PgType::Int4, as_bigint),
        quotient(PgType::Int8, |value| as_numeric(value, BIGINT_DIGITS)),
        quotient(PgType::Numeric, |value| value),
        Function::aggregate("avg", vec![PgType::Float8], PgType::Float8, |call| {
            Ok(call.of(avg_udaf(), vec![only(&call)]))
        }),
        Function::aggregate("avg", vec![PgType::Interval], PgType::Interval, move |call| {
            let value = only(&call);
            let counted = if call.distinct { call.key(value.clone(), 0) } else { value.clone() };
            let call = in_order_if_distinct(call);
            let sum = call.of(fold::interval_sum(), vec![value]);
            per_row.of_expressions(vec![sum, call.of(count_udaf(), vec![counted])], call.schema)
        }),
    ]
}

fn extremes() -> Vec<Function> {
    let mut functions = vec![];
    for (name, least) in [("min", true), ("max", false)] {
        for pg_type in ORDERED {
            functions
                .push(Function::aggregate(name, vec![pg_type.clone()], pg_type, move |call| extreme(&call, least)));
        }
    }
    functions.push(Function::aggregate("any_value", vec![PgType::AnyElement], PgType::AnyElement, |call| {
        Ok(call.of(any_value_udaf(), vec![only(&call)]))
    }));
    functions
}

/// The smallest or largest value.
fn extreme(call: &AggregateCall<'_>, least: bool) -> Result<Expr> {
    let value = only(call);
    let extreme = if least { min_udaf() } else { max_udaf() };
    match call.types.first() {
        Some(pg_type) if call.order(0).is_some() || has_key(pg_type) || call.is_padded(0) => {
            let key = match call.order(0) {
                // The key has the text, and DataFusion's own extremes are of bytes.
                Some(order)
                    if order.is_bytewise_equal() && !matches!(pg_type, PgType::Array(_)) && !call.is_padded(0) =>
                {
                    return Ok(text_of_key(call.of(extreme, vec![order.key(value)])));
                }
                _ => call.key(value.clone(), 0),
            };
            let call = AggregateCall { order_by: vec![], distinct: false, ..call.clone() };
            Ok(call.of(extreme_by_key(least), vec![value, key]))
        }
        Some(PgType::Float4) => Ok(cast(of_floats(call, extreme)?, PgType::Float4.arrow())),
        Some(PgType::Float8) => of_floats(call, extreme),
        _ => Ok(call.of(extreme, vec![value])),
    }
}

/// DataFusion's extremes of floating-point numbers in groups are never infinite.
fn of_floats(call: &AggregateCall<'_>, extreme: Arc<AggregateUDF>) -> Result<Expr> {
    static PLACE: LazyLock<Function> =
        LazyLock::new(|| strict1::<Float8, _, _>("float_place", |value: f64| float::place(value)));
    static AT_PLACE: LazyLock<Function> =
        LazyLock::new(|| strict1::<Int8, _, _>("float_at_place", |place: i64| float::at_place(place)));
    let place = PLACE.of_expressions(vec![cast(only(call), PgType::Float8.arrow())], call.schema)?;
    AT_PLACE.of_expressions(vec![call.of(extreme, vec![place])], call.schema)
}

fn collections() -> Vec<Function> {
    vec![
        Function::aggregate("array_agg", vec![PgType::AnyNonArray], PgType::AnyArray, |call| {
            let argument = vec![only(&call)];
            Ok(in_order_if_distinct(call).of(collected(), argument))
        }),
        Function::aggregate("string_agg", vec![PgType::Text, PgType::Text], PgType::Text, |call| {
            let arguments = call.arguments.clone();
            // That one adds to the texts of groups row by row.
            let function = match arguments.get(1).is_some_and(is_short) {
                true => string_agg_udaf(),
                false => joined_texts(),
            };
            Ok(cast(in_order_if_distinct(call).of(function, arguments), PgType::Text.arrow()))
        }),
        Function::aggregate("string_agg", vec![PgType::Bytea, PgType::Bytea], PgType::Bytea, |call| {
            let arguments = call.arguments.clone();
            Ok(in_order_if_distinct(call).of(joined_bytes(), arguments))
        }),
    ]
}

fn is_short(delimiter: &Expr) -> bool {
    matches!(delimiter, Expr::Literal(value, _)
        if value.try_as_str().is_some_and(|text| text.is_none_or(|text| text.len() <= SHORT_DELIMITER_BYTES)))
}

/// PostgreSQL sorts what it looks for repetitions in, and leaves it sorted.
pub(super) fn in_order_if_distinct(call: AggregateCall<'_>) -> AggregateCall<'_> {
    if !call.distinct || !call.order_by.is_empty() || call.arguments.is_empty() {
        return call;
    }
    let first = call.key(only(&call), 0);
    AggregateCall { order_by: vec![SortExpr::new(first, true, false)], ..call }
}

fn of_bits() -> Vec<Function> {
    let mut functions: Vec<Function> = [("bool_and", true), ("every", true), ("bool_or", false)]
        .into_iter()
        .map(|(name, all)| {
            Function::aggregate(name, vec![PgType::Bool], PgType::Bool, move |call| {
                let function = if all { bool_and_udaf() } else { bool_or_udaf() };
                Ok(call.of(function, vec![only(&call)]))
            })
        })
        .collect();
    for pg_type in [PgType::Int2, PgType::Int4, PgType::Int8] {
        for (name, function) in [("bit_and", bit_and_udaf()), ("bit_or", bit_or_udaf()), ("bit_xor", bit_xor_udaf())] {
            functions.push(Function::aggregate(name, vec![pg_type.clone()], pg_type.clone(), move |call| {
                Ok(call.of(Arc::clone(&function), vec![only(&call)]))
            }));
        }
    }
    functions
}
