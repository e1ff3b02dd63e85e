//! Neural surrogates of lithium-ion cells.
#![doc = include_str!("../README.md")]

mod aim;
mod cubic;
mod curves;
mod depleted;
mod drive;
mod electrolyte;
mod error;
mod fields;
mod followed;
mod formula;
mod half;
mod judge;
mod lesson;
mod network;
mod particle;
mod problem;
mod profile;
mod regression;
mod resume;
mod sample;
mod settings;
mod shells;
mod surrogate;
mod sweep;
mod taught;
mod training;
mod varying;

pub use drive::{CutOff, DriveSurrogate, Driven};
pub use error::CellsError;
pub use fields::{Field, FieldsAt};
pub use judge::{DriveError, Judged};
pub use problem::{Axis, CellProblem, Quantity};
pub use profile::Profile;
pub use settings::{Progress, Settings, Stage};
pub use surrogate::{Buffers, CellSurrogate};
pub use training::{Array, Training};
