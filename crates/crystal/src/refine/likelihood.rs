//! How likely measured points are, as a function of everything that was fitted.
//!
//! Points are normal about the calculated pattern, with the variance of counting (or of the file) times
//! one factor for all: the mean square of the weighted residuals at the fit. It is near 1 where counts
//! and model are right; where the model is poor, or intensities are no counts, it widens or narrows
//! intervals as is usual in refinement. Of the widths W moves; U, V and X, which the same peaks would
//! have to tell apart, stay where the fit has put them, as does what ended at a bound of the fit or what
//! the pattern does not feel.

use nalgebra::{DMatrix, DVector};

use super::rietveld::{Layout, Run, model_of, weights};
use super::{MeasuredFit, RefineError};
use crate::diffraction::INSTRUMENT_PARAMETERS;
use crate::pattern::Pattern;
use crate::symmetry::SymmetricStructure;

/// A likelihood around a fit.
pub struct MeasuredLikelihood<'a> {
    run: Run<'a>,
    pattern: &'a Pattern,
    /// One over the standard deviation of each point.
    weights: Vec<f64>,
    /// All parameters of the fit.
    fitted: Vec<f64>,
    /// Those that move, by their places.
    moved: Vec<usize>,
    names: Vec<String>,
}

/// Share of the greatest diagonal element of the normal matrix, parameters scaled by their size, below
/// which the pattern does not feel a parameter.
const FELT: f64 = 1e-13;

impl<'a> MeasuredLikelihood<'a> {
    /// The likelihood of a pattern around a fit of it.
    ///
    /// # Errors
    ///
    /// A crystal whose pattern cannot be calculated.
    pub fn new(pattern: &'a Pattern, fit: &MeasuredFit) -> Result<Self, RefineError> {
        let model = model_of(pattern, &fit.structure, &fit.instrument)?;
        let layout = Layout {
            cell: model.cell_parameters(),
            structure: model.parameters().len(),
            background: fit.instrument.background.len(),
        };
        let instrument = &fit.instrument;
        let mut fitted = model.parameters().to_vec();
        fitted[layout.structure - 1] = fit.b_iso;
        fitted.push(instrument.zero_shift_deg);
        fitted.extend(instrument.caglioti);
        fitted.extend([instrument.size_deg, instrument.eta]);
        fitted.extend(&instrument.background);
        fitted.push(fit.scale);
        let names = names(&fit.structure, instrument.background.len());
        let points = &pattern.two_theta_deg;
        let run = Run { model, points, layout, instrument: instrument.clone() };
        let weights = weights(pattern);
        let mut likelihood = Self { run, pattern, weights, fitted, moved: Vec::new(), names };
        likelihood.prepare()?;
        Ok(likelihood)
    }

    /// Scales the weights by the residuals at the fit and finds what moves.
    fn prepare(&mut self) -> Result<(), RefineError> {
        let all: Vec<usize> = (0..self.fitted.len()).collect();
        let (values, columns) = self.run.calculate(&self.fitted, &all)?;
        let residual =
            |(k, value): (usize, &f64)| (self.pattern.intensity[k] - value) * self.weights[k];
        let sum: f64 = values.iter().enumerate().map(residual).map(|r| r * r).sum();
        let free = self.pattern.intensity.len().saturating_sub(self.fitted.len()).max(1);
        let factor = (sum / free as f64).sqrt().max(1e-12);
        self.weights.iter_mut().for_each(|w| *w /= factor);
        let felt = |k: usize| -> f64 {
            let size = self.fitted[k].abs().max(1e-3);
            let each = columns[k].iter().zip(&self.weights);
            each.map(|(v, w)| (v * w * size).powi(2)).sum()
        };
        let felt: Vec<f64> = (0..self.fitted.len()).map(felt).collect();
        let greatest = felt.iter().copied().fold(0.0, f64::max);
        let inside = |k: &usize| self.is_inside(*k, self.fitted[*k], 1e-6);
        let first = self.run.layout.instrument();
        let stays = [first + 1, first + 2, first + 4];
        let moved = (0..self.fitted.len()).filter(|k| !stays.contains(k));
        let moved = moved.filter(|k| felt[*k] > FELT * greatest).filter(inside);
        self.moved = moved.collect();
        Ok(())
    }

    /// Whether a parameter is within its bounds by a margin.
    fn is_inside(&self, k: usize, value: f64, margin: f64) -> bool {
        let layout = self.run.layout;
        let first = layout.instrument();
        let (low, high) = match k {
            k if k + 1 == layout.structure => (0.0, 10.0),
            k if k < layout.structure => (f64::NEG_INFINITY, f64::INFINITY),
            k if k == first => (-0.6, 0.6),
            k if k == first + 1 || k == first + 4 => (0.0, 2.0),
            k if k == first + 2 => (-1.0, 1.0),
            k if k == first + 3 => (1e-5, 1.0),
            k if k == first + 5 => (0.0, 1.0),
            k if k == layout.scale() => (0.0, f64::INFINITY),
            _ => (f64::NEG_INFINITY, f64::INFINITY),
        };
        value > low + margin && value < high - margin
    }

    /// Names of the parameters that move, such as `a`, `x(O2)`, `B`, `zero shift`, `background 0`, `scale`.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.moved.iter().map(|&k| self.names[k].as_str()).collect()
    }

    /// Their values at the fit.
    #[must_use]
    pub fn at_fit(&self) -> Vec<f64> {
        self.moved.iter().map(|&k| self.fitted[k]).collect()
    }

    /// The crystal for values of the parameters, and its displacement parameter.
    #[must_use]
    pub fn crystal(&self, point: &[f64]) -> (SymmetricStructure, f64) {
        let all = self.all(point);
        let structure = self.run.layout.structure;
        (self.run.model.structure(&all[..structure]), all[structure - 1])
    }

    fn all(&self, point: &[f64]) -> Vec<f64> {
        let mut all = self.fitted.clone();
        self.moved.iter().zip(point).for_each(|(&k, &value)| all[k] = value);
        all
    }

    /// Logarithm of the likelihood up to a constant, and its derivatives; none outside the bounds.
    pub fn logarithm(&mut self, point: &[f64], gradient: &mut [f64]) -> Option<f64> {
        let mut moved = self.moved.iter().zip(point);
        if !moved.all(|(&k, &value)| self.is_inside(k, value, 0.0)) {
            return None;
        }
        let all = self.all(point);
        let (values, columns) = self.run.calculate(&all, &self.moved).ok()?;
        let each = values.iter().zip(&self.pattern.intensity).zip(&self.weights);
        let pull: Vec<f64> = each.map(|((c, y), w)| (y - c) * w * w).collect();
        let away = values.iter().zip(&self.pattern.intensity);
        let sum: f64 = away.zip(&pull).map(|((c, y), p)| (y - c) * p).sum();
        for (slope, &k) in gradient.iter_mut().zip(&self.moved) {
            *slope = columns[k].iter().zip(&pull).map(|(v, p)| v * p).sum();
        }
        sum.is_finite().then_some(-0.5 * sum)
    }

    /// Changes of the parameters that are independent and of unit variance where the likelihood is normal:
    /// columns of a matrix. None if the pattern does not determine the parameters, or nothing moves.
    #[must_use]
    pub fn whitening(&mut self) -> Option<DMatrix<f64>> {
        let (_, columns) = self.run.calculate(&self.fitted, &self.moved).ok()?;
        let n = self.moved.len();
        if n == 0 {
            return None;
        }
        let product = |i: usize, j: usize| -> f64 {
            let (a, b) = (&columns[self.moved[i]], &columns[self.moved[j]]);
            a.iter().zip(b).zip(&self.weights).map(|((a, b), w)| a * b * w * w).sum()
        };
        // parameters are scaled so that the matrix can be inverted
        let scale = DVector::from_fn(n, |i, _| 1.0 / product(i, i).sqrt());
        let matrix = DMatrix::from_fn(n, n, |i, j| product(i, j) * scale[i] * scale[j]);
        let factor = matrix.cholesky()?.l();
        // covariance = (L L^T)^-1, whose factor is L^-T
        let mut whitening = factor.transpose().try_inverse()?;
        for (mut row, scale) in whitening.row_iter_mut().zip(scale.iter()) {
            row *= *scale;
        }
        Some(whitening)
    }
}

/// Names of all parameters.
fn names(crystal: &SymmetricStructure, background: usize) -> Vec<String> {
    let cell = SymmetricStructure::cell_names(crystal.group.system());
    let mut names: Vec<String> = cell.iter().map(|name| (*name).to_string()).collect();
    for (k, orbit) in crystal.orbits.iter().enumerate() {
        for &axis in crystal.wyckoff(orbit).free() {
            names.push(format!("{}({}{})", ["x", "y", "z"][axis], orbit.element, k + 1));
        }
    }
    names.push("B".to_string());
    names.extend(INSTRUMENT_PARAMETERS.iter().map(|name| (*name).to_string()));
    names.extend((0..background).map(|k| format!("background {k}")));
    names.push("scale".to_string());
    names
}
