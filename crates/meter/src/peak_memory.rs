//! The most memory that this process has held, from the kernel.

use std::fs;
use std::path::Path;

/// Greatest resident memory so far, bytes (`VmHWM` of `<proc_root>/self/status`); `None` where the
/// kernel does not say. Memory on a GPU is not in it.
#[must_use]
pub fn peak_memory_bytes(proc_root: &Path) -> Option<u64> {
    peak_in(&fs::read_to_string(proc_root.join("self/status")).ok()?)
}

fn peak_in(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_water_mark_is_read_in_bytes() {
        let status =
            "Name:\tsurrogate\nVmPeak:\t  900000 kB\nVmHWM:\t   12345 kB\nVmRSS:\t 10 kB\n";
        assert_eq!(peak_in(status), Some(12_345 * 1024));
        assert_eq!(peak_in("VmRSS:\t 10 kB\n"), None);
        assert_eq!(peak_in("VmHWM:\tmuch\n"), None);
        assert_eq!(peak_memory_bytes(Path::new("/no/such/folder")), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_that_is_used_shows() {
        let proc_root = Path::new("/proc");
        let before = peak_memory_bytes(proc_root).unwrap();
        let held = vec![1_u8; 64 << 20];
        assert!(std::hint::black_box(&held).iter().all(|b| *b == 1));
        assert!(peak_memory_bytes(proc_root).unwrap() >= before.max(64 << 20));
    }
}
