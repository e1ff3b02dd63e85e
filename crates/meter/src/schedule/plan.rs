//! The best slots for one job, with the cost of waiting and of resuming.
//!
//! A run slot emits P c, a slot of waiting before the job is done P_idle c, a resume r c (c the
//! intensity of the slot, P and P_idle in kW times the slot length, r in kWh). Waiting costs
//! nothing if the machine sleeps or does other work meanwhile (P_idle = 0).

use crate::schedule::trace::Trace;

/// What is to be run, in slots of the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// First slot that it may run in.
    pub earliest: usize,
    /// Slots that it needs.
    pub slots: usize,
    /// Slots that its end may be later than if it ran at once.
    pub slack: usize,
}

/// Power and energy of the job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Costs {
    /// Power while it runs, W.
    pub run_w: f64,
    /// Power while it waits, W.
    pub idle_w: f64,
    /// Energy of a pause: writing a checkpoint, reading it, repeating what was lost, J.
    pub resume_j: f64,
}

impl Default for Costs {
    /// One watt, with free pauses: emissions then are means of the intensity.
    fn default() -> Self {
        Self { run_w: 1.0, idle_w: 0.0, resume_j: 0.0 }
    }
}

/// How the job is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// At once.
    Now,
    /// Later, in one piece.
    Shift,
    /// In pieces.
    Suspend,
}

impl Strategy {
    /// Lower-case word for files and tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::Shift => "shift",
            Self::Suspend => "suspend",
        }
    }
}

/// Where one strategy puts the job, and what that emits.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The strategy.
    pub strategy: Strategy,
    /// Slots of the trace in which the job runs, ascending.
    pub run: Vec<usize>,
    /// Emissions, waiting and resuming included, gCO2e.
    pub emissions_g: f64,
    /// Slots by which the end is later than if run at once.
    pub delay: usize,
    /// Number of pauses.
    pub pauses: usize,
}

/// Why no plan can be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// The window reaches beyond the trace.
    #[error(
        "the job may end {needed} slots after the start of the trace, which has {found}: give a \
         longer trace, an earlier start or less slack"
    )]
    TooShort {
        /// Slots needed.
        needed: usize,
        /// Slots of the trace.
        found: usize,
    },
    /// A job of no length.
    #[error("the job has no length")]
    NoLength,
    /// A power or energy is negative or no number.
    #[error("power and energy must be 0 or more, and the running power above 0")]
    Costs,
}

struct Window<'a> {
    c: &'a [f64], // intensities of the slots that the job may use
    job: Job,
    slot_h: f64,
    costs: Costs,
}

impl Window<'_> {
    fn run_g(&self, slot: usize) -> f64 {
        self.costs.run_w * 1e-3 * self.slot_h * self.c[slot]
    }

    fn idle_g(&self, slot: usize) -> f64 {
        self.costs.idle_w * 1e-3 * self.slot_h * self.c[slot]
    }

    fn resume_g(&self, slot: usize) -> f64 {
        self.costs.resume_j / 3.6e6 * self.c[slot]
    }

    /// The plan that runs in `slots` of the window, ascending.
    fn plan(&self, strategy: Strategy, slots: &[usize]) -> Plan {
        let last = slots.last().copied().unwrap_or(0);
        let mut emissions_g = 0.0;
        let mut pauses = 0;
        for slot in 0..=last {
            if slots.binary_search(&slot).is_err() {
                emissions_g += self.idle_g(slot);
                continue;
            }
            emissions_g += self.run_g(slot);
            let resumes = slot > slots[0] && slots.binary_search(&(slot - 1)).is_err();
            if resumes {
                emissions_g += self.resume_g(slot);
                pauses += 1;
            }
        }
        Plan {
            strategy,
            run: slots.iter().map(|slot| slot + self.job.earliest).collect(),
            emissions_g,
            delay: last + 1 - self.job.slots,
            pauses,
        }
    }

    fn shift(&self) -> Plan {
        let start = (0..=self.job.slack).map(|start| {
            let slots: Vec<usize> = (start..start + self.job.slots).collect();
            self.plan(Strategy::Shift, &slots)
        });
        // of equal ones the earliest
        start
            .reduce(|best, other| if other.emissions_g < best.emissions_g { other } else { best })
            .unwrap_or_else(|| self.plan(Strategy::Shift, &[]))
    }

    /// The k lowest slots, the earliest of equal ones: the best choice where pauses are free.
    fn lowest(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.c.len()).collect();
        order.sort_by(|&a, &b| self.c[a].total_cmp(&self.c[b]).then(a.cmp(&b)));
        order.truncate(self.job.slots);
        order.sort_unstable();
        order
    }

    /// Dynamic program over (slot, slots done, running in the slot before): O(H k) time and memory.
    fn suspend(&self) -> Plan {
        if self.costs.idle_w == 0.0 && self.costs.resume_j == 0.0 {
            return self.plan(Strategy::Suspend, &self.lowest());
        }
        let (h, k) = (self.c.len(), self.job.slots);
        // best[slot][done][ran]: least emissions from `slot` on; the job ends once done = k
        let at = |done: usize, ran: bool| done * 2 + usize::from(ran);
        let mut next = vec![f64::INFINITY; (k + 1) * 2];
        (next[at(k, false)], next[at(k, true)]) = (0.0, 0.0);
        let mut runs = vec![false; h * (k + 1) * 2];
        for slot in (0..h).rev() {
            let mut best = vec![f64::INFINITY; (k + 1) * 2];
            (best[at(k, false)], best[at(k, true)]) = (0.0, 0.0);
            for done in 0..k {
                for ran in [false, true] {
                    let resume = if done > 0 && !ran { self.resume_g(slot) } else { 0.0 };
                    let run = self.run_g(slot) + resume + next[at(done + 1, true)];
                    let wait = self.idle_g(slot) + next[at(done, false)];
                    runs[slot * (k + 1) * 2 + at(done, ran)] = run <= wait;
                    best[at(done, ran)] = run.min(wait);
                }
            }
            next = best;
        }
        let (mut slots, mut ran) = (Vec::with_capacity(k), false);
        for slot in 0..h {
            if slots.len() == k {
                break;
            }
            ran = runs[slot * (k + 1) * 2 + at(slots.len(), ran)];
            if ran {
                slots.push(slot);
            }
        }
        self.plan(Strategy::Suspend, &slots)
    }
}

/// The job at once, shifted and suspended: three plans in this order, each the best of its kind.
/// A plan that waits may emit more than running at once if waiting draws power; the caller picks.
///
/// # Errors
/// [`PlanError`]
pub fn plan(trace: &Trace, job: Job, costs: Costs) -> Result<[Plan; 3], PlanError> {
    if job.slots == 0 {
        return Err(PlanError::NoLength);
    }
    let sound = |x: f64| x.is_finite() && x >= 0.0;
    if !(sound(costs.run_w) && costs.run_w > 0.0 && sound(costs.idle_w) && sound(costs.resume_j)) {
        return Err(PlanError::Costs);
    }
    let end = job.earliest.saturating_add(job.slots).saturating_add(job.slack);
    let found = trace.g_per_kwh.len();
    let c = trace.g_per_kwh.get(job.earliest..end);
    let c = c.ok_or(PlanError::TooShort { needed: end, found })?;
    let window = Window { c, job, slot_h: trace.slot_h, costs };
    let now: Vec<usize> = (0..job.slots).collect();
    Ok([window.plan(Strategy::Now, &now), window.shift(), window.suspend()])
}

#[cfg(test)]
mod tests {
    use super::Strategy;
    use super::*;
    use proptest::prelude::*;

    fn job(slots: usize, slack: usize) -> Job {
        Job { earliest: 0, slots, slack }
    }

    /// Every set of slots, tried one by one.
    fn brute_force(window: &Window<'_>) -> f64 {
        let h = window.c.len();
        let sets = (0_u32..1 << h).filter(|set| set.count_ones() as usize == window.job.slots);
        sets.map(|set| {
            let slots: Vec<usize> = (0..h).filter(|slot| set >> slot & 1 == 1).collect();
            window.plan(Strategy::Suspend, &slots).emissions_g
        })
        .fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn a_dip_is_found_and_a_split_one_needs_pauses() {
        let trace = Trace::hourly(vec![9.0, 1.0, 9.0, 1.0, 5.0, 5.0]);
        let [now, shift, suspend] = plan(&trace, job(2, 4), Costs::default()).unwrap();
        assert_eq!((now.run.as_slice(), shift.run.as_slice()), (&[0, 1][..], &[3, 4][..]));
        assert_eq!((suspend.run.as_slice(), suspend.pauses), (&[1, 3][..], 1));
        assert_eq!((now.delay, shift.delay, suspend.delay), (0, 3, 2));
        assert!((suspend.emissions_g - 2e-3).abs() < 1e-12, "1 W, 2 h, 1 g/kWh");
    }

    #[test]
    fn ties_take_exactly_the_slots_needed_earliest_first() {
        let trace = Trace::hourly(vec![4.0; 6]);
        let [_, shift, suspend] = plan(&trace, job(2, 4), Costs::default()).unwrap();
        assert_eq!((shift.run.as_slice(), suspend.run.as_slice()), (&[0, 1][..], &[0, 1][..]));
    }

    #[test]
    fn waiting_on_a_machine_that_idles_hot_does_not_pay() {
        let trace = Trace::hourly(vec![10.0, 9.0, 9.0, 9.0]);
        let costs = Costs { run_w: 100.0, idle_w: 50.0, resume_j: 0.0 };
        let [now, shift, suspend] = plan(&trace, job(1, 3), costs).unwrap();
        assert_eq!((shift.run.as_slice(), suspend.run.as_slice()), (&[0][..], &[0][..]));
        assert!((now.emissions_g - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_costly_resume_keeps_the_job_in_one_piece() {
        let trace = Trace::hourly(vec![9.0, 1.0, 2.0, 1.0, 9.0]);
        let cheap = Costs { run_w: 1_000.0, idle_w: 0.0, resume_j: 1.0 };
        let dear = Costs { resume_j: 3.6e6 * 5.0, ..cheap };
        assert_eq!(plan(&trace, job(2, 3), cheap).unwrap()[2].run, [1, 3]);
        assert_eq!(plan(&trace, job(2, 3), dear).unwrap()[2].run, [1, 2]);
    }

    #[test]
    fn what_cannot_be_planned_is_said() {
        let trace = Trace::hourly(vec![1.0; 3]);
        let short = plan(&trace, job(2, 2), Costs::default()).unwrap_err();
        assert_eq!(short, PlanError::TooShort { needed: 4, found: 3 });
        assert_eq!(plan(&trace, job(0, 2), Costs::default()).unwrap_err(), PlanError::NoLength);
        let costs = Costs { run_w: f64::NAN, ..Costs::default() };
        assert_eq!(plan(&trace, job(1, 1), costs).unwrap_err(), PlanError::Costs);
    }

    proptest! {
        #[test]
        fn the_suspended_plan_is_the_best_of_all(
            c in prop::collection::vec(0.0..500.0_f64, 2..10),
            slots in 1..5_usize,
            idle_w in prop_oneof![Just(0.0), 0.0..80.0_f64],
            resume_j in prop_oneof![Just(0.0), 0.0..2e6_f64],
        ) {
            let slots = slots.min(c.len());
            let job = job(slots, c.len() - slots);
            let costs = Costs { run_w: 200.0, idle_w, resume_j };
            let window = Window { c: &c, job, slot_h: 1.0, costs };
            let best = brute_force(&window);
            let [now, shift, suspend] = plan(&Trace::hourly(c.clone()), job, costs).unwrap();
            prop_assert!((suspend.emissions_g - best).abs() <= 1e-9 * (1.0 + best));
            prop_assert!(shift.emissions_g <= now.emissions_g + 1e-12);
            prop_assert!(suspend.emissions_g <= shift.emissions_g + 1e-9);
            prop_assert_eq!(suspend.run.len(), slots);
        }
    }
}
