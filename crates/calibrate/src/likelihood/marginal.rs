//! The normal density of residuals with modes of unknown size, the sizes integrated out.
//!
//! `r ~ N(0, C + W Wᵀ)` with `C` the noise of independent curves and `A = C⁻¹`. By Woodbury's
//! identity with `M = I + Wᵀ A W`, `w = M⁻¹ Wᵀ A r` and `s = r - W w`:
//! `ln p = -1/2 [rᵀ A s + ln |C| + ln |M| + n ln 2 pi]`, and
//! `d ln p / dr = -A s`, `d ln p / d theta = -1/2 [sᵀ dA s + d ln |C| + tr(M⁻¹ Wᵀ dA W)]` for an
//! unknown of the noise. For the logarithm `l` of the variance of mode `j` (`dW_j/dl = W_j / 2`):
//! `d ln p / dl = 1/2 [w_j² - 1 + (M⁻¹)_jj]`.
//!
//! Source: Golub and VanLoan (2013), section 2.1.4, for the identity.

use super::noise::Link;
use crate::linear::{Cholesky, dot};

/// Precision of the noise of one curve: a Markov chain from point to point.
#[derive(Debug, Clone)]
pub(super) struct Precision {
    /// Standard deviation.
    pub(super) sigma: f64,
    /// One a point.
    pub(super) links: Vec<Link>,
    /// Whether the correlation is an unknown.
    pub(super) rho: bool,
}

/// Modes that reach one curve: their numbers among all, and their values at its points.
#[derive(Debug, Clone, Default)]
pub(super) struct Modes {
    pub(super) numbers: Vec<usize>,
    pub(super) values: Vec<Vec<f64>>,
}

impl Modes {
    pub(super) fn push(&mut self, number: usize, values: Vec<f64>) {
        self.numbers.push(number);
        self.values.push(values);
    }
}

impl Modes {
    /// All pairs `(i, j, k)` of mode numbers with `j` not after `i`, counted by `k`.
    fn pairs(&self, mut f: impl FnMut(usize, usize, usize)) {
        let mut k = 0;
        for (a, &i) in self.numbers.iter().enumerate() {
            for &j in &self.numbers[..=a] {
                f(i, j, k);
                k += 1;
            }
        }
    }
}

/// One curve.
pub(super) struct Block {
    /// Measured less predicted.
    pub(super) residual: Vec<f64>,
    /// Modes at its points.
    pub(super) modes: Modes,
    /// Its noise.
    pub(super) precision: Precision,
}

impl Block {
    /// Products `W_iᵀ A W_j` of the pairs of modes, in the order of [`Modes::pairs`].
    fn gram(&self) -> Vec<f64> {
        let values = &self.modes.values;
        let mut gram = Vec::with_capacity(values.len() * (values.len() + 1) / 2);
        for (a, mode) in values.iter().enumerate() {
            let weighted = self.precision.apply(mode);
            gram.extend(values[..=a].iter().map(|other| dot(&weighted, other)));
        }
        gram
    }
}

/// The log-density and its slopes.
pub(super) struct Marginal {
    pub(super) logp: f64,
    /// By the residuals, `[curve][point]`.
    pub(super) by_residual: Vec<Vec<f64>>,
    /// By the unknowns of the noise, `[curve][unknown]`.
    pub(super) by_noise: Vec<Vec<f64>>,
    /// By the logarithms of the variances of the modes.
    pub(super) by_log_variance: Vec<f64>,
}

/// The density of all curves with `count` modes; nothing where the noise is not a covariance.
pub(super) fn marginal(blocks: &[Block], count: usize) -> Option<Marginal> {
    let (mut m, mut z) = (identity(count), vec![0.0; count]);
    let (mut square, mut log_det, mut points) = (0.0, 0.0, 0);
    let mut grams = Vec::new();
    for block in blocks {
        let weighted = block.precision.apply(&block.residual);
        square += dot(&block.residual, &weighted);
        log_det += block.precision.log_det();
        points += block.residual.len();
        for (&i, mode) in block.modes.numbers.iter().zip(&block.modes.values) {
            z[i] += dot(mode, &weighted);
        }
        let gram = block.gram();
        block.modes.pairs(|i, j, k| m[i * count + j] += gram[k]);
        grams.push(gram);
    }
    for i in 0..count {
        for j in 0..i {
            m[j * count + i] = m[i * count + j];
        }
    }
    let factor = Cholesky::new(&m, count).ok()?;
    let inverse = factor.inverse();
    let mut w = z.clone();
    factor.solve(&mut w);
    let normal = points as f64 * (2.0 * std::f64::consts::PI).ln();
    let logp = -0.5 * (square - dot(&z, &w) + log_det + factor.log_det() + normal);
    if !logp.is_finite() {
        return None;
    }
    let (mut by_residual, mut by_noise) = (Vec::new(), Vec::new());
    for (block, gram) in blocks.iter().zip(&grams) {
        let (residual, noise) = slopes(block, gram, &w, &inverse, count);
        by_residual.push(residual);
        by_noise.push(noise);
    }
    let of_mode = |j: usize| 0.5 * (w[j] * w[j] - 1.0 + inverse[j * count + j]);
    Some(Marginal {
        logp,
        by_residual,
        by_noise,
        by_log_variance: (0..count).map(of_mode).collect(),
    })
}

/// Slopes of one curve by its residuals and by the unknowns of its noise.
fn slopes(
    block: &Block,
    gram: &[f64],
    w: &[f64],
    inverse: &[f64],
    count: usize,
) -> (Vec<f64>, Vec<f64>) {
    let Block { residual, modes, precision } = block;
    let mut s = residual.clone();
    for (&j, mode) in modes.numbers.iter().zip(&modes.values) {
        s.iter_mut().zip(mode).for_each(|(s, v)| *s -= v * w[j]);
    }
    let by_residual = precision.apply(&s).iter().map(|a| -a).collect();
    let mut by_noise: Vec<f64> = precision
        .form_slopes(&s, &s)
        .iter()
        .zip(precision.log_det_slopes())
        .map(|(form, log_det)| -0.5 * (form + log_det))
        .collect();
    if !precision.rho {
        // dA = -2 A / sigma: the trace is one with the products at hand
        let mut trace = 0.0;
        modes.pairs(|i, j, k| {
            trace += inverse[i * count + j] * gram[k] * if i == j { 1.0 } else { 2.0 };
        });
        by_noise[0] += trace / precision.sigma;
        return (by_residual, by_noise);
    }
    for (a, (&i, left)) in modes.numbers.iter().zip(&modes.values).enumerate() {
        // sum_j (M⁻¹)_ij W_j over the modes from i on, off-diagonal ones twice
        let mut row = vec![0.0; residual.len()];
        for (&j, right) in modes.numbers.iter().zip(&modes.values).skip(a) {
            let factor = inverse[i * count + j] * if i == j { 1.0 } else { 2.0 };
            row.iter_mut().zip(right).for_each(|(r, v)| *r += factor * v);
        }
        let forms = precision.form_slopes(left, &row);
        by_noise.iter_mut().zip(forms).for_each(|(g, form)| *g -= 0.5 * form);
    }
    (by_residual, by_noise)
}

pub(super) fn identity(n: usize) -> Vec<f64> {
    (0..n * n).map(|k| f64::from(u8::from(k % (n + 1) == 0))).collect()
}
