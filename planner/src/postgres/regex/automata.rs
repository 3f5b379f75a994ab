//! Patterns on the automata of the crate `regex-automata`: where the first match begins, and how far it goes.

use std::sync::Arc;

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::meta;
use regex_automata::nfa::thompson;
use regex_automata::util::captures::Captures;
use regex_automata::util::pool::Pool;
use regex_automata::util::syntax::Config as SyntaxConfig;
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::hir::{Class, Hir, Look, Repetition};

use super::syntax::{Assertion, Ast, Preference, Repeat};

/// The most memory for the states of a pattern, in bytes.
const MOST_STATE_BYTES: usize = 4 << 20;

type CachePool = Pool<Cache, Box<dyn Fn() -> Cache + Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe>>;

/// A pattern without back-references and lookaround.
#[derive(Debug)]
pub(super) struct Automata {
    first: meta::Regex,
    /// Tells all ends of matches from a place; none if there is only one.
    ends: Option<(Arc<DFA>, CachePool)>,
    prefers_shorter: bool,
    /// Whether words are told apart, which works with ASCII only.
    is_ascii_only: bool,
    /// Whether the groups of a match that is not longer than Perl's are Perl's.
    pub(super) has_simple_groups: bool,
}

impl Automata {
    /// The automata of a pattern; none if it needs something else.
    pub(super) fn new(ast: &Ast, prefers_shorter: bool) -> Option<Self> {
        if ast.any(&|part| matches!(part, Ast::Look(_) | Ast::BackReference(_))) {
            return None;
        }
        let hir = hir(ast);
        // Whether bytes are within a character does not matter to texts of ASCII, for which alone `\B` is asked.
        let is_ascii_only = ast.any(&|part| matches!(part, Ast::Assertion(assertion) if assertion.is_of_words()));
        let config = meta::Config::new()
            .utf8_empty(!is_ascii_only)
            .nfa_size_limit(Some(MOST_STATE_BYTES))
            .onepass_size_limit(Some(MOST_STATE_BYTES));
        let first = meta::Builder::new()
            .configure(config)
            .syntax(SyntaxConfig::new().utf8(!is_ascii_only))
            .build_from_hir(&hir)
            .ok()?;
        let ends = if !prefers_shorter && is_of_one_length(ast) { None } else { Some(all_ends(&hir, is_ascii_only)?) };
        Some(Self { first, ends, prefers_shorter, is_ascii_only, has_simple_groups: has_simple_groups(ast) })
    }

    /// Whether a text may be searched.
    pub(super) fn takes(&self, text: &str) -> bool {
        !self.is_ascii_only || text.is_ascii()
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        self.first.is_match(text)
    }

    /// The first match that begins at a start or behind it, and whether Perl's would end there as well.
    pub(super) fn find(&self, text: &str, start: usize) -> Option<(usize, usize, bool)> {
        let found = self.first.search(&Input::new(text).range(start..))?;
        let Some((dfa, pool)) = &self.ends else { return Some((found.start(), found.end(), true)) };
        let input = Input::new(text).range(found.start()..).anchored(Anchored::Yes).earliest(self.prefers_shorter);
        let mut cache = pool.get();
        // The automaton gives up nowhere: it knows all bytes, and its cache is made anew when it is full.
        let end = dfa.try_search_fwd(&mut cache, &input).ok().flatten().map_or(found.end(), |half| half.offset());
        Some((found.start(), end, end == found.end()))
    }

    /// The groups of the match that begins at a start.
    pub(super) fn groups(&self, text: &str, start: usize) -> Captures {
        let mut captures = self.first.create_captures();
        self.first.search_captures(&Input::new(text).range(start..).anchored(Anchored::Yes), &mut captures);
        captures
    }
}

fn all_ends(hir: &Hir, is_ascii_only: bool) -> Option<(Arc<DFA>, CachePool)> {
    let config = thompson::Config::new().utf8(!is_ascii_only).nfa_size_limit(Some(MOST_STATE_BYTES));
    let nfa = thompson::Compiler::new().configure(config).build_from_hir(hir).ok()?;
    let config = DFA::config().match_kind(MatchKind::All).skip_cache_capacity_check(true);
    let dfa = Arc::new(DFA::builder().configure(config).build_from_nfa(nfa).ok()?);
    let of_cache = Arc::clone(&dfa);
    let pool: CachePool = Pool::new(Box::new(move || of_cache.create_cache()));
    Some((dfa, pool))
}

fn hir(ast: &Ast) -> Hir {
    match ast {
        Ast::Set(set) => Hir::class(Class::Unicode(set.class.clone())),
        Ast::Assertion(assertion) => Hir::look(match assertion {
            Assertion::TextStart => Look::Start,
            Assertion::TextEnd => Look::End,
            Assertion::LineStart => Look::StartLF,
            Assertion::LineEnd => Look::EndLF,
            Assertion::WordStart => Look::WordStartAscii,
            Assertion::WordEnd => Look::WordEndAscii,
            Assertion::WordBoundary => Look::WordAscii,
            Assertion::NotWordBoundary => Look::WordAsciiNegate,
        }),
        // Patterns with these do not come here.
        Ast::Look(_) | Ast::BackReference(_) => Hir::fail(),
        Ast::Group { number, content } => match number.and_then(|number| u32::try_from(number).ok()) {
            Some(index) => Hir::capture(regex_syntax::hir::Capture { index, name: None, sub: Box::new(hir(content)) }),
            None => hir(content),
        },
        Ast::Repeat(repeat) => Hir::repetition(Repetition {
            min: repeat.min,
            max: repeat.max,
            greedy: repeat.preference != Some(Preference::Shorter),
            sub: Box::new(hir(&repeat.atom)),
        }),
        Ast::Concat(parts) => Hir::concat(parts.iter().map(hir).collect()),
        Ast::Alternatives(branches) => Hir::alternation(branches.iter().map(hir).collect()),
    }
}

/// Whether from one place all engines find the same match: if at most one part can be of several lengths, and prefers
/// the greatest.
fn is_of_one_length(ast: &Ast) -> bool {
    flexible_parts(ast).is_some_and(|count| count <= 1)
}

/// How many parts can be of several lengths, if these are characters that are repeated, as often as possible.
fn flexible_parts(ast: &Ast) -> Option<usize> {
    match ast {
        Ast::Set(_) | Ast::Assertion(_) => Some(0),
        Ast::Group { content, .. } => flexible_parts(content),
        Ast::Concat(parts) => parts.iter().try_fold(0, |count, part| Some(count + flexible_parts(part)?)),
        Ast::Repeat(repeat) => match repeat.as_ref() {
            Repeat { atom: Ast::Set(_), preference: Some(Preference::Longer), .. } => Some(1),
            Repeat { atom: Ast::Set(_), min, max, preference: None } if *max == Some(*min) => Some(0),
            _ => None,
        },
        Ast::Look(_) | Ast::BackReference(_) | Ast::Alternatives(_) => None,
    }
}

/// Whether a match is divided among its groups as Perl divides it: if the pattern is a sequence of groups and texts
/// between them, in each of which at most one part can be of several lengths.
fn has_simple_groups(ast: &Ast) -> bool {
    let mut in_run = 0;
    let parts = match ast {
        Ast::Concat(parts) => parts.as_slice(),
        single => std::slice::from_ref(single),
    };
    parts.iter().all(|part| match (flexible_parts(part), part) {
        (Some(count), Ast::Group { number: Some(_), .. }) => {
            in_run = 0;
            count <= 1
        }
        (Some(count), _) => {
            in_run += count;
            in_run <= 1
        }
        (None, _) => false,
    })
}
