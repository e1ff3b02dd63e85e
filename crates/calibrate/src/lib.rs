//! Bayesian calibration: posteriors of parameters, and whether to believe them.
#![doc = include_str!("../README.md")]

mod certificate;
pub mod checks;
mod curvature;
mod density;
pub mod diagnostics;
mod draws;
mod error;
mod identify;
pub mod likelihood;
mod linear;
mod posterior;
mod prior;
mod random;
mod remembered;
pub mod residuals;
mod sampler;
pub mod start;
mod transform;

pub use certificate::{Certificate, Verdict};
pub use density::{Fatal, FromFn, LogDensity, WithoutGradient, from_fn, without_gradient};
pub use draws::{Chain, Draws, Progress, Stats, Watch, unwatched};
pub use error::CalibrateError;
pub use identify::{FACE_MASS_LIMIT, Faces, Identification, faces};
pub use posterior::{Parameter, Posterior};
pub use prior::{MultivariateNormal, Prior};
pub use random::stream;
pub use remembered::{Evaluation, Remembered};
pub use sampler::{
    Anchored, DelayedAcceptance, DelayedDraws, Ensemble, Hmc, Nuts, Options, Reference, Tempered,
    TemperedDraws,
};
pub use transform::{Squash, Transform};
