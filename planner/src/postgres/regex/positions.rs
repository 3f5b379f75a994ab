//! The functions that tell what matches, where and how often: `regexp_match`, `regexp_matches`, `regexp_substr`,
//! `regexp_instr`, `regexp_count` and `substring(text from pattern)`.

use crate::postgres::error::{ValueError, ValueResult};
use crate::postgres::text::{MAX_PARTS, before, between, byte_of_char, saturated, too_many_parts};

use super::compiled::{Regex, Span};

/// Which match of which part of a text is wanted, as the functions take it; all of it counts from 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Occurrence {
    /// The character from which on matches are sought.
    pub(crate) start: i32,
    /// Which of the matches is wanted.
    pub(crate) n: i32,
    /// Which group of the match is wanted; 0 for the whole match.
    pub(crate) group: i32,
}

impl Default for Occurrence {
    fn default() -> Self {
        Self { start: 1, n: 1, group: 0 }
    }
}

/// A parameter that is not to be less than so much.
pub(super) fn check_at_least(parameter: &str, value: i32, least: i32) -> ValueResult<()> {
    if value < least { Err(refused(parameter, value)) } else { Ok(()) }
}

fn refused(parameter: &str, value: i32) -> ValueError {
    ValueError::new("22023", format!("invalid value for parameter \"{parameter}\": {value}"))
}

/// The byte of a character counted from 1; behind the text's end where there is none.
pub(super) fn byte_of_start(text: &str, start: i32) -> usize {
    let skipped = usize::try_from(start.saturating_sub(1)).unwrap_or_default();
    let byte = byte_of_char(text, skipped);
    if byte < text.len() || text.chars().count() == skipped { byte } else { text.len() + 1 }
}

impl Regex {
    /// `regexp_match(text, pattern, flags)`: the groups of the first match, or the match if there are no groups.
    pub(crate) fn first_match(&self, text: &str) -> ValueResult<Option<Vec<Option<String>>>> {
        Ok(self.find(text, 0, true)?.map(|span| self.texts(text, &span)))
    }

    /// `regexp_matches(text, pattern, flags)`: the groups of the first match, with the flag `g` of all.
    pub(crate) fn matches(&self, text: &str) -> ValueResult<Vec<Vec<Option<String>>>> {
        let mut rows = Vec::new();
        let mut parts = 0;
        self.find_all(text, 0, true, false, |span| {
            let row = self.texts(text, &span);
            parts += 1 + row.len();
            rows.push(row);
            self.is_global && parts <= MAX_PARTS
        })?;
        if parts > MAX_PARTS { Err(too_many_parts()) } else { Ok(rows) }
    }

    fn texts(&self, text: &str, span: &Span) -> Vec<Option<String>> {
        let owned = |(start, end)| between(text, start, end).to_owned();
        if self.groups == 0 {
            return vec![Some(owned((span.start, span.end)))];
        }
        span.groups.iter().skip(1).map(|group| group.map(owned)).collect()
    }

    /// `regexp_count(text, pattern, start, flags)`.
    pub(crate) fn count(&self, text: &str, start: i32) -> ValueResult<i32> {
        check_at_least("start", start, 1)?;
        let mut count = 0_usize;
        self.find_all(text, byte_of_start(text, start), false, false, |_| {
            count += 1;
            true
        })?;
        Ok(saturated(count))
    }

    /// `regexp_instr(text, pattern, start, N, endoption, flags, subexpr)`: where the match begins, or with the end
    /// option 1 the place behind it, counted from 1; 0 if there is none.
    pub(crate) fn instr(&self, text: &str, occurrence: Occurrence, end_option: i32) -> ValueResult<i32> {
        check_at_least("start", occurrence.start, 1)?;
        check_at_least("n", occurrence.n, 1)?;
        if !(0..=1).contains(&end_option) {
            return Err(refused("endoption", end_option));
        }
        check_at_least("subexpr", occurrence.group, 0)?;
        let bounds = self.nth(text, occurrence)?;
        let byte = bounds.map(|(start, end)| if end_option == 1 { end } else { start });
        Ok(byte.map_or(0, |byte| saturated(before(text, byte).chars().count() + 1)))
    }

    /// `regexp_substr(text, pattern, start, N, flags, subexpr)`.
    pub(crate) fn substr<'t>(&self, text: &'t str, occurrence: Occurrence) -> ValueResult<Option<&'t str>> {
        check_at_least("start", occurrence.start, 1)?;
        check_at_least("n", occurrence.n, 1)?;
        check_at_least("subexpr", occurrence.group, 0)?;
        Ok(self.nth(text, occurrence)?.map(|(start, end)| between(text, start, end)))
    }

    /// `substring(text from pattern)`: the first group of the first match, or the match if there are no groups.
    pub(crate) fn substring<'t>(&self, text: &'t str) -> ValueResult<Option<&'t str>> {
        let group = i32::from(self.groups > 0);
        let bounds = self.nth(text, Occurrence { group, ..Occurrence::default() })?;
        Ok(bounds.map(|(start, end)| between(text, start, end)))
    }

    fn nth(&self, text: &str, occurrence: Occurrence) -> ValueResult<Option<(usize, usize)>> {
        let group = match usize::try_from(occurrence.group).unwrap_or_default() {
            // Without groups, the whole match is the first.
            1 if self.groups == 0 => 0,
            group if group > self.groups => return Ok(None),
            group => group,
        };
        let mut count = 0;
        let mut bounds = None;
        self.find_all(text, byte_of_start(text, occurrence.start), group > 0, false, |span| {
            count += 1;
            if count < occurrence.n {
                return true;
            }
            bounds = match group {
                0 => Some((span.start, span.end)),
                _ => span.groups.get(group).copied().flatten(),
            };
            false
        })?;
        Ok(bounds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(text: &str, pattern: &str) -> Vec<Option<String>> {
        Regex::new(pattern, "").unwrap().first_match(text).unwrap().unwrap_or_default()
    }

    fn some(texts: &[&str]) -> Vec<Option<String>> {
        texts.iter().map(|&text| Some(text.to_owned())).collect()
    }

    #[test]
    fn preferences_decide() {
        assert_eq!(groups("foobarbequebaz", "ba.*?"), some(&["ba"]));
        assert_eq!(groups("XY1234Z", "Y*([0-9]{1,3})"), some(&["123"]));
        assert_eq!(groups("XY1234Z", "Y*?([0-9]{1,3})"), some(&["1"]));
        assert_eq!(groups("abc01234xyz", "(.*?)(\\d+)(.*)"), some(&["abc", "0", ""]));
        assert_eq!(groups("abc01234xyz", "(?:(.*?)(\\d+)(.*)){1,1}"), some(&["abc", "01234", "xyz"]));
    }

    #[test]
    fn the_longest_match_wins() {
        assert_eq!(groups("abcd", "a|ab|abc"), some(&["abc"]));
        assert_eq!(groups("abcd", "(a|ab)(c|bcd)(d*)"), some(&["ab", "c", "d"]));
        assert_eq!(groups("aaa", "(a*)+"), some(&[""]));
        assert_eq!(groups("ab", "(?:(a)|(b))*"), [None, Some("b".to_owned())]);
    }

    #[test]
    fn references_and_lookaround() {
        assert_eq!(groups("abcabc", r"(\w+)\1"), some(&["abc"]));
        assert_eq!(groups("foobar", "foo(?=bar)"), some(&["foo"]));
        assert_eq!(groups("foobar", "(?<=foo)b.."), some(&["bar"]));
        assert_eq!(groups("häßlich", r"\m\w+\M"), some(&["häßlich"]));
    }

    #[test]
    fn places() {
        let regex = Regex::new("(b)(a)", "").unwrap();
        let at = |start, n, group, end_option| {
            regex.instr("äbaba", Occurrence { start, n, group }, end_option).map_err(|error| error.message)
        };
        assert_eq!(at(1, 1, 0, 0), Ok(2));
        assert_eq!(at(1, 2, 2, 1), Ok(6));
        assert_eq!(at(1, 1, 3, 0), Ok(0));
        assert_eq!(at(1, 1, 0, 2), Err("invalid value for parameter \"endoption\": 2".to_owned()));
        assert_eq!(regex.count("äbaba", 3), Ok(1));
        let occurrence = Occurrence { start: 1, n: 2, group: 1 };
        assert_eq!(regex.substr("äbaba", occurrence), Ok(Some("b")));
    }

    #[test]
    fn mistakes() {
        let message = |pattern, flags| Regex::new(pattern, flags).unwrap_err().message;
        assert_eq!(message("*a", ""), "invalid regular expression: quantifier operand invalid");
        assert_eq!(message("(a", ""), "invalid regular expression: parentheses () not balanced");
        assert_eq!(message("[a", ""), "invalid regular expression: brackets [] not balanced");
        assert_eq!(message("a{2,1}", ""), "invalid regular expression: invalid repetition count(s)");
        assert_eq!(message(r"\1", ""), "invalid regular expression: invalid backreference number");
        assert_eq!(message("[[:foo:]]", ""), "invalid regular expression: invalid character class");
        assert_eq!(message("a", "z"), "invalid regular expression option: \"z\"");
        assert_eq!(
            Regex::without_global("regexp_match", "a", "g").unwrap_err().message,
            "regexp_match() does not support the \"global\" option"
        );
    }
}
