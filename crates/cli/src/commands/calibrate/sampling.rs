//! Drawing from the posterior, with an eye on energy and Ctrl-C.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use surrogate_calibrate::start::{Mode, find_modes, starts_at};
use surrogate_calibrate::{
    CalibrateError, DelayedAcceptance, Draws, Ensemble, Hmc, LogDensity, Nuts, Options, Progress,
    Tempered, stream,
};
use surrogate_meter::Meter;

use super::arguments::{Calibrate, Sampler};
use super::model::Models;
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

/// Draws by the sampler of the command line.
///
/// # Errors
/// Impossible settings, a failing density, no reference solver for delayed acceptance.
pub fn draw<D: LogDensity + ?Sized>(
    arguments: &Calibrate,
    models: &Models,
    density: &D,
    limit_j: Option<f64>,
    meter: &Meter,
    terminal: &Terminal,
) -> Result<Drawn, Failure> {
    let modes = modes(arguments, models, density)?;
    if modes.len() > 1 {
        terminal
            .warn(format!("the posterior has {} modes; --sampler smc weighs them", modes.len()));
    }
    let watch = Watching::new(limit_j, meter, terminal);
    let hear = |progress: &Progress| watch.hear(progress);
    let seed = arguments.seed;
    let starting = |chains: usize| starts_at(&modes, chains);
    let (mut exact, mut log_evidence) = (None, None);
    let draws = match arguments.sampler {
        Sampler::Nuts => {
            let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            let plain = Nuts { seed, threads, ..Nuts::default() };
            let chains = arguments.chains.unwrap_or(plain.chains);
            let (draws, tune) = (or(arguments.draws, plain.draws), or(arguments.tune, plain.tune));
            let target_accept = arguments.target_accept.unwrap_or(TARGET_ACCEPT);
            let nuts = Nuts { chains, draws, tune, target_accept, ..plain };
            let starts = starting(chains);
            nuts.sample_with(density, Options { starts: Some(&starts), watch: &hear })?
        }
        Sampler::Hmc => {
            let plain = Hmc { seed, ..Hmc::default() };
            let chains = arguments.chains.unwrap_or(plain.chains);
            let (draws, tune) = (or(arguments.draws, plain.draws), or(arguments.tune, plain.tune));
            let starts = starting(chains);
            let options = Options { starts: Some(&starts), watch: &hear };
            let target_accept = arguments.target_accept.unwrap_or(plain.target_accept);
            Hmc { chains, draws, tune, target_accept, ..plain }.sample_with(density, options)?
        }
        Sampler::Ensemble => {
            let plain = Ensemble { seed, walkers: arguments.chains, ..Ensemble::default() };
            let (draws, tune) = (or(arguments.draws, plain.draws), or(arguments.tune, plain.tune));
            let options = Options { starts: None, watch: &hear };
            Ensemble { draws, tune, ..plain }.sample_with(density, options)?
        }
        Sampler::Smc => {
            let plain = Tempered { seed, ..Tempered::default() };
            let runs = arguments.chains.unwrap_or(plain.runs);
            let particles = or(arguments.draws, plain.particles);
            let drawn = Tempered { runs, particles, ..plain }.sample(&models.surrogate, &hear)?;
            log_evidence = Some((drawn.log_evidence, drawn.log_evidence_se));
            drawn.draws
        }
        Sampler::Delayed => {
            let full = models.full.as_ref().map_err(|why| {
                let help = "--sampler nuts draws from the surrogate alone";
                Failure::helped(format!("no exact draws: {why}"), help)
            })?;
            let plain = DelayedAcceptance { seed, ..DelayedAcceptance::default() };
            let chains = arguments.chains.unwrap_or(plain.chains);
            let (draws, tune) = (or(arguments.draws, plain.draws), or(arguments.tune, plain.tune));
            let starts = starting(chains);
            let options = Options { starts: Some(&starts), watch: &hear };
            let drawn = DelayedAcceptance { chains, draws, tune, ..plain }
                .sample(density, full, options)?;
            exact = Some(drawn.acceptance);
            drawn.draws
        }
    };
    watch.said(&draws)?;
    Ok(Drawn { draws, modes: modes.len(), exact, log_evidence })
}

fn or(asked: Option<usize>, plain: usize) -> usize {
    asked.unwrap_or(plain)
}

/// Modes climbed to from random points of the prior.
fn modes<D: LogDensity + ?Sized>(
    arguments: &Calibrate,
    models: &Models,
    density: &D,
) -> Result<Vec<Mode>, Failure> {
    let mut rng = stream(arguments.seed, CLIMB_STREAM);
    let mut starts = Vec::new();
    for _ in 0..CLIMBS {
        let x = models.surrogate.sample_prior(&mut rng).map_err(CalibrateError::from)?;
        starts.extend(models.surrogate.coordinates_at(&x));
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
