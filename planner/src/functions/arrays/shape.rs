//! How long arrays are, and where elements are in them.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, StringViewArray};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::ColumnarValue;

use super::picks::{List, Picks, each, read};
use crate::functions::column::{Output, Whole};
use crate::functions::function::Function;
use crate::functions::growth::Growth;
use crate::functions::strict::result_of;
use crate::functions::udf::{Evaluate, Udf};
use crate::pg_type::PgType;

pub(super) fn functions() -> Vec<Function> {
    let length = |list: &List| i32::try_from(list.len()).unwrap_or(i32::MAX);
    let dimension = |name, of: fn(i32) -> i32| {
        integer(name, vec![PgType::AnyArray, PgType::Int4], move |picks, row| {
            let list = picks.list(0, row).filter(|list| list.len() > 0)?;
            (picks.integer(1, row)? == 1).then(|| of(i32::try_from(list.len()).unwrap_or(i32::MAX)))
        })
        .strict()
    };
    vec![
        dimension("array_length", |length| length),
        dimension("array_upper", |length| length),
        dimension("array_lower", |_| 1),
        integer("cardinality", vec![PgType::AnyArray], move |picks, row| picks.list(0, row).map(|list| length(&list))),
        integer("array_ndims", vec![PgType::AnyArray], |picks, row| {
            picks.list(0, row).filter(|list| list.len() > 0).map(|_| 1)
        }),
        of_arrays("array_dims", vec![PgType::AnyArray], PgType::Text, |arguments, rows| {
            let texts = read(arguments, rows, |picks, row| {
                picks.list(0, row).filter(|list| list.len() > 0).map(|list| format!("[1:{}]", list.len()))
            })?;
            Ok(Arc::new(texts.into_iter().collect::<StringViewArray>()))
        }),
        integer("array_position", vec![PgType::AnyCompatibleArray, PgType::AnyCompatible], |picks, row| {
            places(picks, row, 0)?.first().copied()
        }),
        integer(
            "array_position",
            vec![PgType::AnyCompatibleArray, PgType::AnyCompatible, PgType::Int4],
            |picks, row| {
                let start = usize::try_from(picks.integer(2, row)?.saturating_sub(1)).unwrap_or_default();
                places(picks, row, start)?.first().copied()
            },
        ),
        of_arrays(
            "array_positions",
            vec![PgType::AnyCompatibleArray, PgType::AnyCompatible],
            PgType::Int4.array(),
            |arguments, rows| {
                let mut growth = Growth::of(arguments);
                let mut builder = <Whole<i32> as Output>::builder(rows, &PgType::Int4.array().arrow());
                each(arguments, rows, |picks, row| {
                    let places = places(picks, row, 0).map(Whole);
                    growth.add(places.as_ref().map_or(0, Whole::bytes))?;
                    Whole::append(&mut builder, places)
                })?;
                <Whole<i32> as Output>::finish(builder)
            },
        ),
    ]
}

/// The numbers of the elements that are equal to a value, those before `start` left out.
fn places(picks: &Picks, row: usize, start: usize) -> Option<Vec<i32>> {
    let list = picks.list(0, row)?;
    let value = (1, picks.value(1, row));
    let found = list.places().enumerate().skip(start).filter(|(_, place)| picks.equal((0, *place), value));
    Some(found.map(|(number, _)| i32::try_from(number + 1).unwrap_or(i32::MAX)).collect())
}

fn integer(
    name: &'static str,
    arguments: Vec<PgType>,
    value: impl Fn(&Picks, usize) -> Option<i32> + Send + Sync + 'static,
) -> Function {
    of_arrays(name, arguments, PgType::Int4, move |arguments, rows| {
        Ok(Arc::new(read(arguments, rows, &value)?.into_iter().collect::<Int32Array>()))
    })
}

struct OfArrays<F>(F);

impl<F> Evaluate for OfArrays<F>
where
    F: Fn(&[ColumnarValue], usize) -> Result<ArrayRef> + Send + Sync,
{
    fn evaluate(&self, arguments: &[ColumnarValue], rows: usize, _returns: &DataType) -> Result<ColumnarValue> {
        result_of((self.0)(arguments, rows)?, arguments)
    }
}

/// A function of arrays that are read as a whole.
pub(super) fn of_arrays(
    name: &'static str,
    arguments: Vec<PgType>,
    returns: PgType,
    function: impl Fn(&[ColumnarValue], usize) -> Result<ArrayRef> + Send + Sync + 'static,
) -> Function {
    Function::scalar(name, arguments, Udf::new(name, returns, Arc::new(OfArrays(function))))
}
