//! Drawing from the posterior, with an eye on energy and Ctrl-C.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use surrogate_calibrate::start::{Mode, find_modes, starts_about};
use surrogate_calibrate::{
    CalibrateError, DelayedAcceptance, DelayedDraws, Draws, Ensemble, Hmc, LogDensity, Nuts,
    Options, Posterior, Progress, Tempered, TemperedDraws, Watch, stream,
};
use surrogate_meter::Meter;

use super::arguments::{Calibrate, Sampler};
use super::model::Models;
use super::verdict;
use crate::failure::Failure;
use crate::interrupts;
use crate::terminal::Terminal;

/// Random points from which modes are climbed to.
const CLIMBS: usize = 8;
/// Stream of random numbers of those points, apart from those of chains.
const CLIMB_STREAM: u64 = 1 << 40;
/// Time between lines of progress.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Acceptance that NUTS tunes its steps to. Parameters of a cell trade against each other along bent
/// ridges: at 0.95 these gave twice the effective draws of 0.75 for 1.6 times the gradients.
const TARGET_ACCEPT: f64 = 0.95;
/// Moves of a walker of the ensemble before draws are kept, and draws: with half of these R-hat of
/// three unknowns stayed at 1.02.
const MOVES: usize = 2000;
/// Chains of HMC and draws of each: with 64 chains of 200 R-hat of two unknowns stayed at 1.011.
const HMC_CHAINS: usize = 16;
const HMC_DRAWS: usize = 500;
/// Draws a chain of delayed acceptance: 200 left some 400 effective ones, and R-hat at 1.02.
const DELAYED_DRAWS: usize = 1000;
/// How many times the default number of draws of NUTS are made where that leaves too few effective ones.
const MORE: usize = 4;
/// Draws between looks at the meter.
const LOOK_EVERY: u64 = 50;

/// Draws, in coordinates on the real line, and what making them took.
pub struct Drawn {
    /// The draws.
    pub draws: Draws,
    /// Distinct modes that were climbed to.
    pub modes: usize,
    /// Draws are those of the reference solver; share of proposals that it accepted.
    pub exact: Option<f64>,
    /// Logarithm of the evidence and its standard error.
    pub log_evidence: Option<(f64, f64)>,
}

/// How to draw; what is `None` is the sampler's own default.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Sampler.
    pub sampler: Sampler,
    /// Chains.
    pub chains: Option<usize>,
    /// Draws a chain that are kept.
    pub draws: Option<usize>,
    /// Draws a chain before those.
    pub tune: Option<usize>,
    /// Acceptance that steps are tuned to.
    pub target_accept: Option<f64>,
    /// Seed.
    pub seed: u64,
}

impl Settings {
    /// As the command line has them.
    pub fn of(arguments: &Calibrate) -> Self {
        let Calibrate { sampler, chains, draws, tune, target_accept, seed, .. } = *arguments;
        Self { sampler, chains, draws, tune, target_accept, seed }
    }
}

/// Draws.
///
/// # Errors
/// Impossible settings, a failing density, no reference solver for delayed acceptance.
pub fn draw<D: LogDensity + ?Sized>(
    settings: &Settings,
    models: &Models<'_>,
    density: &D,
    limit_j: Option<f64>,
    meter: &Meter,
    terminal: &Terminal,
) -> Result<Drawn, Failure> {
    let modes = modes(settings.seed, &models.surrogate, density)?;
    let watch = Watching::new(limit_j, meter, terminal);
    let hear = |progress: &Progress| watch.hear(progress);
    let (mut exact, mut log_evidence) = (None, None);
    let draws = match settings.sampler {
        Sampler::Nuts => {
            let draws = nuts(settings, density, &modes, &hear)?;
            let unknowns = models.unknowns;
            match settings.draws {
                None if !draws.stopped && verdict::few(&draws, unknowns) => {
                    let more = Settings { draws: Some(MORE * draws.draws()), ..*settings };
                    terminal.say(format!(
                        "sampling  {} draws a chain leave too few effective ones: {MORE} times as many",
                        draws.draws()
                    ));
                    nuts(&more, density, &modes, &hear)?
                }
                _ => draws,
            }
        }
        Sampler::Hmc => hmc(settings, density, &modes, &hear)?,
        Sampler::Ensemble => ensemble(settings, density, &modes, &hear)?,
        Sampler::Smc => {
            let drawn = tempered(settings, models, &hear)?;
            log_evidence = Some((drawn.log_evidence, drawn.log_evidence_se));
            drawn.draws
        }
        Sampler::Delayed => {
            let drawn = delayed(settings, models, density, &modes, &hear)?;
            exact = Some(drawn.acceptance);
            drawn.draws
        }
    };
    watch.said(&draws)?;
    Ok(Drawn { draws, modes: modes.len(), exact, log_evidence })
}

fn nuts<D: LogDensity + ?Sized>(
    settings: &Settings,
    density: &D,
    modes: &[Mode],
    watch: Watch<'_>,
) -> Result<Draws, CalibrateError> {
    let plain = Nuts::default();
    let sampler = Nuts {
        chains: settings.chains.unwrap_or(plain.chains),
        tune: settings.tune.unwrap_or(plain.tune),
        draws: settings.draws.unwrap_or(plain.draws),
        target_accept: settings.target_accept.unwrap_or(TARGET_ACCEPT),
        seed: settings.seed,
        threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        ..plain
    };
    let starts = starts_about(density, modes, sampler.chains, settings.seed)?;
    sampler.sample_with(density, Options { starts: Some(&starts), watch })
}

fn hmc<D: LogDensity + ?Sized>(
    settings: &Settings,
    density: &D,
    modes: &[Mode],
    watch: Watch<'_>,
) -> Result<Draws, CalibrateError> {
    let plain = Hmc::default();
    let sampler = Hmc {
        chains: settings.chains.unwrap_or(HMC_CHAINS),
        tune: settings.tune.unwrap_or(plain.tune),
        draws: settings.draws.unwrap_or(HMC_DRAWS),
        target_accept: settings.target_accept.unwrap_or(plain.target_accept),
        seed: settings.seed,
        ..plain
    };
    let starts = starts_about(density, modes, sampler.chains, settings.seed)?;
    sampler.sample_with(density, Options { starts: Some(&starts), watch })
}

fn ensemble<D: LogDensity + ?Sized>(
    settings: &Settings,
    density: &D,
    modes: &[Mode],
    watch: Watch<'_>,
) -> Result<Draws, CalibrateError> {
    let walkers = settings.chains.unwrap_or(4 * density.dim());
    let sampler = Ensemble {
        walkers: Some(walkers),
        tune: settings.tune.unwrap_or(MOVES),
        draws: settings.draws.unwrap_or(MOVES),
        seed: settings.seed,
        ..Ensemble::default()
    };
    let starts = starts_about(density, modes, walkers, settings.seed)?;
    sampler.sample_with(density, Options { starts: Some(&starts), watch })
}

fn tempered(
    settings: &Settings,
    models: &Models<'_>,
    watch: Watch<'_>,
) -> Result<TemperedDraws, CalibrateError> {
    let plain = Tempered::default();
    let sampler = Tempered {
        runs: settings.chains.unwrap_or(plain.runs),
        particles: settings.draws.unwrap_or(plain.particles),
        seed: settings.seed,
        ..plain
    };
    sampler.sample(&models.surrogate, watch)
}

fn delayed<D: LogDensity + ?Sized>(
    settings: &Settings,
    models: &Models<'_>,
    density: &D,
    modes: &[Mode],
    watch: Watch<'_>,
) -> Result<DelayedDraws, Failure> {
    let full = models.full.as_ref().map_err(|why| {
        let help = "--sampler nuts draws from the surrogate alone";
        Failure::helped(format!("no exact draws: {why}"), help)
    })?;
    let plain = DelayedAcceptance::default();
    let sampler = DelayedAcceptance {
        chains: settings.chains.unwrap_or(plain.chains),
        tune: settings.tune.unwrap_or(plain.tune),
        draws: settings.draws.unwrap_or(DELAYED_DRAWS),
        seed: settings.seed,
        ..plain
    };
    let starts = starts_about(density, modes, sampler.chains, settings.seed)?;
    Ok(sampler.sample(density, full, Options { starts: Some(&starts), watch })?)
}

/// Modes climbed to from random points of the prior.
///
/// # Errors
/// A failing density, or one that is nowhere finite.
pub fn modes<L: LogDensity, D: LogDensity + ?Sized>(
    seed: u64,
    posterior: &Posterior<L>,
    density: &D,
) -> Result<Vec<Mode>, Failure> {
    let mut rng = stream(seed, CLIMB_STREAM);
    let mut starts = Vec::new();
    for _ in 0..CLIMBS {
        let x = posterior.sample_prior(&mut rng).map_err(CalibrateError::from)?;
        starts.extend(posterior.coordinates_at(&x));
    }
    Ok(find_modes(density, &starts)?)
}

/// Hears of draws; stops them at Ctrl-C and at the limit of energy.
struct Watching<'a> {
    limit_j: Option<f64>,
    meter: &'a Meter,
    terminal: &'a Terminal,
    heard: AtomicU64,
    gradients: AtomicU64,
    spent: AtomicBool,
    last_line: Mutex<Instant>,
}

impl<'a> Watching<'a> {
    fn new(limit_j: Option<f64>, meter: &'a Meter, terminal: &'a Terminal) -> Self {
        Self {
            limit_j,
            meter,
            terminal,
            heard: AtomicU64::new(0),
            gradients: AtomicU64::new(0),
            spent: AtomicBool::new(false),
            last_line: Mutex::new(Instant::now()),
        }
    }

    fn hear(&self, progress: &Progress) -> ControlFlow<()> {
        let heard = 1 + self.heard.fetch_add(1, Ordering::Relaxed);
        let gradients = self.gradients.fetch_add(progress.gradients, Ordering::Relaxed);
        if interrupts::asked() || self.spent.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        if heard.is_multiple_of(LOOK_EVERY) {
            let joules = || self.meter.report().total_uj as f64 * 1e-6;
            if self.limit_j.is_some_and(|limit| joules() >= limit) {
                self.spent.store(true, Ordering::Relaxed);
                return ControlFlow::Break(());
            }
            let mut last = self.last_line.lock().unwrap_or_else(PoisonError::into_inner);
            if last.elapsed() >= LINE_EVERY {
                *last = Instant::now();
                let Progress { chain, done, total, .. } = progress;
                self.terminal.say(format!(
                    "sampling  chain {chain}: {done} of {total} draws, {gradients} gradients, {:.0} J",
                    joules()
                ));
            }
        }
        ControlFlow::Continue(())
    }

    /// Says why draws are missing.
    fn said(&self, draws: &Draws) -> Result<(), Failure> {
        if !draws.stopped || interrupts::asked() {
            return Ok(());
        }
        if draws.draws() < 4 {
            return Err(Failure::helped(
                "sampling was stopped before there were draws",
                "go on with the same command and --resume, and more energy",
            ));
        }
        let made = draws.draws();
        self.terminal.warn(format!("--max-energy stopped sampling after {made} draws a chain"));
        Ok(())
    }
}
