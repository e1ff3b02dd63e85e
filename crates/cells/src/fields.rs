//! Fields inside the cell: networks for the coefficients of the few shapes that they have.
//!
//! At a time the fields at the nodes of the layers are one vector: reaction currents over their mean,
//! surfaces less that of the exact particle, electrolyte over that at rest, potentials less those of the
//! half-cells. Negative electrode, positive electrode and electrolyte each have their principal components over
//! the box, whose coefficients are a network of the point and of what the exact particles say. What is known exactly is put in afterwards: all reaction of
//! an electrode is the current, the mean surface is that of the particle where the diffusivity is
//! constant, lithium in the electrolyte is conserved.

use nalgebra::{DMatrix, SymmetricEigen};
use surrogate_battery::solve::{Fields, lobatto_rule};
use surrogate_jet::{Activation, Mlp, Workspace};

use crate::half::{FEATURES, Half, Particle};
use crate::problem::CellProblem;
use crate::regression::{Points, streams};
use crate::sample::Curve;

/// Features of the positive electrode; those of the electrolyte come with the negative one.
const FEATURES_P: usize = 3;
/// Most components.
const COMPONENTS: usize = 24;
/// Mean square deviation, in scales, from which vectors count less.
const USUAL: f64 = 4.0;
/// Pace at which what was wrong at the first moment fades, in that of the slowest electrolyte.
const SETTLES: f64 = 20.0;
/// Part of the variance that may be left out.
const LEFT_OUT: f64 = 1e-8;

/// A field across the cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Lithium in the electrolyte, mol m-3.
    Electrolyte,
    /// Potential of the electrolyte over the solid at the negative collector, V.
    ElectrolytePotential,
    /// Potential of the solid over that at the negative collector, V; none in the separator.
    SolidPotential,
    /// Reaction current density out of the particles, A m-2; none in the separator.
    Reaction,
    /// Stoichiometry at the surface of the particles; none in the separator.
    Surface,
}

/// Where the nodes are, and which entries of the vector they have.
#[derive(Debug, Clone)]
pub(crate) struct Nodes {
    /// Places and weights on [0, 1], in an electrode and in the separator.
    electrode: (Vec<f64>, Vec<f64>),
    separator: (Vec<f64>, Vec<f64>),
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

    fn n(&self) -> usize {
        self.electrode.0.len()
    }

    /// Nodes of the electrolyte; neighbouring layers share one.
    fn electrolyte(&self) -> usize {
        2 * self.n() + self.separator.0.len() - 2
    }

    /// Length of the vector.
    fn length(&self) -> usize {
        8 * self.n() + self.electrolyte()
    }

    /// First entry and length of each group that has a scale of its own.
    fn groups(&self) -> [(usize, usize); 9] {
        let (n, e) = (self.n(), self.electrolyte());
        let mut first = 0;
        [n, n, n, n, e, n, n, n, n].map(|length| {
            let group = (first, length);
            first += length;
            group
        })
    }

    /// Entries that a network gives.
    fn entries(&self, part: usize) -> Vec<usize> {
        let groups = self.groups();
        let range = |group: usize| groups[group].0..groups[group].0 + groups[group].1;
        TOGETHER[part].into_iter().flat_map(range).collect()
    }

    /// The vector of a solution; `None` where it has other nodes.
    pub(crate) fn vector(
        &self,
        problem: &CellProblem,
        fields: &Fields,
        particles: &[Particle<f64>; 2],
        voltage: f64,
        negative: f64,
    ) -> Option<Vec<f64>> {
        let both = [&fields.negative, &fields.positive];
        let fits = both.iter().all(|e| e.x_m.len() == self.n());
        if !fits || fields.electrolyte_mol_m3.len() != self.electrolyte() {
            return None;
        }
        let rest = problem.cell.porous.as_ref()?.electrolyte.concentration_mol_m3;
        let mut out = Vec::with_capacity(self.length());
        for (e, p) in both.iter().zip(particles) {
            out.extend(e.reaction_current_a_m2.iter().map(|j| j / p.reaction));
        }
        for (e, p) in both.iter().zip(particles) {
            out.extend(e.surface_stoichiometry.iter().map(|x| (x - p.surface) / p.size));
        }
        out.extend(fields.electrolyte_mol_m3.iter().map(|c| c / rest));
        for e in both {
            out.extend(e.electrolyte_potential_v.iter().map(|v| v + negative));
        }
        out.extend(&fields.negative.solid_potential_v);
        out.extend(fields.positive.solid_potential_v.iter().map(|v| voltage - v));
        Some(out)
    }

    /// Takes out what was wrong at the first moment, by a part that fades: the electrolyte is at rest
    /// there, and the particles are all alike.
    fn begin(&self, vector: &mut [f64], first: &[f64], part: f64) {
        for (group, known) in [(2, 0.0), (3, 0.0), (4, 1.0)] {
            let (start, length) = self.groups()[group];
            for (v, wrong) in vector[start..][..length].iter_mut().zip(&first[start..]) {
                *v -= part * (wrong - known);
            }
        }
    }

    /// Puts in what is known exactly.
    fn conserve(&self, vector: &mut [f64], constant: [bool; 2]) {
        let (n, w) = (self.n(), &self.electrode.1);
        let groups = self.groups();
        for (group, mean) in [(0, Some(1.0)), (1, Some(1.0)), (2, None), (3, None)] {
            let part = &mut vector[groups[group].0..][..n];
            let now: f64 = part.iter().zip(w).map(|(v, w)| v * w).sum();
            let wanted = match mean {
                Some(mean) => mean,
                None if constant[group - 2] => 0.0,
                None => continue,
            };
            part.iter_mut().for_each(|v| *v += wanted - now);
        }
        let part = &mut vector[groups[4].0..][..groups[4].1];
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
    fn layer(&self, layer: usize) -> (usize, &[f64]) {
        let n = self.n();
        match layer {
            0 => (0, &self.electrode.1),
            1 => (n - 1, &self.separator.1),
            _ => (n + self.separator.0.len() - 2, &self.electrode.1),
        }
    }

    /// Layer of a place in m, and the part of the way through it. The faces of the separator belong to
    /// the electrodes, also where rounding moves them.
    fn locate(&self, x: f64) -> (usize, f64) {
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

/// Groups of entries that are learned together: negative electrode, positive electrode, electrolyte.
const TOGETHER: [[usize; 3]; 3] = [[0, 2, 7], [1, 3, 8], [4, 5, 6]];
/// Networks of the fields.
pub(crate) const NETWORKS: usize = TOGETHER.len();

/// Value at a place of the polynomial through values at nodes.
fn polynomial(nodes: &[f64], values: &[f64], at: f64) -> f64 {
    let mut sum = 0.0;
    for (i, (x, v)) in nodes.iter().zip(values).enumerate() {
        let others = nodes.iter().enumerate().filter(|(k, _)| *k != i);
        sum += v * others.map(|(_, other)| (at - other) / (x - other)).product::<f64>();
    }
    sum
}

/// A network of fields that are learned together.
#[derive(Debug, Clone)]
pub(crate) struct FieldNetwork {
    part: usize,
    pub(crate) mlp: Mlp,
    pub(crate) weights: Vec<f64>,
    /// Mean of its entries.
    mean: Vec<f64>,
    /// Components with their scales, `[component][entry]`.
    basis: Vec<f64>,
}

impl FieldNetwork {
    /// Components of the vectors of curves, and their coefficients as data.
    pub(crate) fn data(
        part: usize,
        problem: &CellProblem,
        nodes: &Nodes,
        halves: &[Half; 2],
        curves: &[&Curve],
        width: usize,
    ) -> (Self, Points) {
        let entries = nodes.entries(part);
        let length = entries.len();
        let own = |vector: &Vec<f64>| -> Vec<f64> { entries.iter().map(|k| vector[*k]).collect() };
        let all: Vec<Vec<f64>> =
            curves.iter().flat_map(|c| c.fields.iter().map(|(_, v)| own(v))).collect();
        let count = all.len().max(1) as f64;
        let mut mean = vec![0.0; length];
        all.iter().for_each(|v| mean.iter_mut().zip(v).for_each(|(m, v)| *m += v / count));
        let scales = scales(nodes, part, &all, &mean);
        let mut covariance = DMatrix::<f64>::zeros(length, length);
        for vector in &all {
            let part: Vec<f64> =
                (0..length).map(|k| (vector[k] - mean[k]) / scales[k] / count.sqrt()).collect();
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
        let wanted = |k: &&usize| eigen.eigenvalues[**k] > LEFT_OUT * total;
        let kept: Vec<usize> = order.iter().take(COMPONENTS).take_while(wanted).copied().collect();
        let basis: Vec<f64> = kept
            .iter()
            .flat_map(|&k| (0..length).map(move |i| (k, i)))
            .map(|(k, i)| eigen.eigenvectors[(i, k)] * scales[i])
            .collect();
        let mut points = Points::default();
        for curve in curves {
            let frames = frames(problem, halves, &curve.point);
            let places = problem.places(&curve.point);
            for (time, vector) in &curve.fields {
                let vector = own(vector);
                points.inputs.extend(inputs(halves, &frames, &places, *time).0);
                // what happens in the last moments would outweigh the rest
                let size: f64 =
                    (0..length).map(|i| ((vector[i] - mean[i]) / scales[i]).powi(2)).sum();
                let weight = 1.0 / (1.0 + size / (USUAL * length as f64)).sqrt();
                for &k in &kept {
                    let terms = (0..length)
                        .map(|i| eigen.eigenvectors[(i, k)] * (vector[i] - mean[i]) / scales[i]);
                    points.targets.push(terms.sum());
                    points.weights.push(weight);
                }
            }
        }
        let mlp = mlp(problem.axes.len(), width, kept.len());
        (Self { part, mlp, weights: vec![], mean, basis }, points)
    }

    /// As named arrays.
    pub(crate) fn arrays(&self) -> Vec<(String, Vec<f64>)> {
        let form = vec![self.mlp.hidden[0] as f64, self.mlp.outputs as f64];
        let name = |what: &str| format!("fields {} {what}", self.part);
        vec![
            (name("form"), form),
            (name("weights"), self.weights.clone()),
            (name("mean"), self.mean.clone()),
            (name("basis"), self.basis.clone()),
        ]
    }

    /// From named arrays.
    pub(crate) fn read(
        part: usize,
        nodes: &Nodes,
        axes: usize,
        arrays: &[(String, Vec<f64>)],
    ) -> Option<Self> {
        let length = nodes.entries(part).len();
        let find = |what: &str| {
            let name = format!("fields {part} {what}");
            arrays.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
        };
        let [width, outputs] = *find("form")?.as_slice() else { return None };
        let mlp = mlp(axes, width as usize, outputs as usize);
        let weights = find("weights").filter(|w| w.len() == mlp.n_weights())?.clone();
        let mean = find("mean").filter(|m| m.len() == length)?.clone();
        let basis = find("basis").filter(|b| b.len() == length * mlp.outputs)?.clone();
        Some(Self { part, mlp, weights, mean, basis })
    }

    /// Puts its entries into vectors, one for each row of inputs.
    fn put(&self, nodes: &Nodes, inputs: &[Vec<f64>], vectors: &mut [Vec<f64>]) {
        let entries = nodes.entries(self.part);
        let streams = streams(0);
        let tile = Workspace::default_tile(&self.mlp, &streams);
        let mut workspace = Workspace::new(&self.mlp, &streams, tile);
        for (inputs, vectors) in inputs.chunks(tile).zip(vectors.chunks_mut(tile)) {
            let mut block = vec![0.0; self.mlp.inputs * tile];
            for (lane, input) in inputs.iter().enumerate() {
                input.iter().enumerate().for_each(|(k, v)| block[k * tile + lane] = *v);
            }
            workspace.forward(&self.weights, &block);
            for (lane, vector) in vectors.iter_mut().enumerate() {
                for (i, entry) in entries.iter().enumerate() {
                    let terms = self.basis.iter().skip(i).step_by(entries.len()).enumerate();
                    let sum: f64 =
                        terms.map(|(k, b)| b * workspace.output()[k * tile + lane]).sum();
                    vector[*entry] = self.mean[i] + sum;
                }
            }
        }
    }
}

/// Vectors at times, with the particles there.
pub(crate) fn vectors(
    networks: &[FieldNetwork],
    problem: &CellProblem,
    nodes: &Nodes,
    halves: &[Half; 2],
    point: &[f64],
    times: &[f64],
) -> Vec<([Particle<f64>; 2], Vec<f64>)> {
    let (frames, places) = (frames(problem, halves, point), problem.places(point));
    let (mut all, mut particles) = (vec![], vec![]);
    // the first moment, where all is known, comes last
    for time in times.iter().chain(&[0.0]) {
        let (input, both) = inputs(halves, &frames, &places, *time);
        all.push(input);
        particles.push(both);
    }
    let mut vectors = vec![vec![0.0; nodes.length()]; times.len() + 1];
    networks.iter().for_each(|network| network.put(nodes, &all, &mut vectors));
    let first = vectors.pop().unwrap_or_default();
    for (vector, time) in vectors.iter_mut().zip(times) {
        nodes.begin(vector, &first, (-SETTLES * frames[0].relaxation * time).exp());
    }
    let constant = halves.each_ref().map(Half::constant);
    vectors.iter_mut().for_each(|vector| nodes.conserve(vector, constant));
    particles.into_iter().zip(vectors).collect()
}

/// Fields at one time.
#[derive(Debug, Clone)]
pub struct FieldsAt<'a> {
    pub(crate) problem: &'a CellProblem,
    pub(crate) nodes: &'a Nodes,
    pub(crate) particles: [Particle<f64>; 2],
    pub(crate) vector: Vec<f64>,
    /// Voltage and potential of the negative electrode, V.
    pub(crate) voltage: f64,
    pub(crate) negative: f64,
}

impl FieldsAt<'_> {
    /// A field at a place in m from the negative collector; not a number where there is none.
    pub fn at(&self, field: Field, x_m: f64) -> f64 {
        let (layer, part) = self.nodes.locate(x_m);
        let groups = self.nodes.groups();
        let n = self.nodes.n();
        let electrode = |first: usize| {
            let values = &self.vector[groups[first].0..][..n];
            polynomial(&self.nodes.electrode.0, values, part)
        };
        match field {
            Field::Electrolyte => {
                let (first, weights) = self.nodes.layer(layer);
                let values = &self.vector[groups[4].0 + first..][..weights.len()];
                let nodes =
                    if layer == 1 { &self.nodes.separator.0 } else { &self.nodes.electrode.0 };
                let rest = self.problem.cell.porous.as_ref();
                let rest = rest.map_or(f64::NAN, |p| p.electrolyte.concentration_mol_m3);
                rest * polynomial(nodes, values, part)
            }
            Field::ElectrolytePotential if layer == 1 => {
                let (n_end, p_start) = (self.vector[groups[5].0 + n - 1], self.vector[groups[6].0]);
                polynomial(&[0.0, 0.5, 1.0], &[n_end, 0.0, p_start], part) - self.negative
            }
            Field::ElectrolytePotential => electrode(5 + layer / 2) - self.negative,
            _ if layer == 1 => f64::NAN,
            Field::SolidPotential if layer == 0 => electrode(7),
            Field::SolidPotential => self.voltage - electrode(8),
            Field::Reaction => electrode(layer / 2) * self.particles[layer / 2].reaction,
            Field::Surface => {
                let particle = &self.particles[layer / 2];
                particle.surface + particle.size * electrode(2 + layer / 2)
            }
        }
    }
}

fn mlp(axes: usize, width: usize, outputs: usize) -> Mlp {
    Mlp {
        inputs: axes + FEATURES + FEATURES_P,
        hidden: vec![width; 2],
        outputs,
        activation: Activation::Tanh,
    }
}

fn frames(
    problem: &CellProblem,
    halves: &[Half; 2],
    point: &[f64],
) -> [crate::half::Frame<f64>; 2] {
    let factors = problem.factors::<f64>(point);
    halves.each_ref().map(|half| half.frame(&factors))
}

/// Inputs of the network at a time, and the particles there.
fn inputs(
    halves: &[Half; 2],
    frames: &[crate::half::Frame<f64>; 2],
    places: &[f64],
    time: f64,
) -> (Vec<f64>, [Particle<f64>; 2]) {
    let (n, features_n) = halves[0].at(&frames[0], time);
    let (p, features_p) = halves[1].at(&frames[1], time);
    let mut out = places.to_vec();
    out.extend(features_n.iter().chain(&features_p[..FEATURES_P]));
    (out, [n, p])
}

/// The scale of each entry: root mean square deviation in its group.
fn scales(nodes: &Nodes, part: usize, all: &[Vec<f64>], mean: &[f64]) -> Vec<f64> {
    let mut out = vec![1.0; mean.len()];
    let mut first = 0;
    for group in TOGETHER[part] {
        let length = nodes.groups()[group].1;
        let mut sum = 0.0;
        for vector in all {
            sum += (first..first + length).map(|k| (vector[k] - mean[k]).powi(2)).sum::<f64>();
        }
        let scale = (sum / (all.len().max(1) * length) as f64).sqrt().max(1e-9);
        out[first..first + length].fill(scale);
        first += length;
    }
    out
}
