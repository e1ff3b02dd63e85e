//! Crystallographic information files: reading and writing.
//!
//! Of the standard this reads data blocks, items, loops, quoted strings and text fields, numbers with
//! their uncertainty in brackets, symmetry operations (or the space group's name, Hall symbol or
//! number in their place), occupancies and isotropic displacement. Of blocks without atoms nothing
//! is made. Anisotropic displacement, magnetic structures and save frames are not read. Memory is
//! bounded by the length of the text and by [`MAX_SITES`].

mod document;
mod error;
mod lexer;
mod operation;
mod read;
mod write;

pub use document::{Block, Document, Loop, Value};
pub use error::CifError;
pub use operation::{Operation, parse_operation};
pub use read::{CifStructure, MAX_SITES, read, read_shortened};
pub use write::{Uncertainties, with_uncertainty, write, write_symmetric};
