//! Errors of commands, with their exit codes.

use std::path::Path;

use surrogate_battery::bpx::BpxErrors;
use surrogate_engine::EngineError;
use surrogate_problem::Diagnostics;
use surrogate_report::ReportError;
use surrogate_run::RunError;
use surrogate_solve::SolveError;
use thiserror::Error;

use crate::reference::ReferenceError;

/// Why a command failed.
#[derive(Debug, Error)]
pub enum Failure {
    /// The problem file has errors.
    #[error("{0}")]
    Problem(Diagnostics),
    /// A BPX file has mistakes.
    #[error("{file}: {errors}")]
    Bpx {
        /// The file.
        file: String,
        /// Its mistakes, each with the path of its field.
        errors: BpxErrors,
    },
    /// Something on the command line or in an input file.
    #[error("{message}")]
    User {
        /// What, where, why.
        message: String,
        /// A way out.
        help: Option<String>,
    },
    /// Engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Reference solver.
    #[error(transparent)]
    Solve(#[from] SolveError),
    /// A cell: its solver or its surrogate.
    #[error(transparent)]
    Cell(#[from] surrogate_cells::CellsError),
    /// Run directory.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Report.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Meter.
    #[error(transparent)]
    Meter(#[from] surrogate_meter::MeterError),
    /// Calibration.
    #[error(transparent)]
    Calibrate(#[from] surrogate_calibrate::CalibrateError),
    /// Our own mistake or the environment.
    #[error("{0}")]
    Internal(String),
}

impl Failure {
    /// A mistake the user can fix.
    pub fn user(message: impl Into<String>) -> Self {
        Self::User { message: message.into(), help: None }
    }

    /// A mistake the user can fix, with a way out.
    pub fn helped(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::User { message: message.into(), help: Some(help.into()) }
    }

    /// The same mistake, found in a file.
    #[must_use]
    pub fn in_file(self, path: &Path) -> Self {
        match self {
            Self::User { message, help } => {
                Self::User { message: format!("{}: {message}", path.display()), help }
            }
            other => other,
        }
    }

    /// Exit code: 1 the user can fix it, 2 ours.
    pub fn code(&self) -> u8 {
        match self {
            Self::Internal(_) | Self::Meter(_) | Self::Engine(EngineError::Program(_)) => 2,
            Self::Run(error) | Self::Report(ReportError::Run(error)) => {
                if error.is_for_the_user() {
                    1
                } else {
                    2
                }
            }
            Self::Report(ReportError::Template(_)) => 2,
            _ => 1,
        }
    }

    /// Prints the error to stderr.
    #[allow(clippy::print_stderr)]
    pub fn print(self) {
        match self {
            Self::Problem(diagnostics) => {
                for error in diagnostics.errors {
                    eprintln!("{:?}", miette::Report::new(error));
                }
            }
            Self::Bpx { file, errors } => {
                errors.0.iter().for_each(|error| eprintln!("error: {file}: {error}"));
            }
            Self::User { message, help } => {
                eprintln!("error: {message}");
                if let Some(help) = help {
                    eprintln!("  help: {help}");
                }
            }
            other => eprintln!("error: {other}"),
        }
    }
}

impl From<ReferenceError> for Failure {
    fn from(error: ReferenceError) -> Self {
        match error {
            ReferenceError::Lines(error) => Self::Solve(error),
            ReferenceError::Cell(error) => Self::Cell(error),
        }
    }
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::Problem(diagnostics)
    }
}
