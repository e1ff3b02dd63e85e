//! Lithium-ion cells: parameters, BPX files, and a reference solver.
#![doc = include_str!("../README.md")]

pub mod bpx;
pub mod cell;
pub mod expression;
mod function;
pub mod solve;
mod table;

pub use cell::Cell;
pub use expression::{Expression, ExpressionError, FUNCTIONS};
pub use function::Function;
pub use table::{Table, TableError};
