//! Lithium in the particles of an electrode over one time step.
//!
//! With a constant diffusivity the radial modes are advanced exactly for a reaction current that is
//! linear in time, so that the surface is linear in the new current and the modes need no unknowns.

use std::sync::Arc;

use super::RADII;
use super::modes::Modes;
use super::physics::ElectrodePhysics;
use super::scalar::Scalar;

/// Modes of all particles of an electrode, and what the step under way needs of them.
#[derive(Debug, Clone)]
pub(super) struct ModalParticles<S> {
    modes: Arc<Modes>,
    /// Diffusivity in m2 s-1 at its reference temperature.
    diffusivity: f64,
    /// Amplitudes at the surface, `[particle, mode]`, in stoichiometry.
    values: Vec<S>,
    /// Factor on the value, on the old and on the new current, for each mode.
    factors: Vec<[S; 3]>,
    /// Surfaces without the new current.
    base: Vec<S>,
    /// Slope of the surface by the new current.
    gain: S,
}

/// exp(-z), and the averages over a step of exp(-z (1 - s)) and of s exp(-z (1 - s)).
fn exponentials<S: Scalar>(z: S) -> [S; 3] {
    let v = z.value();
    let decay = (-v).exp();
    let (all, late) = if v < 1e-2 {
        let all = 1.0 - v / 2.0 + v * v / 6.0 - v.powi(3) / 24.0 + v.powi(4) / 120.0;
        let late = 0.5 - v / 6.0 + v * v / 24.0 - v.powi(3) / 120.0 + v.powi(4) / 720.0;
        (all, late)
    } else {
        let all = -(-v).exp_m1() / v;
        (all, (1.0 - all) / v)
    };
    let (all_slope, late_slope) = if v < 1e-2 {
        let all = -0.5 + v / 3.0 - v * v / 8.0 + v.powi(3) / 30.0;
        (all, -1.0 / 6.0 + v / 12.0 - v * v / 40.0 + v.powi(3) / 180.0)
    } else {
        let all_slope = (decay - all) / v;
        (all_slope, (-all_slope - late) / v)
    };
    [z.lift(decay, -decay), z.lift(all, all_slope), z.lift(late, late_slope)]
}

impl<S: Scalar> ModalParticles<S> {
    /// Particles at rest at a stoichiometry.
    pub(super) fn at_rest(
        modes: Arc<Modes>,
        diffusivity: f64,
        particles: usize,
        stoichiometry: f64,
    ) -> Self {
        let count = modes.rates.len();
        let mut values = vec![S::of(0.0); particles * count];
        for particle in values.chunks_mut(count) {
            particle[0] = S::of(stoichiometry);
        }
        Self {
            modes,
            diffusivity,
            values,
            factors: vec![[S::of(1.0), S::of(0.0), S::of(0.0)]; count],
            base: vec![S::of(stoichiometry); particles],
            gain: S::of(0.0),
        }
    }

    /// Prepares a step of `dt` from the currents `old`.
    pub(super) fn prepare(&mut self, physics: &ElectrodePhysics<S>, dt: f64, old: &[S]) {
        let modes = &self.modes;
        let reach = self.diffusivity * dt / (physics.radius * physics.radius);
        let pace = physics.diffusivity.scale(reach);
        self.gain = S::of(0.0);
        for (k, factors) in self.factors.iter_mut().enumerate() {
            let [decay, all, late] = exponentials(pace.scale(modes.rates[k]));
            let push = -modes.weights[k] * physics.flux * dt;
            *factors = [decay, (all - late).scale(push), late.scale(push)];
            self.gain = self.gain + factors[2];
        }
        let count = self.factors.len();
        for (p, base) in self.base.iter_mut().enumerate() {
            let values = &self.values[p * count..(p + 1) * count];
            *base = values
                .iter()
                .zip(&self.factors)
                .fold(S::of(0.0), |sum, (value, f)| sum + f[0] * *value + f[1] * old[p]);
        }
    }

    /// Surface stoichiometry for a new current, and its slope.
    pub(super) fn surface(&self, particle: usize, current: S) -> (S, f64) {
        (self.base[particle] + self.gain * current, self.gain.value())
    }

    /// Completes the step.
    pub(super) fn advance(&mut self, old: &[S], new: &[S]) {
        let count = self.factors.len();
        for (p, particle) in self.values.chunks_mut(count).enumerate() {
            for (value, f) in particle.iter_mut().zip(&self.factors) {
                *value = f[0] * *value + f[1] * old[p] + f[2] * new[p];
            }
        }
    }

    /// Mean stoichiometry of a particle at the end of the step.
    pub(super) fn new_mean(&self, particle: usize, old: S, new: S) -> S {
        let [_, by_old, by_new] = self.factors[0];
        self.mean(particle) + by_old * old + by_new * new
    }

    /// Mean stoichiometry of a particle.
    pub(super) fn mean(&self, particle: usize) -> S {
        self.values[particle * self.factors.len()]
    }

    /// Stoichiometry in a particle at [`super::radii`].
    pub(super) fn profile(&self, particle: usize) -> [f64; RADII] {
        let count = self.factors.len();
        let values = &self.values[particle * count..(particle + 1) * count];
        self.modes.profile(values.iter().map(|value| value.value()))
    }
}
