//! Functions that return rows, as arrays of them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarUDF};

use super::column::{Int4, Int8, IntervalArg, NumericArg, Output, Text, TimestampArg, TimestampTzArg, Whole, as_list};
use super::datetime::{SessionZone, in_session_zone};
use super::function::Function;
use super::growth::{Growth, spread};
use super::strict::{cached4, result_of, rows_of, strict2, strict3};
use super::udf::{Decimals, Evaluate, Udf};
use crate::error::Error;
use crate::pg_type::PgType;
use crate::postgres::datetime::timestamps::series_direction;
use crate::postgres::error::{ValueError, ValueResult};
use crate::postgres::numeric::Numeric;
use crate::postgres::stop::Steps;
use crate::postgres::value::{Interval, Timestamp, TimestampTz};

/// Rows that a function may return for one row: they are in memory together.
const MAX_ROWS: usize = 8 << 20;

pub(super) fn functions() -> Vec<Function> {
    let mut functions = numbers();
    functions.extend(moments());
    functions.extend(elements());
    functions
}

fn too_many() -> ValueError {
    ValueError::new("54000", format!("a function returns more than {MAX_ROWS} rows at once; ask for fewer of them"))
}

/// From a start as far as an end by steps; `next` gives none beyond the type's range.
fn series<T: Copy + Ord>(
    start: T,
    end: T,
    is_up: bool,
    next: impl Fn(T) -> ValueResult<Option<T>>,
) -> ValueResult<Whole<T>> {
    let mut values = vec![];
    let mut steps = Steps::default();
    let mut current = Some(start);
    while let Some(value) = current.filter(|&value| if is_up { value <= end } else { value >= end }) {
        if values.len() >= MAX_ROWS {
            return Err(too_many());
        }
        steps.next()?;
        values.push(value);
        current = next(value)?;
    }
    Ok(Whole(values))
}

/// The same of integers, whose number is known before.
fn integers<T>(start: T, end: T, step: T, next: impl Fn(T) -> Option<T>) -> ValueResult<Whole<T>>
where
    T: Copy + Ord + Default + Into<i64>,
{
    let is_up = step > T::default();
    let distance: i128 = if is_up { wide(end) - wide(start) } else { wide(start) - wide(end) };
    let rows = distance / wide(step).abs().max(1);
    if usize::try_from(rows).is_ok_and(|rows| rows >= MAX_ROWS) {
        return Err(too_many());
    }
    series(start, end, is_up, |value| Ok(next(value)))
}

fn wide(number: impl Into<i64>) -> i128 {
    let number: i64 = number.into();
    i128::from(number)
}

fn no_step() -> ValueError {
    ValueError::new("22023", "step size cannot equal zero")
}

fn numbers() -> Vec<Function> {
    macro_rules! of_integers {
        ($name:ident, $value:ty) => {
            [
                strict2::<$name, $name, _, _>("generate_series", |start: $value, end: $value| {
                    integers(start, end, 1, |value| value.checked_add(1))
                })
                .set(&[]),
                strict3::<$name, $name, $name, _, _>("generate_series", |start: $value, end: $value, step: $value| {
                    if step == 0 {
                        return Err(no_step());
                    }
                    integers(start, end, step, |value| value.checked_add(step))
                })
                .set(&[]),
            ]
        };
    }
    let by = |start: Numeric, end: Numeric, step: Numeric| -> ValueResult<Whole<Numeric>> {
        if step.is_zero() {
            return Err(no_step());
        }
        let mut values = vec![];
        let mut steps = Steps::default();
        let mut current = start;
        while if step.is_negative() { current >= end } else { current <= end } {
            if values.len() >= MAX_ROWS {
                return Err(too_many());
            }
            steps.next()?;
            values.push(current.clone());
            current = current.plus(&step)?;
        }
        Ok(Whole(values))
    };
    let mut functions: Vec<Function> = of_integers!(Int4, i32).into_iter().chain(of_integers!(Int8, i64)).collect();
    functions.extend([
        strict2::<NumericArg, NumericArg, _, _>("generate_series", move |start, end| by(start, end, Numeric::from(1)))
            .decimals(Decimals::OfArguments)
            .set(&[]),
        strict3::<NumericArg, NumericArg, NumericArg, _, _>("generate_series", by)
            .decimals(Decimals::OfArguments)
            .set(&[]),
    ]);
    functions
}

fn moments() -> Vec<Function> {
    vec![
        strict3::<TimestampArg, TimestampArg, IntervalArg, _, _>("generate_series", |start, end, step: Interval| {
            let is_up = series_direction(step)?.is_gt();
            series(start, end, is_up, |moment: Timestamp| moment.next(step).map(Some))
        })
        .set(&[]),
        in_session_zone(
            cached4::<SessionZone, TimestampTzArg, TimestampTzArg, IntervalArg, Text, _, _>(
                "generate_series",
                |zones, start, end, step: Interval, zone| {
                    let is_up = series_direction(step)?.is_gt();
                    let zone = zones.get(zone)?;
                    series(start, end, is_up, |moment: TimestampTz| moment.next(step, zone).map(Some))
                },
            )
            .not_strict(),
        )
        .set(&[]),
    ]
}

fn elements() -> Vec<Function> {
    let mut functions = vec![
        Function::made("unnest", vec![PgType::AnyArray], PgType::AnyArray, |mut call| Ok(call.arguments.remove(0)))
            .set(&[]),
    ];
    let subscripts = Udf::new("generate_subscripts", PgType::Int4.array(), Arc::new(Subscripts));
    functions.push(Function::scalar("generate_subscripts", vec![PgType::AnyArray, PgType::Int4], subscripts).set(&[]));
    functions
}

/// The numbers of the longest of several arrays' elements.
pub(crate) fn ordinals(lists: Vec<Expr>) -> Expr {
    static FUNCTION: std::sync::LazyLock<Arc<ScalarUDF>> = std::sync::LazyLock::new(|| {
        Arc::new(ScalarUDF::from(Udf::new("ordinals", PgType::Int8.array(), Arc::new(Ordinals))))
    });
    FUNCTION.call(lists)
}

struct Ordinals;

impl Evaluate for Ordinals {
    fn evaluate(&self, arguments: &[ColumnarValue], rows: usize, returns: &DataType) -> Result<ColumnarValue> {
        let rows = rows_of(arguments, rows);
        let lists = arguments.iter().map(|list| as_list(&spread(list, rows)?)).collect::<Result<Vec<_>>>()?;
        let mut growth = Growth::of(arguments);
        let mut builder = <Whole<i64> as Output>::builder(rows, returns);
        for row in 0..rows {
            let lengths = lists.iter().filter(|list| list.is_valid(row)).map(|list| i64::from(list.value_length(row)));
            let numbers = lengths.max().map(|longest| Whole((1..=longest).collect()));
            growth.add(numbers.as_ref().map_or(0, Whole::bytes)).map_err(Error::Value)?;
            Whole::append(&mut builder, numbers).map_err(Error::Value)?;
        }
        result_of(<Whole<i64> as Output>::finish(builder)?, arguments)
    }
}

/// The numbers of an array's elements in its only dimension.
struct Subscripts;

impl Evaluate for Subscripts {
    fn evaluate(&self, arguments: &[ColumnarValue], rows: usize, returns: &DataType) -> Result<ColumnarValue> {
        let rows = rows_of(arguments, rows);
        let lists = as_list(&spread(super::strict::argument(arguments, 0)?, rows)?)?;
        let dimensions: ArrayRef = super::strict::argument(arguments, 1)?.to_array(rows)?;
        let dimensions = arrow::compute::cast(&dimensions, &DataType::Int64)?;
        let dimensions = datafusion::common::cast::as_int64_array(&dimensions)?;
        let mut growth = Growth::of(arguments);
        let mut builder = <Whole<i32> as Output>::builder(rows, returns);
        for row in 0..rows {
            let is_there = lists.is_valid(row) && is_first(dimensions, row);
            let numbers = is_there.then(|| Whole((1..=lists.value_length(row)).collect()));
            growth.add(numbers.as_ref().map_or(0, Whole::bytes)).map_err(Error::Value)?;
            Whole::append(&mut builder, numbers).map_err(Error::Value)?;
        }
        result_of(<Whole<i32> as Output>::finish(builder)?, arguments)
    }
}

fn is_first(dimensions: &Int64Array, row: usize) -> bool {
    dimensions.is_valid(row) && dimensions.value(row) == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_counted_before_they_are_made() {
        let made = |start: i64, end: i64, step: i64| integers(start, end, step, |value| value.checked_add(step));
        assert_eq!(made(1, 7, 3).unwrap().0, [1, 4, 7]);
        assert_eq!(made(7, 1, -3).unwrap().0, [7, 4, 1]);
        assert!(made(1, 0, 1).unwrap().0.is_empty());
        assert_eq!(made(i64::MAX - 1, i64::MAX, 1).unwrap().0, [i64::MAX - 1, i64::MAX]);
        assert_eq!(made(1, MAX_ROWS as i64, 1).unwrap().0.len(), MAX_ROWS);
        for (start, end, step) in [(0, MAX_ROWS as i64, 1), (i64::MIN, i64::MAX, 1), (i64::MAX, i64::MIN, -1)] {
            assert_eq!(made(start, end, step).unwrap_err().sqlstate, "54000");
        }
    }
}
