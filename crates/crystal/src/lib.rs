//! Crystals, their symmetry and their powder diffraction.
#![doc = include_str!("../README.md")]

pub mod cif;
mod csv;
pub mod diffraction;
pub mod direct;
mod element;
mod formula;
mod lattice;
pub mod matching;
pub mod pattern;
pub mod refine;
pub mod retrieve;
pub mod score;
pub mod structure;
pub mod symmetry;
pub mod table;

pub use element::Element;
pub use formula::{FormulaError, parse_formula, reduced_formula};
pub use lattice::{CellParameters, Lattice, LatticeError};
pub use structure::{Site, Structure};
