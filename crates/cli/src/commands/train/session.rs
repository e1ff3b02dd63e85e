//! Training in slices, with a checkpoint after each.

use std::path::Path;
use std::time::Instant;

use serde_json::json;
use surrogate_cells::{CellProblem, Settings};
use surrogate_engine::{Event, Model, Training};
use surrogate_meter::footprint::CarbonRate;
use surrogate_meter::{Meter, peak_memory_bytes};
use surrogate_problem::Problem;
use surrogate_run::schema::Payback;
use surrogate_run::{Checkpoint, Manifest, RunDirectory, Status};

use super::super::check::summary;
use super::Limits;
use super::accounts::Accounts;
use super::cells::CellTrainer;
use super::crystals::{CrystalTrainer, Crystals};
use super::foresight::Foresight;
use super::green::Green;
use super::opening::Opened;
use super::slices::{Slices, Stopwatch, Why};
use super::trainer::{NetworkTrainer, Trainer};
use super::watched::Watched;
use crate::cell::CellNetworks;
use crate::device::Device;
use crate::electricity::Electricity;
use crate::energy;
use crate::failure::Failure;
use crate::generator::Generator;
use crate::progress::Progress;
use crate::surrogate::{Networks, Surrogate};
use crate::terminal::Terminal;
use crate::trained::{check_fields, fingerprint};

/// What is to be trained.
pub enum Prepared {
    /// Networks under the equations of a file.
    Networks(Box<Model>),
    /// The surrogate of a cell.
    Cell(Box<CellProblem>, Settings),
    /// A generator of crystals.
    Crystal(Box<Crystals>),
}

impl Prepared {
    /// What the file says, and what is made of it.
    pub fn summary(&self, problem: &Problem) -> String {
        match self {
            Self::Networks(model) => summary(problem, model),
            Self::Cell(..) => problem.summary(),
            Self::Crystal(crystals) => crystals.summary(problem),
        }
    }
}

/// What was trained.
pub enum Learned {
    /// Something that predicts.
    Surrogate(Surrogate),
    /// A generator of crystals, with crystals that it was not trained on.
    Generator(Box<Generator>),
}

/// How training ended.
pub struct Outcome {
    /// Finished or interrupted.
    pub status: Status,
    /// Why, in words.
    pub reason: String,
    /// Best held-out loss by part.
    pub held_out: Vec<f64>,
    /// Of all parts.
    pub iterations: usize,
    /// What was trained, at its best; nothing where training had not come so far.
    pub learned: Option<Learned>,
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
    /// A limit ended it before there was anything to predict with.
    pub too_short: bool,
    /// What else is known of the errors, in words.
    pub remarks: Vec<String>,
}

/// How the slices ended.
struct Ended {
    status: Status,
    reason: String,
    held_out: Vec<f64>,
    iterations: usize,
    resumable: bool,
}

impl Ended {
    /// A run that learned nothing to predict with is interrupted, whatever stopped it.
    fn outcome(self, problem: &Problem, learned: Option<Learned>) -> Outcome {
        let too_short = learned.is_none() && self.status == Status::Finished;
        let (status, reason) = match learned {
            Some(_) => (self.status, self.reason),
            None => (Status::Interrupted, format!("{}, nothing to predict with yet", self.reason)),
        };
        Outcome {
            status,
            reason,
            held_out: self.held_out,
            iterations: self.iterations,
            learned,
            unchecked: problem.fields.iter().map(|f| f.name.clone()).collect(),
            doubts: Vec::new(),
            undetermined: false,
            no_reference: None,
            payback: None,
            resumable: self.resumable,
            too_short,
            remarks: Vec::new(),
        }
    }
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
        prepared: Prepared,
        limits: &Limits,
    ) -> Result<Outcome, Failure> {
        match prepared {
            Prepared::Networks(model) => self.train_networks(problem, *model, limits),
            Prepared::Crystal(crystals) => self.train_generator(problem, *crystals, limits),
            Prepared::Cell(cell, settings) => {
                let mut trainer = CellTrainer::new(problem, *cell, settings, &self.meter)?;
                let ended = self.follow(&mut trainer, limits)?;
                let learned = trainer.surrogate().map(CellNetworks::new);
                self.fields = learned.as_ref().map_or(Vec::new(), CellNetworks::fingerprint);
                Ok(ended.outcome(
                    problem,
                    learned.map(|cell| Learned::Surrogate(Surrogate::Cell(Box::new(cell)))),
                ))
            }
        }
    }

    fn train_generator(
        &mut self,
        problem: &Problem,
        crystals: Crystals,
        limits: &Limits,
    ) -> Result<Outcome, Failure> {
        self.fields = crate::generator::fingerprint();
        let held_out = crystals.held_out.clone();
        let gradient = self.device.make_gradient(crystals.precision);
        let mut trainer = CrystalTrainer::new(crystals, gradient);
        surrogate_run::write_json(&self.run.file("generator.json"), &trainer.description())?;
        let ended = self.follow(&mut trainer, limits)?;
        let generator = Generator::new(self.run.name().to_string(), trainer.model(), held_out);
        Ok(ended.outcome(problem, Some(Learned::Generator(Box::new(generator)))))
    }

    fn train_networks(
        &mut self,
        problem: &Problem,
        model: Model,
        limits: &Limits,
    ) -> Result<Outcome, Failure> {
        let weights = model.components.iter().map(|c| vec![0.0; c.n]).collect();
        let mut surrogate = Surrogate::Networks(Box::new(Networks { model, weights }));
        let watched = Watched::new(problem, &mut surrogate, &self.meter)?;
        let prepare = self.meter.stage("sample");
        let Surrogate::Networks(mut networks) = surrogate else {
            return Err(Failure::Internal("networks became something else".to_string()));
        };
        self.fields = fingerprint(problem, &mut networks.model)?;
        let make_loss = self.device.make_loss();
        let model = &networks.model;
        let training = Training::new(problem, model).with_loss(&*make_loss);
        let mut trainer = NetworkTrainer::new(problem, model, training, watched);
        drop(prepare);
        let ended = self.follow(&mut trainer, limits)?;
        let weights = trainer.best();
        drop(trainer);
        networks.weights = weights;
        Ok(ended.outcome(problem, Some(Learned::Surrogate(Surrogate::Networks(networks)))))
    }

    /// Trains in slices from the last checkpoint, or from the start.
    fn follow(&mut self, trainer: &mut dyn Trainer, limits: &Limits) -> Result<Ended, Failure> {
        if let Some(saved) = self.saved.take() {
            check_fields(&saved, &self.fields)?;
            trainer.restore(&saved.blobs)?;
            let step = trainer.iterations() as u64;
            for lines in ["metrics.jsonl", "forecast.jsonl"] {
                surrogate_run::truncate_after_step(&self.run.file(lines), step)?;
            }
        }
        self.manifest.weights = Some(trainer.weights() as u64);
        self.save(trainer, false)?;
        let (why, complete) = self.iterate(trainer, limits)?;
        let reason = if complete { trainer.ending() } else { why.words().to_string() };
        let status = match why {
            Why::Interrupted if !complete => Status::Interrupted,
            _ => Status::Finished,
        };
        Ok(Ended {
            status,
            reason: [Some(reason), trainer.note()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("; "),
            held_out: trainer.held_out(),
            iterations: trainer.iterations(),
            resumable: !complete,
        })
    }

    /// Trains in slices between checkpoints; says why it stopped and whether nothing is left to do.
    fn iterate(
        &mut self,
        trainer: &mut dyn Trainer,
        limits: &Limits,
    ) -> Result<(Why, bool), Failure> {
        let progress = Progress::new(self.terminal, trainer.planned());
        let accounts = (&self.meter, self.carbon);
        let (stages, parts) = trainer.plan();
        let foresight = Foresight::new(stages, parts);
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
            let complete = trainer.run(&mut |event: &Event| slices.event(event, &self.watch))?;
            slices.close()?;
            if let Some(errors) = trainer.errors(&self.meter) {
                slices.errors(trainer.iterations(), &self.watch, &errors)?;
            }
            let writing = Instant::now();
            self.save(trainer, complete)?;
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
    fn save(&self, trainer: &dyn Trainer, complete: bool) -> Result<(), Failure> {
        let _stage = self.meter.stage("checkpoint");
        let report = self.meter.report();
        let header = json!({
            "seconds": self.watch.seconds(),
            "iterations": trainer.iterations(),
            "complete": complete,
            "peak_memory_bytes": self.peak_memory_bytes(),
            "energy": energy::to_json(&report),
            "fields": self.fields,
            "resolved": self.manifest.hashes.get("resolved"),
        });
        let blobs = trainer.state();
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
