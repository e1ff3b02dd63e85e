//! Checks against data: ranks of known truths, and curves that the posterior predicts.
//!
//! Source: Talts, Betancourt, Simpson, Vehtari and Gelman (2018), Validating Bayesian inference
//! algorithms with simulation-based calibration.

use crate::diagnostics::{EcdfBand, ecdf_band, quantile};
use crate::error::CalibrateError;

/// Draws that a rank is taken among: with the truth they are 100, so that ranks fall evenly into the
/// places of the band.
const RANKED: usize = 99;
/// Values at which the distribution of ranks is looked at.
const PLACES: usize = 20;

/// Place of a truth among posterior draws, in (0, 1]: uniform over truths from the prior where
/// inference is right. Draws, pooled over chains, are thinned to 99, for which there should be several
/// hundred effective ones.
///
/// # Errors
/// Less than 99 draws.
pub fn rank(truth: f64, draws: &[f64]) -> Result<f64, CalibrateError> {
    if draws.len() < RANKED {
        let (what, found) = ("draws to rank a truth among", draws.len());
        return Err(CalibrateError::WrongLength { what, found, expected: RANKED });
    }
    let thinned = (0..RANKED).map(|k| draws[k * draws.len() / RANKED]);
    let below = thinned.filter(|x| *x < truth).count();
    Ok((below + 1) as f64 / (RANKED + 1) as f64)
}

/// What the ranks of many truths tell.
#[derive(Debug, Clone, PartialEq)]
pub struct RankCheck {
    /// Where their distribution should run with a probability of 95 %.
    pub band: EcdfBand,
    /// Whether it does.
    pub uniform: bool,
    /// Share of truths inside the central 50 % intervals.
    pub coverage_50: f64,
    /// Share of truths inside the central 90 % intervals.
    pub coverage_90: f64,
}

/// Judges the ranks of one quantity over many truths, by [`rank`].
#[must_use]
pub fn check_ranks(ranks: &[f64]) -> RankCheck {
    let band = ecdf_band(ranks.len() as u64, PLACES, 0.95);
    let share = |low: f64, high: f64| {
        ranks.iter().filter(|&&r| r > low && r <= high).count() as f64 / ranks.len() as f64
    };
    RankCheck {
        uniform: band.holds(ranks),
        band,
        coverage_50: share(0.25, 0.75),
        coverage_90: share(0.05, 0.95),
    }
}

/// How a measured curve lies among replicated ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PredictiveCheck {
    /// Share of points inside the central 90 % of the replicates; near 0.9 where noise and misfit are
    /// described well.
    pub coverage_90: f64,
    /// Root mean square of measured less mean replicate.
    pub rms: f64,
    /// Correlation of neighbouring residuals; near 0 for white noise.
    pub lag_one: f64,
    /// Points that independent noise would need to tell as much: `n (1 - r) / (1 + r)`, for a
    /// correlation `r` above 0.
    pub effective_points: f64,
    /// Greatest residual over their root mean square.
    pub worst: f64,
}

/// Compares a measured curve with replicates of it: predictions at posterior draws with noise added,
/// `[replicate][point]`.
///
/// # Errors
/// No points, no replicates, or replicates of another length.
pub fn check_curve(
    measured: &[f64],
    replicates: &[Vec<f64>],
) -> Result<PredictiveCheck, CalibrateError> {
    let n = measured.len();
    let wrong = |what, found, expected| CalibrateError::WrongLength { what, found, expected };
    if n == 0 {
        return Err(CalibrateError::EmptyCurve { curve: 0 });
    }
    if replicates.is_empty() {
        return Err(wrong("replicates", 0, 1));
    }
    if let Some(other) = replicates.iter().find(|r| r.len() != n) {
        return Err(wrong("points of a replicate", other.len(), n));
    }
    let (mut held, mut residuals) = (0, Vec::with_capacity(n));
    for (i, y) in measured.iter().enumerate() {
        let column: Vec<f64> = replicates.iter().map(|r| r[i]).collect();
        residuals.push(y - column.iter().sum::<f64>() / column.len() as f64);
        let chains = [column];
        held += usize::from((quantile(&chains, 0.05)..=quantile(&chains, 0.95)).contains(y));
    }
    let square: f64 = residuals.iter().map(|r| r * r).sum();
    let rms = (square / n as f64).sqrt();
    let product: f64 = residuals.windows(2).map(|r| r[0] * r[1]).sum();
    let lag_one = if square > 0.0 { product / square } else { 0.0 };
    let r = lag_one.max(0.0);
    let greatest = residuals.iter().fold(0.0_f64, |most, r| most.max(r.abs()));
    Ok(PredictiveCheck {
        coverage_90: held as f64 / n as f64,
        rms,
        lag_one,
        effective_points: n as f64 * (1.0 - r) / (1.0 + r),
        worst: if rms > 0.0 { greatest / rms } else { 0.0 },
    })
}
