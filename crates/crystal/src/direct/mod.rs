//! Structures without any example: cells from the places of the peaks, groups from the absent ones,
//! atoms on every choice of Wyckoff positions that the formula allows.
//!
//! 1. [`index`]: unit cells of every Bravais lattice whose reflections explain the first peaks, found by
//!    halving boxes of reciprocal metrics until no more peak can be lost.
//! 2. Space groups in every setting of these cells, weighed by how well their reflections, without those that are
//!    systematically absent, explain the peaks.
//! 3. Choices of Wyckoff positions for the atoms of the formula.
//! 4. Atoms at random places, none too near to another, refined against the pattern.
//!
//! [`crate::retrieve::search`] does this where no example reproduces a pattern.

mod groups;
mod index;
mod lattices;
mod placing;
mod solve;

pub use index::{Cell, index};
pub use lattices::{Bravais, Centring};
pub use solve::DirectOptions;
pub(crate) use solve::solve;
