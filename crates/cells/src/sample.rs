//! Solver runs over the box, as far as training needs them.

use rayon::prelude::*;
use surrogate_battery::solve::{Ended, Mechanism, PARAMETERS, Solution};

use crate::problem::CellProblem;

/// One time of a curve.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// Time, s.
    pub(crate) time: f64,
    /// Potentials of the negative and the positive electrode over the middle of the separator, V.
    pub(crate) potentials: [f64; 2],
    /// Their change with the part of the discharge, V.
    pub(crate) slopes: [f64; 2],
    /// Their derivatives by the logarithms of the parameters at fixed time, V; empty without
    /// sensitivities.
    pub(crate) by: Vec<[f64; 2]>,
}

/// One solver run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Curve {
    /// Its point of the box.
    pub(crate) point: Vec<f64>,
    /// Time of its end, s.
    pub(crate) end: f64,
    /// What ended it.
    pub(crate) mechanism: Option<Mechanism>,
    /// Times in order.
    pub(crate) entries: Vec<Entry>,
}

/// Points of the box by a scrambled Sobol sequence, from the `first` on.
///
/// Source: Burley (2020), Practical hash-based Owen scrambling, J. Computer Graphics Techniques 9.
pub(crate) fn points(
    problem: &CellProblem,
    first: usize,
    count: usize,
    seed: u32,
) -> Vec<Vec<f64>> {
    let coordinate = |k: usize, axis: usize| {
        f64::from(sobol_burley::sample((first + k) as u32, axis as u32, seed))
    };
    let point = |k: usize| {
        let axes = problem.axes.iter().enumerate();
        axes.map(|(i, axis)| axis.at(coordinate(k, i))).collect()
    };
    (0..count).map(point).collect()
}

/// Runs of the solver at points, in their order; messages where it fails.
pub(crate) fn solve(
    problem: &CellProblem,
    points: &[Vec<f64>],
    sensitivities: bool,
) -> Vec<Result<Curve, String>> {
    points.par_iter().map(|point| run(problem, point, sensitivities)).collect()
}

fn run(problem: &CellProblem, point: &[f64], sensitivities: bool) -> Result<Curve, String> {
    let solution = problem.solve(point, false, sensitivities).map_err(|e| e.to_string())?;
    let mechanism = match solution.ended.last() {
        Some(Ended::LowerVoltage(m) | Ended::UpperVoltage(m) | Ended::Saturated(m)) => Some(*m),
        _ => None,
    };
    let end = solution.end_time_s();
    let entries = (0..solution.time_s.len()).map(|k| entry(&solution, k, end)).collect();
    Ok(Curve { point: point.to_vec(), end, mechanism, entries })
}

fn entry(solution: &Solution, k: usize, end: f64) -> Entry {
    let (t, v, n) = (&solution.time_s, &solution.voltage_v, &solution.negative_potential_v);
    let potentials = |k: usize| [n[k], v[k] + n[k]];
    let (low, high) = (k.saturating_sub(1), (k + 1).min(t.len() - 1));
    let width = ((t[high] - t[low]) / end).max(1e-12);
    let (before, after) = (potentials(low), potentials(high));
    let by = solution.sensitivities.as_ref().map_or(vec![], |s| {
        let one = |p: usize| {
            let negative = s.negative_potential_v[p][k];
            [negative, s.voltage_v[p][k] + negative]
        };
        (0..PARAMETERS).map(one).collect()
    });
    Entry {
        time: t[k],
        potentials: potentials(k),
        slopes: [0, 1].map(|e| (after[e] - before[e]) / width),
        by,
    }
}
