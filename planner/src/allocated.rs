//! What the process has allocated, and what each thread has since it began to work on a query's task. The memory pool
//! knows of what operators keep from batch to batch, and of nothing else: what functions make for one batch, trees of
//! documents, keys that are compared. Where all of it together exceeds what the server may have, the queries whose
//! threads have made much of it end.
//!
//! The program's allocator tells what it gives and takes back; without one that does, nothing is ever short.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};

use crate::postgres::error::{ValueError, ValueResult};

/// What may be allocated beside queries' memory and what is kept of tables and results: code's own data, batches on their
/// way, pulls, and what functions make.
const OTHER_BYTES: usize = 160 << 20;
/// What a thread may make for a query in any case, however little memory there is.
const SHARE_BYTES: usize = 32 << 20;
/// Freed memory that the allocator keeps is not worth the work to give it back before it is so much.
const KEPT_BYTES: usize = 32 << 20;
/// Threads tell what they have freed in pieces of this size.
const PIECE_BYTES: usize = 1 << 20;
/// What a thread allocates or frees before it tells: threads that told of everything would wait for each other.
const UNTOLD_BYTES: usize = 4 << 10;

/// PostgreSQL's code for what there is no memory for.
const OUT_OF_MEMORY: &str = "53200";

/// What threads have told. It may be below zero, as one tells what it has freed before another what it has allocated.
static ALLOCATED: AtomicIsize = AtomicIsize::new(0);
static THREADS: AtomicUsize = AtomicUsize::new(0);
/// What was freed since the allocator gave back what it keeps.
static FREED: AtomicUsize = AtomicUsize::new(0);
/// What was freed since the process began.
static FREED_EVER: AtomicUsize = AtomicUsize::new(0);
/// What makes the allocator let go of what a thread has of freed memory.
static LETTING_GO: OnceLock<fn()> = OnceLock::new();
/// What may be allocated; everything, before it is told.
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);

thread_local! {
    static OWN: Own = const {
        Own {
            number: Cell::new(usize::MAX),
            made: Cell::new(0),
            untold: Cell::new(0),
            freed: Cell::new(0),
            freed_ever: Cell::new(0),
        }
    };
}

struct Own {
    number: Cell<usize>,
    /// What the thread has allocated less what it has freed, since it began.
    made: Cell<isize>,
    /// The part of that which it has not told yet.
    untold: Cell<isize>,
    /// What it has freed and not told yet.
    freed: Cell<usize>,
    /// What all threads had freed when it let go of what it had.
    freed_ever: Cell<usize>,
}

impl Own {
    /// The thread's number, which no other has.
    fn number(&self) -> usize {
        if self.number.get() == usize::MAX {
            self.number.set(THREADS.fetch_add(1, Ordering::Relaxed));
        }
        self.number.get()
    }

    fn count(&self, bytes: isize) {
        self.made.set(self.made.get().wrapping_add(bytes));
        let untold = self.untold.get().wrapping_add(bytes);
        let tells = untold.unsigned_abs() >= UNTOLD_BYTES;
        if tells {
            ALLOCATED.fetch_add(untold, Ordering::Relaxed);
        }
        self.untold.set(if tells { 0 } else { untold });
    }
}

/// The program's allocator has given memory.
#[inline]
pub fn given(bytes: usize) {
    let _ = OWN.try_with(|own| own.count(bytes.cast_signed()));
}

/// The program's allocator has taken memory back. Whether it should return what it keeps of such memory to the system,
/// because with that the server could have more than it may.
#[inline]
#[must_use]
pub fn taken_back(bytes: usize) -> bool {
    let told = OWN.try_with(|own| {
        own.count(bytes.cast_signed().wrapping_neg());
        let freed = own.freed.get().saturating_add(bytes);
        let tells = freed >= PIECE_BYTES;
        own.freed.set(if tells { 0 } else { freed });
        tells.then_some(freed)
    });
    matches!(told, Ok(Some(freed)) if keeps_too_much(freed))
}

/// Tells how a thread is made to let go of what it has of freed memory. Others cannot, and it does so by itself only when
/// it allocates.
pub fn let_go_by(letting_go: fn()) {
    // There is one allocator.
    let _ = LETTING_GO.set(letting_go);
}

/// For threads that have nothing to do: after much was freed, they let go of what they have of it.
pub fn before_pause() {
    let freed_ever = FREED_EVER.load(Ordering::Relaxed);
    let has_much = OWN.try_with(|own| {
        let has_much = freed_ever.wrapping_sub(own.freed_ever.get()) >= KEPT_BYTES;
        if has_much {
            own.freed_ever.set(freed_ever);
        }
        has_much
    });
    if let (Ok(true), Some(let_go)) = (has_much, LETTING_GO.get()) {
        let_go();
    }
}

#[cold]
fn keeps_too_much(freed: usize) -> bool {
    FREED_EVER.fetch_add(freed, Ordering::Relaxed);
    let kept = FREED.fetch_add(freed, Ordering::Relaxed).saturating_add(freed);
    if kept < KEPT_BYTES || has_room(allocated().saturating_add(kept)) {
        return false;
    }
    // One thread is enough.
    FREED.compare_exchange(kept, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
}

fn has_room(bytes: usize) -> bool {
    bytes <= LIMIT.load(Ordering::Relaxed)
}

fn allocated() -> usize {
    usize::try_from(ALLOCATED.load(Ordering::Relaxed)).unwrap_or_default()
}

/// Tells what queries may keep, and what may be kept for them.
pub(crate) fn limit(bytes: usize) {
    LIMIT.store(bytes.saturating_add(OTHER_BYTES), Ordering::Relaxed);
}

/// What a thread had made at a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    thread: usize,
    made: isize,
}

impl Mark {
    pub(crate) fn now() -> Self {
        OWN.try_with(|own| Self { thread: own.number(), made: own.made.get() })
            .unwrap_or(Self { thread: usize::MAX, made: 0 })
    }

    /// # Errors
    /// When this thread has made much since then with what it is about to make, and there is no room for it. Another
    /// thread knows nothing of it.
    pub(crate) fn check_room(self, more: usize) -> ValueResult<()> {
        let now = Self::now();
        let made = if now.thread == self.thread { now.made.wrapping_sub(self.made) } else { 0 };
        let made = usize::try_from(made).unwrap_or_default().saturating_add(more);
        if made <= SHARE_BYTES || has_room(allocated().saturating_add(more)) {
            return Ok(());
        }
        Err(ValueError::new(
            OUT_OF_MEMORY,
            format!(
                "the values that a function makes are too large together, with all that the server holds: these have \
                 {} MiB (setting memory_limit)",
                made >> 20
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_knows_what_it_has_made() {
        const LARGE: usize = 1 << 30;
        let mark = Mark::now();
        given(LARGE);
        assert_eq!(Mark::now().made - mark.made, LARGE.cast_signed());
        assert!(allocated() >= LARGE);
        // Nothing has been told of a limit.
        assert!(mark.check_room(0).is_ok());
        let other = std::thread::spawn(Mark::now).join().unwrap();
        assert_ne!(other.thread, mark.thread);
        assert!(!taken_back(LARGE));
        assert_eq!(Mark::now().made, mark.made);
    }
}
