//! `SIMILAR TO`: SQL's regular expressions, as PostgreSQL's own.

use crate::postgres::error::{ValueError, ValueResult};

use super::compiled::Regex;
use super::like::escape_of;

/// Compiles the pattern of `SIMILAR TO pattern ESCAPE escape` and `substring(text similar pattern escape escape)`;
/// without an escape it is the backslash, an empty one stands for none.
pub(crate) fn compile(pattern: &str, escape: Option<&str>) -> ValueResult<Regex> {
    Regex::new(&similar_to_escape(pattern, escape)?, "")
}

/// `similar_to_escape(pattern, escape)`: the regular expression that matches the same texts.
pub(crate) fn similar_to_escape(pattern: &str, escape: Option<&str>) -> ValueResult<String> {
    let escape = escape_of(escape)?;
    let mut regex = String::with_capacity(pattern.len() + 8);
    regex.push_str("^(?:");
    let mut is_escaped = false;
    let mut separators = 0;
    let mut brackets = Brackets::default();
    for letter in pattern.chars() {
        if is_escaped {
            is_escaped = false;
            if letter == '"' && brackets.depth == 0 {
                // The part between two of these is what `substring` gives; the one before is as short as possible.
                regex.push_str(match separators {
                    0 => "){1,1}?(",
                    1 => "){1,1}(?:",
                    _ => {
                        return Err(ValueError::new(
                            "2200C",
                            "SQL regular expression may not contain more than two escape-double-quote separators",
                        ));
                    }
                });
                separators += 1;
            } else {
                regex.extend(['\\', letter]);
                brackets.take(letter, true);
            }
        } else if Some(letter) == escape {
            is_escaped = true;
        } else if brackets.depth > 0 {
            if letter == '\\' {
                regex.push('\\');
            }
            regex.push(letter);
            brackets.take(letter, false);
        } else {
            match letter {
                '[' => {
                    regex.push('[');
                    brackets.take('[', false);
                }
                '%' => regex.push_str(".*"),
                '_' => regex.push('.'),
                '(' => regex.push_str("(?:"),
                '\\' | '.' | '^' | '$' => regex.extend(['\\', letter]),
                other => regex.push(other),
            }
        }
    }
    regex.push_str(")$");
    Ok(regex)
}

/// Where in a bracket expression, which may have others in it, a pattern is.
#[derive(Default)]
struct Brackets {
    depth: u32,
    /// How many characters of the expression may still be at its beginning, where `]` and `^` are something else.
    start: u32,
}

impl Brackets {
    fn take(&mut self, letter: char, is_escaped: bool) {
        if is_escaped {
            self.start = 0;
            return;
        }
        match letter {
            '[' => {
                self.depth += 1;
                self.start = if self.depth == 1 { 2 } else { 0 };
            }
            '^' if self.start == 2 => self.start = 1,
            ']' if self.start == 0 => self.depth = self.depth.saturating_sub(1),
            _ => self.start = 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let matches = |text, pattern| compile(pattern, None).and_then(|regex| regex.is_match(text));
        assert_eq!(matches("abc", "%(b|d)%"), Ok(true));
        assert_eq!(matches("abc", "(b|c)%"), Ok(false));
        assert_eq!(matches("a.c", "a.c"), Ok(true));
        assert_eq!(matches("abc", "a.c"), Ok(false));
        assert_eq!(matches("a]", "a[]]"), Ok(true));
    }

    #[test]
    fn parts() {
        let regex = compile("%#\"o_b#\"%", Some("#")).unwrap();
        assert_eq!(regex.substring("foobar"), Ok(Some("oob")));
        assert_eq!(compile("#\"#\"#\"", Some("#")).unwrap_err().sqlstate, "2200C");
        assert_eq!(compile("a", Some("##")).unwrap_err().message, "invalid escape string");
    }
}
