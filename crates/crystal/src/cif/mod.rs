//! Crystallographic information files: reading and writing.
//!
//! Of the standard this reads data blocks, items, loops, quoted strings and text fields, numbers with
//! their uncertainty in brackets, symmetry operations (or the space group's name, Hall symbol or
//! number in their place), occupancies and displacement, of anisotropic one the mean. Formula, number of formula units,
//! multiplicities and volume are compared with the atoms. Of blocks without atoms nothing
//! is made. Magnetic structures and save frames are not read. Memory is
//! bounded by the length of the text and by [`MAX_SITES`].

mod atoms;
mod displacement;
mod document;
mod error;
mod evidence;
mod label;
mod lexer;
mod operation;
mod place;
mod read;
mod symmetry;
mod warning;
mod write;

pub use document::{Block, Document, Loop, Value};
pub use error::CifError;
pub use operation::{Operation, parse_operation};
pub use read::{CifStructure, MAX_SITES, read, read_shortened};
pub use warning::CifWarning;
pub use write::{Uncertainties, with_uncertainty, write, write_symmetric};
