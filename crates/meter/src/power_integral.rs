//! Energy from readings of power: each holds until the next one, but not for ever.

use crate::clock::seconds;

/// Integral of power readings over time.
///
/// E = sum of P_i min(t_{i+1} - t_i, hold); time beyond `hold` is not seen.
#[derive(Debug)]
pub(crate) struct PowerIntegral {
    limit_w: f64,
    hold_ns: u64,
    last: Option<(f64, u64)>, // W, ns
    start_ns: Option<u64>,
    now_ns: u64,
    /// Energy up to the last reading, J.
    closed_j: f64,
    /// Sum of (half a step of power × its interval)², J².
    steps_j2: f64,
    unseen_ns: u64,
}

impl PowerIntegral {
    /// Readings above `limit_w` are not believed; one holds for at most `hold_ns`.
    pub(crate) fn new(limit_w: f64, hold_ns: u64) -> Self {
        Self {
            limit_w,
            hold_ns,
            last: None,
            start_ns: None,
            now_ns: 0,
            closed_j: 0.0,
            steps_j2: 0.0,
            unseen_ns: 0,
        }
    }

    /// Takes a reading of the moment `at_ns`; `None`: there was none.
    pub(crate) fn take(&mut self, watts: Option<f64>, at_ns: u64) {
        let start_ns = *self.start_ns.get_or_insert(at_ns);
        let since = self.last.map_or(start_ns, |(_, then_ns)| then_ns);
        let at_ns = at_ns.max(since);
        self.now_ns = self.now_ns.max(at_ns);
        let Some(watts) = watts.filter(|w| (0.0..=self.limit_w).contains(w)) else { return };
        let span_ns = at_ns - since;
        if let Some((before, _)) = self.last {
            let held_s = seconds(span_ns.min(self.hold_ns));
            self.closed_j += before * held_s;
            self.steps_j2 += (0.5 * (watts - before) * held_s).powi(2);
            self.unseen_ns += span_ns.saturating_sub(self.hold_ns);
        } else {
            self.unseen_ns += span_ns;
        }
        self.last = Some((watts, at_ns));
    }

    /// Energy up to `now_ns`, the last reading held, µJ.
    pub(crate) fn energy_uj(&mut self, now_ns: u64) -> u64 {
        self.now_ns = self.now_ns.max(now_ns);
        (self.energy_j() * 1e6).round() as u64
    }

    /// Energy so far, J.
    pub(crate) fn energy_j(&self) -> f64 {
        let held =
            |(watts, at_ns): (f64, u64)| watts * seconds((self.now_ns - at_ns).min(self.hold_ns));
        self.closed_j + self.last.map_or(0.0, held)
    }

    /// One sigma of what happened between the readings, µJ.
    pub(crate) fn step_sigma_uj(&self) -> f64 {
        self.steps_j2.sqrt() * 1e6
    }

    fn silent_ns(&self) -> u64 {
        match self.last {
            Some((_, at_ns)) => (self.now_ns - at_ns).saturating_sub(self.hold_ns),
            None => self.now_ns - self.start_ns.unwrap_or(self.now_ns),
        }
    }

    /// Whether the last reading is too old.
    pub(crate) fn silent(&self) -> bool {
        self.silent_ns() > 0
    }

    /// Time that readings cover, s.
    pub(crate) fn seen_s(&self) -> f64 {
        let all_ns = self.now_ns - self.start_ns.unwrap_or(self.now_ns);
        seconds(all_ns.saturating_sub(self.unseen_ns + self.silent_ns()))
    }

    /// Mean power times the time that was not seen, µJ.
    pub(crate) fn unseen_uj(&self) -> f64 {
        let seen_s = self.seen_s();
        let unseen_s = seconds(self.unseen_ns + self.silent_ns());
        if seen_s > 0.0 { self.energy_j() / seen_s * unseen_s * 1e6 } else { 0.0 }
    }

    /// What was not seen, in words.
    pub(crate) fn trouble(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.unseen_ns > 0 {
            parts.push(format!("{:.3} s without a reading", seconds(self.unseen_ns)));
        }
        if self.silent() {
            parts.push(format!("unreadable for the last {:.3} s", seconds(self.silent_ns())));
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    #[test]
    fn a_reading_holds_until_the_next() {
        let mut integral = PowerIntegral::new(1e4, 10 * S);
        integral.take(Some(10.0), S);
        integral.take(Some(30.0), 3 * S);
        assert_eq!(integral.energy_uj(4 * S), 50_000_000);
        assert_eq!(integral.trouble(), None);
    }

    #[test]
    fn time_beyond_the_hold_is_not_seen_and_widens_the_interval() {
        let mut integral = PowerIntegral::new(1e4, 2 * S);
        integral.take(Some(10.0), 0);
        assert_eq!(integral.energy_uj(5 * S), 20_000_000);
        assert!(integral.silent() && (integral.unseen_uj() - 30e6).abs() < 1.0);
        integral.take(Some(10.0), 6 * S);
        assert_eq!(integral.energy_uj(6 * S), 20_000_000, "never falls, never jumps");
        assert!(integral.trouble().is_some_and(|t| t.contains("4.000 s without")));
    }

    #[test]
    fn energy_never_falls_whatever_the_order_of_times() {
        let mut integral = PowerIntegral::new(1e4, S);
        let mut last = 0;
        for (watts, at) in [(5.0, 9), (70.0, 3), (-4.0, 12), (f64::NAN, 13), (1e9, 14), (3.0, 20)] {
            integral.take(Some(watts), at * S / 4);
            let energy = integral.energy_uj(at * S / 4);
            assert!(energy >= last);
            last = energy;
        }
    }
}
