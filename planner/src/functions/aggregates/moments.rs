//! Variances, standard deviations, correlations and regressions.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{AggregateUDF, Expr};

use super::fold::{Fold, Folded, each, scalar};
use super::in_order_if_distinct;
use crate::error::Error;
use crate::functions::column::{Argument, Float8, Int8, NumericArg, Text};
use crate::functions::function::Function;
use crate::pg_type::PgType;
use crate::postgres::error::ValueResult;
use crate::postgres::float::{FloatMoments, FloatPairs};
use crate::postgres::numeric::{Numeric, NumericMoments};

/// One statistic of numbers: of numerics, and of floating-point numbers.
struct Statistic {
    names: &'static [&'static str],
    of_numerics: fn(&NumericMoments) -> ValueResult<Option<Numeric>>,
    of_floats: fn(&FloatMoments) -> Option<f64>,
}

const STATISTICS: [Statistic; 4] = [
    Statistic { names: &["var_pop"], of_numerics: NumericMoments::var_pop, of_floats: FloatMoments::var_pop },
    Statistic {
        names: &["var_samp", "variance"],
        of_numerics: NumericMoments::var_samp,
        of_floats: FloatMoments::var_samp,
    },
    Statistic { names: &["stddev_pop"], of_numerics: NumericMoments::stddev_pop, of_floats: FloatMoments::stddev_pop },
    Statistic {
        names: &["stddev_samp", "stddev"],
        of_numerics: NumericMoments::stddev_samp,
        of_floats: FloatMoments::stddev_samp,
    },
];

pub(super) fn functions() -> Vec<Function> {
    let mut functions = vec![];
    macro_rules! statistic {
        ($place:literal) => {{
            let statistic = &STATISTICS[$place];
            let exact = Folded::<ExactMoments>::aggregate(statistic.names[0], PgType::Numeric.arrow(), |moments| {
                let value = (STATISTICS[$place].of_numerics)(&moments.0).map_err(Error::Value)?;
                scalar(value, &PgType::Numeric.arrow())
            });
            let double = Folded::<DoubleMoments>::aggregate(statistic.names[0], DataType::Float64, |moments| {
                Ok(ScalarValue::Float64((STATISTICS[$place].of_floats)(&moments.0)))
            });
            for name in statistic.names {
                for pg_type in [PgType::Int2, PgType::Int4, PgType::Int8, PgType::Numeric] {
                    functions.push(of_columns(name, vec![pg_type], PgType::Numeric, Arc::clone(&exact)));
                }
                functions.push(of_columns(name, vec![PgType::Float8], PgType::Float8, Arc::clone(&double)));
            }
        }};
    }
    statistic!(0);
    statistic!(1);
    statistic!(2);
    statistic!(3);
    functions.extend(pairs());
    functions
}

fn of_columns(name: &'static str, arguments: Vec<PgType>, returns: PgType, udaf: Arc<AggregateUDF>) -> Function {
    Function::aggregate(name, arguments, returns, move |call| {
        let arguments: Vec<Expr> = call.arguments.clone();
        Ok(in_order_if_distinct(call).of(Arc::clone(&udaf), arguments))
    })
}

fn pairs() -> Vec<Function> {
    macro_rules! pair {
        ($name:ident) => {
            of_columns(
                stringify!($name),
                vec![PgType::Float8, PgType::Float8],
                PgType::Float8,
                Folded::<DoublePairs>::aggregate(stringify!($name), DataType::Float64, |pairs| {
                    Ok(ScalarValue::Float64(pairs.0.$name()))
                }),
            )
        };
    }
    let count = Folded::<DoublePairs>::aggregate("regr_count", DataType::Int64, |pairs| {
        // A count of rows is a whole number.
        Ok(ScalarValue::Int64(Some(pairs.0.count as i64)))
    });
    vec![
        pair!(corr),
        pair!(covar_pop),
        pair!(covar_samp),
        pair!(regr_avgx),
        pair!(regr_avgy),
        pair!(regr_intercept),
        pair!(regr_r2),
        pair!(regr_slope),
        pair!(regr_sxx),
        pair!(regr_sxy),
        pair!(regr_syy),
        of_columns("regr_count", vec![PgType::Float8, PgType::Float8], PgType::Int8, count),
    ]
}

/// Of integers and numerics.
#[derive(Debug, Default)]
struct ExactMoments(NumericMoments);

impl Fold for ExactMoments {
    fn add(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let Some(column) = columns.first() else { return Ok(()) };
        if column.data_type().is_integer() {
            return each::<Int8>(column, |value| {
                self.0.push_integer(value);
                Ok(())
            });
        }
        each::<NumericArg>(column, |value| {
            self.0.push(&value);
            Ok(())
        })
    }

    fn state(&self) -> Result<Vec<ScalarValue>> {
        let NumericMoments { count, sum, sum_of_squares } = &self.0;
        Ok(vec![
            ScalarValue::Int64(Some(*count)),
            ScalarValue::Utf8View(Some(sum.to_string())),
            ScalarValue::Utf8View(Some(sum_of_squares.to_string())),
        ])
    }

    fn state_types() -> Vec<DataType> {
        vec![DataType::Int64, DataType::Utf8View, DataType::Utf8View]
    }

    fn merge(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [counts, sums, squares] = states else { return Ok(()) };
        let (count, sum, square) = (Int8::read(counts)?, Text::read(sums)?, Text::read(squares)?);
        for row in 0..counts.len() {
            let read = |column, row| Numeric::parse(Text::value(column, row)).map_err(Error::Value);
            let other = NumericMoments {
                count: Int8::value(&count, row),
                sum: read(&sum, row)?,
                sum_of_squares: read(&square, row)?,
            };
            self.0.merge(&other);
        }
        Ok(())
    }
}

/// Of floating-point numbers.
#[derive(Debug, Default)]
struct DoubleMoments(FloatMoments);

impl Fold for DoubleMoments {
    fn add(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let Some(column) = columns.first() else { return Ok(()) };
        each::<Float8>(column, |value| self.0.push(value))
    }

    fn state(&self) -> Result<Vec<ScalarValue>> {
        let FloatMoments { count, sum, squares } = self.0;
        Ok([count, sum, squares].map(|value| ScalarValue::Float64(Some(value))).into())
    }

    fn state_types() -> Vec<DataType> {
        vec![DataType::Float64; 3]
    }

    fn merge(&mut self, states: &[ArrayRef]) -> Result<()> {
        let columns = states.iter().map(Float8::read).collect::<Result<Vec<_>>>()?;
        let [count, sum, squares] = columns.as_slice() else { return Ok(()) };
        for row in 0..states.first().map_or(0, |column| column.len()) {
            let value = |column| Float8::value(column, row);
            let other = FloatMoments { count: value(count), sum: value(sum), squares: value(squares) };
            self.0.merge(&other).map_err(Error::Value)?;
        }
        Ok(())
    }
}

/// Of pairs of floating-point numbers; those with a NULL do not count.
#[derive(Debug, Default)]
struct DoublePairs(FloatPairs);

impl Fold for DoublePairs {
    fn add(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let read = columns.iter().map(Float8::read).collect::<Result<Vec<_>>>()?;
        let [y, x] = read.as_slice() else { return Ok(()) };
        for row in 0..columns.first().map_or(0, |column| column.len()) {
            if !Float8::is_null(y, row) && !Float8::is_null(x, row) {
                self.0.push(Float8::value(y, row), Float8::value(x, row)).map_err(Error::Value)?;
            }
        }
        Ok(())
    }

    fn state(&self) -> Result<Vec<ScalarValue>> {
        let FloatPairs { count, sum_x, squares_x, sum_y, squares_y, products } = self.0;
        let parts = [count, sum_x, squares_x, sum_y, squares_y, products];
        Ok(parts.map(|value| ScalarValue::Float64(Some(value))).into())
    }

    fn state_types() -> Vec<DataType> {
        vec![DataType::Float64; 6]
    }

    fn merge(&mut self, states: &[ArrayRef]) -> Result<()> {
        let columns = states.iter().map(Float8::read).collect::<Result<Vec<_>>>()?;
        let [count, sum_x, squares_x, sum_y, squares_y, products] = columns.as_slice() else { return Ok(()) };
        for row in 0..states.first().map_or(0, |column| column.len()) {
            let value = |column| Float8::value(column, row);
            let other = FloatPairs {
                count: value(count),
                sum_x: value(sum_x),
                squares_x: value(squares_x),
                sum_y: value(sum_y),
                squares_y: value(squares_y),
                products: value(products),
            };
            self.0.merge(&other).map_err(Error::Value)?;
        }
        Ok(())
    }
}
