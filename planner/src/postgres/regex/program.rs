//! Regular expressions as automata that are simulated state by state. They are slower than those of `automata`, but
//! know lookaround and PostgreSQL's words, and tell where all the matches from one place end.

use std::sync::Arc;

use crate::postgres::error::ValueResult;
use crate::postgres::stop;
use crate::postgres::text::{before, between, from};

use super::characters::{Set, is_word};
use super::syntax::{Assertion, Ast, Pattern, Repeat};
use super::too_complex;

/// The most states of all the automata of a pattern, which protects memory.
const MOST_STATES: usize = 200_000;
/// The most steps of a search, which protects from patterns that take forever.
const MOST_STEPS: u64 = 1_000_000_000;
/// After how many of them somebody is asked whether to go on.
const STEPS_BETWEEN_QUESTIONS: u64 = 100_000;

#[derive(Debug, Clone)]
enum State {
    Set {
        set: Arc<Set>,
        next: usize,
    },
    /// Both of two states.
    Fork(usize, usize),
    Assertion {
        assertion: Assertion,
        next: usize,
    },
    Look {
        look: usize,
        next: usize,
    },
    Accept,
}

/// The automaton of a part of a pattern.
#[derive(Debug, Clone)]
pub(super) struct Program {
    states: Vec<State>,
    start: usize,
}

/// What all the automata of a pattern share.
#[derive(Debug, Clone, Default)]
pub(super) struct Looks {
    looks: Vec<LookProgram>,
}

#[derive(Debug, Clone)]
struct LookProgram {
    is_ahead: bool,
    is_negated: bool,
    program: Program,
}

/// Makes automata.
pub(super) struct Compiler<'a> {
    pattern: &'a Pattern,
    states: Vec<State>,
    total_states: usize,
    /// In the copy of a group for a reference to it, where places do not count.
    in_reference: bool,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(pattern: &'a Pattern) -> Self {
        Self { pattern, states: Vec::new(), total_states: 0, in_reference: false }
    }

    pub(super) fn looks(&mut self) -> ValueResult<Looks> {
        let pattern = self.pattern;
        let looks = pattern.looks.iter().map(|look| {
            let program = self.compile(&look.content)?;
            Ok(LookProgram { is_ahead: look.is_ahead, is_negated: look.is_negated, program })
        });
        Ok(Looks { looks: looks.collect::<ValueResult<_>>()? })
    }

    pub(super) fn compile(&mut self, ast: &Ast) -> ValueResult<Program> {
        self.states.clear();
        let accept = self.push(State::Accept)?;
        let start = self.emit(ast, accept)?;
        self.total_states += self.states.len();
        Ok(Program { states: std::mem::take(&mut self.states), start })
    }

    fn push(&mut self, state: State) -> ValueResult<usize> {
        if self.total_states + self.states.len() >= MOST_STATES {
            return Err(too_complex());
        }
        self.states.push(state);
        Ok(self.states.len() - 1)
    }

    /// The state from which a part leads to the next state.
    fn emit(&mut self, ast: &Ast, next: usize) -> ValueResult<usize> {
        match ast {
            Ast::Set(set) => self.push(State::Set { set: Arc::clone(set), next }),
            Ast::Assertion(_) | Ast::Look(_) if self.in_reference => Ok(next),
            Ast::Assertion(assertion) => self.push(State::Assertion { assertion: *assertion, next }),
            Ast::Look(look) => self.push(State::Look { look: *look, next }),
            Ast::Group { content, .. } => self.emit(content, next),
            Ast::BackReference(group) => {
                // What it can match at most: the group's own pattern.
                let pattern = self.pattern;
                let Some(content) = pattern.ast.group(*group) else { return Ok(next) };
                let was_in_reference = std::mem::replace(&mut self.in_reference, true);
                let start = self.emit(content, next);
                self.in_reference = was_in_reference;
                start
            }
            Ast::Repeat(repeat) => self.emit_repeat(repeat, next),
            Ast::Concat(parts) => parts.iter().rev().try_fold(next, |next, part| self.emit(part, next)),
            Ast::Alternatives(branches) => {
                let mut fork = None;
                for branch in branches.iter().rev() {
                    let start = self.emit(branch, next)?;
                    fork = Some(match fork {
                        Some(others) => self.push(State::Fork(start, others))?,
                        None => start,
                    });
                }
                Ok(fork.unwrap_or(next))
            }
        }
    }

    fn emit_repeat(&mut self, repeat: &Repeat, next: usize) -> ValueResult<usize> {
        let Repeat { atom, min, max, .. } = repeat;
        let mut start = next;
        match max {
            None => {
                let fork = self.push(State::Fork(next, next))?;
                let body = self.emit(atom, fork)?;
                if let Some(state) = self.states.get_mut(fork) {
                    *state = State::Fork(body, next);
                }
                start = fork;
            }
            Some(max) => {
                for _ in *min..*max {
                    let body = self.emit(atom, start)?;
                    start = self.push(State::Fork(body, next))?;
                }
            }
        }
        (0..*min).try_fold(start, |next, _| self.emit(atom, next))
    }
}

/// States without an order, each at most once.
#[derive(Debug, Default)]
struct StateSet {
    members: Vec<usize>,
    /// In which generation a state was added last.
    added: Vec<u32>,
    generation: u32,
}

impl StateSet {
    fn clear(&mut self, states: usize) {
        self.members.clear();
        if self.added.len() < states {
            self.added.resize(states, 0);
        }
        self.generation = self.generation.wrapping_add(1);
        if self.generation == 0 {
            self.added.fill(0);
            self.generation = 1;
        }
    }

    fn insert(&mut self, state: usize) -> bool {
        match self.added.get_mut(state) {
            Some(generation) if *generation != self.generation => {
                *generation = self.generation;
                true
            }
            _ => false,
        }
    }
}

/// Runs a pattern's automata on one text.
pub(super) struct Runner<'t> {
    pub(super) text: &'t str,
    looks: &'t Looks,
    /// Of each lookbehind, whether it holds at a byte, as far as that was asked.
    behind: Vec<Vec<bool>>,
    sets: Vec<(StateSet, StateSet)>,
    stack: Vec<usize>,
    steps: u64,
    /// At which step somebody is asked whether to go on.
    next_question: u64,
}

/// When a run is over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// With the first match.
    First,
    /// With the text.
    End,
}

impl<'t> Runner<'t> {
    pub(super) fn new(text: &'t str, looks: &'t Looks) -> Self {
        Self { text, looks, behind: Vec::new(), sets: Vec::new(), stack: Vec::new(), steps: 0, next_question: 0 }
    }

    /// Where the matches from a start end, in ascending order, none of them beyond an end.
    pub(super) fn ends(&mut self, program: &Program, start: usize, end: usize) -> ValueResult<Vec<usize>> {
        let mut ends = Vec::new();
        self.run(program, start, end, false, Until::End, |at| ends.push(at))?;
        Ok(ends)
    }

    /// Whether a part matches exactly from a start to an end.
    pub(super) fn spans(&mut self, program: &Program, start: usize, end: usize) -> ValueResult<bool> {
        let mut last = None;
        self.run(program, start, end, false, Until::End, |at| last = Some(at))?;
        Ok(last == Some(end))
    }

    /// Whether there is a match from a start.
    pub(super) fn begins(&mut self, program: &Program, start: usize) -> ValueResult<bool> {
        let mut is_found = false;
        self.run(program, start, self.text.len(), false, Until::First, |_| is_found = true)?;
        Ok(is_found)
    }

    /// The first place behind a start at which any match that begins there or later ends.
    pub(super) fn first_end(&mut self, program: &Program, start: usize) -> ValueResult<Option<usize>> {
        let mut end = None;
        self.run(program, start, self.text.len(), true, Until::First, |at| end = Some(at))?;
        Ok(end)
    }

    fn run(
        &mut self,
        program: &Program,
        start: usize,
        end: usize,
        starts_anywhere: bool,
        until: Until,
        mut accept: impl FnMut(usize),
    ) -> ValueResult<()> {
        // A run may start others, for lookaround.
        let (mut current, mut next) = self.sets.pop().unwrap_or_default();
        let states = program.states.len();
        current.clear(states);
        let mut is_accepted = self.add(program, &mut current, program.start, start)?;
        let mut at = start;
        let mut letters = between(self.text, start, end).chars();
        loop {
            if is_accepted {
                accept(at);
                if until == Until::First {
                    break;
                }
            }
            let Some(letter) = letters.next() else { break };
            if current.members.is_empty() && !starts_anywhere {
                break;
            }
            at += letter.len_utf8();
            next.clear(states);
            is_accepted = false;
            for &state in &current.members {
                if let Some(State::Set { set, next: following }) = program.states.get(state)
                    && set.contains(letter)
                {
                    is_accepted |= self.add(program, &mut next, *following, at)?;
                }
            }
            if starts_anywhere {
                is_accepted |= self.add(program, &mut next, program.start, at)?;
            }
            std::mem::swap(&mut current, &mut next);
        }
        self.sets.push((current, next));
        Ok(())
    }

    /// Adds the states that wait for a character and are reached without one; tells whether the end is among them.
    fn add(&mut self, program: &Program, set: &mut StateSet, state: usize, at: usize) -> ValueResult<bool> {
        let mut is_accepted = false;
        let base = self.stack.len();
        self.stack.push(state);
        while self.stack.len() > base {
            let Some(state) = self.stack.pop() else { break };
            if !set.insert(state) {
                continue;
            }
            self.steps += 1;
            match program.states.get(state) {
                Some(State::Set { .. }) => set.members.push(state),
                Some(State::Fork(one, other)) => self.stack.extend([*other, *one]),
                Some(State::Assertion { assertion, next }) => {
                    self.stack.extend(self.holds(*assertion, at).then_some(*next))
                }
                Some(State::Look { look, next }) => {
                    let holds = self.looks_right(*look, at)?;
                    self.stack.extend(holds.then_some(*next));
                }
                Some(State::Accept) => is_accepted = true,
                None => {}
            }
        }
        if self.steps >= self.next_question {
            self.next_question = self.steps + STEPS_BETWEEN_QUESTIONS;
            stop::check()?;
        }
        if self.steps > MOST_STEPS { Err(too_complex()) } else { Ok(is_accepted) }
    }

    fn holds(&self, assertion: Assertion, at: usize) -> bool {
        let last = before(self.text, at).chars().next_back();
        let next = from(self.text, at).chars().next();
        let word_before = || last.is_some_and(is_word);
        let word_after = || next.is_some_and(is_word);
        match assertion {
            Assertion::TextStart => last.is_none(),
            Assertion::TextEnd => next.is_none(),
            Assertion::LineStart => last.is_none_or(|letter| letter == '\n'),
            Assertion::LineEnd => next.is_none_or(|letter| letter == '\n'),
            Assertion::WordStart => !word_before() && word_after(),
            Assertion::WordEnd => word_before() && !word_after(),
            Assertion::WordBoundary => word_before() != word_after(),
            Assertion::NotWordBoundary => word_before() == word_after(),
        }
    }

    fn looks_right(&mut self, look: usize, at: usize) -> ValueResult<bool> {
        let looks = self.looks;
        let Some(LookProgram { is_ahead, is_negated, program }) = looks.looks.get(look) else { return Ok(false) };
        let is_found = if *is_ahead {
            self.begins(program, at)?
        } else {
            if self.behind.len() <= look {
                self.behind.resize(looks.looks.len(), Vec::new());
            }
            if self.behind.get(look).is_none_or(Vec::is_empty) {
                let mut ends = vec![false; self.text.len() + 1];
                self.run(program, 0, self.text.len(), true, Until::End, |at| {
                    if let Some(end) = ends.get_mut(at) {
                        *end = true;
                    }
                })?;
                if let Some(behind) = self.behind.get_mut(look) {
                    *behind = ends;
                }
            }
            self.behind.get(look).and_then(|ends| ends.get(at)).copied().unwrap_or(false)
        };
        Ok(is_found != *is_negated)
    }
}
