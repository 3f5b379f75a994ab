//! Reads regular expressions.

use std::sync::Arc;

use regex_syntax::hir::ClassUnicode;

use crate::postgres::error::ValueResult;
use crate::postgres::stop::Steps;

use super::characters::{Set, class, everything, single};
use super::options::{Language, Options};
use super::syntax::{Assertion, Ast, Look, Pattern, Preference, Repeat};
use super::{invalid, too_complex};

/// The greatest number in a quantifier (`DUPMAX`).
const MOST_REPETITIONS: u32 = 255;
/// How deep parentheses may be nested, which protects the stack.
const MOST_LEVELS: usize = 200;
/// The longest pattern in bytes, which protects memory while it is read: one of letters is too complex long before.
const MOST_BYTES: usize = 4 << 20;
/// What the sets of characters of a pattern may take, which protects memory: there may be one for each of its letters,
/// and a class such as `\w` has hundreds of ranges.
const SETS_BYTES: usize = 32 << 20;
/// What a set takes, and each range of it.
const SET_BYTES: usize = 128;
const RANGE_BYTES: usize = 16;

/// Reads a pattern whose prefix has been read.
pub(super) fn parse(pattern: &str, options: &Options) -> ValueResult<Pattern> {
    if pattern.len() > MOST_BYTES {
        return Err(too_complex());
    }
    let letters: Vec<char> = pattern.chars().collect();
    let mut parser = Parser {
        letters: &letters,
        at: 0,
        options: *options,
        opened: 0,
        closed: Vec::new(),
        looks: Vec::new(),
        level: 0,
        in_look: false,
        left: SETS_BYTES,
        steps: Steps::default(),
    };
    let ast = if options.language == Language::Literal {
        Ast::Concat(letters.iter().map(|&letter| parser.literal(letter)).collect::<ValueResult<_>>()?)
    } else {
        parser.alternatives()?
    };
    Ok(Pattern { ast, looks: parser.looks, groups: parser.opened })
}

pub(super) struct Parser<'a> {
    pub(super) letters: &'a [char],
    pub(super) at: usize,
    pub(super) options: Options,
    /// How many captured groups have been opened, and which of them are closed again.
    opened: usize,
    closed: Vec<usize>,
    looks: Vec<Look>,
    level: usize,
    in_look: bool,
    /// Bytes that more sets may take.
    left: usize,
    pub(super) steps: Steps,
}

/// What a backslash makes of what follows it.
pub(super) enum Escape {
    Letter(char),
    Class { name: &'static str, is_negated: bool },
    Assertion(Assertion),
    BackReference(usize),
}

impl Parser<'_> {
    pub(super) fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    pub(super) fn rest(&self) -> &[char] {
        self.letters.get(self.at..).unwrap_or_default()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += 1;
        Some(letter)
    }

    pub(super) fn eat(&mut self, wanted: char) -> bool {
        let is_there = self.peek() == Some(wanted);
        self.at += usize::from(is_there);
        is_there
    }

    fn is_advanced(&self) -> bool {
        self.options.language == Language::Advanced
    }

    /// Skips blanks and comments, where they do not count.
    fn skip_ignored(&mut self) {
        loop {
            if self.options.is_expanded {
                self.skip_blanks();
            }
            if !self.is_advanced() || !matches!(self.rest(), ['(', '?', '#', ..]) {
                return;
            }
            while self.next().is_some_and(|letter| letter != ')') {}
        }
    }

    fn skip_blanks(&mut self) {
        while let Some(letter) = self.peek() {
            match letter {
                ' ' | '\t'..='\r' => self.at += 1,
                '#' => {
                    while self.peek().is_some_and(|letter| letter != '\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    fn alternatives(&mut self) -> ValueResult<Ast> {
        let mut branches = vec![self.branch()?];
        while self.eat('|') {
            branches.push(self.branch()?);
        }
        match branches.pop() {
            Some(only) if branches.is_empty() => Ok(only),
            last => {
                branches.extend(last);
                Ok(Ast::Alternatives(branches))
            }
        }
    }

    fn branch(&mut self) -> ValueResult<Ast> {
        let mut parts = Vec::new();
        loop {
            self.skip_ignored();
            match self.peek() {
                None | Some('|') => break,
                Some(')') if self.level > 0 => break,
                Some(_) => parts.push(self.quantified()?),
            }
        }
        Ok(Ast::Concat(parts))
    }

    /// A part with its quantifier; places between characters cannot have one.
    fn quantified(&mut self) -> ValueResult<Ast> {
        let atom = self.atom()?;
        if matches!(atom, Ast::Assertion(_) | Ast::Look(_)) {
            return Ok(atom);
        }
        self.skip_ignored();
        let (min, max) = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') if self.is_bound() => return self.bounded(atom),
            _ => return Ok(atom),
        };
        self.at += 1;
        let preference = self.preference();
        Ok(Ast::Repeat(Box::new(Repeat { atom, min, max, preference: Some(preference) })))
    }

    fn preference(&mut self) -> Preference {
        if self.is_advanced() && self.eat('?') { Preference::Shorter } else { Preference::Longer }
    }

    /// Whether a brace begins the bounds of a quantifier and not a text.
    fn is_bound(&mut self) -> bool {
        let brace = self.at;
        self.at += 1;
        let token = self.bound_token();
        self.at = brace;
        token.is_some_and(|letter| letter.is_ascii_digit())
    }

    fn bounded(&mut self, atom: Ast) -> ValueResult<Ast> {
        self.at += 1;
        let min = self.number()?;
        let mut max = Some(min);
        let is_range = self.bound_token() == Some(',');
        if is_range {
            self.at += 1;
            max = match self.bound_token() {
                Some('0'..='9') => Some(self.number()?),
                _ => None,
            };
        }
        match self.bound_token() {
            None => return Err(invalid("braces {} not balanced")),
            Some('}') if max.is_none_or(|max| min <= max) => self.at += 1,
            Some(_) => return Err(invalid("invalid repetition count(s)")),
        }
        let preference = self.preference();
        Ok(Ast::Repeat(Box::new(Repeat { atom, min, max, preference: is_range.then_some(preference) })))
    }

    fn bound_token(&mut self) -> Option<char> {
        if self.options.is_expanded {
            self.skip_blanks();
        }
        self.peek()
    }

    fn number(&mut self) -> ValueResult<u32> {
        let mut number = 0;
        while let Some(digit) = self.bound_token().and_then(|letter| letter.to_digit(10)) {
            number = number * 10 + digit;
            if number > MOST_REPETITIONS {
                return Err(invalid("invalid repetition count(s)"));
            }
            self.at += 1;
        }
        Ok(number)
    }

    fn atom(&mut self) -> ValueResult<Ast> {
        let start = self.at;
        let Some(letter) = self.next() else { return Ok(Ast::EMPTY) };
        let (line_start, line_end) = match self.options.anchors_at_newline {
            true => (Assertion::LineStart, Assertion::LineEnd),
            false => (Assertion::TextStart, Assertion::TextEnd),
        };
        match letter {
            '*' | '+' | '?' => Err(invalid("quantifier operand invalid")),
            '{' => {
                self.at = start;
                if self.is_bound() {
                    return Err(invalid("quantifier operand invalid"));
                }
                self.at = start + 1;
                self.literal('{')
            }
            ')' if self.is_advanced() => Err(invalid("parentheses () not balanced")),
            '(' => self.parenthesis(),
            '^' => Ok(Ast::Assertion(line_start)),
            '$' => Ok(Ast::Assertion(line_end)),
            '.' => {
                let mut set = everything();
                if self.options.stops_at_newline {
                    set.difference(&single('\n', false));
                }
                self.set(set)
            }
            '[' => match self.rest() {
                ['[', ':', side @ ('<' | '>'), ':', ']', ']', ..] => {
                    let assertion = if *side == '<' { Assertion::WordStart } else { Assertion::WordEnd };
                    self.at += 6;
                    Ok(Ast::Assertion(assertion))
                }
                _ => self.brackets(),
            },
            '\\' if self.is_advanced() => match self.escape()? {
                Escape::Letter(letter) => self.literal(letter),
                Escape::Assertion(assertion) => Ok(Ast::Assertion(assertion)),
                Escape::Class { name, is_negated } => {
                    let mut set = class(name).cloned().ok_or_else(too_complex)?;
                    if is_negated {
                        set.negate();
                    }
                    self.set(set)
                }
                Escape::BackReference(group) => {
                    if self.in_look || !self.closed.contains(&group) {
                        return Err(invalid("invalid backreference number"));
                    }
                    Ok(Ast::BackReference(group))
                }
            },
            '\\' => match self.next() {
                Some(letter) => self.literal(letter),
                None => Err(invalid("invalid escape \\ sequence")),
            },
            other => self.literal(other),
        }
    }

    fn literal(&mut self, letter: char) -> ValueResult<Ast> {
        self.set(single(letter, self.options.ignores_case))
    }

    /// One of these characters.
    pub(super) fn set(&mut self, class: ClassUnicode) -> ValueResult<Ast> {
        self.steps.next()?;
        self.take(SET_BYTES)?;
        self.take_ranges(class.ranges().len())?;
        Ok(Ast::Set(Arc::new(Set::new(class))))
    }

    pub(super) fn take_ranges(&mut self, ranges: usize) -> ValueResult<()> {
        self.take(ranges * RANGE_BYTES)
    }

    fn take(&mut self, bytes: usize) -> ValueResult<()> {
        self.left = self.left.checked_sub(bytes).ok_or_else(too_complex)?;
        Ok(())
    }

    /// What stands behind an opening parenthesis, with the closing one.
    fn parenthesis(&mut self) -> ValueResult<Ast> {
        let mut look = None;
        let mut is_captured = !self.in_look;
        if self.is_advanced() && self.eat('?') {
            let behind = match (self.next(), self.peek()) {
                (Some('<'), Some(sign @ ('=' | '!'))) => {
                    self.at += 1;
                    (sign, false)
                }
                (Some(sign @ (':' | '=' | '!')), _) => (sign, true),
                _ => return Err(invalid("quantifier operand invalid")),
            };
            match behind {
                (':', _) => is_captured = false,
                (sign, is_ahead) => look = Some((is_ahead, sign == '!')),
            }
        }
        let was_in_look = self.in_look;
        self.in_look |= look.is_some();
        let number = (is_captured && look.is_none()).then(|| {
            self.opened += 1;
            self.opened
        });
        self.level += 1;
        if self.level > MOST_LEVELS {
            return Err(too_complex());
        }
        let content = self.alternatives()?;
        self.level -= 1;
        self.in_look = was_in_look;
        if !self.eat(')') {
            return Err(invalid("parentheses () not balanced"));
        }
        if let Some((is_ahead, is_negated)) = look {
            self.looks.push(Look { is_ahead, is_negated, content });
            return Ok(Ast::Look(self.looks.len() - 1));
        }
        self.closed.extend(number);
        Ok(Ast::Group { number, content: Box::new(content) })
    }

    /// What stands behind a backslash.
    pub(super) fn escape(&mut self) -> ValueResult<Escape> {
        let wrong = || invalid("invalid escape \\ sequence");
        let class = |name, is_negated| Ok(Escape::Class { name, is_negated });
        let letter = self.next().ok_or_else(wrong)?;
        let plain = match letter {
            'a' => '\x07',
            'b' => '\x08',
            'B' => '\\',
            'e' => '\x1B',
            'f' => '\x0C',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0B',
            'c' => char::from_u32(u32::from(self.next().ok_or_else(wrong)?) & 0o37).ok_or_else(wrong)?,
            'u' => self.code(16, 4, 4).ok_or_else(wrong)?,
            'U' => self.code(16, 8, 8).ok_or_else(wrong)?,
            'x' => self.code(16, 1, 255).ok_or_else(wrong)?,
            'd' => return class("digit", false),
            'D' => return class("digit", true),
            's' => return class("space", false),
            'S' => return class("space", true),
            'w' => return class("word", false),
            'W' => return class("word", true),
            'A' => return Ok(Escape::Assertion(Assertion::TextStart)),
            'Z' => return Ok(Escape::Assertion(Assertion::TextEnd)),
            'm' => return Ok(Escape::Assertion(Assertion::WordStart)),
            'M' => return Ok(Escape::Assertion(Assertion::WordEnd)),
            'y' => return Ok(Escape::Assertion(Assertion::WordBoundary)),
            'Y' => return Ok(Escape::Assertion(Assertion::NotWordBoundary)),
            '0'..='9' => return self.number_escape(),
            other if other.is_ascii_alphabetic() => return Err(wrong()),
            other => other,
        };
        Ok(Escape::Letter(plain))
    }

    /// A back-reference, or what looks like one but is a character's octal code.
    fn number_escape(&mut self) -> ValueResult<Escape> {
        self.at -= 1;
        let digits = self.rest().iter().take_while(|letter| letter.is_ascii_digit());
        let (count, number) = digits.fold((0, 0_usize), |(count, number), digit| {
            let digit = digit.to_digit(10).and_then(|digit| usize::try_from(digit).ok()).unwrap_or_default();
            (count + 1, number.saturating_mul(10).saturating_add(digit))
        });
        if self.peek() != Some('0') && (count == 1 || (1..=self.opened).contains(&number)) {
            self.at += count;
            return Ok(Escape::BackReference(number));
        }
        let start = self.at;
        let wrong = || invalid("invalid escape \\ sequence");
        let letter = self.code(8, 1, 3).ok_or_else(wrong)?;
        if u32::from(letter) > 0xFF {
            // The third digit was one too many.
            self.at = start;
            return Ok(Escape::Letter(self.code(8, 1, 2).ok_or_else(wrong)?));
        }
        Ok(Escape::Letter(letter))
    }

    /// A character by its code, of which there may be only so many digits.
    fn code(&mut self, base: u32, least: usize, most: usize) -> Option<char> {
        let mut code = 0_u32;
        let mut count = 0;
        while count < most
            && let Some(digit) = self.peek().and_then(|letter| letter.to_digit(base))
        {
            code = code.checked_mul(base)?.checked_add(digit)?;
            self.at += 1;
            count += 1;
        }
        if count < least { None } else { char::from_u32(code) }
    }
}
