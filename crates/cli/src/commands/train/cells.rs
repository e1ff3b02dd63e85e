//! Training of the surrogate of a cell: runs of its solver, then networks.

use surrogate_battery::solve::Model;
use surrogate_cells::{
    CellProblem, CellSurrogate, CellsError, Progress, Settings, Stage, Training,
};
use surrogate_engine::{Control, Ending, Event};
use surrogate_meter::Meter;
use surrogate_problem::Problem;
use surrogate_problem::model::Optimizer;

use super::trainer::{Arrays, Trainer};
use super::watched::{self, WatchedError};
use crate::cell::CellNetworks;
use crate::compare::{self, Truth};
use crate::failure::Failure;
use crate::surrogate::Surrogate;

/// Solver runs between two looks at the clock; one of a depleted electrolyte takes seconds.
const RUNS: usize = 4;
/// Iterations between two looks at the clock.
const ITERATIONS: usize = 10;
/// Solver runs where the file names no number.
const SOLVES: usize = 1000;
/// Sweeps of the equations that are added to the solver runs of P2D where the file names no number.
const SWEEPS: usize = 3000;

/// How a problem is trained.
///
/// # Errors
/// Tables `[train]` and `[data]` that mean nothing for a cell.
pub fn settings(problem: &Problem, cell: &CellProblem) -> Result<Settings, Failure> {
    let solves = problem.cell.as_ref().and_then(|cell| cell.solves).unwrap_or(SOLVES);
    let mut settings = Settings::for_solves(solves, problem.train.seed);
    let usual = if cell.model == Model::P2d { SWEEPS } else { 0 };
    let sweeps = problem.cell.as_ref().and_then(|cell| cell.sweeps).unwrap_or(usual);
    settings = settings.with_sweeps(sweeps);
    settings.profiles = problem.cell.as_ref().and_then(|cell| cell.profiles).unwrap_or(0);
    let help =
        "stages = [{ optimizer = \"ssbroyden\", iterations = 2000 }]: iterations of each network";
    match problem.train.stages.as_slice() {
        [] => {}
        [only] if only.optimizer == Optimizer::SsBroyden && only.max_time_s.is_none() => {
            settings.iterations = only.iterations;
        }
        [_] => {
            let message =
                "[train] stages: networks of a cell learn by ssbroyden, for some iterations";
            return Err(Failure::helped(message, help));
        }
        _ => return Err(Failure::helped("[train] stages: a cell has one", help)),
    }
    let train = &problem.train;
    if train.resample_every.is_some() || train.target_loss.is_some() {
        return Err(Failure::helped(
            "[train]: a cell has neither resample_every nor target_loss",
            "stages, seed and max_time are known",
        ));
    }
    Training::new(cell.clone(), settings.clone()).map_err(|error| match error {
        CellsError::TooFewSolves { .. } => Failure::helped(
            format!("[data] solves: {error}"),
            "leave it out, and training takes as many as it wants",
        ),
        other => other.into(),
    })?;
    Ok(settings)
}

/// The surrogate of a cell while it learns.
pub struct CellTrainer<'a> {
    problem: &'a Problem,
    cell: CellProblem,
    settings: Settings,
    training: Training,
    truth: Truth,
}

impl<'a> CellTrainer<'a> {
    /// Before the first solver run; solves at a few points to judge by.
    ///
    /// # Errors
    /// Settings that cannot be.
    pub fn new(
        problem: &'a Problem,
        cell: CellProblem,
        settings: Settings,
        meter: &Meter,
    ) -> Result<Self, Failure> {
        let truth = watched::truth(problem, meter);
        let training = Training::new(cell.clone(), settings.clone())?;
        Ok(Self { problem, cell, settings, training, truth })
    }

    /// What was learned.
    pub fn surrogate(&self) -> Option<CellSurrogate> {
        self.training.surrogate()
    }

    fn event(&self, progress: &Progress) -> Event {
        let plan = self.training.plan();
        let earlier = plan.iter().take_while(|(stage, _)| *stage < progress.stage);
        let before: usize = earlier.clone().map(|(_, most)| most).sum();
        let stage_index = earlier.count().min(plan.len() - 1);
        Event {
            component: 0,
            fields: vec![
                match progress.stage {
                    Stage::Electrolyte | Stage::Fields => "electrolyte",
                    Stage::Profiles | Stage::Drive => "any current",
                    _ => "voltage",
                }
                .to_string(),
            ],
            stage: match progress.stage {
                Stage::Spread | Stage::Aimed => "solve",
                Stage::Probe => "probe",
                Stage::Negative => "negative",
                Stage::Positive => "positive",
                Stage::Ends => "ends",
                Stage::Depleted => "depleted",
                Stage::Electrolyte => "electrolyte",
                Stage::Swept => "sweep",
                Stage::Fields => "fields",
                Stage::Profiles => "profiles",
                Stage::Drive | Stage::Done => "currents",
            },
            stage_index,
            iteration: before + progress.done,
            total: before + progress.done,
            loss: progress.misfit_v.map_or(f64::NAN, |v| v * v),
            held_out: None,
            rows: Vec::new(),
            cuts: 0,
            ended: (progress.stage == Stage::Done).then_some(Ending::Planned),
        }
    }
}

impl Trainer for CellTrainer<'_> {
    fn run(&mut self, watch: &mut dyn FnMut(&Event) -> Control) -> Result<bool, Failure> {
        loop {
            // the event comes before its work, so that this is booked under its stage
            let progress = self.training.progress();
            let done = progress.stage == Stage::Done;
            if watch(&self.event(&progress)) == Control::Stop || done {
                return Ok(done);
            }
            let amount = if progress.stage.solves() { RUNS } else { ITERATIONS };
            self.training.slice(amount)?;
        }
    }

    fn state(&self) -> Arrays {
        self.training.state()
    }

    fn restore(&mut self, state: &Arrays) -> Result<(), Failure> {
        self.training = Training::restore(self.cell.clone(), self.settings.clone(), state)?;
        Ok(())
    }

    fn iterations(&self) -> usize {
        let progress = self.training.progress();
        self.event(&progress).total
    }

    fn plan(&self) -> (Vec<usize>, usize) {
        (self.training.plan().into_iter().map(|(_, most)| most).collect(), 1)
    }

    fn weights(&self) -> usize {
        self.training.weights()
    }

    fn held_out(&self) -> Vec<f64> {
        Vec::new()
    }

    fn errors(&mut self, meter: &Meter) -> Option<Vec<WatchedError>> {
        let learned = CellNetworks::new(self.training.surrogate()?);
        let _stage = meter.stage("evaluate");
        let mut surrogate = Surrogate::Cell(Box::new(learned));
        let found = compare::errors(self.problem, &mut surrogate, &self.truth).ok()?;
        (!found.is_empty()).then(|| watched::words(&self.truth, &found))
    }

    fn ending(&self) -> String {
        "all stages done".to_string()
    }

    fn note(&self) -> Option<String> {
        None
    }
}
