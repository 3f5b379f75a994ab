//! How often something was used, fading: what was hot last week must not keep what is hot today from memory.

use std::time::{Duration, Instant};

/// After this time a use counts half.
const HALF_LIFE: Duration = Duration::from_secs(3600);

/// A number of uses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Uses {
    count: f64,
    at: Instant,
}

impl Uses {
    /// So many, at this time.
    pub(super) fn new(count: f64, at: Instant) -> Self {
        Self { count, at }
    }

    /// What is left of them.
    pub(super) fn now(&self, now: Instant) -> f64 {
        let age = now.saturating_duration_since(self.at).as_secs_f64();
        self.count * (-age / HALF_LIFE.as_secs_f64()).exp2()
    }

    pub(super) fn add(&mut self, count: f64, now: Instant) {
        *self = Self { count: self.now(now) + count, at: now };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_counts_half_after_an_hour() {
        let now = Instant::now();
        let mut uses = Uses::new(8.0, now);
        assert!((uses.now(now + HALF_LIFE) - 4.0).abs() < 1e-9);
        assert!((uses.now(now + 3 * HALF_LIFE) - 1.0).abs() < 1e-9);
        uses.add(2.0, now + HALF_LIFE);
        assert!((uses.now(now + 2 * HALF_LIFE) - 3.0).abs() < 1e-9);
        // Clocks of other threads may be a little behind.
        assert!((uses.now(now) - 6.0).abs() < 1e-9);
    }
}
