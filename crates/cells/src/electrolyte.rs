//! The electrolyte: a network for the coefficients of the few shapes that its lithium has.
//!
//! Principal components over the box, whose coefficients are a network of the point and of what the exact
//! particles say. What is known exactly is put in afterwards: the electrolyte begins at rest, and its
//! lithium is conserved. All other fields follow from it by the equations, see `sweep`.

use nalgebra::{DMatrix, SymmetricEigen};
use surrogate_battery::solve::{Fields, KnownElectrolyte, lobatto_rule};
use surrogate_jet::{Activation, Mlp, Workspace};

use crate::half::{FEATURES, Frame, Half};
use crate::problem::CellProblem;
use crate::regression::{Points, streams};
use crate::sample::Curve;

/// Features of the positive electrode beside those of the negative one.
const FEATURES_P: usize = 3;
/// Most components.
const COMPONENTS: usize = 24;
/// Mean square deviation, in scales, from which vectors count less.
const USUAL: f64 = 4.0;
/// Pace at which what was wrong at the first moment fades, in that of the slowest electrolyte.
const SETTLES: f64 = 20.0;
/// Part of the variance that may be left out.
const LEFT_OUT: f64 = 1e-8;

/// Where the nodes are.
#[derive(Debug, Clone)]
pub(crate) struct Nodes {
    /// Places and weights on [0, 1], in an electrode and in the separator.
    pub(crate) electrode: (Vec<f64>, Vec<f64>),
    pub(crate) separator: (Vec<f64>, Vec<f64>),
    /// Thickness of the layers, m, and electrolyte in them at rest.
    layers: [f64; 3],
    held: [f64; 3],
}

impl Nodes {
    /// Those of a problem that resolves the cell; `None` for one that does not.
    pub(crate) fn new(problem: &CellProblem) -> Option<Self> {
        let porous = problem.cell.porous.as_ref()?;
        if problem.model != surrogate_battery::solve::Model::P2d {
            return None;
        }
        let rule = |nodes: usize| {
            let (z, w) = lobatto_rule(nodes);
            let half = |list: Vec<f64>, shift: f64| -> Vec<f64> {
                list.iter().map(|v| 0.5 * (v + shift)).collect()
            };
            (half(z, 1.0), half(w, 0.0))
        };
        let cell = &problem.cell;
        let layers =
            [cell.negative.thickness_m, porous.separator_thickness_m, cell.positive.thickness_m];
        let porosity = [porous.pores_n, porous.pores_s, porous.pores_p].map(|p| p.porosity);
        Some(Self {
            electrode: rule(problem.options.electrode_nodes),
            separator: rule(problem.options.separator_nodes),
            layers,
            held: [0, 1, 2].map(|l| layers[l] * porosity[l]),
        })
    }

    /// Nodes of an electrode.
    pub(crate) fn n(&self) -> usize {
        self.electrode.0.len()
    }

    /// Nodes of the electrolyte; neighbouring layers share one.
    pub(crate) fn electrolyte(&self) -> usize {
        2 * self.n() + self.separator.0.len() - 2
    }

    /// Lithium over that at rest, of a solution; `None` where it has other nodes.
    pub(crate) fn vector(&self, problem: &CellProblem, fields: &Fields) -> Option<Vec<f64>> {
        let rest = problem.cell.porous.as_ref()?.electrolyte.concentration_mol_m3;
        let out: Vec<f64> = fields.electrolyte_mol_m3.iter().map(|c| c / rest).collect();
        (out.len() == self.electrolyte()).then_some(out)
    }

    /// Makes lithium in the electrolyte what it is at rest.
    fn conserve(&self, part: &mut [f64]) {
        let mut held = 0.0;
        for (layer, amount) in self.held.iter().enumerate() {
            let (first, weights) = self.layer(layer);
            let mean: f64 = weights.iter().enumerate().map(|(k, w)| w * part[first + k]).sum();
            held += amount * mean;
        }
        let missing = 1.0 - held / self.held.iter().sum::<f64>();
        part.iter_mut().for_each(|y| *y += missing);
    }

    /// First node of the electrolyte in a layer, and weights.
    pub(crate) fn layer(&self, layer: usize) -> (usize, &[f64]) {
        let n = self.n();
        match layer {
            0 => (0, &self.electrode.1),
            1 => (n - 1, &self.separator.1),
            _ => (n + self.separator.0.len() - 2, &self.electrode.1),
        }
    }

    /// Layer of a place in m, and the part of the way through it. The faces of the separator belong to
    /// the electrodes, also where rounding moves them.
    pub(crate) fn locate(&self, x: f64) -> (usize, f64) {
        let [n, s, p] = self.layers;
        let slack = 1e-12 * (n + s + p);
        if x <= n + slack {
            (0, (x / n).min(1.0))
        } else if x < n + s - slack {
            (1, (x - n) / s)
        } else {
            (2, ((x - n - s) / p).clamp(0.0, 1.0))
        }
    }
}

/// The network of the electrolyte.
#[derive(Debug, Clone)]
pub(crate) struct ElectrolyteNetwork {
    pub(crate) mlp: Mlp,
    pub(crate) weights: Vec<f64>,
    /// Mean at each node.
    mean: Vec<f64>,
    /// Components with their scales, `[component][node]`.
    basis: Vec<f64>,
}

impl ElectrolyteNetwork {
    /// Components of the lithium along curves, and their coefficients as data.
    pub(crate) fn data(
        problem: &CellProblem,
        nodes: &Nodes,
        halves: &[Half; 2],
        curves: &[&Curve],
        width: usize,
    ) -> (Self, Points) {
        let length = nodes.electrolyte();
        let all: Vec<&Vec<f64>> =
            curves.iter().flat_map(|c| c.electrolyte.iter().map(|(_, v)| v)).collect();
        let (mean, scale) = spread(&all, length);
        let shapes = components(&all, &mean, scale);
        let mut points = Points::default();
        for curve in curves {
            let frames = frames(problem, halves, &curve.point);
            let places = problem.places(&curve.point);
            for (time, vector) in &curve.electrolyte {
                points.inputs.extend(inputs(halves, &frames, &places, *time));
                let part: Vec<f64> =
                    vector.iter().zip(&mean).map(|(v, mean)| (v - mean) / scale).collect();
                // what happens in the last moments would outweigh the rest
                let size: f64 = part.iter().map(|v| v * v).sum();
                let weight = 1.0 / (1.0 + size / (USUAL * length as f64)).sqrt();
                for shape in &shapes {
                    points.targets.push(shape.iter().zip(&part).map(|(a, b)| a * b).sum());
                    points.weights.push(weight);
                }
            }
        }
        let mlp = mlp(problem.axes.len(), width, shapes.len());
        let basis = shapes.concat().into_iter().map(|v| v * scale).collect();
        (Self { mlp, weights: vec![], mean, basis }, points)
    }

    /// As named arrays.
    pub(crate) fn arrays(&self, name: &str) -> Vec<(String, Vec<f64>)> {
        let form = vec![self.mlp.hidden[0] as f64, self.mlp.outputs as f64];
        vec![
            (format!("{name} form"), form),
            (format!("{name} weights"), self.weights.clone()),
            (format!("{name} mean"), self.mean.clone()),
            (format!("{name} basis"), self.basis.clone()),
        ]
    }

    /// From named arrays.
    pub(crate) fn read(
        nodes: &Nodes,
        axes: usize,
        name: &str,
        arrays: &[(String, Vec<f64>)],
    ) -> Option<Self> {
        let length = nodes.electrolyte();
        let find = |what: &str| {
            let name = format!("{name} {what}");
            arrays.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
        };
        let [width, outputs] = *find("form")?.as_slice() else { return None };
        let mlp = mlp(axes, width as usize, outputs as usize);
        let weights = find("weights").filter(|w| w.len() == mlp.n_weights())?.clone();
        let mean = find("mean").filter(|m| m.len() == length)?.clone();
        let basis = find("basis").filter(|b| b.len() == length * mlp.outputs)?.clone();
        Some(Self { mlp, weights, mean, basis })
    }

    /// The electrolyte of a point at times in s.
    pub(crate) fn at(
        &self,
        problem: &CellProblem,
        nodes: &Nodes,
        halves: &[Half; 2],
        point: &[f64],
        times: &[f64],
    ) -> KnownElectrolyte {
        let (frames, places) = (frames(problem, halves, point), problem.places(point));
        // the first moment, where all is known, comes last
        let all: Vec<Vec<f64>> =
            times.iter().chain(&[0.0]).map(|t| inputs(halves, &frames, &places, *t)).collect();
        let mut part = self.evaluate(&all);
        let first = part.pop().unwrap_or_default();
        for (y, time) in part.iter_mut().zip(times) {
            let fades = (-SETTLES * frames[0].relaxation * time).exp();
            y.iter_mut().zip(&first).for_each(|(y, wrong)| *y -= fades * (wrong - 1.0));
            nodes.conserve(y);
        }
        KnownElectrolyte { time_s: times.to_vec(), part }
    }

    /// Lithium at the nodes for each row of inputs.
    fn evaluate(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let streams = streams(0);
        let tile = Workspace::default_tile(&self.mlp, &streams);
        let mut workspace = Workspace::new(&self.mlp, &streams, tile);
        let mut out = vec![];
        for inputs in inputs.chunks(tile) {
            let mut block = vec![0.0; self.mlp.inputs * tile];
            for (lane, input) in inputs.iter().enumerate() {
                input.iter().enumerate().for_each(|(k, v)| block[k * tile + lane] = *v);
            }
            workspace.forward(&self.weights, &block);
            for lane in 0..inputs.len() {
                let mut y = self.mean.clone();
                for (k, shape) in self.basis.chunks_exact(y.len()).enumerate() {
                    let coefficient = workspace.output()[k * tile + lane];
                    y.iter_mut().zip(shape).for_each(|(y, shape)| *y += coefficient * shape);
                }
                out.push(y);
            }
        }
        out
    }
}

/// Mean of vectors, and root mean square deviation of all entries.
fn spread(all: &[&Vec<f64>], length: usize) -> (Vec<f64>, f64) {
    let count = all.len().max(1) as f64;
    let mut mean = vec![0.0; length];
    all.iter().for_each(|v| mean.iter_mut().zip(*v).for_each(|(m, v)| *m += v / count));
    let deviation =
        |v: &&Vec<f64>| -> f64 { v.iter().zip(&mean).map(|(v, m)| (v - m).powi(2)).sum() };
    let sum: f64 = all.iter().map(deviation).sum();
    let scale = (sum / (count * length as f64)).sqrt().max(1e-9);
    (mean, scale)
}

/// Principal components of vectors, the largest first.
fn components(all: &[&Vec<f64>], mean: &[f64], scale: f64) -> Vec<Vec<f64>> {
    let length = mean.len();
    let root = scale * (all.len().max(1) as f64).sqrt();
    let mut covariance = DMatrix::<f64>::zeros(length, length);
    for vector in all {
        let part: Vec<f64> = vector.iter().zip(mean).map(|(v, mean)| (v - mean) / root).collect();
        for i in 0..length {
            for j in 0..=i {
                covariance[(i, j)] += part[i] * part[j];
            }
        }
    }
    covariance.fill_upper_triangle_with_lower_triangle();
    let eigen = SymmetricEigen::new(covariance);
    let mut order: Vec<usize> = (0..length).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    let total: f64 = eigen.eigenvalues.iter().sum();
    let wanted = |k: &usize| eigen.eigenvalues[*k] > LEFT_OUT * total;
    let kept = order.into_iter().take(COMPONENTS).take_while(wanted);
    kept.map(|k| (0..length).map(|i| eigen.eigenvectors[(i, k)]).collect()).collect()
}

fn mlp(axes: usize, width: usize, outputs: usize) -> Mlp {
    Mlp {
        inputs: axes + FEATURES + FEATURES_P,
        hidden: vec![width; 2],
        outputs,
        activation: Activation::Tanh,
    }
}

fn frames(problem: &CellProblem, halves: &[Half; 2], point: &[f64]) -> [Frame<f64>; 2] {
    let factors = problem.factors::<f64>(point);
    halves.each_ref().map(|half| half.frame(&factors))
}

/// Inputs of the network at a time.
fn inputs(halves: &[Half; 2], frames: &[Frame<f64>; 2], places: &[f64], time: f64) -> Vec<f64> {
    let features_n = halves[0].at(&frames[0], time).1;
    let features_p = halves[1].at(&frames[1], time).1;
    let mut out = places.to_vec();
    out.extend(features_n.iter().chain(&features_p[..FEATURES_P]));
    out
}
