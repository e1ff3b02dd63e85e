//! Does the surrogate's posterior stand up to the full model?
//!
//! Source: Vehtari et al. (2024), Pareto smoothed importance sampling.

use crate::density::{LogDensity, sound};
use crate::diagnostics::{Smoothed, pareto_smooth};
use crate::draws::Draws;
use crate::error::CalibrateError;

/// Draws of the surrogate's posterior, weighed by the full one.
#[derive(Debug, Clone, PartialEq)]
pub struct Certificate {
    /// The thinned draws that were evaluated, `[S, d]`.
    pub points: Vec<f64>,
    /// Log-density of the full model less that of the surrogate, at each.
    pub log_ratios: Vec<f64>,
    /// Their smoothed weights, with the shape of the tail.
    pub weights: Smoothed,
}

/// What to do with the draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Report means reweighted by [`Certificate::weights`].
    Reweight,
    /// The weights cannot be trusted: sample the full model by
    /// [`DelayedAcceptance`](crate::DelayedAcceptance), or refuse.
    Refuse,
}

impl Certificate {
    /// Evaluates both densities at up to `count` draws at equal distances (200 to 500).
    ///
    /// # Errors
    /// Densities and draws of unequal dimension, a failing density, no draws.
    pub fn new<S: LogDensity + ?Sized, F: LogDensity + ?Sized>(
        surrogate: &S,
        full: &F,
        draws: &Draws,
        count: usize,
    ) -> Result<Self, CalibrateError> {
        for (what, found) in [
            ("coordinates of the surrogate's density", surrogate.dim()),
            ("coordinates of the full density", full.dim()),
        ] {
            if found != draws.dim {
                return Err(CalibrateError::WrongLength { what, found, expected: draws.dim });
            }
        }
        let points = draws.thinned(count).concat();
        let size = points.len() / draws.dim.max(1);
        if size == 0 {
            return Err(CalibrateError::WrongLength { what: "draws", found: 0, expected: 1 });
        }
        let (mut cheap, mut exact) = (vec![0.0; size], vec![0.0; size]);
        surrogate.logp_batch(&points, &mut cheap)?;
        full.logp_batch(&points, &mut exact)?;
        let log_ratios: Vec<f64> = exact.iter().zip(&cheap).map(|(f, s)| sound(*f) - s).collect();
        let weights = pareto_smooth(&log_ratios, 1.0);
        Ok(Self { points, log_ratios, weights })
    }

    /// By the shape of the tail: reliable for this number of draws, or not.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.weights.k_hat <= self.weights.limit() { Verdict::Reweight } else { Verdict::Refuse }
    }

    /// Weighted mean of a function of the position.
    pub fn mean(&self, f: impl Fn(&[f64]) -> f64) -> f64 {
        let d = self.points.len() / self.log_ratios.len();
        let weights = self.weights.log_weights.iter().map(|w| w.exp());
        self.points.chunks_exact(d).zip(weights).map(|(x, w)| w * f(x)).sum()
    }
}
