//! Hamiltonian Monte Carlo with many chains in lockstep, tuned across chains and then frozen.
//!
//! Source: Hoffman, Radul and Sountsov (2021), An adaptive-MCMC scheme for setting trajectory
//! lengths in Hamiltonian Monte Carlo, for trajectory length and jitter. Differs from it in a dense
//! metric, from the covariance of all chains over doubling windows.

use std::ops::ControlFlow;

use rand_chacha::ChaCha8Rng;

use super::kernel::{Kernel, State, Transition};
use super::{Options, at_least, inside, starts};
use crate::density::LogDensity;
use crate::draws::{Chain, Draws, Progress, Watch};
use crate::error::CalibrateError;
use crate::linear::Cholesky;
use crate::random::stream;

/// HMC with many chains: for densities that are cheap in batches. Every step evaluates all chains in
/// one call. The watch hears of all chains at once, as chain 0.
///
/// Draws are resumed by running again with [`Remembered`](crate::Remembered) evaluations.
#[derive(Debug, Clone, PartialEq)]
pub struct Hmc {
    /// Chains.
    pub chains: usize,
    /// Draws a chain that tune and are dropped.
    pub tune: usize,
    /// Draws a chain that are kept.
    pub draws: usize,
    /// Seed of all random numbers.
    pub seed: u64,
    /// Harmonic mean of the acceptance that the step size aims at.
    pub target_accept: f64,
    /// Leapfrog steps of a trajectory at most.
    pub max_steps: usize,
}

impl Default for Hmc {
    fn default() -> Self {
        Self { chains: 64, tune: 400, draws: 200, seed: 0, target_accept: 0.7, max_steps: 512 }
    }
}

/// What tuning has found.
#[derive(Debug, Clone)]
pub(super) struct Tuned {
    pub(super) kernel: Kernel,
    /// Longest trajectory; each is a fraction of it.
    pub(super) time: f64,
    pub(super) state: State,
    pub(super) rngs: Vec<ChaCha8Rng>,
    /// Gradients so far, a chain.
    pub(super) gradients: u64,
    /// Transitions so far.
    pub(super) done: usize,
    stopped: bool,
}

impl Hmc {
    /// Draws from random starts.
    ///
    /// # Errors
    /// An impossible setting, no start, a flat or failing density.
    pub fn sample<D: LogDensity + ?Sized>(&self, density: &D) -> Result<Draws, CalibrateError> {
        self.sample_with(density, Options::default())
    }

    /// Draws, with starts and a watch.
    ///
    /// # Errors
    /// As [`Hmc::sample`].
    pub fn sample_with<D: LogDensity + ?Sized>(
        &self,
        density: &D,
        options: Options<'_>,
    ) -> Result<Draws, CalibrateError> {
        let mut tuned = self.tune(density, options)?;
        let d = density.dim();
        let tuning_gradients = tuned.gradients;
        let mut chains = vec![Chain { tuning_gradients, ..Chain::default() }; self.chains];
        let mut stopped = tuned.stopped;
        let draws = if stopped { 0 } else { self.draws };
        for _ in 0..draws {
            let steps = self.steps(&tuned);
            let moved = tuned.transition(density, steps)?;
            for (b, chain) in chains.iter_mut().enumerate() {
                chain.positions.extend_from_slice(&tuned.state.x[b * d..][..d]);
                chain.gradients += steps as u64;
                let s = &mut chain.stats;
                s.lp.push(tuned.state.logp[b]);
                s.energy.push(moved.energy[b]);
                s.diverging.push(moved.diverging[b]);
                s.n_steps.push(steps as u64);
                s.acceptance_rate.push(moved.acceptance[b]);
                s.step_size.push(tuned.kernel.step);
            }
            if self.report(&tuned, &moved, steps, options.watch).is_break() {
                stopped = true;
                break;
            }
        }
        Ok(Draws { dim: d, chains, stopped })
    }

    /// Finds step size, metric and trajectory length.
    pub(super) fn tune<D: LogDensity + ?Sized>(
        &self,
        density: &D,
        options: Options<'_>,
    ) -> Result<Tuned, CalibrateError> {
        at_least("chains", self.chains, 2, "at least 2 chains, which tune each other")?;
        at_least("tune", self.tune, 50, "at least 50 draws to tune")?;
        at_least("draws", self.draws, 1, "at least 1 draw")?;
        at_least("max_steps", self.max_steps, 1, "at least 1 step")?;
        inside("target_accept", self.target_accept, (0.0, 1.0), "between 0 and 1")?;
        let d = density.dim();
        let x = starts(density, self.chains, self.seed, options.starts)?;
        let state = State::new(density, x)?;
        let rngs = (0..self.chains).map(|b| stream(self.seed, b as u64)).collect();
        let metric = Cholesky::of_diagonal(&vec![1.0; d]);
        let kernel = Kernel { step: FIRST_STEP, metric };
        let mut tuned =
            Tuned { kernel, time: 1.0, state, rngs, gradients: 0, done: 0, stopped: false };
        let mut step = DualAveraging::new(FIRST_STEP, self.target_accept);
        let mut length = LengthAdaptation::default();
        let mut window = Vec::new();
        let mut next = FIRST_WINDOW;
        let last_window = self.tune * 4 / 5;
        while tuned.done < self.tune {
            let steps = self.steps(&tuned);
            let fraction = halton(tuned.done);
            let before = tuned.state.x.clone();
            let moved = tuned.transition(density, steps)?;
            step.update(harmonic_mean(&moved.acceptance));
            tuned.kernel.step = step.step();
            tuned.time = length.update(tuned.time, fraction, &before, &moved, &tuned.kernel, d);
            tuned.time = tuned.time.max(tuned.kernel.step);
            window.extend_from_slice(&tuned.state.x);
            if tuned.done == next.min(last_window) {
                if let Some(metric) = metric_of(&window, d) {
                    tuned.kernel.metric = metric;
                    step = DualAveraging::new(tuned.kernel.step.min(1.0), self.target_accept);
                    length.restart();
                }
                window.clear();
                next *= 2;
            }
            if self.report(&tuned, &moved, steps, options.watch).is_break() {
                tuned.stopped = true;
                break;
            }
        }
        tuned.kernel.step = step.average();
        tuned.time = length.average(tuned.time);
        Ok(tuned)
    }

    /// Leapfrog steps of the next trajectory: a fraction of the longest that fills (0, 1) evenly.
    pub(super) fn steps(&self, tuned: &Tuned) -> usize {
        let steps = (halton(tuned.done) * tuned.time / tuned.kernel.step).ceil();
        (steps as usize).clamp(1, self.max_steps)
    }

    fn report(
        &self,
        tuned: &Tuned,
        moved: &Transition,
        steps: usize,
        watch: Watch<'_>,
    ) -> ControlFlow<()> {
        watch(&Progress {
            chain: 0,
            done: tuned.done,
            total: self.tune + self.draws,
            tuning: tuned.done <= self.tune,
            diverging: moved.diverging.contains(&true),
            gradients: (steps * self.chains) as u64,
            step_size: tuned.kernel.step,
        })
    }
}

impl Tuned {
    /// One transition of all chains.
    pub(super) fn transition<D: LogDensity + ?Sized>(
        &mut self,
        density: &D,
        steps: usize,
    ) -> Result<Transition, CalibrateError> {
        let moved = self.kernel.transition(density, &mut self.state, steps, &mut self.rngs)?;
        self.gradients += steps as u64;
        self.done += 1;
        Ok(moved)
    }
}

/// Step size before any is known.
const FIRST_STEP: f64 = 0.1;
/// Transitions after which the metric is first fitted; each window is twice the one before it.
const FIRST_WINDOW: usize = 20;

/// Covariance of the positions of a window, drawn a little towards its diagonal.
fn metric_of(window: &[f64], d: usize) -> Option<Cholesky> {
    let n = (window.len() / d) as f64;
    let mut mean = vec![0.0; d];
    for x in window.chunks_exact(d) {
        mean.iter_mut().zip(x).for_each(|(m, x)| *m += x / n);
    }
    let mut covariance = vec![0.0; d * d];
    for x in window.chunks_exact(d) {
        for i in 0..d {
            for j in 0..d {
                covariance[i * d + j] += (x[i] - mean[i]) * (x[j] - mean[j]) / (n - 1.0);
            }
        }
    }
    let keep = n / (n + 5.0 * d as f64);
    for i in 0..d {
        for j in (0..d).filter(|&j| j != i) {
            covariance[i * d + j] *= keep;
        }
    }
    Cholesky::new(&covariance, d).ok()
}

/// Element `k` of the van der Corput sequence in base 2, in (0, 1).
fn halton(k: usize) -> f64 {
    let (mut k, mut scale, mut sum) = (k + 1, 0.5, 0.0);
    while k > 0 {
        sum += scale * (k % 2) as f64;
        (k, scale) = (k / 2, scale / 2.0);
    }
    sum
}

fn harmonic_mean(acceptance: &[f64]) -> f64 {
    acceptance.len() as f64 / acceptance.iter().map(|a| 1.0 / a.max(1e-3)).sum::<f64>()
}

/// Step size by dual averaging.
///
/// Source: Hoffman and Gelman (2014), section 3.2.
struct DualAveraging {
    centre: f64,
    target: f64,
    error: f64,
    log_step: f64,
    log_average: f64,
    count: f64,
}

impl DualAveraging {
    fn new(step: f64, target: f64) -> Self {
        let log_step = step.ln();
        let centre = (10.0 * step).ln();
        Self { centre, target, error: 0.0, log_step, log_average: 0.0, count: 0.0 }
    }

    fn update(&mut self, acceptance: f64) {
        const GAMMA: f64 = 0.05;
        const DELAY: f64 = 10.0;
        const DECAY: f64 = 0.75;
        self.count += 1.0;
        let weight = 1.0 / (self.count + DELAY);
        self.error += weight * (self.target - acceptance - self.error);
        self.log_step = self.centre - self.count.sqrt() / GAMMA * self.error;
        let share = self.count.powf(-DECAY);
        self.log_average += share * (self.log_step - self.log_average);
    }

    fn step(&self) -> f64 {
        self.log_step.exp()
    }

    fn average(&self) -> f64 {
        if self.count > 0.0 { self.log_average.exp() } else { self.step() }
    }
}

/// Trajectory length by stochastic gradient ascent on the expected change of the squared distance
/// from the mean, by Adam without momentum.
#[derive(Default)]
struct LengthAdaptation {
    square: f64,
    count: i32,
    log_sum: f64,
    counted: f64,
}

/// Greatest relative change of the length in one transition.
const LENGTH_RATE: f64 = 0.05;
/// Forgetting of squared gradients.
const LENGTH_MEMORY: f64 = 0.95;

impl LengthAdaptation {
    fn update(
        &mut self,
        time: f64,
        fraction: f64,
        before: &[f64],
        moved: &Transition,
        kernel: &Kernel,
        d: usize,
    ) -> f64 {
        let (from, to) = (whitened(before, kernel, d), whitened(&moved.proposal, kernel, d));
        let (mut gradient, mut weight) = (0.0, 0.0);
        for (b, accept) in moved.acceptance.iter().enumerate() {
            let (z, y) = (&from[b * d..][..d], &to[b * d..][..d]);
            let square = |z: &[f64]| z.iter().map(|z| z * z).sum::<f64>();
            let flow: f64 = y.iter().zip(&moved.momentum[b * d..]).map(|(y, m)| y * m).sum();
            let one = (square(y) - square(z)) * flow;
            if one.is_finite() {
                gradient += accept * one;
                weight += accept;
            }
        }
        if weight > 0.0 {
            gradient *= fraction * time / weight;
            self.count += 1;
            self.square = LENGTH_MEMORY * self.square + (1.0 - LENGTH_MEMORY) * gradient * gradient;
            let scale = (self.square / (1.0 - LENGTH_MEMORY.powi(self.count))).sqrt() + 1e-12;
            let time = (time.ln() + LENGTH_RATE * (gradient / scale).clamp(-3.0, 3.0)).exp();
            self.log_sum += time.ln();
            self.counted += 1.0;
            return time;
        }
        time
    }

    /// Geometric mean of the lengths since the last restart.
    fn average(&self, otherwise: f64) -> f64 {
        if self.counted > 0.0 { (self.log_sum / self.counted).exp() } else { otherwise }
    }

    fn restart(&mut self) {
        *self = Self::default();
    }
}

/// Positions less their mean, in the coordinates of the metric.
fn whitened(x: &[f64], kernel: &Kernel, d: usize) -> Vec<f64> {
    let n = (x.len() / d) as f64;
    let mut mean = vec![0.0; d];
    for x in x.chunks_exact(d) {
        mean.iter_mut().zip(x).for_each(|(m, x)| *m += x / n);
    }
    let mut out = x.to_vec();
    for x in out.chunks_exact_mut(d) {
        x.iter_mut().zip(&mean).for_each(|(x, m)| *x -= m);
        kernel.metric.solve_lower(x);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trajectory_fractions_fill_the_unit_interval_evenly() {
        let first: Vec<f64> = (0..7).map(halton).collect();
        assert_eq!(first, [0.5, 0.25, 0.75, 0.125, 0.625, 0.375, 0.875]);
    }
}
