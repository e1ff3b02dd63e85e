//! What shifting and suspending would have saved over a recorded year, with perfect foresight.
//!
//! Starts s = 0, q, 2q, … while s < n - k - slack (q = 6 h); now = mean of c[s..s+k), shift = least
//! mean of c[j..j+k) over j in s..=s+slack, suspend = mean of the k lowest of c[s..s+slack+k).
//! Saving = 1 - sum(best) / sum(now).
//!
//! Source: Wiesner et al. (2021), Let's wait awhile.

use crate::schedule::trace::Trace;

/// Hours between two starts.
const EVERY_H: f64 = 6.0;

/// Means over all starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backtest {
    /// Intensity if the job starts at once, gCO2e/kWh.
    pub now_g_per_kwh: f64,
    /// Saved by starting later, percent.
    pub saving_percent_shift: f64,
    /// Saved by pausing, percent.
    pub saving_percent_suspend: f64,
    /// Number of starts.
    pub starts: usize,
}

/// Why a trace cannot be replayed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BacktestError {
    /// Not one start fits.
    #[error("the trace has {slots} slots; a job of {job} with a slack of {slack} does not fit")]
    TooShort {
        /// Slots of the trace.
        slots: usize,
        /// Slots of the job.
        job: usize,
        /// Slots of slack.
        slack: usize,
    },
    /// A job of no length.
    #[error("the job has no length")]
    NoLength,
    /// All intensities are 0: there is nothing to save.
    #[error("the trace is 0 everywhere: nothing can be saved")]
    NothingToSave,
}

/// Replays every start of the trace for a job of `slots` slots.
///
/// Cost: O(starts · window log window).
///
/// # Errors
/// [`BacktestError`]
pub fn backtest(trace: &Trace, slots: usize, slack: usize) -> Result<Backtest, BacktestError> {
    let c = &trace.g_per_kwh;
    let n = c.len();
    if slots == 0 {
        return Err(BacktestError::NoLength);
    }
    let too_short = BacktestError::TooShort { slots: n, job: slots, slack };
    let end = n.checked_sub(slots).and_then(|rest| rest.checked_sub(slack));
    let end = end.filter(|&end| end > 0).ok_or(too_short)?;
    let mut prefix = vec![0.0];
    for (i, g) in c.iter().enumerate() {
        prefix.push(prefix[i] + g);
    }
    let every = trace.slots_of(EVERY_H).max(1);
    let k = slots as f64;
    let (mut now, mut shift, mut suspend, mut starts) = (0.0, 0.0, 0.0, 0);
    for s in (0..end).step_by(every) {
        let mean = |j: usize| (prefix[j + slots] - prefix[j]) / k;
        now += mean(s);
        shift += (s..=s + slack).map(mean).fold(f64::INFINITY, f64::min);
        let mut window = c[s..s + slack + slots].to_vec();
        window.sort_by(f64::total_cmp);
        suspend += window[..slots].iter().sum::<f64>() / k;
        starts += 1;
    }
    if now <= 0.0 {
        return Err(BacktestError::NothingToSave);
    }
    let percent = |best: f64| 100.0 * (1.0 - best / now);
    Ok(Backtest {
        now_g_per_kwh: now / f64::from(starts),
        saving_percent_shift: percent(shift),
        saving_percent_suspend: percent(suspend),
        starts: starts as usize,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Costs, Job, plan};

    #[test]
    fn a_day_with_one_low_hour_saves_what_can_be_counted() {
        // 10 g/kWh but for 4 g/kWh in the hours 3, 9, 15, …; starts at 0, 6, 12, …
        let c = (0..48).map(|h| if h % 6 == 3 { 4.0 } else { 10.0 }).collect();
        let result = backtest(&Trace::hourly(c), 1, 5).unwrap();
        assert!((result.now_g_per_kwh - 10.0).abs() < 1e-12);
        assert!((result.saving_percent_shift - 60.0).abs() < 1e-9);
        assert_eq!(result.starts, 7);
    }

    #[test]
    fn the_backtest_agrees_with_the_planner() {
        let c: Vec<f64> = (0..200).map(|h| f64::from(h * 37 % 101) + 5.0).collect();
        let trace = Trace::hourly(c);
        let result = backtest(&trace, 4, 8).unwrap();
        let (mut now, mut shift, mut suspend) = (0.0, 0.0, 0.0);
        for start in (0..200 - 12).step_by(6) {
            let job = Job { earliest: start, slots: 4, slack: 8 };
            let plans = plan(&trace, job, Costs::default()).unwrap();
            now += plans[0].emissions_g;
            shift += plans[1].emissions_g;
            suspend += plans[2].emissions_g;
        }
        assert!((result.saving_percent_shift - 100.0 * (1.0 - shift / now)).abs() < 1e-9);
        assert!((result.saving_percent_suspend - 100.0 * (1.0 - suspend / now)).abs() < 1e-9);
    }

    #[test]
    fn traces_that_do_not_fit_are_refused() {
        let trace = Trace::hourly(vec![1.0; 10]);
        assert!(matches!(backtest(&trace, 4, 6), Err(BacktestError::TooShort { .. })));
        assert!(matches!(backtest(&trace, 0, 6), Err(BacktestError::NoLength)));
        let zero = Trace::hourly(vec![0.0; 10]);
        assert!(matches!(backtest(&zero, 1, 1), Err(BacktestError::NothingToSave)));
    }
}
