//! Likelihoods of several measured curves.
//!
//! `y_c = f_c(x) + m_c + W_c z + e_c`: prediction, mean error of the surrogate, slow modes with
//! `z ~ N(0, I)` (the surrogate's error, shared by all curves, and a discrepancy of each curve), and
//! noise. `z` is marginalised in closed form. Nothing is thinned: the modes make the cost linear in
//! the number of points.
//!
//! Shapes: `B` parameter vectors, `p` parameters of the model, `n` points of all curves together,
//! `n_c` of curve `c`.

mod discrepancy;
mod error_modes;
mod marginal;
mod misfit;
mod noise;
mod whitened;

pub use discrepancy::Discrepancy;
pub use error_modes::SurrogateError;
pub use misfit::effective_share;
pub use noise::Noise;

use crate::density::{Fatal, LogDensity};
use crate::error::CalibrateError;
use crate::linear::dot;
use marginal::{Block, Modes, marginal};

/// A model that predicts the points of all curves, with derivatives.
pub trait CurveModel: Sync {
    /// Number of parameters `p`.
    fn parameters(&self) -> usize;

    /// Number of points `n`, of all curves one after the other.
    fn points(&self) -> usize;

    /// Predictions `values` of `[B, n]` and their derivatives `jacobian` of `[B, p, n]` at
    /// `parameters` of `[B, p]`. A prediction that cannot be made is NaN: that point is rejected.
    ///
    /// # Errors
    /// [`Fatal`] if sampling must stop.
    fn predict(
        &self,
        parameters: &[f64],
        values: &mut [f64],
        jacobian: &mut [f64],
    ) -> Result<(), Fatal>;
}

impl<M: CurveModel + ?Sized> CurveModel for &M {
    fn parameters(&self) -> usize {
        (**self).parameters()
    }

    fn points(&self) -> usize {
        (**self).points()
    }

    fn predict(
        &self,
        parameters: &[f64],
        values: &mut [f64],
        jacobian: &mut [f64],
    ) -> Result<(), Fatal> {
        (**self).predict(parameters, values, jacobian)
    }
}

/// A measured curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Times, increasing; the unit is the caller's.
    pub times: Vec<f64>,
    /// Measured values at the first of these times: an experiment that ended early has fewer.
    pub values: Vec<f64>,
}

/// The log-likelihood of curves, as a density of the model's parameters followed by the unknowns of
/// the noise, curve by curve: those of [`Noise`], then those of [`Discrepancy`] where there is one.
#[derive(Debug, Clone)]
pub struct CurveLikelihood<M> {
    curves: Vec<Curve>,
    model: M,
    noise: Noise,
    error: Option<SurrogateError>,
    /// Basis of the discrepancy, one a curve.
    discrepancy: Option<Vec<Discrepancy>>,
    /// Power to which the density of each curve's noise counts.
    shares: Vec<f64>,
}

impl<M: CurveModel> CurveLikelihood<M> {
    /// Curves with noise around the model.
    ///
    /// # Errors
    /// Empty curves, values that are not finite, times out of order, another number of points than
    /// the model predicts.
    pub fn new(curves: Vec<Curve>, model: M, noise: Noise) -> Result<Self, CalibrateError> {
        let wrong = |what, found, expected| CalibrateError::WrongLength { what, found, expected };
        for (index, curve) in curves.iter().enumerate() {
            if curve.values.is_empty() {
                return Err(CalibrateError::EmptyCurve { curve: index });
            }
            if curve.times.len() < curve.values.len() {
                return Err(wrong("times of a curve", curve.times.len(), curve.values.len()));
            }
            for numbers in [&curve.values, &curve.times] {
                if let Some(point) = numbers.iter().position(|v| !v.is_finite()) {
                    let value = numbers[point];
                    return Err(CalibrateError::NotFinite { curve: index, point, value });
                }
            }
            if let Some(point) = curve.times.windows(2).position(|t| t[1] <= t[0]) {
                return Err(CalibrateError::UnsortedTimes { curve: index, point: point + 1 });
            }
        }
        let points: usize = curves.iter().map(|c| c.times.len()).sum();
        if points == 0 || points != model.points() {
            return Err(wrong("points of the curves", points, model.points()));
        }
        let shares = vec![1.0; curves.len()];
        Ok(Self { curves, model, noise, error: None, discrepancy: None, shares })
    }

    /// Adds what is known of the surrogate's own error.
    ///
    /// # Errors
    /// Another number of points than the curves have.
    pub fn with_surrogate_error(mut self, error: SurrogateError) -> Result<Self, CalibrateError> {
        let (found, expected) = (error.points(), self.model.points());
        if found != expected {
            let what = "points of the surrogate's error";
            return Err(CalibrateError::WrongLength { what, found, expected });
        }
        self.error = Some(error);
        Ok(self)
    }

    /// Adds a smooth discrepancy to each curve: what the model cannot follow at any parameters.
    ///
    /// # Errors
    /// A curve of less than two points.
    pub fn with_discrepancy(mut self) -> Result<Self, CalibrateError> {
        let basis = self.curves.iter().enumerate().map(|(index, curve)| {
            Discrepancy::new(&curve.times[..curve.values.len()])
                .ok_or(CalibrateError::EmptyCurve { curve: index })
        });
        self.discrepancy = Some(basis.collect::<Result<_, _>>()?);
        Ok(self)
    }

    /// Lets the points of each curve count as this share of independent ones: the density of its
    /// noise is taken to this power, so that `sigma` keeps its meaning and intervals widen. For
    /// curves that no parameters follow exactly; [`effective_share`] gives the shares.
    ///
    /// Source: Bissiri, Holmes and Walker (2016), A general framework for updating belief
    /// distributions; the power by the number of independent values.
    ///
    /// # Errors
    /// Another number of shares than of curves, or shares outside (0, 1].
    pub fn with_shares(mut self, shares: Vec<f64>) -> Result<Self, CalibrateError> {
        let (found, expected) = (shares.len(), self.curves.len());
        if found != expected {
            return Err(CalibrateError::WrongLength { what: "shares", found, expected });
        }
        if let Some(curve) = shares.iter().position(|s| !(*s > 0.0 && *s <= 1.0)) {
            let value = shares[curve];
            return Err(CalibrateError::BadShare { curve, value });
        }
        self.shares = shares;
        Ok(self)
    }

    /// The model.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// Names of the unknowns after the model's parameters, such as `sigma[0]`; each belongs to the
    /// curve of its number. `sigma` (standard deviation of the noise) and `delta` (that of the
    /// discrepancy) have the unit of the values and are positive, `rho` (correlation of neighbours)
    /// lies in (0, 1), `length` (of the discrepancy, as a fraction of the curve's duration) is
    /// best kept between 0.07 and 0.35.
    #[must_use]
    pub fn nuisances(&self) -> Vec<String> {
        let mut names: Vec<&str> = self.noise.unknowns().to_vec();
        if self.discrepancy.is_some() {
            names.extend(Discrepancy::UNKNOWNS);
        }
        let curve = |c: usize| names.iter().map(move |name| format!("{name}[{c}]"));
        (0..self.curves.len()).flat_map(curve).collect()
    }

    /// Residuals of the curves (measured less predicted, and less the surrogate's mean error), as the
    /// independent standard normals that they are under this likelihood at the unknowns of the noise:
    /// `L⁻¹ r`, with `L Lᵀ` the covariance of noise and modes. Shares leave it as it is.
    #[must_use]
    pub fn whitened(&self, residuals: &[Vec<f64>], nuisance: &[f64]) -> Vec<Vec<f64>> {
        let each = nuisance.len() / self.curves.len();
        let own = self.noise.unknowns().len();
        let mut next = self.error.as_ref().map_or(0, SurrogateError::rank);
        let (mut blocks, mut start) = (Vec::new(), 0);
        for (c, (curve, residual)) in self.curves.iter().zip(residuals).enumerate() {
            let unknowns = &nuisance[c * each..][..each];
            let modes = self.modes(c, start, &unknowns[own..], &mut next);
            let precision = self.noise.precision(&unknowns[..own], &curve.times[..residual.len()]);
            blocks.push(Block { residual: residual.clone(), modes, precision });
            start += curve.times.len();
        }
        whitened::whitened(&blocks, next)
    }

    /// Modes that reach curve `c`, whose points begin at `start`; those of its discrepancy are numbered
    /// from `next` on.
    fn modes(&self, c: usize, start: usize, unknowns: &[f64], next: &mut usize) -> Modes {
        let n = self.curves[c].values.len();
        let mut modes = Modes::default();
        for (j, mode) in self.error.iter().flat_map(|error| error.modes.iter().enumerate()) {
            modes.push(j, mode[start..start + n].to_vec());
        }
        if let Some(discrepancy) = &self.discrepancy {
            *next = discrepancy[c].push_modes(unknowns, *next, &mut modes);
        }
        modes
    }

    /// Log-likelihood of predictions `[n]` under noise unknowns; gradients by both are written.
    fn of_prediction(
        &self,
        prediction: &[f64],
        nuisance: &[f64],
        by_prediction: &mut [f64],
        by_nuisance: &mut [f64],
    ) -> f64 {
        let each = nuisance.len() / self.curves.len();
        let own = self.noise.unknowns().len();
        let shared = self.error.as_ref().map_or(0, SurrogateError::rank);
        let (mut blocks, mut start, mut next, mut height) = (Vec::new(), 0, shared, 0.0);
        for (c, curve) in self.curves.iter().enumerate() {
            let (n, times) = (curve.values.len(), &curve.times[..curve.values.len()]);
            let unknowns = &nuisance[c * each..][..each];
            let mut residual: Vec<f64> =
                curve.values.iter().zip(&prediction[start..]).map(|(y, f)| y - f).collect();
            if let Some(error) = &self.error {
                residual.iter_mut().zip(&error.mean[start..]).for_each(|(r, m)| *r -= m);
            }
            let modes = self.modes(c, start, &unknowns[own..], &mut next);
            // a density to the power s is one of s times the precision, but for its height
            let share = self.shares[c];
            let mut widened = unknowns[..own].to_vec();
            widened[0] /= share.sqrt();
            height += n as f64 * (1.0 - share) * unknowns[0].ln();
            let precision = self.noise.precision(&widened, times);
            blocks.push(Block { residual, modes, precision });
            start += curve.times.len();
        }
        let Some(out) = marginal(&blocks, next) else {
            return f64::NEG_INFINITY;
        };
        by_prediction.fill(0.0);
        let mut start = 0;
        for (curve, by_residual) in self.curves.iter().zip(&out.by_residual) {
            by_prediction[start..].iter_mut().zip(by_residual).for_each(|(g, r)| *g = -r);
            start += curve.times.len();
        }
        let mut mode = shared;
        for (c, by_noise) in out.by_noise.iter().enumerate() {
            let slot = &mut by_nuisance[c * each..][..each];
            slot[..own].copy_from_slice(by_noise);
            let (share, n) = (self.shares[c], self.curves[c].values.len() as f64);
            slot[0] = slot[0] / share.sqrt() + n * (1.0 - share) / nuisance[c * each];
            if let Some(discrepancy) = &self.discrepancy {
                let unknowns = &nuisance[c * each..][own..each];
                mode =
                    discrepancy[c].gradient(unknowns, &out.by_log_variance, mode, &mut slot[own..]);
            }
        }
        out.logp + height
    }
}

impl<M: CurveModel> LogDensity for CurveLikelihood<M> {
    fn dim(&self) -> usize {
        self.model.parameters() + self.nuisances().len()
    }

    fn logp_grad_batch(
        &self,
        x: &[f64],
        logp: &mut [f64],
        gradient: &mut [f64],
    ) -> Result<(), Fatal> {
        let (p, n) = (self.model.parameters(), self.model.points());
        let d = x.len() / logp.len();
        let parameters: Vec<f64> = x.chunks_exact(d).flat_map(|x| &x[..p]).copied().collect();
        let mut values = vec![f64::NAN; logp.len() * n];
        let mut jacobian = vec![0.0; logp.len() * n * p];
        self.model.predict(&parameters, &mut values, &mut jacobian)?;
        let mut by_prediction = vec![0.0; n];
        for (b, (x, g)) in x.chunks_exact(d).zip(gradient.chunks_exact_mut(d)).enumerate() {
            let prediction = &values[b * n..][..n];
            g.fill(0.0);
            logp[b] = f64::NEG_INFINITY;
            if prediction.iter().any(|f| !f.is_finite()) {
                continue;
            }
            let (by_parameter, by_nuisance) = g.split_at_mut(p);
            logp[b] = self.of_prediction(prediction, &x[p..], &mut by_prediction, by_nuisance);
            if logp[b] == f64::NEG_INFINITY {
                continue;
            }
            for (k, g) in by_parameter.iter_mut().enumerate() {
                let column = &jacobian[(b * p + k) * n..][..n];
                *g = dot(column, &by_prediction);
            }
        }
        Ok(())
    }
}
