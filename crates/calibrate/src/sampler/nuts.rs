//! The No-U-Turn sampler with a mass matrix of low rank, by nuts-rs.
//!
//! Source: Hoffman and Gelman (2014), with the multinomial trajectories of Betancourt (2017); the
//! mass matrix is fitted to draws and gradients. Steps whose energy error exceeds [`ROUGH`] are split
//! within the orbit, which explores necks and bends where plain NUTS diverges and is biased, and costs
//! nothing elsewhere. Source: Bou-Rabee, Carpenter, Kleppe and Liu (2025), The within-orbit adaptive
//! leapfrog no-U-turn sampler.
//!
//! # Resuming
//! Chain `c` depends on the density, the settings, its start and `(seed, c)`, on nothing else: not
//! on the other chains, the number of threads or the watch. A caller that stores each finished
//! [`Chain`] and calls [`Nuts::chain`] for those it lacks gets the draws of the uninterrupted run,
//! to the same bits. Within a chain, [`Remembered`](crate::Remembered) replays the evaluations made
//! before the kill. Draws cannot be appended to a chain: its adaptation lives in nuts-rs.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use nuts_rs::rand::Rng;
use nuts_rs::{
    Chain as _, CpuLogpFunc, CpuMath, CpuMathError, HasDims, LogpError, LowRankNutsSettings,
    Settings, WalnutsOptions,
};
use rand_chacha::ChaCha8Rng;

use super::{Options, at_least, inside, starts};
use crate::density::{Fatal, LogDensity, at};
use crate::draws::{Chain, Draws, Progress, Watch};
use crate::error::CalibrateError;
use crate::random::stream;

/// NUTS: the default sampler, for densities with a gradient and up to some hundreds of coordinates.
///
/// ```
/// use surrogate_calibrate::{Nuts, from_fn};
/// let normal = from_fn(1, |x, g| {
///     g[0] = -x[0];
///     -0.5 * x[0] * x[0]
/// });
/// let draws = Nuts { seed: 7, ..Nuts::default() }.sample(&normal)?;
/// assert!(draws.means()[0].abs() < 0.1);
/// # Ok::<(), surrogate_calibrate::CalibrateError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Nuts {
    /// Independent chains.
    pub chains: usize,
    /// Draws a chain that tune step size and mass matrix, and are dropped.
    pub tune: usize,
    /// Draws a chain that are kept.
    pub draws: usize,
    /// Seed of all random numbers.
    pub seed: u64,
    /// Mean acceptance that the step size aims at.
    pub target_accept: f64,
    /// Doublings of a trajectory at most.
    pub max_depth: u64,
    /// Chains that run at a time, each in its thread. Changes no draw.
    pub threads: usize,
}

impl Default for Nuts {
    fn default() -> Self {
        Self {
            chains: 4,
            tune: 500,
            draws: 1000,
            seed: 0,
            target_accept: 0.75,
            max_depth: 10,
            threads: 4,
        }
    }
}

/// Energy error, in nats, from which a trajectory counts as divergent.
const DIVERGENCE: f64 = 1000.0;

/// Energy error of a step, in nats, from which it is split. Chosen among 0.5, 1, 2, 3 and 5 on four
/// densities, eight seeds each: 5 keeps the efficiency of plain NUTS on a correlated normal and on eight
/// schools, and diverges nowhere on a banana and a funnel. There plain NUTS diverges at acceptances of
/// 0.8 to 0.95, and at 0.8 finds a variance of 0.90 +- 0.02 in place of 1 on the banana.
const ROUGH: f64 = 5.0;

/// Draws over which the log-density is averaged to see whether a chain still climbs from its start.
const LOOK: usize = 10;

impl Nuts {
    /// Draws from random starts.
    ///
    /// # Errors
    /// An impossible setting, no start, a flat or failing density.
    pub fn sample<D: LogDensity + ?Sized>(&self, density: &D) -> Result<Draws, CalibrateError> {
        self.sample_with(density, Options::default())
    }

    /// Draws, with starts and a watch. After a stop all chains have the length of the shortest.
    ///
    /// # Errors
    /// As [`Nuts::sample`].
    pub fn sample_with<D: LogDensity + ?Sized>(
        &self,
        density: &D,
        options: Options<'_>,
    ) -> Result<Draws, CalibrateError> {
        let d = density.dim();
        self.check()?;
        let starts = starts(density, self.chains, self.seed, options.starts)?;
        let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
        // a chain that fails ends the others
        let watch = |progress: &Progress| {
            if failed.load(Ordering::Relaxed) {
                return ControlFlow::Break(());
            }
            (options.watch)(progress)
        };
        let results: Mutex<Vec<Option<_>>> = Mutex::new((0..self.chains).map(|_| None).collect());
        let work = || loop {
            let c = next.fetch_add(1, Ordering::Relaxed);
            if c >= self.chains {
                break;
            }
            let chain = self.chain(density, c, &starts[c * d..][..d], &watch);
            failed.fetch_or(chain.is_err(), Ordering::Relaxed);
            if let Ok(mut results) = results.lock() {
                results[c] = Some(chain);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.threads.min(self.chains) {
                scope.spawn(work);
            }
            work();
        });
        let results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let chains = results.into_iter().flatten().collect::<Result<Vec<_>, _>>()?;
        let stopped = chains.iter().any(|c: &Chain| c.stats.lp.len() < self.draws);
        let mut draws = Draws { dim: d, chains, stopped };
        draws.cut_to_shortest();
        Ok(draws)
    }

    /// The starts that [`Nuts::sample`] uses, `[chain, coordinate]`.
    ///
    /// # Errors
    /// As [`Nuts::sample`].
    pub fn starts<D: LogDensity + ?Sized>(&self, density: &D) -> Result<Vec<f64>, CalibrateError> {
        starts(density, self.chains, self.seed, None)
    }

    /// Chain number `chain` alone, from its start.
    ///
    /// # Errors
    /// As [`Nuts::sample`].
    pub fn chain<D: LogDensity + ?Sized>(
        &self,
        density: &D,
        chain: usize,
        start: &[f64],
        watch: Watch<'_>,
    ) -> Result<Chain, CalibrateError> {
        let mut rng = stream(self.seed, chain as u64);
        let total = self.tune + self.draws;
        let mut run = Run { chain, tune: self.tune, total, watch, done: 0, out: Chain::default() };
        let settled = run.settle(density, self.plain(self.tune / 2), start, &mut rng)?;
        if let Some(x) = settled {
            run.draw(density, self.settings(self.tune - run.done), &x, &mut rng)?;
        }
        Ok(run.out)
    }

    fn check(&self) -> Result<(), CalibrateError> {
        at_least("chains", self.chains, 1, "at least 1 chain")?;
        at_least("draws", self.draws, 1, "at least 1 draw")?;
        at_least("tune", self.tune, 40, "at least 40 draws to tune step size and mass matrix")?;
        at_least("max_depth", usize::try_from(self.max_depth).unwrap_or(0), 1, "at least 1")?;
        inside("target_accept", self.target_accept, (0.0, 1.0), "between 0 and 1")
    }

    fn settings(&self, tune: usize) -> LowRankNutsSettings {
        let walnuts = WalnutsOptions { max_error: ROUGH, ..WalnutsOptions::default() };
        LowRankNutsSettings { walnuts: Some(walnuts), ..self.plain(tune) }
    }

    /// Settings without the splitting of steps.
    fn plain(&self, tune: usize) -> LowRankNutsSettings {
        let mut settings = LowRankNutsSettings {
            num_tune: tune as u64,
            num_draws: self.draws as u64,
            maxdepth: self.max_depth,
            max_energy_error: DIVERGENCE,
            ..LowRankNutsSettings::default()
        };
        settings.adapt_options.step_size_settings.target_accept = self.target_accept;
        settings
    }
}

/// A chain under way.
struct Run<'a> {
    chain: usize,
    tune: usize,
    total: usize,
    watch: Watch<'a>,
    /// Draws made so far.
    done: usize,
    out: Chain,
}

impl Run<'_> {
    /// Plain NUTS from a far start to where the mass is, for half of tuning at most: on the way
    /// energies fall by thousands of nats in a step, which splitting would refuse. Gives the last
    /// position, or nothing after a stop.
    fn settle<D: LogDensity + ?Sized>(
        &mut self,
        density: &D,
        settings: LowRankNutsSettings,
        start: &[f64],
        rng: &mut ChaCha8Rng,
    ) -> Result<Option<Box<[f64]>>, CalibrateError> {
        let failure = Failure::default();
        let mut nuts = self.begin(density, settings, start, rng, &failure)?;
        let mut heights = Vec::new();
        for _ in 0..self.tune / 2 {
            let drawn = nuts.expanded_draw().map_err(|error| failure.told(self.chain, &error))?;
            let (x, _, stats, now) = drawn;
            let gradients = stats.adapt.step_size.n_gradients;
            heights.push(stats.point.logp);
            self.out.tuning_gradients += gradients;
            if self.report(&now, gradients).is_break() {
                return Ok(None);
            }
            let seen = heights.len();
            let mean = |range: Range<usize>| heights[range].iter().sum::<f64>() / LOOK as f64;
            let climbs =
                seen < 2 * LOOK || mean(seen - LOOK..seen) > mean(seen - 2 * LOOK..seen - LOOK);
            if !climbs || self.done == self.tune / 2 {
                return Ok(Some(x));
            }
        }
        Ok(Some(start.into()))
    }

    /// The rest of tuning, and the draws that are kept.
    fn draw<D: LogDensity + ?Sized>(
        &mut self,
        density: &D,
        settings: LowRankNutsSettings,
        start: &[f64],
        rng: &mut ChaCha8Rng,
    ) -> Result<(), CalibrateError> {
        let failure = Failure::default();
        let mut nuts = self.begin(density, settings, start, rng, &failure)?;
        while self.done < self.total {
            let drawn = nuts.expanded_draw().map_err(|error| failure.told(self.chain, &error))?;
            let (x, _, stats, now) = drawn;
            let step = &stats.adapt.step_size;
            if self.done < self.tune {
                self.out.tuning_gradients += step.n_gradients;
            } else {
                self.out.gradients += step.n_gradients;
                self.out.positions.extend_from_slice(&x);
                let s = &mut self.out.stats;
                s.lp.push(stats.point.logp);
                s.energy.push(stats.point.energy);
                s.diverging.push(now.diverging);
                s.tree_depth.push(stats.depth);
                s.reached_max_depth.push(stats.maxdepth_reached);
                s.n_steps.push(step.n_steps);
                s.acceptance_rate.push(step.mean_tree_accept);
                s.step_size.push(now.step_size);
            }
            if self.report(&now, step.n_gradients).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn begin<'d, D: LogDensity + ?Sized>(
        &self,
        density: &'d D,
        settings: LowRankNutsSettings,
        start: &[f64],
        rng: &mut ChaCha8Rng,
        failure: &Failure,
    ) -> Result<NutsChain<'d, D>, CalibrateError> {
        let math = CpuMath::new(OnePoint { density, failure: failure.clone() });
        let told = |error| failure.told(self.chain, &error);
        let mut nuts = settings.new_chain(self.chain as u64, math, rng).map_err(told)?;
        nuts.set_position(start).map_err(|error| failure.told(self.chain, &error))?;
        Ok(nuts)
    }

    /// Counts a draw and tells the watch of it.
    fn report(&mut self, now: &nuts_rs::Progress, gradients: u64) -> ControlFlow<()> {
        self.done += 1;
        (self.watch)(&Progress {
            chain: self.chain,
            done: self.done,
            total: self.total,
            tuning: self.done <= self.tune,
            diverging: now.diverging,
            gradients,
            step_size: now.step_size,
        })
    }
}

/// A chain of nuts-rs.
type NutsChain<'d, D> = <LowRankNutsSettings as Settings>::Chain<CpuMath<OnePoint<'d, D>>>;

/// Where a fatal failure waits for the caller, whose error type does not carry it.
#[derive(Clone, Default)]
struct Failure(Rc<RefCell<Option<Fatal>>>);

impl Failure {
    /// The failure of the density, or else what nuts-rs says.
    fn told(&self, chain: usize, error: &dyn std::fmt::Display) -> CalibrateError {
        match self.0.borrow_mut().take() {
            Some(fatal) => CalibrateError::Density(fatal),
            None => CalibrateError::Nuts { chain, message: format!("{error:#}") },
        }
    }
}

/// The density as nuts-rs evaluates it: one point at a time.
struct OnePoint<'a, D: ?Sized> {
    density: &'a D,
    failure: Failure,
}

/// How an evaluation failed, as nuts-rs asks.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("the log-density or its gradient is not finite")]
    Recoverable,
    #[error("the density failed")]
    Fatal,
}

impl LogpError for Failed {
    fn is_recoverable(&self) -> bool {
        matches!(self, Self::Recoverable)
    }
}

impl<D: LogDensity + ?Sized> HasDims for OnePoint<'_, D> {
    fn dim_sizes(&self) -> HashMap<String, u64> {
        HashMap::from([("unconstrained_parameter".to_string(), self.density.dim() as u64)])
    }
}

impl<D: LogDensity + ?Sized> CpuLogpFunc for OnePoint<'_, D> {
    type LogpError = Failed;
    type FlowParameters = ();
    type ExpandedVector = ();

    fn dim(&self) -> usize {
        self.density.dim()
    }

    fn logp(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<f64, Failed> {
        match at(self.density, x, gradient) {
            Ok(logp) if logp > f64::NEG_INFINITY => Ok(logp),
            Ok(_) => Err(Failed::Recoverable),
            Err(fatal) => {
                *self.failure.0.borrow_mut() = Some(fatal);
                Err(Failed::Fatal)
            }
        }
    }

    fn expand_vector<R: Rng + ?Sized>(&mut self, _: &mut R, _: &[f64]) -> Result<(), CpuMathError> {
        Ok(())
    }
}
