//! One electrode of the P2D model in a known electrolyte, under a constant current.
//!
//! Particles at every node, kinetics, and the ohmic falls in solid and electrolyte, as in `equations`; the
//! lithium in the electrolyte is given. Each electrode then stands alone: a step has one unknown for each
//! node and the potential of the collector over the electrolyte in the middle of the separator.

use super::dense::Dense;
use super::electrolyte::{KnownElectrolyte, weights};
use super::equations::{Surface, TimeDerivative, surface};
use super::lobatto::Lobatto;
use super::physics::Physics;
use super::solid::{Radial, Solid};
use super::{Options, RADII};
use crate::cell::{Cell, Electrode, Porous};

/// First step, s.
const FIRST_STEP_S: f64 = 1e-3;
/// Largest growth of a step.
const GROWTH: f64 = 1.8;
/// Smallest step over the time, and in s.
const SMALLEST: f64 = 1e-9;
/// Newton iterations after which a step is given up.
const MOST_ITERATIONS: usize = 12;
/// Part of the way to stoichiometry 0 or 1 that one iteration may go.
const BOUNDARY: f64 = 0.9;
/// Part of the distance from 0 or 1 that a predicted surface keeps.
const KEPT: f64 = 0.2;

/// An electrode along time, at the nodes from the negative to the positive side: lists are
/// `[time][node]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ElectrodeRun {
    /// Times in s.
    pub time_s: Vec<f64>,
    /// Potential of the collector over the electrolyte in the middle of the separator, V.
    pub potential_v: Vec<f64>,
    /// Reaction current density out of the particles, A m-2.
    pub reaction_current_a_m2: Vec<Vec<f64>>,
    /// Stoichiometry at the surface of the particles.
    pub surface_stoichiometry: Vec<Vec<f64>>,
    /// Stoichiometry inside the particles at [`super::radii`]; empty where fields were not asked for.
    pub stoichiometry: Vec<Vec<[f64; RADII]>>,
    /// Potential of the solid over that of the collector, V; empty likewise.
    pub solid_potential_v: Vec<Vec<f64>>,
    /// Potential of the electrolyte over that in the middle of the separator, V; empty likewise.
    pub electrolyte_potential_v: Vec<Vec<f64>>,
}

impl ElectrodeRun {
    /// Weights of entries at a time in s: the polynomial through the nearest four, the last after the end.
    pub fn weights(&self, time_s: f64) -> (std::ops::Range<usize>, [f64; 4]) {
        weights(&self.time_s, time_s)
    }

    /// Reaction currents at a time.
    pub fn reaction_at(&self, time_s: f64) -> Vec<f64> {
        let (near, weights) = self.weights(time_s);
        let mut out = vec![0.0; self.reaction_current_a_m2[0].len()];
        for (k, weight) in near.zip(weights) {
            for (out, j) in out.iter_mut().zip(&self.reaction_current_a_m2[k]) {
                *out += weight * j;
            }
        }
        out
    }

    /// Time of the last entry, s.
    pub fn end_time_s(&self) -> f64 {
        self.time_s.last().copied().unwrap_or(0.0)
    }
}

/// One electrode of a cell.
pub struct HalfCell<'a> {
    electrode: &'a Electrode,
    porous: &'a Porous,
    physics: Physics<f64>,
    options: &'a Options,
    positive: bool,
    /// Current over the area, A m-2.
    density: f64,
    nodes: Lobatto,
    separator: Lobatto,
    start: f64,
}

/// The difference of potentials between solid and electrolyte less that at the collector: at each node a
/// constant and slopes by the reaction currents, `[node, node]`. Roots of the lithium there.
struct Paths {
    constant: Vec<f64>,
    by_reaction: Vec<f64>,
    root: Vec<f64>,
}

/// A point in time: reaction currents, then the potential of the collector.
struct Point {
    time: f64,
    z: Vec<f64>,
}

impl<'a> HalfCell<'a> {
    /// An electrode under a constant current; `None` where the cell has no electrolyte.
    pub fn new(cell: &'a Cell, positive: bool, c_rate: f64, options: &'a Options) -> Option<Self> {
        let temperature = cell.initial.temperature_k;
        let physics = Physics::new(cell, temperature, false, &options.multipliers.0);
        let initial = &cell.initial;
        Some(Self {
            electrode: if positive { &cell.positive } else { &cell.negative },
            porous: cell.porous.as_ref()?,
            density: c_rate * physics.current * cell.nominal_capacity_a_h / physics.area,
            physics,
            options,
            positive,
            nodes: Lobatto::new(options.electrode_elements, options.electrode_nodes),
            separator: Lobatto::new(1, options.separator_nodes),
            start: if positive { initial.stoichiometry_p } else { initial.stoichiometry_n },
        })
    }

    /// Follows the electrode in an electrolyte until a time in s, or until the potential of its collector
    /// passes a limit in V; ends earlier where the particles can carry the current no longer. `fields`:
    /// what is inside is kept.
    pub fn follow(
        &self,
        electrolyte: &KnownElectrolyte,
        until_s: f64,
        limit_v: f64,
        fields: bool,
    ) -> ElectrodeRun {
        let n = self.nodes.n;
        let radial = Radial::new(self.electrode, self.options.modes, self.options.shells);
        let mut solid = Solid::at_rest(&radial, n, self.start);
        let mut out = ElectrodeRun::default();
        let sign = if self.positive { -1.0 } else { 1.0 };
        let mean = sign * self.density / self.electrode().surface;
        let mut z = vec![mean; n + 1];
        z[n] = self.electrode.open_circuit_potential.value(self.start);
        let mut x = vec![self.start; n];
        let paths = self.paths(&electrolyte.at(0.0));
        solid.prepare(self.electrode(), None, &z[..n]);
        let Some((first, _)) = self.solve(&mut solid, &paths, z, &x) else { return out };
        self.record(&mut out, 0.0, &first, &x, (&solid, &paths), fields);
        let mut points = vec![Point { time: 0.0, z: first }];
        let mut dt = FIRST_STEP_S;
        while points[0].time < until_s && dt > SMALLEST * points[0].time.max(1.0) {
            let now = points[0].time;
            let taken = if dt > 0.99 * (until_s - now) { until_s - now } else { dt };
            let guess = extrapolated(&points, now + taken);
            let time = TimeDerivative::of_step(taken, now, points.get(1).map(|p| p.time));
            solid.prepare(self.electrode(), Some(time), &points[0].z[..n]);
            let paths = self.paths(&electrolyte.at(now + taken));
            let solved = self.solve(&mut solid, &paths, guess.clone(), &x);
            let growth =
                solved.as_ref().map_or(0.25, |(z, _)| self.growth(points.len(), &guess, z));
            let Some((z, surfaces)) = solved.filter(|_| growth >= 0.5) else {
                dt = taken * growth.clamp(0.2, 0.5);
                continue;
            };
            solid.advance(&points[0].z[..n], &z[..n]);
            self.record(&mut out, now + taken, &z, &surfaces, (&solid, &paths), fields);
            x = surfaces;
            let over = if self.positive { z[n] < limit_v } else { z[n] > limit_v };
            points.truncate(2);
            points.insert(0, Point { time: now + taken, z });
            if over {
                break;
            }
            dt = taken * growth.min(GROWTH);
        }
        out
    }

    fn electrode(&self) -> &super::physics::ElectrodePhysics<f64> {
        &self.physics.electrodes[usize::from(self.positive)]
    }

    /// Solves a step by Newton's method; unknowns and surface stoichiometries.
    fn solve(
        &self,
        solid: &mut Solid<f64>,
        paths: &Paths,
        mut z: Vec<f64>,
        x_last: &[f64],
    ) -> Option<(Vec<f64>, Vec<f64>)> {
        let n = self.nodes.n;
        for (p, before) in x_last.iter().enumerate() {
            let (x, gain) = solid.surface(self.electrode, p, z[p]);
            let kept = x.clamp(KEPT * before, 1.0 - KEPT * (1.0 - before));
            if gain != 0.0 && kept != x {
                z[p] += (kept - x) / gain;
            }
        }
        let mut matrix = Dense::zeros(n + 1);
        let mean = self.density.abs() / self.electrode().surface;
        for _ in 0..MOST_ITERATIONS {
            let surfaces: Vec<(f64, f64)> =
                (0..n).map(|p| solid.surface(self.electrode, p, z[p])).collect();
            let mut change = self.newton(paths, &z, &surfaces, &mut matrix);
            if !change.iter().all(|r| r.is_finite()) || !matrix.factor() {
                return None;
            }
            matrix.solve(&mut change);
            let mut part: f64 = 1.0;
            for ((x, gain), change) in surfaces.iter().zip(&change) {
                let moved = -gain * change;
                let room = if moved < 0.0 { *x } else { 1.0 - x };
                if moved.abs() > BOUNDARY * room && room > 0.0 {
                    part = part.min(BOUNDARY * room / moved.abs());
                }
            }
            z.iter_mut().zip(&change).for_each(|(z, change)| *z -= part * change);
            let worst = change[..n].iter().fold(0.0, |worst: f64, c| worst.max(c.abs()));
            let done = worst < 0.02 * self.options.reaction_tolerance * mean
                && change[n].abs() < 0.02 * self.options.voltage_tolerance_v;
            if done && part == 1.0 {
                let x: Vec<f64> =
                    (0..n).map(|p| solid.surface(self.electrode, p, z[p]).0).collect();
                let sound = x.iter().all(|x| (0.0..=1.0).contains(x));
                return sound.then_some((z, x));
            }
        }
        None
    }

    /// Residuals of kinetics at each node and of the balance of charge; their slopes into `matrix`.
    fn newton(
        &self,
        paths: &Paths,
        z: &[f64],
        surfaces: &[(f64, f64)],
        matrix: &mut Dense,
    ) -> Vec<f64> {
        let n = self.nodes.n;
        let electrode = self.electrode();
        matrix.clear();
        let mut residual = vec![0.0; n + 1];
        for (i, (x, gain)) in surfaces.iter().enumerate() {
            let s: Surface<f64> =
                surface(self.electrode, electrode.exchange, self.physics.warmth, *x);
            let half = 0.5 / (s.exchange * paths.root[i]);
            let ratio = z[i] * half;
            let slopes = &paths.by_reaction[i * n..(i + 1) * n];
            let path: f64 = slopes.iter().zip(z).map(|(slope, j)| slope * j).sum();
            let over = self.physics.thermal_voltage * ratio.asinh();
            residual[i] = s.potential + over - z[n] - paths.constant[i] - path;
            for (m, slope) in slopes.iter().enumerate() {
                matrix.add(i, m, -slope);
            }
            let steep = self.physics.thermal_voltage / (1.0 + ratio * ratio).sqrt();
            let own =
                s.potential_slope * gain + steep * (half - ratio * s.exchange_log_slope * gain);
            matrix.add(i, i, own);
            matrix.add(i, n, -1.0);
        }
        residual[n] = if self.positive { self.density } else { -self.density };
        for (k, w) in self.nodes.w.iter().enumerate() {
            residual[n] += electrode.surface * w * z[k];
            matrix.add(n, k, electrode.surface * w);
        }
        residual
    }

    /// Potentials between solid and electrolyte in an electrolyte with lithium `y` at the nodes of the cell.
    fn paths(&self, y: &[f64]) -> Paths {
        let (n, s) = (self.nodes.n, self.separator.n);
        let (rest, middle) = (self.porous.electrolyte.concentration_mol_m3, n - 1 + s / 2);
        let conductivity = |y: f64| {
            self.porous.electrolyte.conductivity.function.value(y * rest)
                * self.physics.electrolyte_conductivity
        };
        let own = &y[if self.positive { n + s - 2 } else { 0 }..][..n];
        let electrode = self.electrode();
        let rho: Vec<f64> =
            own.iter().map(|y| 1.0 / (electrode.efficiency * conductivity(*y))).collect();
        let crossed = self.separator_fall(&y[n - 1..][..s], conductivity);
        let start = if self.positive { self.density } else { 0.0 };
        let mut paths = Paths {
            constant: vec![if self.positive { crossed } else { -crossed }; n],
            by_reaction: vec![0.0; n * n],
            root: own.iter().map(|y| y.sqrt()).collect(),
        };
        for (i, here) in own.iter().enumerate() {
            paths.constant[i] -= self.physics.diffusion_voltage * (here / y[middle]).ln();
            for (k, rho) in rho.iter().enumerate() {
                let (solid, liquid) = self.resistances(i, k, *rho);
                paths.constant[i] += solid * self.density + (liquid - solid) * start;
                let integral = &self.nodes.b[k * n..(k + 1) * n];
                let slopes = &mut paths.by_reaction[i * n..(i + 1) * n];
                for (slope, b) in slopes.iter_mut().zip(integral) {
                    *slope += (liquid - solid) * electrode.surface * b;
                }
            }
        }
        paths
    }

    /// Resistances in Ohm m2 by which the currents at node `k` in solid and electrolyte change the
    /// difference of potentials at node `i`.
    fn resistances(&self, i: usize, k: usize, rho: f64) -> (f64, f64) {
        let electrode = self.electrode();
        let (before, all) = (self.nodes.b[i * self.nodes.n + k], self.nodes.w[k]);
        let (solid, liquid) =
            if self.positive { (all - before, before) } else { (-before, before - all) };
        let length = electrode.length;
        (solid * length * electrode.solid_resistivity, liquid * length * rho)
    }

    /// Ohmic fall between the middle of the separator and the electrode, V.
    fn separator_fall(&self, y: &[f64], conductivity: impl Fn(f64) -> f64) -> f64 {
        let (nodes, n) = (&self.separator, self.separator.n);
        let middle = &nodes.b[(n / 2) * n..(n / 2 + 1) * n];
        let efficiency = self.porous.pores_s.transport_efficiency;
        let part = |k: usize| if self.positive { nodes.w[k] - middle[k] } else { middle[k] };
        let resistance: f64 = (0..n).map(|k| part(k) / (efficiency * conductivity(y[k]))).sum();
        self.density * resistance * self.porous.separator_thickness_m
    }

    /// Factor by which the step may grow, from the distance between step and prediction.
    fn growth(&self, points: usize, guess: &[f64], z: &[f64]) -> f64 {
        let (order, slack) = [(1.0, 20.0), (2.0, 5.0), (3.0, 1.0)][points.clamp(1, 3) - 1];
        let n = self.nodes.n;
        let scale = self.options.reaction_tolerance * self.density.abs() / self.electrode().surface;
        let mut error = (z[n] - guess[n]).abs() / self.options.voltage_tolerance_v;
        for (z, guess) in z[..n].iter().zip(guess) {
            error = error.max((z - guess).abs() / scale);
        }
        0.9 / (error / slack).max(1e-12_f64).powf(1.0 / order)
    }

    fn record(
        &self,
        out: &mut ElectrodeRun,
        time: f64,
        z: &[f64],
        x: &[f64],
        (solid, paths): (&Solid<f64>, &Paths),
        fields: bool,
    ) {
        let n = self.nodes.n;
        out.time_s.push(time);
        out.potential_v.push(z[n]);
        out.reaction_current_a_m2.push(z[..n].to_vec());
        out.surface_stoichiometry.push(x.to_vec());
        if !fields {
            return;
        }
        out.stoichiometry.push((0..n).map(|k| solid.profile(k)).collect());
        let electrode = self.electrode();
        let start = if self.positive { self.density } else { 0.0 };
        let solid_v: Vec<f64> = (0..n)
            .map(|i| {
                let fall = |k: usize| {
                    let b = &self.nodes.b[k * n..(k + 1) * n];
                    let ionic: f64 = b.iter().zip(z).map(|(b, j)| b * j).sum();
                    let ionic = start + electrode.surface * ionic;
                    self.resistances(i, k, 0.0).0 * (self.density - ionic)
                };
                (0..n).map(fall).sum()
            })
            .collect();
        let liquid_v = (0..n).map(|i| {
            let slopes = &paths.by_reaction[i * n..(i + 1) * n];
            let path: f64 = slopes.iter().zip(z).map(|(slope, j)| slope * j).sum();
            // solid over electrolyte is the potential of the collector and the path
            solid_v[i] - paths.constant[i] - path
        });
        out.electrolyte_potential_v.push(liquid_v.collect());
        out.solid_potential_v.push(solid_v);
    }
}

/// Parabola, line or constant through the points, at a time.
fn extrapolated(points: &[Point], time: f64) -> Vec<f64> {
    let mut sum = vec![0.0; points[0].z.len()];
    for (i, point) in points.iter().enumerate() {
        let others = points.iter().enumerate().filter(|(k, _)| *k != i);
        let weight: f64 =
            others.map(|(_, other)| (time - other.time) / (point.time - other.time)).product();
        sum.iter_mut().zip(&point.z).for_each(|(sum, z)| *sum += weight * z);
    }
    sum
}
