//! PostgreSQL's `json` and `jsonb`, both kept as text: `json` as it was written, `jsonb` as PostgreSQL prints it, with
//! sorted keys without duplicates and exact numbers. What only looks at a value walks over its text (`scan`); what
//! compares or changes it makes a tree of it (`tree`).
//!
//! A text that is said to be `json` or `jsonb` is taken to be one that `check` or `canonical` has let through. Others
//! give wrong answers or errors, but nothing worse.

pub(crate) mod access;
pub(crate) mod aggregate;
pub(crate) mod build;
pub(crate) mod casts;
pub(crate) mod compare;
pub(crate) mod contain;
pub(crate) mod decimal;
pub(crate) mod delete;
pub(crate) mod expand;
pub(crate) mod modify;
pub(crate) mod predicate;
pub(crate) mod pretty;
mod scan;
mod strings;
pub(crate) mod strip;
mod syntax;
pub(crate) mod tree;

use crate::postgres::error::{ValueError, ValueResult};

pub(crate) use strings::{as_text, write_string};

use syntax::{Ignore, parse};
use tree::Jsonb;

/// The longest text that is made of a short one.
pub(crate) const MAX_TEXT_BYTES: usize = 64 * 1024 * 1024;

/// The error for a text that is not JSON.
pub(crate) fn invalid_json() -> ValueError {
    ValueError::new("22P02", "invalid input syntax for type json")
}

fn too_large() -> ValueError {
    ValueError::new("54000", "result is too large")
}

/// What casts text to `json`: the text stays, but must be JSON.
pub(crate) fn check(text: &str) -> ValueResult<()> {
    parse(text, false, &mut Ignore)
}

/// What casts text, or `json`, to `jsonb`: the text as PostgreSQL prints it.
pub(crate) fn canonical(text: &str) -> ValueResult<String> {
    Ok(Jsonb::parse(text)?.print())
}
