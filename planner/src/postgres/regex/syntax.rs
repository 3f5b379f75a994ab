//! What a regular expression says.

use std::sync::Arc;

use super::characters::Set;

/// A part of a regular expression.
#[derive(Debug, Clone)]
pub(super) enum Ast {
    /// One of a set of characters.
    Set(Arc<Set>),
    /// A place between characters.
    Assertion(Assertion),
    /// What comes next or was before; a number in the pattern's list of them.
    Look(usize),
    /// A part in parentheses, with its number if it is captured.
    Group {
        number: Option<usize>,
        content: Box<Ast>,
    },
    /// The text that a group got.
    BackReference(usize),
    Repeat(Box<Repeat>),
    /// Parts behind one another; none of them are an empty text.
    Concat(Vec<Ast>),
    Alternatives(Vec<Ast>),
}

/// A quantified part.
#[derive(Debug, Clone)]
pub(super) struct Repeat {
    pub(super) atom: Ast,
    pub(super) min: u32,
    /// None if there is no limit.
    pub(super) max: Option<u32>,
    pub(super) preference: Option<Preference>,
}

/// What a quantifier prefers; `{n}` has no preference of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Preference {
    Longer,
    Shorter,
}

/// A place between characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Assertion {
    TextStart,
    TextEnd,
    LineStart,
    LineEnd,
    WordStart,
    WordEnd,
    WordBoundary,
    NotWordBoundary,
}

impl Assertion {
    pub(super) fn is_of_words(self) -> bool {
        matches!(self, Self::WordStart | Self::WordEnd | Self::WordBoundary | Self::NotWordBoundary)
    }
}

/// What has to come next or to have been before.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) is_ahead: bool,
    pub(super) is_negated: bool,
    pub(super) content: Ast,
}

/// A whole regular expression.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) ast: Ast,
    pub(super) looks: Vec<Look>,
    /// How many groups are captured.
    pub(super) groups: usize,
}

impl Ast {
    /// An empty text.
    pub(super) const EMPTY: Self = Self::Concat(Vec::new());

    /// The content of a captured group.
    pub(super) fn group(&self, wanted: usize) -> Option<&Self> {
        match self {
            Self::Group { number, content } if *number == Some(wanted) => Some(content),
            Self::Group { content, .. } => content.group(wanted),
            Self::Repeat(repeat) => repeat.atom.group(wanted),
            Self::Concat(parts) | Self::Alternatives(parts) => parts.iter().find_map(|part| part.group(wanted)),
            Self::Set(_) | Self::Assertion(_) | Self::Look(_) | Self::BackReference(_) => None,
        }
    }

    /// Whether any part is as asked.
    pub(super) fn any(&self, is_wanted: &impl Fn(&Self) -> bool) -> bool {
        is_wanted(self)
            || match self {
                Self::Group { content, .. } => content.any(is_wanted),
                Self::Repeat(repeat) => repeat.atom.any(is_wanted),
                Self::Concat(parts) | Self::Alternatives(parts) => parts.iter().any(|part| part.any(is_wanted)),
                Self::Set(_) | Self::Assertion(_) | Self::Look(_) | Self::BackReference(_) => false,
            }
    }
}
