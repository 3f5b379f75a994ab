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
mod volatility;
mod windows;

use std::collections::BTreeSet;

pub(crate) use self::aggregates::{collected, first_of_group, first_value, in_order, is_first_value};
pub(crate) use self::catalogue::{Catalogue, Chosen, NotChosen};
pub(crate) use self::function::{AggregateCall, Call, Function, Kind, Over};
pub(crate) use self::keys::{array_key, grouping_key, has_key, has_row_key, is_float, row_key};
pub(crate) use self::quantified::quantified;
pub(crate) use self::series::ordinals;
pub(crate) use self::strings::{Casing, Lengthening, cased, lengthening, padded, unpadded, with_default_escape};
pub(crate) use self::text_order::{TextOrder, text_of_key, texts_of_keys};
pub(crate) use self::udf::takes_constants;
pub(crate) use self::volatility::{Planned, planned_of, planned_of_cast};

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

/// The names of functions, in the groups that ODBC has for them; aggregates and what is of arrays or JSON is in none.
#[derive(Debug)]
pub struct FunctionNames {
    pub numeric: Vec<&'static str>,
    pub string: Vec<&'static str>,
    pub system: Vec<&'static str>,
    pub datetime: Vec<&'static str>,
}

/// The names of the functions that a query can call, each group in order.
pub fn function_names() -> FunctionNames {
    // What the grammar knows, and no list of functions has.
    const CHOICES: [&str; 4] = ["coalesce", "greatest", "least", "nullif"];
    // What is behind an operator in words, and no function of PostgreSQL's.
    const OPERATORS: [&str; 1] = ["similar_to"];
    let names = |functions: Vec<Function>| {
        let names = functions.iter().map(|function| function.name).filter(|name| !OPERATORS.contains(name));
        names.collect::<BTreeSet<&'static str>>().into_iter().collect::<Vec<_>>()
    };
    let mut system = names(system::functions());
    system.extend(CHOICES);
    system.sort_unstable();
    FunctionNames {
        numeric: names(mathematics::functions()),
        string: names(strings::functions()),
        system,
        datetime: names(datetime::functions()),
    }
}
