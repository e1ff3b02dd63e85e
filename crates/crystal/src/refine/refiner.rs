//! Levenberg-Marquardt through a schedule.

use rand::{Rng, RngExt};
use thiserror::Error;

use super::solve::{Bounds, Ends, Reuse, dot, minimise};
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
    grids: Vec<Prepared>,
}

/// What becomes of tails of peaks that leave the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tails {
    /// They end, as in a measurement.
    End,
    /// They come in on the other side, in both patterns alike: faster, and the same minimum.
    Wrap,
}

/// The pattern on a grid, of norm 1.
struct Prepared {
    grid: QGrid,
    tails: Tails,
    broadening: Broadening,
    reference: Vec<f64>,
}

/// A change of a parameter that moves a pattern about as much as any other: 1 % of the cell, 0.02 of a
/// coordinate.
const CELL_SCALE: f64 = 0.01;
const COORDINATE_SCALE: f64 = 0.02;

/// A refinement goes on after a stage if it ends below this share of the best one's misfit there.
const PROMISING: f64 = 0.95;

/// Share by which reciprocal lengths may shrink while scouting.
const MARGIN: f64 = 0.1;

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
    fn prepare(&mut self, grid: QGrid, tails: Tails) -> Result<usize, RefineError> {
        let same = |g: &Prepared| g.grid == grid && g.tails == tails;
        if let Some(k) = self.grids.iter().position(same) {
            return Ok(k);
        }
        let cut = QGrid {
            q_min: grid.q_min.max(self.q_range[0]),
            q_max: grid.q_max.min(self.q_range[1] - 2.0 * grid.fwhm),
            ..grid
        };
        let mut broadening = match tails {
            Tails::End => Broadening::new(cut)?,
            Tails::Wrap => Broadening::periodic(cut)?,
        };
        let mut reference = Vec::new();
        broadening.pattern(self.peaks.iter().copied(), &mut reference);
        let norm = dot(&reference, &reference).sqrt();
        if !(norm.is_finite() && norm > 0.0) {
            return Err(RefineError::NoSignal { from: grid.q_min, to: grid.q_max });
        }
        reference.iter_mut().for_each(|y| *y /= norm);
        self.grids.push(Prepared { grid, tails, broadening, reference });
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
        let k = self.prepare(grid, Tails::End)?;
        let Prepared { broadening, reference, .. } = &mut self.grids[k];
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
        let k = self.prepare(grid, Tails::End)?;
        let Prepared { broadening, reference, .. } = &mut self.grids[k];
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
        let bounds = around(start, model.cell_parameters(), limits);
        self.all_stages(model, refined, stages, &bounds, &mut [])
    }

    /// Refines, and while the misfit stays above `enough`, scouts: the first stage, of low angles where
    /// reflections are few, from many points drawn around the start within `spread`; the best of these go
    /// through the other stages. What is no better after a stage than the best so far was there is given up.
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
        let Some((scout, others)) = stages.split_first() else {
            return self.refine(model, start, stages, limits);
        };
        let bounds = around(start, model.cell_parameters(), limits);
        let mut few = model.up_to(start, scout.q_max + 2.0 * scout.fwhm, MARGIN)?;
        let mut evaluations = 0;
        let mut least = vec![f64::INFINITY; others.len()];
        let mut best: Option<Refined> = None;
        let mut rng = restarts.rng.clone();
        for round in 0..=restarts.rounds {
            let mut scouted = Vec::new();
            for k in 0..if round == 0 { 1 } else { restarts.scouts } {
                let from = match &best {
                    Some(best) => drawn(start, best, k % 2 == 0, model, restarts.spread, &mut rng),
                    None => start.to_vec(),
                };
                let begun = Refined { parameters: from, misfit: f64::INFINITY, evaluations: 0 };
                scouted.extend(self.all_stages(&mut few, begun, &[*scout], &bounds, &mut []).ok());
            }
            evaluations += scouted.iter().map(|s| s.evaluations).sum::<usize>();
            scouted.sort_by(|a, b| a.misfit.total_cmp(&b.misfit));
            for mut next in scouted.into_iter().take(restarts.kept) {
                next.evaluations = 0;
                let found = self.all_stages(model, next, others, &bounds, &mut least)?;
                evaluations += found.evaluations;
                if best.as_ref().is_none_or(|best| found.misfit < best.misfit) {
                    best = Some(found);
                }
                if best.as_ref().is_some_and(|best| best.misfit < restarts.enough) {
                    break;
                }
            }
            if best.as_ref().is_some_and(|best| best.misfit < restarts.enough) {
                break;
            }
        }
        let none = Refined { parameters: start.to_vec(), misfit: f64::INFINITY, evaluations };
        Ok(best.map_or(none, |best| Refined { evaluations, ..best }))
    }

    /// Stages one after the other. `least` are the least misfits so far after each of them, if any: a refinement
    /// that comes to no less than a share of that ends with an infinite misfit.
    fn all_stages(
        &mut self,
        model: &mut PowderModel,
        mut refined: Refined,
        stages: &[Stage],
        bounds: &Bounds,
        least: &mut [f64],
    ) -> Result<Refined, RefineError> {
        for (k, stage) in stages.iter().enumerate() {
            self.stage(model, stage, bounds, &mut refined)?;
            let Some(least) = least.get_mut(k) else { continue };
            if k + 1 < stages.len() && refined.misfit > PROMISING * *least {
                refined.misfit = f64::INFINITY;
                return Ok(refined);
            }
            *least = least.min(refined.misfit);
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
        let k = self.prepare(stage.grid(), Tails::Wrap)?;
        let Prepared { broadening, reference, .. } = &mut self.grids[k];
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
        let ends =
            Ends { iterations: stage.iterations, least_gain: LEAST_GAIN, reuse: Reuse::Jacobian };
        let found = minimise(&mut refined.parameters, &moved, bounds, ends, evaluate);
        refined.misfit = found.norm;
        refined.evaluations += found.evaluations;
        Ok(())
    }
}

/// Restarts of a refinement.
pub struct Restarts<'a, R> {
    /// How often, at most.
    pub rounds: usize,
    /// Points scouted in each round.
    pub scouts: usize,
    /// The best of them that go on.
    pub kept: usize,
    /// Misfit that is good enough.
    pub enough: f64,
    /// How far from the start.
    pub spread: Limits,
    /// Where the numbers come from.
    pub rng: &'a R,
}

/// A point around the start; every other one with the best cell so far, which is mostly right already.
fn drawn(
    start: &[f64],
    best: &Refined,
    keep_cell: bool,
    model: &PowderModel,
    spread: Limits,
    rng: &mut impl Rng,
) -> Vec<f64> {
    let (cell, last) = (model.cell_parameters(), start.len() - 1);
    let mut from = start.to_vec();
    for (k, value) in from[..last].iter_mut().enumerate() {
        let u: f64 = rng.random_range(-1.0..1.0);
        if k >= cell {
            *value += spread.coordinate * u;
        } else if keep_cell {
            *value = best.parameters[k];
        } else {
            *value *= 1.0 + spread.cell * u;
        }
    }
    from
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
    broadening.place(model.q());
    broadening.placed(model.intensity(), pattern);
    Ok(())
}

/// Pattern of the last evaluation and its derivatives. Coordinates do not move peaks.
fn derive(
    model: &PowderModel,
    gradients: &[Gradient],
    broadening: &mut Broadening,
    pattern: &mut Vec<f64>,
    columns: &mut [Vec<f64>],
) {
    let intensity = model.intensity();
    broadening.place(model.q());
    broadening.placed(intensity, pattern);
    for (k, (column, gradient)) in columns.iter_mut().zip(gradients).enumerate() {
        let moves = (k < model.cell_parameters()).then_some(&gradient.q[..]);
        broadening.derivative(intensity, &gradient.intensity, moves, column);
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
