//! Cells: BPX files, the table `[cell]` of a problem file, and their reference solver.

mod ends;
mod physics;
pub mod profile;
mod solver;
mod summary;
mod surrogate;

pub use ends::Ends;
pub use physics::{cell_problem, physics};
pub use solver::CellSolver;
pub use summary::{Checked, check_bpx};
pub use surrogate::{CellCurves, CellNetworks, CellValues};
