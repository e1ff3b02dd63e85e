//! What can go wrong with a report.

use std::path::PathBuf;

use surrogate_run::RunError;

/// An error of the report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A file of the run cannot be read, or a file of the report cannot be written.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The folder of figures cannot be made.
    #[error("cannot make {}: {reason}", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// The page could not be put together; our mistake.
    #[error("the page could not be put together: {0}")]
    Template(#[from] minijinja::Error),
    /// A folder without a finished calibration.
    #[error("{} holds no finished calibration; `surrogate calibrate … --resume` goes on with one", .path.display())]
    NoCalibration {
        /// The folder.
        path: PathBuf,
    },
    /// Fewer than two runs to compare.
    #[error("a comparison needs at least two runs; {given} given")]
    TooFewRuns {
        /// Number of runs given.
        given: usize,
    },
}
