//! Options of function calls: what Substrait leaves open about them, and a plan may ask for. PostgreSQL's functions have no
//! such choices, but for two; a plan that asks for something else than what they do is refused.

use super::functions::Declared;
use super::proto::FunctionOption;
use super::refusal::{Refusal, Result};

/// What functions do by PostgreSQL's rules, whoever has what option.
const BEHAVIOURS: &[(&str, &[&str])] = &[
    ("case_sensitivity", &["CASE_SENSITIVE"]),
    ("char_set", &["UTF8"]),
    ("complex_number_result", &["ERROR"]),
    ("distribution", &["SAMPLE", "POPULATION"]),
    ("division_type", &["TRUNCATE"]),
    ("ignore_nulls", &["TRUE"]),
    ("negative_start", &["LEFT_OF_BEGINNING"]),
    ("null_handling", &["ACCEPT_NULLS", "IGNORE_NULLS"]),
    ("on_division_by_zero", &["ERROR"]),
    ("on_domain_error", &["ERROR"]),
    ("on_log_zero", &["ERROR"]),
    ("overflow", &["ERROR"]),
    ("rounding", &["TIE_TO_EVEN"]),
];

/// How `round` rounds, which takes `numeric`.
const ROUND: &[&str] = &["TIE_AWAY_FROM_ZERO"];

/// What is to be done by the options of a call.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// Whether `concat` leaves out NULLs.
    pub(super) ignores_nulls: bool,
    /// Whether the rows are all there are, and no sample.
    pub(super) of_population: bool,
}

impl Options {
    /// Of each option, the first behaviour of those that are asked for and that there are.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn of(declared: Declared<'_>, options: &[FunctionOption]) -> Result<Self> {
        let mut chosen = Self::default();
        for FunctionOption { name, preference } in options {
            let known = BEHAVIOURS.iter().find(|(option, _)| option.eq_ignore_ascii_case(name));
            let behaviours = match known {
                Some(("rounding", _)) if declared.name == "round" => ROUND,
                Some((_, behaviours)) => behaviours,
                None => &[],
            };
            let is_wanted = |wanted: &&String| behaviours.iter().any(|there| there.eq_ignore_ascii_case(wanted));
            let Some(behaviour) = preference.iter().find(is_wanted) else {
                return Err(Refusal::unsupported(format!(
                    "the option {name} of function {} as {}",
                    declared.name,
                    preference.join(" or ")
                )));
            };
            chosen.ignores_nulls |= behaviour.eq_ignore_ascii_case("IGNORE_NULLS");
            chosen.of_population |= behaviour.eq_ignore_ascii_case("POPULATION");
        }
        Ok(chosen)
    }
}
