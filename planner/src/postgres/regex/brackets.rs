//! Reads bracket expressions: `[a-z[:digit:]]`.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use crate::postgres::error::ValueResult;

use super::characters::{cases, class, single};
use super::invalid;
use super::options::Language;
use super::parser::{Escape, Parser};
use super::syntax::Ast;

const NOT_BALANCED: &str = "brackets [] not balanced";
const NO_RANGE: &str = "invalid character range";

/// What may stand in brackets.
enum Item {
    Letter(char),
    /// A hyphen that is no letter.
    Range,
    Set(ClassUnicode),
    End,
}

impl Parser<'_> {
    /// What stands behind an opening bracket, with the closing one.
    pub(super) fn brackets(&mut self) -> ValueResult<Ast> {
        let ignores_case = self.options.ignores_case;
        let is_negated = self.eat('^');
        let mut ranges = Vec::new();
        let mut item = self.item(true)?;
        loop {
            match item {
                Item::End => break,
                Item::Range => return Err(invalid(NO_RANGE)),
                Item::Set(class) => {
                    self.take_ranges(class.ranges().len())?;
                    ranges.extend_from_slice(class.ranges());
                    item = self.item(false)?;
                }
                Item::Letter(first) => {
                    item = self.item(false)?;
                    if !matches!(item, Item::Range) {
                        self.take_ranges(1)?;
                        ranges.extend(cases(first, ignores_case));
                        continue;
                    }
                    let last = match self.item(false)? {
                        Item::Letter(last) => last,
                        Item::Range => '-',
                        Item::Set(_) | Item::End => return Err(invalid(NO_RANGE)),
                    };
                    item = self.item(false)?;
                    if last < first {
                        return Err(invalid(NO_RANGE));
                    }
                    self.push_range(&mut ranges, first, last)?;
                }
            }
        }
        let mut set = ClassUnicode::new(ranges);
        if is_negated {
            set.negate();
            if self.options.stops_at_newline {
                set.difference(&single('\n', false));
            }
        }
        self.set(set)
    }

    /// Adds a range, and what its characters are in the other case if case does not count.
    fn push_range(&mut self, ranges: &mut Vec<ClassUnicodeRange>, first: char, last: char) -> ValueResult<()> {
        self.take_ranges(1)?;
        ranges.push(ClassUnicodeRange::new(first, last));
        if self.options.ignores_case {
            for letter in first..=last {
                self.steps.next()?;
                for other in cases(letter, true).filter(|other| !(first..=last).contains(&other.start())) {
                    self.take_ranges(1)?;
                    ranges.push(other);
                }
            }
        }
        Ok(())
    }

    fn item(&mut self, is_first: bool) -> ValueResult<Item> {
        let letter = self.next().ok_or_else(|| invalid(NOT_BALANCED))?;
        match letter {
            ']' if !is_first => Ok(Item::End),
            '-' if !is_first && self.peek() != Some(']') => Ok(Item::Range),
            '\\' if self.options.language == Language::Advanced => match self.escape()? {
                Escape::Letter(letter) => Ok(Item::Letter(letter)),
                Escape::Class { name, is_negated } => self.class(name, is_negated),
                Escape::Assertion(_) | Escape::BackReference(_) => Err(invalid("invalid escape \\ sequence")),
            },
            '[' => match self.peek() {
                None => Err(invalid(NOT_BALANCED)),
                Some(sign @ ('.' | '=' | ':')) => {
                    self.at += 1;
                    self.named(sign)
                }
                Some(_) => Ok(Item::Letter('[')),
            },
            other => Ok(Item::Letter(other)),
        }
    }

    /// A class, an equivalence class or a collating element, behind its bracket and sign.
    fn named(&mut self, sign: char) -> ValueResult<Item> {
        let start = self.at;
        while !matches!(self.rest(), [end, ']', ..] if *end == sign) {
            self.next().ok_or_else(|| invalid(NOT_BALANCED))?;
        }
        let name: String = self.letters.get(start..self.at).unwrap_or_default().iter().collect();
        self.at += 2;
        if sign == ':' {
            return self.class(&name, false);
        }
        let mut letters = name.chars();
        match (letters.next(), letters.next()) {
            (Some(letter), None) if sign == '.' => Ok(Item::Letter(letter)),
            (Some(letter), None) => Ok(Item::Set(single(letter, self.options.ignores_case))),
            _ => Err(invalid("invalid collating element")),
        }
    }

    fn class(&self, name: &str, is_negated: bool) -> ValueResult<Item> {
        // Who ignores case does not tell capitals from small letters.
        let name = match name {
            "upper" | "lower" if self.options.ignores_case => "alpha",
            other => other,
        };
        let mut set = class(name).cloned().ok_or_else(|| invalid("invalid character class"))?;
        if is_negated {
            set.negate();
        }
        Ok(Item::Set(set))
    }
}
