//! The solver: a prepared problem, solved for any parameters and times.

use surrogate_problem::model::Problem;

use crate::discretise::discretise;
use crate::error::SolveError;
use crate::fronts;
use crate::law::{Input, Leaf};
use crate::layout::{Layout, Resolution};
use crate::model::{Home, Model, Site};
use crate::readout::{Readout, Track};
use crate::rodas::{Clock, Run, integrate};
use crate::solution::{Solution, Statistics};
use crate::start;
use crate::system::{Discretisation, System};

/// Choices of the reference solver. What the problem's `[reference]` says overrides them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Options {
    /// Cells per space coordinate; default [`CELLS`] or [`FLAT_CELLS`] for conservative cells,
    /// [`INTERVALS`] for finite differences.
    pub cells: Option<usize>,
    /// Relative tolerance per time step; default [`TOLERANCE`].
    pub tolerance: Option<f64>,
}

/// Default number of finite-volume cells along a radius.
pub const CELLS: usize = 32;
/// Default number of finite-volume cells along a straight line.
pub const FLAT_CELLS: usize = 200;
/// Default number of finite-difference intervals.
pub const INTERVALS: usize = 400;
/// Default relative tolerance per time step.
pub const TOLERANCE: f64 = 1e-6;
const STENCIL: usize = 4;
const MAX_STEPS: usize = 200_000;

/// A problem prepared for solving.
#[derive(Clone, Debug)]
pub struct Solver {
    pub(crate) model: Model,
    resolution: Resolution,
    tolerance: f64,
    /// Meshes that replace the standard ones, by coordinate.
    faces: Vec<Option<Vec<f64>>>,
    /// Interfaces of the meshes, by coordinate.
    interfaces: Vec<Vec<f64>>,
    parts: Vec<Part>,
    readout: Readout,
}

/// A component on its mesh.
#[derive(Clone, Debug)]
struct Part {
    layout: Layout,
    plan: Discretisation,
}

impl Solver {
    /// Reads the equations, compiles them, and lays out the meshes.
    ///
    /// # Errors
    /// [`SolveError::Unsupported`] says what the solver cannot treat.
    pub fn prepare(problem: &Problem, options: Options) -> Result<Self, SolveError> {
        let model = Model::new(problem)?;
        let cells = problem.reference.cells.or(options.cells);
        let tolerance = problem.reference.tolerance.or(options.tolerance).unwrap_or(TOLERANCE);
        let resolution = Resolution {
            cells: cells.unwrap_or(CELLS).max(8).next_multiple_of(2),
            flat_cells: cells.unwrap_or(FLAT_CELLS).max(8).next_multiple_of(2),
            intervals: cells.unwrap_or(INTERVALS).max(12).next_multiple_of(2),
            stencil: STENCIL,
        };
        let faces = vec![None; model.lines.len()];
        let nominal: Vec<f64> = problem.parameters.iter().map(|p| p.nominal).collect();
        let interfaces = model.switches.interfaces(model.time, &nominal);
        let solver = Self::on(model, resolution, tolerance, faces, interfaces)?;
        let mut trials: Vec<Vec<f64>> = vec![
            nominal,
            problem.parameters.iter().map(|p| p.lower).collect(),
            problem.parameters.iter().map(|p| p.upper).collect(),
        ];
        trials.dedup();
        let end = solver.model.time.map_or(0.0, |t| problem.coordinates[t].upper);
        Ok(match fronts::meshes(&solver, &trials, end) {
            Some(faces) => solver.with_meshes(faces)?,
            None => solver,
        })
    }

    fn on(
        mut model: Model,
        resolution: Resolution,
        tolerance: f64,
        faces: Vec<Option<Vec<f64>>>,
        interfaces: Vec<Vec<f64>>,
    ) -> Result<Self, SolveError> {
        let mut parts = Vec::new();
        for component in &model.components {
            let layout = Layout::new(&model, component, resolution, &faces, &interfaces);
            let plan = discretise(&model, component, &layout)?;
            parts.push(Part { layout, plan });
        }
        let mut offset = 0;
        let mut layouts = Vec::new();
        for part in &parts {
            layouts.push((&part.layout, offset));
            offset += part.plan.shape.size();
        }
        let readout = Readout::new(&mut model, &layouts);
        Ok(Self { model, resolution, tolerance, faces, interfaces, parts, readout })
    }

    /// The same solver on other meshes.
    pub(crate) fn with_meshes(&self, faces: Vec<Option<Vec<f64>>>) -> Result<Self, SolveError> {
        let interfaces = self.interfaces.clone();
        Self::on(self.model.clone(), self.resolution, self.tolerance, faces, interfaces)
    }

    /// Largest number of cells or intervals along a line, and the relative tolerance.
    pub fn resolution(&self) -> (usize, f64) {
        let meshes = self.parts.iter().flat_map(|p| &p.layout.meshes);
        (meshes.map(|m| m.cells()).max().unwrap_or(0), self.tolerance)
    }

    /// Outputs that a solution leaves empty, with the reason.
    pub fn missing_outputs(&self) -> Vec<(usize, &str)> {
        let outputs = self.model.outputs.iter().enumerate();
        outputs.filter_map(|(k, o)| o.as_ref().err().map(|why| (k, why.as_str()))).collect()
    }

    /// Solves for parameters (SI, file order) at increasing times (SI). For a steady problem the
    /// times only say how often the solution is repeated (once if there are none).
    ///
    /// # Errors
    /// Bad arguments, or the solution was not found; see [`SolveError`].
    pub fn solve(&self, parameters: &[f64], times: &[f64]) -> Result<Solution, SolveError> {
        let model = &self.model;
        let finite = parameters.iter().filter(|p| p.is_finite()).count();
        if parameters.len() != model.parameters || finite != model.parameters {
            let expected = model.parameters;
            return Err(SolveError::BadParameters { expected, given: finite });
        }
        let steady = model.components.iter().all(|c| c.steady);
        let times = if steady && times.is_empty() { &[model.start][..] } else { times };
        let increasing = times.windows(2).all(|w| w[1] > w[0]);
        let begun = times.first().is_none_or(|t| *t >= model.start);
        if !increasing || !begun || times.iter().any(|t| !t.is_finite()) {
            return Err(SolveError::BadTimes { start: model.start });
        }
        let interfaces = model.switches.interfaces(model.time, parameters);
        if interfaces != self.interfaces {
            let (faces, model) = (self.faces.clone(), model.clone());
            let there = Self::on(model, self.resolution, self.tolerance, faces, interfaces)?;
            return there.solve_here(parameters, times);
        }
        self.solve_here(parameters, times)
    }

    /// The solution on these meshes.
    fn solve_here(&self, parameters: &[f64], times: &[f64]) -> Result<Solution, SolveError> {
        let model = &self.model;
        let mut statistics = Statistics::default();
        let size = self.parts.iter().map(|p| p.plan.shape.size()).sum();
        let mut track = Track { size, states: vec![0.0; size * times.len()] };
        let mut offset = 0;
        for component in 0..self.parts.len() {
            let states = self.integrate(component, parameters, times, &mut statistics)?;
            let own = self.parts[component].plan.shape.size();
            for (to, from) in track.states.chunks_exact_mut(size).zip(states.chunks_exact(own)) {
                to[offset..offset + own].copy_from_slice(from);
            }
            offset += own;
        }
        let outputs = model.outputs.iter().enumerate().map(|(k, output)| match output {
            Ok(law) => self.readout.output(k, law, parameters, times, &track),
            Err(_) => Vec::new(),
        });
        let outputs = outputs.collect();
        let fields = self.readout.fields(&track);
        Ok(Solution { times: times.to_vec(), outputs, fields, statistics })
    }

    /// States of one component at the times.
    fn integrate(
        &self,
        component: usize,
        parameters: &[f64],
        times: &[f64],
        statistics: &mut Statistics,
    ) -> Result<Vec<f64>, SolveError> {
        let model = &self.model;
        let Part { layout, plan } = &self.parts[component];
        let component = &model.components[component];
        let mut system = System::new(plan, parameters);
        let mut y = start::values(model, component, layout, plan.shape.size(), parameters);
        let raw = y.clone();
        system.settle_auxiliary(model.start, &mut y);
        start::make_consistent(&mut system, model.start, &mut y).map_err(|e| match e {
            SolveError::NotConverged { residual, .. } if component.steady => {
                SolveError::NotFound { step: residual }
            }
            other => other,
        })?;
        if component.steady {
            return Ok(y.repeat(times.len()));
        }
        let clock = if component.abrupt { Clock::SquareRoot } else { Clock::Linear };
        let size = y.len();
        let mut states = Vec::with_capacity(size * times.len());
        let mut scales = plan.floors.clone();
        // what switches at a time known beforehand does so between two runs
        let borders = model.time.map_or(Vec::new(), |t| model.switches.breaks(t, parameters));
        let near =
            model.time.map_or(0.0, |t| 1e-12 * (model.lines[t].upper - model.lines[t].lower));
        let last = times.last().copied();
        let ends = borders.iter().copied().filter(|&b| Some(b) < last).chain(last);
        let mut from = None;
        for (k, to) in ends.enumerate() {
            let after = from.map_or(f64::NEG_INFINITY, |from| from + near);
            let before = borders.get(k).map_or(f64::INFINITY, |border| border - near);
            system.limit((after, before));
            if let Some(from) = from {
                start::make_consistent(&mut system, from, &mut y)?;
            }
            let next = states.len() / size;
            let end = times.partition_point(|t| *t <= to);
            let mut wanted = times[next..end].to_vec();
            if wanted.last() != Some(&to) {
                wanted.push(to);
            }
            let (tolerance, max_steps) = (self.tolerance, MAX_STEPS);
            let start = from.unwrap_or(model.start);
            let run = Run { start, times: &wanted, tolerance, clock, max_steps };
            let found = integrate(&mut system, &y, &run, &mut scales, statistics)?;
            states.extend_from_slice(&found[..size * (end - next)]);
            y = found[found.len() - size..].to_vec();
            from = Some(to);
        }
        if times.first() == Some(&model.start) {
            // a flux that sets in abruptly has not yet moved the boundary value
            for row in &component.rows {
                let slope = Input::Leaf(Leaf::Local { state: row.state, order: 1 });
                let (Site::End { upper, .. }, Some(place)) = (row.site, &layout.places[row.state])
                else {
                    continue;
                };
                let given = !model.states[row.state].initial.is_empty();
                if place.home != Home::Nodes && given && row.law.reads(|i| *i == slope) {
                    let site = if upper { place.unknowns.len() - 1 } else { 0 };
                    states[place.unknowns[site]] = raw[place.unknowns[site]];
                }
            }
        }
        Ok(states)
    }

    /// The solver on half the cells with ten times the tolerance.
    ///
    /// # Errors
    /// As [`Solver::prepare`].
    pub fn coarser(&self) -> Result<Self, SolveError> {
        let resolution = Resolution {
            cells: self.resolution.cells / 2,
            flat_cells: self.resolution.flat_cells / 2,
            intervals: self.resolution.intervals / 2,
            ..self.resolution
        };
        let half = |faces: &Vec<f64>| {
            let mut half: Vec<f64> = faces.iter().step_by(2).copied().collect();
            if faces.len().is_multiple_of(2) {
                half.extend(faces.last());
            }
            half
        };
        let faces = self.faces.iter().map(|f| f.as_ref().map(half)).collect();
        let tolerance = 10.0 * self.tolerance;
        let interfaces = self.interfaces.clone();
        Self::on(self.model.clone(), resolution, tolerance, faces, interfaces)
    }

    /// Difference between this solution and one on half the cells with ten times the tolerance.
    ///
    /// # Errors
    /// As [`Solver::solve`].
    pub fn estimate_error(
        &self,
        parameters: &[f64],
        times: &[f64],
    ) -> Result<ErrorEstimate, SolveError> {
        let fine = self.solve(parameters, times)?;
        let coarse = self.coarser()?.solve(parameters, times)?;
        let largest = |differences: &mut dyn Iterator<Item = f64>| {
            differences.fold(0.0_f64, |worst, d| worst.max(d.abs()))
        };
        let outputs = fine.outputs.iter().zip(&coarse.outputs);
        let outputs =
            outputs.map(|(a, b)| largest(&mut a.iter().zip(b).map(|(a, b)| a - b))).collect();
        let fields =
            fine.fields.iter().zip(&coarse.fields).map(|(a, b)| {
                largest(&mut (0..a.values.len()).flat_map(|t| {
                    b.places.iter().zip(&b.values[t]).map(move |(x, v)| a.at(t, *x) - v)
                }))
            });
        let fields = fields.collect();
        Ok(ErrorEstimate { outputs, fields })
    }
}

/// Largest difference to a solution on half the cells: an upper estimate of the error.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorEstimate {
    /// Per output, SI; zero for outputs without values.
    pub outputs: Vec<f64>,
    /// Per field, SI.
    pub fields: Vec<f64>,
}
