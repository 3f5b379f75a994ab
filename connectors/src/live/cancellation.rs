//! The end of a reading before its time. Whoever wants no more rows says so from any thread; a connection that was
//! told to stop is never used again, because the request may reach PostgreSQL late.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    /// Nobody wants it; PostgreSQL may still work for it.
    Unwanted(Option<Canceller>),
}

impl Cancellation {
    /// PostgreSQL begins to work; false when nobody wants it any more.
    pub(super) fn run(&self, canceller: Canceller) -> bool {
        let mut state = self.lock();
        let wanted = !matches!(*state, State::Unwanted(_));
        if wanted {
            *state = State::Running(canceller);
        }
        wanted
    }

    /// PostgreSQL does no more for it; false when it was told to stop.
    pub(super) fn finish(&self) -> bool {
        let mut state = self.lock();
        let wanted = !matches!(*state, State::Unwanted(_));
        *state = if wanted { State::Done } else { State::Unwanted(None) };
        wanted
    }

    /// Nobody wants more rows.
    pub(super) fn cancel(self: &Arc<Self>) {
        let mut state = self.lock();
        match std::mem::replace(&mut *state, State::Unwanted(None)) {
            State::Running(canceller) => {
                *state = State::Unwanted(Some(canceller));
                let cancellation = Arc::clone(self);
                Canceller::cancel_while(move || match &*cancellation.lock() {
                    State::Unwanted(Some(canceller)) => Some(vec![canceller.clone()]),
                    _ => None,
                });
            }
            State::Done => *state = State::Done,
            State::Starting | State::Unwanted(_) => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
