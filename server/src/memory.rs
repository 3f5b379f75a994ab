//! The memory of the machine, or of the container that the server runs in, as Linux tells it: for the sizes
//! that are not set, and to notice in time that it runs short. Where nothing is told, nothing is known.

use std::fs;
use std::path::Path;

/// Memory is short when less than this share of it is left.
const LEFT_SHARE: u64 = 16;
const CGROUPS: &str = "/sys/fs/cgroup";

/// What may be used in all, in bytes.
pub fn total() -> Option<u64> {
    let machine = of_machine("MemTotal");
    limits().into_iter().map(|limit| limit.bytes).chain(machine).min()
}

/// Whether little is left that could be used without taking it away from others.
pub fn is_short() -> bool {
    let machine = of_machine("MemTotal").zip(of_machine("MemAvailable"));
    let limits = limits().into_iter().map(|limit| (limit.bytes, limit.bytes.saturating_sub(limit.used_bytes)));
    limits.chain(machine).any(|(total, left)| left < total / LEFT_SHARE)
}

/// What the process has in memory, in bytes.
pub fn resident() -> Option<u64> {
    in_file("/proc/self/status", "VmRSS")
}

/// A line of `/proc/meminfo`, in bytes.
fn of_machine(name: &str) -> Option<u64> {
    in_file("/proc/meminfo", name)
}

/// A line of a file that the kernel writes, in bytes.
fn in_file(path: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// The limit of a control group, as containers and services have.
#[derive(Debug, PartialEq)]
struct Limit {
    bytes: u64,
    /// Without pages of files that nobody has asked for of late; the kernel gives those up first.
    used_bytes: u64,
}

/// The limits of this process's group and of those that it is in (cgroup v2).
fn limits() -> Vec<Limit> {
    let group = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = group.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    limits_of(Path::new(CGROUPS), group)
}

fn limits_of(root: &Path, group: &str) -> Vec<Limit> {
    let folders = Path::new(group).ancestors().map(|folder| root.join(folder));
    folders.filter_map(|folder| limit_of(&folder)).collect()
}

fn limit_of(folder: &Path) -> Option<Limit> {
    let number = |name: &str| fs::read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok();
    // A group without a limit says "max".
    let bytes = number("memory.max")?;
    let statistics = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
    let inactive = statistics.lines().find_map(|line| line.strip_prefix("inactive_file ")?.parse::<u64>().ok());
    Some(Limit { bytes, used_bytes: number("memory.current")?.saturating_sub(inactive.unwrap_or(0)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_has_memory() {
        assert!(total().unwrap() > 1 << 20);
        assert!(resident().unwrap() < total().unwrap());
        assert!(of_machine("MemAvailable").unwrap() <= of_machine("MemTotal").unwrap());
    }

    #[test]
    fn limits_are_those_of_all_groups_above() {
        let root = std::env::temp_dir().join(format!("rail-forge-test-memory-{}", std::process::id()));
        let inner = root.join("outer.slice/inner.service");
        fs::create_dir_all(&inner).unwrap();
        let write = |folder: &Path, files: [(&str, &str); 3]| {
            files.iter().for_each(|(name, text)| fs::write(folder.join(name), text).unwrap());
        };
        write(&inner, [("memory.max", "max\n"), ("memory.current", "7\n"), ("memory.stat", "")]);
        let statistics = "anon 5\ninactive_file 3000\n";
        write(
            &root.join("outer.slice"),
            [("memory.max", "10000\n"), ("memory.current", "4000\n"), ("memory.stat", statistics)],
        );
        assert_eq!(limits_of(&root, "outer.slice/inner.service"), [Limit { bytes: 10_000, used_bytes: 1_000 }]);
        assert_eq!(limits_of(&root, "nothing"), []);
        fs::remove_dir_all(&root).unwrap();
    }
}
