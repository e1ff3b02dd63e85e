//! Particles of an electrode of either kind.

use std::rc::Rc;
use std::sync::Arc;

use super::equations::TimeDerivative;
use super::modes::Modes;
use super::particles::ModalParticles;
use super::physics::ElectrodePhysics;
use super::scalar::Scalar;
use super::volumes::{Shells, VolumeParticles};
use super::{RADII, radii};
use crate::cell::Electrode;

/// How the particles of an electrode are resolved.
#[derive(Debug, Clone)]
pub(super) enum Radial {
    /// A constant diffusivity in m2 s-1 at its reference temperature: modes.
    Modes(Arc<Modes>, f64),
    /// A diffusivity that depends on stoichiometry: shells.
    Shells(Rc<Shells>),
}

impl Radial {
    pub(super) fn new(electrode: &Electrode, modes: usize, shells: usize) -> Self {
        match electrode.diffusivity.function.constant() {
            Some(diffusivity) => Self::Modes(Modes::shared(modes), diffusivity),
            None => Self::Shells(Rc::new(Shells::new(shells))),
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
    /// `count` particles at rest at a stoichiometry.
    pub(super) fn at_rest(radial: &Radial, count: usize, stoichiometry: f64) -> Self {
        match radial {
            Radial::Modes(modes, diffusivity) => {
                let modes = Arc::clone(modes);
                Self::Modal(ModalParticles::at_rest(modes, *diffusivity, count, stoichiometry))
            }
            Radial::Shells(shells) => {
                Self::Volumes(VolumeParticles::at_rest(Rc::clone(shells), count, stoichiometry))
            }
        }
    }

    /// Prepares a step from the currents `old`; without `time` the particles stay as they are.
    pub(super) fn prepare(
        &mut self,
        physics: &ElectrodePhysics<S>,
        time: Option<TimeDerivative>,
        old: &[S],
    ) {
        match self {
            Self::Modal(particles) => {
                particles.prepare(physics, time.map_or(0.0, |time| time.dt), old);
            }
            Self::Volumes(particles) => particles.prepare(physics, time, old),
        }
    }

    /// Surface stoichiometry of a particle for a new current, and its slope.
    pub(super) fn surface(
        &mut self,
        electrode: &Electrode,
        particle: usize,
        current: S,
    ) -> (S, f64) {
        match self {
            Self::Modal(particles) => particles.surface(particle, current),
            Self::Volumes(particles) => {
                particles.surface(&electrode.diffusivity.function, particle, current)
            }
        }
    }

    /// Completes the step.
    pub(super) fn advance(&mut self, old: &[S], new: &[S]) {
        match self {
            Self::Modal(particles) => particles.advance(old, new),
            Self::Volumes(particles) => particles.advance(new),
        }
    }

    /// Mean stoichiometry of a particle at the end of the step, from its old and new current.
    pub(super) fn new_mean(&self, particle: usize, old: S, new: S) -> S {
        match self {
            Self::Modal(particles) => particles.new_mean(particle, old, new),
            Self::Volumes(particles) => particles.new_mean(particle, new),
        }
    }

    /// Mean stoichiometry of a particle.
    pub(super) fn mean(&self, particle: usize) -> S {
        match self {
            Self::Modal(particles) => particles.mean(particle),
            Self::Volumes(particles) => particles.mean(particle),
        }
    }

    /// Stoichiometry in a particle at [`radii`].
    pub(super) fn profile(&self, particle: usize) -> [f64; RADII] {
        match self {
            Self::Modal(particles) => particles.profile(particle),
            Self::Volumes(particles) => radii().map(|radius| particles.profile(particle, radius)),
        }
    }
}
