//! Hamiltonian transitions of many chains in lockstep: one batched gradient a leapfrog step.
//!
//! Momenta are standard normal in the coordinates whitened by `L`, the Cholesky factor of a
//! covariance: `x += step L m`, `m += step/2 Lᵀ grad`. With step, number of steps and `L` fixed, a
//! transition is reversible and leaves the density invariant.
//!
//! Source: Neal (2011), MCMC using Hamiltonian dynamics, sections 3 and 5.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::density::{Fatal, LogDensity, sound};
use crate::linear::Cholesky;
use crate::random::normal;

/// Energy error, in nats, from which a trajectory counts as divergent.
const DIVERGENCE: f64 = 1000.0;

/// Where all chains are.
#[derive(Debug, Clone)]
pub(super) struct State {
    /// Positions `[B, d]`.
    pub(super) x: Vec<f64>,
    /// Log-densities.
    pub(super) logp: Vec<f64>,
    /// Gradients `[B, d]`.
    pub(super) gradient: Vec<f64>,
}

impl State {
    pub(super) fn new<D: LogDensity + ?Sized>(density: &D, x: Vec<f64>) -> Result<Self, Fatal> {
        let chains = x.len() / density.dim();
        let mut state = Self { logp: vec![0.0; chains], gradient: vec![0.0; x.len()], x };
        state.evaluate(density)?;
        Ok(state)
    }

    /// Chain `b` as it was in another state.
    pub(super) fn put_back(&mut self, before: &Self, b: usize, d: usize) {
        let all = b * d..(b + 1) * d;
        self.logp[b] = before.logp[b];
        self.x[all.clone()].copy_from_slice(&before.x[all.clone()]);
        self.gradient[all.clone()].copy_from_slice(&before.gradient[all]);
    }

    fn evaluate<D: LogDensity + ?Sized>(&mut self, density: &D) -> Result<(), Fatal> {
        density.logp_grad_batch(&self.x, &mut self.logp, &mut self.gradient)?;
        let d = density.dim();
        for (logp, g) in self.logp.iter_mut().zip(self.gradient.chunks_exact_mut(d)) {
            *logp = sound(*logp);
            if g.iter().any(|g| !g.is_finite()) {
                *logp = f64::NEG_INFINITY;
            }
            if *logp == f64::NEG_INFINITY {
                g.fill(0.0);
            }
        }
        Ok(())
    }
}

/// Step size and metric.
#[derive(Debug, Clone)]
pub(super) struct Kernel {
    pub(super) step: f64,
    pub(super) metric: Cholesky,
}

/// What happened to the chains in one transition.
#[derive(Debug, Clone, Default)]
pub(super) struct Transition {
    /// Acceptance probabilities.
    pub(super) acceptance: Vec<f64>,
    /// Energies after the transition.
    pub(super) energy: Vec<f64>,
    /// Whether the energy error was hopeless.
    pub(super) diverging: Vec<bool>,
    /// Ends of the trajectories `[B, d]`, accepted or not, and their momenta.
    pub(super) proposal: Vec<f64>,
    pub(super) momentum: Vec<f64>,
}

impl Kernel {
    /// Moves all chains by `steps` leapfrog steps each; chain `b` uses generator `b`.
    pub(super) fn transition<D: LogDensity + ?Sized>(
        &self,
        density: &D,
        state: &mut State,
        steps: usize,
        rngs: &mut [ChaCha8Rng],
    ) -> Result<Transition, Fatal> {
        let (d, chains) = (density.dim(), state.logp.len());
        let mut momentum: Vec<f64> = rngs
            .iter_mut()
            .flat_map(|rng| (0..d).map(|_| normal(rng)).collect::<Vec<_>>())
            .collect();
        let kinetic =
            |m: &[f64], b: usize| 0.5 * m[b * d..][..d].iter().map(|m| m * m).sum::<f64>();
        let before: Vec<f64> = (0..chains).map(|b| kinetic(&momentum, b) - state.logp[b]).collect();
        let mut end = state.clone();
        self.kick(&mut momentum, &end.gradient, d);
        for k in 0..steps {
            for (x, m) in end.x.chunks_exact_mut(d).zip(momentum.chunks_exact(d)) {
                let moved = self.metric.multiply_lower(m);
                x.iter_mut().zip(moved).for_each(|(x, v)| *x += self.step * v);
            }
            end.evaluate(density)?;
            let times = if k + 1 < steps { 2 } else { 1 };
            (0..times).for_each(|_| self.kick(&mut momentum, &end.gradient, d));
        }
        let mut out = Transition::default();
        for (b, rng) in rngs.iter_mut().enumerate() {
            let after = kinetic(&momentum, b) - end.logp[b];
            let error = if after.is_finite() { after - before[b] } else { f64::INFINITY };
            let accepted = rng.random::<f64>() < (-error).exp();
            if accepted {
                state.logp[b] = end.logp[b];
                let (from, to) = (b * d, (b + 1) * d);
                state.x[from..to].copy_from_slice(&end.x[from..to]);
                state.gradient[from..to].copy_from_slice(&end.gradient[from..to]);
            }
            out.acceptance.push((-error).exp().min(1.0));
            out.energy.push(if accepted { after } else { before[b] });
            out.diverging.push(error > DIVERGENCE);
        }
        (out.proposal, out.momentum) = (end.x, momentum);
        Ok(out)
    }

    /// Half a step of the momenta.
    fn kick(&self, momentum: &mut [f64], gradient: &[f64], d: usize) {
        for (m, g) in momentum.chunks_exact_mut(d).zip(gradient.chunks_exact(d)) {
            let force = self.metric.multiply_upper(g);
            m.iter_mut().zip(force).for_each(|(m, f)| *m += 0.5 * self.step * f);
        }
    }
}
