//! Sets of characters: PostgreSQL's classes by Unicode's properties, as the builtin locale `C.UTF-8` has them.

use std::sync::LazyLock;

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

use crate::postgres::text::casing::{lower_char, upper_char};

/// The classes by name, each with what it means to the crate `regex-syntax`, in the order of names. `word` has no name
/// in POSIX.
const CLASSES: &[(&str, &str)] = &[
    ("alnum", r"[\p{Alphabetic}0-9]"),
    ("alpha", r"\p{Alphabetic}"),
    ("ascii", r"[\x00-\x7F]"),
    ("blank", r"[\x20\t]"),
    ("cntrl", r"[\x00-\x1F\x7F-\x9F]"),
    ("digit", r"[0-9]"),
    ("graph", r"[^\p{Cc}\p{Cn}\p{White_Space}]"),
    ("lower", r"\p{Lowercase}"),
    ("print", r"[[^\p{Cc}\p{Cn}\p{White_Space}]\p{Zs}]"),
    ("punct", r"[[\p{P}\p{S}]&&[^\p{Alphabetic}]]"),
    ("space", r"\p{White_Space}"),
    ("upper", r"\p{Uppercase}"),
    ("word", r"[\p{Alphabetic}0-9_]"),
    ("xdigit", r"[0-9A-Fa-f]"),
];

static SETS: LazyLock<Vec<ClassUnicode>> =
    LazyLock::new(|| CLASSES.iter().map(|(_, pattern)| parsed(pattern)).collect());

fn parsed(pattern: &str) -> ClassUnicode {
    match regex_syntax::parse(pattern).map(regex_syntax::hir::Hir::into_kind) {
        Ok(HirKind::Class(Class::Unicode(set))) => set,
        // The crate's tables of Unicode are part of the build, as a test makes sure of.
        _ => ClassUnicode::empty(),
    }
}

/// A class by its name.
pub(super) fn class(name: &str) -> Option<&'static ClassUnicode> {
    let index = CLASSES.binary_search_by_key(&name, |&(known, _)| known).ok()?;
    SETS.get(index)
}

/// The letters of which words consist.
pub(super) fn is_word(letter: char) -> bool {
    static WORD: LazyLock<Set> = LazyLock::new(|| Set::new(class("word").cloned().unwrap_or_else(ClassUnicode::empty)));
    WORD.contains(letter)
}

/// All characters.
pub(super) fn everything() -> ClassUnicode {
    ClassUnicode::new([ClassUnicodeRange::new('\0', char::MAX)])
}

/// One character, in both cases if case does not count.
pub(super) fn single(letter: char, ignores_case: bool) -> ClassUnicode {
    ClassUnicode::new(cases(letter, ignores_case))
}

/// A character, or what it is in either case if case does not count.
pub(super) fn cases(letter: char, ignores_case: bool) -> impl Iterator<Item = ClassUnicodeRange> {
    let (first, second) = if ignores_case { (lower_char(letter), Some(upper_char(letter))) } else { (letter, None) };
    std::iter::once(first).chain(second).map(|letter| ClassUnicodeRange::new(letter, letter))
}

/// A set made to be asked often.
#[derive(Debug)]
pub(super) struct Set {
    pub(super) class: ClassUnicode,
    ascii: u128,
    others: Box<[(char, char)]>,
}

impl Set {
    pub(super) fn new(class: ClassUnicode) -> Self {
        let ascii = class
            .iter()
            .flat_map(|range| u32::from(range.start())..=u32::from(range.end()).min(127))
            .fold(0, |bits, point| bits | 1 << point);
        let ranges = class.iter().filter(|range| !range.end().is_ascii());
        let others = ranges.map(|range| (range.start(), range.end())).collect();
        Self { class, ascii, others }
    }

    pub(super) fn contains(&self, letter: char) -> bool {
        let point = u32::from(letter);
        if point < 128 {
            return self.ascii >> point & 1 == 1;
        }
        let after = self.others.partition_point(|&(first, _)| first <= letter);
        after.checked_sub(1).and_then(|index| self.others.get(index)).is_some_and(|&(_, last)| letter <= last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_known() {
        assert!(CLASSES.is_sorted());
        assert!(SETS.iter().all(|set| !set.ranges().is_empty()));
        assert!(is_word('é') && is_word('_') && !is_word('-') && !is_word('٣'));
    }

    #[test]
    fn case_is_ignored_in_both_directions() {
        for letter in ['é', 'É'] {
            let set = Set::new(single(letter, true));
            assert!(set.contains('é') && set.contains('É') && !set.contains('e'));
        }
    }
}
