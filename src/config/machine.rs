//! What this process may use of the machine: the limits of its control groups count, not only what the machine has.

use std::num::NonZero;

/// Cores, as far as affinity and the control group's quota let this process have them.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Memory in KiB, where it is known.
pub(super) fn memory_kib() -> u64 {
    #[cfg(target_os = "linux")]
    return linux::memory_kib();
    #[cfg(not(target_os = "linux"))]
    u64::MAX
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::path::Path;

    /// The least of the machine's memory and of every limit on the way up from the process's control group.
    pub(super) fn memory_kib() -> u64 {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let machine_bytes = total_bytes(&read("/proc/meminfo")).unwrap_or(u64::MAX);
        let groups = read("/proc/self/cgroup");
        groups.lines().filter_map(|group| limit_bytes(group, Path::new("/sys/fs/cgroup"))).fold(machine_bytes, u64::min)
            / 1_024
    }

    /// See `proc_meminfo(5)`.
    fn total_bytes(meminfo: &str) -> Option<u64> {
        let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"))?;
        total.parse::<u64>().ok()?.checked_mul(1_024)
    }

    /// The limit of a group as cgroups(7) writes it: `hierarchy:controllers:path`, without controllers in version 2. The
    /// path is relative to the group's mount; inside of a container it may be the host's, of which only the mount's own
    /// level is there to be read.
    fn limit_bytes(group: &str, mount: &Path) -> Option<u64> {
        let (_hierarchy, rest) = group.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let (mount, file) = if controllers.is_empty() {
            (mount.to_owned(), "memory.max")
        } else if controllers.split(',').any(|name| name == "memory") {
            (mount.join("memory"), "memory.limit_in_bytes")
        } else {
            return None;
        };
        let path = mount.join(path.trim_start_matches('/'));
        let levels = path.ancestors().take_while(|level| level.starts_with(&mount));
        // A group without a limit says "max".
        levels.filter_map(|level| fs::read_to_string(level.join(file)).ok()?.trim().parse().ok()).min()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn limit(group: &str, files: &[(&str, &str)]) -> Option<u64> {
            let mount = tempfile::tempdir().unwrap();
            for (file, text) in files {
                let path = mount.path().join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            limit_bytes(group, mount.path())
        }

        #[test]
        fn the_memory_of_the_machine_is_known() {
            assert_eq!(total_bytes("MemFree:  5 kB\nMemTotal:       24684088 kB\n"), Some(24_684_088 * 1_024));
            assert_eq!(total_bytes(""), None);
            assert!((1_024..u64::MAX / 1_024).contains(&memory_kib()));
        }

        #[test]
        fn the_least_limit_on_the_way_up_counts() {
            let files = [("a/memory.max", "1000\n"), ("a/b/memory.max", "max\n"), ("memory.max", "5000\n")];
            assert_eq!(limit("0::/a/b", &files), Some(1_000));
            assert_eq!(limit("0::/", &files), Some(5_000));
            assert_eq!(limit("0::/", &[("memory.max", "max\n")]), None);
        }

        #[test]
        fn in_a_container_that_sees_the_hosts_path_its_own_level_counts() {
            let files = [("memory/memory.limit_in_bytes", "700\n")];
            assert_eq!(limit("9:memory:/docker/0123", &files), Some(700));
            assert_eq!(limit("8:cpu,cpuacct:/", &files), None);
        }
    }
}
