//! Training engine: from a [`surrogate_problem::Problem`] to a trained surrogate.
//!
//! [`Model`] holds what training needs, [`Training`] is the loop, [`Predictor`] evaluates what was
//! trained. The CPU path runs the fused kernels of `surrogate_jet`. The engine knows no physics
//! beyond the problem's expressions, and it reads no clock.

mod assemble;
mod block;
mod columns;
mod component;
mod conservation;
mod curves;
mod departure;
mod determined;
mod directions;
mod error;
mod formulation;
mod kinetics;
mod lint;
mod lower;
mod onset;
pub mod optimize;
mod quadrature;
mod sampling;
mod split;
mod structure;
mod surrogate;
mod train;

pub use assemble::{Model, draw_all, draw_held_out, initial};
pub use block::{Block, PointSet, RowForm, Weights};
pub use columns::evaluate;
pub use component::{BlockForm, Component, Loss, MakeLoss, TrainingLoss, fused_loss};
pub use curves::CurvePredictor;
pub use determined::undetermined;
pub use error::EngineError;
pub use formulation::{FieldForm, Formulation, UnknownForm};
pub use lint::collapsible_parameters;
pub use lower::{Inner, Instance, Lowered};
pub use sampling::{Axis, Region, axis};
pub use surrogate::Predictor;
pub use train::{Array, Control, Ending, Event, Training};
