//! Discharges that deplete the electrolyte: when they end, and how they go there.
//!
//! Where the electrolyte of the positive electrode is used up from the collector on, the reaction retreats to
//! the separator, and no particle knows when that ends the discharge. A network of the point alone says
//! whether it comes to that, and when such a discharge ends; another one follows the positive electrode
//! with the way to that end as an input. All other points keep what half-cells have learned.

use surrogate_jet::{Activation, Mlp, Workspace};

use crate::network::HalfNetwork;
use crate::problem::{CellProblem, Quantity};
use crate::regression::{Points, streams};
use crate::sample::Curve;
use crate::training::Array;

/// Least lithium in the electrolyte over that at rest below which elements of high order cannot follow.
pub(crate) const DEPLETED: f64 = 2e-4;
/// The same at which one network takes over from the other; both have learned what is near.
const SWITCH: f64 = 3e-3;
/// What the network says of three times as much, below which a point is doubtful: next to depletion the network
/// that knows nothing of it errs as well.
const LEAN: f64 = 0.5;
/// The same below which a discharge is a lesson for the network of depletion.
const SCARCE: f64 = 0.05;
/// Part of the runs that deplete the electrolyte from which they have networks of their own.
const OFTEN: f64 = 0.05;
/// Weight of whether the electrolyte is depleted against that of the end, whose logarithm is wanted to 1e-3.
const WHETHER: f64 = 0.1;
/// Weight of a derivative of the end, of order one, against that of the end.
const DERIVATIVE: f64 = 0.3;
/// Inputs that follow the way to the end: see [`course`].
pub(crate) const COURSE: usize = 2;
/// Part of the discharge before its end that is resolved.
const CLOSEST: f64 = 1e-3;
/// Fall of the potential after the end: V per discharge, and in all.
const CLIFF: (f64, f64) = (1e3, 1.0);
/// Seconds of a discharge at 1C.
const HOUR_S: f64 = 3600.0;
/// Factor on the squares of the weights of the network that says whether, which has few lessons, and of those
/// that say when: less, since several are asked.
const DECAY: (f64, f64) = (1e-5, 1e-7);
/// Networks that say when, and their width: one alone errs by half as much again.
const WHEN: (usize, usize) = (4, 24);
/// Networks of the point in all.
pub(crate) const NETWORKS: usize = 1 + WHEN.0;
/// Points that are evaluated at once.
const LANES: usize = 8;

/// Whether so many runs deplete the electrolyte that they have networks of their own.
pub(crate) fn often(curves: &[Curve]) -> bool {
    let depleted = curves.iter().filter(|curve| curve.least < DEPLETED).count();
    depleted as f64 > OFTEN * curves.len() as f64
}

/// Whether a curve is a lesson for the networks of depletion.
pub(crate) fn scarce(curve: &Curve) -> bool {
    curve.least < SCARCE
}

/// Inputs at a part of the way to the end, and their slopes by it.
pub(crate) fn course(part: f64) -> [(f64, f64); COURSE] {
    let room = (1.0 - part).max(0.0);
    let slope = if part < 1.0 { 1.0 } else { 0.0 };
    let near = room + CLOSEST;
    [(2.0 * part.min(1.0) - 1.0, 2.0 * slope), (0.2 * near.ln() + 1.0, -0.2 * slope / near)]
}

/// Fall of the potential beyond the end, V, and its slope.
pub(crate) fn fall(part: f64) -> (f64, f64) {
    let (beyond, (slope, most)) = ((part - 1.0).max(0.0), CLIFF);
    let fallen = most * (1.0 - (-slope / most * beyond).exp());
    (fallen, if part > 1.0 { slope * (1.0 - fallen / most) } else { 0.0 })
}

/// Networks for discharges that deplete the electrolyte.
#[derive(Debug, Clone)]
pub(crate) struct Depleted {
    pub(crate) ends: Ends,
    pub(crate) positive: HalfNetwork,
}

/// What the point alone says: one network whether the electrolyte is depleted, the middle of others when such a
/// discharge ends.
#[derive(Debug, Clone)]
pub(crate) struct Ends {
    networks: Vec<EndsNetwork>,
}

/// Room for evaluations of both kinds.
pub(crate) struct EndsWork {
    whether: Workspace,
    when: Workspace,
}

/// Network of the point: whether the electrolyte is depleted, and the time of the end if so.
#[derive(Debug, Clone)]
pub(crate) struct EndsNetwork {
    pub(crate) mlp: Mlp,
    pub(crate) weights: Vec<f64>,
}

/// What is said of a point.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said {
    /// Whether the electrolyte is depleted.
    pub(crate) depletes: bool,
    /// Whether it is, or nearly so.
    pub(crate) doubtful: bool,
}

impl Ends {
    /// Of networks in the order of their training; a run of an earlier version has one, which says both.
    pub(crate) fn of(networks: Vec<EndsNetwork>) -> Option<Self> {
        (!networks.is_empty()).then_some(Self { networks })
    }

    /// Those that say when.
    fn when(&self) -> &[EndsNetwork] {
        &self.networks[usize::from(self.networks.len() > 1)..]
    }

    /// Room for evaluations.
    pub(crate) fn workspace(&self) -> EndsWork {
        let room = |network: &EndsNetwork| Workspace::new(&network.mlp, &streams(0), LANES);
        EndsWork { whether: room(&self.networks[0]), when: room(&self.when()[0]) }
    }

    /// What they say of a point.
    pub(crate) fn at(&self, problem: &CellProblem, point: &[f64], work: &mut EndsWork) -> Said {
        work.whether.forward(&self.networks[0].weights, &inputs(problem, point));
        let whether = work.whether.output()[0];
        Said { depletes: whether < 0.0, doubtful: whether < LEAN }
    }

    /// One over the time of the end, s-1.
    pub(crate) fn pace(&self, problem: &CellProblem, point: &[f64], work: &mut EndsWork) -> f64 {
        let middle = self.middle(&inputs(problem, point), work);
        let end = middle.iter().map(|(end, _)| end).sum::<f64>() / middle.len() as f64;
        problem.conditions(point).0 / HOUR_S * (-end).exp()
    }

    /// What networks say of the end, and their places, of one or two in the middle: one may be far off between its
    /// lessons.
    fn middle(&self, inputs: &[f64], work: &mut EndsWork) -> Vec<(f64, usize)> {
        let said = self.when().iter().enumerate().map(|(k, network)| {
            work.when.forward(&network.weights, inputs);
            (work.when.output()[LANES], k)
        });
        let mut said: Vec<(f64, usize)> = said.collect();
        said.sort_by(|a, b| a.0.total_cmp(&b.0));
        let outer = (said.len() - 1) / 2;
        said[outer..said.len() - outer].to_vec()
    }

    /// The slopes of the logarithm of the pace by the values of the axes.
    pub(crate) fn slopes(
        &self,
        problem: &CellProblem,
        point: &[f64],
        work: &mut EndsWork,
    ) -> Vec<f64> {
        let (inputs, axes) = (inputs(problem, point), problem.axes.len());
        let middle = self.middle(&inputs, work);
        let mut seed = vec![0.0; 2 * LANES];
        seed[LANES] = -1.0 / middle.len() as f64;
        let mut sum = vec![0.0; axes];
        for network in middle.iter().map(|(_, k)| &self.when()[*k]) {
            let mut by = vec![0.0; axes * LANES];
            work.when.forward(&network.weights, &inputs);
            work.when.reverse_inputs(&network.weights, &seed, &mut by);
            sum.iter_mut().zip(by.chunks_exact(LANES)).for_each(|(sum, by)| *sum += by[0]);
        }
        let slope = |(by, (axis, value)): (f64, (&crate::Axis, &f64))| {
            let current = if axis.quantity == Quantity::CRate { 1.0 / value } else { 0.0 };
            by / (axis.stretch(*value) * value) + current
        };
        sum.into_iter().zip(problem.axes.iter().zip(point)).map(slope).collect()
    }

    /// As named arrays.
    pub(crate) fn arrays(&self) -> Vec<Array> {
        arrays(&self.networks)
    }

    /// From named arrays.
    pub(crate) fn read(axes: usize, arrays: &[Array]) -> Option<Self> {
        Self::of(read(axes, arrays))
    }
}

/// Networks of the point as named arrays.
pub(crate) fn arrays(networks: &[EndsNetwork]) -> Vec<Array> {
    networks.iter().enumerate().flat_map(|(k, network)| network.arrays(&name(k))).collect()
}

/// The same back.
pub(crate) fn read(axes: usize, arrays: &[Array]) -> Vec<EndsNetwork> {
    (0..NETWORKS).map_while(|k| EndsNetwork::read(axes, &name(k), arrays)).collect()
}

fn name(k: usize) -> String {
    if k == 0 { "ends".into() } else { format!("ends {k}") }
}

fn inputs(problem: &CellProblem, point: &[f64]) -> Vec<f64> {
    problem.places(point).into_iter().flat_map(|place| [place; LANES]).collect()
}

/// Width and decay of the network with a number, of which the first is as wide as others.
pub(crate) fn form(number: usize, width: usize) -> (usize, f64) {
    if number == 0 { (width, DECAY.0) } else { (width.min(WHEN.1), DECAY.1) }
}

impl EndsNetwork {
    /// Of some width, and its data; with derivatives by the places where `directions`.
    pub(crate) fn data(
        problem: &CellProblem,
        curves: &[&Curve],
        width: usize,
        directions: bool,
    ) -> (Self, Points) {
        let mut points = Points::default();
        for curve in curves {
            let axes = problem.axes.len();
            let streams = if directions { axes } else { 0 };
            for (k, place) in problem.places(&curve.point).into_iter().enumerate() {
                points.inputs.push(place);
                points.inputs.extend((0..streams).map(|d| if d == k { 1.0 } else { 0.0 }));
            }
            let (least, known) = (curve.least.max(0.0), scarce(curve));
            points.targets.push((least - SWITCH) / (least + SWITCH));
            points.weights.push(WHETHER);
            points.targets.extend(vec![0.0; streams]);
            points.weights.extend(vec![0.0; streams]);
            points.targets.push((curve.end * problem.conditions(&curve.point).0 / HOUR_S).ln());
            points.weights.push(if known { 1.0 } else { 0.0 });
            for (axis, value) in problem.axes.iter().zip(&curve.point).take(streams) {
                let by = curve.end_by.get(axis.quantity.parameter() as usize);
                let charge = if axis.quantity == Quantity::CRate { 1.0 } else { 0.0 };
                let slope = by.map_or(0.0, |by| (by + charge) * axis.stretch(*value));
                let known = known && by.is_some_and(|by| by.is_finite());
                points.targets.push(if known { slope } else { 0.0 });
                points.weights.push(if known { DERIVATIVE / (1.0 + slope.abs()) } else { 0.0 });
            }
        }
        let mlp = Mlp {
            inputs: problem.axes.len(),
            hidden: vec![width; 2],
            outputs: 2,
            activation: Activation::Tanh,
        };
        (Self { mlp, weights: vec![] }, points)
    }

    /// As named arrays.
    pub(crate) fn arrays(&self, name: &str) -> Vec<Array> {
        vec![
            (format!("{name} weights"), self.weights.clone()),
            (format!("{name} form"), vec![self.mlp.hidden[0] as f64]),
        ]
    }

    /// From named arrays.
    pub(crate) fn read(axes: usize, name: &str, arrays: &[Array]) -> Option<Self> {
        let find = |what: &str| {
            let name = format!("{name} {what}");
            arrays.iter().find(|(n, _)| *n == name).map(|(_, values)| values)
        };
        let [width] = *find("form")?.as_slice() else { return None };
        let mlp = Mlp {
            inputs: axes,
            hidden: vec![width as usize; 2],
            outputs: 2,
            activation: Activation::Tanh,
        };
        let weights = find("weights").filter(|w| w.len() == mlp.n_weights())?.clone();
        Some(Self { mlp, weights })
    }
}
