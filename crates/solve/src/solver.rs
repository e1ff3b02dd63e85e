//! The solver: a prepared problem, solved for any parameters and times.

use surrogate_jet::Registers;
use surrogate_problem::model::Problem;

use crate::discretise::{discretise, line_rule};
use crate::error::SolveError;
use crate::law::{Input, Law, Leaf, padded};
use crate::layout::{Combination, Layout, Resolution};
use crate::model::{Home, Model};
use crate::rodas::{Clock, Run, integrate};
use crate::solution::{FieldSolution, Solution, Statistics};
use crate::start;
use crate::system::{Discretisation, System};

/// Choices of the reference solver. What the problem's `[reference]` says overrides them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Options {
    /// Cells per space coordinate; default [`CELLS`] for conservative cells, [`INTERVALS`] for
    /// finite differences.
    pub cells: Option<usize>,
    /// Relative tolerance per time step; default [`TOLERANCE`].
    pub tolerance: Option<f64>,
}

/// Default number of finite-volume cells.
pub const CELLS: usize = 40;
/// Default number of finite-difference intervals.
pub const INTERVALS: usize = 400;
/// Default relative tolerance per time step.
pub const TOLERANCE: f64 = 1e-6;
/// Width of the cell at a refined end, relative to the line, at [`CELLS`] or [`INTERVALS`].
const FIRST: f64 = 2e-3;
const STENCIL: usize = 4;
const MAX_STEPS: usize = 200_000;

/// A problem prepared for solving.
#[derive(Clone, Debug)]
pub struct Solver {
    model: Model,
    resolution: Resolution,
    tolerance: f64,
    parts: Vec<Part>,
}

/// A component on its mesh.
#[derive(Clone, Debug)]
struct Part {
    layout: Layout,
    plan: Discretisation,
}

/// States of a component at the requested times, `[time][unknown]`.
struct Track {
    size: usize,
    states: Vec<f64>,
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
            cells: cells.unwrap_or(CELLS).max(8),
            intervals: cells.unwrap_or(INTERVALS).max(12),
            first: FIRST,
            stencil: STENCIL,
        };
        Self::on(model, resolution, tolerance)
    }

    fn on(model: Model, resolution: Resolution, tolerance: f64) -> Result<Self, SolveError> {
        let faces = vec![None; model.lines.len()];
        let mut parts = Vec::new();
        for component in &model.components {
            let layout = Layout::new(&model, component, resolution, &faces);
            let plan = discretise(&model, component, &layout)?;
            parts.push(Part { layout, plan });
        }
        Ok(Self { model, resolution, tolerance, parts })
    }

    /// Number of cells (or intervals) and relative tolerance in use.
    pub fn resolution(&self) -> (usize, f64) {
        let cells = self.model.lines.iter().any(|l| l.cells);
        let Resolution { cells: n, intervals, .. } = self.resolution;
        (if cells { n } else { intervals }, self.tolerance)
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
        let mut statistics = Statistics::default();
        let mut tracks = Vec::with_capacity(self.parts.len());
        for (part, component) in self.parts.iter().zip(&model.components) {
            let mut system = System::new(&part.plan, parameters);
            let size = part.plan.shape.size();
            let mut y = start::values(model, component, &part.layout, size, parameters);
            system.settle_auxiliary(model.start, &mut y);
            start::make_consistent(&mut system, model.start, &mut y)?;
            let states = if component.steady {
                y.repeat(times.len())
            } else {
                let run = Run {
                    start: model.start,
                    times,
                    tolerance: self.tolerance,
                    clock: if component.abrupt { Clock::SquareRoot } else { Clock::Linear },
                    max_steps: MAX_STEPS,
                };
                integrate(&mut system, &y, &run, &mut statistics)?
            };
            tracks.push(Track { size, states });
        }
        let outputs = model
            .outputs
            .iter()
            .map(|o| o.as_ref().map_or(Vec::new(), |law| self.output(law, parameters, times, &tracks)))
            .collect();
        let fields =
            model.first_state.iter().map(|&s| self.field(s, times.len(), &tracks)).collect();
        Ok(Solution { times: times.to_vec(), outputs, fields, statistics })
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
        let resolution = Resolution {
            cells: self.resolution.cells / 2,
            intervals: self.resolution.intervals / 2,
            first: 2.0 * self.resolution.first,
            ..self.resolution
        };
        let coarse = Self::on(self.model.clone(), resolution, 10.0 * self.tolerance)?;
        let coarse = coarse.solve(parameters, times)?;
        let largest = |differences: &mut dyn Iterator<Item = f64>| {
            differences.fold(0.0_f64, |worst, d| worst.max(d.abs()))
        };
        let outputs = fine.outputs.iter().zip(&coarse.outputs);
        let outputs =
            outputs.map(|(a, b)| largest(&mut a.iter().zip(b).map(|(a, b)| a - b))).collect();
        let fields = fine.fields.iter().zip(&coarse.fields).map(|(a, b)| {
            largest(&mut (0..a.values.len()).flat_map(|t| {
                b.places.iter().zip(&b.values[t]).map(move |(x, v)| a.at(t, *x) - v)
            }))
        });
        let fields = fields.collect();
        Ok(ErrorEstimate { outputs, fields })
    }

    /// A combination of unknowns of a state over time, padded.
    fn column(&self, state: usize, terms: &Combination, tracks: &[Track], out: &mut [f64]) {
        let track = &tracks[self.model.component_of[state]];
        let mut last = 0.0;
        let mut rows = track.states.chunks_exact(track.size);
        for out in out {
            if let Some(row) = rows.next() {
                last = terms.iter().map(|&(u, w)| w * row[u]).sum();
            }
            *out = last;
        }
    }

    fn functional(&self, state: usize, place: f64, order: usize) -> Combination {
        self.parts[self.model.component_of[state]].layout.functional(state, place, order)
    }

    /// An output of time only, all times at once.
    fn output(&self, law: &Law, parameters: &[f64], times: &[f64], tracks: &[Track]) -> Vec<f64> {
        let tile = padded(times.len());
        if tile == 0 {
            return Vec::new();
        }
        let mut columns = vec![0.0; tile * law.inputs.len()];
        for (input, column) in law.inputs.iter().zip(columns.chunks_exact_mut(tile)) {
            match *input {
                Input::Time => {
                    column[..times.len()].copy_from_slice(times);
                    column[times.len()..].fill(times[times.len() - 1]);
                }
                Input::Parameter(p) => column.fill(parameters[p]),
                Input::Leaf(Leaf::At { state, order, place }) => {
                    self.column(state, &self.functional(state, place, order), tracks, column);
                }
                Input::Leaf(Leaf::Scalar { state }) => {
                    self.column(state, &self.functional(state, 0.0, 0), tracks, column);
                }
                Input::Leaf(Leaf::Integral(k)) => {
                    for (time, out) in column[..times.len()].iter_mut().enumerate() {
                        *out = self.integral(k, parameters, times, time, tracks);
                    }
                    let last = column[times.len() - 1];
                    column[times.len()..].fill(last);
                }
                Input::Place | Input::Leaf(Leaf::Local { .. } | Leaf::Rate { .. }) => {}
            }
        }
        let mut registers = Registers::new();
        law.value.forward(&columns, tile, &mut registers);
        registers.output(0)[..times.len()].to_vec()
    }

    /// An integral at one time.
    fn integral(
        &self,
        k: usize,
        parameters: &[f64],
        times: &[f64],
        time: usize,
        tracks: &[Track],
    ) -> f64 {
        let integral = &self.model.integrals[k];
        let law = &integral.body;
        let mesh = self.parts.iter().find_map(|p| p.layout.mesh(integral.coordinate));
        let Some(mesh) = mesh else { return f64::NAN };
        let rule = line_rule(mesh, integral.lower, integral.upper);
        let tile = padded(rule.len());
        let mut columns = vec![0.0; tile * law.inputs.len()];
        let value = |state: usize, place: f64, order: usize| -> f64 {
            let track = &tracks[self.model.component_of[state]];
            let row = &track.states[time * track.size..][..track.size];
            self.functional(state, place, order).iter().map(|&(u, w)| w * row[u]).sum()
        };
        for (input, column) in law.inputs.iter().zip(columns.chunks_exact_mut(tile)) {
            match *input {
                Input::Time => column.fill(times[time]),
                Input::Parameter(p) => column.fill(parameters[p]),
                Input::Place => column.iter_mut().zip(&rule).for_each(|(c, (x, _))| *c = *x),
                Input::Leaf(Leaf::At { state, order, place }) => {
                    column.fill(value(state, place, order));
                }
                Input::Leaf(Leaf::Scalar { state }) => column.fill(value(state, 0.0, 0)),
                Input::Leaf(Leaf::Local { state, order }) => {
                    let points = column.iter_mut().zip(&rule);
                    points.for_each(|(c, (x, _))| *c = value(state, *x, order));
                }
                Input::Leaf(Leaf::Integral(inner)) => {
                    column.fill(self.integral(inner, parameters, times, time, tracks));
                }
                Input::Leaf(Leaf::Rate { .. }) => {}
            }
            let last = column[rule.len() - 1];
            column[rule.len()..].fill(last);
        }
        let mut registers = Registers::new();
        law.value.forward(&columns, tile, &mut registers);
        rule.iter().zip(registers.output(0)).map(|((_, w), v)| w * v).sum()
    }

    fn field(&self, state: usize, times: usize, tracks: &[Track]) -> FieldSolution {
        let component = self.model.component_of[state];
        let layout = &self.parts[component].layout;
        let place = layout.places[state].as_ref();
        let mesh = place.and_then(|p| p.mesh).map(|m| &layout.meshes[m]);
        let places = mesh.map_or(vec![0.0], |m| m.faces.clone());
        let nodes = place.is_some_and(|p| p.home == Home::Nodes);
        let combinations: Vec<Combination> = match (place, mesh) {
            (Some(place), Some(mesh)) if nodes && mesh.line.periodic => {
                let around = place.unknowns.iter().chain(place.unknowns.first());
                around.map(|&u| vec![(u, 1.0)]).collect()
            }
            _ => places.iter().map(|&x| layout.functional(state, x, 0)).collect(),
        };
        let track = &tracks[component];
        let values = track.states.chunks_exact(track.size).take(times).map(|row| {
            let at = |terms: &Combination| terms.iter().map(|&(u, w)| w * row[u]).sum();
            combinations.iter().map(at).collect()
        });
        FieldSolution { places, values: values.collect() }
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
