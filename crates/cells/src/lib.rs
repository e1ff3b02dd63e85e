//! Neural surrogates of lithium-ion cells.
#![doc = include_str!("../README.md")]

mod drive;
mod error;
mod fields;
mod half;
mod network;
mod particle;
mod problem;
mod regression;
mod sample;
mod surrogate;
mod training;

pub use drive::{DriveSurrogate, Profile};
pub use error::CellsError;
pub use fields::{Field, FieldsAt};
pub use problem::{Axis, CellProblem, Quantity};
pub use surrogate::{Buffers, CellSurrogate};
pub use training::{Array, Progress, Settings, Stage, Training};
