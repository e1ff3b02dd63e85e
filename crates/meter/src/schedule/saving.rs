//! What a job that waited has emitted by a trace, and what it would have emitted at once.

use crate::schedule::trace::Trace;

/// A stretch of a job, in which power is taken as even.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// Start, h since the start of the trace.
    pub start_h: f64,
    /// Length, h.
    pub hours: f64,
    /// Energy used in it, waiting included, kWh.
    pub energy_kwh: f64,
    /// The job ran; otherwise it waited.
    pub ran: bool,
}

/// Emissions of a job that waited.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Saving {
    /// As it ran and waited, gCO2e.
    pub emitted_g: f64,
    /// The part of it that waiting took, gCO2e.
    pub waiting_g: f64,
    /// Had it run in one piece from the start of the first span, gCO2e.
    pub at_once_g: f64,
    /// Energy, waiting included, kWh.
    pub energy_kwh: f64,
    /// Time that it waited, h.
    pub waited_h: f64,
}

impl Saving {
    /// What waiting saved, % of the emissions at once; negative if it cost more.
    #[must_use]
    pub fn percent(&self) -> f64 {
        if self.at_once_g > 0.0 { 100.0 * (1.0 - self.emitted_g / self.at_once_g) } else { 0.0 }
    }

    /// Mean intensity of the energy used, gCO2e/kWh; `None` if there was none.
    #[must_use]
    pub fn mean_g_per_kwh(&self) -> Option<f64> {
        (self.energy_kwh > 0.0).then(|| self.emitted_g / self.energy_kwh)
    }
}

/// Weighs the energy of `spans` by the trace. Before its first and beyond its last slot the trace
/// counts as these slots.
#[must_use]
pub fn saving(trace: &Trace, spans: &[Span]) -> Saving {
    let mut sum = Saving::default();
    let mut at_once_h = spans.first().map_or(0.0, |span| span.start_h);
    for span in spans {
        let grams = span.energy_kwh * mean(trace, span.start_h, span.hours);
        sum.emitted_g += grams;
        sum.energy_kwh += span.energy_kwh;
        if span.ran {
            sum.at_once_g += span.energy_kwh * mean(trace, at_once_h, span.hours);
            at_once_h += span.hours;
        } else {
            sum.waiting_g += grams;
            sum.waited_h += span.hours;
        }
    }
    sum
}

/// Mean intensity over `hours` from `start_h`, gCO2e/kWh.
fn mean(trace: &Trace, start_h: f64, hours: f64) -> f64 {
    let last = trace.g_per_kwh.len().saturating_sub(1);
    let slot_of = |at_h: f64| ((at_h / trace.slot_h).max(0.0) as usize).min(last);
    let of = |slot: usize| trace.g_per_kwh.get(slot).copied().unwrap_or(0.0);
    let (first, end) = (slot_of(start_h), slot_of(start_h + hours));
    if first == end || hours <= 0.0 {
        return of(first);
    }
    let (mut sum, end_h) = (0.0, start_h + hours);
    for slot in first..=end {
        let from = if slot == first { start_h } else { slot as f64 * trace.slot_h };
        let to = if slot == end { end_h } else { (slot + 1) as f64 * trace.slot_h };
        sum += (to - from).max(0.0) * of(slot);
    }
    sum / hours
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start_h: f64, hours: f64, energy_kwh: f64, ran: bool) -> Span {
        Span { start_h, hours, energy_kwh, ran }
    }

    #[test]
    fn a_job_that_waited_for_the_dip_has_saved_what_the_dip_is_deep() {
        let trace = Trace::hourly(vec![300.0, 300.0, 100.0, 100.0, 300.0]);
        let found = saving(&trace, &[span(0.0, 2.0, 0.0, false), span(2.0, 2.0, 4.0, true)]);
        assert!((found.emitted_g - 400.0).abs() < 1e-9 && (found.at_once_g - 1_200.0).abs() < 1e-9);
        assert!((found.percent() - 200.0 / 3.0).abs() < 1e-9);
        assert_eq!((found.waited_h, found.mean_g_per_kwh()), (2.0, Some(100.0)));
    }

    #[test]
    fn idling_counts_and_can_eat_the_saving() {
        let trace = Trace::hourly(vec![300.0, 250.0]);
        let found = saving(&trace, &[span(0.0, 1.0, 0.5, false), span(1.0, 1.0, 1.0, true)]);
        assert!((found.waiting_g - 150.0).abs() < 1e-9);
        assert!((found.emitted_g - 400.0).abs() < 1e-9);
        assert!(found.percent() < 0.0);
    }

    #[test]
    fn spans_across_slots_are_weighed_by_time_and_the_ends_of_the_trace_go_on() {
        let trace = Trace { slot_h: 0.5, ..Trace::hourly(vec![100.0, 200.0, 400.0]) };
        let one = |start, hours| saving(&trace, &[span(start, hours, 1.0, true)]).emitted_g;
        assert!((one(0.25, 0.5) - 150.0).abs() < 1e-9);
        assert!((one(0.0, 1.5) - 700.0 / 3.0).abs() < 1e-9);
        assert!((one(1.25, 9.0) - 400.0).abs() < 1e-9);
        assert!((one(-3.0, 1.0) - 100.0).abs() < 1e-9);
        assert!((one(0.7, 0.0) - 200.0).abs() < 1e-9);
    }

    #[test]
    fn pieces_are_compared_with_one_piece_from_the_first_start() {
        let trace = Trace::hourly(vec![100.0, 300.0, 100.0]);
        let spans =
            [span(0.0, 1.0, 1.0, true), span(1.0, 1.0, 0.0, false), span(2.0, 1.0, 1.0, true)];
        let found = saving(&trace, &spans);
        assert_eq!((found.emitted_g, found.at_once_g), (200.0, 400.0));
    }

    #[test]
    fn nothing_done_is_nothing_saved() {
        let found = saving(&Trace::hourly(vec![1.0, 2.0]), &[]);
        assert_eq!((found.percent(), found.mean_g_per_kwh()), (0.0, None));
    }
}
