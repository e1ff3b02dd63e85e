//! What is trained in slices; networks under the equations of a file.

use surrogate_engine::{Component, Control, Ending, Event, Model, Training};
use surrogate_meter::Meter;
use surrogate_problem::Problem;

use super::slices::cut_note;
use super::watched::{Watched, WatchedError};
use crate::failure::Failure;

/// Named arrays of a checkpoint.
pub type Arrays = Vec<(String, Vec<f64>)>;

/// Something that learns in slices, and goes on from its state to the same bits.
pub trait Trainer {
    /// Learns until there is nothing left to do, which is true, or `watch` says stop.
    ///
    /// # Errors
    /// What makes going on senseless.
    fn run(&mut self, watch: &mut dyn FnMut(&Event) -> Control) -> Result<bool, Failure>;

    /// Everything that going on needs.
    fn state(&self) -> Arrays;

    /// Goes on from a state.
    ///
    /// # Errors
    /// A state of something else.
    fn restore(&mut self, state: &Arrays) -> Result<(), Failure>;

    /// Iterations so far.
    fn iterations(&self) -> usize;

    /// Most iterations of each stage, and how many parts go through all of them.
    fn plan(&self) -> (Vec<usize>, usize);

    /// Most iterations, in all.
    fn planned(&self) -> usize {
        let (stages, parts) = self.plan();
        let one = stages.iter().fold(0usize, |sum, n| sum.saturating_add(*n));
        one.saturating_mul(parts)
    }

    /// Numbers that are learned.
    fn weights(&self) -> usize;

    /// Best held-out loss of each part.
    fn held_out(&self) -> Vec<f64>;

    /// Errors of what was learned so far against the reference; nothing if there is none.
    fn errors(&mut self, meter: &Meter) -> Option<Vec<WatchedError>>;

    /// Why nothing is left to do, in words.
    fn ending(&self) -> String;

    /// What must be said besides.
    fn note(&self) -> Option<String>;
}

/// Networks of fields.
pub struct NetworkTrainer<'a> {
    model: &'a Model,
    training: Training<'a>,
    watched: Watched,
    /// Iterations of the stages of the file.
    stages: Vec<usize>,
}

impl<'a> NetworkTrainer<'a> {
    /// Before the first step.
    pub fn new(
        problem: &Problem,
        model: &'a Model,
        training: Training<'a>,
        watched: Watched,
    ) -> Self {
        let stages = problem.train.stages.iter().map(|s| s.iterations).collect();
        Self { model, training, watched, stages }
    }

    /// Best weights so far, by component.
    pub fn best(&self) -> Vec<Vec<f64>> {
        self.training.best()
    }
}

impl Trainer for NetworkTrainer<'_> {
    fn run(&mut self, watch: &mut dyn FnMut(&Event) -> Control) -> Result<bool, Failure> {
        Ok(self.training.run(watch))
    }

    fn state(&self) -> Arrays {
        self.training.state()
    }

    fn restore(&mut self, state: &Arrays) -> Result<(), Failure> {
        Ok(self.training.restore(state)?)
    }

    fn iterations(&self) -> usize {
        self.training.iterations()
    }

    fn plan(&self) -> (Vec<usize>, usize) {
        // components with nothing to train end at once
        let trains = |c: &&Component| c.n > 0 && !c.blocks.is_empty();
        let parts = self.model.components.iter().filter(trains).count();
        let one = self.training.planned() / self.model.components.len().max(1);
        (if self.stages.is_empty() { vec![one] } else { self.stages.clone() }, parts)
    }

    fn planned(&self) -> usize {
        self.training.planned()
    }

    fn weights(&self) -> usize {
        self.model.components.iter().map(|c| c.n).sum()
    }

    fn held_out(&self) -> Vec<f64> {
        self.training.held_out()
    }

    fn errors(&mut self, meter: &Meter) -> Option<Vec<WatchedError>> {
        self.watched.errors(self.model, &self.training.best(), meter)
    }

    fn ending(&self) -> String {
        let word = |e: &Option<Ending>| match e {
            Some(Ending::Planned) => "all stages done",
            Some(Ending::Converged) => "converged",
            Some(Ending::Target) => "target loss reached",
            Some(Ending::Stalled) => "no further descent",
            Some(Ending::NotFinite) => "the loss is not a number",
            None => "stopped",
        };
        let mut words: Vec<&str> = self.training.endings().iter().map(word).collect();
        words.dedup();
        words.join(", ")
    }

    fn note(&self) -> Option<String> {
        let cuts = self.training.cuts();
        (cuts > 0).then(|| cut_note(cuts))
    }
}
