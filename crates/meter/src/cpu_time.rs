//! CPU time of this process, from the kernel. Unix only.
#![allow(unsafe_code)] // clock_gettime and getrusage fill a struct through a pointer

/// Whose CPU time is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CpuScope {
    /// All threads of this process.
    #[default]
    Process,
    /// This process and its children; a child counts, all at once, when it has been waited for.
    ProcessAndChildren,
}

/// CPU time used so far (user + system), ns; 0 if the kernel refuses.
pub(crate) fn process_cpu_ns(scope: CpuScope) -> u64 {
    match scope {
        CpuScope::Process => own_cpu_ns(),
        CpuScope::ProcessAndChildren => own_cpu_ns().saturating_add(children_cpu_ns()),
    }
}

fn own_cpu_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live, writable timespec, which is all that the call asks for.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    if status == 0 { join(time.tv_sec, time.tv_nsec, 1) } else { 0 }
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
        let before = process_cpu_ns(CpuScope::Process);
        let mut sum = 0.0_f64;
        for i in 0..2_000_000_u32 {
            sum += std::hint::black_box(f64::from(i)).sqrt();
        }
        assert!(sum > 0.0);
        assert!(process_cpu_ns(CpuScope::Process) > before);
        assert!(process_cpu_ns(CpuScope::ProcessAndChildren) > before);
    }
}
