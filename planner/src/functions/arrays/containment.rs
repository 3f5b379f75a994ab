//! `@>`, `<@` and `&&`: which elements arrays have in common. NULL is like no element.

use std::sync::Arc;

use arrow::array::BooleanArray;

use super::picks::{Picks, read};
use super::shape::of_arrays;
use crate::functions::function::Function;
use crate::pg_type::PgType;

pub(super) fn operators() -> Vec<Function> {
    vec![
        of_pairs("@>", |picks, row| contains(picks, row, (0, 1))),
        of_pairs("<@", |picks, row| contains(picks, row, (1, 0))),
        of_pairs("&&", |picks, row| {
            let (left, right) = (picks.list(0, row)?, picks.list(1, row)?);
            let is_shared = |place: usize| {
                !picks.is_null(0, place) && right.places().any(|other| picks.equal((0, place), (1, other)))
            };
            Some(left.places().any(is_shared))
        }),
    ]
}

fn contains(picks: &Picks, row: usize, (whole, part): (usize, usize)) -> Option<bool> {
    let (all, wanted) = (picks.list(whole, row)?, picks.list(part, row)?);
    let is_there = |place: usize| {
        !picks.is_null(part, place) && all.places().any(|other| picks.equal((part, place), (whole, other)))
    };
    Some(wanted.places().all(is_there))
}

fn of_pairs(symbol: &'static str, answer: fn(&Picks, usize) -> Option<bool>) -> Function {
    of_arrays(symbol, vec![PgType::AnyArray, PgType::AnyArray], PgType::Bool, move |arguments, rows| {
        Ok(Arc::new(read(arguments, rows, answer)?.into_iter().collect::<BooleanArray>()))
    })
}
