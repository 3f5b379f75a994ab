//! How busy an engine is, for whoever watches it: numbers, and nothing of what is asked.

use datafusion::execution::memory_pool::MemoryLimit;

use crate::admission::Admission;
use crate::session::Sessions;

/// How busy an engine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Queries that are computed. One that waits for its reader has given up its place.
    pub running: usize,
    /// Queries that wait for a place.
    pub waiting: usize,
    /// The places.
    pub most_running: usize,
    /// What queries have reserved of their memory.
    pub memory_bytes: u64,
    pub memory_limit_bytes: u64,
    /// What queries have written to disk and not removed yet.
    pub spilled_bytes: u64,
    pub spill_limit_bytes: u64,
}

impl Load {
    pub(crate) fn of(admission: &Admission, sessions: &Sessions) -> Self {
        let runtime = sessions.runtime();
        let memory_limit_bytes = match runtime.memory_pool.memory_limit() {
            MemoryLimit::Finite(limit) => limit as u64,
            MemoryLimit::Infinite | MemoryLimit::Unknown => u64::MAX,
        };
        Self {
            running: admission.running(),
            waiting: admission.waiting(),
            most_running: admission.places(),
            memory_bytes: runtime.memory_pool.reserved() as u64,
            memory_limit_bytes,
            spilled_bytes: runtime.disk_manager.used_disk_space(),
            spill_limit_bytes: runtime.disk_manager.max_temp_directory_size(),
        }
    }
}
