//! Crystals for powder patterns, drawn from a transformer.
#![doc = include_str!("../README.md")]

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
