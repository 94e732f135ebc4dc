//! How much of the machine this process may use: the machine's resources and the limits of its control groups.

use std::num::NonZero;

/// The number of cores that CPU affinity and the control group's quota allow this process to use.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Memory in KiB, if it is known.
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

    use procfs::process::Process;
    use procfs::{Current as _, Meminfo, ProcessCGroup};

    /// The smallest of the machine's memory and the limits of the process's control group and its parents, in KiB.
    pub(super) fn memory_kib() -> u64 {
        let machine_bytes = Meminfo::current().map_or(u64::MAX, |memory| memory.mem_total);
        let groups = Process::myself().and_then(|process| process.cgroups()).map(|groups| groups.0).unwrap_or_default();
        groups.iter().filter_map(|group| limit_bytes(group, Path::new("/sys/fs/cgroup"))).fold(machine_bytes, u64::min)
            / 1_024
    }

    /// A group's path is relative to its mount. Inside a container it may be a path of the host; then only the top
    /// level of the mount can be read.
    fn limit_bytes(group: &ProcessCGroup, mount: &Path) -> Option<u64> {
        let (mount, file) = match group.controllers.as_slice() {
            [] => (mount.to_owned(), "memory.max"),
            [only] if only.is_empty() => (mount.to_owned(), "memory.max"),
            several if several.iter().any(|name| name == "memory") => (mount.join("memory"), "memory.limit_in_bytes"),
            _ => return None,
        };
        let path = mount.join(group.pathname.trim_start_matches('/'));
        let levels = path.ancestors().take_while(|level| level.starts_with(&mount));
        // A group without a limit says "max".
        levels.filter_map(|level| fs::read_to_string(level.join(file)).ok()?.trim().parse().ok()).min()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn limit(controllers: &[&str], pathname: &str, files: &[(&str, &str)]) -> Option<u64> {
            let mount = tempfile::tempdir().unwrap();
            for (file, text) in files {
                let path = mount.path().join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            let controllers = controllers.iter().map(ToString::to_string).collect();
            limit_bytes(&ProcessCGroup { hierarchy: 0, controllers, pathname: pathname.to_owned() }, mount.path())
        }

        #[test]
        fn the_least_limit_on_the_way_up_counts() {
            let files = [("a/memory.max", "1000\n"), ("a/b/memory.max", "max\n"), ("memory.max", "5000\n")];
            assert_eq!(limit(&[], "/a/b", &files), Some(1_000));
            assert_eq!(limit(&[], "/", &files), Some(5_000));
            assert_eq!(limit(&[], "/", &[("memory.max", "max\n")]), None);
        }

        #[test]
        fn in_a_container_that_sees_the_hosts_path_its_own_level_counts() {
            let files = [("memory/memory.limit_in_bytes", "700\n")];
            assert_eq!(limit(&["memory"], "/docker/0123", &files), Some(700));
            assert_eq!(limit(&["cpu"], "/", &files), None);
        }
    }
}
