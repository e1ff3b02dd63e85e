//! Whether draws can be believed. Draws are given as `[chain][draw]`, chains of equal length.
//!
//! All numbers equal those of ArviZ on the same draws (tested to 1e-8). Where draws are too few
//! (under four a chain) or not finite, the answer is NaN.

mod convergence;
mod ecdf;
mod mcse;
mod pareto;

pub use convergence::{e_bfmi, ess_bulk, ess_mean, ess_quantile, ess_tail, r_hat};
pub use ecdf::{EcdfBand, ecdf_band};
pub use mcse::{mcse_mean, mcse_quantile, mcse_sd};
pub use pareto::{PARETO_K_LIMIT, Smoothed, pareto_smooth};

/// What is told of one scalar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
    /// 5 % quantile.
    pub q5: f64,
    /// Median.
    pub q50: f64,
    /// 95 % quantile.
    pub q95: f64,
    /// Rank-normalised split R-hat; above 1.01 the chains disagree.
    pub r_hat: f64,
    /// Effective draws for the centre of the distribution.
    pub ess_bulk: f64,
    /// Effective draws for its 5 % and 95 % quantiles.
    pub ess_tail: f64,
    /// Monte Carlo error of the mean.
    pub mcse_mean: f64,
    /// Monte Carlo error of the standard deviation.
    pub mcse_sd: f64,
}

/// All of [`Summary`] for the draws of one scalar.
#[must_use]
pub fn summary(chains: &[Vec<f64>]) -> Summary {
    let all = pooled(chains);
    let sorted = sorted(&all);
    Summary {
        mean: mean(&all),
        sd: variance(&all).sqrt(),
        q5: quantile_sorted(&sorted, 0.05),
        q50: quantile_sorted(&sorted, 0.5),
        q95: quantile_sorted(&sorted, 0.95),
        r_hat: r_hat(chains),
        ess_bulk: ess_bulk(chains),
        ess_tail: ess_tail(chains),
        mcse_mean: mcse_mean(chains),
        mcse_sd: mcse_sd(chains),
    }
}

/// Quantile of the pooled draws, interpolated linearly between order statistics (type 7 of R).
#[must_use]
pub fn quantile(chains: &[Vec<f64>], probability: f64) -> f64 {
    quantile_sorted(&sorted(&pooled(chains)), probability)
}

pub(crate) fn quantile_sorted(sorted: &[f64], probability: f64) -> f64 {
    let n = sorted.len();
    match n {
        0 => f64::NAN,
        1 => sorted[0],
        _ => {
            let place = n as f64 * probability + 1.0 - probability;
            let below = place.floor().clamp(1.0, n as f64 - 1.0);
            let part = (place - below).clamp(0.0, 1.0);
            let k = below as usize;
            (1.0 - part) * sorted[k - 1] + part * sorted[k]
        }
    }
}

fn pooled(chains: &[Vec<f64>]) -> Vec<f64> {
    chains.iter().flatten().copied().collect()
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Sample variance, with divisor n - 1.
fn variance(values: &[f64]) -> f64 {
    let m = mean(values);
    values.iter().map(|x| (x - m).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)
}

/// Whether there are enough finite draws to say anything.
fn usable(chains: &[Vec<f64>], least_chains: usize) -> bool {
    chains.len() >= least_chains
        && chains[0].len() >= 4
        && chains.iter().all(|c| c.len() == chains[0].len() && c.iter().all(|x| x.is_finite()))
}
