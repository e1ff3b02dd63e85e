//! On a shared machine: how much of the machine's energy is ours, others', and idle.
//!
//! Counters of packages and memory see all processes. Their energy is split at each beat of the
//! sampler by CPU time,
//!
//! E_own = E own / T, E_others = E (busy - own) / T, E_idle = E (T - busy) / T,
//!
//! with T the CPU time of all CPUs in the interval, busy and own the used parts of it; the three
//! add up exactly. The idle share stands on its own line instead of being spread silently.
//!
//! Known limits: CPU time says nothing of vector width, frequency and memory traffic; vector code
//! draws 2 to 4 times more for the same time. Energy of GPUs is not split.

use std::fs;
use std::path::{Path, PathBuf};

use crate::shares::largest_remainder;

/// Kernel ticks of `/proc/stat`, ns.
const TICK_NS: u64 = 10_000_000;

/// CPU time of the whole machine since boot, all CPUs, ns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MachineCpu {
    /// Time in which a CPU worked.
    pub busy_ns: u64,
    /// Time in which a CPU waited.
    pub idle_ns: u64,
    /// Time that the host of a virtual machine gave to others.
    pub steal_ns: u64,
}

impl MachineCpu {
    /// Reads `<proc_root>/stat`; `None` where it is not in the kernel's form.
    #[must_use]
    pub fn read(proc_root: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(proc_root.join("stat")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks: Vec<u64> = line.split_whitespace().map_while(|f| f.parse().ok()).collect();
        let field = |i: usize| ticks.get(i).copied().unwrap_or(0).saturating_mul(TICK_NS);
        // user, nice, system, idle, iowait, irq, softirq, steal; guests are inside user
        (ticks.len() >= 4).then(|| Self {
            busy_ns: [0, 1, 2, 5, 6].map(field).into_iter().fold(0, u64::saturating_add),
            idle_ns: field(3).saturating_add(field(4)),
            steal_ns: field(7),
        })
    }
}

/// Whose the machine's energy was, µJ; the three add up to the machine channels of the session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SharedEnergy {
    /// By the CPU time that the meter follows.
    pub own_uj: u64,
    /// By the CPU time of other processes.
    pub others_uj: u64,
    /// While CPUs waited.
    pub idle_uj: u64,
    /// CPU time that the host gave to other machines, parts per thousand of all CPU time. More than
    /// a few mean that the processor's energy is spread over guests that are not seen here.
    pub steal_per_mille: u64,
}

impl SharedEnergy {
    /// All three, µJ.
    #[must_use]
    pub fn total_uj(&self) -> u64 {
        self.own_uj.saturating_add(self.others_uj).saturating_add(self.idle_uj)
    }
}

/// The running account.
#[derive(Debug)]
pub(crate) struct SharedAccount {
    proc_root: PathBuf,
    last: Option<MachineCpu>,
    first: Option<MachineCpu>,
    last_own_ns: u64,
    waiting_uj: u64,
    sum: SharedEnergy,
}

impl SharedAccount {
    pub(crate) fn start(proc_root: PathBuf, own_ns: u64) -> Self {
        let first = MachineCpu::read(&proc_root);
        Self {
            proc_root,
            last: first,
            first,
            last_own_ns: own_ns,
            waiting_uj: 0,
            sum: SharedEnergy::default(),
        }
    }

    /// Energy of machine channels that waits to be shared out.
    pub(crate) fn add(&mut self, energy_uj: u64) {
        self.waiting_uj = self.waiting_uj.saturating_add(energy_uj);
    }

    /// Shares out what has come since the last beat; `own_ns` is the CPU time followed.
    pub(crate) fn beat(&mut self, own_ns: u64) {
        self.beat_with(MachineCpu::read(&self.proc_root), own_ns);
    }

    fn beat_with(&mut self, now: Option<MachineCpu>, own_ns: u64) {
        let (Some(now), Some(last)) = (now, self.last) else { return };
        let busy = now.busy_ns.saturating_sub(last.busy_ns);
        let idle = now.idle_ns.saturating_sub(last.idle_ns);
        if busy + idle == 0 {
            return; // the kernel's account has not moved yet: wait for the next beat
        }
        // the machine's account is coarser than ours: own may seem to exceed busy
        let own = own_ns.saturating_sub(self.last_own_ns).min(busy + idle);
        let others = busy.saturating_sub(own);
        let parts = largest_remainder(
            std::mem::take(&mut self.waiting_uj),
            &[own, others, (busy + idle) - own - others],
        );
        self.sum.own_uj += parts[0];
        self.sum.others_uj += parts[1];
        self.sum.idle_uj += parts[2];
        self.last = Some(now);
        self.last_own_ns = own_ns;
    }

    /// The account so far; what could not be shared out yet follows the shares so far, and where
    /// there are none it is ours. `None` where the kernel shows no CPU account.
    pub(crate) fn report(&self) -> Option<SharedEnergy> {
        let (first, last) = (self.first?, self.last?);
        let mut sum = self.sum.clone();
        let weights = [sum.own_uj, sum.others_uj, sum.idle_uj];
        let weights = if sum.total_uj() == 0 { [1, 0, 0] } else { weights };
        let parts = largest_remainder(self.waiting_uj, &weights);
        sum.own_uj += parts[0];
        sum.others_uj += parts[1];
        sum.idle_uj += parts[2];
        let steal = last.steal_ns.saturating_sub(first.steal_ns);
        let all = last.busy_ns.saturating_sub(first.busy_ns)
            + last.idle_ns.saturating_sub(first.idle_ns)
            + steal;
        sum.steal_per_mille = (steal * 1_000).checked_div(all).unwrap_or(0);
        Some(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cpu(busy_ms: u64, idle_ms: u64) -> Option<MachineCpu> {
        let ns = |ms: u64| ms * 1_000_000;
        Some(MachineCpu { busy_ns: ns(busy_ms), idle_ns: ns(idle_ms), steal_ns: 0 })
    }

    fn account() -> SharedAccount {
        let mut account = SharedAccount::start(PathBuf::from("no such folder"), 0);
        (account.first, account.last) = (cpu(0, 0), cpu(0, 0));
        account
    }

    #[test]
    fn the_kernel_s_line_is_read() {
        let text = "cpu  10 20 30 400 50 6 7 8 9 0\ncpu0 1 2 3 4\n";
        let expected =
            MachineCpu { busy_ns: 73 * TICK_NS, idle_ns: 450 * TICK_NS, steal_ns: 8 * TICK_NS };
        assert_eq!(MachineCpu::parse(text), Some(expected));
        assert_eq!(MachineCpu::parse("intr 5\n"), None);
    }

    #[test]
    fn a_half_idle_machine_gives_us_our_share_of_cpu_time() {
        let mut account = account();
        account.add(100_000);
        // two CPUs for a second: 0.5 s ours, 0.5 s others', 1 s idle
        account.beat_with(cpu(1_000, 1_000), 500_000_000);
        let shared = account.report().unwrap();
        assert_eq!((shared.own_uj, shared.others_uj, shared.idle_uj), (25_000, 25_000, 50_000));
    }

    #[test]
    fn energy_waits_until_the_kernel_s_account_moves() {
        let mut account = account();
        account.add(7);
        account.beat_with(cpu(0, 0), 900_000);
        assert_eq!(account.report().unwrap().own_uj, 7, "with nothing known it is ours");
        account.beat_with(cpu(10, 10), 10_000_000);
        let shared = account.report().unwrap();
        assert_eq!((shared.own_uj, shared.others_uj, shared.idle_uj), (4, 0, 3));
    }

    proptest! {
        #[test]
        fn the_three_shares_are_the_whole(
            beats in prop::collection::vec((any::<u32>(), 0..5_000_u64, 0..5_000_u64, 0..9_000_u64), 0..30)
        ) {
            let mut account = account();
            let (mut busy, mut idle, mut own, mut total) = (0, 0, 0, 0);
            for (energy, b, i, o) in beats {
                (busy, idle, own) = (busy + b, idle + i, own + o * 1_000_000);
                account.add(u64::from(energy));
                total += u64::from(energy);
                account.beat_with(cpu(busy, idle), own);
                prop_assert_eq!(account.report().unwrap().total_uj(), total);
            }
        }
    }
}
