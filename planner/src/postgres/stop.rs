//! What computes for long asks now and then whether somebody still waits for it, and whether there is memory for more.
//! Who that is, and how to find out, is told once from outside; until then nothing is stopped.

use std::sync::OnceLock;

use super::error::ValueResult;

/// How many steps, each of which takes some nanoseconds to microseconds, are taken between two questions.
const STEPS: u32 = 16_384;

static ASK: OnceLock<fn() -> ValueResult<()>> = OnceLock::new();

/// Tells how to find out whether the work of a thread is to end: then there is an error.
pub(crate) fn ask_by(ask: fn() -> ValueResult<()>) {
    // Another engine of this process may have done so.
    let _ = ASK.set(ask);
}

/// # Errors
/// When nobody waits any more.
pub(crate) fn check() -> ValueResult<()> {
    ASK.get().map_or(Ok(()), |ask| ask())
}

/// Counts steps.
#[derive(Debug, Default)]
pub(crate) struct Steps(u32);

impl Steps {
    /// # Errors
    /// When nobody waits any more; that is asked once in many steps.
    pub(crate) fn next(&mut self) -> ValueResult<()> {
        self.0 = self.0.wrapping_add(1);
        if self.0.is_multiple_of(STEPS) { check() } else { Ok(()) }
    }
}
