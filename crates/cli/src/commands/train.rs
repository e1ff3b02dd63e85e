//! `surrogate train`: prepare, train with checkpoints, evaluate, report.

mod accounts;
mod cells;
mod closing;
pub mod crystals;
mod foresight;
mod found;
pub mod green;
mod opening;
mod session;
mod slices;
mod trainer;
mod verdict;
mod watched;

use std::time::Instant;

use serde_json::json;
use surrogate_engine::Model;
use surrogate_meter::footprint::CarbonRate;
use surrogate_problem::Problem;
use surrogate_problem::model::Optimizer;
use surrogate_run::{Hardware, Manifest};

use crate::args::Train;
use crate::cell::cell_problem;
use crate::device::Device;
use crate::failure::Failure;
use crate::interrupts;
use crate::inverse;
use crate::progress::{duration, parse_carbon, parse_duration, parse_energy};
use crate::terminal::Terminal;
use crate::trained::{self, Loaded};

use accounts::Accounts;
pub use closing::{errors_json, goal_words};
use opening::Resumed;
pub use session::Prepared;
use session::Session;
pub use verdict::{Evidence, judge};

/// Seed of the parameter points of comparisons.
const CHECK_SEED: u64 = 20_261_121;
/// Training time of a file that says nothing about it.
const DEFAULT_TIME_S: f64 = 240.0;
/// Most threads that may be asked for.
const MOST_THREADS: usize = 1024;

/// Runs the command.
pub fn run(arguments: &Train, terminal: &Terminal) -> Result<u8, Failure> {
    let mut limits = Limits::read(arguments)?;
    let started = Instant::now();
    let (loaded, resumed) = match &arguments.resume {
        Some(text) => {
            let (loaded, resumed) = Resumed::find(text, arguments)?;
            (loaded, Some(resumed))
        }
        None => (load_new(arguments)?, None),
    };
    let before = resumed.as_ref().map(|r| &r.manifest);
    let recorded = before.map(|m| m.device.as_str());
    let device = Device::choose(&arguments.device, recorded, terminal)?;
    threads(arguments, before)?;
    let problem = &loaded.problem;
    if let Some(table) = &problem.crystal {
        device.check(table.precision)?;
    }
    problem.warnings.iter().for_each(|w| terminal.warn(w));
    inverse::undetermined(problem).iter().for_each(|w| terminal.warn(w));
    if arguments.dry_run {
        terminal.data(&prepare(&loaded)?.summary(problem));
        terminal.json(&json!({ "status": "dry-run" }));
        return Ok(0);
    }
    let budget_s = problem.train.max_time_s;
    let whole = problem.cell.is_some() || problem.crystal.is_some();
    let planned = whole || !problem.train.stages.is_empty();
    limits.time_s = limits.time_s.or(budget_s).or((!planned).then_some(DEFAULT_TIME_S));
    if !whole {
        limits.stages_s = problem.train.stages.iter().map(|s| s.max_time_s).collect();
    }
    let accounts = Accounts::open(arguments, resumed.as_ref(), &limits, terminal)?;
    // what is wrong with the problem itself shows here, before anything is written
    let sample = accounts.meter.stage("sample");
    let prepared = prepare(&loaded)?;
    drop(sample);
    let opened = match resumed {
        Some(resumed) => resumed.reopen(&device)?,
        None => opening::create(arguments, &loaded, &device)?,
    };
    accounts.electricity.keep(&opened.run)?;
    let mut session = Session::new(opened, accounts, device, started, terminal);
    session.announce(problem);
    interrupts::watch()?;
    let outcome = session.train(problem, prepared, &limits);
    session.close(problem, outcome, arguments)
}

/// `--max-time`, `--max-energy`, `--max-carbon`, and `max_time` of the file's stages.
struct Limits {
    time_s: Option<f64>,
    energy_j: Option<f64>,
    carbon_g: Option<f64>,
    stages_s: Vec<Option<f64>>,
}

impl Limits {
    fn read(arguments: &Train) -> Result<Self, Failure> {
        let limit = |text: &Option<String>, parse: fn(&str) -> Option<f64>, what, help: &str| {
            let Some(text) = text else { return Ok(None) };
            let wrong = || Failure::helped(format!("`{text}` is not a positive {what}"), help);
            parse(text).map(Some).ok_or_else(wrong)
        };
        let (time, energy) = ("--max-time 90s, 30m or 2h", "--max-energy 500J or 5Wh");
        let carbon = "--max-carbon 5g or 200mg";
        Ok(Self {
            time_s: limit(&arguments.max_time, parse_duration, "time", time)?,
            energy_j: limit(&arguments.max_energy, parse_energy, "energy", energy)?,
            carbon_g: limit(&arguments.max_carbon, parse_carbon, "mass of CO2e", carbon)?,
            stages_s: Vec::new(),
        })
    }

    /// A run that a limit ended goes on only under a larger one.
    fn refuse_used(&self, run: &Resumed, joules: f64, rate: CarbonRate) -> Result<(), Failure> {
        let used = |used: f64, limit: Option<f64>| limit.is_some_and(|limit| used >= limit);
        let seconds = run.seconds();
        let (what, option) = if used(seconds, self.time_s) {
            ("time", "--max-time")
        } else if used(joules, self.energy_j) {
            ("energy", "--max-energy")
        } else if used(rate.grams(joules, seconds), self.carbon_g) {
            ("carbon", "--max-carbon")
        } else {
            return Ok(());
        };
        Err(Failure::helped(
            format!("this run has used its {what}, in {} of training", duration(seconds)),
            format!("train on with a larger {option}: it counts all sessions"),
        ))
    }
}

/// Starts the threads: as many as asked for, or as the run that goes on had.
fn threads(arguments: &Train, before: Option<&Manifest>) -> Result<(), Failure> {
    let recorded = before.and_then(|m| m.threads).map(|t| t as usize);
    if let (Some(wanted), Some(recorded)) = (arguments.threads, recorded)
        && wanted != recorded
    {
        return Err(Failure::helped(
            format!("this run was started on {recorded} threads, and its last bits depend on that"),
            "resume without --threads, or start a new run",
        ));
    }
    let count = match (arguments.threads.or(recorded), std::thread::available_parallelism()) {
        (Some(0), _) => return Err(Failure::user("--threads must be at least 1")),
        (Some(n), _) if n > MOST_THREADS => {
            return Err(Failure::user(format!("--threads must be at most {MOST_THREADS}")));
        }
        (Some(n), _) => n,
        (None, Ok(n)) => n.get(),
        (None, Err(_)) => 1,
    };
    rayon::ThreadPoolBuilder::new()
        .num_threads(count)
        .build_global()
        .map_err(|e| Failure::Internal(format!("cannot start threads: {e}")))
}

/// What is to be trained; what is wrong with it shows here.
///
/// # Errors
/// A problem that cannot be trained.
pub fn prepare(loaded: &Loaded) -> Result<Prepared, Failure> {
    let problem = &loaded.problem;
    if let Some(cell) = cell_problem(problem)? {
        let settings = cells::settings(problem, &cell)?;
        return Ok(Prepared::Cell(Box::new(cell), settings));
    }
    if let Some(table) = &problem.crystal {
        return Ok(Prepared::Crystal(Box::new(crystals::crystals(loaded, table)?)));
    }
    let model = Model::new(problem)?;
    refuse_too_large(problem, &model)?;
    Ok(Prepared::Networks(Box::new(model)))
}

/// The dense optimiser keeps a matrix of all weights by all weights.
fn refuse_too_large(problem: &Problem, model: &Model) -> Result<(), Failure> {
    let stages = &problem.train.stages;
    let dense = stages.is_empty() || stages.iter().any(|s| s.optimizer == Optimizer::SsBroyden);
    let weights = model.components.iter().map(|c| c.n).max().unwrap_or(0);
    let bytes = 8.0 * (weights as f64).powi(2);
    let memory = Hardware::detect().memory_bytes as f64;
    if !dense || memory == 0.0 || bytes < 0.8 * memory {
        return Ok(());
    }
    let gigabytes = |bytes: f64| bytes * 1e-9;
    Err(Failure::helped(
        format!(
            "the optimiser ssbroyden needs {:.0} GB for {weights} weights; this machine has {:.0} GB",
            gigabytes(bytes),
            gigabytes(memory)
        ),
        "make the network smaller, or train with lbfgs or adam",
    ))
}

fn overrides(arguments: &Train) -> Vec<String> {
    let mut set = arguments.set.clone();
    set.extend(arguments.seed.map(|s| format!("train.seed={s}")));
    set
}

fn load_new(arguments: &Train) -> Result<Loaded, Failure> {
    match &arguments.problem {
        Some(path) => trained::load(path, &overrides(arguments)),
        None => Err(Failure::user("no problem file given")),
    }
}
