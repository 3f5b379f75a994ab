//! Divides a match among the groups of a pattern, from the left to the right, each part taking the most or the least
//! that leaves enough to those behind it.

use crate::postgres::error::ValueResult;
use crate::postgres::text::between;

use super::characters::single;
use super::program::Runner;
use super::syntax::Preference;
use super::tree::{Kind, Tree};

/// Where a group's text begins and ends, in bytes.
pub(super) type Bounds = (usize, usize);

/// The groups' texts while a match is divided; the first is the whole match.
pub(super) struct Dissection<'r, 't> {
    pub(super) runner: &'r mut Runner<'t>,
    pub(super) groups: Vec<Option<Bounds>>,
    pub(super) ignores_case: bool,
}

impl Dissection<'_, '_> {
    /// Gives the groups below a part theirs of what the part matches. Without back-references that always succeeds.
    pub(super) fn divide(&mut self, tree: &Tree, start: usize, end: usize) -> ValueResult<bool> {
        if tree.traits.is_divided() {
            let succeeds = match &tree.kind {
                Kind::Leaf => true,
                Kind::Pair(left, right) => self.divide_pair(left, right, start, end)?,
                Kind::Alternatives(branches) => self.divide_alternatives(branches, start, end)?,
                Kind::Iteration { content, min, max } => self.divide_iteration(content, *min, *max, start, end)?,
                Kind::BackReference { group, min, max } => self.is_repeated(*group, *min, *max, start, end),
            };
            if !succeeds {
                return Ok(false);
            }
        }
        if let Some(group) = tree.group {
            self.set(group, Some((start, end)));
        }
        Ok(true)
    }

    fn set(&mut self, group: usize, bounds: Option<Bounds>) {
        if let Some(place) = self.groups.get_mut(group) {
            *place = bounds;
        }
    }

    /// Takes from the groups below a part what they got.
    fn forget(&mut self, tree: &Tree) {
        if let Some(group) = tree.group {
            self.set(group, None);
        }
        match &tree.kind {
            Kind::Leaf | Kind::BackReference { .. } => {}
            Kind::Pair(left, right) => {
                self.forget(left);
                self.forget(right);
            }
            Kind::Alternatives(branches) => branches.iter().for_each(|branch| self.forget(branch)),
            Kind::Iteration { content, .. } => self.forget(content),
        }
    }

    /// Where the matches of a part from a start may end, the preferred one first.
    fn preferred_ends(&mut self, tree: &Tree, start: usize, end: usize) -> ValueResult<Vec<usize>> {
        let mut ends = self.runner.ends(&tree.program, start, end)?;
        if tree.traits.preference != Some(Preference::Shorter) {
            ends.reverse();
        }
        Ok(ends)
    }

    fn divide_pair(&mut self, left: &Tree, right: &Tree, start: usize, end: usize) -> ValueResult<bool> {
        for middle in self.preferred_ends(left, start, end)? {
            if self.runner.spans(&right.program, middle, end)? {
                if self.divide(left, start, middle)? && self.divide(right, middle, end)? {
                    return Ok(true);
                }
                self.forget(left);
                self.forget(right);
            }
        }
        Ok(false)
    }

    fn divide_alternatives(&mut self, branches: &[Tree], start: usize, end: usize) -> ValueResult<bool> {
        for branch in branches {
            if self.runner.spans(&branch.program, start, end)? {
                if self.divide(branch, start, end)? {
                    return Ok(true);
                }
                self.forget(branch);
            }
        }
        Ok(false)
    }

    /// Finds a sequence of repetitions; of the groups, those of the last one count.
    fn divide_iteration(
        &mut self,
        content: &Tree,
        min: u32,
        max: Option<u32>,
        start: usize,
        end: usize,
    ) -> ValueResult<bool> {
        if min == 0 && start == end && content.traits.preference == Some(Preference::Shorter) {
            return Ok(true);
        }
        let letters = |from: usize, runner: &Runner<'_>| between(runner.text, from, end).chars().count();
        let least = usize::try_from(min).unwrap_or(usize::MAX).max(1);
        let most = match max.and_then(|max| usize::try_from(max).ok()) {
            Some(max) => max.min(letters(start, self.runner)).max(least),
            None => letters(start, self.runner).max(least),
        };
        // Of each repetition, where it may end, with the preferred end last; and where those before it end.
        let mut choices = vec![self.iteration_ends(content, start, end)?];
        let mut ends: Vec<usize> = Vec::new();
        let mut verified = 0;
        loop {
            // No repetition at all is the last choice.
            let Some(candidates) = choices.last_mut() else { return Ok(min == 0 && start == end) };
            let next = candidates.pop();
            ends.truncate(choices.len() - 1);
            verified = verified.min(ends.len());
            let Some(at) = next else {
                choices.pop();
                continue;
            };
            let before = ends.last().copied().unwrap_or(start);
            let count = choices.len();
            ends.push(at);
            if at == end {
                if count >= least && self.verify(content, start, &ends, &mut verified)? {
                    return Ok(true);
                }
                continue;
            }
            // Empty repetitions count only as far as there have to be so many.
            let is_empty = at == before;
            if count < most && !(is_empty && (count >= least || least - count < letters(at, self.runner))) {
                choices.push(self.iteration_ends(content, at, end)?);
            }
        }
    }

    fn iteration_ends(&mut self, content: &Tree, start: usize, end: usize) -> ValueResult<Vec<usize>> {
        let mut ends = self.preferred_ends(content, start, end)?;
        ends.reverse();
        Ok(ends)
    }

    fn verify(&mut self, content: &Tree, start: usize, ends: &[usize], verified: &mut usize) -> ValueResult<bool> {
        for (index, &at) in ends.iter().enumerate().skip(*verified) {
            let before = index.checked_sub(1).and_then(|index| ends.get(index)).copied().unwrap_or(start);
            self.forget(content);
            if !self.divide(content, before, at)? {
                return Ok(false);
            }
            *verified = index + 1;
        }
        Ok(true)
    }

    /// Whether a part of the match is the text of a group, so many times.
    fn is_repeated(&self, group: usize, min: u32, max: Option<u32>, start: usize, end: usize) -> bool {
        let Some((from, to)) = self.groups.get(group).copied().flatten() else { return false };
        let wanted = between(self.runner.text, from, to);
        if wanted.is_empty() {
            return start == end && max.is_none_or(|max| min <= max);
        }
        let mut rest = between(self.runner.text, start, end);
        let mut count = 0_u32;
        while !rest.is_empty() {
            let Some(behind) = self.without_prefix(rest, wanted) else { return false };
            rest = behind;
            count = count.saturating_add(1);
        }
        count >= min && max.is_none_or(|max| count <= max)
    }

    fn without_prefix<'a>(&self, text: &'a str, prefix: &str) -> Option<&'a str> {
        if !self.ignores_case {
            return text.strip_prefix(prefix);
        }
        let mut letters = text.chars();
        for wanted in prefix.chars() {
            let letter = letters.next()?;
            if letter != wanted && single(letter, true) != single(wanted, true) {
                return None;
            }
        }
        Some(letters.as_str())
    }
}
