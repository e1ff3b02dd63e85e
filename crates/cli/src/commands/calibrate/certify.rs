//! Draws of the surrogate held against the reference solver.

use surrogate_calibrate::{Certificate, Draws, Verdict};

use super::model::Models;
use crate::failure::Failure;

/// What the reference solver says of the draws.
pub struct Certified {
    /// Shape of the tail of the weights.
    pub k_hat: f64,
    /// Greatest shape that can be trusted with so many draws.
    pub limit: f64,
    /// Draws that were solved.
    pub solved: usize,
    /// Effective number of them under the weights.
    pub effective: f64,
    /// Greatest shift of a mean by the weights, in standard deviations.
    pub shift: f64,
    /// The draws with means and variances moved to those of the weights, where these can be trusted.
    pub corrected: Option<Draws>,
}

/// Solves `count` of the draws by the reference solver and weighs them; nothing without a solver.
///
/// # Errors
/// A failing density.
pub fn certify(
    models: &Models<'_>,
    draws: &Draws,
    count: usize,
) -> Result<Option<Certified>, Failure> {
    let (Ok(full), true) = (&models.full, count > 0) else { return Ok(None) };
    let certificate = Certificate::new(&models.surrogate, full, draws, count)?;
    let moves: Vec<Move> = (0..draws.dim).map(|k| Move::new(&certificate, k)).collect();
    let trusted = certificate.verdict() == Verdict::Reweight;
    Ok(Some(Certified {
        k_hat: certificate.weights.k_hat,
        limit: certificate.weights.limit(),
        solved: certificate.log_ratios.len(),
        effective: certificate.weights.effective_draws(),
        shift: moves.iter().map(|m| (m.to - m.from).abs() / m.sd).fold(0.0, f64::max),
        corrected: trusted.then(|| moved(draws, &moves)),
    }))
}

/// What the weights do to a coordinate.
struct Move {
    /// Mean of the solved draws without the weights.
    from: f64,
    /// With them.
    to: f64,
    /// Standard deviation without the weights.
    sd: f64,
    /// Ratio of the standard deviations with and without.
    stretch: f64,
}

impl Move {
    fn new(certificate: &Certificate, k: usize) -> Self {
        let n = certificate.log_ratios.len() as f64;
        let d = certificate.points.len() / certificate.log_ratios.len();
        let values = || certificate.points.chunks_exact(d).map(|x| x[k]);
        let from = values().sum::<f64>() / n;
        let to = certificate.mean(|x| x[k]);
        let before = values().map(|v| (v - from).powi(2)).sum::<f64>() / n;
        let after = certificate.mean(|x| (x[k] - to).powi(2));
        Self { from, to, sd: before.sqrt(), stretch: (after / before).sqrt() }
    }
}

/// All draws, each coordinate stretched about its mean and shifted: the weights are known for the
/// solved draws alone, their first two moments move the others.
fn moved(draws: &Draws, moves: &[Move]) -> Draws {
    let means = draws.means();
    let mut out = draws.clone();
    for chain in &mut out.chains {
        for x in chain.positions.chunks_exact_mut(moves.len()) {
            for ((x, m), mean) in x.iter_mut().zip(moves).zip(&means) {
                *x = mean + m.to - m.from + m.stretch * (*x - mean);
            }
        }
    }
    out
}
