//! Cells: BPX files, the table `[cell]` of a problem file, and their reference solver.

mod currents;
mod ends;
mod physics;
pub mod profile;
pub mod protocol;
mod solver;
mod summary;
mod surrogate;

pub use currents::Currents;
pub use ends::Ends;
pub use physics::{cell_problem, physics};
pub use solver::CellSolver;
pub use summary::{Checked, cell_summary, check_bpx};
pub use surrogate::{CellCurves, CellNetworks, CellValues};
