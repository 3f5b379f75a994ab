//! Lets nobody hold a thread for long. A task of a query gives way only where it waits, and one function over the rows of
//! a batch can compute for a second: with as many such tasks as there are threads, nobody else would be answered in that
//! time. Who computes for long looks here at the clock now and then, and hands what waits for its thread to another one.
//!
//! ```text
//! before: thread 1: [ task a, 900 ms            ] [ task b ]
//! after:  thread 1: [ task a, 50 ms ... 900 ms  ]
//!         thread 3:                  [ task b ]
//! ```

use std::cell::Cell;
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, RuntimeFlavor};

/// A task that computes for longer shares its processor with what waits.
const TURN: Duration = Duration::from_millis(50);
/// What another thread needs to take over; until then, this one would take back what it has given.
const HANDOVER: Duration = Duration::from_millis(1);

thread_local! {
    /// Since when the thread has been at a task without a pause.
    static SINCE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The turn of a task, until it is dropped.
pub(crate) struct Turn(Option<Instant>);

impl Turn {
    pub(crate) fn begin() -> Self {
        Self(SINCE.replace(Some(Instant::now())))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        SINCE.set(self.0);
    }
}

/// Gives what waits for this thread to another one, when its task has had its turn.
pub(crate) fn give_way() {
    let is_over = SINCE.get().is_some_and(|since| since.elapsed() > TURN);
    if is_over && Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread) {
        tokio::task::block_in_place(|| std::thread::sleep(HANDOVER));
        SINCE.set(Some(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_answered_while_a_task_computes() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let (answer, answered) = std::sync::mpsc::channel();
        let computing = runtime.spawn(async move {
            let _turn = Turn::begin();
            tokio::spawn(async move { answer.send(()) });
            while answered.try_recv().is_err() {
                give_way();
            }
        });
        runtime.block_on(computing).unwrap();
    }

    #[tokio::test]
    async fn a_thread_alone_computes_on() {
        let _turn = Turn::begin();
        SINCE.set(Instant::now().checked_sub(2 * TURN));
        give_way();
    }
}
