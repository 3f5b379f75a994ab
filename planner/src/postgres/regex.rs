//! PostgreSQL's regular expressions (advanced and extended ones, and literal texts), `SIMILAR TO` and `LIKE`.
//!
//! PostgreSQL does not match as Perl does, and neither does this. The first match is the one that begins first; how far
//! it goes, and what its groups get, follows from preferences for longer or shorter texts that a pattern inherits from
//! its parts, not from the order of alternatives:
//!
//! 1. `parser` reads a pattern, `tree` works out the preferences as PostgreSQL does.
//! 2. Where a match begins is the same for all engines, so that `automata` leaves this to the crate `regex-automata`.
//!    How far it goes comes from an automaton of all matches, the longest or the shortest of which is taken.
//! 3. What groups get is found by dividing the match along the tree (`dissection`), unless a pattern is so simple that
//!    the crate's answer is the same.
//! 4. Back-references, lookaround, and the bounds of words in texts that are not ASCII are no matter for that crate;
//!    these run on `program`, a plain simulation.
//!
//! Characters are classified by Unicode as the builtin locale `C.UTF-8` does. Basic regular expressions (flags `b` and
//! `e`) are refused, and so are names of collating elements that are longer than one character.

mod automata;
mod brackets;
mod characters;
mod compiled;
mod dissection;
pub(crate) mod like;
mod options;
mod parser;
mod positions;
mod program;
mod replacement;
pub(crate) mod similar;
mod splitting;
mod syntax;
mod tree;

pub(crate) use compiled::Regex;
pub(crate) use positions::Occurrence;
pub(crate) use replacement::Replacement;

use super::error::ValueError;

/// A mistake in a pattern.
fn invalid(reason: &str) -> ValueError {
    ValueError::new("2201B", format!("invalid regular expression: {reason}"))
}

/// A pattern beyond the limits that protect the server's memory and time.
fn too_complex() -> ValueError {
    invalid("regular expression is too complex")
}
