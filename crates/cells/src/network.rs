//! The network of one electrode: what the full model adds to one exact particle.

use surrogate_battery::solve::{Dual, PARAMETERS, Scalar};
use surrogate_jet::{Activation, Mlp};

use crate::depleted::course;
use crate::half::{FEATURES, Half};
use crate::problem::CellProblem;
use crate::regression::Points;
use crate::sample::Curve;

/// Slope of a potential, V per whole discharge, from which an error counts less: where it falls, ends matter, and
/// what is missed beside the fall would outweigh the rest.
const STEEP: f64 = 3.0;
/// Slope from which an error counts as one in time: a saturated electrode falls at 1e5 V per discharge.
const CLIFF: f64 = 100.0;
/// Weight of a derivative against that of the value.
const DERIVATIVE: f64 = 0.3;

/// Derivative of a potential by a place, V, from which it says little: the potential falls there.
const LARGE: f64 = 0.2;

/// Potential of an electrode: closed form plus `shift + scale N(places, features)`.
#[derive(Debug, Clone)]
pub(crate) struct HalfNetwork {
    pub(crate) mlp: Mlp,
    pub(crate) weights: Vec<f64>,
    pub(crate) shift: f64,
    pub(crate) scale: f64,
}

/// A network of some width for a box with `axes` axes, with `more` inputs beside the features.
pub(crate) fn mlp(axes: usize, more: usize, width: usize) -> Mlp {
    Mlp {
        inputs: axes + FEATURES + more,
        hidden: vec![width; 2],
        outputs: 1,
        activation: Activation::Tanh,
    }
}

/// What stands beside places and features in the data of an electrode.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Inputs {
    /// The way to the end of the discharge.
    pub(crate) course: bool,
    /// Derivatives by the places: at fixed times, or at fixed parts of the way.
    pub(crate) directions: bool,
}

/// Mean and standard deviation of what a network has to learn.
pub(crate) fn spread(
    problem: &CellProblem,
    half: &Half,
    electrode: usize,
    curves: &[&Curve],
) -> (f64, f64) {
    let mut all = vec![];
    for curve in curves {
        let frame = half.frame(&problem.factors::<f64>(&curve.point));
        let known = curve.entries.iter().filter(|entry| !entry.potentials[electrode].is_nan());
        for entry in known {
            all.push(entry.potentials[electrode] - half.at(&frame, entry.time).0);
        }
    }
    let mean = all.iter().sum::<f64>() / all.len().max(1) as f64;
    let variance = all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / all.len().max(1) as f64;
    (mean, variance.sqrt().max(1e-6))
}

/// Data of an electrode at some entries of curves, `chosen [curve][entry]`.
pub(crate) fn data(
    problem: &CellProblem,
    half: &Half,
    electrode: usize,
    curves: &[&Curve],
    chosen: &[Vec<usize>],
    (shift, scale): (f64, f64),
    inputs: Inputs,
) -> Points {
    let mut out = Points::default();
    for (curve, chosen) in curves.iter().zip(chosen) {
        let factors = problem.factors::<Dual>(&curve.point);
        let frame = half.frame(&factors);
        let places = places(problem, &curve.point, &factors);
        let directions =
            if inputs.directions { directions_of(problem, &curve.point) } else { vec![] };
        for &k in chosen {
            let entry = &curve.entries[k];
            if entry.potentials[electrode].is_nan() {
                continue;
            }
            if inputs.course && entry.time > curve.end {
                continue;
            }
            let mut time = Dual::of(entry.time);
            if inputs.course {
                time.d.iter_mut().zip(&curve.end_by).for_each(|(d, by)| *d = entry.time * by);
            }
            let (closed, features) = half.at(&frame, time);
            for input in places.iter().chain(&features) {
                out.inputs.push(input.v);
                out.inputs.extend(directions.iter().map(|(p, stretch)| input.d[*p] * stretch));
            }
            if inputs.course {
                for (input, _) in course(entry.time / curve.end) {
                    out.inputs.push(input);
                    out.inputs.extend(directions.iter().map(|_| 0.0));
                }
            }
            out.targets.push((entry.potentials[electrode] - closed.v - shift) / scale);
            let slope = entry.slopes[electrode];
            let (steep, cliff) = (1.0 + (slope / STEEP).powi(2), 1.0 + (slope / CLIFF).powi(2));
            let weight = steep.powf(-0.25).min(cliff.powf(-0.5));
            out.weights.push(weight);
            for (p, stretch) in &directions {
                // sweeps have no derivatives
                let Some(by) = entry.by.get(*p) else {
                    out.targets.push(0.0);
                    out.weights.push(0.0);
                    continue;
                };
                let by = by[electrode] + slope * time.d[*p] / curve.end;
                let missing = (by - closed.d[*p]) * stretch;
                let size = (by * stretch / LARGE).powi(2) + (missing / LARGE).powi(2);
                out.targets.push(missing / scale);
                out.weights.push(DERIVATIVE * weight * weight / (1.0 + size));
            }
        }
    }
    out
}

/// Parameters of the axes, and the change of their logarithm with the place.
fn directions_of(problem: &CellProblem, point: &[f64]) -> Vec<(usize, f64)> {
    let axes = problem.axes.iter().zip(point);
    axes.map(|(axis, value)| (axis.quantity.parameter() as usize, axis.stretch(*value))).collect()
}

/// Places of a point on the axes.
pub(crate) fn places<S: Scalar>(
    problem: &CellProblem,
    point: &[f64],
    factors: &[S; PARAMETERS],
) -> Vec<S> {
    let axes = problem.axes.iter().zip(point);
    axes.map(|(axis, _)| axis.place(factors[axis.quantity.parameter() as usize])).collect()
}

impl HalfNetwork {
    /// As named arrays.
    pub(crate) fn arrays(&self, name: &str) -> Vec<(String, Vec<f64>)> {
        let width = self.mlp.hidden[0] as f64;
        vec![
            (format!("{name} weights"), self.weights.clone()),
            (format!("{name} form"), vec![width, self.shift, self.scale]),
        ]
    }

    /// From named arrays.
    pub(crate) fn read(
        axes: usize,
        more: usize,
        name: &str,
        arrays: &[(String, Vec<f64>)],
    ) -> Option<Self> {
        let find = |what: &str| {
            let name = format!("{name} {what}");
            arrays.iter().find(|(n, _)| *n == name).map(|(_, values)| values)
        };
        let [width, shift, scale] = *find("form")?.as_slice() else { return None };
        let mlp = mlp(axes, more, width as usize);
        let weights = find("weights").filter(|w| w.len() == mlp.n_weights())?.clone();
        Some(Self { mlp, weights, shift, scale })
    }
}
