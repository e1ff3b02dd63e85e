//! An electrolyte that is known over time, and the one that given reaction currents make.
//!
//! Together with `half` this splits the P2D model: electrodes in a known electrolyte, the electrolyte of
//! known electrodes. A few rounds of both converge to the model, since the electrolyte hardly hangs on
//! where in an electrode the lithium comes from.

use super::dense::Dense;
use super::equations::{Step, TimeDerivative};
use super::half::{ElectrodeRun, HalfCell};
use super::layout::Layout;
use super::physics::Physics;
use super::protocol::Drive;
use super::{Model, Options};
use crate::Cell;

/// Newton iterations of a step; the equations are nearly linear.
const ITERATIONS: usize = 2;
/// Least lithium over that at rest.
const LEAST: f64 = 1e-6;

/// Lithium in the electrolyte along time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct KnownElectrolyte {
    /// Times in s, increasing.
    pub time_s: Vec<f64>,
    /// Lithium over that at rest at the nodes of the cell, those that layers share once, `[time][node]`.
    pub part: Vec<Vec<f64>>,
}

impl KnownElectrolyte {
    /// Lithium at a time, by the polynomial through the four nearest entries; that of the last after them.
    pub fn at(&self, time_s: f64) -> Vec<f64> {
        let (times, weights) = weights(&self.time_s, time_s);
        let mut out = vec![0.0; self.part.first().map_or(0, Vec::len)];
        for (k, weight) in times.zip(weights) {
            for (out, y) in out.iter_mut().zip(&self.part[k]) {
                *out += weight * y;
            }
        }
        out.iter_mut().for_each(|y| *y = y.max(LEAST));
        out
    }

    /// The electrolyte that the reaction currents of both electrodes make of one at rest, at times in s
    /// from 0 on.
    pub fn of(
        cell: &Cell,
        options: &Options,
        c_rate: f64,
        runs: [&ElectrodeRun; 2],
        time_s: &[f64],
    ) -> Self {
        let layout = Layout::new(Model::P2d, options);
        let factors = &options.multipliers.0;
        let physics = Physics::new(cell, cell.initial.temperature_k, false, factors);
        let first = layout.first_y();
        let drive = Drive::Current(c_rate * cell.nominal_capacity_a_h);
        let mut matrix = Dense::zeros(layout.unknowns());
        let mut own = Dense::zeros(layout.unknowns() - first);
        let mut residual = vec![0.0; layout.unknowns()];
        let mut points = vec![(0.0, vec![1.0; layout.unknowns()])];
        let mut known =
            Self { time_s: vec![0.0], part: vec![vec![1.0; layout.unknowns() - first]] };
        for &t in time_s.iter().filter(|t| **t > 0.0) {
            let last = points[0].1.clone();
            let older = points.get(1).map_or_else(|| last.clone(), |point| point.1.clone());
            let time =
                TimeDerivative::of_step(t - points[0].0, points[0].0, points.get(1).map(|p| p.0));
            let mut z = last.clone();
            for (e, run) in runs.into_iter().enumerate() {
                let from = layout.j(e, 0);
                z[from..from + layout.particles].copy_from_slice(&run.reaction_at(t));
            }
            let step = Step {
                cell,
                layout: &layout,
                physics: &physics,
                time: Some(time),
                last: &last,
                older: &older,
                drive,
            };
            for _ in 0..ITERATIONS {
                step.lithium_step(&z, &mut residual, &mut matrix);
                own.copy_corner(&matrix, first);
                if !own.factor() {
                    break;
                }
                own.solve(&mut residual[first..]);
                for (y, change) in z[first..].iter_mut().zip(&residual[first..]) {
                    *y = (*y - change).max(LEAST);
                }
            }
            known.time_s.push(t);
            known.part.push(z[first..].to_vec());
            points.truncate(1);
            points.insert(0, (t, z));
        }
        known
    }
}

/// The entries nearest to a time, four of them where there are as many, and the weights of a polynomial
/// through them; the last alone from its time on.
pub(super) fn weights(times: &[f64], time: f64) -> (std::ops::Range<usize>, [f64; 4]) {
    let count = times.len();
    if time >= times[count - 1] || count < 2 {
        return (count - 1..count, [1.0, 0.0, 0.0, 0.0]);
    }
    let after = times.partition_point(|t| *t <= time).max(1);
    let first = after.saturating_sub(2).min(count.saturating_sub(4));
    let near = first..(first + 4).min(count);
    let mut weights = [0.0; 4];
    for (weight, i) in weights.iter_mut().zip(near.clone()) {
        let others = near.clone().filter(|k| *k != i);
        *weight = others.map(|k| (time - times[k]) / (times[i] - times[k])).product();
    }
    (near, weights)
}

impl HalfCell<'_> {
    /// Nodes of the electrolyte across a cell.
    pub fn electrolyte_nodes(options: &Options) -> usize {
        let layout = Layout::new(Model::P2d, options);
        layout.unknowns() - layout.first_y()
    }
}
