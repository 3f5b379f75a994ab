//! The program's allocator: mimalloc, with everything counted, so that queries can be told when there is no more.
//! Pulls and queries allocate on many threads; glibc's allocator keeps what each of them has freed. mimalloc does so for a
//! second, in which a query frees more than the server may have; it is told when that is too much.

#![expect(unsafe_code, reason = "an allocator gives and takes raw memory")]

use std::alloc::{GlobalAlloc, Layout};
use std::convert::Infallible;
use std::time::Duration;

use mimalloc::MiMalloc;
use rail_forge_planner::{given, let_go_by, taken_back};

/// The allocator.
pub(crate) struct Counted;

unsafe extern "C" {
    /// Has the thread let go of what it has of freed memory, and returns it to the system: what has been kept for long
    /// enough, or all if it is forced.
    safe fn mi_collect(force: bool);
}

/// How long freed memory is kept (mimalloc's `purge_delay`).
const KEPT_FOR: Duration = Duration::from_secs(1);

/// Returns to the system, for as long as it is awaited, what has been kept of freed memory. mimalloc looks for it when
/// threads allocate and free; those of a quiet server do neither.
pub(crate) async fn give_back() -> Infallible {
    let_go_by(|| mi_collect(false));
    loop {
        tokio::time::sleep(KEPT_FOR).await;
        mi_collect(false);
    }
}

// SAFETY: everything is passed on as it is; counting allocates nothing and does not panic.
unsafe impl GlobalAlloc for Counted {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        given(layout.size());
        // SAFETY: the caller's promises are those of the trait.
        unsafe { MiMalloc.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        given(layout.size());
        // SAFETY: as above.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { MiMalloc.dealloc(place, layout) };
        if taken_back(layout.size()) {
            mi_collect(true);
        }
    }

    #[inline]
    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        given(size);
        // SAFETY: as above.
        let moved = unsafe { MiMalloc.realloc(place, layout, size) };
        if taken_back(layout.size()) {
            mi_collect(true);
        }
        moved
    }
}
