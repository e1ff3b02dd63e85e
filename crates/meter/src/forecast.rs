//! What a run will have used at its end, from what it has used so far.
//!
//! Progress is cut into blocks of equal numbers of steps, with energies e_1..e_n. The first tenth
//! is dropped (start-up, cold caches). The mean of the rest is Huber's (what lies beyond 3 robust
//! standard deviations counts as 3), so that one hiccup does not move it; the spread keeps the
//! hiccups. Neighbouring blocks resemble each other: with r the correlation of neighbours,
//! n_eff = n (1 - r) / (1 + r). For M blocks to come
//!
//! E = used + M m,  sigma² = s² (M² / n_eff + M n / n_eff) + (DRIFT M m)²,
//!
//! and the interval is E ± t sigma with Student's t of n_eff - 1 degrees of freedom; used energy is
//! its lower bound. DRIFT allows for changes that the part seen cannot show (clock speed, other
//! work on the machine); 30 % is what recorded training stages need whose machine was shared,
//! see `tests/forecast.rs`.
//!
//! A stage whose number of steps is not known (early stopping) has no forecast of this kind: give
//! the least and the most steps and take the two forecasts as the range.

/// Blocks that progress is cut into.
const BLOCKS: usize = 40;
/// Fewest blocks that give a spread.
const FEWEST: usize = 4;
/// Relative standard deviation of slow changes.
const DRIFT: f64 = 0.30;
/// Beyond so many robust standard deviations a block counts as so many.
const HUBER: f64 = 3.0;
/// Largest correlation of neighbours that is believed.
const MOST_CORRELATION: f64 = 0.9;
/// 0.9 quantile of the normal distribution: both sides leave a tenth, 80 % lie between.
const Z_80: f64 = 1.281_551_565_5;

/// A moment of a stage: steps done and what they used, both since its start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Steps done, or any other measure of work.
    pub steps: f64,
    /// Energy, carbon or time used so far, in any unit.
    pub used: f64,
}

/// What a stage will have used at its end, with an 80 % interval, in the unit of `used`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forecast {
    /// Expected value.
    pub value: f64,
    /// Lower end: one in ten ends below.
    pub low: f64,
    /// Upper end: one in ten ends above.
    pub high: f64,
}

/// Why there is no forecast.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ForecastError {
    /// Too few moments, or no progress between them.
    #[error("{moments} moments of progress are too few to judge the spread by")]
    TooFew {
        /// Moments with progress.
        moments: usize,
    },
    /// A number is not finite, or steps or use went back.
    #[error("progress went back or is no number at moment {at}")]
    Backwards {
        /// Index of the moment.
        at: usize,
    },
    /// More steps are done than were planned.
    #[error("{done} steps are done, {planned} were planned")]
    Beyond {
        /// Steps done.
        done: f64,
        /// Steps planned.
        planned: f64,
    },
}

/// Forecasts a stage of `planned` steps from its moments so far, the first of which is its start.
///
/// # Errors
/// [`ForecastError`]
pub fn forecast(moments: &[Progress], planned: f64) -> Result<Forecast, ForecastError> {
    for (at, pair) in moments.windows(2).enumerate() {
        let (a, b) = (pair[0], pair[1]);
        if !(b.steps >= a.steps && b.used >= a.used && b.used.is_finite() && a.used.is_finite()) {
            return Err(ForecastError::Backwards { at: at + 1 });
        }
    }
    let moving = moments.windows(2).filter(|pair| pair[1].steps > pair[0].steps).count();
    let count = moving.min(BLOCKS);
    if count < FEWEST + 1 {
        return Err(ForecastError::TooFew { moments: moving });
    }
    let (first, last) = (moments[0], moments[moments.len() - 1]);
    if planned.is_nan() || planned < last.steps {
        return Err(ForecastError::Beyond { done: last.steps, planned });
    }
    let length = (last.steps - first.steps) / count as f64;
    let blocks = blocks(moments, count, length);
    let kept = &blocks[(count / 10).max(1)..];
    let n = kept.len() as f64;
    let mean = huber_mean(kept);
    let square = |e: &f64| (e - mean).powi(2);
    let variance = kept.iter().map(square).sum::<f64>() / (n - 1.0);
    let effective = (n * shrink(kept, mean)).max(2.0);
    let to_come = (planned - last.steps) / length;
    let sigma =
        (variance * to_come * (to_come + n) / effective).sqrt().hypot(DRIFT * to_come * mean);
    let used = last.used - first.used;
    let value = used + to_come * mean;
    let reach = student_80(effective - 1.0) * sigma;
    Ok(Forecast { value, low: (value - reach).max(used), high: value + reach })
}

/// Energies of `count` blocks of `length` steps, by linear interpolation between the moments.
fn blocks(moments: &[Progress], count: usize, length: f64) -> Vec<f64> {
    let start = moments[0];
    let mut at = 1;
    let mut used_at = |steps: f64| {
        while at + 1 < moments.len() && moments[at].steps < steps {
            at += 1;
        }
        let (a, b) = (moments[at - 1], moments[at]);
        let span = b.steps - a.steps;
        let share = if span > 0.0 { ((steps - a.steps) / span).clamp(0.0, 1.0) } else { 1.0 };
        a.used + share * (b.used - a.used)
    };
    let mut before = start.used;
    (1..=count)
        .map(|i| {
            let now = used_at(start.steps + i as f64 * length);
            now - std::mem::replace(&mut before, now)
        })
        .collect()
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { 0.5 * (sorted[middle - 1] + sorted[middle]) }
}

/// Mean of values moved to within 3 robust standard deviations of their median.
fn huber_mean(values: &[f64]) -> f64 {
    let centre = median(values);
    let distances: Vec<f64> = values.iter().map(|v| (v - centre).abs()).collect();
    let reach = HUBER * 1.4826 * median(&distances); // 1.4826: to a normal standard deviation
    let sum: f64 = if reach > 0.0 {
        values.iter().map(|v| v.clamp(centre - reach, centre + reach)).sum()
    } else {
        values.iter().sum()
    };
    sum / values.len() as f64
}

/// (1 - r) / (1 + r) with r the correlation of neighbours, 0 if it is negative.
fn shrink(values: &[f64], mean: f64) -> f64 {
    let all: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    let next: f64 = values.windows(2).map(|w| (w[0] - mean) * (w[1] - mean)).sum();
    let r = if all > 0.0 { (next / all).clamp(0.0, MOST_CORRELATION) } else { 0.0 };
    (1.0 - r) / (1.0 + r)
}

/// 0.9 quantile of Student's distribution: the first two terms of its expansion in 1/freedom.
fn student_80(freedom: f64) -> f64 {
    let z = Z_80;
    let first = (z.powi(3) + z) / 4.0;
    let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    z + first / freedom + second / freedom.powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(energies: &[f64]) -> Vec<Progress> {
        let mut sum = 0.0;
        let step = |(i, e): (usize, &f64)| {
            sum += e;
            Progress { steps: (i + 1) as f64, used: sum }
        };
        let start = Progress { steps: 0.0, used: 0.0 };
        std::iter::once(start).chain(energies.iter().enumerate().map(step)).collect()
    }

    #[test]
    fn a_steady_run_is_forecast_to_the_point() {
        let f = forecast(&moments(&[2.0; 20]), 400.0).unwrap();
        assert!((f.value - 800.0).abs() < 1e-9 && f.low < 800.0 && f.high > 800.0);
    }

    #[test]
    fn a_slow_start_is_not_taken_for_the_rule() {
        let mut energies = vec![2.0; 20];
        energies[0] = 50.0;
        let f = forecast(&moments(&energies), 400.0).unwrap();
        assert!((f.value - 848.0).abs() < 1e-9, "{f:?}");
    }

    #[test]
    fn one_hiccup_widens_the_interval_more_than_it_moves_the_value() {
        let wobble = |i: usize| 2.0 + 0.02 * (1.0 - 2.0 * (i & 1) as f64);
        let calm: Vec<f64> = (0..30).map(wobble).collect();
        let mut rough = calm.clone();
        rough[17] = 20.0;
        let (calm, rough) =
            (forecast(&moments(&calm), 600.0).unwrap(), forecast(&moments(&rough), 600.0).unwrap());
        assert!((rough.value / calm.value - 1.0).abs() < 0.03);
        assert!(rough.high - rough.low > 1.3 * (calm.high - calm.low));
    }

    #[test]
    fn the_interval_closes_as_the_end_comes_near() {
        let energies: Vec<f64> = (0..380).map(|i| 2.0 + 0.3 * f64::from(i * 7 % 5)).collect();
        let width = |n: usize| {
            let f = forecast(&moments(&energies[..n]), 400.0).unwrap();
            f.high - f.low
        };
        assert!(width(20) > width(100) && width(100) > width(380));
        let end = forecast(&moments(&energies), 380.0).unwrap();
        assert!((end.high - end.low).abs() < 1e-9);
    }

    #[test]
    fn moments_at_uneven_steps_are_interpolated() {
        let uneven: Vec<Progress> = [0.0, 1.0, 5.0, 6.0, 11.0, 13.0, 20.0]
            .into_iter()
            .map(|steps| Progress { steps, used: 3.0 * steps })
            .collect();
        let f = forecast(&uneven, 100.0).unwrap();
        assert!((f.value - 300.0).abs() < 1e-9, "{f:?}");
    }

    #[test]
    fn what_cannot_be_forecast_is_said() {
        assert!(matches!(forecast(&moments(&[1.0; 3]), 9.0), Err(ForecastError::TooFew { .. })));
        assert!(matches!(forecast(&moments(&[1.0; 9]), 5.0), Err(ForecastError::Beyond { .. })));
        let back = forecast(&moments(&[1.0, 1.0, -5.0, 1.0, 1.0, 1.0]), 50.0);
        assert_eq!(back, Err(ForecastError::Backwards { at: 3 }));
    }

    #[test]
    fn student_s_quantile_is_close_to_the_table() {
        for (freedom, table) in [(2.0, 1.886), (5.0, 1.476), (20.0, 1.325)] {
            assert!((student_80(freedom) / table - 1.0).abs() < 0.03, "{freedom}");
        }
    }
}
