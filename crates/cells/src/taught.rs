//! Curves from sweeps of the equations, to be learned beside solver runs.

use surrogate_battery::solve::Options;

use crate::depleted::DEPLETED;
use crate::electrolyte::{ElectrolyteNetwork, Nodes};
use crate::half::Half;
use crate::problem::CellProblem;
use crate::sample::{Curve, Entry, spread_times};
use crate::sweep::{self, Sweep};

/// Time over that of the end up to which an electrode that outlasts the discharge is learned: networks
/// swing where lessons end, and next to this point the other electrode may end the discharge.
const BEYOND: f64 = 1.01;

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
        let first = Sweep::new(self.problem, &options, c_rate, electrolyte, false)?;
        let settled = first.settled(self.problem, &options, c_rate)?;
        let end = settled.end_time_s(self.problem.cell.lower_cutoff_v);
        let least = settled.least_before(end);
        (least > DEPLETED).then(|| self.learned(point, &settled, (end, least)))
    }

    fn learned(&self, point: &[f64], sweep: &Sweep, (end, least): (f64, f64)) -> Curve {
        let [n, p] = &sweep.runs;
        let mut times: Vec<f64> = n.time_s.iter().chain(&p.time_s).copied().collect();
        times.retain(|t| *t < BEYOND * end);
        times.push(end);
        times.sort_by(f64::total_cmp);
        times.dedup();
        let both: Vec<[f64; 2]> = times.iter().map(|t| sweep.potentials(*t)).collect();
        let carries = |e: usize, k: usize| times[k] <= end.max(sweep.runs[e].end_time_s());
        let slope = |e: usize, k: usize| {
            let (low, next) = (k.saturating_sub(1), (k + 1).min(times.len() - 1));
            let high = if carries(e, next) { next } else { k };
            (both[high][e] - both[low][e]) / ((times[high] - times[low]) / end).max(1e-12)
        };
        let entry = |k: usize| Entry {
            time: times[k],
            potentials: [0, 1].map(|e| if carries(e, k) { both[k][e] } else { f64::NAN }),
            slopes: [0, 1].map(|e| slope(e, k)),
            by: vec![],
        };
        let known = times.partition_point(|t| *t <= end);
        let chosen = spread_times(&times[..known], self.entries).into_iter();
        Curve {
            point: point.to_vec(),
            end,
            mechanism: None,
            least,
            end_by: vec![],
            entries: (0..times.len()).map(entry).collect(),
            electrolyte: chosen.map(|k| (times[k], sweep.electrolyte.at(times[k]))).collect(),
        }
    }
}
