//! PostgreSQL's functions, operators and casts, with the expressions that they are in a plan.

mod aggregates;
mod arithmetic;
mod arrays;
mod catalogue;
mod checked;
mod column;
mod comparison;
pub(crate) mod conversion;
mod datetime;
mod division;
mod function;
mod growth;
mod json;
mod keys;
mod mathematics;
mod quantified;
mod series;
mod strict;
mod strings;
mod system;
mod text_order;
mod udf;
mod windows;

pub(crate) use self::aggregates::{collected, in_order};
pub(crate) use self::catalogue::{Catalogue, Chosen, NotChosen};
pub(crate) use self::function::{AggregateCall, Call, Function, Kind, Over};
pub(crate) use self::keys::{array_key, grouping_key, has_key, key};
pub(crate) use self::quantified::quantified;
pub(crate) use self::series::ordinals;
pub(crate) use self::strings::{Casing, cased, padded, unpadded, with_default_escape};
pub(crate) use self::text_order::{TextOrder, text_of_key, texts_of_keys};
pub(crate) use self::udf::takes_constants;

/// Everything that a query can call.
fn all() -> Catalogue {
    let mut catalogue = Catalogue::default();
    catalogue.add_operators(comparison::operators());
    catalogue.add_operators(arithmetic::operators());
    catalogue.add_operators(datetime::operators());
    catalogue.add_operators(strings::operators());
    catalogue.add_operators(arrays::operators());
    catalogue.add_operators(json::operators());
    catalogue.add(mathematics::functions());
    catalogue.add(datetime::functions());
    catalogue.add(strings::functions());
    catalogue.add(arrays::functions());
    catalogue.add(json::functions());
    catalogue.add(series::functions());
    catalogue.add(system::functions());
    catalogue.add(aggregates::functions());
    catalogue.add(windows::functions());
    catalogue
}
