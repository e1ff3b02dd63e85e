//! The state of a cell between steps, and one implicit step from it.

use super::dense::Dense;
use super::equations::{Step, Surface, TimeDerivative, surface};
use super::layout::Layout;
use super::physics::Physics;
use super::protocol::Drive;
use super::scalar::Scalar;
use super::solid::Solid;
use super::thermal;
use crate::Cell;
use crate::cell::Electrode;

/// Newton iterations after which a step is given up.
const MOST_ITERATIONS: usize = 15;
/// The same in a cautious solve.
const CAUTIOUS_ITERATIONS: usize = 200;
/// Part of a reaction current, or of the mean one where it is smaller, that a cautious iteration may change it by.
const CAUTION: f64 = 0.5;
/// Part of the way to stoichiometry 0 or 1, and of y to 0, that one iteration may go.
const BOUNDARY: f64 = 0.9;
/// Part of the distance from 0 or 1 that a predicted surface keeps; of that from 0, the electrolyte on linear
/// elements, which follow it down to 1e-13.
const KEPT: f64 = 0.2;
/// Least electrolyte over that at rest that is predicted where elements cannot follow it further.
const LEAST_GUESS: f64 = 1e-3;

/// A point in time.
#[derive(Debug, Clone)]
pub(super) struct Point<S> {
    pub(super) time: f64,
    /// Unknowns in the order of the layout.
    pub(super) z: Vec<S>,
    pub(super) temperature: S,
}

/// What a simulation remembers: particles, and up to three points, newest first.
#[derive(Debug, Clone)]
pub(super) struct State<S> {
    pub(super) solids: [Solid<S>; 2],
    pub(super) points: Vec<Point<S>>,
}

/// What does not change from step to step.
pub(super) struct Frame<'a> {
    pub(super) cell: &'a Cell,
    pub(super) layout: Layout,
}

impl Frame<'_> {
    /// Electrode by its index.
    pub(super) fn electrode(&self, e: usize) -> &Electrode {
        if e == 0 { &self.cell.negative } else { &self.cell.positive }
    }

    /// Potentials and kinetics at surface stoichiometries.
    pub(super) fn surfaces<S: Scalar>(
        &self,
        physics: &Physics<S>,
        x: &[Vec<S>; 2],
    ) -> [Vec<Surface<S>>; 2] {
        [0, 1].map(|e| {
            let exchange = physics.electrodes[e].exchange;
            let at = |x: &S| surface(self.electrode(e), exchange, physics.warmth, *x);
            x[e].iter().map(at).collect()
        })
    }

    /// Lithium in the electrolyte over that at the start.
    pub(super) fn electrolyte_lithium(&self, z: &[f64]) -> f64 {
        let (layout, Some(porous)) = (&self.layout, &self.cell.porous) else { return 1.0 };
        if !layout.electrolyte {
            return 1.0;
        }
        let layers = [
            (self.cell.negative.thickness_m * porous.pores_n.porosity, &layout.electrode),
            (porous.separator_thickness_m * porous.pores_s.porosity, &layout.separator),
            (self.cell.positive.thickness_m * porous.pores_p.porosity, &layout.electrode),
        ];
        let (mut held, mut space) = (0.0, 0.0);
        for (layer, (volume, element)) in layers.into_iter().enumerate() {
            space += volume;
            for k in 0..element.n {
                held += volume * element.w[k] * z[layout.y(layer, k)];
            }
        }
        held / space
    }
}

/// A step that was solved.
pub(super) struct Trial {
    pub(super) z: Vec<f64>,
    /// Surface stoichiometries of the particles of each electrode.
    pub(super) x: [Vec<f64>; 2],
    /// Temperature in K at its end.
    pub(super) temperature: f64,
    pub(super) iterations: usize,
}

/// A step to be solved.
pub(super) struct Attempt<'a> {
    pub(super) physics: &'a Physics<f64>,
    pub(super) drive: Drive,
    /// Length in s.
    pub(super) dt: f64,
    /// First guess of the unknowns.
    pub(super) guess: Vec<f64>,
    /// Surface stoichiometries at the newest point.
    pub(super) x_last: &'a [Vec<f64>; 2],
    pub(super) convergence: Convergence,
    /// Mean reaction currents of the electrodes in A m-2, where no iteration may change one by much more.
    pub(super) caution: Option<[f64; 2]>,
}

/// When Newton's iteration is done: changes of potentials in V, of reaction currents in A m-2 for
/// each electrode.
#[derive(Clone, Copy)]
pub(super) struct Convergence {
    pub(super) potential: f64,
    pub(super) current: [f64; 2],
}

impl<S: Scalar> State<S> {
    /// Temperature in K that the points predict `dt` after the newest.
    pub(super) fn predicted_temperature(&self, dt: f64) -> S {
        if dt == 0.0 {
            return self.newest().temperature;
        }
        self.extrapolated(dt, |point| vec![point.temperature])[0]
    }

    /// Temperature at the end of a step, from the heat at its new unknowns.
    pub(super) fn warmed(
        &self,
        frame: &Frame,
        physics: &Physics<S>,
        time: TimeDerivative,
        surfaces: &[Vec<Surface<S>>; 2],
        z: &[S],
    ) -> S {
        let last = self.newest().temperature;
        let Some(thermal) = &frame.cell.thermal else { return last };
        let older = self.points.get(1).map_or(last, |point| point.temperature);
        let at = self.predicted_temperature(time.dt);
        let heat = thermal::heat(&frame.layout, physics, surfaces, at, z);
        thermal::warmed(thermal, time, heat, last, older)
    }

    pub(super) fn newest(&self) -> &Point<S> {
        &self.points[0]
    }

    /// The derivative in time over a step, of order two where there is an older point.
    pub(super) fn derivative(&self, dt: f64) -> TimeDerivative {
        let last = self.newest().time;
        TimeDerivative::of_step(dt, last, self.points.get(1).map(|older| older.time))
    }

    /// Parabola, line or constant through the points, `dt` after the newest.
    pub(super) fn extrapolated(&self, dt: f64, of: impl Fn(&Point<S>) -> Vec<S>) -> Vec<S> {
        let t = self.newest().time + dt;
        let mut sum: Vec<S> = vec![];
        for (i, point) in self.points.iter().enumerate() {
            let mut weight = 1.0;
            for (_, other) in self.points.iter().enumerate().filter(|(k, _)| *k != i) {
                weight *= (t - other.time) / (point.time - other.time);
            }
            let part = of(point).into_iter().map(|v| v.scale(weight));
            sum = if i == 0 {
                part.collect()
            } else {
                sum.into_iter().zip(part).map(|(a, b)| a + b).collect()
            };
        }
        sum
    }

    /// Currents at the particles of an electrode, of unknowns `z`.
    fn currents<'z>(layout: &Layout, e: usize, z: &'z [S]) -> &'z [S] {
        &z[layout.j(e, 0)..layout.j(e, layout.particles - 1) + 1]
    }

    /// Prepares the particles for a step; `None` keeps them as they are.
    pub(super) fn prepare(
        &mut self,
        frame: &Frame,
        physics: &Physics<S>,
        time: Option<TimeDerivative>,
    ) {
        let old = &self.points[0].z;
        for e in 0..2 {
            let currents = Self::currents(&frame.layout, e, old);
            self.solids[e].prepare(&physics.electrodes[e], time, currents);
        }
    }

    /// Surface stoichiometries at new unknowns, and their slopes by the currents.
    pub(super) fn stoichiometries(
        &mut self,
        frame: &Frame,
        z: &[S],
    ) -> ([Vec<S>; 2], [Vec<f64>; 2]) {
        let mut all = ([vec![], vec![]], [vec![], vec![]]);
        for e in 0..2 {
            for p in 0..frame.layout.particles {
                let current = z[frame.layout.j(e, p)];
                let (x, gain) = self.solids[e].surface(frame.electrode(e), p, current);
                all.0[e].push(x);
                all.1[e].push(gain);
            }
        }
        all
    }

    /// Accepts new unknowns: the particles advance, the newest point is new.
    pub(super) fn accept(&mut self, frame: &Frame, dt: f64, z: Vec<S>, temperature: S) {
        let time = self.newest().time + dt;
        if dt == 0.0 {
            self.points = vec![Point { time, z, temperature }];
            return;
        }
        for e in 0..2 {
            let old = Self::currents(&frame.layout, e, &self.points[0].z);
            let new = Self::currents(&frame.layout, e, &z);
            self.solids[e].advance(old, new);
        }
        self.points.truncate(2);
        self.points.insert(0, Point { time, z, temperature });
    }
}

impl State<f64> {
    /// Solves a step of `dt` by Newton's method from a first guess; `dt` of zero asks for the currents
    /// and potentials that obey a new control at the same time. `None` where it does not converge.
    pub(super) fn solve(
        &mut self,
        frame: &Frame,
        attempt: Attempt,
        matrix: &mut Dense,
    ) -> Option<Trial> {
        let Attempt { physics, drive, dt, guess: mut z, x_last, convergence, caution } = attempt;
        let time = (dt > 0.0).then(|| self.derivative(dt));
        self.prepare(frame, physics, time);
        let layout = &frame.layout;
        self.keep_inside(frame, x_last, &mut z);
        let last = self.points[0].z.clone();
        let older = self.points.get(1).map_or_else(|| last.clone(), |point| point.z.clone());
        let step =
            Step { cell: frame.cell, layout, physics, time, last: &last, older: &older, drive };
        let mut residual = vec![0.0; layout.unknowns()];
        let most = if caution.is_some() { CAUTIOUS_ITERATIONS } else { MOST_ITERATIONS };
        for iterations in 1..=most {
            let (x, gains) = self.stoichiometries(frame, &z);
            let surfaces = frame.surfaces(physics, &x);
            let transport = step.transport(&z);
            step.residual(&z, &surfaces, &transport, &mut residual);
            step.jacobian(&z, &surfaces, &gains, &transport, matrix);
            if !residual.iter().all(|r| r.is_finite()) || !matrix.factor() {
                return None;
            }
            matrix.solve(&mut residual);
            let part = damping(layout, &z, &residual, &x, &gains);
            let part = caution.map_or(part, |mean| part.min(cautious(layout, &z, &residual, mean)));
            for (z, change) in z.iter_mut().zip(&residual) {
                *z -= part * change;
            }
            let potential = residual[layout.voltage()].abs().max(residual[layout.psi()].abs());
            let mut done = part == 1.0 && potential < convergence.potential;
            for e in 0..2 {
                for p in 0..layout.particles {
                    done &= residual[layout.j(e, p)].abs() < convergence.current[e];
                }
            }
            if done {
                let (x, _) = self.stoichiometries(frame, &z);
                let temperature = self.newest().temperature;
                let sound = self.is_sound(frame, &x, &z);
                return sound.then_some(Trial { z, x, temperature, iterations });
            }
        }
        None
    }

    /// Whether all is finite, and lithium neither missing nor too much at any surface or in any particle.
    fn is_sound(&self, frame: &Frame, x: &[Vec<f64>; 2], z: &[f64]) -> bool {
        let layout = &frame.layout;
        let inside = |x: f64| (0.0..=1.0).contains(&x);
        let old = &self.newest().z;
        let particle = |e: usize, p: usize| {
            let q = layout.j(e, p);
            inside(x[e][p]) && inside(self.solids[e].new_mean(p, old[q], z[q]))
        };
        z.iter().all(|z| z.is_finite())
            && (0..2).all(|e| (0..layout.particles).all(|p| particle(e, p)))
    }

    /// Moves predicted currents so that no surface jumps close to stoichiometry 0 or 1.
    fn keep_inside(&mut self, frame: &Frame, x_last: &[Vec<f64>; 2], z: &mut [f64]) {
        let layout = &frame.layout;
        let (x, gains) = self.stoichiometries(frame, z);
        for e in 0..2 {
            for p in 0..layout.particles {
                let (before, gain) = (x_last[e][p], gains[e][p]);
                let low = KEPT * before;
                let high = 1.0 - KEPT * (1.0 - before);
                let kept = x[e][p].max(low).min(high);
                if gain != 0.0 && kept != x[e][p] {
                    z[layout.j(e, p)] += (kept - x[e][p]) / gain;
                }
            }
        }
        let first = layout.first_y();
        for (y, before) in z[first..].iter_mut().zip(&self.newest().z[first..]) {
            let least = if layout.electrode.linear() { KEPT * before } else { f64::INFINITY };
            *y = y.max(least.min(LEAST_GUESS));
        }
    }
}

/// Part of Newton's step that changes no reaction current by much more than itself or the mean one.
fn cautious(layout: &Layout, z: &[f64], change: &[f64], mean: [f64; 2]) -> f64 {
    let part = |e: usize, p: usize| {
        let j = layout.j(e, p);
        CAUTION * z[j].abs().max(mean[e]) / change[j].abs()
    };
    let all = (0..2).flat_map(|e| (0..layout.particles).map(move |p| (e, p)));
    all.map(|(e, p)| part(e, p)).fold(1.0, f64::min)
}

/// Part of Newton's step that keeps surfaces and electrolyte inside their bounds.
fn damping(
    layout: &Layout,
    z: &[f64],
    change: &[f64],
    x: &[Vec<f64>; 2],
    gains: &[Vec<f64>; 2],
) -> f64 {
    let mut part: f64 = 1.0;
    for e in 0..2 {
        for p in 0..layout.particles {
            let (x, moved) = (x[e][p], -gains[e][p] * change[layout.j(e, p)]);
            if moved < -BOUNDARY * x && x > 0.0 {
                part = part.min(-BOUNDARY * x / moved);
            }
            if moved > BOUNDARY * (1.0 - x) && x < 1.0 {
                part = part.min(BOUNDARY * (1.0 - x) / moved);
            }
        }
    }
    for k in layout.first_y()..layout.unknowns() {
        if change[k] > BOUNDARY * z[k] {
            part = part.min(BOUNDARY * z[k] / change[k]);
        }
    }
    part
}
