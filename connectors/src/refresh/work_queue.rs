//! The work of a refresh, cut into units that connections take one after the other. A unit may put others in
//! front of the queue, so that the queue is empty only when nothing is under way either.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::pull::PageRange;

/// Something to read of a relation of a table; both are given by their numbers, as is the shard that has it.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) shard: usize,
    pub(super) table: usize,
    pub(super) relation: usize,
    pub(super) work: Work,
}

impl Unit {
    /// Other work on the same relation.
    pub(super) fn followed_by(&self, work: Work) -> Self {
        Self { shard: self.shard, table: self.table, relation: self.relation, work }
    }
}

#[derive(Debug)]
pub(super) enum Work {
    /// Find out how many pages there are, and queue the ranges of them.
    Measure,
    /// Read the rows that the condition selects, into the files of this number.
    Read { condition: String, partition: usize },
    /// Compare the versions of rows in a range.
    Compare(PageRange),
}

/// Units that wait, and how many are under way.
#[derive(Debug, Default)]
pub(super) struct WorkQueue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Unit>,
    under_way: usize,
    closed: bool,
}

impl State {
    /// Takes the first unit that waits; of the `preferred` shard, if one is.
    fn take(&mut self, preferred: Option<usize>) -> Option<Unit> {
        if self.closed {
            return None;
        }
        let near = preferred.and_then(|shard| self.waiting.iter().position(|unit| unit.shard == shard));
        let unit = self.waiting.remove(near.unwrap_or(0))?;
        self.under_way += 1;
        Some(unit)
    }
}

impl WorkQueue {
    pub(super) fn new(units: impl IntoIterator<Item = Unit>) -> Self {
        let state = State { waiting: units.into_iter().collect(), ..State::default() };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// The next unit; waits while none is there but one may still come. `None` is the end.
    pub(super) fn next(&self) -> Option<Unit> {
        let mut state = self.lock();
        loop {
            if let Some(unit) = state.take(None) {
                return Some(unit);
            }
            if state.closed || state.under_way == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next unit, if one is there now; one of the `preferred` shard, if one of them is.
    pub(super) fn try_next(&self, preferred: Option<usize>) -> Option<Unit> {
        self.lock().take(preferred)
    }

    /// Says that a unit is done, and what else has to be done because of it.
    pub(super) fn done(&self, following: Vec<Unit>) {
        let mut state = self.lock();
        state.under_way -= 1;
        for unit in following.into_iter().rev() {
            state.waiting.push_front(unit);
        }
        self.changed.notify_all();
    }

    /// Ends the work; units that wait are dropped.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(table: usize) -> Unit {
        Unit { shard: table % 2, table, relation: 0, work: Work::Measure }
    }

    #[test]
    fn what_follows_a_unit_comes_next_and_the_end_comes_last() {
        let queue = WorkQueue::new([measure(0), measure(1)]);
        assert_eq!(queue.next().unwrap().table, 0);
        queue.done(vec![measure(2), measure(3)]);
        let order: Vec<usize> = std::iter::from_fn(|| {
            let unit = queue.next()?;
            queue.done(vec![]);
            Some(unit.table)
        })
        .collect();
        assert_eq!(order, [2, 3, 1]);
    }

    #[test]
    fn who_is_connected_to_a_shard_stays_there_while_it_has_work() {
        let queue = WorkQueue::new((0..4).map(measure));
        let order: Vec<usize> = std::iter::from_fn(|| {
            let unit = queue.try_next(Some(1))?;
            queue.done(vec![]);
            Some(unit.table)
        })
        .collect();
        assert_eq!(order, [1, 3, 0, 2]);
    }

    #[test]
    fn a_closed_queue_gives_nothing() {
        let queue = WorkQueue::new([measure(0)]);
        queue.close();
        assert!(queue.next().is_none());
    }
}
