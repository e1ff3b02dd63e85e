//! Curves from sweeps of the equations, to be learned beside solver runs.

use surrogate_battery::solve::Options;

use crate::electrolyte::{ElectrolyteNetwork, Nodes};
use crate::half::Half;
use crate::problem::CellProblem;
use crate::sample::{Curve, Entry, spread_times};
use crate::sweep::{self, Sweep};

/// Sweeps after which a point is left out.
const ROUNDS: usize = 14;
/// Sweeps from which only half of each change is taken: an electrolyte that is nearly depleted swings.
const PLAIN: usize = 3;
/// Changes by the last sweep that count as none: V over the first 95 %, and of the end, relative.
const SETTLED: (f64, f64) = (1e-4, 3e-5);
/// Part of the discharge over which voltages are compared.
const COMPARED: f64 = 0.95;
/// Times of this comparison.
const TIMES: usize = 20;

/// What sweeps start from.
pub(crate) struct Teacher<'a> {
    pub(crate) problem: &'a CellProblem,
    pub(crate) nodes: &'a Nodes,
    pub(crate) halves: &'a [Half; 2],
    pub(crate) network: &'a ElectrolyteNetwork,
    /// Times of a curve at which its electrolyte is kept.
    pub(crate) entries: usize,
}

impl Teacher<'_> {
    /// The curve of a point, swept until it changes no more; `None` where it does not settle, or the
    /// electrolyte is depleted.
    pub(crate) fn curve(&self, point: &[f64]) -> Option<Curve> {
        let (c_rate, multipliers) = self.problem.conditions(point);
        let options = Options { multipliers, ..self.problem.options.clone() };
        let times = sweep::times(self.problem.longest_s(point));
        let electrolyte = self.network.at(self.problem, self.nodes, self.halves, point, &times);
        let lower = self.problem.cell.lower_cutoff_v;
        let mut last = Sweep::new(self.problem, &options, c_rate, electrolyte, false)?;
        let mut end = last.end_time_s(lower);
        for round in 0..ROUNDS {
            let part = if round < PLAIN { 1.0 } else { 0.5 };
            let next = last.again(self.problem, &options, c_rate, part)?;
            let next_end = next.end_time_s(lower);
            if next.depleted(next_end) {
                return None;
            }
            let change = change(&last, &next, COMPARED * next_end);
            let settled = change < SETTLED.0 && (next_end / end - 1.0).abs() < SETTLED.1;
            (last, end) = (next, next_end);
            if settled {
                return Some(self.learned(point, &last, end));
            }
        }
        None
    }

    fn learned(&self, point: &[f64], sweep: &Sweep, end: f64) -> Curve {
        let [n, p] = &sweep.runs;
        let mut times: Vec<f64> = n.time_s.iter().chain(&p.time_s).copied().collect();
        times.retain(|t| *t < end);
        times.push(end);
        times.sort_by(f64::total_cmp);
        times.dedup();
        let both: Vec<[f64; 2]> = times.iter().map(|t| sweep.potentials(*t)).collect();
        let entry = |k: usize| {
            let (low, high) = (k.saturating_sub(1), (k + 1).min(times.len() - 1));
            let width = ((times[high] - times[low]) / end).max(1e-12);
            Entry {
                time: times[k],
                potentials: both[k],
                slopes: [0, 1].map(|e| (both[high][e] - both[low][e]) / width),
                by: vec![],
            }
        };
        let chosen = spread_times(&times, self.entries).into_iter();
        Curve {
            point: point.to_vec(),
            end,
            mechanism: None,
            entries: (0..times.len()).map(entry).collect(),
            electrolyte: chosen.map(|k| (times[k], sweep.electrolyte.at(times[k]))).collect(),
        }
    }
}

/// Root mean square by which the voltage changed from one sweep to the next, V.
fn change(last: &Sweep, next: &Sweep, until: f64) -> f64 {
    let at = |k: usize| until * (k + 1) as f64 / TIMES as f64;
    let apart = |t: f64| (last.voltage(t) - next.voltage(t)).powi(2);
    ((0..TIMES).map(|k| apart(at(k))).sum::<f64>() / TIMES as f64).sqrt()
}
