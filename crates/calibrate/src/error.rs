//! What can go wrong, and the way out.

use crate::density::Fatal;

/// Errors of calibration.
#[derive(Debug, thiserror::Error)]
pub enum CalibrateError {
    /// A share of independent points outside (0, 1].
    #[error("curve {curve}: {value} is no share of its points: give a number above 0, at most 1")]
    BadShare {
        /// The curve.
        curve: usize,
        /// The share.
        value: f64,
    },
    /// The density failed in a way that no other point would cure.
    #[error("the density failed: {0}")]
    Density(Fatal),
    /// A density of no coordinates.
    #[error("the density has no coordinates: name at least one unknown")]
    NoCoordinates,
    /// No start has a finite density and gradient.
    #[error(
        "no start with a finite log-density and gradient in {tried} tries of chain {chain} \
         (last: log-density {last_logp}): check the priors, or give starts"
    )]
    NoStart {
        /// Chain that found none.
        chain: usize,
        /// Points that were tried.
        tried: usize,
        /// Log-density of the last one.
        last_logp: f64,
    },
    /// A given start where the density is not finite.
    #[error("start {chain} has log-density {logp}: give a point inside the support")]
    BadStart {
        /// Index of the start.
        chain: usize,
        /// Log-density there.
        logp: f64,
    },
    /// Starts of the wrong number.
    #[error("starts hold {found} numbers where {expected} are needed (chains x coordinates)")]
    WrongStarts {
        /// Numbers given.
        found: usize,
        /// Numbers needed.
        expected: usize,
    },
    /// The density does not depend on a coordinate.
    #[error(
        "the log-density does not change along coordinate {coordinate}: without a proper prior on \
         it there is no posterior to sample"
    )]
    Flat {
        /// The coordinate.
        coordinate: usize,
    },
    /// A setting outside its range.
    #[error("{setting} = {value} is not possible: {need}")]
    BadSetting {
        /// Name of the setting.
        setting: &'static str,
        /// Its value.
        value: f64,
        /// What it must be.
        need: &'static str,
    },
    /// A parameter of a prior outside its range.
    #[error("prior {prior}: {parameter} = {value} is not possible: {need}")]
    BadPrior {
        /// Kind of prior.
        prior: &'static str,
        /// Its parameter.
        parameter: &'static str,
        /// Its value.
        value: f64,
        /// What it must be.
        need: &'static str,
    },
    /// A prior with next to no mass where its parameter may be.
    #[error(
        "the prior of `{name}` has no mass between {low} and {high}, where the parameter may be: \
         move the prior, or widen the box"
    )]
    PriorOutsideBox {
        /// Parameter.
        name: String,
        /// Lower end of the box.
        low: f64,
        /// Upper end of the box.
        high: f64,
    },
    /// A matrix that must be a covariance and is not.
    #[error(
        "{what} is not positive definite (row {row}): check for duplicate or exactly correlated entries"
    )]
    NotPositiveDefinite {
        /// What the matrix is.
        what: &'static str,
        /// Row of the first bad pivot.
        row: usize,
    },
    /// Lengths that do not fit.
    #[error("{what}: {found} numbers where {expected} are needed")]
    WrongLength {
        /// What is too long or too short.
        what: &'static str,
        /// Numbers found.
        found: usize,
        /// Numbers needed.
        expected: usize,
    },
    /// A curve without points.
    #[error("curve {curve} has no points")]
    EmptyCurve {
        /// Its index.
        curve: usize,
    },
    /// A datum that is not a number.
    #[error("curve {curve}, point {point}: {value} is not a finite number")]
    NotFinite {
        /// Index of the curve.
        curve: usize,
        /// Index of the point.
        point: usize,
        /// The datum.
        value: f64,
    },
    /// Times that do not increase.
    #[error(
        "curve {curve}: time {point} does not follow the one before it; sort the points by time"
    )]
    UnsortedTimes {
        /// Index of the curve.
        curve: usize,
        /// Index of the first point out of order.
        point: usize,
    },
    /// The NUTS library failed.
    #[error("NUTS stopped in chain {chain}: {message}")]
    Nuts {
        /// Chain that stopped.
        chain: usize,
        /// Message of the library.
        message: String,
    },
    /// Particles that no temperature step can move on.
    #[error(
        "tempering is stuck at inverse temperature {beta:e}: the likelihood is too sharp for {particles} \
         particles; take more of them, or narrower priors"
    )]
    TemperingStuck {
        /// Inverse temperature reached.
        beta: f64,
        /// Number of particles.
        particles: usize,
    },
}

impl From<Fatal> for CalibrateError {
    fn from(fatal: Fatal) -> Self {
        Self::Density(fatal)
    }
}
