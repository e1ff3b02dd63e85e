//! Fits of measured patterns: crystal, displacement and diffractometer together.
//!
//! y(2 theta) = scale x sum of reflections + background, every point weighted by one over its variance.
//! Parameters become free in the usual order: scale and background; cell, zero shift and width; shape and
//! displacement; coordinates. Atoms that are nearer than
//! radii allow are drawn apart, and coordinates that put two into one place stay as they were. Fits near an
//! example have displacements from it as observations more, whose weight follows from how well the pattern is fitted.
//!
//! Source: Rietveld (1969), A profile refinement method for nuclear and magnetic structures.

use super::RefineError;
use super::displacements::Displacements;
use super::distances::Distances;
use super::solve::{Bounds, Ends, Reuse, minimise};
use crate::LatticeError;
use crate::diffraction::{Gradient, INSTRUMENT_PARAMETERS, Instrument, PowderModel};
use crate::pattern::{Pattern, noise};
use crate::score::apart;
use crate::symmetry::SymmetricStructure;

/// A crystal and a diffractometer fitted to a measured pattern.
#[derive(Debug, Clone)]
pub struct MeasuredFit {
    /// The crystal.
    pub structure: SymmetricStructure,
    /// Displacement parameter of all atoms in square angstrom.
    pub b_iso: f64,
    /// The diffractometer with its background.
    pub instrument: Instrument,
    /// Factor of the intensities.
    pub scale: f64,
    /// Weighted disagreement: `sqrt(sum w (y - y_calc)^2 / sum w y^2)`, background included.
    pub r_wp: f64,
    /// Part of the peaks that is not explained: see [`unexplained`].
    pub unexplained: f64,
    /// Calculated pattern at the measured points.
    pub calculated: Vec<f64>,
}

/// Each of the four steps ends where noise decides.
const ENDS: Ends = Ends { iterations: 15, least_gain: 1e-3, reuse: Reuse::Nothing };

/// Share by which reciprocal lengths may shrink without losing reflections.
const MARGIN: f64 = 0.05;

/// Least number of independent observations of a pattern.
const LEAST_OBSERVATIONS: f64 = 10.0;

/// Rounds of a fit near an example: the second knows the misfit that the first comes to.
const ROUNDS_NEAR: usize = 2;

/// Part of the highest point from which a peak is one.
const PEAK: f64 = 0.01;

/// Standard deviations by which squares must exceed those of noise to show peaks.
const SIGNIFICANT: f64 = 5.0;

/// Number of independent observations of a pattern: residuals go together over the width of a peak, so it is the range
/// that the peaks of a fit cover over their width, not the number of points.
pub(super) fn observations(pattern: &Pattern, fit: &MeasuredFit) -> f64 {
    let angles = &pattern.two_theta_deg;
    let background = fit.instrument.pattern(angles, &[], &[]);
    let peaks: Vec<f64> = fit.calculated.iter().zip(&background).map(|(y, b)| y - b).collect();
    let least = PEAK * peaks.iter().copied().fold(0.0, f64::max);
    let covered = angles.windows(2).zip(&peaks).filter(|(_, y)| **y > least);
    let widths = covered.map(|(ends, _)| {
        let step = ends[1] - ends[0];
        step / fit.instrument.width_deg((ends[0] / 2.0).to_radians()).max(step)
    });
    widths.sum::<f64>().max(LEAST_OBSERVATIONS)
}

/// Fits a crystal to a measured pattern. `instrument` is where widths and shape start; its number of
/// coefficients of the background is kept.
///
/// # Errors
///
/// Elements without form factors, a cell that is none, a pattern without intensity.
pub fn fit_measured(
    pattern: &Pattern,
    structure: &SymmetricStructure,
    instrument: &Instrument,
) -> Result<MeasuredFit, RefineError> {
    fit(pattern, structure, instrument, None)
}

/// The same with atoms that stay near to where `structure` has them, as far as the pattern with its independent
/// observations does not say otherwise.
///
/// # Errors
///
/// As [`fit_measured`].
pub(super) fn fit_near(
    pattern: &Pattern,
    structure: &SymmetricStructure,
    instrument: &Instrument,
    observations: f64,
) -> Result<MeasuredFit, RefineError> {
    let near = Near { displacements: Displacements::new(structure)?, observations };
    fit(pattern, structure, instrument, Some(&near))
}

/// What holds atoms where an example has them.
struct Near {
    displacements: Displacements,
    observations: f64,
}

fn fit(
    pattern: &Pattern,
    structure: &SymmetricStructure,
    instrument: &Instrument,
    near: Option<&Near>,
) -> Result<MeasuredFit, RefineError> {
    let points = &pattern.two_theta_deg;
    let q = pattern.q();
    let (from, to) = (q.first().copied().unwrap_or(0.0), q.last().copied().unwrap_or(0.0));
    let no_signal = RefineError::NoSignal { from, to };
    let mut model = model_of(pattern, structure, instrument)?;
    let weights = weights(pattern);
    let total: f64 =
        pattern.intensity.iter().zip(&weights).map(|(y, w)| (w * y).powi(2)).sum::<f64>().sqrt();
    let strongest = pattern.intensity.iter().copied().fold(0.0, f64::max);
    if !(total.is_finite() && total > 0.0 && strongest > 0.0) {
        return Err(no_signal);
    }
    let start = Start::of(&mut model, pattern, instrument, strongest)?;
    let layout = start.layout;
    let mut parameters = start.parameters;
    let distances = Distances::new(structure)?;
    let coordinates = layout.cell..layout.structure - 1;
    let mut run = Run { model, points, layout, instrument: instrument.clone() };
    let mut steps = layout.steps().to_vec();
    if near.is_some() {
        let last = steps.last().cloned().unwrap_or_default();
        steps.extend(vec![last; ROUNDS_NEAR - 1]);
    }
    let mut misfit = 1.0;
    for free in steps {
        let before = parameters.clone();
        // a displacement counts as much as one of the pattern's independent observations
        let weight = near.map_or(0.0, |n| misfit / n.observations.sqrt());
        let near = near.map(|n| &n.displacements);
        let evaluate = |parameters: &[f64], columns: Option<&mut [Vec<f64>]>| {
            let by: &[usize] = if columns.is_some() { &free } else { &[] };
            let (values, all) = run.calculate(parameters, by).ok()?;
            let at = &parameters[coordinates.clone()];
            if let Some(columns) = columns {
                for (column, &k) in columns.iter_mut().zip(&free) {
                    column.clear();
                    column.extend(all[k].iter().zip(&weights).map(|(v, w)| v * w / total));
                    let by = k.wrapping_sub(layout.cell);
                    column.extend(distances.derivative(at, by));
                    column.extend(near.iter().flat_map(|n| n.derivative(by)).map(|v| v * weight));
                }
            }
            let each = values.iter().zip(&pattern.intensity).zip(&weights);
            let off = each.map(|((c, y), w)| (c - y) * w / total);
            let moved = near.iter().flat_map(|n| n.at(at)).map(|v| v * weight);
            Some(off.chain(distances.lacking(at)).chain(moved).collect())
        };
        let found = minimise(&mut parameters, &free, &start.bounds, ENDS, evaluate);
        let is_apart = |p: &[f64]| {
            let structure = run.model.structure(&p[..layout.structure]);
            structure.primitive().is_ok_and(|primitive| apart(&primitive))
        };
        misfit = found.norm.min(1.0);
        if is_apart(&before) && !is_apart(&parameters) {
            parameters = before;
        }
    }
    let (calculated, _) = run.calculate(&parameters, &[])?;
    let weighted_off = |values: &[f64]| -> Vec<f64> {
        let each = values.iter().zip(&pattern.intensity).zip(&weights);
        each.map(|((v, y), w)| (y - v) * w).collect()
    };
    let off = weighted_off(&calculated);
    let above = weighted_off(&run.instrument.pattern(points, &[], &[]));
    let structure = run.model.structure(&parameters[..layout.structure]);
    Ok(MeasuredFit {
        structure,
        b_iso: parameters[layout.structure - 1],
        instrument: run.instrument,
        scale: parameters[layout.scale()],
        r_wp: squares(&off).sqrt() / total,
        unexplained: unexplained(&off, &above),
        calculated,
    })
}

fn squares(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum()
}

/// Root of the part of the squares above the background that a crystal does not explain, noise counted in neither: 0
/// where only noise is left, 1 where the crystal explains nothing or no peak stands out of the noise. From
/// weighted differences to the calculated pattern and to its background; noise differs from point to point.
fn unexplained(off: &[f64], above: &[f64]) -> f64 {
    let count = off.len() as f64;
    let noise = count * noise(off).powi(2);
    // the sum of the squares of as many normal numbers varies by this part of it
    let peaks = squares(above) - noise;
    if peaks <= SIGNIFICANT * (2.0 / count).sqrt() * noise || peaks <= 0.0 {
        return 1.0;
    }
    ((squares(off) - noise).max(0.0) / peaks).sqrt().min(1.0)
}

/// The reflections that a pattern shows of a crystal.
pub(super) fn model_of(
    pattern: &Pattern,
    structure: &SymmetricStructure,
    instrument: &Instrument,
) -> Result<PowderModel, RefineError> {
    let wavelength = instrument.radiation.wavelength();
    let to = pattern.q().last().copied().unwrap_or(0.0);
    let reach = (to + 0.05).min(0.99 * 4.0 * std::f64::consts::PI / wavelength);
    Ok(PowderModel::new(structure, wavelength, reach, MARGIN)?)
}

/// Square roots of the weights: one over the standard deviation, that of counting where none is known.
pub(super) fn weights(pattern: &Pattern) -> Vec<f64> {
    let counted = || {
        let least = least_counted(&pattern.intensity);
        pattern.intensity.iter().map(|y| 1.0 / y.max(least).sqrt()).collect()
    };
    let Some(sigma) = &pattern.sigma else { return counted() };
    let least = sigma.iter().copied().filter(|s| *s > 0.0).fold(f64::INFINITY, f64::min);
    if least.is_finite() { sigma.iter().map(|s| 1.0 / s.max(least)).collect() } else { counted() }
}

/// Parts of the median and of the highest point below which intensities count no more.
const LEAST_OF_MEDIAN: f64 = 0.1;
const LEAST_OF_HIGHEST: f64 = 1e-4;

/// Intensity below which a point has no more weight, in the unit of the pattern, whatever that is: small beside the
/// usual and the highest ones, and no smaller than what lies below zero.
fn least_counted(intensity: &[f64]) -> f64 {
    let (mut above, below): (Vec<f64>, Vec<f64>) = intensity.iter().partition(|y| **y > 0.0);
    above.sort_by(f64::total_cmp);
    let middle = above.get(above.len() / 2).copied().unwrap_or(1.0);
    let highest = above.last().copied().unwrap_or(1.0);
    let noise = below.iter().map(|y| y * y).sum::<f64>() / below.len().max(1) as f64;
    (LEAST_OF_MEDIAN * middle).max(LEAST_OF_HIGHEST * highest).max(noise.sqrt())
}

/// Places of the parameters: those of the model, of the instrument, of the background, the scale.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub(super) cell: usize,
    pub(super) structure: usize,
    pub(super) background: usize,
}

impl Layout {
    pub(super) const fn instrument(&self) -> usize {
        self.structure
    }

    pub(super) const fn coefficients(&self) -> usize {
        self.structure + INSTRUMENT_PARAMETERS.len()
    }

    pub(super) const fn scale(&self) -> usize {
        self.coefficients() + self.background
    }

    /// What is free in each step.
    fn steps(&self) -> [Vec<usize>; 4] {
        let first: Vec<usize> = (self.coefficients()..=self.scale()).collect();
        let with = |known: &[usize], more: &[usize]| [known, more].concat();
        let i = self.instrument();
        let cell: Vec<usize> = (0..self.cell).collect();
        let coordinates: Vec<usize> = (self.cell..self.structure - 1).collect();
        // zero shift and W, then U, V, X, eta and B
        let second = with(&first, &with(&cell, &[i, i + 3]));
        let third = with(&second, &[i + 1, i + 2, i + 4, i + 5, self.structure - 1]);
        let fourth = with(&third, &coordinates);
        [first, second, third, fourth]
    }
}

/// Where a fit begins.
struct Start {
    layout: Layout,
    parameters: Vec<f64>,
    bounds: Bounds,
}

impl Start {
    fn of(
        model: &mut PowderModel,
        pattern: &Pattern,
        instrument: &Instrument,
        strongest: f64,
    ) -> Result<Self, RefineError> {
        let structure = model.parameters().to_vec();
        let layout = Layout {
            cell: model.cell_parameters(),
            structure: structure.len(),
            background: instrument.background.len(),
        };
        let lowest = pattern.intensity.iter().copied().fold(f64::INFINITY, f64::min);
        model.evaluate(&structure, f64::INFINITY, &mut [])?;
        let bare = Instrument { background: Vec::new(), ..instrument.clone() };
        let shape = bare.pattern(&pattern.two_theta_deg, model.q(), model.intensity());
        let highest = shape.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let scale = (strongest - lowest) / highest;
        let mut start = Self {
            layout,
            parameters: Vec::new(),
            bounds: Bounds { low: Vec::new(), high: Vec::new(), scale: Vec::new() },
        };
        for (k, &x) in structure.iter().enumerate() {
            if k < layout.cell {
                start.push(x, x * 0.96, x * 1.04, x * 1e-3);
            } else if k + 1 < structure.len() {
                start.push(x, x - 0.15, x + 0.15, 0.01);
            } else {
                start.push(0.5, 0.0, 10.0, 0.3);
            }
        }
        let [u, v, w] = instrument.caglioti;
        start.push(instrument.zero_shift_deg, -0.6, 0.6, 0.02);
        start.push(u, 0.0, 2.0, 0.02);
        start.push(v, -1.0, 1.0, 0.02);
        start.push(w, 1e-5, 1.0, 0.01);
        start.push(instrument.size_deg, 0.0, 2.0, 0.02);
        start.push(instrument.eta, 0.0, 1.0, 0.1);
        for k in 0..layout.background {
            let first = if k == 0 { lowest } else { 0.0 };
            start.push(first, f64::NEG_INFINITY, f64::INFINITY, 0.01 * strongest);
        }
        start.push(scale, 0.0, f64::INFINITY, 0.1 * scale);
        Ok(start)
    }

    fn push(&mut self, value: f64, low: f64, high: f64, scale: f64) {
        self.parameters.push(value);
        self.bounds.low.push(low);
        self.bounds.high.push(high);
        self.bounds.scale.push(scale);
    }
}

/// The pattern as a function of all parameters.
pub(super) struct Run<'a> {
    pub(super) model: PowderModel,
    pub(super) points: &'a [f64],
    pub(super) layout: Layout,
    pub(super) instrument: Instrument,
}

impl Run<'_> {
    /// Values at all points and derivatives `by` some parameters: columns for all of them, of which those of the
    /// crystal that are not named are zero; none where none is named.
    pub(super) fn calculate(
        &mut self,
        parameters: &[f64],
        by: &[usize],
    ) -> Result<(Vec<f64>, Vec<Vec<f64>>), LatticeError> {
        let derivatives = !by.is_empty();
        let layout = self.layout;
        let own = &parameters[layout.instrument()..];
        self.instrument.zero_shift_deg = own[0];
        self.instrument.caglioti = [own[1], own[2], own[3]];
        self.instrument.size_deg = own[4];
        self.instrument.eta = own[5];
        let coefficients = &parameters[layout.coefficients()..layout.scale()];
        self.instrument.background.copy_from_slice(coefficients);
        let scale = parameters[layout.scale()];
        let count = if derivatives { layout.structure } else { 0 };
        let mut gradients = vec![Gradient::default(); count];
        self.model.evaluate(&parameters[..layout.structure], f64::INFINITY, &mut gradients)?;
        let scaled = |values: &[f64]| values.iter().map(|v| v * scale).collect::<Vec<f64>>();
        for (k, gradient) in gradients.iter_mut().enumerate() {
            if by.contains(&k) {
                gradient.intensity = scaled(&gradient.intensity);
            } else {
                gradient.intensity.fill(0.0);
                gradient.q.fill(0.0);
            }
        }
        let intensity = scaled(self.model.intensity());
        let (values, mut columns) = self.instrument.with_derivatives(
            self.points,
            self.model.q(),
            &intensity,
            &gradients,
            derivatives,
        );
        if derivatives {
            let mut peaks = values.clone();
            for (column, coefficient) in columns[layout.coefficients()..].iter().zip(coefficients) {
                for (value, t) in peaks.iter_mut().zip(column) {
                    *value -= coefficient * t;
                }
            }
            let least = scale.max(f64::MIN_POSITIVE);
            columns.push(peaks.into_iter().map(|v| v / least).collect());
        }
        Ok((values, columns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_neither_explained_nor_unexplained() {
        let mut state = 1_u64;
        let mut even = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / f64::from(1_u32 << 31)
        };
        let noise: Vec<f64> =
            (0..4000).map(|_| (0..12).map(|_| even()).sum::<f64>() - 6.0).collect();
        let peaks = |height: f64| {
            let peak = move |k: f64| height * (-((k - 2000.0) / 30.0).powi(2)).exp();
            (0..4000).map(move |k| peak(f64::from(k)))
        };
        let with = |height: f64| -> Vec<f64> {
            noise.iter().zip(peaks(height)).map(|(n, p)| n + p).collect()
        };
        assert_eq!(unexplained(&noise, &noise), 1.0);
        assert!(unexplained(&noise, &with(10.0)) < 0.3);
        assert!((unexplained(&with(5.0), &with(10.0)) - 0.5).abs() < 0.05);
        assert!(unexplained(&with(10.0), &with(10.0)) > 0.99);
        // without noise nothing is taken away
        let exact = |height: f64| peaks(height).collect::<Vec<f64>>();
        assert!((unexplained(&exact(5.0), &exact(10.0)) - 0.5).abs() < 1e-3);
        assert_eq!(unexplained(&exact(0.0), &exact(10.0)), 0.0);
    }
}
