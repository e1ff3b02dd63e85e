//! CPU time of a control group, version 1 and 2 of the kernel's interface.

use std::fs;
use std::path::{Path, PathBuf};

use crate::counter_file::number_in;

/// The folder of a process's control group with its CPU account: `cpu.stat` (version 2) or
/// `cpuacct.usage` (version 1). `None` where the kernel shows neither.
///
/// `<proc_root>/<pid>/cgroup` names the group. Inside a container the named folder may lie outside
/// what is mounted; then the mount's root is the container's own group and is taken.
#[must_use]
pub fn cgroup_of(proc_root: &Path, sysfs_root: &Path, pid: u32) -> Option<PathBuf> {
    let text = fs::read_to_string(proc_root.join(pid.to_string()).join("cgroup")).ok()?;
    let mount = sysfs_root.join("fs/cgroup");
    let mut candidates = Vec::new();
    for line in text.lines() {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let path = path.trim_start_matches('/');
        let roots: Vec<PathBuf> = if controllers.is_empty() {
            vec![mount.clone(), mount.join("unified")]
        } else if controllers.split(',').any(|c| c == "cpuacct") {
            vec![mount.join(controllers), mount.join("cpuacct"), mount.join("cpu,cpuacct")]
        } else {
            continue;
        };
        candidates.extend(roots.iter().map(|root| root.join(path)));
        candidates.extend(roots);
    }
    candidates.into_iter().find(|folder| cgroup_cpu_ns(folder).is_some())
}

/// CPU time that the group in `folder` has used, ns.
#[must_use]
pub fn cgroup_cpu_ns(folder: &Path) -> Option<u64> {
    if let Some(ns) = number_in(&folder.join("cpuacct.usage")) {
        return Some(ns);
    }
    let stat = fs::read_to_string(folder.join("cpu.stat")).ok()?;
    let usage = stat.lines().find_map(|line| line.strip_prefix("usage_usec "))?;
    usage.trim().parse::<u64>().ok()?.checked_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fake(tempfile::TempDir);

    impl Fake {
        fn new(cgroup: &str) -> Self {
            let fake = Self(tempfile::tempdir().unwrap());
            fake.file("proc/7/cgroup", cgroup);
            fake
        }

        fn file(&self, path: &str, text: &str) {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn find(&self) -> Option<PathBuf> {
            cgroup_of(&self.0.path().join("proc"), &self.0.path().join("sys"), 7)
        }
    }

    #[test]
    fn version_2_is_read_in_microseconds() {
        let fake = Fake::new("0::/user.slice/job.scope\n");
        fake.file(
            "sys/fs/cgroup/user.slice/job.scope/cpu.stat",
            "usage_usec 1234567\nuser_usec 1000000\nsystem_usec 234567\n",
        );
        let folder = fake.find().unwrap();
        assert!(folder.ends_with("user.slice/job.scope"));
        assert_eq!(cgroup_cpu_ns(&folder), Some(1_234_567_000));
    }

    #[test]
    fn version_1_is_read_in_nanoseconds() {
        let fake = Fake::new("4:memory:/m\n3:cpu,cpuacct:/slurm/job_5\n1:name=systemd:/x\n");
        fake.file("sys/fs/cgroup/cpu,cpuacct/slurm/job_5/cpuacct.usage", "987654321\n");
        assert_eq!(cgroup_cpu_ns(&fake.find().unwrap()), Some(987_654_321));
    }

    #[test]
    fn in_a_container_the_mount_s_root_is_the_group() {
        let fake = Fake::new("0::/docker/abc\n");
        fake.file("sys/fs/cgroup/cpu.stat", "usage_usec 5\n");
        let folder = fake.find().unwrap();
        assert!(folder.ends_with("fs/cgroup"));
        assert_eq!(cgroup_cpu_ns(&folder), Some(5_000));
    }

    #[test]
    fn a_group_without_an_account_is_not_found() {
        let fake = Fake::new("0::/a\nnonsense\n");
        fake.file("sys/fs/cgroup/a/cpu.stat", "nr_periods 3\n");
        assert_eq!(fake.find(), None);
    }
}
