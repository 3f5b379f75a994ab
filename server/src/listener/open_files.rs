//! How many clients can be connected: each is an open file, and the system allows a process only so many. Most systems
//! start a process with few (1,024) and let it ask for more; that is done here, once, at the start.

use rlimit::{Resource, getrlimit, increase_nofile_limit};

/// Files that are left for everything but clients: snapshots, spilled rows, connections to PostgreSQL.
const OTHER_FILES: u64 = 1_024;

/// How many clients may be connected when `wanted` are, having raised what the system allows as far as it goes.
pub(super) fn most_connections(wanted: usize) -> usize {
    // More than any system allows.
    let raised = increase_nofile_limit(u64::MAX).or_else(|error| {
        tracing::debug!(%error, "the system does not let this process open more files");
        getrlimit(Resource::NOFILE).map(|(current, _)| current)
    });
    let Ok(raised) = raised else { return wanted };
    let most = share_of(raised, wanted);
    if most < wanted {
        tracing::warn!(
            max_connections = wanted,
            connections = most,
            files = raised,
            "the system lets this process open too few files for max_connections; raise the limit (ulimit -n, or \
             LimitNOFILE of systemd)"
        );
    }
    most
}

/// What clients get of so many files. With few, it is half of them.
fn share_of(files: u64, wanted: usize) -> usize {
    let share = files.saturating_sub(OTHER_FILES).max(files / 2);
    wanted.min(usize::try_from(share).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_need_files_too() {
        assert_eq!(share_of(u64::MAX, 20_000), 20_000);
        assert_eq!(share_of(1 << 20, 20_000), 20_000);
        assert_eq!(share_of(21_023, 20_000), 19_999);
        assert_eq!(share_of(1_024, 20_000), 512);
    }

    #[test]
    fn the_limit_is_raised_as_far_as_it_goes() {
        most_connections(1);
        let (current, maximum) = getrlimit(Resource::NOFILE).unwrap();
        assert_eq!(current, maximum);
    }
}
