//! Fits of measured patterns: crystal, displacement and diffractometer together.
//!
//! y(2 theta) = scale x sum of reflections + background, every point weighted by one over its variance.
//! Parameters become free in the usual order: scale and background; cell, zero shift and width; shape and
//! displacement; coordinates. Atoms that are nearer than
//! radii allow are drawn apart, and coordinates that put two into one place stay as they were.
//!
//! Source: Rietveld (1969), A profile refinement method for nuclear and magnetic structures.

use super::RefineError;
use super::distances::Distances;
use super::solve::{Bounds, Ends, Reuse, minimise};
use crate::LatticeError;
use crate::diffraction::{Gradient, INSTRUMENT_PARAMETERS, Instrument, PowderModel};
use crate::pattern::Pattern;
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
    /// Calculated pattern at the measured points.
    pub calculated: Vec<f64>,
}

/// Each of the four steps ends where noise decides.
const ENDS: Ends = Ends { iterations: 15, least_gain: 1e-3, reuse: Reuse::Nothing };

/// Share by which reciprocal lengths may shrink without losing reflections.
const MARGIN: f64 = 0.05;

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
    for free in layout.steps() {
        let before = parameters.clone();
        let evaluate = |parameters: &[f64], columns: Option<&mut [Vec<f64>]>| {
            let wanted = columns.is_some();
            let (values, all) = run.calculate(parameters, wanted).ok()?;
            let at = &parameters[coordinates.clone()];
            if let Some(columns) = columns {
                for (column, &k) in columns.iter_mut().zip(&free) {
                    column.clear();
                    column.extend(all[k].iter().zip(&weights).map(|(v, w)| v * w / total));
                    column.extend(distances.derivative(at, k.wrapping_sub(layout.cell)));
                }
            }
            let each = values.iter().zip(&pattern.intensity).zip(&weights);
            let off = each.map(|((c, y), w)| (c - y) * w / total);
            Some(off.chain(distances.lacking(at)).collect())
        };
        minimise(&mut parameters, &free, &start.bounds, ENDS, evaluate);
        let is_apart = |p: &[f64]| {
            let structure = run.model.structure(&p[..layout.structure]);
            structure.primitive().is_ok_and(|primitive| apart(&primitive))
        };
        if is_apart(&before) && !is_apart(&parameters) {
            parameters = before;
        }
    }
    let (calculated, _) = run.calculate(&parameters, false)?;
    let each = calculated.iter().zip(&pattern.intensity).zip(&weights);
    let off: f64 = each.map(|((c, y), w)| ((c - y) * w).powi(2)).sum::<f64>().sqrt();
    let structure = run.model.structure(&parameters[..layout.structure]);
    Ok(MeasuredFit {
        structure,
        b_iso: parameters[layout.structure - 1],
        instrument: run.instrument,
        scale: parameters[layout.scale()],
        r_wp: off / total,
        calculated,
    })
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
    let counted = || pattern.intensity.iter().map(|y| 1.0 / y.max(1.0).sqrt()).collect();
    let Some(sigma) = &pattern.sigma else { return counted() };
    let least = sigma.iter().copied().filter(|s| *s > 0.0).fold(f64::INFINITY, f64::min);
    if least.is_finite() { sigma.iter().map(|s| 1.0 / s.max(least)).collect() } else { counted() }
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
    /// Values at all points and, if wanted, derivatives by all parameters.
    pub(super) fn calculate(
        &mut self,
        parameters: &[f64],
        derivatives: bool,
    ) -> Result<(Vec<f64>, Vec<Vec<f64>>), LatticeError> {
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
        for gradient in &mut gradients {
            gradient.intensity = scaled(&gradient.intensity);
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
