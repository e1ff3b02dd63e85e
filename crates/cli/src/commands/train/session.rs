//! Training in slices, with a checkpoint after each.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::json;
use surrogate_engine::{Control, Ending, Event, Model, Training};
use surrogate_meter::{Meter, StageGuard};
use surrogate_problem::Problem;
use surrogate_run::schema::MetricsLine;
use surrogate_run::{Checkpoint, Manifest, RunDirectory, Status};

use super::Limits;
use super::opening::Opened;
use super::watched::{Watched, WatchedError};
use crate::device::Device;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::terminal::Terminal;
use crate::trained::{check_fields, fingerprint};
use crate::{energy, interrupts};

/// Least seconds between checkpoints.
const CHECKPOINT_EVERY_S: f64 = 2.0;
/// Checkpoints take at most this share of the time.
const CHECKPOINT_SHARE: f64 = 0.05;
/// Training time of a file that says nothing about it.
const DEFAULT_TIME_S: f64 = 240.0;

/// How training ended.
pub struct Outcome {
    /// Finished or interrupted.
    pub status: Status,
    /// Why, in words.
    pub reason: String,
    /// Best weights by component.
    pub weights: Vec<Vec<f64>>,
    /// Best held-out loss by component.
    pub held_out: Vec<f64>,
    /// Of all components.
    pub iterations: usize,
    /// What was trained.
    pub model: Model,
    /// Fields that no reference covers.
    pub unchecked: Vec<String>,
    /// Why what an inverse problem found should not be relied on.
    pub doubts: Vec<String>,
    /// The file seems to lack conditions.
    pub undetermined: bool,
    /// Why there is no reference at all, if there is none.
    pub no_reference: Option<String>,
}

/// A run while it is being made.
pub struct Session<'a> {
    /// Its directory.
    pub run: RunDirectory,
    /// Its manifest, written now and then.
    pub manifest: Manifest,
    /// Watches every stage.
    pub meter: Meter,
    /// Seconds of training in earlier sessions.
    pub before_s: f64,
    /// For people.
    pub terminal: &'a Terminal,
    /// How fields are made of weights, for checkpoints.
    pub fields: Vec<f64>,
    saved: Option<Checkpoint>,
    device: Device,
}

impl<'a> Session<'a> {
    /// Before the first step.
    pub fn new(opened: Opened, meter: Meter, device: Device, terminal: &'a Terminal) -> Self {
        let Opened { run, manifest, saved } = opened;
        let seconds = saved.as_ref().and_then(|c| c.header["seconds"].as_f64());
        let before_s = seconds.unwrap_or(0.0);
        Self { run, manifest, meter, before_s, terminal, fields: Vec::new(), saved, device }
    }

    /// What is about to be done, and where.
    pub fn announce(&self, problem: &Problem) {
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

    /// Trains to an end or an interrupt.
    pub fn train(
        &mut self,
        problem: &Problem,
        mut model: Model,
        limits: &Limits,
        started: Instant,
    ) -> Result<Outcome, Failure> {
        let mut watched = Watched::new(problem, &mut model, &self.meter)?;
        let prepare = self.meter.stage("sample");
        self.fields = fingerprint(problem, &mut model)?;
        let make_loss = self.device.make_loss();
        let mut training = Training::new(problem, &model).with_loss(&*make_loss);
        if let Some(saved) = self.saved.take() {
            check_fields(&saved, &self.fields)?;
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
        Ok(Outcome {
            status,
            reason,
            weights,
            held_out,
            iterations,
            model,
            unchecked,
            doubts: Vec::new(),
            undetermined: false,
            no_reference: None,
        })
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
        let mut cuts = BTreeMap::new();
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
                let mut line = line(event, elapsed, joules);
                if event.cuts > cuts.get(&event.component).copied().unwrap_or(0) {
                    cuts.insert(event.component, event.cuts);
                    let note = cut_note(cuts.values().sum());
                    progress.note(&note);
                    line.note = Some(note);
                }
                if let Err(e) = metrics.write(&line) {
                    failed = Some(e);
                    return Control::Stop;
                }
                progress.show(event, event.total, planned, elapsed - before_s, joules, time_s);
                if interrupts::asked() {
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
                let elapsed = self.before_s + started.elapsed().as_secs_f64();
                progress.error(&errors, elapsed - self.before_s);
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
        let reason = match (complete, why) {
            (true, _) => endings(training),
            (_, Why::Interrupted) => "interrupted".to_string(),
            (_, Why::Time) => "time budget used".to_string(),
            (_, Why::Energy) => "energy budget used".to_string(),
            (_, Why::Slice) => "stopped".to_string(),
        };
        let status = match why {
            Why::Interrupted if !complete => Status::Interrupted,
            _ => Status::Finished,
        };
        Ok((status, with_cuts(reason, training.cuts())))
    }

    /// Checkpoint of everything, and energy so far.
    fn save(&mut self, training: &Training<'_>, seconds: f64) -> Result<(), Failure> {
        let _stage = self.meter.stage("checkpoint");
        let report = self.meter.report();
        let header = json!({
            "seconds": self.before_s + seconds,
            "iterations": training.iterations(),
            "energy": energy::to_json(&report),
            "fields": self.fields,
            "resolved": self.manifest.hashes.get("resolved"),
        });
        let blobs = training.state();
        self.run.write_checkpoint("last", &Checkpoint { header, blobs, words: Vec::new() })?;
        Ok(())
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

/// What is said of steps that were cut.
fn cut_note(cuts: usize) -> String {
    let times = if cuts == 1 { "once".to_string() } else { format!("{cuts} times") };
    format!("learning rate halved {times} because the loss was not a number")
}

fn with_cuts(reason: String, cuts: usize) -> String {
    if cuts == 0 { reason } else { format!("{reason}; {}", cut_note(cuts)) }
}

fn endings(training: &Training<'_>) -> String {
    let word = |e: &Option<Ending>| match e {
        Some(Ending::Planned) => "all stages done",
        Some(Ending::Converged) => "converged",
        Some(Ending::Target) => "target loss reached",
        Some(Ending::Stalled) => "no further descent",
        Some(Ending::NotFinite) => "the loss is not a number",
        None => "stopped",
    };
    let mut words: Vec<&str> = training.endings().iter().map(word).collect();
    words.dedup();
    words.join(", ")
}
