//! Fitting the free parameters of a crystal to a whole powder pattern.
//!
//! [`Refiner`] works on peaks of constant width, fast and from far away; [`fit_measured`] fits measured
//! points together with the diffractometer, from near by.
//!
//! Levenberg-Marquardt in the free cell parameters and coordinates of the space group, with analytic
//! derivatives. The scale is eliminated: at every point the best one is taken, and its derivative
//! too. A schedule of stages goes from wide peaks and low Q to narrow peaks and high Q, so that peaks
//! find their partners from far away.

mod displacements;
mod distances;
mod likelihood;
mod ranking;
mod refiner;
mod rietveld;
mod solve;
mod stage;

pub use likelihood::MeasuredLikelihood;
pub use ranking::{RankingOptions, Solution, Trial, rank_measured};
pub use refiner::{Limits, RefineError, Refined, Refiner, Restarts};
pub use rietveld::{MeasuredFit, fit_measured};
pub use stage::{COARSE_TO_FINE, Free, SCOUT_FIRST, Stage};
