//! Errors against the reference while training goes on. The loss never sees them.

use surrogate_engine::Model;
use surrogate_meter::Meter;
use surrogate_problem::Problem;
use surrogate_problem::model::ReferenceKind;

use super::CHECK_SEED;
use crate::compare::{self, Comparison, Errors, Target, Truth};
use crate::failure::Failure;
use crate::record;
use crate::surrogate::Surrogate;

/// Parameter points of the comparisons during training.
const WATCH_POINTS: usize = 4;

/// Reference values at a few parameter points.
pub struct Watched {
    truth: Truth,
    comparison: Comparison,
}

/// An error during training: output, root mean square, unit.
pub type WatchedError = (String, f64, String);

impl Watched {
    /// Solves at a few parameter points, and prepares the surrogate for them.
    pub fn new(
        problem: &Problem,
        surrogate: &mut Surrogate,
        meter: &Meter,
    ) -> Result<Self, Failure> {
        let truth = truth(problem, meter);
        let comparison = Comparison::new(problem, surrogate, &truth)?;
        Ok(Self { truth, comparison })
    }

    /// Errors of the best weights so far; `None` if there is no reference.
    pub fn errors(
        &mut self,
        model: &Model,
        best: &[Vec<f64>],
        meter: &Meter,
    ) -> Option<Vec<WatchedError>> {
        if self.truth.targets.is_empty() {
            return None;
        }
        let _stage = meter.stage("evaluate");
        self.comparison.set_weights(model, best);
        Some(words(&self.truth, &self.comparison.errors(&self.truth)))
    }
}

/// Reference values at a few parameter points: of outputs, of fields where there is none.
pub fn truth(problem: &Problem, meter: &Meter) -> Truth {
    let _stage = meter.stage("solve");
    // a solver with unknown scalars at their first guess is no reference
    let guessed =
        !problem.unknowns.is_empty() && matches!(problem.reference.kind, ReferenceKind::Automatic);
    let mut truth = if guessed {
        compare::nothing("unknown scalars")
    } else {
        compare::truth(problem, WATCH_POINTS, CHECK_SEED + 1, false)
            .unwrap_or_else(|failure| compare::nothing(&failure.to_string()))
    };
    if truth.targets.iter().any(|t| t.output) {
        truth.targets.retain(|t| t.output);
    }
    truth
}

/// Root mean squares with their names and units.
pub fn words(truth: &Truth, found: &[Errors]) -> Vec<WatchedError> {
    let entry = |(t, e): (&Target, &Errors)| {
        (t.name.clone(), e.rms / t.unit.factor, record::unit(&t.unit.text))
    };
    truth.targets.iter().zip(found).map(entry).collect()
}
