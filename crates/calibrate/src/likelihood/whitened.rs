//! Residuals as the independent numbers that they should be.
//!
//! `r ~ N(0, C + W Wᵀ)` as in [`super::marginal`]. Point by point, in whitened noise, the sizes of the
//! modes are known as far as the points before tell (`z ~ N(m, P)`, at first `N(0, I)`), and a point is
//! held against what they foretell: with its row `w` of the modes, the error is `e = r - w m`, its
//! variance `s = 1 + w P wᵀ`, and `m += P wᵀ e / s`, `P -= P wᵀ w P / s`. The numbers `e / sqrt(s)` are
//! `L⁻¹ r` with the Cholesky factor `L` of the covariance.
//!
//! Source: Brown, Durbin and Evans (1975), Techniques for testing the constancy of regression
//! relationships over time, for the recursion.

use super::marginal::{Block, identity};

/// Residuals of each curve, `[curve][point]`, with `count` modes.
pub(super) fn whitened(blocks: &[Block], count: usize) -> Vec<Vec<f64>> {
    let (mut mean, mut spread) = (vec![0.0; count], identity(count));
    let mut out = Vec::new();
    for Block { residual, modes, precision } in blocks {
        let rows: Vec<Vec<f64>> = modes.values.iter().map(|m| precision.whitened(m)).collect();
        let mut white = precision.whitened(residual);
        for (i, value) in white.iter_mut().enumerate() {
            let row = || modes.numbers.iter().zip(&rows).map(|(&k, w)| (k, w[i]));
            let gain: Vec<f64> = (0..count)
                .map(|j| row().map(|(k, w)| spread[j * count + k] * w).sum::<f64>())
                .collect();
            let variance = 1.0 + row().map(|(k, w)| gain[k] * w).sum::<f64>();
            let error = *value - row().map(|(k, w)| mean[k] * w).sum::<f64>();
            for j in 0..count {
                mean[j] += gain[j] * error / variance;
                for k in 0..count {
                    spread[j * count + k] -= gain[j] * gain[k] / variance;
                }
            }
            *value = error / variance.sqrt();
        }
        out.push(white);
    }
    out
}
