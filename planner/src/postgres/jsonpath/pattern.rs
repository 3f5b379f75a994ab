//! The regular expressions of `like_regex`: PostgreSQL's own, with the flags of XQuery.

use std::sync::Arc;

use crate::postgres::error::{ValueError, ValueResult};
use crate::postgres::regex::Regex;

/// A pattern with its flags, ready to match.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    text: String,
    flags: Flags,
    regex: Arc<Regex>,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, self.flags) == (&other.text, other.flags)
    }
}

/// A bit for each of the letters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Flags(u8);

impl Flags {
    /// In the order in which they are printed.
    const LETTERS: [char; 5] = ['i', 's', 'm', 'x', 'q'];

    fn parse(text: &str) -> ValueResult<Self> {
        let mut flags = 0;
        for letter in text.chars() {
            let at = Self::LETTERS.iter().position(|known| *known == letter);
            let at = at.ok_or_else(|| ValueError::new("42601", "invalid input syntax for type jsonpath"))?;
            flags |= 1 << at;
        }
        Ok(Self(flags))
    }

    fn letters(self) -> impl Iterator<Item = char> {
        let is_set = move |at: usize| self.0 & (1 << at) != 0;
        Self::LETTERS.into_iter().enumerate().filter(move |(at, _)| is_set(*at)).map(|(_, letter)| letter)
    }

    fn has(self, letter: char) -> bool {
        self.letters().any(|set| set == letter)
    }

    /// The flags of PostgreSQL's functions that mean the same.
    fn of_postgresql(self) -> ValueResult<String> {
        let kind = if self.has('q') {
            'q'
        } else if self.has('x') {
            let message = "XQuery \"x\" flag (expanded regular expressions) is not implemented";
            return Err(ValueError::new("0A000", message));
        } else {
            match (self.has('s'), self.has('m')) {
                (false, false) => 'p',
                (true, false) => 's',
                (false, true) => 'n',
                (true, true) => 'w',
            }
        };
        Ok(if self.has('i') { format!("{kind}i") } else { kind.to_string() })
    }
}

impl Pattern {
    pub(super) fn new(text: &str, flags: &str) -> ValueResult<Self> {
        let flags = Flags::parse(flags)?;
        let regex = Regex::new(text, &flags.of_postgresql()?)?;
        Ok(Self { text: text.to_owned(), flags, regex: Arc::new(regex) })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn flags(&self) -> String {
        self.flags.letters().collect()
    }

    pub(super) fn is_match(&self, text: &str) -> ValueResult<bool> {
        self.regex.is_match(text)
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn lines_matter_as_in_postgresql() {
        for (pattern, flags, text, expected) in [
            ("a.b", "", "a\nb", false),
            ("a.b", "s", "a\nb", true),
            ("a[^x]b", "", "a\nb", false),
            ("a[^x]b", "s", "a\nb", true),
            ("^b", "", "a\nb", false),
            ("^b", "m", "a\nb", true),
            ("^A", "i", "abc", true),
            ("a.b", "q", "axb", false),
        ] {
            let matches = Pattern::new(pattern, flags).and_then(|pattern| pattern.is_match(text));
            assert_eq!(matches, Ok(expected), "{pattern} {flags}");
        }
        assert_eq!(Pattern::new("(a", "").map_err(|error| error.sqlstate), Err("2201B"));
        assert_eq!(Pattern::new("a", "x").map_err(|error| error.sqlstate), Err("0A000"));
    }
}
