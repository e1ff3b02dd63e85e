//! Problem files: TOML in, checked [`Problem`] out, every mistake with its place and a way out.
//!
//! The way of a file: [`gather`] reads it with its bases and overrides into one tree; `declare`
//! enters names and reads what they stand for; `lower`, `operators` and `functions` turn
//! expressions into graph nodes while checking units; `statements` makes rows, fields and outputs;
//! `settings` reads how to train. The language is described in `docs/problem-file.md`.

mod ast;
pub mod cell;
pub mod crystal;
mod declare;
mod declare_functions;
mod diagnose;
mod evolution;
mod functions;
mod gather;
mod headers;
mod jumps;
mod limits;
mod load;
mod lower;
mod measurements;
mod mentions;
pub mod model;
mod names;
mod operators;
mod parse;
mod scope;
mod section;
mod settings;
mod source;
mod statements;
mod summary;
#[cfg(test)]
mod tests;
mod tree;
pub mod units;

pub use diagnose::{Diagnostics, ErrorKind, ProblemError};
pub use headers::{ColumnUnit, column_parts};
pub use load::{load, load_text, load_with_cells};
pub use model::Problem;
pub use source::Source;
