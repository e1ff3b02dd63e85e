//! `surrogate train`: prepare, train with checkpoints, evaluate, report.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde_json::json;
use surrogate_engine::{Control, Ending, Event, Model, Training};
use surrogate_meter::{Meter, MeterOptions, StageGuard};
use surrogate_problem::Problem;
use surrogate_problem::model::ReferenceKind;
use surrogate_run::schema::{MetricsLine, PowerLine};
use surrogate_run::{
    Checkpoint, FolderName, JsonLines, Manifest, RunDirectory, Status, runs_folder,
};

use super::check::summary;
use crate::args::Train;
use crate::compare;
use crate::device::Device;
use crate::failure::Failure;
use crate::progress::{Progress, duration, parse_duration, parse_energy};
use crate::terminal::Terminal;
use crate::trained::{self, Loaded};
use crate::{energy, record};

/// Set by Ctrl-C.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);
/// Least seconds between checkpoints.
const CHECKPOINT_EVERY_S: f64 = 2.0;
/// Checkpoints take at most this share of the time.
const CHECKPOINT_SHARE: f64 = 0.05;
/// Training time of a file that says nothing about it.
const DEFAULT_TIME_S: f64 = 240.0;
/// Parameter points of the comparison after training, and their seed.
const CHECK_POINTS: usize = 32;
/// Parameter points of the comparisons during training.
const WATCH_POINTS: usize = 4;
const CHECK_SEED: u64 = 20_261_121;

/// Runs the command.
pub fn run(arguments: &Train, terminal: &Terminal) -> Result<u8, Failure> {
    let mut limits = Limits::read(arguments)?;
    let started = Instant::now();
    let (loaded, resumed) = match &arguments.resume {
        Some(text) => {
            let run = trained::find(text)?;
            let loaded = trained::load_run(&run)?;
            refuse_changes(arguments, &run, &loaded)?;
            (loaded, Some(run))
        }
        None => (load_new(arguments)?, None),
    };
    let recorded = resumed.as_ref().map(RunDirectory::manifest).transpose()?.map(|m| m.device);
    let device = Device::choose(&arguments.device, recorded.as_deref(), terminal)?;
    threads(arguments, resumed.as_ref())?;
    let problem = &loaded.problem;
    problem.warnings.iter().for_each(|w| terminal.warn(w));
    if arguments.dry_run {
        let model = Model::new(problem)?;
        terminal.data(&summary(problem, &model));
        terminal.json(&json!({ "status": "dry-run" }));
        return Ok(0);
    }
    limits.stages_s = problem.train.stages.iter().map(|s| s.max_time_s).collect();
    let mut session = Session::open(arguments, &loaded, resumed, device, terminal)?;
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::SeqCst))
        .map_err(|e| Failure::Internal(format!("cannot watch for Ctrl-C: {e}")))?;
    let outcome = session.train(problem, &limits, started);
    session.close(problem, outcome, arguments, started)
}

/// `--max-time`, `--max-energy`, and `max_time` of the file's stages.
struct Limits {
    time_s: Option<f64>,
    energy_j: Option<f64>,
    stages_s: Vec<Option<f64>>,
}

impl Limits {
    fn read(arguments: &Train) -> Result<Self, Failure> {
        let time_s = match &arguments.max_time {
            Some(text) => Some(parse_duration(text).ok_or_else(|| {
                Failure::helped(format!("`{text}` is not a time"), "--max-time 90s, 30m or 2h")
            })?),
            None => None,
        };
        let energy_j = match &arguments.max_energy {
            Some(text) => Some(parse_energy(text).ok_or_else(|| {
                Failure::helped(format!("`{text}` is not an energy"), "--max-energy 500J or 5Wh")
            })?),
            None => None,
        };
        Ok(Self { time_s, energy_j, stages_s: Vec::new() })
    }
}

/// Time that each component has spent in each stage of this session.
struct StageClock<'a> {
    limits_s: &'a [Option<f64>],
    spent_s: BTreeMap<(usize, usize), f64>,
    last: Instant,
}

impl<'a> StageClock<'a> {
    fn new(limits_s: &'a [Option<f64>]) -> Self {
        Self { limits_s, spent_s: BTreeMap::new(), last: Instant::now() }
    }

    /// Counts the time since the last event for this one's stage; true if its `max_time` is used.
    fn is_over(&mut self, event: &Event) -> bool {
        let now = Instant::now();
        let spent = self.spent_s.entry((event.component, event.stage_index)).or_default();
        *spent += (now - self.last).as_secs_f64();
        self.last = now;
        self.limits_s.get(event.stage_index).copied().flatten().is_some_and(|s| *spent >= s)
    }
}

fn threads(arguments: &Train, resumed: Option<&RunDirectory>) -> Result<(), Failure> {
    let recorded = match resumed {
        Some(run) => run.manifest()?.threads.map(|t| t as usize),
        None => None,
    };
    let count = match (arguments.threads.or(recorded), std::thread::available_parallelism()) {
        (Some(0), _) => return Err(Failure::user("--threads must be at least 1")),
        (Some(n), _) => n,
        (None, Ok(n)) => n.get(),
        (None, Err(_)) => 1,
    };
    rayon::ThreadPoolBuilder::new()
        .num_threads(count)
        .build_global()
        .map_err(|e| Failure::Internal(format!("cannot start threads: {e}")))
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

/// A resumed run keeps its settings; a file or override that says otherwise is refused.
fn refuse_changes(arguments: &Train, run: &RunDirectory, own: &Loaded) -> Result<(), Failure> {
    let set = overrides(arguments);
    let candidate = match &arguments.problem {
        Some(path) => trained::load(path, &set)?,
        None if set.is_empty() => return Ok(()),
        None => trained::load(&run.file("resolved.toml"), &set)?,
    };
    let lines = |text: &str| text.lines().map(str::to_string).collect::<Vec<String>>();
    let (old, new) = (lines(&own.problem.resolved), lines(&candidate.problem.resolved));
    if old == new {
        return Ok(());
    }
    let mut message = format!("run {} was started with other settings", run.name());
    for line in old.iter().filter(|l| !new.contains(l)).take(8) {
        message.push_str(&format!("\n    run:  {line}"));
    }
    for line in new.iter().filter(|l| !old.contains(l)).take(8) {
        message.push_str(&format!("\n    now:  {line}"));
    }
    Err(Failure::helped(message, "resume without a problem file and --set, or start a new run"))
}

/// How training ended.
struct Outcome {
    status: Status,
    reason: String,
    weights: Vec<Vec<f64>>,
    held_out: Vec<f64>,
    iterations: usize,
    model: Model,
    /// Fields that no reference covers.
    unchecked: Vec<String>,
}

/// A run while it is being made.
struct Session<'a> {
    run: RunDirectory,
    manifest: Manifest,
    meter: Meter,
    /// Seconds of training in earlier sessions.
    before_s: f64,
    saved: Option<Checkpoint>,
    device: Device,
    terminal: &'a Terminal,
}

impl<'a> Session<'a> {
    fn open(
        arguments: &Train,
        loaded: &Loaded,
        resumed: Option<RunDirectory>,
        device: Device,
        terminal: &'a Terminal,
    ) -> Result<Self, Failure> {
        let problem = &loaded.problem;
        let now = jiff::Zoned::now();
        let (run, manifest, saved) = match resumed {
            Some(run) => {
                let (mut manifest, saved) = reopen(&run)?;
                manifest.device = device.name().to_string();
                (run, manifest, saved)
            }
            None => {
                let (run, manifest) = create(arguments, loaded, &device, &now)?;
                (run, manifest, None)
            }
        };
        let header = saved.as_ref().map(|c| &c.header);
        let carry_over = header.and_then(|h| energy::from_json(&h["energy"])).unwrap_or_default();
        let before_s = header.and_then(|h| h["seconds"].as_f64()).unwrap_or(0.0);
        let meter = Meter::start(MeterOptions { carry_over, ..MeterOptions::default() })?;
        let session = Self { run, manifest, meter, before_s, saved, device, terminal };
        session.announce(problem);
        Ok(session)
    }

    fn announce(&self, problem: &Problem) {
        let t = self.terminal;
        t.say(format!("problem   {}", problem.title));
        let seed = problem.train.seed;
        let (device, threads) = (self.device.name(), rayon::current_num_threads());
        t.say(format!("device    {device}, {threads} threads   seed {seed}"));
        let report = self.meter.report();
        for c in &report.channels {
            t.say(format!("meter     {} {}: {}", c.name, c.provenance.word(), c.how));
        }
        t.say(format!("run       {}", self.run.path().display()));
    }

    fn train(
        &mut self,
        problem: &Problem,
        limits: &Limits,
        started: Instant,
    ) -> Result<Outcome, Failure> {
        let prepare = self.meter.stage("sample");
        let mut model = Model::new(problem)?;
        drop(prepare);
        let mut watched = Watched::new(problem, &mut model, &self.meter)?;
        let prepare = self.meter.stage("sample");
        let make_loss = self.device.make_loss();
        let mut training = Training::new(problem, &model).with_loss(&*make_loss);
        if let Some(saved) = self.saved.take() {
            training.restore(&saved.blobs)?;
            let step = training.iterations() as u64;
            surrogate_run::truncate_after_step(&self.run.file("metrics.jsonl"), step)?;
        }
        drop(prepare);
        self.manifest.weights = Some(model.components.iter().map(|c| c.n as u64).sum());
        self.save(&training, 0.0)?;
        let time_s = limits.time_s.or(problem.train.max_time_s).or(problem
            .train
            .stages
            .is_empty()
            .then_some(DEFAULT_TIME_S));
        let (status, reason) =
            self.iterate(&model, &mut training, &mut watched, limits, time_s, started)?;
        let (weights, held_out) = (training.best(), training.held_out());
        let iterations = training.iterations();
        drop(training);
        let unchecked = problem.fields.iter().map(|f| f.name.clone()).collect();
        Ok(Outcome { status, reason, weights, held_out, iterations, model, unchecked })
    }

    /// Trains in slices between checkpoints.
    fn iterate(
        &mut self,
        model: &Model,
        training: &mut Training<'_>,
        watched: &mut Watched,
        limits: &Limits,
        time_s: Option<f64>,
        started: Instant,
    ) -> Result<(Status, String), Failure> {
        let planned = training.planned();
        let mut progress = Progress::new(self.terminal, planned);
        let mut metrics = self.run.metrics()?;
        let mut wait_s = CHECKPOINT_EVERY_S.min(0.5);
        let mut last = Instant::now();
        let mut why = Why::Slice;
        let mut clock = StageClock::new(&limits.stages_s);
        let complete = loop {
            let mut failed = None;
            let (meter, before_s) = (&self.meter, self.before_s);
            let mut stage: Option<(&'static str, StageGuard)> = None;
            let complete = training.run(&mut |event: &Event| {
                if stage.as_ref().is_none_or(|(name, _)| *name != event.stage) {
                    stage = None;
                    stage = Some((event.stage, meter.stage(&format!("train.{}", event.stage))));
                }
                let elapsed = before_s + started.elapsed().as_secs_f64();
                let joules = meter.energy_so_far_j();
                let line = line(event, elapsed, joules);
                if let Err(e) = metrics.write(&line) {
                    failed = Some(e);
                    return Control::Stop;
                }
                progress.show(event, event.total, planned, elapsed - before_s, joules, time_s);
                if INTERRUPTED.load(Ordering::SeqCst) {
                    why = Why::Interrupted;
                } else if time_s.is_some_and(|t| elapsed >= t) {
                    why = Why::Time;
                } else if limits.energy_j.is_some_and(|e| joules >= e) {
                    why = Why::Energy;
                } else if clock.is_over(event) {
                    return Control::NextStage;
                } else if last.elapsed().as_secs_f64() < wait_s {
                    return Control::Continue;
                }
                Control::Stop
            });
            drop(stage);
            if let Some(e) = failed {
                return Err(e.into());
            }
            if let Some(errors) = watched.errors(model, training, &self.meter) {
                progress.error(&errors);
                let elapsed = self.before_s + started.elapsed().as_secs_f64();
                let joules = self.meter.energy_so_far_j();
                let step = training.iterations();
                metrics.write(&validation_line(step, elapsed, joules, &errors))?;
            }
            let writing = Instant::now();
            self.save(training, started.elapsed().as_secs_f64())?;
            let cost = writing.elapsed().as_secs_f64();
            wait_s = CHECKPOINT_EVERY_S.max(cost / CHECKPOINT_SHARE);
            last = Instant::now();
            if complete || why != Why::Slice {
                break complete;
            }
        };
        progress.finish();
        metrics.sync()?;
        Ok(match (complete, why) {
            (true, _) => (Status::Finished, endings(training)),
            (_, Why::Interrupted) => (Status::Interrupted, "interrupted".to_string()),
            (_, Why::Time) => (Status::Finished, "time budget used".to_string()),
            (_, Why::Energy) => (Status::Finished, "energy budget used".to_string()),
            (_, Why::Slice) => (Status::Finished, String::new()),
        })
    }

    /// Checkpoint of everything, and energy so far.
    fn save(&mut self, training: &Training<'_>, seconds: f64) -> Result<(), Failure> {
        let _stage = self.meter.stage("checkpoint");
        let report = self.meter.report();
        let header = json!({
            "seconds": self.before_s + seconds,
            "iterations": training.iterations(),
            "energy": energy::to_json(&report),
            "resolved": self.manifest.hashes.get("resolved"),
        });
        let blobs = training.state();
        self.run.write_checkpoint("last", &Checkpoint { header, blobs, words: Vec::new() })?;
        Ok(())
    }

    /// Evaluation, report, manifest, last words.
    fn close(
        mut self,
        problem: &Problem,
        outcome: Result<Outcome, Failure>,
        arguments: &Train,
        started: Instant,
    ) -> Result<u8, Failure> {
        let mut outcome = match outcome {
            Ok(outcome) => outcome,
            Err(failure) => {
                self.manifest.reason = Some(failure.to_string());
                self.manifest.end(Status::Failed, jiff::Timestamp::now());
                self.run.write_manifest(&self.manifest)?;
                return Err(failure);
            }
        };
        let header = json!({ "iterations": outcome.iterations, "held_out": outcome.held_out });
        let best = trained::weights_checkpoint(&outcome.weights, header);
        self.manifest
            .hashes
            .insert("weights".to_string(), surrogate_run::hash_hex(&best.to_bytes()));
        self.run.write_checkpoint("best", &best)?;
        let mut errors = serde_json::Map::new();
        let held_out = outcome.held_out.iter().copied().fold(0.0, f64::max).sqrt();
        if outcome.status == Status::Finished {
            self.evaluate(problem, &mut outcome, held_out, &mut errors)?;
        }
        let report = self.meter.report();
        self.files_of_energy(&report)?;
        self.manifest.reason = Some(outcome.reason.clone());
        self.manifest.seconds = Some(self.before_s + started.elapsed().as_secs_f64());
        self.manifest.energy = Some(energy::summary(&report));
        self.manifest.end(outcome.status, jiff::Timestamp::now());
        self.run.write_manifest(&self.manifest)?;
        if outcome.status == Status::Finished {
            let _stage = self.meter.stage("report");
            surrogate_report::report(self.run.path())?;
        }
        let report = self.meter.stop();
        surrogate_run::write_json(&self.run.file("energy.json"), &energy::file(&report))?;
        self.manifest.energy = Some(energy::summary(&report));
        self.run.write_manifest(&self.manifest)?;
        last_words(self.terminal, &self.run, &self.manifest, &outcome, held_out);
        self.terminal.json(&json!({
            "run": self.run.path(),
            "status": outcome.status.word(),
            "reason": outcome.reason,
            "goal_reached": self.manifest.goal_reached,
            "verdict": verdict(&self.manifest, held_out, &outcome.unchecked),
            "held_out_residual": held_out,
            "seconds": self.manifest.seconds,
            "energy_j": report.total_uj as f64 * 1e-6,
            "energy_provenance": energy::word(&report),
            "errors": errors,
        }));
        let missed = self.manifest.goal_reached == Some(false);
        Ok(match outcome.status {
            Status::Interrupted => 130,
            _ if arguments.strict && missed => 3,
            _ => 0,
        })
    }

    fn evaluate(
        &mut self,
        problem: &Problem,
        outcome: &mut Outcome,
        held_out: f64,
        errors: &mut serde_json::Map<String, serde_json::Value>,
    ) -> Result<(), Failure> {
        unknowns(self.terminal, problem, outcome, &self.run)?;
        let solved = with_found(&self.run, outcome)?;
        let problem = solved.as_ref().unwrap_or(problem);
        let truth = {
            let _stage = self.meter.stage("solve");
            match compare::truth(problem, CHECK_POINTS, CHECK_SEED, true) {
                Ok(truth) => truth,
                Err(failure) => {
                    let reason = format!("the reference solver failed: {failure}");
                    self.terminal.warn(&reason);
                    compare::nothing(&reason)
                }
            }
        };
        let found = {
            let _stage = self.meter.stage("evaluate");
            compare::errors(problem, &mut outcome.model, &outcome.weights, &truth)?
        };
        record::write(&self.run, problem, &truth, &found, Some(held_out), &mut self.manifest)?;
        errors.extend(errors_json(&truth, &found));
        super::evaluate::payback(
            &self.run,
            problem,
            &mut outcome.model,
            &outcome.weights,
            &self.meter,
        )?;
        outcome.unchecked = compare::unchecked(problem, &truth);
        Ok(())
    }

    fn files_of_energy(&self, report: &surrogate_meter::EnergyReport) -> Result<(), Failure> {
        surrogate_run::write_json(&self.run.file("energy.json"), &energy::file(report))?;
        let mut power = self.run.power()?;
        for sample in &report.samples {
            let names = report.channels.iter().map(|c| c.name.clone());
            let watts = names.zip(sample.watts.iter().copied()).collect();
            power.write(&PowerLine { time_s: sample.time_s, watts, stage: None })?;
        }
        Ok(power.sync()?)
    }
}

/// Reference values at a few parameter points, for the error shown during training. The loss never
/// sees them.
struct Watched {
    truth: compare::Truth,
    comparison: compare::Comparison,
}

/// An error during training: output, root mean square, unit.
pub type WatchedError = (String, f64, String);

impl Watched {
    fn new(problem: &Problem, model: &mut Model, meter: &Meter) -> Result<Self, Failure> {
        let _stage = meter.stage("solve");
        // a solver with unknown scalars at their first guess is no reference
        let guessed = !problem.unknowns.is_empty()
            && matches!(problem.reference.kind, ReferenceKind::Automatic);
        let mut truth = if guessed {
            compare::nothing("unknown scalars")
        } else {
            compare::truth(problem, WATCH_POINTS, CHECK_SEED + 1, false)
                .unwrap_or_else(|failure| compare::nothing(&failure.to_string()))
        };
        if truth.targets.iter().any(|t| t.output) {
            truth.targets.retain(|t| t.output);
        }
        let zero: Vec<Vec<f64>> = model.components.iter().map(|c| vec![0.0; c.n]).collect();
        let comparison = compare::Comparison::new(problem, model, &zero, &truth)?;
        Ok(Self { truth, comparison })
    }

    fn errors(
        &mut self,
        model: &Model,
        training: &Training<'_>,
        meter: &Meter,
    ) -> Option<Vec<WatchedError>> {
        if self.truth.targets.is_empty() {
            return None;
        }
        let _stage = meter.stage("evaluate");
        self.comparison.set_weights(model, &training.best());
        let found = self.comparison.errors(&self.truth);
        let entry = |(t, e): (&compare::Target, compare::Errors)| {
            (t.name.clone(), e.rms / t.unit.factor, record::unit(&t.unit.text))
        };
        Some(self.truth.targets.iter().zip(found).map(entry).collect())
    }
}

fn validation_line(step: usize, time_s: f64, joules: f64, errors: &[WatchedError]) -> MetricsLine {
    MetricsLine {
        step: step as u64,
        stage: "validation".to_string(),
        time_s,
        loss: f64::NAN,
        energy_j: Some(joules),
        validation: errors.iter().map(|(n, e, _)| (n.clone(), *e)).collect(),
        ..MetricsLine::default()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    Slice,
    Interrupted,
    Time,
    Energy,
}

/// Errors for `--json`.
pub fn errors_json(
    truth: &compare::Truth,
    found: &[compare::Errors],
) -> serde_json::Map<String, serde_json::Value> {
    let entry = |(t, e): (&compare::Target, &compare::Errors)| {
        let value = json!({
            "rmse": e.rms / t.unit.factor,
            "max": e.max / t.unit.factor,
            "relative_l2": e.relative_l2,
            "unit": t.unit.text,
        });
        (t.name.clone(), value)
    };
    truth.targets.iter().zip(found).map(entry).collect()
}

fn line(event: &Event, time_s: f64, joules: f64) -> MetricsLine {
    MetricsLine {
        step: event.total as u64,
        stage: event.stage.to_string(),
        field: Some(event.fields.join(",")),
        time_s,
        loss: event.loss,
        terms: event.rows.iter().cloned().collect(),
        held_out: event.held_out,
        energy_j: Some(joules),
        ..MetricsLine::default()
    }
}

fn endings(training: &Training<'_>) -> String {
    let word = |e: &Option<Ending>| match e {
        Some(Ending::Planned) => "all stages done",
        Some(Ending::Converged) => "converged",
        Some(Ending::Target) => "target loss reached",
        Some(Ending::Stalled) => "no further descent",
        None => "stopped",
    };
    let mut words: Vec<&str> = training.endings().iter().map(word).collect();
    words.dedup();
    words.join(", ")
}

/// The problem with unknown scalars at the values found, for the reference solver; `None` if it has
/// none.
fn with_found(run: &RunDirectory, outcome: &Outcome) -> Result<Option<Problem>, Failure> {
    if outcome.model.form.unknowns.is_empty() {
        return Ok(None);
    }
    let mut problem = trained::load_run(run)?.problem;
    for (component, x) in outcome.model.components.iter().zip(&outcome.weights) {
        for &u in &component.unknowns {
            if let Some(column) = component.unknown_columns[u] {
                problem.unknowns[u].initial =
                    outcome.model.form.unknowns[u].physical_value(x[column]);
            }
        }
    }
    Ok(Some(problem))
}

/// Values found for unknown scalars.
fn unknowns(
    terminal: &Terminal,
    problem: &Problem,
    outcome: &Outcome,
    run: &RunDirectory,
) -> Result<(), Failure> {
    if problem.unknowns.is_empty() {
        return Ok(());
    }
    let mut found = serde_json::Map::new();
    for (component, x) in outcome.model.components.iter().zip(&outcome.weights) {
        for &u in &component.unknowns {
            let Some(column) = component.unknown_columns[u] else {
                continue;
            };
            let value = outcome.model.form.unknowns[u].physical_value(x[column]);
            let unknown = &problem.unknowns[u];
            let value = value / unknown.unit.factor;
            terminal.say(format!("found     {} = {value:.6} {}", unknown.name, unknown.unit.text));
            let entry = json!({ "value": value, "unit": unknown.unit.text });
            found.insert(unknown.name.clone(), entry);
        }
    }
    Ok(surrogate_run::write_json(&run.file("unknowns.json"), &found)?)
}

/// `good`, `poor` or `unverified`: what may be said of the fit.
pub fn verdict(manifest: &Manifest, held_out: f64, unchecked: &[String]) -> &'static str {
    let relative: Vec<f64> = manifest.errors.iter().filter_map(|e| e.relative_l2).collect();
    let worst = relative.iter().map(|r| if r.is_nan() { f64::INFINITY } else { *r });
    let worst = worst.fold(0.0, f64::max);
    let bad_residual = held_out > 1e-2 || held_out.is_nan();
    match manifest.goal_reached {
        Some(false) => "poor",
        None if worst > 1e-2 => "poor",
        _ if !unchecked.is_empty() && bad_residual => "poor",
        _ if !unchecked.is_empty() => "unverified",
        Some(true) => "good",
        None if !relative.is_empty() => "good",
        None if bad_residual => "poor",
        None => "unverified",
    }
}

fn last_words(
    terminal: &Terminal,
    run: &RunDirectory,
    manifest: &Manifest,
    outcome: &Outcome,
    held_out: f64,
) {
    let seconds = manifest.seconds.unwrap_or(0.0);
    let energy = manifest.energy.as_ref();
    terminal.say(format!(
        "done      {} ({})   {} iterations   {:.1} J {}",
        duration(seconds),
        outcome.reason,
        outcome.iterations,
        energy.map_or(0.0, |e| e.energy_j),
        energy.map_or("", |e| e.provenance.as_str()),
    ));
    for e in &manifest.errors {
        if let (Some(rms), Some(max)) = (e.rms, e.max) {
            let relative =
                e.relative_l2.map_or(String::new(), |r| format!("   relative L2 {r:.1e}"));
            terminal.say(format!(
                "error     {}: rms {rms:.2e} {u}, max {max:.2e} {u}{relative}",
                e.output,
                u = e.unit
            ));
        }
    }
    if manifest.errors.is_empty() {
        terminal.say("error     not known: there is no reference to compare with");
    }
    terminal
        .say(format!("residual  {held_out:.1e} of its starting size, at points never trained on"));
    for g in &manifest.goals {
        let word = match g.reached() {
            Some(true) => "reached",
            Some(false) => "MISSED",
            None => "not checked",
        };
        terminal.say(format!(
            "goal      {} {} {:.2e} {}: {word}",
            g.output, g.measure, g.limit, g.unit
        ));
    }
    if !outcome.unchecked.is_empty() && !manifest.errors.is_empty() {
        terminal.say(format!("unchecked {}: no reference", outcome.unchecked.join(", ")));
    }
    match verdict(manifest, held_out, &outcome.unchecked) {
        "poor" => terminal.warn("this surrogate is a poor fit; do not rely on it"),
        "unverified" => terminal.say("verdict   unverified: only the residual speaks for it"),
        _ => {}
    }
    let path = run.path().display();
    match outcome.status {
        Status::Interrupted => terminal.say(format!("next      surrogate train --resume {path}")),
        _ => terminal.say(format!("next      surrogate report {path} --open")),
    }
}

fn create(
    arguments: &Train,
    loaded: &Loaded,
    device: &Device,
    now: &jiff::Zoned,
) -> Result<(RunDirectory, Manifest), Failure> {
    let problem = &loaded.problem;
    let mut manifest = Manifest::start(&problem.name, &problem.title, now.timestamp());
    manifest.seed = Some(problem.train.seed);
    manifest.threads = Some(rayon::current_num_threads() as u64);
    manifest.device = device.name().to_string();
    manifest.git = surrogate_run::GitState::detect(Path::new("."));
    manifest.versions.insert("surrogate".to_string(), env!("CARGO_PKG_VERSION").to_string());
    manifest.parameters = record::ranges(problem);
    let hash = |text: &str| surrogate_run::hash_hex(text.as_bytes());
    manifest.hashes.insert("problem".to_string(), hash(&loaded.text));
    manifest.hashes.insert("resolved".to_string(), hash(&problem.resolved));
    for (name, text) in &loaded.files {
        manifest.hashes.insert(name.clone(), hash(text));
    }
    let parent = runs_folder(arguments.out.as_deref());
    let name = match &arguments.name {
        Some(name) => FolderName::Exact(name),
        None => FolderName::Stem(&problem.name),
    };
    let run = RunDirectory::create(&parent, name, now, &mut manifest)?;
    run.write_text("problem.toml", &loaded.text)?;
    run.write_text("resolved.toml", &problem.resolved)?;
    if !loaded.files.is_empty() {
        let folder = run.file("inputs");
        std::fs::create_dir_all(&folder)
            .map_err(|e| Failure::user(format!("cannot write {}: {e}", folder.display())))?;
        for (name, text) in &loaded.files {
            surrogate_run::write_atomic(&trained::input_file(&run, name), text.as_bytes())?;
        }
    }
    Ok((run, manifest))
}

/// The manifest and last checkpoint of a run that goes on.
fn reopen(run: &RunDirectory) -> Result<(Manifest, Option<Checkpoint>), Failure> {
    let mut manifest = run.manifest()?;
    match manifest.status_now() {
        Status::Finished => {
            return Err(Failure::helped(
                format!("run {} is finished", run.name()),
                "start a new run, with more iterations or another seed",
            ));
        }
        Status::Running => {
            return Err(Failure::helped(
                format!("run {} is still running", run.name()),
                "stop it first, or wait for it",
            ));
        }
        _ => {}
    }
    let saved = match run.checkpoint("last") {
        Ok(checkpoint) => Some(checkpoint),
        // killed before the first checkpoint: nothing is lost by starting over
        Err(surrogate_run::RunError::Missing { .. }) => None,
        Err(other) => return Err(other.into()),
    };
    let own = manifest.hashes.get("resolved").map(String::as_str);
    let theirs = saved.as_ref().and_then(|c| c.header["resolved"].as_str());
    if theirs.is_some() && theirs != own {
        return Err(Failure::helped(
            format!("{} belongs to another run", run.checkpoint_file("last").display()),
            "restore the run's own checkpoint, or start a new run",
        ));
    }
    if saved.is_none() {
        JsonLines::append(&run.file("metrics.jsonl"))?;
        surrogate_run::truncate_after_step(&run.file("metrics.jsonl"), 0)?;
    }
    remove_unfinished(run);
    manifest.status = Status::Running;
    manifest.process = Some(surrogate_run::Process::current());
    run.write_manifest(&manifest)?;
    Ok((manifest, saved))
}

/// Removes the temporary files of a process that was killed while it wrote.
fn remove_unfinished(run: &RunDirectory) {
    for folder in ["", "checkpoints", "figures", "inputs"] {
        for entry in std::fs::read_dir(run.file(folder)).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(".writing-") {
                // what cannot be removed does no harm
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}
