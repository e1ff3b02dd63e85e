//! Why a surrogate of a cell could not be made.

use surrogate_battery::solve::SolveError;

/// An error of this crate; every message says what to change.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CellsError {
    /// A box that cannot be.
    #[error("the box of parameters: {reason}")]
    Box {
        /// What is wrong.
        reason: String,
    },
    /// The solver fails at most points of the box.
    #[error(
        "the solver fails at {failed} of {asked} points of the box, at first with: {first}; narrow the box"
    )]
    Unsolvable {
        /// Points at which it failed.
        failed: usize,
        /// Points that were tried.
        asked: usize,
        /// First message.
        first: String,
    },
    /// Too few solver runs to learn from.
    #[error("{solves} solver runs are too few to learn from: allow at least {least}")]
    TooFewSolves {
        /// Runs allowed.
        solves: usize,
        /// Runs needed.
        least: usize,
    },
    /// A saved state that is not of this training.
    #[error(
        "the saved state has no sound `{name}`: it was written by another version or for another problem"
    )]
    State {
        /// Name of the entry.
        name: String,
    },
    /// The solver.
    #[error(transparent)]
    Solve(#[from] SolveError),
}
