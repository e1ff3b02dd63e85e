//! What the kernel says about this machine: processor, memory, hypervisor.

use std::fs;
use std::path::Path;

use crate::counter_file::number_in;

/// The facts that the load model needs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Machine {
    /// Vendor as in `/proc/cpuinfo`, e.g. `GenuineIntel`; empty if not stated.
    pub vendor: String,
    /// Processor family number (x86), 0 if not stated.
    pub family: u32,
    /// Processor model number (x86), 0 if not stated.
    pub model: u32,
    /// Marketing name of the processor; empty if not stated.
    pub model_name: String,
    /// Hardware threads that the kernel sees, at least 1.
    pub online_vcpus: u32,
    /// Hardware threads that this process may use (affinity and cgroup quota), at least 1.
    pub usable_vcpus: u32,
    /// Memory that falls to this process, bytes: its cgroup's limit where there is one below the
    /// machine's memory, else the machine's memory times usable / online threads. 0 if unknown.
    pub memory_bytes: u64,
    /// Whether the processor says that it runs under a hypervisor.
    pub virtualised: bool,
}

impl Machine {
    /// Reads `<proc_root>/cpuinfo`, `<proc_root>/meminfo` and the memory limit of the cgroup
    /// mounted under `sysfs_root`. What cannot be read stays empty.
    #[must_use]
    pub fn read(sysfs_root: &Path, proc_root: &Path) -> Self {
        let cpuinfo = fs::read_to_string(proc_root.join("cpuinfo")).unwrap_or_default();
        let meminfo = fs::read_to_string(proc_root.join("meminfo")).unwrap_or_default();
        let usable = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let usable_vcpus = u32::try_from(usable).unwrap_or(u32::MAX);
        let mut machine = Self::from_cpuinfo(&cpuinfo, usable_vcpus);
        machine.memory_bytes = machine.memory_share(total_memory(&meminfo), limit(sysfs_root));
        machine
    }

    fn from_cpuinfo(text: &str, usable_vcpus: u32) -> Self {
        let first = |key: &str| {
            text.lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.trim() == key)
                .map(|(_, value)| value.trim())
                .unwrap_or_default()
        };
        let seen = text.lines().filter(|line| line.starts_with("processor")).count();
        Self {
            vendor: first("vendor_id").to_owned(),
            family: first("cpu family").parse().unwrap_or(0),
            model: first("model").parse().unwrap_or(0),
            model_name: first("model name").to_owned(),
            online_vcpus: u32::try_from(seen).unwrap_or(u32::MAX).max(usable_vcpus).max(1),
            usable_vcpus: usable_vcpus.max(1),
            memory_bytes: 0,
            virtualised: first("flags").split_whitespace().any(|flag| flag == "hypervisor"),
        }
    }

    fn memory_share(&self, total_bytes: u64, limit_bytes: Option<u64>) -> u64 {
        let share = u128::from(total_bytes) * u128::from(self.usable_vcpus)
            / u128::from(self.online_vcpus.max(1));
        match limit_bytes.filter(|&limit| limit < total_bytes) {
            Some(limit) => limit,
            None => u64::try_from(share).unwrap_or(u64::MAX),
        }
    }
}

fn total_memory(meminfo: &str) -> u64 {
    meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok())
        .unwrap_or(0)
        .saturating_mul(1024)
}

/// Memory limit of the own cgroup as a container sees it (v2, then v1); "max" is no limit.
fn limit(sysfs_root: &Path) -> Option<u64> {
    let cgroup = sysfs_root.join("fs/cgroup");
    number_in(&cgroup.join("memory.max"))
        .or_else(|| number_in(&cgroup.join("memory/memory.limit_in_bytes")))
        .filter(|&bytes| bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPUINFO: &str = "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\n\
        model\t\t: 207\nmodel name\t: Intel(R) Xeon(R) Processor\nflags\t\t: fpu hypervisor\n\n\
        processor\t: 1\nvendor_id\t: GenuineIntel\n";

    #[test]
    fn cpuinfo_is_read() {
        let machine = Machine::from_cpuinfo(CPUINFO, 1);
        assert_eq!((machine.family, machine.model), (6, 207));
        assert_eq!((machine.online_vcpus, machine.usable_vcpus), (2, 1));
        assert!(machine.virtualised);
        assert_eq!(machine.model_name, "Intel(R) Xeon(R) Processor");
    }

    #[test]
    fn odd_cpuinfo_gives_an_empty_machine() {
        for text in ["", ":::\n\u{fffd}", "model : many\nprocessor"] {
            let machine = Machine::from_cpuinfo(text, 0);
            assert_eq!(machine.model, 0);
            assert!(machine.online_vcpus >= 1 && machine.usable_vcpus >= 1);
        }
    }

    #[test]
    fn a_shared_machine_charges_a_share_of_its_memory() {
        let machine = Machine::from_cpuinfo(CPUINFO, 1);
        assert_eq!(machine.memory_share(total_memory("MemTotal:   1000 kB"), None), 512_000);
        assert_eq!(machine.memory_share(1_024_000, Some(99)), 99);
        assert_eq!(machine.memory_share(1_024_000, Some(u64::MAX)), 512_000);
    }
}
