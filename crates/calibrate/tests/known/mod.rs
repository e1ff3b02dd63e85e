//! Densities whose answers are known, and the verdict on draws of them.
#![allow(dead_code, unreachable_pub)]

use surrogate_calibrate::diagnostics::{ess_bulk, ess_mean};
use surrogate_calibrate::{Draws, LogDensity, from_fn};

/// Equicorrelated normal, correlation `rho`, standard deviations from 0.1 to 10, mean 0.
pub fn correlated(d: usize, rho: f64) -> impl LogDensity {
    let sd = deviations(d);
    let (a, b) = (1.0 / (1.0 - rho), rho / ((1.0 - rho) * (1.0 + (d as f64 - 1.0) * rho)));
    let mut precision = vec![0.0; d * d];
    for i in 0..d {
        for j in 0..d {
            precision[i * d + j] = (if i == j { a } else { 0.0 } - b) / (sd[i] * sd[j]);
        }
    }
    from_fn(d, move |x, g| {
        let mut logp = 0.0;
        for i in 0..d {
            let row: f64 = precision[i * d..][..d].iter().zip(x).map(|(p, x)| p * x).sum();
            g[i] = -row;
            logp -= 0.5 * x[i] * row;
        }
        logp
    })
}

/// Standard deviations of [`correlated`].
pub fn deviations(d: usize) -> Vec<f64> {
    (0..d).map(|i| 10f64.powf(-1.0 + 2.0 * i as f64 / (d as f64 - 1.0))).collect()
}

/// Eight schools, not centred: `z` of 8, `mu ~ N(0, 5)`, log of `tau ~ half-Cauchy(5)`.
pub fn eight_schools() -> impl LogDensity {
    const Y: [f64; 8] = [28., 8., -3., 7., -1., 1., 18., 12.];
    const S: [f64; 8] = [15., 10., 16., 11., 9., 11., 10., 18.];
    from_fn(10, |x, g| {
        let (mu, log_tau) = (x[8], x[9]);
        let tau = log_tau.exp();
        let q = tau * tau / 25.0;
        let mut logp = -0.5 * mu * mu / 25.0 - (1.0 + q).ln() + log_tau;
        g[8] = -mu / 25.0;
        g[9] = 1.0 - 2.0 * q / (1.0 + q);
        for j in 0..8 {
            let r = (Y[j] - mu - tau * x[j]) / S[j];
            logp -= 0.5 * (x[j] * x[j] + r * r);
            g[j] = -x[j] + r / S[j] * tau;
            g[8] += r / S[j];
            g[9] += r / S[j] * x[j] * tau;
        }
        logp
    })
}

/// Neal's funnel with neck `v ~ N(0, 3)` in the coordinates `(v, z)` in which it is easy, or in
/// `(v, x = z exp(v/2))`, in which it is not.
pub fn funnel(width: f64) -> impl LogDensity {
    from_fn(2, move |x, g| {
        let (v, y) = (x[0], x[1]);
        let s = (-v).exp();
        g[0] = -v / (width * width) - 0.5 + 0.5 * y * y * s;
        g[1] = -y * s;
        -0.5 * v * v / (width * width) - 0.5 * v - 0.5 * y * y * s
    })
}

/// Mixture of two normals of standard deviation 1 at `+-shift` on the first of two coordinates,
/// with weights 0.7 and 0.3; the second coordinate is standard normal.
pub fn mixture(shift: f64) -> impl LogDensity {
    from_fn(2, move |x, g| {
        let (a, b) = (x[0] - shift, x[0] + shift);
        let (la, lb) = (0.7f64.ln() - 0.5 * a * a, 0.3f64.ln() - 0.5 * b * b);
        let top = la.max(lb);
        let (wa, wb) = ((la - top).exp(), (lb - top).exp());
        g[0] = -(wa * a + wb * b) / (wa + wb);
        g[1] = -x[1];
        top + (wa + wb).ln() - 0.5 * x[1] * x[1]
    })
}

/// Greatest |z| of the means of x and x² against known ones, by the Monte Carlo error.
pub fn worst_z(draws: &Draws, first: &[f64], second: &[f64]) -> f64 {
    let mut worst: f64 = 0.0;
    for k in 0..draws.dim {
        for (power, known) in [(1, first[k]), (2, second[k])] {
            let values = draws.map(|x| x[k].powi(power));
            let all: Vec<f64> = values.iter().flatten().copied().collect();
            let n = all.len() as f64;
            let mean = all.iter().sum::<f64>() / n;
            let variance = all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
            let z = (mean - known) / (variance / ess_mean(&values)).sqrt();
            worst = worst.max(z.abs());
        }
    }
    worst
}

/// Least bulk ESS of all coordinates per thousand gradients, tuning included.
pub fn ess_per_1000(draws: &Draws) -> f64 {
    let least = (0..draws.dim).map(|k| ess_bulk(&draws.coordinate(k))).fold(f64::MAX, f64::min);
    1000.0 * least / draws.gradients() as f64
}

/// Logistic growth `y' = r y (1 - y/K)`, `y(0) = 0.5`, integrated with its sensitivities by
/// Runge-Kutta; eight noisy readings; coordinates `(ln r, ln K)` with normal priors.
pub fn growth() -> impl LogDensity {
    const Y: [f64; 8] = [0.83, 1.42, 2.05, 2.97, 3.55, 4.28, 4.51, 4.83];
    const SIGMA: f64 = 0.25;
    const STEPS: usize = 8;
    from_fn(2, |x, g| {
        let (r, k) = (x[0].exp(), x[1].exp());
        // y and its derivatives by r and K
        let slope = |s: [f64; 3]| {
            let [y, by_r, by_k] = s;
            let by_y = r * (1.0 - 2.0 * y / k);
            let grow = y * (1.0 - y / k);
            [r * grow, by_y * by_r + grow, by_y * by_k + r * y * y / (k * k)]
        };
        let step = |s: [f64; 3], by: [f64; 3], h: f64| [0, 1, 2].map(|i| s[i] + h * by[i]);
        let h = 0.5 / STEPS as f64;
        let mut state = [0.5, 0.0, 0.0];
        let prior = [x[0], x[1] - 1.5];
        let mut logp = -0.5 * (prior[0] * prior[0] + prior[1] * prior[1]);
        g.copy_from_slice(&[-prior[0], -prior[1]]);
        for y in Y {
            for _ in 0..STEPS {
                let a = slope(state);
                let b = slope(step(state, a, 0.5 * h));
                let c = slope(step(state, b, 0.5 * h));
                let d = slope(step(state, c, h));
                let mean = [0, 1, 2].map(|i| (a[i] + 2.0 * b[i] + 2.0 * c[i] + d[i]) / 6.0);
                state = step(state, mean, h);
            }
            let residual = (y - state[0]) / SIGMA;
            logp -= 0.5 * residual * residual;
            g[0] += residual / SIGMA * state[1] * r;
            g[1] += residual / SIGMA * state[2] * k;
        }
        logp
    })
}

/// Means of x and x² of a density of two coordinates, by summing over a fine grid.
pub fn grid_moments(
    density: &impl LogDensity,
    low: [f64; 2],
    high: [f64; 2],
) -> ([f64; 2], [f64; 2]) {
    const N: usize = 400;
    let at = |k: usize, i: usize| low[i] + (high[i] - low[i]) * (k as f64 + 0.5) / N as f64;
    let points: Vec<f64> = (0..N * N).flat_map(|k| [at(k / N, 0), at(k % N, 1)]).collect();
    let mut logp = vec![0.0; N * N];
    density.logp_batch(&points, &mut logp).unwrap();
    let top = logp.iter().copied().fold(f64::MIN, f64::max);
    let (mut sum, mut first, mut second) = (0.0, [0.0; 2], [0.0; 2]);
    for (x, l) in points.chunks_exact(2).zip(&logp) {
        let w = (l - top).exp();
        sum += w;
        for i in 0..2 {
            first[i] += w * x[i];
            second[i] += w * x[i] * x[i];
        }
    }
    (first.map(|m| m / sum), second.map(|m| m / sum))
}
