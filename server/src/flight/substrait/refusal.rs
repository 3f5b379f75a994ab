//! Why a plan is not taken, and in which of its relations.

use rail_forge_planner::{Error, MAX_SQL_BYTES};

pub(super) type Result<T> = std::result::Result<T, Refusal>;

/// Why a plan is not taken.
#[derive(Debug)]
pub(super) struct Refusal {
    kind: Kind,
    what: String,
    /// The relations around the place, the innermost first.
    relations: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// It does not follow Substrait's specification.
    Invalid,
    /// It does, and says something that RailForge does not.
    Unsupported,
    TooLarge,
    Change,
}

impl Refusal {
    pub(super) fn invalid(what: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, what)
    }

    pub(super) fn unsupported(what: impl Into<String>) -> Self {
        Self::new(Kind::Unsupported, what)
    }

    pub(super) fn too_large(what: impl Into<String>) -> Self {
        Self::new(Kind::TooLarge, what)
    }

    /// Of a plan that is more when it is written as a statement.
    pub(super) fn too_long() -> Self {
        Self::too_large(format!(
            "the Substrait plan is too large: a statement that says the same has more than {MAX_SQL_BYTES} bytes"
        ))
    }

    /// Of a plan that would change something.
    pub(super) fn change(what: impl Into<String>) -> Self {
        Self::new(Kind::Change, what)
    }

    fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), relations: vec![] }
    }

    /// The same, which has come up in this relation.
    pub(super) fn within(mut self, relation: impl Into<String>) -> Self {
        self.relations.push(relation.into());
        self
    }
}

impl From<Refusal> for Error {
    fn from(Refusal { kind, what, relations }: Refusal) -> Self {
        let place = match relations.as_slice() {
            [] => String::new(),
            relations => format!(" (in {})", relations.join(", in ")),
        };
        match kind {
            Kind::Invalid => Self::Query(format!("the Substrait plan is not valid: {what}{place}")),
            Kind::Unsupported => Self::Unsupported(format!("not supported in a Substrait plan: {what}{place}")),
            Kind::TooLarge => Self::TooLarge(format!("{what}{place}")),
            Kind::Change => Self::ReadOnly(format!("{what}{place}")),
        }
    }
}

/// A part that a plan has to have.
pub(super) fn required<'a, T>(part: Option<&'a T>, what: &str) -> Result<&'a T> {
    part.ok_or_else(|| Refusal::invalid(format!("{what} is missing")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_tells_its_place_from_the_inside() {
        let refusal = Refusal::unsupported("function f").within("filter").within("sort");
        let message = Error::from(refusal).to_string();
        assert_eq!(message, "not supported in a Substrait plan: function f (in filter, in sort)");
        assert!(matches!(Error::from(Refusal::change("a write")), Error::ReadOnly(_)));
    }
}
