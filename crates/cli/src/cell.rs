//! Cells: BPX files, the table `[cell]` of a problem file, and their reference solver.

mod physics;
mod solver;
mod summary;

pub use physics::physics;
pub use solver::CellSolver;
pub use summary::{Checked, check_bpx};
