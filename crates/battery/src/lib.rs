//! Cells and their physics.

pub mod bpx;
pub mod cell;
mod expression;
mod function;
pub mod solve;
mod table;

pub use cell::Cell;
pub use expression::{Expression, ExpressionError, FUNCTIONS};
pub use function::Function;
pub use table::{Table, TableError};
