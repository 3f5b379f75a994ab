//! The options of a regular expression, from the flags of a function's argument or from the pattern itself.

use crate::postgres::error::{ValueError, ValueResult};

use super::invalid;

/// Which language a pattern is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    /// PostgreSQL's own (ARE).
    Advanced,
    /// POSIX extended regular expressions (ERE).
    Extended,
    /// A text that stands for itself.
    Literal,
}

/// How a pattern is read and what it matches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Options {
    pub(super) language: Language,
    pub(super) ignores_case: bool,
    /// `.` and negated brackets do not match a newline.
    pub(super) stops_at_newline: bool,
    /// `^` and `$` match at newlines.
    pub(super) anchors_at_newline: bool,
    /// Blanks and comments in the pattern do not count.
    pub(super) is_expanded: bool,
    /// All matches are wanted; this is an option of functions, not of patterns.
    pub(super) is_global: bool,
}

impl Options {
    /// Reads the flags of a function's argument.
    pub(super) fn parse(flags: &str) -> ValueResult<Self> {
        let mut options = Self {
            language: Language::Advanced,
            ignores_case: false,
            stops_at_newline: false,
            anchors_at_newline: false,
            is_expanded: false,
            is_global: false,
        };
        for flag in flags.chars() {
            match flag {
                'g' => options.is_global = true,
                // PostgreSQL takes `e` for `b` here, other than within a pattern.
                'b' | 'e' => return Err(basic()),
                _ if options.apply(flag) => {}
                _ => {
                    let message = format!("invalid regular expression option: \"{flag}\"");
                    return Err(ValueError::new("22023", message));
                }
            }
        }
        Ok(options)
    }

    /// Reads what begins a pattern (`***`, `(?flags)`), and gives the rest of the pattern.
    pub(super) fn read_prefix<'a>(&mut self, pattern: &'a str) -> ValueResult<&'a str> {
        if self.language == Language::Literal {
            return Ok(pattern);
        }
        let mut rest = pattern;
        if let Some(behind) = pattern.strip_prefix("***") {
            if behind.is_empty() {
                return Err(invalid("quantifier operand invalid"));
            } else if let Some(literal) = behind.strip_prefix('=') {
                self.become_literal();
                return Ok(literal);
            } else if let Some(advanced) = behind.strip_prefix(':') {
                self.language = Language::Advanced;
                rest = advanced;
            } else if behind.starts_with('?') {
                return Err(invalid("invalid regexp (reg version 0.8)"));
            } else {
                return Err(invalid("quantifier operand invalid"));
            }
        }
        let Some(flags) = rest.strip_prefix("(?").filter(|flags| flags.starts_with(|c: char| c.is_ascii_alphabetic()))
        else {
            return Ok(rest);
        };
        if self.language != Language::Advanced {
            return Ok(rest);
        }
        let end = flags.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(flags.len());
        let (flags, behind) = flags.split_at_checked(end).unwrap_or_default();
        for flag in flags.chars() {
            match flag {
                'b' => return Err(basic()),
                _ if self.apply(flag) => {}
                _ => return Err(invalid("invalid embedded option")),
            }
        }
        if self.language == Language::Literal {
            self.become_literal();
        }
        behind.strip_prefix(')').ok_or_else(|| invalid("invalid embedded option"))
    }

    fn become_literal(&mut self) {
        self.language = Language::Literal;
        self.is_expanded = false;
        self.stops_at_newline = false;
        self.anchors_at_newline = false;
    }

    /// Applies a flag that means the same in an argument and in a pattern.
    fn apply(&mut self, flag: char) -> bool {
        match flag {
            'c' => self.ignores_case = false,
            'e' => self.language = Language::Extended,
            'i' => self.ignores_case = true,
            'm' | 'n' => (self.stops_at_newline, self.anchors_at_newline) = (true, true),
            'p' => (self.stops_at_newline, self.anchors_at_newline) = (true, false),
            'q' => self.language = Language::Literal,
            's' => (self.stops_at_newline, self.anchors_at_newline) = (false, false),
            't' => self.is_expanded = false,
            'w' => (self.stops_at_newline, self.anchors_at_newline) = (false, true),
            'x' => self.is_expanded = true,
            _ => return false,
        }
        true
    }
}

fn basic() -> ValueError {
    ValueError::new("0A000", "basic regular expressions are not supported")
}
