//! CPU time of this process and of others that belong to the work, from the kernel. Unix only.
#![allow(unsafe_code)] // clock_gettime and getrusage fill a struct through a pointer

use std::path::{Path, PathBuf};

use crate::cgroup::cgroup_cpu_ns;
use crate::process_tree::tree_cpu_ns;

/// Whose CPU time is counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CpuScope {
    /// All threads of this process.
    #[default]
    Process,
    /// This process and its children; a child counts, all at once, when it has been waited for.
    ProcessAndChildren,
    /// This process and everything it has started, while it runs; Linux, resolution 10 ms. Where
    /// the kernel shows no processes: as [`CpuScope::ProcessAndChildren`].
    Tree,
    /// The control group in this folder, see [`cgroup_of`](crate::cgroup_of). Where it has no CPU
    /// account: as [`CpuScope::ProcessAndChildren`].
    Cgroup(PathBuf),
}

impl CpuScope {
    /// In words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Process => "this process".to_owned(),
            Self::ProcessAndChildren => "this process and its ended children".to_owned(),
            Self::Tree => "this process and all that it started".to_owned(),
            Self::Cgroup(folder) => format!("control group {}", folder.display()),
        }
    }
}

/// CPU time used so far (user + system), ns; 0 if the kernel refuses.
pub(crate) fn process_cpu_ns(scope: &CpuScope) -> u64 {
    let with_children = || own_cpu_ns().saturating_add(children_cpu_ns());
    match scope {
        CpuScope::Process => own_cpu_ns(),
        CpuScope::ProcessAndChildren => with_children(),
        CpuScope::Tree => {
            tree_cpu_ns(Path::new("/proc"), std::process::id()).unwrap_or_else(with_children)
        }
        CpuScope::Cgroup(folder) => cgroup_cpu_ns(folder).unwrap_or_else(with_children),
    }
}

/// CPU clock of one thread, readable from any thread while that one lives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ThreadClock(Option<libc::clockid_t>);

impl ThreadClock {
    /// The calling thread's clock.
    pub(crate) fn of_this_thread() -> Self {
        #[cfg(target_os = "linux")]
        {
            let mut clock: libc::clockid_t = 0;
            // SAFETY: the pointer is to a live, writable number, and the thread is the caller.
            let status =
                unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock) };
            Self((status == 0).then_some(clock))
        }
        #[cfg(not(target_os = "linux"))]
        Self(None)
    }

    /// CPU time of the thread, ns; `None` if the thread has ended or the system has no such clock.
    pub(crate) fn cpu_ns(self) -> Option<u64> {
        read_clock(self.0?)
    }
}

fn read_clock(clock: libc::clockid_t) -> Option<u64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live, writable timespec, which is all that the call asks for.
    let status = unsafe { libc::clock_gettime(clock, &raw mut time) };
    (status == 0).then(|| join(time.tv_sec, time.tv_nsec, 1))
}

fn own_cpu_ns() -> u64 {
    read_clock(libc::CLOCK_PROCESS_CPUTIME_ID).unwrap_or(0)
}

fn children_cpu_ns() -> u64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to writable memory of the right size, zeroed beforehand, and every
    // bit pattern of `rusage` (integers only) is valid.
    let usage = unsafe {
        if libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr()) != 0 {
            return 0;
        }
        usage.assume_init()
    };
    [usage.ru_utime, usage.ru_stime]
        .iter()
        .map(|time| join(time.tv_sec, time.tv_usec, 1_000))
        .fold(0, u64::saturating_add)
}

fn join(whole_s: impl TryInto<u64>, part: impl TryInto<u64>, part_ns: u64) -> u64 {
    let whole: u64 = whole_s.try_into().unwrap_or(0);
    let part: u64 = part.try_into().unwrap_or(0);
    whole.saturating_mul(1_000_000_000).saturating_add(part.saturating_mul(part_ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_grows_under_work() {
        let thread = ThreadClock::of_this_thread();
        let (before, thread_before) = (process_cpu_ns(&CpuScope::Process), thread.cpu_ns());
        let mut sum = 0.0_f64;
        for i in 0..2_000_000_u32 {
            sum += std::hint::black_box(f64::from(i)).sqrt();
        }
        assert!(sum > 0.0);
        assert!(process_cpu_ns(&CpuScope::Process) > before);
        assert!(process_cpu_ns(&CpuScope::ProcessAndChildren) > before);
        assert!(thread.cpu_ns() > thread_before || thread.cpu_ns().is_none());
    }

    #[test]
    fn a_group_without_an_account_falls_back_to_this_process() {
        let scope = CpuScope::Cgroup(PathBuf::from("no such folder"));
        let before = process_cpu_ns(&CpuScope::Process);
        assert!(process_cpu_ns(&scope) >= before);
    }
}
