//! Training in slices, with a checkpoint after each.

use std::path::Path;
use std::time::Instant;

use serde_json::json;
use surrogate_engine::{Component, Ending, Event, Model, Training};
use surrogate_meter::footprint::CarbonRate;
use surrogate_meter::{Meter, peak_memory_bytes};
use surrogate_problem::Problem;
use surrogate_run::schema::Payback;
use surrogate_run::{Checkpoint, Manifest, RunDirectory, Status};

use super::Limits;
use super::accounts::Accounts;
use super::foresight::Foresight;
use super::green::Green;
use super::opening::Opened;
use super::slices::{Slices, Stopwatch, Why, cut_note};
use super::watched::Watched;
use crate::device::Device;
use crate::electricity::Electricity;
use crate::energy;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::terminal::Terminal;
use crate::trained::{check_fields, fingerprint};

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
    /// What a solve and a curve take; `None` until it is measured.
    pub payback: Option<Payback>,
    /// Training could go on from its last checkpoint.
    pub resumable: bool,
}

/// A run while it is being made.
pub struct Session<'a> {
    /// Its directory.
    pub run: RunDirectory,
    /// Its manifest, written now and then.
    pub manifest: Manifest,
    /// Watches every stage.
    pub meter: Meter,
    /// What the energy stands for.
    pub electricity: Electricity,
    /// Working time.
    pub watch: Stopwatch,
    /// The hours of low carbon, if there is a window.
    pub green: Option<Green>,
    /// For people.
    pub terminal: &'a Terminal,
    /// How fields are made of weights, for checkpoints.
    pub fields: Vec<f64>,
    carbon: CarbonRate,
    peak_before: Option<u64>,
    saved: Option<Checkpoint>,
    device: Device,
}

impl<'a> Session<'a> {
    /// Before the first step.
    pub fn new(
        opened: Opened,
        accounts: Accounts,
        device: Device,
        started: Instant,
        terminal: &'a Terminal,
    ) -> Self {
        let Opened { run, manifest, saved } = opened;
        let Accounts { meter, electricity, carbon, green } = accounts;
        let seconds = saved.as_ref().and_then(|c| c.header["seconds"].as_f64());
        let watch = Stopwatch::new(seconds.unwrap_or(0.0), started);
        let peak_before = saved.as_ref().and_then(|c| c.header["peak_memory_bytes"].as_u64());
        Self {
            run,
            manifest,
            meter,
            electricity,
            watch,
            green,
            terminal,
            fields: Vec::new(),
            carbon,
            peak_before,
            saved,
            device,
        }
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
        let missing: Vec<&str> = report.not_measured.iter().map(|r| r.what.as_str()).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            t.say(format!("          not read: {missing} (why: surrogate meter detect)"));
        }
        t.say(format!("run       {}", self.run.path().display()));
    }

    /// Trains to an end or an interrupt.
    pub fn train(
        &mut self,
        problem: &Problem,
        mut model: Model,
        limits: &Limits,
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
            for lines in ["metrics.jsonl", "forecast.jsonl"] {
                surrogate_run::truncate_after_step(&self.run.file(lines), step)?;
            }
        }
        drop(prepare);
        self.manifest.weights = Some(model.components.iter().map(|c| c.n as u64).sum());
        self.save(&training, false)?;
        let (why, complete) =
            self.iterate((problem, &model), &mut training, &mut watched, limits)?;
        let reason = if complete { endings(&training) } else { why.words().to_string() };
        let status = match why {
            Why::Interrupted if !complete => Status::Interrupted,
            _ => Status::Finished,
        };
        let (weights, held_out) = (training.best(), training.held_out());
        let (iterations, cuts) = (training.iterations(), training.cuts());
        drop(training);
        let unchecked = problem.fields.iter().map(|f| f.name.clone()).collect();
        Ok(Outcome {
            status,
            reason: with_cuts(reason, cuts),
            weights,
            held_out,
            iterations,
            model,
            unchecked,
            doubts: Vec::new(),
            undetermined: false,
            no_reference: None,
            payback: None,
            resumable: !complete,
        })
    }

    /// Trains in slices between checkpoints; says why it stopped and whether nothing is left to do.
    fn iterate(
        &mut self,
        (problem, model): (&Problem, &Model),
        training: &mut Training<'_>,
        watched: &mut Watched,
        limits: &Limits,
    ) -> Result<(Why, bool), Failure> {
        let planned = training.planned();
        let progress = Progress::new(self.terminal, planned);
        let accounts = (&self.meter, self.carbon);
        let foresight = foresight(problem, model, planned);
        let mut slices = Slices::new(accounts, limits, foresight, progress, &self.run)?;
        if let Some(green) = &mut self.green {
            green.begin(&self.meter);
        }
        loop {
            if let Some(green) = &mut self.green {
                let waited_s = green.wait(&self.meter, self.terminal);
                if waited_s > 0.0 {
                    self.watch.pause(waited_s);
                    slices.paused();
                }
                slices.pause_at = green.pause_at();
            }
            let complete = training.run(&mut |event: &Event| slices.event(event, &self.watch));
            slices.close()?;
            if let Some(errors) = watched.errors(model, training, &self.meter) {
                slices.errors(training.iterations(), &self.watch, &errors)?;
            }
            let writing = Instant::now();
            self.save(training, complete)?;
            if let Some(green) = &mut self.green {
                green.book(&self.meter, true);
            }
            if complete || slices.why != Why::Slice {
                let why = slices.why;
                slices.finish()?;
                return Ok((why, complete));
            }
            slices.begin(writing.elapsed().as_secs_f64());
        }
    }

    /// Checkpoint of everything, and energy so far; `complete`: there is nothing left to train.
    fn save(&self, training: &Training<'_>, complete: bool) -> Result<(), Failure> {
        let _stage = self.meter.stage("checkpoint");
        let report = self.meter.report();
        let header = json!({
            "seconds": self.watch.seconds(),
            "iterations": training.iterations(),
            "complete": complete,
            "peak_memory_bytes": self.peak_memory_bytes(),
            "energy": energy::to_json(&report),
            "fields": self.fields,
            "resolved": self.manifest.hashes.get("resolved"),
        });
        let blobs = training.state();
        self.run.write_checkpoint("last", &Checkpoint { header, blobs, words: Vec::new() })?;
        Ok(())
    }

    /// Most memory held in any session.
    pub fn peak_memory_bytes(&self) -> Option<u64> {
        peak_memory_bytes(Path::new("/proc")).max(self.peak_before)
    }

    /// Puts what was used since the last checkpoint into it, so that a resumed run counts it.
    pub fn account_for_the_end(&self) -> Result<(), Failure> {
        let mut last = self.run.checkpoint("last")?;
        last.header["energy"] = energy::to_json(&self.meter.report());
        Ok(self.run.write_checkpoint("last", &last)?)
    }
}

/// For components with something to train: others end at once.
fn foresight(problem: &Problem, model: &Model, planned: usize) -> Foresight {
    let mut stages: Vec<usize> = problem.train.stages.iter().map(|s| s.iterations).collect();
    if stages.is_empty() {
        stages.push(planned / model.components.len().max(1)); // the engine's own plan: one stage
    }
    let trains = |c: &&Component| c.n > 0 && !c.blocks.is_empty();
    Foresight::new(stages, model.components.iter().filter(trains).count())
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
