//! Neural surrogates of lithium-ion cells.
#![doc = include_str!("../README.md")]

mod error;
mod half;
mod network;
mod particle;
mod problem;
mod regression;
mod sample;
mod surrogate;
mod training;

pub use error::CellsError;
pub use problem::{Axis, CellProblem, Quantity};
pub use surrogate::{Buffers, CellSurrogate};
pub use training::{Array, Progress, Settings, Stage, Training};
