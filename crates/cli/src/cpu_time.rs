//! CPU time of this process and its threads.

use std::time::Instant;

/// Seconds of CPU time that the threads of this process that live have taken; where the system does
/// not say, seconds since `begin`.
pub fn seconds(begin: Instant) -> f64 {
    threads().unwrap_or_else(|| begin.elapsed().as_secs_f64())
}

/// Seconds of CPU time that the calling thread has taken; where the system does not say, seconds since
/// `begin`.
pub fn of_thread(begin: Instant) -> f64 {
    let own = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = own.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    nanoseconds.map_or_else(|| begin.elapsed().as_secs_f64(), |n| n as f64 * 1e-9)
}

/// From the kernel's accounts, in nanoseconds each.
fn threads() -> Option<f64> {
    let mut sum = 0_u64;
    for task in std::fs::read_dir("/proc/self/task").ok()?.flatten() {
        // a thread may end between the two
        let Ok(text) = std::fs::read_to_string(task.path().join("schedstat")) else { continue };
        sum += text.split_whitespace().next()?.parse::<u64>().ok()?;
    }
    (sum > 0).then_some(sum as f64 * 1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_time() {
        let begin = Instant::now();
        let before = seconds(begin);
        let mut sum = 0.0_f64;
        while seconds(begin) - before < 0.02 {
            sum += (0..10_000).map(|k| f64::from(k).sqrt()).sum::<f64>();
        }
        assert!(sum > 0.0);
    }
}
