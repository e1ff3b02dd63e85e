//! Pareto-smoothed importance sampling: may weights be trusted?
//!
//! Source: Vehtari, Simpson, Gelman, Yao and Gabry (2024), Pareto smoothed importance sampling; the
//! tail is fitted as in Source: Zhang and Stephens (2009).

use super::sorted;

/// Importance weights whose greatest values are replaced by quantiles of a fitted tail.
#[derive(Debug, Clone, PartialEq)]
pub struct Smoothed {
    /// Logarithms of the normalised weights: `sum(exp) = 1`.
    pub log_weights: Vec<f64>,
    /// Shape of the tail. Above [`PARETO_K_LIMIT`] the weights cannot be trusted, whatever the
    /// number of draws; infinite where the tail is too short to fit.
    pub k_hat: f64,
}

/// Greatest shape with which weighted means are reliable, for any number of draws.
pub const PARETO_K_LIMIT: f64 = 0.7;

impl Smoothed {
    /// Greatest reliable shape for this number of draws: `min(1 - 1/log10 S, 0.7)`.
    #[must_use]
    pub fn limit(&self) -> f64 {
        (1.0 - 1.0 / (self.log_weights.len() as f64).log10()).min(PARETO_K_LIMIT)
    }

    /// Effective number of draws that the weights leave: `1 / sum(w²)`.
    #[must_use]
    pub fn effective_draws(&self) -> f64 {
        1.0 / self.log_weights.iter().map(|w| (2.0 * w).exp()).sum::<f64>()
    }
}

/// Smooths importance weights given by their logarithms; `relative_efficiency` is ESS / draws.
#[must_use]
pub fn pareto_smooth(log_weights: &[f64], relative_efficiency: f64) -> Smoothed {
    let n = log_weights.len();
    let top = log_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut weights: Vec<f64> = log_weights.iter().map(|w| w - top).collect();
    let tail = (n as f64 / 5.0).min(3.0 * (n as f64 / relative_efficiency).sqrt()).ceil() as usize;
    if n == 0 || !top.is_finite() || tail >= n {
        return normalised(weights, f64::INFINITY);
    }
    let cut = sorted(&weights)[n - tail - 1].max(f64::MIN_POSITIVE.ln());
    let mut above: Vec<usize> = (0..n).filter(|&k| weights[k] > cut).collect();
    if above.len() <= 4 {
        return normalised(weights, f64::INFINITY);
    }
    above.sort_by(|&a, &b| weights[a].total_cmp(&weights[b]));
    let excess: Vec<f64> = above.iter().map(|&k| weights[k].exp() - cut.exp()).collect();
    let (k_hat, sigma) = fit_tail(&excess);
    if k_hat.is_finite() {
        for (rank, &k) in above.iter().enumerate() {
            let p = (rank as f64 + 0.5) / above.len() as f64;
            weights[k] = (tail_quantile(p, k_hat, sigma) + cut.exp()).ln().min(0.0);
        }
    }
    normalised(weights, k_hat)
}

fn normalised(mut log_weights: Vec<f64>, k_hat: f64) -> Smoothed {
    let top = log_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = log_weights.iter().map(|w| (w - top).exp()).sum();
    log_weights.iter_mut().for_each(|w| *w -= top + sum.ln());
    Smoothed { log_weights, k_hat }
}

/// Shape and scale of the generalised Pareto distribution of sorted positive values, with a weak
/// prior of ten observations at shape 0.5.
fn fit_tail(x: &[f64]) -> (f64, f64) {
    const PRIOR_DRAWS: f64 = 10.0;
    let n = x.len() as f64;
    let candidates = 30 + n.sqrt() as usize;
    let quartile = x[(n / 4.0 + 0.5) as usize - 1];
    // theta = -shape / scale: the posterior over a grid of it
    let theta: Vec<f64> = (1..=candidates)
        .map(|j| {
            let spread = 1.0 - (candidates as f64 / (j as f64 - 0.5)).sqrt();
            1.0 / x[x.len() - 1] + spread / (3.0 * quartile)
        })
        .collect();
    let shape = |t: f64| x.iter().map(|x| (-t * x).ln_1p()).sum::<f64>() / n;
    let profile: Vec<f64> = theta
        .iter()
        .map(|&t| {
            let k = shape(t);
            n * ((-t / k).ln() - k - 1.0)
        })
        .collect();
    let mut weights: Vec<f64> =
        profile.iter().map(|&l| 1.0 / profile.iter().map(|o| (o - l).exp()).sum::<f64>()).collect();
    weights.iter_mut().for_each(|w| {
        if *w < 10.0 * f64::EPSILON {
            *w = 0.0;
        }
    });
    let sum: f64 = weights.iter().sum();
    let best = theta.iter().zip(&weights).map(|(t, w)| t * w / sum).sum::<f64>();
    let k = shape(best);
    ((n * k + PRIOR_DRAWS * 0.5) / (n + PRIOR_DRAWS), -k / best)
}

fn tail_quantile(p: f64, k: f64, sigma: f64) -> f64 {
    let exponential = -(-p).ln_1p();
    sigma * if k.abs() < f64::EPSILON { exponential } else { (k * exponential).exp_m1() / k }
}
