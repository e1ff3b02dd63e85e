//! Delayed acceptance: a surrogate proposes, the full model decides.
//!
//! From `x`, `inner` Hamiltonian transitions that leave the surrogate's density `s` invariant lead to
//! `x'`; it is accepted with probability `min(1, f(x') s(x) / (f(x) s(x')))`, which makes the full
//! density `f` invariant. The transitions are reversible, as this needs: their step size, metric and
//! number of steps are frozen and the same within a proposal.
//!
//! Source: Christen and Fox (2005), Markov chain Monte Carlo using an approximation.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::hmc::{Hmc, Tuned};
use super::{Options, at_least};
use crate::density::{LogDensity, sound};
use crate::draws::{Chain, Draws, Progress};
use crate::error::CalibrateError;
use crate::random::stream;

/// Delayed acceptance: exact draws of a density that is dear, from one near it that is cheap.
#[derive(Debug, Clone, PartialEq)]
pub struct DelayedAcceptance {
    /// Chains, evaluated together.
    pub chains: usize,
    /// Draws a chain that tune the proposal on the surrogate; the full density is not touched.
    pub tune: usize,
    /// Draws a chain before those that are kept, by which chains move from surrogate to full density.
    pub burn_in: usize,
    /// Draws a chain that are kept.
    pub draws: usize,
    /// Surrogate transitions a proposal.
    pub inner: usize,
    /// Seed of all random numbers.
    pub seed: u64,
}

impl Default for DelayedAcceptance {
    fn default() -> Self {
        Self { chains: 8, tune: 400, burn_in: 20, draws: 200, inner: 4, seed: 0 }
    }
}

/// Draws of the full density, and what they cost.
#[derive(Debug, Clone, PartialEq)]
pub struct DelayedDraws {
    /// Draws; `stats.acceptance_rate` is that of the second stage, `gradients` those of the surrogate.
    pub draws: Draws,
    /// Evaluations of the full density.
    pub full_evaluations: u64,
    /// Share of proposals that the full density accepted; low where the surrogate is far from it.
    pub acceptance: f64,
}

/// Offset that keeps the random streams of the second stage apart from those of the chains.
const SECOND_STAGE: u64 = 1 << 33;

impl DelayedAcceptance {
    /// Draws of `full` by way of `surrogate`, both densities of the same coordinates.
    ///
    /// # Errors
    /// An impossible setting, densities of unequal dimension, no start, a failing density.
    pub fn sample<S: LogDensity + ?Sized, F: LogDensity + ?Sized>(
        &self,
        surrogate: &S,
        full: &F,
        options: Options<'_>,
    ) -> Result<DelayedDraws, CalibrateError> {
        at_least("inner", self.inner, 1, "at least 1 transition a proposal")?;
        at_least("draws", self.draws, 1, "at least 1 draw")?;
        let (d, what) = (surrogate.dim(), "coordinates of the full density");
        if full.dim() != d {
            return Err(CalibrateError::WrongLength { what, found: full.dim(), expected: d });
        }
        let hmc = Hmc {
            chains: self.chains,
            tune: self.tune,
            draws: self.draws,
            seed: self.seed,
            ..Hmc::default()
        };
        let tuned = hmc.tune(surrogate, options)?;
        let mut exact = vec![0.0; self.chains];
        full.logp_batch(&tuned.state.x, &mut exact)?;
        exact.iter_mut().for_each(|l| *l = sound(*l));
        let rng = stream(self.seed, SECOND_STAGE);
        let tuning_gradients = tuned.gradients;
        let mut chains = vec![Chain { tuning_gradients, ..Chain::default() }; self.chains];
        let mut stages = Stages { hmc, tuned, exact, rng, inner: self.inner };
        let total = self.burn_in + self.draws;
        let (mut accepted, mut stopped, mut done) = (0.0, false, 0);
        while done < total && !stopped {
            let (probabilities, steps) = stages.propose(surrogate, full)?;
            done += 1;
            let tuning = done <= self.burn_in;
            for (b, chain) in chains.iter_mut().enumerate() {
                if tuning {
                    chain.tuning_gradients += steps;
                    continue;
                }
                accepted += probabilities[b];
                chain.gradients += steps;
                chain.positions.extend_from_slice(&stages.tuned.state.x[b * d..][..d]);
                chain.stats.lp.push(stages.exact[b]);
                chain.stats.acceptance_rate.push(probabilities[b]);
                chain.stats.n_steps.push(steps);
                chain.stats.step_size.push(stages.tuned.kernel.step);
            }
            let progress = Progress {
                chain: 0,
                done,
                total,
                tuning,
                diverging: false,
                gradients: steps * self.chains as u64,
                step_size: stages.tuned.kernel.step,
            };
            stopped = (options.watch)(&progress).is_break() && done < total;
        }
        let acceptance = accepted / (chains[0].stats.lp.len() * self.chains).max(1) as f64;
        let full_evaluations = ((1 + done) * self.chains) as u64;
        Ok(DelayedDraws { draws: Draws { dim: d, chains, stopped }, full_evaluations, acceptance })
    }
}

/// Both stages of all chains.
struct Stages {
    hmc: Hmc,
    tuned: Tuned,
    /// Log-densities of the full model where the chains are.
    exact: Vec<f64>,
    rng: ChaCha8Rng,
    inner: usize,
}

impl Stages {
    /// One proposal of each chain and its verdict: acceptance probabilities, and leapfrog steps.
    fn propose<S: LogDensity + ?Sized, F: LogDensity + ?Sized>(
        &mut self,
        surrogate: &S,
        full: &F,
    ) -> Result<(Vec<f64>, u64), CalibrateError> {
        let before = self.tuned.state.clone();
        let steps = self.hmc.steps(&self.tuned);
        for _ in 0..self.inner {
            self.tuned.transition(surrogate, steps)?;
        }
        let mut proposed = vec![0.0; self.exact.len()];
        full.logp_batch(&self.tuned.state.x, &mut proposed)?;
        let mut probabilities = Vec::with_capacity(proposed.len());
        for (b, exact) in self.exact.iter_mut().enumerate() {
            let (new, gain) = (sound(proposed[b]), self.tuned.state.logp[b] - before.logp[b]);
            // a start outside the full support is left at the first chance
            let outside = *exact == f64::NEG_INFINITY;
            let probability = if outside { 1.0 } else { (new - *exact - gain).exp().min(1.0) };
            if self.rng.random::<f64>() < probability {
                *exact = new;
            } else {
                self.tuned.state.put_back(&before, b, surrogate.dim());
            }
            probabilities.push(probability);
        }
        Ok((probabilities, (steps * self.inner) as u64))
    }
}
