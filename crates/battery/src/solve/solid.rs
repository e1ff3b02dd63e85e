//! Particles of an electrode of either kind.

use super::equations::TimeDerivative;
use super::modes::Modes;
use super::particles::ModalParticles;
use super::physics::ElectrodePhysics;
use super::scalar::Scalar;
use super::volumes::{Shells, VolumeParticles};
use crate::cell::Electrode;

/// How the particles of an electrode are resolved.
#[derive(Debug, Clone)]
pub(super) enum Radial {
    /// A constant diffusivity in m2 s-1 at its reference temperature: modes.
    Modes(Modes, f64),
    /// A diffusivity that depends on stoichiometry: shells.
    Shells(Shells),
}

impl Radial {
    pub(super) fn new(electrode: &Electrode, modes: usize, shells: usize) -> Self {
        match electrode.diffusivity.function.constant() {
            Some(diffusivity) => Self::Modes(Modes::new(modes), diffusivity),
            None => Self::Shells(Shells::new(shells)),
        }
    }
}

/// Particles of an electrode.
#[derive(Debug, Clone)]
pub(super) enum Solid<S> {
    Modal(ModalParticles<S>),
    Volumes(VolumeParticles<S>),
}

impl<S: Scalar> Solid<S> {
    /// `count` particles at rest at a stoichiometry; `size` modes or shells.
    pub(super) fn at_rest(radial: &Radial, count: usize, size: usize, stoichiometry: f64) -> Self {
        match radial {
            Radial::Modes(..) => Self::Modal(ModalParticles::at_rest(count, size, stoichiometry)),
            Radial::Shells(_) => {
                Self::Volumes(VolumeParticles::at_rest(count, size, stoichiometry))
            }
        }
    }

    /// Prepares a step from the currents `old`; without `time` the particles stay as they are.
    pub(super) fn prepare(
        &mut self,
        radial: &Radial,
        physics: &ElectrodePhysics<S>,
        time: Option<TimeDerivative>,
        old: &[S],
    ) {
        match (self, radial) {
            (Self::Modal(particles), Radial::Modes(modes, diffusivity)) => {
                let dt = time.map_or(0.0, |time| time.dt);
                particles.prepare(modes, physics, *diffusivity, dt, old);
            }
            (Self::Volumes(particles), _) => particles.prepare(physics, time, old),
            _ => {}
        }
    }

    /// Surface stoichiometry of a particle for a new current, and its slope.
    pub(super) fn surface(
        &mut self,
        radial: &Radial,
        electrode: &Electrode,
        particle: usize,
        current: S,
    ) -> (S, f64) {
        match (self, radial) {
            (Self::Volumes(particles), Radial::Shells(shells)) => {
                particles.surface(shells, &electrode.diffusivity.function, particle, current)
            }
            (Self::Modal(particles), _) => particles.surface(particle, current),
            _ => (S::of(f64::NAN), f64::NAN),
        }
    }

    /// Completes the step.
    pub(super) fn advance(&mut self, old: &[S], new: &[S]) {
        match self {
            Self::Modal(particles) => particles.advance(old, new),
            Self::Volumes(particles) => particles.advance(new),
        }
    }

    /// Mean stoichiometry of a particle.
    pub(super) fn mean(&self, particle: usize) -> S {
        match self {
            Self::Modal(particles) => particles.mean(particle),
            Self::Volumes(particles) => particles.mean(particle),
        }
    }
}
