//! Aggregates of rows in an order: percentiles and the mode. The values are collected in their order, and a function of
//! values picks from them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarUDF, ScalarUDFImpl, Signature, SortExpr, Volatility};

use super::collected::collected;
use crate::error::Error;
use crate::functions::column::{Argument, Array1, Float8, IntervalArg, as_list};
use crate::functions::function::{AggregateCall, Function};
use crate::functions::strict::strict2;
use crate::pg_type::PgType;
use crate::postgres::error::{ValueError, ValueResult};
use crate::postgres::value::Interval;

pub(super) fn functions() -> Vec<Function> {
    let mut functions = vec![];
    let between = strict2::<Array1<Float8>, Float8, _, _>("value_between", |values, fraction| {
        let values: Vec<f64> = values.iter().flatten().collect();
        interpolated(&values, fraction, |low, high, part| Ok(low + part * (high - low)))
    });
    functions.push(Function::ordered_set("percentile_cont", vec![PgType::Float8, PgType::Float8], PgType::Float8, {
        move |call| {
            let [values, fraction] = sorted(&call)?;
            between.of_expressions(vec![values, fraction], call.schema)
        }
    }));
    let between = strict2::<Array1<IntervalArg>, Float8, _, _>("interval_between", |values, fraction| {
        let values: Vec<Interval> = values.iter().flatten().collect();
        interpolated(&values, fraction, |low, high, part| low.add(high.subtract(low)?.multiply(part)?))
    });
    functions.push(Function::ordered_set(
        "percentile_cont",
        vec![PgType::Float8, PgType::Interval],
        PgType::Interval,
        move |call| {
            let [values, fraction] = sorted(&call)?;
            between.of_expressions(vec![values, fraction], call.schema)
        },
    ));
    let several = strict2::<Array1<Float8>, Array1<Float8>, _, _>("values_between", |values, fractions| {
        let values: Vec<f64> = values.iter().flatten().collect();
        let value = |fraction: Option<f64>| match fraction {
            Some(fraction) => interpolated(&values, fraction, |low, high, part| Ok(low + part * (high - low))),
            None => Ok(None),
        };
        fractions.iter().map(value).collect::<ValueResult<Vec<Option<f64>>>>()
    });
    functions.push(Function::ordered_set(
        "percentile_cont",
        vec![PgType::Float8.array(), PgType::Float8],
        PgType::Float8.array(),
        move |call| {
            let [values, fractions] = sorted(&call)?;
            several.of_expressions(vec![values, fractions], call.schema)
        },
    ));
    functions.push(Function::ordered_set(
        "percentile_disc",
        vec![PgType::Float8, PgType::AnyElement],
        PgType::AnyElement,
        |call| {
            let [values, fraction] = sorted(&call)?;
            Ok(ScalarUDF::from(Picked::new(Pick::Fraction)).call(vec![values, fraction]))
        },
    ));
    functions.push(Function::ordered_set("mode", vec![PgType::AnyElement], PgType::AnyElement, |call| {
        if call.order(0).is_some_and(|order| !order.is_bytewise_equal()) {
            return datafusion::common::not_impl_err!("mode() of texts that can be equal and not the same");
        }
        let [values, _] = sorted(&call)?;
        Ok(ScalarUDF::from(Picked::new(Pick::Mode)).call(vec![values]))
    }));
    functions
}

/// The array of the values in their order, and the argument before them.
fn sorted(call: &AggregateCall<'_>) -> Result<[Expr; 2]> {
    let Some((value, before)) = call.arguments.split_last() else {
        return internal_err!("an ordered-set aggregate without an order");
    };
    let key = call.key(value.clone(), before.len());
    let before = match before {
        [before] => before.clone(),
        _ => Expr::Literal(ScalarValue::Null, None),
    };
    let order_by = match call.order_by.as_slice() {
        [by] => vec![SortExpr::new(key, by.asc, false)],
        _ => vec![],
    };
    let is_there = value.clone().is_not_null();
    let filter = match &call.filter {
        Some(filter) => filter.clone().and(is_there),
        None => is_there,
    };
    let call = AggregateCall { order_by, filter: Some(filter), ..call.clone() };
    Ok([call.of(collected(), vec![value.clone()]), before])
}

fn check(fraction: f64) -> ValueResult<()> {
    if (0.0..=1.0).contains(&fraction) {
        return Ok(());
    }
    Err(ValueError::new("22003", format!("percentile value {fraction} is not between 0 and 1")))
}

/// The value at a fraction of the way, between two if it is there.
fn interpolated<T: Copy>(
    values: &[T],
    fraction: f64,
    between: impl Fn(T, T, f64) -> ValueResult<T>,
) -> ValueResult<Option<T>> {
    check(fraction)?;
    let Some(last) = values.len().checked_sub(1) else { return Ok(None) };
    let place = fraction * last as f64;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    match (values.get(low), values.get(high)) {
        (Some(value), _) if low == high => Ok(Some(*value)),
        (Some(low), Some(high)) => between(*low, *high, place.fract()).map(Some),
        _ => Ok(None),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Pick {
    /// The first value that so many are not after.
    Fraction,
    /// The first of the most frequent values.
    Mode,
}

/// One element of an array.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Picked {
    pick: Pick,
    signature: Signature,
}

impl Picked {
    fn new(pick: Pick) -> Self {
        Self { pick, signature: Signature::variadic_any(Volatility::Immutable) }
    }

    fn place(&self, elements: &ArrayRef, fraction: Option<f64>) -> Result<Option<u32>> {
        let count = elements.len();
        let place = match self.pick {
            Pick::Fraction => match fraction {
                Some(fraction) => {
                    check(fraction).map_err(Error::Value)?;
                    ((fraction * count as f64).ceil() as usize).saturating_sub(1)
                }
                None => return Ok(None),
            },
            Pick::Mode => most_frequent(elements)?,
        };
        Ok((place < count).then_some(place).and_then(|place| u32::try_from(place).ok()))
    }
}

/// The place of the first of the longest run of equal values.
fn most_frequent(elements: &ArrayRef) -> Result<usize> {
    let boundaries = arrow::compute::partition(&[Arc::clone(elements)])?;
    let mut best = 0..0;
    for range in boundaries.ranges() {
        if range.len() > best.len() {
            best = range;
        }
    }
    Ok(best.start)
}

impl ScalarUDFImpl for Picked {
    fn name(&self) -> &str {
        match self.pick {
            Pick::Fraction => "value_at",
            Pick::Mode => "most_frequent",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types.first() {
            Some(DataType::List(element)) => Ok(element.data_type().clone()),
            other => internal_err!("{} of {other:?}", self.name()),
        }
    }

    fn invoke_with_args(&self, args: datafusion::logical_expr::ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [lists, rest @ ..] = arrays.as_slice() else { return internal_err!("{} of nothing", self.name()) };
        let fractions: Option<Float64Array> = rest.first().map(Float8::read).transpose()?;
        let lists = as_list(lists)?;
        let mut places = Vec::with_capacity(lists.len());
        for row in 0..lists.len() {
            let fraction = fractions.as_ref().filter(|all| all.is_valid(row)).map(|all| all.value(row));
            let place = match lists.is_null(row) {
                true => None,
                false => self.place(&lists.value(row), fraction)?,
            };
            let offset = u32::try_from(lists.value_offsets()[row]).unwrap_or_default();
            places.push(place.map(|place| place + offset));
        }
        Ok(ColumnarValue::Array(take(lists.values(), &UInt32Array::from(places), None)?))
    }
}
