//! The end of a reading before its time. Whoever wants no more rows says so from any thread; a connection that was
//! told to stop is never used again, because the request may reach PostgreSQL late.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::connection::Canceller;

/// How far a reading is.
#[derive(Default)]
pub(super) struct Cancellation {
    state: Mutex<State>,
}

#[derive(Default)]
enum State {
    #[default]
    Starting,
    /// PostgreSQL works for it.
    Running(Canceller),
    Done,
    Cancelled,
}

impl Cancellation {
    /// PostgreSQL begins to work; false when nobody wants it any more.
    pub(super) fn run(&self, canceller: Canceller) -> bool {
        let mut state = self.lock();
        let wanted = !matches!(*state, State::Cancelled);
        if wanted {
            *state = State::Running(canceller);
        }
        wanted
    }

    /// PostgreSQL has done it; false when it was told to stop.
    pub(super) fn finish(&self) -> bool {
        let mut state = self.lock();
        let wanted = !matches!(*state, State::Cancelled);
        if wanted {
            *state = State::Done;
        }
        wanted
    }

    /// Nobody wants more rows.
    pub(super) fn cancel(&self) {
        let mut state = self.lock();
        match std::mem::replace(&mut *state, State::Cancelled) {
            State::Running(canceller) => Canceller::cancel_all(vec![canceller]),
            State::Done => *state = State::Done,
            State::Starting | State::Cancelled => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
