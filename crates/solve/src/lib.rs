//! The reference solver: the same [`Problem`](surrogate_problem::Problem) as the surrogate, solved
//! by the method of lines.
//!
//! Equations in divergence form become conservative finite volumes, all others high-order finite
//! differences; conditions become algebraic rows; time is integrated by a stiff method of order 5
//! with error control. Everything is compiled from the problem's expressions with exact
//! derivatives. Deterministic; no clock, no randomness. Deliberately not: two space coordinates,
//! shocks, adaptive meshes in time.

mod assign;
mod builder;
mod corner;
mod discretise;
mod error;
mod fronts;
mod initial;
mod law;
mod layout;
mod linear;
mod lower;
mod mesh;
mod model;
mod quadrature;
mod readout;
mod rodas;
mod rows;
mod solution;
mod solver;
mod start;
mod stencil;
mod switches;
mod system;

pub use error::SolveError;
pub use solution::{FieldSolution, Solution, Statistics};
pub use solver::{CELLS, ErrorEstimate, FLAT_CELLS, INTERVALS, Options, Solver, TOLERANCE};
