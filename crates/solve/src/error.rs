//! What can go wrong.

use thiserror::Error;

/// Why a problem has no reference solution.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum SolveError {
    /// The problem is outside what the solver treats; says what is in the way.
    #[error("the reference solver cannot treat this problem: {reason}")]
    Unsupported {
        /// What is in the way, in words.
        reason: String,
    },
    /// Parameter values do not fit the problem.
    #[error("the problem has {expected} parameters, {given} finite values were given")]
    BadParameters {
        /// Number of parameters.
        expected: usize,
        /// Number of finite values given.
        given: usize,
    },
    /// Times are not increasing or begin before the lower end of the time coordinate.
    #[error("times must increase and not begin before {start}")]
    BadTimes {
        /// Lower end of the time coordinate, SI.
        start: f64,
    },
    /// Newton's iteration for the algebraic unknowns did not converge.
    #[error("the algebraic unknowns at t = {time} were not found: residual {residual:.1e}")]
    NotConverged {
        /// Where, SI.
        time: f64,
        /// Size of the last Newton step, relative to the unknowns.
        residual: f64,
    },
    /// Newton's iteration for a problem without time did not converge.
    #[error(
        "no solution of the equations was found from zero (last Newton step {step:.1e} of the \
         unknowns); a reference file or exact expressions can take the solver's place"
    )]
    NotFound {
        /// Size of the last Newton step, relative to the unknowns.
        step: f64,
    },
    /// The step size fell below what the arithmetic resolves.
    #[error(
        "the time step vanished at t = {time} (step {step:e}): the solution may blow up there, or \
         the mesh be so fine that rounding hides it (`reference.cells` makes it coarser)"
    )]
    StepVanished {
        /// Where, SI.
        time: f64,
        /// Last step tried, SI.
        step: f64,
    },
    /// Too many steps.
    #[error("{steps} steps did not reach the last time; stopped at t = {time}")]
    TooManySteps {
        /// Steps tried.
        steps: usize,
        /// Where, SI.
        time: f64,
    },
}

impl SolveError {
    pub(crate) fn unsupported(reason: impl Into<String>) -> Self {
        Self::Unsupported { reason: reason.into() }
    }
}
