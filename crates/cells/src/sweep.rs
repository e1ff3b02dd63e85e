//! A sweep of the equations: all of the cell from its electrolyte.
//!
//! In a known electrolyte the electrodes stand alone, and their potentials, reaction currents and particles
//! follow by small implicit steps (`HalfCell` of the battery crate). What the network of the electrolyte
//! misses can be mended: the reaction currents make an electrolyte anew, and the electrodes are swept again.

use surrogate_battery::solve::{ElectrodeRun, HalfCell, KnownElectrolyte, Options};

use crate::problem::CellProblem;

/// Times at which the electrolyte is asked for.
const TIMES: usize = 96;
/// Parts of the discharge beyond its end that are kept for the next round.
const BEYOND: [f64; 4] = [3e-4, 1e-3, 3e-3, 1e-2];
/// Rounds after which an electrolyte is given up.
const ROUNDS: usize = 20;
/// Rounds from which only half of each change is taken: an electrolyte that is nearly depleted swings.
const PLAIN: usize = 3;
/// Changes by a round that count as none: V over the first 95 %, and of the end, relative.
const SETTLED: (f64, f64) = (1e-4, 3e-5);
/// Changes by the last round that are small beside what networks miss where the electrolyte runs low.
const NEARLY: (f64, f64) = (1e-4, 5e-4);
/// Part of the discharge over which voltages are compared, and at how many times.
const COMPARED: (f64, usize) = (0.95, 20);
/// Rounds that halve the distance from the cut-off, to rounding.
const HALVINGS: usize = 50;

/// Both electrodes in an electrolyte, along time.
#[derive(Debug, Clone)]
pub(crate) struct Sweep {
    pub(crate) electrolyte: KnownElectrolyte,
    /// Negative electrode, then positive.
    pub(crate) runs: [ElectrodeRun; 2],
}

/// Times up to the last one, dense at the start.
pub(crate) fn times(until_s: f64) -> Vec<f64> {
    (0..=TIMES).map(|k| until_s * (k as f64 / TIMES as f64).powi(2)).collect()
}

impl Sweep {
    /// The electrodes of a point in an electrolyte; `fields`: what is inside is kept. `None` where no
    /// reaction carries the current.
    pub(crate) fn new(
        problem: &CellProblem,
        options: &Options,
        c_rate: f64,
        electrolyte: KnownElectrolyte,
        fields: bool,
    ) -> Option<Self> {
        let cell = &problem.cell;
        let until = electrolyte.time_s.last().copied()?;
        // beyond any that leaves the voltage above the cut-off
        let full = cell.positive.open_circuit_potential.value(cell.initial.stoichiometry_p);
        let limits = [full - cell.lower_cutoff_v, cell.lower_cutoff_v];
        let follow = |positive: bool| {
            let half = HalfCell::new(cell, positive, c_rate, options)?;
            let limit = limits[usize::from(positive)];
            let run = half.follow(&electrolyte, until, limit, fields);
            (!run.time_s.is_empty()).then_some(run)
        };
        Some(Self { runs: [follow(false)?, follow(true)?], electrolyte })
    }

    /// The same in the electrolyte that its reaction currents make, of which `part` is taken beside that
    /// of this sweep.
    pub(crate) fn again(
        &self,
        problem: &CellProblem,
        options: &Options,
        c_rate: f64,
        part: f64,
    ) -> Option<Self> {
        let [n, p] = &self.runs;
        let until = n.end_time_s().min(p.end_time_s());
        // where either electrode changes, and often enough in between and while the electrolyte settles
        let mut all: Vec<f64> = n.time_s.iter().chain(&p.time_s).copied().collect();
        all.retain(|t| *t < until);
        all.sort_by(f64::total_cmp);
        let every = (all.len() / TIMES).max(1);
        let mut times: Vec<f64> = all.into_iter().step_by(every).collect();
        times.extend(self::times(until));
        // the next sweep may last longer
        let last = self.electrolyte.time_s.last().copied().unwrap_or(until).max(until);
        times.extend(BEYOND.map(|part| (1.0 + part) * until).into_iter().filter(|t| *t < last));
        times.push(last);
        times.sort_by(f64::total_cmp);
        times.dedup_by(|a, b| *a - *b < 1e-6 * until);
        let mut electrolyte = KnownElectrolyte::of(&problem.cell, options, c_rate, [n, p], &times);
        if part < 1.0 {
            for (time, y) in electrolyte.time_s.iter().zip(&mut electrolyte.part) {
                let old = self.electrolyte.at(*time);
                y.iter_mut().zip(old).for_each(|(y, old)| *y = part * *y + (1.0 - part) * old);
            }
        }
        Self::new(problem, options, c_rate, electrolyte, false)
    }

    /// Potentials of the negative and the positive electrode at a time, V.
    pub(crate) fn potentials(&self, time: f64) -> [f64; 2] {
        self.runs.each_ref().map(|run| {
            let (near, weights) = run.weights(time);
            near.zip(weights).map(|(k, weight)| weight * run.potential_v[k]).sum()
        })
    }

    /// Voltage at a time, V.
    pub(crate) fn voltage(&self, time: f64) -> f64 {
        let [n, p] = self.potentials(time);
        p - n
    }

    /// Time in s at which the voltage falls below the cut-off, or an electrode carries no more.
    pub(crate) fn end_time_s(&self, lower_v: f64) -> f64 {
        let until = self.runs[0].end_time_s().min(self.runs[1].end_time_s());
        let mut all: Vec<f64> = self.runs.iter().flat_map(|run| run.time_s.clone()).collect();
        all.retain(|t| *t <= until);
        all.sort_by(f64::total_cmp);
        let Some(k) = all.iter().position(|t| self.voltage(*t) <= lower_v) else { return until };
        let (mut low, mut high) = (if k == 0 { 0.0 } else { all[k - 1] }, all[k]);
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            if self.voltage(middle) > lower_v { low = middle } else { high = middle }
        }
        high
    }

    /// Swept again until nothing changes, or nearly so in the last round; `None` where that does not come.
    pub(crate) fn settled(
        self,
        problem: &CellProblem,
        options: &Options,
        c_rate: f64,
    ) -> Option<Self> {
        let lower = problem.cell.lower_cutoff_v;
        let (mut last, mut end) = (self, 0.0);
        for round in 0..ROUNDS {
            let part = if round < PLAIN { 1.0 } else { 0.5 };
            let next = last.again(problem, options, c_rate, part)?;
            let next_end = next.end_time_s(lower);
            let change = last.change(&next, COMPARED.0 * next_end);
            let moved = (next_end / end - 1.0).abs();
            (last, end) = (next, next_end);
            let limit = if round + 1 < ROUNDS { SETTLED } else { NEARLY };
            if change < limit.0 && moved < limit.1 {
                return Some(last);
            }
        }
        None
    }

    /// Root mean square by which the voltage changed to the next sweep, V.
    fn change(&self, next: &Self, until: f64) -> f64 {
        let times = (1..=COMPARED.1).map(|k| until * k as f64 / COMPARED.1 as f64);
        let squares = times.map(|t| (self.voltage(t) - next.voltage(t)).powi(2));
        (squares.sum::<f64>() / COMPARED.1 as f64).sqrt()
    }

    /// Least lithium in the electrolyte over that at rest before a time.
    pub(crate) fn least_before(&self, time: f64) -> f64 {
        let known = self.electrolyte.time_s.iter().zip(&self.electrolyte.part);
        let all = known.filter(|(t, _)| **t < time).flat_map(|(_, y)| y.iter().copied());
        all.fold(1.0, f64::min)
    }
}
