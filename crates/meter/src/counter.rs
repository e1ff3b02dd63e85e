//! From raw readings of a cumulative energy counter to energy since start.
//!
//! The one place that knows wraps, resets, jumps and lost readings:
//! - A reading that fails loses nothing if a later one succeeds: the counter went on counting.
//! - A decrease with a known range is a wrap: `new + range - old`.
//! - A decrease with an unknown range, or an increment above the plausible power, makes the
//!   interval *unknown*: it adds no energy, its length is kept, and the uncertainty grows by the
//!   mean power times that length.
//! - An interval so long that a second wrap could hide in it adds one range to the uncertainty.

use crate::clock::{Moment, seconds};
use crate::source::Uncertainty;

/// A counter that stood still for longer than this is called stopped, s.
const STILL_LIMIT_S: f64 = 3.0;

/// Properties of one counter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CounterTraits {
    /// Value at which the counter starts again at 0, µJ; `None` if it cannot be known.
    pub(crate) range_uj: Option<u64>,
    /// Mean power above which an increment is not believed, W.
    pub(crate) limit_w: f64,
    /// Time between two updates of the counter, s.
    pub(crate) update_s: f64,
    /// Relative standard uncertainty of the counter's scale.
    pub(crate) scale_sigma: f64,
}

/// Energy accumulated from a cumulative counter.
#[derive(Debug)]
pub(crate) struct Accumulator {
    traits: CounterTraits,
    last: Option<(u64, u64)>, // raw µJ, time ns of the last good reading
    start_ns: Option<u64>,
    now_ns: u64,
    moved_ns: u64,
    total_uj: u64,
    unknown_ns: u64,
    unknown_intervals: u64,
    missed_wrap_uj: u64,
}

impl Accumulator {
    pub(crate) fn new(traits: CounterTraits) -> Self {
        Self {
            traits,
            last: None,
            start_ns: None,
            now_ns: 0,
            moved_ns: 0,
            total_uj: 0,
            unknown_ns: 0,
            unknown_intervals: 0,
            missed_wrap_uj: 0,
        }
    }

    /// Takes one reading (`None`: the counter could not be read) and gives the energy since the
    /// first good one, µJ.
    pub(crate) fn take(&mut self, raw_uj: Option<u64>, now: Moment) -> u64 {
        let now_ns = now.wall_ns.max(self.now_ns);
        let start_ns = *self.start_ns.get_or_insert(now_ns);
        self.moved_ns = self.moved_ns.max(start_ns);
        self.now_ns = now_ns;
        let Some(raw_uj) = raw_uj else {
            return self.total_uj;
        };
        match self.last {
            None => {
                self.unknown_ns += now_ns - start_ns;
                self.unknown_intervals += u64::from(now_ns > start_ns);
            }
            Some((old_uj, then_ns)) => self.step(old_uj, raw_uj, now_ns - then_ns),
        }
        self.last = Some((raw_uj, now_ns));
        self.total_uj
    }

    fn step(&mut self, old_uj: u64, new_uj: u64, span_ns: u64) {
        let span_s = seconds(span_ns);
        let increment = if new_uj >= old_uj {
            Some(new_uj - old_uj)
        } else {
            self.traits
                .range_uj
                .and_then(|range| range.checked_sub(old_uj))
                .and_then(|rest| rest.checked_add(new_uj))
        };
        let ceiling_uj = self.traits.limit_w * (span_s + 10.0 * self.traits.update_s) * 1e6;
        match increment.filter(|&uj| uj as f64 <= ceiling_uj) {
            Some(uj) => {
                self.total_uj = self.total_uj.saturating_add(uj);
                if uj > 0 {
                    self.moved_ns = self.now_ns;
                }
            }
            None => {
                self.unknown_ns += span_ns;
                self.unknown_intervals += 1;
                self.moved_ns = self.now_ns;
            }
        }
        if let Some(range) = self.traits.range_uj
            && self.traits.limit_w * span_s * 1e6 > range as f64
        {
            self.missed_wrap_uj = self.missed_wrap_uj.saturating_add(range);
        }
    }

    fn start(&self) -> u64 {
        self.start_ns.unwrap_or(self.now_ns)
    }

    /// Time without a usable reading, including one that goes on now, ns.
    fn unseen_ns(&self) -> u64 {
        let since = self.last.map_or(self.start(), |(_, at)| at);
        self.unknown_ns + (self.now_ns - since)
    }

    /// sigma² = (scale · E)² + 2 (P · update)², plus P · unseen time and possible missed wraps,
    /// with P the mean power over the time that was seen.
    pub(crate) fn uncertainty(&self) -> Uncertainty {
        let energy_uj = self.total_uj as f64;
        let unseen_s = seconds(self.unseen_ns());
        let seen_s = seconds(self.now_ns - self.start()) - unseen_s;
        let mean_uw = if seen_s > 0.0 { energy_uj / seen_s } else { 0.0 };
        let edge = std::f64::consts::SQRT_2 * mean_uw * self.traits.update_s;
        let sigma = (self.traits.scale_sigma * energy_uj).hypot(edge) + mean_uw * unseen_s;
        let sigma_uj = (sigma.ceil() as u64).saturating_add(self.missed_wrap_uj);
        Uncertainty::additive(self.total_uj, sigma_uj)
    }

    /// What was not seen, in words.
    pub(crate) fn trouble(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.unknown_intervals > 0 {
            parts.push(format!(
                "{} interval(s), {:.3} s in all, are missing: the counter went back or jumped",
                self.unknown_intervals,
                seconds(self.unknown_ns)
            ));
        }
        let silent_ns = self.unseen_ns() - self.unknown_ns;
        if silent_ns > 0 {
            parts.push(format!("unreadable for the last {:.3} s", seconds(silent_ns)));
        }
        let still_s = seconds(self.now_ns - self.moved_ns);
        if silent_ns == 0 && still_s > STILL_LIMIT_S {
            parts.push(format!("the counter has not moved for the last {still_s:.1} s"));
        }
        if self.missed_wrap_uj > 0 {
            parts.push("an interval was long enough to hide a second wrap".to_owned());
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: u64 = 65_532_610_987;

    fn counter(range_uj: Option<u64>) -> Accumulator {
        Accumulator::new(CounterTraits {
            range_uj,
            limit_w: 2_000.0,
            update_s: 1e-3,
            scale_sigma: 0.05,
        })
    }

    fn at(seconds: u64) -> Moment {
        Moment { wall_ns: seconds * 1_000_000_000, cpu_ns: 0 }
    }

    #[test]
    fn a_wrap_with_known_range_is_added() {
        let mut c = counter(Some(RANGE));
        assert_eq!(c.take(Some(RANGE - 10_000_000), at(1)), 0);
        assert_eq!(c.take(Some(90_000_000), at(2)), 100_000_000);
        assert_eq!(c.trouble(), None);
        assert!(c.uncertainty().sigma_uj >= 5_000_000);
    }

    #[test]
    fn a_decrease_with_unknown_range_is_an_unknown_interval() {
        let mut c = counter(None);
        c.take(Some(900_000_000), at(1));
        c.take(Some(1_000_000_000), at(2));
        assert_eq!(c.take(Some(5), at(3)), 100_000_000);
        assert_eq!(c.take(Some(50_000_005), at(4)), 150_000_000);
        assert!(c.trouble().is_some_and(|t| t.contains("went back")));
        assert!(c.uncertainty().sigma_uj > 75_000_000, "one unknown second at 75 W");
    }

    #[test]
    fn a_reset_is_not_mistaken_for_a_wrap() {
        let mut c = counter(Some(RANGE));
        c.take(Some(1_000_000), at(1));
        assert_eq!(c.take(Some(0), at(2)), 0, "65 kJ in one second is not believed");
        assert!(c.trouble().is_some());
    }

    #[test]
    fn an_implausible_jump_is_an_unknown_interval() {
        for range_uj in [None, Some(RANGE)] {
            let mut c = counter(range_uj);
            c.take(Some(1_000_000), at(1));
            assert_eq!(c.take(Some(31_000_000), at(2)), 30_000_000);
            assert_eq!(c.take(Some(9_031_000_000), at(3)), 30_000_000, "9 kW is not believed");
            assert_eq!(c.take(Some(9_061_000_000), at(4)), 60_000_000, "it goes on from there");
            assert!(c.trouble().is_some_and(|words| words.contains("jumped")));
            assert!(c.uncertainty().sigma_uj > 20_000_000, "the second that is missing");
        }
    }

    #[test]
    fn a_lost_reading_loses_no_energy() {
        let mut c = counter(None);
        c.take(Some(0), at(1));
        assert_eq!(c.take(None, at(2)), 0);
        assert!(c.trouble().is_some_and(|t| t.contains("unreadable")));
        assert_eq!(c.take(Some(80_000_000), at(3)), 80_000_000);
        assert_eq!(c.trouble(), None);
    }

    #[test]
    fn a_stopped_counter_is_reported() {
        let mut c = counter(None);
        c.take(Some(7), at(1));
        c.take(Some(9), at(2));
        for second in 3..=8 {
            c.take(Some(9), at(second));
        }
        assert!(c.trouble().is_some_and(|t| t.contains("not moved")));
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_does_no_harm() {
        let mut c = counter(Some(RANGE));
        c.take(Some(10), at(5));
        assert_eq!(c.take(Some(12), at(5)), 2);
        assert_eq!(c.take(Some(15), at(4)), 5);
    }

    #[test]
    fn a_range_smaller_than_the_counter_is_an_unknown_interval() {
        let mut c = counter(Some(100));
        c.take(Some(5_000), at(1));
        assert_eq!(c.take(Some(3), at(2)), 0);
    }
}
