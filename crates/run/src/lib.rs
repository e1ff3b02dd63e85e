//! The run directory: everything that one training, evaluation or prediction leaves behind.
//!
//! ```text
//! runs/20261121-0748-spm-7f3a/
//!   manifest.json      what ran, where, how it ended            manifest
//!   problem.toml       as given
//!   resolved.toml      as used, every default written out
//!   log.jsonl          events                                   lines
//!   metrics.jsonl      losses, held-out residual, energy        lines, schema::MetricsLine
//!   electricity.json   what the user said of its electricity
//!   energy.json        energy by channel and stage, carbon      schema::Energy
//!   evaluate-energy.json  what the last `surrogate evaluate` took  schema::Energy
//!   energy.jsonl       power over time                          schema::PowerLine
//!   green.json         what a green window saved
//!   forecast.jsonl     what training was expected to take       lines, schema::ForecastLine
//!   evaluation.json    errors against the reference             schema::Evaluation
//!   payback.json       energy of a solve and of a prediction    schema::Payback
//!   curves.csv         outputs at parameter points              table
//!   profiles.csv       fields at parameter points and times     table
//!   results.h5         the same and more, for notebooks         results
//!   calibrations/1     posterior.nc for ArviZ, tables, a page     inference
//!   checkpoints/       last.ckpt, best.ckpt                     checkpoint
//!   figures/           *.svg with the *.csv they were drawn from (written by surrogate-report)
//!   report.html
//! ```
//!
//! Two rules hold for every file: it is written whole or not at all ([`write_atomic`]), or it only
//! grows by whole lines and a torn last line is tolerated ([`JsonLines`]). An existing directory is
//! never overwritten. `docs` of [`schema`] describe the files that `surrogate-report` reads.
//!
//! This crate knows files, not mathematics: it depends on no other crate of the project, and the
//! command line fills its types.

#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod checkpoint;
mod directory;
mod error;
mod files;
mod host;
mod inference;
mod lines;
mod list;
mod manifest;
mod results;
mod scales;
pub mod schema;
mod table;
mod texts;

pub use checkpoint::{CHECKPOINT_FORMAT, Checkpoint};
pub use directory::{FolderName, RUNS_FOLDER, RUNS_VARIABLE, RunDirectory, runs_folder};
pub use error::{RunError, words};
pub use files::{hash_hex, read_bytes, read_json, read_text, write_atomic, write_json};
pub use host::{GitState, Hardware, Liveness, Process};
pub use inference::{
    Attribute, Dimension, InferenceData, InferenceGroup, Labels, Numbers, Variable,
};
pub use lines::{JsonLines, Lines, read_lines, truncate_after_step};
pub use list::{Listed, RunSummary, list};
pub use manifest::{
    EnergySummary, ErrorEntry, Goal, MANIFEST_FORMAT, Manifest, ParameterRange, Status, Verdict,
};
pub use results::{Dataset, Group, Results};
pub use table::{Column, Table, Values, header, reference_header};
pub use texts::hdf5_texts;
