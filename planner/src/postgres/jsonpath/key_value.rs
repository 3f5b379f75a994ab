//! The method `keyvalue`, whose objects have an id: where in PostgreSQL's binary form of a document the object is whose
//! keys these are. It is computed here from what takes up room before that place.

use std::borrow::Cow;

use super::ast::{Method, Step};
use super::execution::{Execution, Item, Outcome, Sink};
use super::methods::inapplicable;
use crate::postgres::json::tree::Jsonb;

/// What ids of different documents differ by.
const BASE_DISTANCE: i64 = 10_000_000_000;
/// Bytes of a header, and of what tells the length of each element.
const ENTRY_BYTES: usize = 4;
/// Numbers and containers begin at multiples of this.
const ALIGNMENT: usize = 4;
/// Headers of `numeric`: of 4 bytes for its length, and 2 or 4 for sign, scale and weight.
const SHORT_NUMERIC_HEADER_BYTES: usize = 6;
const LONG_NUMERIC_HEADER_BYTES: usize = 8;
const MAX_SHORT_SCALE: usize = 63;
const SHORT_WEIGHTS: std::ops::RangeInclusive<i64> = -64..=63;
/// Decimal digits in one of `numeric`, which takes two bytes.
const GROUP_DIGITS: i64 = 4;

/// The document in which ids are places.
#[derive(Debug, Clone)]
pub(super) struct Base<'t> {
    pub(super) value: Item<'t>,
    pub(super) id: i64,
}

impl<'t> Execution<'t> {
    pub(super) fn key_values(&mut self, item: &Item<'t>, rest: &[Step], sink: &mut Sink<'t>) -> Outcome {
        let Jsonb::Object(members) = &**item else {
            return Err(inapplicable("2203C", &Method::KeyValue, "an object"));
        };
        if members.is_empty() {
            return Ok(false);
        }
        if rest.is_empty() && sink.wants_any() {
            return Ok(true);
        }
        let place = place_of(item, &self.base.value, 0).unwrap_or(0);
        let id = i64::try_from(place).unwrap_or(0) + self.base.id * BASE_DISTANCE;
        let mut is_found = false;
        for (key, value) in members {
            let made = Jsonb::object(vec![
                (Cow::Borrowed("id"), Jsonb::Number(Cow::Owned(id.to_string()))),
                (Cow::Borrowed("key"), Jsonb::String(key.clone())),
                (Cow::Borrowed("value"), value.clone()),
            ]);
            let made = Cow::Owned(made);
            let outer = std::mem::replace(&mut self.base, Base { value: made, id: self.next_base_id });
            self.next_base_id += 1;
            let made = self.base.value.clone();
            let outcome = self.follow(rest, &made, sink);
            self.base = outer;
            is_found = outcome?;
            if is_found && sink.wants_any() {
                return Ok(true);
            }
        }
        Ok(is_found)
    }
}

/// Where a container is in another. In a document that was made here its parts are copies, which are found by value.
fn place_of(wanted: &Item<'_>, container: &Item<'_>, start: usize) -> Option<usize> {
    let is_same: &dyn Fn(&Jsonb<'_>) -> bool = match (wanted, container) {
        (Cow::Borrowed(wanted), Cow::Borrowed(_)) => {
            let address = std::ptr::from_ref(*wanted).cast::<()>();
            &move |value| std::ptr::from_ref(value).cast::<()>() == address
        }
        _ => &|value| *value == **wanted,
    };
    find(container, start, is_same)
}

fn find(value: &Jsonb<'_>, start: usize, is_wanted: &dyn Fn(&Jsonb<'_>) -> bool) -> Option<usize> {
    if is_wanted(value) {
        return Some(start);
    }
    let mut found = None;
    walk(value, start, |child, place| {
        if found.is_none() && !child.is_scalar() {
            found = find(child, place, is_wanted);
        }
    });
    found
}

/// The end of a container that begins at `start`; tells of all that it holds where it begins.
fn walk<'v, 't>(container: &'v Jsonb<'t>, start: usize, mut tell: impl FnMut(&'v Jsonb<'t>, usize)) -> usize {
    let mut children = |values: &mut dyn Iterator<Item = &'v Jsonb<'t>>, mut place: usize| {
        for value in values {
            if needs_alignment(value) {
                place = place.next_multiple_of(ALIGNMENT);
            }
            tell(value, place);
            place = end_of(value, place);
        }
        place
    };
    match container {
        Jsonb::Array(elements) => children(&mut elements.iter(), start + ENTRY_BYTES * (1 + elements.len())),
        Jsonb::Object(members) => {
            let keys: usize = members.iter().map(|(key, _)| key.len()).sum();
            let place = start + ENTRY_BYTES * (1 + 2 * members.len()) + keys;
            children(&mut members.iter().map(|(_, value)| value), place)
        }
        _ => start,
    }
}

fn needs_alignment(value: &Jsonb<'_>) -> bool {
    matches!(value, Jsonb::Number(_) | Jsonb::Array(_) | Jsonb::Object(_))
}

fn end_of(value: &Jsonb<'_>, start: usize) -> usize {
    match value {
        Jsonb::Null | Jsonb::Bool(_) => start,
        Jsonb::String(text) => start + text.len(),
        Jsonb::Number(number) => start + numeric_bytes(number),
        Jsonb::Array(_) | Jsonb::Object(_) => walk(value, start, |_, _| {}),
    }
}

/// The size of a number as a value of `numeric`.
fn numeric_bytes(number: &str) -> usize {
    let digits = number.strip_prefix('-').unwrap_or(number);
    let (integer, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let integer_digits = i64::try_from(integer.len()).unwrap_or(i64::MAX);
    let all = || integer.bytes().chain(fraction.bytes()).enumerate().filter(|(_, digit)| *digit != b'0');
    // Groups are counted from the point, below zero to the right of it.
    let group = |at: usize| (integer_digits - 1 - i64::try_from(at).unwrap_or(i64::MAX)).div_euclid(GROUP_DIGITS);
    let (weight, groups) = match (all().next(), all().last()) {
        (Some((first, _)), Some((last, _))) => (group(first), group(first) - group(last) + 1),
        _ => (0, 0),
    };
    let is_short = fraction.len() <= MAX_SHORT_SCALE && SHORT_WEIGHTS.contains(&weight);
    let header = if is_short { SHORT_NUMERIC_HEADER_BYTES } else { LONG_NUMERIC_HEADER_BYTES };
    header + 2 * usize::try_from(groups).unwrap_or(0)
}
