//! Functions and operators of arrays. An array is a list of elements in Arrow; a function that makes one says which
//! elements of which of its arguments it takes.

mod containment;
mod picks;
mod shape;

pub(super) use self::picks::PickUdf;
use self::picks::{List, Pick, Picks, made};
use super::function::Function;
use crate::pg_type::PgType;
use crate::postgres::error::{ValueError, ValueResult};

pub(super) fn operators() -> Vec<Function> {
    let mut operators = containment::operators();
    operators.extend([
        made("||", vec![PgType::AnyCompatibleArray, PgType::AnyCompatibleArray], concatenated),
        made("||", vec![PgType::AnyCompatibleArray, PgType::AnyCompatible], appended),
        made("||", vec![PgType::AnyCompatible, PgType::AnyCompatibleArray], prepended),
    ]);
    operators
}

pub(super) fn functions() -> Vec<Function> {
    let mut functions = shape::functions();
    functions.extend([
        made("array_cat", vec![PgType::AnyCompatibleArray, PgType::AnyCompatibleArray], concatenated),
        made("array_append", vec![PgType::AnyCompatibleArray, PgType::AnyCompatible], appended),
        made("array_prepend", vec![PgType::AnyCompatible, PgType::AnyCompatibleArray], prepended),
        made("array_remove", vec![PgType::AnyCompatibleArray, PgType::AnyCompatible], |picks, row| {
            let Some(list) = picks.list(0, row) else { return Ok(None) };
            let kept = list.places().filter(|&place| !picks.equal((0, place), (1, picks.value(1, row))));
            Ok(Some(kept.map(Pick::of(0)).collect()))
        }),
        made(
            "array_replace",
            vec![PgType::AnyCompatibleArray, PgType::AnyCompatible, PgType::AnyCompatible],
            |picks, row| {
                let Some(list) = picks.list(0, row) else { return Ok(None) };
                let replaced = |place| match picks.equal((0, place), (1, picks.value(1, row))) {
                    true => Pick::Element(2, picks.value(2, row)),
                    false => Pick::Element(0, place),
                };
                Ok(Some(list.places().map(replaced).collect()))
            },
        ),
        made("array_reverse", vec![PgType::AnyArray], |picks, row| {
            Ok(picks.list(0, row).map(|list| list.places().rev().map(Pick::of(0)).collect()))
        }),
        made("array_sort", vec![PgType::AnyArray], sorted),
        picks::strict("trim_array", vec![PgType::AnyArray, PgType::Int4], |picks, row| {
            let (Some(list), Some(count)) = (picks.list(0, row), picks.integer(1, row)) else { return Ok(None) };
            let length = list.len();
            match usize::try_from(count).ok().and_then(|count| length.checked_sub(count)) {
                Some(kept) => Ok(Some(list.places().take(kept).map(Pick::of(0)).collect())),
                None => {
                    Err(ValueError::new("2202E", format!("number of elements to trim must be between 0 and {length}")))
                }
            }
        }),
        made("array_slice", vec![PgType::AnyArray, PgType::Int4, PgType::Int4, PgType::Bool, PgType::Bool], sliced),
        picks::element("array_subscript", vec![PgType::AnyArray, PgType::Int4], |picks, row| {
            let (Some(list), Some(index)) = (picks.list(0, row), picks.integer(1, row)) else { return None };
            let place = usize::try_from(index).ok()?.checked_sub(1)?;
            list.places().nth(place).map(Pick::of(0))
        }),
        filled(),
    ]);
    functions
}

type Made = ValueResult<Option<Vec<Pick>>>;

/// NULL is like an empty array, unless both are.
fn concatenated(picks: &Picks, row: usize) -> Made {
    let (left, right) = (picks.list(0, row), picks.list(1, row));
    if left.is_none() && right.is_none() {
        return Ok(None);
    }
    check_size(left.as_ref().map_or(0, List::len).saturating_add(right.as_ref().map_or(0, List::len)))?;
    let of = |list: Option<List>, argument| {
        let places = list.into_iter().flat_map(|list| list.places());
        places.map(Pick::of(argument))
    };
    Ok(Some(of(left, 0).chain(of(right, 1)).collect()))
}

fn appended(picks: &Picks, row: usize) -> Made {
    let places = picks.list(0, row).into_iter().flat_map(|list| list.places());
    Ok(Some(places.map(Pick::of(0)).chain([Pick::Element(1, picks.value(1, row))]).collect()))
}

fn prepended(picks: &Picks, row: usize) -> Made {
    let places = picks.list(1, row).into_iter().flat_map(|list| list.places());
    Ok(Some([Pick::Element(0, picks.value(0, row))].into_iter().chain(places.map(Pick::of(1))).collect()))
}

fn sorted(picks: &Picks, row: usize) -> Made {
    let Some(list) = picks.list(0, row) else { return Ok(None) };
    let mut places: Vec<usize> = list.places().collect();
    places.sort_by(|&one, &other| picks.compare((0, one), (0, other)));
    Ok(Some(places.into_iter().map(Pick::of(0)).collect()))
}

/// `a[low:high]`; what is left open is the end of the array, and NULL gives NULL.
fn sliced(picks: &Picks, row: usize) -> Made {
    let Some(list) = picks.list(0, row) else { return Ok(None) };
    let bound = |argument, given, open: i64| match (picks.boolean(given, row), picks.integer(argument, row)) {
        (Some(true), Some(bound)) => Some(i64::from(bound)),
        (Some(true), None) => None,
        _ => Some(open),
    };
    let length = i64::try_from(list.len()).unwrap_or(i64::MAX);
    let (Some(low), Some(high)) = (bound(1, 3, 1), bound(2, 4, length)) else { return Ok(None) };
    let within = |index: &usize| {
        let number = i64::try_from(*index).unwrap_or(i64::MAX) + 1;
        low <= number && number <= high
    };
    let places = list.places().enumerate().filter(|(index, _)| within(index));
    Ok(Some(places.map(|(_, place)| Pick::Element(0, place)).collect()))
}

/// Elements of an array that a function may make.
const MAX_ELEMENTS: usize = 4 << 20;

fn check_size(elements: usize) -> ValueResult<()> {
    if elements > MAX_ELEMENTS {
        return Err(ValueError::new("54000", format!("array size exceeds the maximum allowed ({MAX_ELEMENTS})")));
    }
    Ok(())
}

fn filled() -> Function {
    picks::of_elements("array_fill", vec![PgType::AnyElement, PgType::Int4.array()], |picks, row| {
        let Some(list) = picks.list(1, row) else {
            return Err(ValueError::new("22004", "dimension array or low bound array cannot be null"));
        };
        let mut sizes = list.places().map(|place| picks.integer_at(1, place));
        let size = match (sizes.next(), sizes.next()) {
            (None, _) => 0,
            (Some(Some(size)), None) => usize::try_from(size).unwrap_or_default(),
            (Some(None), _) => return Err(ValueError::new("22004", "dimension values cannot be null")),
            (Some(_), Some(_)) => {
                return Err(ValueError::new("0A000", "not supported: arrays of more than one dimension"));
            }
        };
        check_size(size)?;
        Ok(Some(vec![Pick::Element(0, picks.value(0, row)); size]))
    })
}
