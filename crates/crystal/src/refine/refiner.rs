//! Levenberg-Marquardt through a schedule.

use rand::{Rng, RngExt};
use thiserror::Error;

use super::solve::{Bounds, Ends, dot, minimise};
use super::{Free, Stage};
use crate::LatticeError;
use crate::diffraction::{
    Broadening, BroadeningError, DiffractionError, Gradient, PowderModel, QGrid, r_wp,
};

/// Why a refinement cannot run.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum RefineError {
    /// The pattern has no peak in the range of a stage.
    #[error("the pattern has no intensity between Q = {from} and {to} 1/angstrom")]
    NoSignal {
        /// Beginning of the range.
        from: f64,
        /// Its end.
        to: f64,
    },
    /// A stage whose grid cannot be used.
    #[error(transparent)]
    Broadening(#[from] BroadeningError),
    /// A start whose cell is none.
    #[error(transparent)]
    Lattice(#[from] LatticeError),
    /// A crystal whose pattern cannot be calculated.
    #[error(transparent)]
    Diffraction(#[from] DiffractionError),
}

/// How far parameters may go from the start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Relative change of cell parameters.
    pub cell: f64,
    /// Change of fractional coordinates.
    pub coordinate: f64,
}

impl Limits {
    /// Cells within 8 %, coordinates within 0.2.
    pub const WIDE: Self = Self { cell: 0.08, coordinate: 0.2 };
}

/// Result of a refinement.
#[derive(Debug, Clone, PartialEq)]
pub struct Refined {
    /// Parameters of the model.
    pub parameters: Vec<f64>,
    /// Square root of what the last stage minimised: the distance of the patterns at the best scale,
    /// relative to the norm of the measured one.
    pub misfit: f64,
    /// Patterns that were calculated.
    pub evaluations: usize,
}

/// A pattern to fit, as peaks: reflections of a simulation, or points of a measurement weighted by
/// their distance. Keeps the pattern of every stage that was used.
pub struct Refiner {
    peaks: Vec<(f64, f64)>,
    q_range: [f64; 2],
    grids: Vec<(QGrid, Broadening, Vec<f64>)>,
}

/// A change of a parameter that moves a pattern about as much as any other: 1 % of the cell, 0.02 of a
/// coordinate.
const CELL_SCALE: f64 = 0.01;
const COORDINATE_SCALE: f64 = 0.02;

/// A restart goes on if half its stages end below this share of the best one's misfit there.
const PROMISING: f64 = 0.9;

/// Relative gain below which a stage ends.
const LEAST_GAIN: f64 = 1e-6;

impl Refiner {
    /// Prepares a pattern given as `(q, intensity)`, complete over `q_range`. Grids are cut to it, and
    /// end two widths of a peak before its end.
    #[must_use]
    pub fn new(peaks: Vec<(f64, f64)>, q_range: [f64; 2]) -> Self {
        Self { peaks, q_range, grids: Vec::new() }
    }

    /// Place of a grid among those prepared.
    fn prepare(&mut self, grid: QGrid) -> Result<usize, RefineError> {
        if let Some(k) = self.grids.iter().position(|(known, _, _)| *known == grid) {
            return Ok(k);
        }
        let cut = QGrid {
            q_min: grid.q_min.max(self.q_range[0]),
            q_max: grid.q_max.min(self.q_range[1] - 2.0 * grid.fwhm),
            ..grid
        };
        let mut broadening = Broadening::new(cut)?;
        let mut reference = Vec::new();
        broadening.pattern(self.peaks.iter().copied(), &mut reference);
        let norm = dot(&reference, &reference).sqrt();
        if !(norm.is_finite() && norm > 0.0) {
            return Err(RefineError::NoSignal { from: grid.q_min, to: grid.q_max });
        }
        reference.iter_mut().for_each(|y| *y /= norm);
        self.grids.push((grid, broadening, reference));
        Ok(self.grids.len() - 1)
    }

    /// `R_wp` of a model on a grid, both patterns divided by their highest points.
    ///
    /// # Errors
    ///
    /// A grid or cell that is none, a pattern without peaks.
    pub fn r_wp(
        &mut self,
        model: &mut PowderModel,
        parameters: &[f64],
        grid: QGrid,
    ) -> Result<f64, RefineError> {
        let k = self.prepare(grid)?;
        let (_, broadening, reference) = &mut self.grids[k];
        let mut pattern = Vec::new();
        calculate(model, parameters, broadening, &mut pattern)?;
        Ok(r_wp(reference, &pattern))
    }

    /// Distance of a model's pattern from the measured one on a grid at the best scale, from 0 to 1.
    ///
    /// # Errors
    ///
    /// A grid or cell that is none, a pattern without peaks.
    pub fn misfit(
        &mut self,
        model: &mut PowderModel,
        parameters: &[f64],
        grid: QGrid,
    ) -> Result<f64, RefineError> {
        let k = self.prepare(grid)?;
        let (_, broadening, reference) = &mut self.grids[k];
        let mut pattern = Vec::new();
        calculate(model, parameters, broadening, &mut pattern)?;
        Ok(Residual::of(&pattern, reference).norm())
    }

    /// Refines from `start` through the stages. The displacement parameter, the last one, stays.
    ///
    /// # Errors
    ///
    /// A stage or start that cannot be used, a pattern without peaks.
    pub fn refine(
        &mut self,
        model: &mut PowderModel,
        start: &[f64],
        stages: &[Stage],
        limits: Limits,
    ) -> Result<Refined, RefineError> {
        let refined = Refined { parameters: start.to_vec(), misfit: f64::INFINITY, evaluations: 0 };
        self.go_on(model, start, refined, stages, limits)
    }

    /// Refines, and while the misfit stays above `enough`, refines anew from points drawn around the
    /// start within `spread`, at most `restarts` times. The best result is kept. A restart whose first
    /// half of the stages ends no better than what it should beat is given up there.
    ///
    /// # Errors
    ///
    /// As [`Self::refine`].
    pub fn refine_with_restarts(
        &mut self,
        model: &mut PowderModel,
        start: &[f64],
        stages: &[Stage],
        limits: Limits,
        restarts: &Restarts<'_, impl Rng + Clone>,
    ) -> Result<Refined, RefineError> {
        let (first, last_stages) = stages.split_at(stages.len() / 2);
        let half = self.refine(model, start, first, limits)?;
        let mut best_half = half.misfit;
        let mut best = self.go_on(model, start, half, last_stages, limits)?;
        let mut rng = restarts.rng.clone();
        let (cell, last) = (model.cell_parameters(), start.len() - 1);
        for round in 0..restarts.count {
            if best.misfit < restarts.enough {
                break;
            }
            let mut from = start.to_vec();
            for (k, value) in from[..last].iter_mut().enumerate() {
                let u: f64 = rng.random_range(-1.0..1.0);
                if k >= cell {
                    *value += restarts.spread.coordinate * u;
                } else if round % 2 == 0 {
                    // the best cell so far is mostly right already
                    *value = best.parameters[k];
                } else {
                    *value *= 1.0 + restarts.spread.cell * u;
                }
            }
            let Ok(half) = self.refine(model, &from, first, limits) else { continue };
            if half.misfit > PROMISING * best_half && !last_stages.is_empty() {
                best.evaluations += half.evaluations;
                continue;
            }
            let halfway = half.misfit;
            let Ok(next) = self.go_on(model, &from, half, last_stages, limits) else { continue };
            if next.misfit < best.misfit {
                best_half = halfway;
            }
            let evaluations = best.evaluations + next.evaluations;
            if next.misfit < best.misfit {
                best = next;
            }
            best.evaluations = evaluations;
        }
        Ok(best)
    }

    /// Further stages of a refinement that began at `start`.
    fn go_on(
        &mut self,
        model: &mut PowderModel,
        start: &[f64],
        mut refined: Refined,
        stages: &[Stage],
        limits: Limits,
    ) -> Result<Refined, RefineError> {
        let bounds = around(start, model.cell_parameters(), limits);
        for stage in stages {
            self.stage(model, stage, &bounds, &mut refined)?;
        }
        Ok(refined)
    }

    fn stage(
        &mut self,
        model: &mut PowderModel,
        stage: &Stage,
        bounds: &Bounds,
        refined: &mut Refined,
    ) -> Result<(), RefineError> {
        let k = self.prepare(stage.grid())?;
        let (_, broadening, reference) = &mut self.grids[k];
        let moved = match stage.free {
            Free::Cell => model.cell_parameters(),
            Free::Structure => refined.parameters.len() - 1,
        };
        let moved: Vec<usize> = (0..moved).collect();
        let mut gradients = vec![Gradient::default(); refined.parameters.len()];
        let mut pattern = Vec::new();
        let evaluate = |parameters: &[f64], columns: Option<&mut [Vec<f64>]>| {
            let Some(columns) = columns else {
                calculate(model, parameters, broadening, &mut pattern).ok()?;
                return Some(Residual::of(&pattern, reference).values);
            };
            model.evaluate(parameters, broadening.reach(), &mut gradients).ok()?;
            derive(model, &gradients, broadening, &mut pattern, columns);
            let residual = Residual::of(&pattern, reference);
            residual.differentiate(&pattern, reference, columns);
            Some(residual.values)
        };
        let ends = Ends { iterations: stage.iterations, least_gain: LEAST_GAIN };
        let found = minimise(&mut refined.parameters, &moved, bounds, ends, evaluate);
        refined.misfit = found.norm;
        refined.evaluations += found.evaluations;
        Ok(())
    }
}

/// Restarts of a refinement.
pub struct Restarts<'a, R> {
    /// How many at most.
    pub count: usize,
    /// Misfit that is good enough.
    pub enough: f64,
    /// How far from the start.
    pub spread: Limits,
    /// Where the numbers come from.
    pub rng: &'a R,
}

/// Bounds of cell parameters, coordinates and displacement around a start.
fn around(start: &[f64], cell: usize, limits: Limits) -> Bounds {
    let width = |k: usize, x: f64| if k < cell { limits.cell * x } else { limits.coordinate };
    let scale = |k: usize, x: f64| if k < cell { CELL_SCALE * x } else { COORDINATE_SCALE };
    let each = || start.iter().enumerate();
    Bounds {
        low: each().map(|(k, &x)| x - width(k, x)).collect(),
        high: each().map(|(k, &x)| x + width(k, x)).collect(),
        scale: each().map(|(k, &x)| scale(k, x)).collect(),
    }
}

/// Pattern of a model.
fn calculate(
    model: &mut PowderModel,
    parameters: &[f64],
    broadening: &mut Broadening,
    pattern: &mut Vec<f64>,
) -> Result<(), LatticeError> {
    model.evaluate(parameters, broadening.reach(), &mut [])?;
    let peaks = model.q().iter().zip(model.intensity()).map(|(&q, &i)| (q, i));
    broadening.pattern(peaks, pattern);
    Ok(())
}

/// Pattern of the last evaluation and its derivatives.
fn derive(
    model: &PowderModel,
    gradients: &[Gradient],
    broadening: &mut Broadening,
    pattern: &mut Vec<f64>,
    columns: &mut [Vec<f64>],
) {
    let (q, intensity) = (model.q(), model.intensity());
    broadening.pattern(q.iter().copied().zip(intensity.iter().copied()), pattern);
    for (column, gradient) in columns.iter_mut().zip(gradients) {
        let peaks = (0..q.len()).filter(|&k| intensity[k] > 0.0 || gradient.intensity[k] != 0.0);
        let changes = peaks.map(|k| (q[k], intensity[k], gradient.intensity[k], gradient.q[k]));
        broadening.derivative(changes, column);
    }
}

/// Scaled pattern minus a reference of norm 1.
struct Residual {
    scale: f64,
    square: f64,
    values: Vec<f64>,
}

impl Residual {
    fn of(pattern: &[f64], reference: &[f64]) -> Self {
        let square = dot(pattern, pattern).max(f64::MIN_POSITIVE);
        let scale = dot(pattern, reference) / square;
        let values = pattern.iter().zip(reference).map(|(p, r)| scale * p - r).collect();
        Self { scale, square, values }
    }

    fn norm(&self) -> f64 {
        dot(&self.values, &self.values).sqrt()
    }

    /// Turns derivatives of the pattern into those of the residual, the scale's own included.
    fn differentiate(&self, pattern: &[f64], reference: &[f64], columns: &mut [Vec<f64>]) {
        for column in columns {
            let slope =
                (dot(column, reference) - 2.0 * self.scale * dot(pattern, column)) / self.square;
            for (value, p) in column.iter_mut().zip(pattern) {
                *value = self.scale * *value + slope * p;
            }
        }
    }
}
