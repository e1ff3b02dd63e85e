//! Solver runs over the box, as far as training needs them.

use rayon::prelude::*;
use surrogate_battery::solve::{Ended, Mechanism, PARAMETERS, Solution};

use crate::electrolyte::Nodes;
use crate::problem::CellProblem;

/// One time of a curve.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// Time, s.
    pub(crate) time: f64,
    /// Potentials of the negative and the positive electrode over the middle of the separator, V; not a
    /// number where an electrode carries the current no more.
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
    /// Least lithium in the electrolyte over that at rest; at rest where it is not resolved.
    pub(crate) least: f64,
    /// Derivatives of the logarithm of that time by those of the parameters; empty without sensitivities.
    pub(crate) end_by: Vec<f64>,
    /// Times in order.
    pub(crate) entries: Vec<Entry>,
    /// Lithium in the electrolyte at some times in s, as [`Nodes::vector`] has it; empty where it is not
    /// learned.
    pub(crate) electrolyte: Vec<(f64, Vec<f64>)>,
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

/// What is kept of a run beside its curve.
#[derive(Clone, Copy)]
pub(crate) struct Kept<'a> {
    /// Derivatives.
    pub(crate) sensitivities: bool,
    /// The electrolyte, at these nodes and so many times.
    pub(crate) electrolyte: Option<(&'a Nodes, usize)>,
}

/// Runs of the solver at points, in their order; messages where it fails.
pub(crate) fn solve(
    problem: &CellProblem,
    points: &[Vec<f64>],
    kept: Kept,
) -> Vec<Result<Curve, String>> {
    points.par_iter().map(|point| run(problem, point, kept)).collect()
}

fn run(problem: &CellProblem, point: &[f64], kept: Kept) -> Result<Curve, String> {
    let solution = problem
        .solve(point, kept.electrolyte.is_some(), kept.sensitivities)
        .map_err(|e| e.to_string())?;
    let mechanism = match solution.ended.last() {
        Some(Ended::LowerVoltage(m) | Ended::UpperVoltage(m) | Ended::Saturated(m)) => Some(*m),
        _ => None,
    };
    let end = solution.end_time_s();
    let entries = (0..solution.time_s.len()).map(|k| entry(&solution, k, end)).collect();
    let electrolyte = kept.electrolyte.map_or(vec![], |(nodes, times)| {
        let at = |k: usize| Some((solution.time_s[k], nodes.vector(problem, &solution.fields[k])?));
        spread_times(&solution.time_s, times).into_iter().filter_map(at).collect()
    });
    let rest = problem.cell.porous.as_ref().map_or(1.0, |p| p.electrolyte.concentration_mol_m3);
    let all = solution.fields.iter().flat_map(|fields| &fields.electrolyte_mol_m3);
    let least = all.fold(1.0, |least: f64, c| least.min(c / rest));
    let end_by = solution.sensitivities.as_ref().and_then(|s| s.end_time_s);
    let end_by = end_by.map_or(vec![], |by| by.map(|by| by / end).to_vec());
    Ok(Curve { point: point.to_vec(), end, mechanism, least, end_by, entries, electrolyte })
}

/// Entries of a list of times: half of them evenly in time, half where the steps are.
pub(crate) fn spread_times(list: &[f64], wanted: usize) -> Vec<usize> {
    let (count, half) = (list.len(), wanted / 2);
    let end = list.last().copied().unwrap_or(0.0);
    let even = |k: usize| {
        let time = (k as f64 + 0.5) / half as f64 * end;
        list.partition_point(|t| *t < time).min(count - 1)
    };
    let mut chosen: Vec<usize> = (0..half).flat_map(|k| [even(k), k * count / half]).collect();
    chosen.sort_unstable();
    chosen.dedup();
    chosen
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

/// Mechanisms by their number in saved curves.
const MECHANISMS: [Mechanism; 3] =
    [Mechanism::NegativeElectrode, Mechanism::PositiveElectrode, Mechanism::Electrolyte];

impl Curve {
    /// The first entry that is not before a time, or the last.
    pub(crate) fn near(&self, time: f64) -> usize {
        let after = self.entries.partition_point(|entry| entry.time < time);
        after.min(self.entries.len().saturating_sub(1))
    }

    /// Appends the curve to a list of numbers.
    pub(crate) fn write(&self, out: &mut Vec<f64>) {
        out.extend(&self.point);
        let mechanism = MECHANISMS.iter().position(|m| Some(*m) == self.mechanism);
        let by = self.entries.first().map_or(0, |entry| entry.by.len());
        out.extend([
            self.end,
            mechanism.map_or(-1.0, |m| m as f64),
            self.least,
            self.entries.len() as f64,
            by as f64,
            self.electrolyte.len() as f64,
            self.electrolyte.first().map_or(0, |(_, vector)| vector.len()) as f64,
            self.end_by.len() as f64,
        ]);
        out.extend(&self.end_by);
        for entry in &self.entries {
            out.push(entry.time);
            out.extend(entry.potentials.iter().chain(&entry.slopes));
            out.extend(entry.by.as_flattened());
        }
        for (time, vector) in &self.electrolyte {
            out.push(*time);
            out.extend(vector);
        }
    }
}

/// Curves from a list of numbers.
pub(crate) fn read(mut list: &[f64], axes: usize) -> Option<Vec<Curve>> {
    let mut curves = vec![];
    while !list.is_empty() {
        let (point, rest) = list.split_at_checked(axes)?;
        let ([end, mechanism, least, entries, by, fields, length, end_by], rest) =
            rest.split_first_chunk::<8>()?;
        let (end_by, rest) = rest.split_at_checked(*end_by as usize)?;
        let per = 5 + 2 * *by as usize;
        let (entries, rest) = rest.split_at_checked((*entries as usize).checked_mul(per)?)?;
        let length = 1 + *length as usize;
        let (fields, rest) = rest.split_at_checked((*fields as usize).checked_mul(length)?)?;
        let entry = |e: &[f64]| Entry {
            time: e[0],
            potentials: [e[1], e[2]],
            slopes: [e[3], e[4]],
            by: e[5..].as_chunks::<2>().0.to_vec(),
        };
        curves.push(Curve {
            point: point.to_vec(),
            end: *end,
            mechanism: MECHANISMS.get(*mechanism as usize).copied().filter(|_| *mechanism >= 0.0),
            least: *least,
            end_by: end_by.to_vec(),
            entries: entries.chunks(per).map(entry).collect(),
            electrolyte: fields.chunks(length).map(|f| (f[0], f[1..].to_vec())).collect(),
        });
        list = rest;
    }
    Some(curves)
}
