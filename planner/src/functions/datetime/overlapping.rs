//! OVERLAPS: whether two spans have a moment in common. An end may be NULL, and the answer known all the same.

use std::sync::Arc;

use arrow::array::BooleanArray;
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::ColumnarValue;

use crate::functions::column::{Argument, DateArg, TimeArg, TimestampArg, TimestampTzArg};
use crate::functions::function::{Call, Function};
use crate::functions::strict::{Operand, argument, result_of, rows_of};
use crate::functions::udf::{Evaluate, Udf};
use crate::functions::{Catalogue, NotChosen};
use crate::pg_type::PgType;
use crate::postgres::datetime::overlaps::overlaps;

/// Of four ends of one type.
struct Overlaps<A>(std::marker::PhantomData<fn() -> A>);

impl<A: Argument> Evaluate for Overlaps<A>
where
    for<'a> A::Value<'a>: Ord + Copy,
{
    fn evaluate(&self, arguments: &[ColumnarValue], rows: usize, _returns: &DataType) -> Result<ColumnarValue> {
        let mut ends = Vec::with_capacity(4);
        for place in 0..4 {
            ends.push(Operand::<A>::read(argument(arguments, place)?)?);
        }
        let end = |place: usize, row| ends.get(place).and_then(|end| end.value(row));
        let answer = |row| overlaps((end(0, row), end(1, row)), (end(2, row), end(3, row)));
        let answers: BooleanArray = (0..rows_of(arguments, rows)).map(answer).collect();
        result_of(Arc::new(answers), arguments)
    }
}

pub(super) fn functions() -> Vec<Function> {
    let mut functions = vec![];
    functions.extend(of::<TimestampArg>());
    functions.extend(of::<TimestampTzArg>());
    functions.extend(of::<TimeArg>());
    functions.extend(of::<DateArg>());
    functions
}

/// Spans that are given by two ends each, or by a beginning and a length.
fn of<A: Argument>() -> Vec<Function>
where
    for<'a> A::Value<'a>: Ord + Copy,
{
    let pg_type = A::pg_type();
    let udf = Udf::new("overlaps", PgType::Bool, Arc::new(Overlaps::<A>(std::marker::PhantomData)));
    let ends = Function::scalar("overlaps", vec![pg_type.clone(); 4], udf.clone());
    if pg_type == PgType::Date {
        return vec![ends];
    }
    let mut functions = vec![ends];
    for lengths in [[false, true], [true, false], [true, true]] {
        let end = |is_length: bool| if is_length { PgType::Interval } else { pg_type.clone() };
        let arguments = vec![pg_type.clone(), end(lengths[0]), pg_type.clone(), end(lengths[1])];
        let by_ends = Function::scalar("overlaps", vec![pg_type.clone(); 4], udf.clone());
        functions.push(Function::made("overlaps", arguments, PgType::Bool, move |mut call| {
            for (place, is_length) in [(1, lengths[0]), (3, lengths[1])] {
                if is_length {
                    call.arguments[place] = sum(&call, place)?;
                }
            }
            by_ends.expression(call)
        }));
    }
    functions
}

/// A beginning and its length.
fn sum(call: &Call<'_>, place: usize) -> Result<datafusion::logical_expr::Expr> {
    let types = vec![call.types[place - 1].clone(), PgType::Interval];
    let arguments = vec![call.arguments[place - 1].clone(), call.arguments[place].clone()];
    match Catalogue::get().operator("+", &types) {
        Ok(chosen) => {
            let (schema, surroundings) = (call.schema, call.surroundings);
            chosen.function.expression(Call { arguments, types, order: None, schema, surroundings })
        }
        Err(NotChosen::UnknownName | NotChosen::NoneFits | NotChosen::Ambiguous) => {
            datafusion::common::internal_err!("no sum of a moment and an interval")
        }
    }
}
