//! A regular expression ready for many texts.

use crate::postgres::error::{ValueError, ValueResult};
use crate::postgres::stop::Steps;
use crate::postgres::text::from;

use super::automata::Automata;
use super::dissection::{Bounds, Dissection};
use super::options::{Language, Options};
use super::parser::parse;
use super::program::{Compiler, Looks, Runner};
use super::syntax::Preference;
use super::tree::{Tree, build};

/// A compiled pattern with the flags of its function.
#[derive(Debug)]
pub(crate) struct Regex {
    tree: Tree,
    looks: Looks,
    automata: Option<Automata>,
    /// How many groups are captured.
    pub(super) groups: usize,
    ignores_case: bool,
    /// Whether the flags ask for all matches.
    pub(super) is_global: bool,
}

/// A match, and where its groups are in the text, in bytes; the first is the whole match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) groups: Vec<Option<Bounds>>,
}

impl Regex {
    /// Compiles a pattern, with the letters of `flags` as options.
    pub(crate) fn new(pattern: &str, flags: &str) -> ValueResult<Self> {
        Self::with_options(pattern, Options::parse(flags)?)
    }

    /// Compiles a pattern for a function that does not know the flag `g`, since it wants one match, or all of them
    /// anyway: `regexp_count`, `regexp_instr`, `regexp_like`, `regexp_match`, `regexp_split_to_array`,
    /// `regexp_split_to_table` and `regexp_substr`.
    pub(crate) fn without_global(function: &str, pattern: &str, flags: &str) -> ValueResult<Self> {
        let options = Options::parse(flags)?;
        if options.is_global {
            return Err(ValueError::new("22023", format!("{function}() does not support the \"global\" option")));
        }
        Self::with_options(pattern, options)
    }

    fn with_options(pattern: &str, mut options: Options) -> ValueResult<Self> {
        let rest = options.read_prefix(pattern)?;
        let pattern = parse(rest, &options)?;
        let mut compiler = Compiler::new(&pattern);
        let looks = compiler.looks()?;
        let tree = build(&pattern.ast, &mut compiler)?;
        let prefers_shorter = tree.traits.preference == Some(Preference::Shorter);
        let automata = Automata::new(&pattern.ast, prefers_shorter);
        Ok(Self {
            tree,
            looks,
            automata,
            groups: pattern.groups,
            ignores_case: options.ignores_case && options.language != Language::Literal,
            is_global: options.is_global,
        })
    }

    /// `text ~ pattern`, with the flag `i` `~*`, and `regexp_like(text, pattern, flags)`.
    pub(crate) fn is_match(&self, text: &str) -> ValueResult<bool> {
        if let Some(automata) = self.automata_for(text) {
            return Ok(automata.is_match(text));
        }
        if self.tree.traits.has_back_references {
            return Ok(self.find(text, 0, false)?.is_some());
        }
        Ok(Runner::new(text, &self.looks).first_end(&self.tree.program, 0)?.is_some())
    }

    fn automata_for(&self, text: &str) -> Option<&Automata> {
        self.automata.as_ref().filter(|automata| automata.takes(text))
    }

    /// The first match that begins at a byte or behind it. Without groups there are none in the answer.
    pub(super) fn find(&self, text: &str, start: usize, with_groups: bool) -> ValueResult<Option<Span>> {
        let with_groups = with_groups && self.groups > 0;
        if let Some(automata) = self.automata_for(text) {
            let Some((start, end, is_perls)) = automata.find(text, start) else { return Ok(None) };
            if with_groups && is_perls && automata.has_simple_groups {
                let captures = automata.groups(text, start);
                let group = |index| captures.get_group(index).map(|span| (span.start, span.end));
                return Ok(Some(Span { start, end, groups: (0..=self.groups).map(group).collect() }));
            }
            let mut runner = Runner::new(text, &self.looks);
            return self.divided(&mut runner, start, end, with_groups);
        }
        self.simulate(text, start, with_groups)
    }

    /// Finds the first match without the help of automata.
    fn simulate(&self, text: &str, start: usize, with_groups: bool) -> ValueResult<Option<Span>> {
        let mut runner = Runner::new(text, &self.looks);
        let mut from = start;
        while let Some(first_end) = runner.first_end(&self.tree.program, from)? {
            let mut begin = from;
            while begin <= first_end {
                let mut ends = runner.ends(&self.tree.program, begin, text.len())?;
                if self.tree.traits.preference != Some(Preference::Shorter) {
                    ends.reverse();
                }
                for end in ends {
                    if let Some(span) = self.divided(&mut runner, begin, end, with_groups)? {
                        return Ok(Some(span));
                    }
                }
                begin = after(text, begin);
            }
            // Back-references did not fit. PostgreSQL does not try the text's end after that.
            from = begin;
            if from >= text.len() {
                break;
            }
        }
        Ok(None)
    }

    /// A match with its groups, unless a back-reference does not fit.
    fn divided(
        &self,
        runner: &mut Runner<'_>,
        start: usize,
        end: usize,
        with_groups: bool,
    ) -> ValueResult<Option<Span>> {
        if !with_groups && !self.tree.traits.has_back_references {
            return Ok(Some(Span { start, end, groups: Vec::new() }));
        }
        let groups = vec![None; self.groups + 1];
        let mut dissection = Dissection { runner, groups, ignores_case: self.ignores_case };
        if !dissection.divide(&self.tree, start, end)? {
            return Ok(None);
        }
        let mut groups = dissection.groups;
        if let Some(whole) = groups.first_mut() {
            *whole = Some((start, end));
        }
        Ok(Some(Span { start, end, groups }))
    }

    /// All matches from a byte on, in the order in which they are found. Of empty matches, those right behind another
    /// match and those at the text's end can be left out.
    pub(super) fn find_all(
        &self,
        text: &str,
        start: usize,
        with_groups: bool,
        without_degenerate: bool,
        mut take: impl FnMut(Span) -> bool,
    ) -> ValueResult<()> {
        let mut at = start;
        let mut last_end = 0;
        let mut steps = Steps::default();
        while at <= text.len() {
            steps.next()?;
            let Some(span) = self.find(text, at, with_groups)? else { break };
            let Span { start, end, .. } = span;
            let is_degenerate = start >= text.len() || end <= last_end;
            last_end = end;
            at = if start < end { end } else { after(text, end) };
            if without_degenerate && is_degenerate {
                continue;
            }
            if !take(span) {
                break;
            }
        }
        Ok(())
    }
}

/// The place behind the character at a place, beyond the text behind its last one.
pub(super) fn after(text: &str, at: usize) -> usize {
    at + from(text, at).chars().next().map_or(1, char::len_utf8)
}
