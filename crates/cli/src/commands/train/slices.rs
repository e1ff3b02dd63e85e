//! What is looked at while training goes on: limits, records, progress, the end of a slice.

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime};

use surrogate_engine::{Control, Event};
use surrogate_meter::footprint::CarbonRate;
use surrogate_meter::{Meter, StageGuard};
use surrogate_run::schema::MetricsLine;
use surrogate_run::{JsonLines, RunDirectory, RunError};

use super::Limits;
use super::foresight::Foresight;
use super::watched::WatchedError;
use crate::interrupts;
use crate::progress::Progress;

/// Least seconds between checkpoints.
const CHECKPOINT_EVERY_S: f64 = 2.0;
/// Checkpoints take at most this share of the time.
const CHECKPOINT_SHARE: f64 = 0.05;

/// Why a slice ended, if training did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is time for a checkpoint.
    Slice,
    /// Somebody asked.
    Interrupted,
    /// `--max-time`.
    Time,
    /// `--max-energy`.
    Energy,
    /// `--max-carbon`.
    Carbon,
}

impl Why {
    /// For the manifest.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Slice => "stopped",
            Self::Interrupted => "interrupted",
            Self::Time => "time budget used",
            Self::Energy => "energy budget used",
            Self::Carbon => "carbon budget used",
        }
    }
}

/// How long this session and those before it have trained.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    before_s: f64,
    started: Instant,
    paused_s: f64,
}

impl Stopwatch {
    /// Runs since `started`, on top of earlier sessions.
    pub const fn new(before_s: f64, started: Instant) -> Self {
        Self { before_s, started, paused_s: 0.0 }
    }

    /// Takes a pause out of the working time.
    pub fn pause(&mut self, seconds: f64) {
        self.paused_s += seconds;
    }

    /// Seconds of this session, pauses left out.
    pub fn session_s(&self) -> f64 {
        self.started.elapsed().as_secs_f64() - self.paused_s
    }

    /// Seconds of all sessions.
    pub fn seconds(&self) -> f64 {
        self.before_s + self.session_s()
    }
}

/// The watch over training, from event to event.
pub struct Slices<'a> {
    /// Why the last slice ended.
    pub why: Why,
    /// When the slice must end for a pause.
    pub pause_at: Option<SystemTime>,
    /// For people.
    pub progress: Progress<'a>,
    meter: &'a Meter,
    carbon: CarbonRate,
    limits: &'a Limits,
    metrics: JsonLines,
    foresight: Foresight,
    forecasts: JsonLines,
    failed: Option<RunError>,
    stage: Option<(&'static str, StageGuard)>,
    clock: StageClock<'a>,
    cuts: BTreeMap<usize, usize>,
    last: Instant,
    wait_s: f64,
}

impl<'a> Slices<'a> {
    /// Before the first event of components that train in stages of `planned` iterations each.
    pub fn new(
        (meter, carbon): (&'a Meter, CarbonRate),
        limits: &'a Limits,
        foresight: Foresight,
        progress: Progress<'a>,
        run: &RunDirectory,
    ) -> Result<Self, RunError> {
        Ok(Self {
            why: Why::Slice,
            pause_at: None,
            progress,
            meter,
            carbon,
            limits,
            metrics: run.metrics()?,
            foresight,
            forecasts: run.forecasts()?,
            failed: None,
            stage: None,
            clock: StageClock::new(&limits.stages_s),
            cuts: BTreeMap::new(),
            last: Instant::now(),
            wait_s: CHECKPOINT_EVERY_S.min(0.5),
        })
    }

    /// One event: records and shows it, and says what training does next.
    pub fn event(&mut self, event: &Event, watch: &Stopwatch) -> Control {
        if self.stage.as_ref().is_none_or(|(name, _)| *name != event.stage) {
            self.stage = None; // closes before the next opens
            self.stage = Some((event.stage, self.meter.stage(&format!("train.{}", event.stage))));
        }
        let (elapsed, joules) = (watch.seconds(), self.meter.energy_so_far_j());
        let mut line = line(event, elapsed, joules);
        if event.cuts > self.cuts.get(&event.component).copied().unwrap_or(0) {
            self.cuts.insert(event.component, event.cuts);
            let note = cut_note(self.cuts.values().sum());
            self.progress.note(&note);
            line.note = Some(note);
        }
        if let Err(e) = self.metrics.write(&line).and_then(|()| self.foresee(event, watch)) {
            self.failed = Some(e);
            return Control::Stop;
        }
        self.progress.show(event, watch.session_s(), joules, self.limits.time_s);
        if let Some(why) = self.limit_reached(elapsed, joules) {
            self.why = why;
        } else if self.clock.is_over(event) {
            return Control::NextStage;
        } else if self.last.elapsed().as_secs_f64() < self.wait_s
            && self.pause_at.is_none_or(|at| SystemTime::now() < at)
        {
            return Control::Continue;
        }
        Control::Stop
    }

    /// Works the forecast out anew where it is time to, shows and records it.
    fn foresee(&mut self, event: &Event, watch: &Stopwatch) -> Result<(), RunError> {
        let seconds = watch.seconds();
        if !self.foresight.is_due(event, seconds) {
            return Ok(());
        }
        let joules = self.meter.total().energy_uj as f64 * 1e-6;
        self.foresight.look(event, joules, seconds, self.carbon, self.limits);
        self.progress.expect(self.foresight.words());
        self.foresight.record().map_or(Ok(()), |line| self.forecasts.write(line))
    }

    fn limit_reached(&self, elapsed: f64, joules: f64) -> Option<Why> {
        let limits = self.limits;
        let grams = self.carbon.grams(joules, elapsed);
        [
            (interrupts::asked(), Why::Interrupted),
            (limits.time_s.is_some_and(|t| elapsed >= t), Why::Time),
            (limits.energy_j.is_some_and(|e| joules >= e), Why::Energy),
            (limits.carbon_g.is_some_and(|g| grams >= g), Why::Carbon),
        ]
        .into_iter()
        .find_map(|(reached, why)| reached.then_some(why))
    }

    /// Closes the stage of the slice.
    ///
    /// # Errors
    /// If a line could not be written during the slice.
    pub fn close(&mut self) -> Result<(), RunError> {
        self.stage = None;
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Records errors against the reference.
    pub fn errors(
        &mut self,
        step: usize,
        watch: &Stopwatch,
        errors: &[WatchedError],
    ) -> Result<(), RunError> {
        self.progress.error(errors, watch.session_s());
        let joules = self.meter.energy_so_far_j();
        self.metrics.write(&validation_line(step, watch.seconds(), joules, errors))
    }

    /// The next slice begins, after a checkpoint that took `cost_s`.
    pub fn begin(&mut self, cost_s: f64) {
        self.wait_s = CHECKPOINT_EVERY_S.max(cost_s / CHECKPOINT_SHARE);
        self.last = Instant::now();
    }

    /// Time has passed, and energy was used, that is not training's.
    pub fn paused(&mut self) {
        self.clock.last = Instant::now();
        self.last = Instant::now();
        self.foresight.skip();
    }

    /// The end of training: all lines on disk, no bar.
    pub fn finish(mut self) -> Result<(), RunError> {
        self.progress.finish();
        self.forecasts.sync()?;
        self.metrics.sync()
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

/// What is said of steps that were cut.
pub fn cut_note(cuts: usize) -> String {
    let times = if cuts == 1 { "once".to_string() } else { format!("{cuts} times") };
    format!("learning rate halved {times} because the loss was not a number")
}
