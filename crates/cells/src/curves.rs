//! Curves of one electrode, a tile of rows at a time.
//!
//! A row is a point of the box at a time; the rows of a curve follow each other, and curves do. The closed form
//! and the network work on whole tiles, so that many curves cost what their rows do, and none is handled by
//! itself. Derivatives come from one reverse sweep, whatever the number of axes.

use surrogate_battery::solve::Dual;
use surrogate_jet::{Registers, Workspace};

use crate::depleted::{Ends, EndsWork, course, fall};
use crate::half::{COLUMNS, ClosedForm, FEATURES, FRAME, Half};
use crate::network::{HalfNetwork, places};
use crate::problem::CellProblem;
use crate::regression::streams;

/// Rows of a tile: what both layers of a network hold then stays in the cache.
const LANES: usize = 24;

/// The potential of an electrode: its closed form and its network.
#[derive(Clone, Copy)]
pub(crate) struct Potential<'a> {
    pub(crate) problem: &'a CellProblem,
    pub(crate) half: &'a Half,
    pub(crate) closed: &'a ClosedForm,
    pub(crate) network: &'a HalfNetwork,
    /// Where discharges that deplete the electrolyte end.
    pub(crate) ends: Option<&'a Ends>,
}

/// Buffers of one thread for an electrode, `[column][lane]`.
pub(crate) struct Tile {
    workspace: Workspace,
    registers: Registers,
    /// Frame and time.
    columns: Vec<f64>,
    /// Places, features, and the way to the end where the network has it as an input.
    inputs: Vec<f64>,
    /// One over the time of the end, s-1, and derivatives of the potential by the way there.
    pace: Vec<f64>,
    by_course: Vec<f64>,
    ends: Option<EndsWork>,
    /// Derivative of the network's part by its output, and of the potential by inputs, results and columns.
    by_output: Vec<f64>,
    by_inputs: Vec<f64>,
    by_results: Vec<f64>,
    by_columns: Vec<f64>,
}

impl Tile {
    /// For an electrode with such a network, in a box with `axes` axes.
    pub(crate) fn new(network: &HalfNetwork, ends: Option<&Ends>) -> Self {
        let inputs = network.mlp.inputs;
        let mut by_results = vec![0.0; (1 + FEATURES) * LANES];
        by_results[..LANES].fill(1.0);
        Self {
            workspace: Workspace::new(&network.mlp, &streams(0), LANES),
            registers: Registers::new(),
            columns: vec![0.0; COLUMNS * LANES],
            inputs: vec![0.0; inputs * LANES],
            pace: vec![0.0; LANES],
            by_course: vec![0.0; LANES],
            ends: ends.map(Ends::workspace),
            by_output: vec![network.scale; LANES],
            by_inputs: vec![0.0; inputs * LANES],
            by_results,
            by_columns: vec![0.0; COLUMNS * LANES],
        }
    }

    /// Puts rows `first..first + count` into lanes: `fixed [curve][pace, frame, places]`, each curve at all times.
    fn fill(
        &mut self,
        fixed: &[f64],
        per_curve: usize,
        times: &[f64],
        (first, count): (usize, usize),
    ) {
        let mut lane = 0;
        while lane < count {
            let (curve, k) = ((first + lane) / times.len(), (first + lane) % times.len());
            let lanes = lane..lane + (count - lane).min(times.len() - k);
            let (pace, fixed) = fixed[curve * per_curve..][..per_curve].split_at(1);
            let (frame, places) = fixed.split_at(FRAME);
            self.pace[lanes.clone()].fill(pace[0]);
            let columns = self.columns.chunks_exact_mut(LANES).zip(frame);
            let inputs = self.inputs.chunks_exact_mut(LANES).zip(places);
            columns.chain(inputs).for_each(|(column, v)| column[lanes.clone()].fill(*v));
            let own = &mut self.columns[FRAME * LANES..][lanes.clone()];
            own.copy_from_slice(&times[k..][..lanes.len()]);
            lane = lanes.end;
        }
    }

    /// The network after the closed form.
    fn learned(&mut self, network: &HalfNetwork, axes: usize) {
        let features = self.inputs[axes * LANES..].chunks_exact_mut(LANES).take(FEATURES);
        for (k, input) in features.enumerate() {
            input.copy_from_slice(self.registers.output(1 + k));
        }
        if self.ends.is_some() {
            let first = (axes + FEATURES) * LANES;
            for lane in 0..LANES {
                for (k, (input, _)) in course(self.part(lane)).into_iter().enumerate() {
                    self.inputs[first + k * LANES + lane] = input;
                }
            }
        }
        self.workspace.forward(&network.weights, &self.inputs);
    }

    /// Part of the way to the end of the discharge in a lane.
    fn part(&self, lane: usize) -> f64 {
        self.pace[lane] * self.columns[FRAME * LANES + lane]
    }

    /// The potentials of the first rows, V.
    fn potentials(&self, network: &HalfNetwork, out: &mut [f64]) {
        let both = self.registers.output(0).iter().zip(self.workspace.output());
        for (out, (closed, learned)) in out.iter_mut().zip(both) {
            *out = closed + network.shift + network.scale * learned;
        }
        if self.ends.is_some() {
            for (lane, out) in out.iter_mut().enumerate() {
                *out -= fall(self.part(lane)).0;
            }
        }
    }

    /// Derivatives by the axes in one lane, from those of the frame and the places of its curve.
    fn by_axes(&self, slopes: &[f64], lane: usize, out: &mut [f64]) {
        let axes = out.len();
        let (pace, slopes) = slopes.split_at(axes);
        let (frame, places) = slopes.split_at(FRAME * axes);
        let by_pace = self.by_course[lane] * self.part(lane);
        for (k, (out, place)) in out.iter_mut().zip(places).enumerate() {
            let column = |c: usize| self.by_columns[c * LANES + lane] * frame[c * axes + k];
            *out = self.by_inputs[k * LANES + lane] * place + (0..FRAME).map(column).sum::<f64>();
            if self.ends.is_some() {
                *out += by_pace * pace[k];
            }
        }
    }
}

impl Potential<'_> {
    /// Potentials in V of some points, each at times in s, into `out [point][time]`.
    pub(crate) fn values<P: AsRef<[f64]>>(
        &self,
        points: &[P],
        times: &[f64],
        tile: &mut Tile,
        out: &mut [f64],
    ) {
        let axes = self.problem.axes.len();
        let fixed: Vec<f64> =
            points.iter().flat_map(|point| self.fixed(point.as_ref(), tile)).collect();
        for (k, out) in out.chunks_mut(LANES).enumerate() {
            tile.fill(&fixed, 1 + FRAME + axes, times, (k * LANES, out.len()));
            self.closed.values.forward(&tile.columns, LANES, &mut tile.registers);
            tile.learned(self.network, axes);
            tile.potentials(self.network, out);
        }
    }

    /// The same, and derivatives by the values of the axes into `by [point][time][axis]`.
    pub(crate) fn gradients<P: AsRef<[f64]>>(
        &self,
        points: &[P],
        times: &[f64],
        tile: &mut Tile,
        (out, by): (&mut [f64], &mut [f64]),
    ) {
        let axes = self.problem.axes.len();
        let fixed: Vec<f64> =
            points.iter().flat_map(|point| self.fixed(point.as_ref(), tile)).collect();
        let slopes: Vec<f64> =
            points.iter().flat_map(|point| self.slopes(point.as_ref(), tile)).collect();
        for (k, out) in out.chunks_mut(LANES).enumerate() {
            let first = k * LANES;
            tile.fill(&fixed, 1 + FRAME + axes, times, (first, out.len()));
            self.closed.slopes.forward(&tile.columns, LANES, &mut tile.registers);
            tile.learned(self.network, axes);
            tile.potentials(self.network, out);
            self.reverse(tile);
            for lane in 0..out.len() {
                let curve = (first + lane) / times.len();
                let own = &slopes[curve * (FRAME + 2) * axes..][..(FRAME + 2) * axes];
                tile.by_axes(own, lane, &mut by[(first + lane) * axes..][..axes]);
            }
        }
    }

    /// Derivatives of the potentials by what the tile was filled with.
    fn reverse(&self, tile: &mut Tile) {
        let axes = self.problem.axes.len();
        let weights = &self.network.weights;
        tile.workspace.reverse_inputs(weights, &tile.by_output, &mut tile.by_inputs);
        let (features, course_at) = (axes * LANES, (axes + FEATURES) * LANES);
        tile.by_results[LANES..].copy_from_slice(&tile.by_inputs[features..course_at]);
        if tile.ends.is_some() {
            for lane in 0..LANES {
                let part = tile.part(lane);
                let slopes = course(part).into_iter().enumerate();
                let by = |(k, (_, slope))| tile.by_inputs[course_at + k * LANES + lane] * slope;
                tile.by_course[lane] = slopes.map(by).sum::<f64>() - fall(part).1;
            }
        }
        tile.by_columns.fill(0.0);
        let registers = &mut tile.registers;
        self.closed.slopes.reverse(&tile.by_results, registers, &mut tile.by_columns);
    }

    /// What is the same at all times: the pace to the end, the frame, and the places.
    fn fixed(&self, point: &[f64], tile: &mut Tile) -> Vec<f64> {
        let factors = self.problem.factors::<f64>(point);
        let said = self.ends.zip(tile.ends.as_mut());
        let mut out = vec![said.map_or(0.0, |(ends, work)| ends.pace(self.problem, point, work))];
        out.extend(self.half.frame(&factors).columns());
        out.extend(places(self.problem, point, &factors));
        out
    }

    /// Its derivatives: those of the logarithm of the pace, those of the frame `[column][axis]`, then that of each place by its own axis.
    fn slopes(&self, point: &[f64], tile: &mut Tile) -> Vec<f64> {
        let factors = self.problem.factors::<Dual>(point);
        let axes = || self.problem.axes.iter().zip(point);
        let by = |number: &Dual, axis: usize| {
            let (own, value) = (&self.problem.axes[axis], point[axis]);
            number.d[own.quantity.parameter() as usize] / value
        };
        let frame = self.half.frame(&factors).columns();
        let frame = frame.iter().flat_map(|column| (0..axes().len()).map(move |k| by(column, k)));
        let places = places(self.problem, point, &factors);
        let places = places.iter().enumerate().map(|(k, place)| by(place, k));
        let said = self.ends.zip(tile.ends.as_mut());
        let pace = said.map(|(ends, work)| ends.slopes(self.problem, point, work));
        let pace = pace.unwrap_or_else(|| vec![0.0; point.len()]);
        pace.into_iter().chain(frame).chain(places).collect()
    }
}
