//! A particle under any current that is linear between given times.

use crate::half::Half;
use crate::particle::{Modes, Sphere};
use crate::shells::Shells;

/// Shells of a particle whose diffusivity depends on stoichiometry.
const SHELLS: usize = 60;
/// Steps into which one is parted where the flux has jumped, equal in the square root of time.
const AFTER_JUMP: usize = 4;
/// Change of the flux, relative, that is a jump.
const JUMP: f64 = 1e-6;

/// How the particles of an electrode are followed.
#[derive(Debug, Clone)]
pub(crate) enum Follower {
    /// By modes, exactly, where the diffusivity is constant.
    Modes(Box<Modes>),
    /// By shells elsewhere.
    Shells(Shells),
}

/// State of a particle.
#[derive(Debug, Clone)]
pub(crate) enum Particle {
    Modes(Sphere),
    /// Stoichiometries of the shells, and the flux at the end of the last step.
    Shells(Vec<f64>, f64),
}

/// What is seen of a particle.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Looks {
    pub(crate) mean: f64,
    pub(crate) surface: f64,
    /// Size of the slowest unevenness inside.
    pub(crate) slowest: f64,
}

impl Follower {
    pub(crate) fn of(half: &Half) -> Self {
        half.shells(SHELLS).map_or_else(|| Self::Modes(Box::new(Modes::new())), Self::Shells)
    }

    /// A particle at rest.
    pub(crate) fn at_rest(&self, mean: f64) -> Particle {
        match self {
            Self::Modes(_) => Particle::Modes(Sphere::at_rest(mean)),
            Self::Shells(shells) => Particle::Shells(shells.at_rest(mean), 0.0),
        }
    }

    /// Advances a particle by `dt` s, with the diffusivity over the square of the radius in s-1, from one flux to another
    /// (over diffusivity, radius and largest concentration).
    pub(crate) fn advance(&self, particle: &mut Particle, rate: f64, dt: f64, flux: [f64; 2]) {
        match (self, particle) {
            (Self::Modes(modes), Particle::Modes(sphere)) => modes.advance(sphere, rate, dt, flux),
            (Self::Shells(shells), Particle::Shells(cells, last)) => {
                let jumped = (flux[0] - *last).abs() > JUMP * (flux[0].abs() + last.abs());
                let (parts, tau) = (if jumped { AFTER_JUMP } else { 1 }, rate * dt);
                let at = |k: usize| (k as f64 / parts as f64).powi(2);
                for k in 0..parts {
                    let flux_at = |part: f64| flux[0] + part * (flux[1] - flux[0]);
                    let (from, to) = (at(k), at(k + 1));
                    *cells = shells.after(cells, (to - from) * tau, [from, to].map(flux_at));
                }
                *last = flux[1];
            }
            _ => unreachable!("a particle is followed by what began it"),
        }
    }

    /// What is seen of a particle.
    pub(crate) fn look(&self, particle: &Particle) -> Looks {
        match (self, particle) {
            (Self::Modes(_), Particle::Modes(sphere)) => {
                Looks { mean: sphere.mean, surface: sphere.surface(), slowest: sphere.modes[0] }
            }
            (Self::Shells(shells), Particle::Shells(cells, flux)) => {
                let mean = shells.mean(cells);
                Looks { mean, surface: shells.surface(cells, *flux), slowest: mean - cells[0] }
            }
            _ => unreachable!("a particle is followed by what began it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use surrogate_battery::Function;

    use super::*;

    #[test]
    fn shells_of_a_constant_diffusivity_are_the_modes() {
        let even = Follower::Modes(Box::new(Modes::new()));
        let shells = Follower::Shells(Shells::new(&Function::Constant(2e-14), 0.4, SHELLS));
        let mut particles = [even.at_rest(0.5), shells.at_rest(0.5)];
        let mut worst = 0.0_f64;
        for (k, flux) in [0.2, 0.2, -0.1, -0.1, -0.1, 0.0, 0.15, 0.05].into_iter().enumerate() {
            let to = if k % 3 == 2 { 0.5 * flux } else { flux };
            for (follower, particle) in [&even, &shells].into_iter().zip(&mut particles) {
                follower.advance(particle, 1e-3, 20.0, [flux, to]);
            }
            let [a, b] = [even.look(&particles[0]), shells.look(&particles[1])];
            assert!((a.mean - b.mean).abs() < 1e-12);
            worst = worst.max((a.surface - b.surface).abs());
        }
        assert!(worst < 3e-4, "{worst:e}");
    }
}
