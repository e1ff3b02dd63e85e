//! Proof of life: a counter that exists need not count.
//!
//! Virtual machines show counters that stay at 0; such a counter must not be called measured.

use std::time::Duration;

use crate::clock::Clock;
use crate::cpu_time::CpuScope;

/// Most load steps that a counter gets to move in.
pub(crate) const STEPS: u32 = 50;
/// Length of one load step: together with [`STEPS`] at most 100 ms.
pub(crate) const STEP: Duration = Duration::from_millis(2);

/// What was seen of one counter: its value before the load and the last one under it, or `None`
/// where it could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(crate) before: Option<u64>,
    pub(crate) after: Option<u64>,
}

impl Sighting {
    /// Whether the counter was read twice and had moved.
    pub(crate) fn moved(self) -> bool {
        matches!((self.before, self.after), (Some(a), Some(b)) if a != b)
    }
}

/// Reads all counters, applies `load` up to [`STEPS`] times, and stops as soon as each counter
/// that can be read has moved.
pub(crate) fn watch<C>(
    counters: &mut [C],
    mut read: impl FnMut(&mut C) -> Option<u64>,
    load: &mut dyn FnMut(),
) -> Vec<Sighting> {
    let mut seen: Vec<Sighting> =
        counters.iter_mut().map(|c| Sighting { before: read(c), after: None }).collect();
    if counters.is_empty() {
        return seen;
    }
    for _ in 0..STEPS {
        load();
        for (sighting, counter) in seen.iter_mut().zip(counters.iter_mut()) {
            sighting.after = read(counter);
        }
        if seen.iter().all(|s| s.before.is_none() || s.moved()) {
            break;
        }
    }
    seen
}

/// Keeps one core busy for one load step.
pub(crate) fn spin() {
    let clock = Clock::start(CpuScope::Process);
    let limit_ns = STEP.as_nanos() as u64;
    let mut x = 1.000_1_f64;
    while clock.wall_ns() < limit_ns {
        for _ in 0..1_000 {
            x = std::hint::black_box(x.mul_add(1.000_000_1, 1e-9));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_still_counter_is_watched_to_the_end_and_a_moving_one_not() {
        let mut steps = 0;
        let seen = watch(&mut [5_u64], |c| Some(*c), &mut || steps += 1);
        assert!(!seen[0].moved());
        assert_eq!(steps, STEPS);

        let mut steps = 0;
        let mut moving = [0_u64];
        let seen = watch(
            &mut moving,
            |c| {
                *c += 1;
                Some(*c)
            },
            &mut || steps += 1,
        );
        assert!(seen[0].moved());
        assert_eq!(steps, 1);
    }

    #[test]
    fn an_unreadable_counter_does_not_hold_up_the_others() {
        let mut steps = 0;
        let seen = watch(&mut [0_u64], |_| None, &mut || steps += 1);
        assert!(!seen[0].moved());
        assert_eq!(steps, 1);
    }
}
