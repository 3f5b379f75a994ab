//! `regexp_replace`.

use crate::postgres::error::ValueResult;
use crate::postgres::text::{between, from, push};

use super::compiled::{Regex, after};
use super::positions::{byte_of_start, check_at_least};

/// What to put in the place of matches: a text with `\1` to `\9` and `\&` for parts of the match.
#[derive(Debug, Clone)]
pub(crate) struct Replacement {
    pieces: Vec<Piece>,
    has_groups: bool,
}

#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    Group(usize),
}

impl Replacement {
    /// Reads the text of a replacement.
    pub(crate) fn parse(replacement: &str) -> Self {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = replacement;
        while let Some((head, behind)) = rest.split_once('\\') {
            text.push_str(head);
            let group = match behind.as_bytes() {
                [digit @ b'1'..=b'9', ..] => Some(usize::from(digit - b'0')),
                [b'&', ..] => Some(0),
                [b'\\', ..] => None,
                _ => {
                    // Anything else behind a backslash stands for itself, with the backslash.
                    text.push('\\');
                    rest = behind;
                    continue;
                }
            };
            match group {
                Some(group) => {
                    if !text.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut text)));
                    }
                    pieces.push(Piece::Group(group));
                }
                None => text.push('\\'),
            }
            rest = from(behind, 1);
        }
        text.push_str(rest);
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        let has_groups = pieces.iter().any(|piece| matches!(piece, Piece::Group(1..)));
        Self { pieces, has_groups }
    }
}

impl Regex {
    /// `regexp_replace(text, pattern, replacement, flags)`: of the first match, with the flag `g` of all.
    pub(crate) fn replace(&self, text: &str, replacement: &Replacement) -> ValueResult<String> {
        self.replace_from(text, replacement, 0, i32::from(!self.is_global))
    }

    /// `regexp_replace(text, pattern, replacement, start, N, flags)`: of the Nth match, or with 0 of all. Without N the
    /// flag `g` decides.
    pub(crate) fn replace_nth(
        &self,
        text: &str,
        replacement: &Replacement,
        start: i32,
        n: Option<i32>,
    ) -> ValueResult<String> {
        check_at_least("start", start, 1)?;
        let n = n.unwrap_or_else(|| i32::from(!self.is_global));
        check_at_least("n", n, 0)?;
        self.replace_from(text, replacement, byte_of_start(text, start), n)
    }

    fn replace_from(&self, text: &str, replacement: &Replacement, start: usize, n: i32) -> ValueResult<String> {
        let mut replaced = String::new();
        let mut copied = 0;
        let mut at = start;
        let mut count = 0;
        while at <= text.len() {
            let Some(span) = self.find(text, at, replacement.has_groups)? else { break };
            at = if span.start < span.end { span.end } else { after(text, span.end) };
            count += 1;
            if n > 0 && count != n {
                continue;
            }
            push(&mut replaced, between(text, copied, span.start))?;
            for piece in &replacement.pieces {
                let part = match piece {
                    Piece::Text(text) => text,
                    Piece::Group(0) => between(text, span.start, span.end),
                    Piece::Group(group) => match span.groups.get(*group).copied().flatten() {
                        Some((start, end)) => between(text, start, end),
                        None => "",
                    },
                };
                push(&mut replaced, part)?;
            }
            copied = span.end;
            if n > 0 {
                break;
            }
        }
        push(&mut replaced, from(text, copied))?;
        Ok(replaced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replace(text: &str, pattern: &str, replacement: &str, flags: &str) -> String {
        Regex::new(pattern, flags).unwrap().replace(text, &Replacement::parse(replacement)).unwrap()
    }

    #[test]
    fn replacements() {
        assert_eq!(replace("foobarbaz", "b(..)", r"X\1Y", "g"), "fooXarYXazY");
        assert_eq!(replace("foobarbaz", "b..", r"<\&\\\x>", ""), r"foo<bar\\x>baz");
        assert_eq!(replace("abc", "", "-", "g"), "-a-b-c-");
        assert_eq!(replace("aéa", "x*", "-", "g"), "-a-é-a-");
        assert_eq!(replace("abc", "(x)|b", r"[\1]", ""), "a[]c");
    }

    #[test]
    fn the_nth_match() {
        let regex = Regex::new("a|e|i|o|u", "i").unwrap();
        let nth = |start, n| regex.replace_nth("A PostgreSQL function", &Replacement::parse("X"), start, n);
        assert_eq!(nth(1, Some(3)).as_deref(), Ok("A PostgrXSQL function"));
        assert_eq!(nth(1, Some(0)).as_deref(), Ok("X PXstgrXSQL fXnctXXn"));
        assert_eq!(nth(2, None).as_deref(), Ok("A PXstgreSQL function"));
        assert_eq!(nth(0, None).unwrap_err().message, "invalid value for parameter \"start\": 0");
        assert_eq!(nth(1, Some(-1)).unwrap_err().message, "invalid value for parameter \"n\": -1");
    }
}
