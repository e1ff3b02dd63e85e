//! Particles whose diffusivity depends on stoichiometry: conservative finite volumes.
//!
//! Shells get thinner towards the surface. The mean is advanced by the trapezoidal rule in the
//! reaction current, as the first mode of `particles` is, and the deviation from it by the backward
//! differentiation of the step: both kinds of electrode conserve lithium against each other. The
//! shells are solved anew for every new current, so that they add no unknowns to the step.

use std::rc::Rc;

use super::equations::{TimeDerivative, apply};
use super::physics::ElectrodePhysics;
use super::scalar::Scalar;
use crate::Function;

/// Change of stoichiometry after which the shells are solved: the next one is about its square.
const CONVERGED: f64 = 1e-7;
/// Iterations after which the shells are given up.
const MOST_ITERATIONS: usize = 12;

/// Radii over that of the particle.
#[derive(Debug, Clone)]
pub(super) struct Shells {
    /// Faces from 0 to 1.
    faces: Vec<f64>,
    /// Distances between the middles of neighbours.
    distances: Vec<f64>,
    /// Volumes, sum 1.
    volumes: Vec<f64>,
}

impl Shells {
    /// `count` shells; the middle of the radius lies at 3/4 of them, so that the outer are thin.
    pub(super) fn new(count: usize) -> Self {
        let place = |k: usize| {
            let u = k as f64 / count as f64;
            // 0 and 1 stay, the slope at the surface is a quarter of the mean
            1.0 - (1.0 - u) * (1.0 - 0.75 * u)
        };
        let faces: Vec<f64> = (0..=count).map(place).collect();
        let middles: Vec<f64> = faces.windows(2).map(|f| 0.5 * (f[0] + f[1])).collect();
        Self {
            distances: middles.windows(2).map(|m| m[1] - m[0]).collect(),
            volumes: faces.windows(2).map(|f| f[1].powi(3) - f[0].powi(3)).collect(),
            faces,
        }
    }

    fn count(&self) -> usize {
        self.volumes.len()
    }

    /// Solves the tridiagonal system of the slopes of a step for one right-hand side.
    fn solve<S: Scalar, T>(&self, time: TimeDerivative, faces: &Faces<T>, right: Vec<S>) -> Vec<S> {
        let count = self.count();
        let own = |i: usize| {
            let mut own = self.volumes[i] * time.a[0] / time.dt;
            if i > 0 {
                own += faces.outer[i - 1];
            }
            if i + 1 < count {
                own -= faces.inner[i];
            }
            own
        };
        let (mut x, mut above) = (right, vec![0.0; count]);
        let mut pivot = own(0);
        x[0] = x[0].scale(1.0 / pivot);
        for i in 1..count {
            above[i - 1] = -faces.outer[i - 1] / pivot;
            let below = faces.inner[i - 1];
            pivot = own(i) - below * above[i - 1];
            x[i] = (x[i] - x[i - 1].scale(below)).scale(1.0 / pivot);
        }
        for i in (0..count - 1).rev() {
            x[i] = x[i] - x[i + 1].scale(above[i]);
        }
        x
    }
}

/// Shells of all particles of an electrode.
#[derive(Debug, Clone)]
pub(super) struct VolumeParticles<S> {
    shells: Rc<Shells>,
    /// Means at the last point.
    means: Vec<S>,
    /// Deviations at the last point, the one before, and the new one, `[particle, shell]`.
    last: Vec<S>,
    older: Vec<S>,
    new: Vec<S>,
    /// Surfaces at the last point, and the new ones.
    surfaces: Vec<S>,
    new_surfaces: Vec<S>,
    /// The step under way.
    time: Option<TimeDerivative>,
    old_current: Vec<S>,
    flux: f64,
    /// Factor on the diffusivity over the square of the radius, s-1 per m2 s-1.
    pace: S,
}

/// One particle while its shells are solved.
struct Particle<'a, S> {
    shells: &'a Shells,
    diffusivity: &'a Function,
    time: TimeDerivative,
    pace: S,
    /// Mean at the new point, and its slope by the current.
    mean: S,
    mean_slope: f64,
    /// New current times flux.
    push: S,
    flux: f64,
}

/// Fluxes between shells: value, and slopes by the inner and the outer shell.
struct Faces<S> {
    flux: Vec<S>,
    inner: Vec<f64>,
    outer: Vec<f64>,
}

impl<S: Scalar> Particle<'_, S> {
    fn faces(&self, deviation: &[S]) -> Faces<S> {
        let shells = self.shells;
        let count = shells.distances.len();
        let mut faces = Faces { flux: vec![], inner: vec![0.0; count], outer: vec![0.0; count] };
        for f in 0..count {
            let (a, b) = (deviation[f], deviation[f + 1]);
            let (d, slope) = apply(self.diffusivity, self.mean + (a + b).scale(0.5));
            let reach = 3.0 * shells.faces[f + 1].powi(2) / shells.distances[f];
            let scaled = self.pace.scale(reach);
            faces.flux.push(scaled * d * (b - a));
            let bend = 0.5 * slope * (b.value() - a.value());
            faces.inner[f] = scaled.value() * (bend - d.value());
            faces.outer[f] = scaled.value() * (bend + d.value());
        }
        faces
    }

    /// Residuals of the shells.
    fn residual(&self, faces: &Faces<S>, deviation: &[S], last: &[S], older: &[S]) -> Vec<S> {
        let [a0, a1, a2] = self.time.a;
        let count = self.shells.count();
        let at = |i: usize| {
            let volume = self.shells.volumes[i];
            let change = deviation[i].scale(a0) + last[i].scale(a1) + older[i].scale(a2);
            let mut r = change.scale(volume / self.time.dt) - self.push.scale(3.0 * volume);
            if i > 0 {
                r = r + faces.flux[i - 1];
            }
            if i + 1 < count {
                r = r - faces.flux[i];
            } else {
                r = r + self.push.scale(3.0);
            }
            r
        };
        (0..count).map(at).collect()
    }

    /// Slopes of the deviations by the new current.
    fn slopes(&self, faces: &Faces<S>) -> Vec<f64> {
        let count = self.shells.count();
        let mut right: Vec<f64> = self.shells.volumes.iter().map(|v| 3.0 * v * self.flux).collect();
        right[count - 1] -= 3.0 * self.flux;
        for f in 0..count - 1 {
            // the mean moves both neighbours, and with them the diffusivity at the face
            let moved = (faces.inner[f] + faces.outer[f]) * self.mean_slope;
            right[f] += moved;
            right[f + 1] -= moved;
        }
        self.shells.solve(self.time, faces, right)
    }

    /// Surface stoichiometry, from a parabola through the outermost shell, and its slope.
    fn surface(&self, deviation: &[S], slopes: &[f64]) -> (S, f64) {
        let count = self.shells.count();
        let width = self.shells.faces[count] - self.shells.faces[count - 1];
        let distance = self.shells.distances[count - 2];
        let (inner, outer) = (deviation[count - 2], deviation[count - 1]);
        let known = self.mean + outer + (outer - inner).scale(width / (6.0 * distance));
        let known_slope = self.mean_slope
            + slopes[count - 1]
            + (slopes[count - 1] - slopes[count - 2]) * width / (6.0 * distance);
        let mut x = known;
        let mut slope = 0.0;
        for _ in 0..8 {
            let (d, by_x) = apply(self.diffusivity, x);
            // slope of the profile at the surface, by Fick's law
            let steep = -self.push / (self.pace * d);
            let residual = x - known - steep.scale(width / 3.0);
            let own = 1.0 + width / 3.0 * steep.value() * by_x / d.value();
            slope = (known_slope - width / 3.0 * self.flux / (self.pace.value() * d.value())) / own;
            let change = residual.scale(1.0 / own);
            x = x - change;
            if change.size() < CONVERGED {
                break;
            }
        }
        (x, slope)
    }
}

impl<S: Scalar> VolumeParticles<S> {
    /// Particles at rest at a stoichiometry.
    pub(super) fn at_rest(shells: Rc<Shells>, particles: usize, stoichiometry: f64) -> Self {
        let zeros = vec![S::of(0.0); particles * shells.count()];
        Self {
            shells,
            means: vec![S::of(stoichiometry); particles],
            last: zeros.clone(),
            older: zeros.clone(),
            new: zeros,
            surfaces: vec![S::of(stoichiometry); particles],
            new_surfaces: vec![S::of(stoichiometry); particles],
            time: None,
            old_current: vec![S::of(0.0); particles],
            flux: 0.0,
            pace: S::of(0.0),
        }
    }

    /// Prepares a step from the currents `old`; without `time` the particles stay as they are.
    pub(super) fn prepare(
        &mut self,
        physics: &ElectrodePhysics<S>,
        time: Option<TimeDerivative>,
        old: &[S],
    ) {
        self.time = time;
        self.old_current.copy_from_slice(old);
        self.flux = physics.flux;
        self.pace = physics.diffusivity.scale(1.0 / (physics.radius * physics.radius));
        // straight on from the last two points; without an older one the ratio is zero
        let ratio = time.map_or(0.0, |time| -1.0 - time.a[1]);
        for ((new, last), older) in self.new.iter_mut().zip(&self.last).zip(&self.older) {
            *new = *last + (*last - *older).scale(ratio);
        }
    }

    /// Mean stoichiometry of a particle at the end of the step.
    pub(super) fn new_mean(&self, particle: usize, current: S) -> S {
        let dt = self.time.map_or(0.0, |time| time.dt);
        let passed = (self.old_current[particle] + current).scale(0.5 * dt);
        self.means[particle] - passed.scale(3.0 * self.flux)
    }

    /// Surface stoichiometry for a new current, and its slope; not finite where the shells cannot be
    /// solved.
    pub(super) fn surface(
        &mut self,
        diffusivity: &Function,
        particle: usize,
        current: S,
    ) -> (S, f64) {
        let shells = &*self.shells;
        let count = shells.count();
        let Some(time) = self.time else { return (self.surfaces[particle], 0.0) };
        let range = particle * count..(particle + 1) * count;
        let (last, older) = (&self.last[range.clone()], &self.older[range.clone()]);
        let shell = Particle {
            shells,
            diffusivity,
            time,
            pace: self.pace,
            mean: self.new_mean(particle, current),
            mean_slope: -1.5 * self.flux * time.dt,
            push: current.scale(self.flux),
            flux: self.flux,
        };
        let new = &mut self.new[range];
        let mut slopes = vec![f64::NAN; count];
        for _ in 0..MOST_ITERATIONS {
            let faces = shell.faces(new);
            let change = shells.solve(time, &faces, shell.residual(&faces, new, last, older));
            let mut largest: f64 = 0.0;
            for (value, change) in new.iter_mut().zip(&change) {
                *value = *value - *change;
                largest = largest.max(change.size());
            }
            if largest < CONVERGED {
                slopes = shell.slopes(&faces);
                break;
            }
        }
        let (surface, slope) = shell.surface(new, &slopes);
        self.new_surfaces[particle] = surface;
        (surface, slope)
    }

    /// Completes the step.
    pub(super) fn advance(&mut self, currents: &[S]) {
        for (p, current) in currents.iter().enumerate() {
            self.means[p] = self.new_mean(p, *current);
        }
        self.older.copy_from_slice(&self.last);
        self.last.copy_from_slice(&self.new);
        self.surfaces.copy_from_slice(&self.new_surfaces);
    }

    /// Mean stoichiometry of a particle.
    pub(super) fn mean(&self, particle: usize) -> S {
        self.means[particle]
    }

    /// Stoichiometry in a particle at a radius over its own: straight lines between the middles of
    /// shells, and to the surface.
    pub(super) fn profile(&self, particle: usize, radius: f64) -> f64 {
        let (shells, count) = (&self.shells, self.shells.count());
        let mean = self.means[particle].value();
        let value = |k: usize| mean + self.last[particle * count + k].value();
        let middle = |k: usize| 0.5 * (shells.faces[k] + shells.faces[k + 1]);
        let outer = (0..count).find(|k| middle(*k) >= radius);
        let ((r0, x0), (r1, x1)) = match outer {
            Some(0) => return value(0),
            Some(k) => ((middle(k - 1), value(k - 1)), (middle(k), value(k))),
            None => {
                let surface = self.surfaces[particle].value();
                ((middle(count - 1), value(count - 1)), (1.0, surface))
            }
        };
        x0 + (radius - r0) / (r1 - r0) * (x1 - x0)
    }
}
