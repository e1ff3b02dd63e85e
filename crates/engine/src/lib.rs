//! Training engine: from a [`surrogate_problem::Problem`] to a trained surrogate.

mod assemble;
mod block;
mod columns;
mod component;
mod directions;
mod error;
mod formulation;
mod lower;
pub mod optimize;
mod quadrature;
mod sampling;
mod structure;

pub use error::EngineError;
