//! Log lines about what anybody can bring about: once in a while, with the count of what happened since the last one,
//! so that nobody can fill the log.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two lines of one kind.
const PERIOD: Duration = Duration::from_secs(30);

/// Counts one kind of event.
#[derive(Debug, Default)]
pub(super) struct Seldom {
    /// When the last line was written, and what has happened since.
    last: Mutex<(Option<Instant>, u64)>,
}

impl Seldom {
    /// Counts an event, and gives the number of those that a line has to tell of, if one is due.
    pub(super) fn count(&self) -> Option<u64> {
        self.count_at(Instant::now())
    }

    fn count_at(&self, now: Instant) -> Option<u64> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (written, count) = &mut *last;
        *count += 1;
        if written.is_some_and(|written| now.duration_since(written) < PERIOD) {
            return None;
        }
        *written = Some(now);
        Some(std::mem::take(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_at_once_and_the_others_together() {
        let (seldom, start) = (Seldom::default(), Instant::now());
        assert_eq!(seldom.count_at(start), Some(1));
        for _ in 0..5 {
            assert_eq!(seldom.count_at(start + PERIOD / 2), None);
        }
        assert_eq!(seldom.count_at(start + PERIOD), Some(6));
        assert_eq!(seldom.count_at(start + PERIOD), None);
    }
}
