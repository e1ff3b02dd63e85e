//! Monte Carlo standard errors.
//!
//! Source: Vehtari et al. (2021), section 4.

use statrs::function::beta::inv_beta_reg;

use super::convergence::{ess_mean, ess_quantile};
use super::{mean, pooled, sorted, usable, variance};

/// Monte Carlo error of the mean.
#[must_use]
pub fn mcse_mean(chains: &[Vec<f64>]) -> f64 {
    (variance(&pooled(chains)) / ess_mean(chains)).sqrt()
}

/// Monte Carlo error of the standard deviation.
#[must_use]
pub fn mcse_sd(chains: &[Vec<f64>]) -> f64 {
    let centre = mean(&pooled(chains));
    let squares: Vec<Vec<f64>> =
        chains.iter().map(|c| c.iter().map(|x| (x - centre).powi(2)).collect()).collect();
    let all = pooled(&squares);
    let second = mean(&all);
    let fourth = mean(&all.iter().map(|s| s * s).collect::<Vec<_>>());
    ((fourth - second * second) / ess_mean(&squares) / second / 4.0).sqrt()
}

/// Monte Carlo error of a quantile: half the distance of the order statistics that bound its
/// 68 % interval.
#[must_use]
pub fn mcse_quantile(chains: &[Vec<f64>], probability: f64) -> f64 {
    if !usable(chains, 1) {
        return f64::NAN;
    }
    const ONE_SD: f64 = 0.158_655_3;
    let ess = ess_quantile(chains, probability);
    let (a, b) = (ess * probability + 1.0, ess * (1.0 - probability) + 1.0);
    let all = sorted(&pooled(chains));
    let n = all.len() as f64;
    let low = (inv_beta_reg(a, b, ONE_SD) * n - 1.0).max(0.0).floor();
    let high = (inv_beta_reg(a, b, 1.0 - ONE_SD) * n - 1.0).min(n - 1.0).ceil();
    (all[high as usize] - all[low as usize]) / 2.0
}
