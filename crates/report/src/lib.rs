//! Figures, `report.html` and the comparison of runs, made from run directories alone, and the pages
//! of calibrations, made from their folders.
//!
//! ```no_run
//! # use std::path::{Path, PathBuf};
//! let files = surrogate_report::report(Path::new("runs/20261121-0748-spm-7f3a"))?;
//! println!("{}", files.page.display());
//! let runs = [PathBuf::from("runs/a"), PathBuf::from("runs/b")];
//! surrogate_report::compare(&runs, Path::new("runs/compare-20261121-0801"))?;
//! surrogate_report::calibration(Path::new("cell-7"))?; // one that was made with --out
//! # Ok::<(), surrogate_report::ReportError>(())
//! ```
//!
//! `report` needs no model and no device: what it shows stands in files that a notebook can read
//! (`surrogate_run::schema`). Every figure is written as `figures/NAME.svg` with `figures/NAME.csv`,
//! the numbers that it was drawn from. The page is one file without scripts and remote parts.

#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod calibration;
mod comparison;
mod energy_accuracy;
mod energy_section;
mod error;
mod exports;
mod figure;
mod figures;
mod generator;
mod inputs;
pub mod metrics;
mod page;
mod structures;

pub use calibration::{calibration, is_calibration};
pub use comparison::compare;
pub use error::ReportError;
pub use page::{ReportFiles, report};
pub use structures::{
    is_structure_scores, is_structure_search, structure_scores, structure_search,
};
