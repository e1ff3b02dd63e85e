//! A transformer that proposes crystals for a powder pattern.

pub mod adam;
pub mod example;
pub mod examples;
pub mod feasible;
pub mod model;
pub mod network;
pub mod peaks;
pub mod sampling;
pub mod sequence;
pub mod training;
pub mod vocabulary;
