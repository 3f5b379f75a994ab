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
            let known = picks.known(1, &right);
            let is_shared = |place: usize| picks.element(0, place).is_some_and(|element| known.contains(element));
            Some(left.places().any(is_shared))
        }),
    ]
}

fn contains(picks: &Picks, row: usize, (whole, part): (usize, usize)) -> Option<bool> {
    let (all, wanted) = (picks.list(whole, row)?, picks.list(part, row)?);
    let known = picks.known(whole, &all);
    let is_there = |place: usize| picks.element(part, place).is_some_and(|element| known.contains(element));
    Some(wanted.places().all(is_there))
}

fn of_pairs(symbol: &'static str, answer: fn(&Picks, usize) -> Option<bool>) -> Function {
    of_arrays(symbol, vec![PgType::AnyArray, PgType::AnyArray], PgType::Bool, move |arguments, rows| {
        Ok(Arc::new(read(arguments, rows, answer)?.into_iter().collect::<BooleanArray>()))
    })
    .strict()
}
