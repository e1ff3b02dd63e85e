//! Rank-normalised split R-hat, effective sample sizes, and the energy diagnostic.
//!
//! Source: Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), Rank-normalization, folding, and
//! localization; Source: Betancourt (2017) for E-BFMI.

use statrs::function::erf::erfc_inv;

use super::{mean, pooled, quantile_sorted, sorted, usable, variance};

/// Rank-normalised split R-hat, the greater of bulk and folded; needs two chains.
#[must_use]
pub fn r_hat(chains: &[Vec<f64>]) -> f64 {
    if !usable(chains, 2) {
        return f64::NAN;
    }
    let split = split(chains);
    let median = quantile_sorted(&sorted(&pooled(&split)), 0.5);
    let folded: Vec<Vec<f64>> =
        split.iter().map(|c| c.iter().map(|x| (x - median).abs()).collect()).collect();
    plain_r_hat(&rank_normalised(&split)).max(plain_r_hat(&rank_normalised(&folded)))
}

/// Effective sample size of the rank-normalised draws: how well the centre is known.
#[must_use]
pub fn ess_bulk(chains: &[Vec<f64>]) -> f64 {
    if usable(chains, 1) { ess(&rank_normalised(&split(chains))) } else { f64::NAN }
}

/// The lesser effective sample size of the 5 % and 95 % quantiles.
#[must_use]
pub fn ess_tail(chains: &[Vec<f64>]) -> f64 {
    ess_quantile(chains, 0.05).min(ess_quantile(chains, 0.95))
}

/// Effective sample size for a quantile.
#[must_use]
pub fn ess_quantile(chains: &[Vec<f64>], probability: f64) -> f64 {
    if !usable(chains, 1) {
        return f64::NAN;
    }
    let at = quantile_sorted(&sorted(&pooled(chains)), probability);
    let below: Vec<Vec<f64>> =
        chains.iter().map(|c| c.iter().map(|&x| f64::from(u8::from(x <= at))).collect()).collect();
    ess(&split(&below))
}

/// Effective sample size for the mean, of the draws as they are.
#[must_use]
pub fn ess_mean(chains: &[Vec<f64>]) -> f64 {
    if usable(chains, 1) { ess(&split(chains)) } else { f64::NAN }
}

/// Energy Bayesian fraction of missing information of one chain: below 0.3 the momenta cannot carry
/// the chain through the energies of the posterior.
#[must_use]
pub fn e_bfmi(energy: &[f64]) -> f64 {
    if energy.len() < 2 {
        return f64::NAN;
    }
    let steps: f64 = energy.windows(2).map(|e| (e[1] - e[0]).powi(2)).sum();
    steps / (energy.len() as f64 - 1.0) / variance(energy)
}

/// Both halves of each chain; the middle draw of an odd number is left out.
fn split(chains: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let half = chains[0].len() / 2;
    let last = |c: &Vec<f64>| c[c.len() - half..].to_vec();
    chains.iter().map(|c| c[..half].to_vec()).chain(chains.iter().map(last)).collect()
}

/// Normal quantiles of the ranks among all draws, ties sharing their mean rank.
fn rank_normalised(chains: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let all = pooled(chains);
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|&a, &b| all[a].total_cmp(&all[b]));
    let mut z = vec![0.0; all.len()];
    let mut first = 0;
    while first < order.len() {
        let value = all[order[first]];
        let tied = order[first..].iter().take_while(|&&k| all[k] == value).count();
        let rank = first as f64 + (tied as f64 + 1.0) / 2.0;
        let p = (rank - 0.375) / (all.len() as f64 + 0.25);
        let quantile = -std::f64::consts::SQRT_2 * erfc_inv(2.0 * p);
        order[first..first + tied].iter().for_each(|&k| z[k] = quantile);
        first += tied;
    }
    z.chunks(chains[0].len()).map(<[f64]>::to_vec).collect()
}

fn plain_r_hat(chains: &[Vec<f64>]) -> f64 {
    let n = chains[0].len() as f64;
    let means: Vec<f64> = chains.iter().map(|c| mean(c)).collect();
    let within = mean(&chains.iter().map(|c| variance(c)).collect::<Vec<_>>());
    ((n * variance(&means) / within + n - 1.0) / n).sqrt()
}

/// Effective sample size by the initial positive, monotone sequence of paired autocorrelations.
///
/// Autocorrelations are summed only as far as that sequence reaches.
/// Source: Geyer (1992) for the sequence; Vehtari et al. (2021), section 3.2, for several chains.
fn ess(chains: &[Vec<f64>]) -> f64 {
    let (m, n) = (chains.len(), chains[0].len());
    let total = (m * n) as f64;
    let all = chains.iter().flatten();
    let (low, high) = all.fold((f64::MAX, f64::MIN), |(l, h), &x| (l.min(x), h.max(x)));
    if high - low < 1e-15 {
        return total;
    }
    let means: Vec<f64> = chains.iter().map(|c| mean(c)).collect();
    let centred: Vec<Vec<f64>> =
        chains.iter().zip(&means).map(|(c, m)| c.iter().map(|x| x - m).collect()).collect();
    let autocovariance = |lag: usize| -> f64 {
        let one = |c: &Vec<f64>| -> f64 { c.iter().zip(&c[lag..]).map(|(a, b)| a * b).sum() };
        centred.iter().map(one).sum::<f64>() / total
    };
    let within = autocovariance(0) * n as f64 / (n as f64 - 1.0);
    let mut spread = within * (n as f64 - 1.0) / n as f64;
    if m > 1 {
        spread += variance(&means);
    }
    let rho = |lag: usize| 1.0 - (within - autocovariance(lag)) / spread;

    let (mut even, mut odd) = (1.0, rho(1));
    let (mut sums, mut lag) = (Vec::new(), 1);
    while lag + 3 < n && even + odd > 0.0 {
        sums.push(even + odd);
        (even, odd) = (rho(lag + 1), rho(lag + 2));
        lag += 2;
    }
    let last = if even > 0.0 || even + odd >= 0.0 { even } else { 0.0 };
    for k in 1..sums.len() {
        sums[k] = sums[k].min(sums[k - 1]);
    }
    let tau = -1.0 + 2.0 * sums.iter().sum::<f64>() + last;
    total / tau.max(1.0 / total.log10())
}
