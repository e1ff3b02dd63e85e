//! Priors of single parameters, and the joint normal of several.
//!
//! Densities are normalised, so that evidences can be compared. Symbols: `x` a parameter.

use rand::{Rng, RngExt};
use rand_distr::Distribution;
use statrs::function::beta::{beta_reg, ln_beta};
use statrs::function::erf::{erfc, erfc_inv};
use statrs::function::gamma::{gamma_lr, ln_gamma};

use crate::error::CalibrateError;
use crate::linear::Cholesky;
use crate::random::{normal, open_unit};

/// A prior of one parameter. Check a prior from a user with [`Prior::check`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Prior {
    /// Constant between two ends.
    Uniform {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// Constant in the logarithm between two positive ends.
    LogUniform {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// Normal.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        sd: f64,
    },
    /// The logarithm is normal.
    LogNormal {
        /// Median of the parameter.
        median: f64,
        /// Standard deviation of its natural logarithm.
        sd_log: f64,
    },
    /// Normal of mean 0 cut to positive values.
    HalfNormal {
        /// Standard deviation of the normal.
        sd: f64,
    },
    /// Cauchy around 0 cut to positive values.
    HalfCauchy {
        /// Its median.
        scale: f64,
    },
    /// Gamma of mean `shape / rate`.
    Gamma {
        /// Shape.
        shape: f64,
        /// Rate.
        rate: f64,
    },
    /// Beta on (0, 1), of mean `alpha / (alpha + beta)`.
    Beta {
        /// First shape.
        alpha: f64,
        /// Second shape.
        beta: f64,
    },
    /// Normal cut to an interval.
    TruncatedNormal {
        /// Mean of the normal before the cut.
        mean: f64,
        /// Standard deviation before the cut.
        sd: f64,
        /// Lower end, `-inf` for none.
        low: f64,
        /// Upper end, `inf` for none.
        high: f64,
    },
}

/// Natural logarithm of the square root of 2 pi.
const LN_SQRT_2PI: f64 = 0.918_938_533_204_672_8;

impl Prior {
    /// Refuses impossible parameters.
    ///
    /// # Errors
    /// [`CalibrateError::BadPrior`].
    pub fn check(&self) -> Result<(), CalibrateError> {
        let prior = self.name();
        let positive = |parameter, value: f64| {
            let need = "a positive finite number";
            let good = value.is_finite() && value > 0.0;
            if good {
                Ok(())
            } else {
                Err(CalibrateError::BadPrior { prior, parameter, value, need })
            }
        };
        let finite = |parameter, value: f64| {
            let need = "a finite number";
            if value.is_finite() {
                Ok(())
            } else {
                Err(CalibrateError::BadPrior { prior, parameter, value, need })
            }
        };
        let above = |low: f64, value: f64| {
            let (parameter, need) = ("high", "above the lower end");
            if value > low {
                Ok(())
            } else {
                Err(CalibrateError::BadPrior { prior, parameter, value, need })
            }
        };
        match *self {
            Self::Uniform { low, high } => {
                finite("low", low).and(finite("high", high)).and(above(low, high))
            }
            Self::LogUniform { low, high } => {
                positive("low", low).and(finite("high", high)).and(above(low, high))
            }
            Self::Normal { mean, sd } => finite("mean", mean).and(positive("sd", sd)),
            Self::LogNormal { median, sd_log } => {
                positive("median", median).and(positive("sd_log", sd_log))
            }
            Self::HalfNormal { sd } => positive("sd", sd),
            Self::HalfCauchy { scale } => positive("scale", scale),
            Self::Gamma { shape, rate } => positive("shape", shape).and(positive("rate", rate)),
            Self::Beta { alpha, beta } => positive("alpha", alpha).and(positive("beta", beta)),
            Self::TruncatedNormal { mean, sd, low, high } => {
                finite("mean", mean).and(positive("sd", sd)).and(above(low, high))
            }
        }
    }

    /// Name as users write it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Uniform { .. } => "uniform",
            Self::LogUniform { .. } => "log-uniform",
            Self::Normal { .. } => "normal",
            Self::LogNormal { .. } => "lognormal",
            Self::HalfNormal { .. } => "half-normal",
            Self::HalfCauchy { .. } => "half-cauchy",
            Self::Gamma { .. } => "gamma",
            Self::Beta { .. } => "beta",
            Self::TruncatedNormal { .. } => "truncated normal",
        }
    }

    /// Where the density is positive.
    #[must_use]
    pub fn support(&self) -> (f64, f64) {
        match *self {
            Self::Uniform { low, high }
            | Self::LogUniform { low, high }
            | Self::TruncatedNormal { low, high, .. } => (low, high),
            Self::Normal { .. } => (f64::NEG_INFINITY, f64::INFINITY),
            Self::Beta { .. } => (0.0, 1.0),
            _ => (0.0, f64::INFINITY),
        }
    }

    /// Whether the parameter is thought of on a logarithmic scale.
    #[must_use]
    pub fn is_logarithmic(&self) -> bool {
        matches!(self, Self::LogUniform { .. } | Self::LogNormal { .. })
    }

    /// Logarithm of the normalised density; `-inf` outside the support.
    #[must_use]
    pub fn logp(&self, x: f64) -> f64 {
        let (low, high) = self.support();
        if !(low..=high).contains(&x) {
            return f64::NEG_INFINITY;
        }
        match *self {
            Self::Uniform { low, high } => -(high - low).ln(),
            Self::LogUniform { low, high } => -x.ln() - (high / low).ln().ln(),
            Self::Normal { mean, sd } => standard_logp((x - mean) / sd) - sd.ln(),
            Self::LogNormal { median, sd_log } => {
                standard_logp((x / median).ln() / sd_log) - sd_log.ln() - x.ln()
            }
            Self::HalfNormal { sd } => standard_logp(x / sd) - sd.ln() + 2f64.ln(),
            Self::HalfCauchy { scale } => {
                (2.0 / (std::f64::consts::PI * scale)).ln() - (x / scale).powi(2).ln_1p()
            }
            Self::Gamma { shape, rate } => {
                shape * rate.ln() - ln_gamma(shape) + (shape - 1.0) * x.ln() - rate * x
            }
            Self::Beta { alpha, beta } => {
                (alpha - 1.0) * x.ln() + (beta - 1.0) * (-x).ln_1p() - ln_beta(alpha, beta)
            }
            Self::TruncatedNormal { mean, sd, low, high } => {
                let mass = normal_mass((low - mean) / sd, (high - mean) / sd);
                standard_logp((x - mean) / sd) - sd.ln() - mass.ln()
            }
        }
    }

    /// Derivative of [`Prior::logp`] inside the support.
    #[must_use]
    pub fn gradient(&self, x: f64) -> f64 {
        match *self {
            Self::Uniform { .. } => 0.0,
            Self::LogUniform { .. } => -1.0 / x,
            Self::Normal { mean, sd } | Self::TruncatedNormal { mean, sd, .. } => {
                -(x - mean) / (sd * sd)
            }
            Self::LogNormal { median, sd_log } => {
                -(1.0 + (x / median).ln() / (sd_log * sd_log)) / x
            }
            Self::HalfNormal { sd } => -x / (sd * sd),
            Self::HalfCauchy { scale } => -2.0 * x / (scale * scale + x * x),
            Self::Gamma { shape, rate } => (shape - 1.0) / x - rate,
            Self::Beta { alpha, beta } => (alpha - 1.0) / x - (beta - 1.0) / (1.0 - x),
        }
    }

    /// Probability of values up to `x`.
    #[must_use]
    pub fn cdf(&self, x: f64) -> f64 {
        let (low, high) = self.support();
        if x <= low {
            return 0.0;
        }
        if x >= high {
            return 1.0;
        }
        match *self {
            Self::Uniform { low, high } => (x - low) / (high - low),
            Self::LogUniform { low, high } => (x / low).ln() / (high / low).ln(),
            Self::Normal { mean, sd } => normal_cdf((x - mean) / sd),
            Self::LogNormal { median, sd_log } => normal_cdf((x / median).ln() / sd_log),
            Self::HalfNormal { sd } => normal_mass(0.0, x / sd) * 2.0,
            Self::HalfCauchy { scale } => (x / scale).atan() / std::f64::consts::FRAC_PI_2,
            Self::Gamma { shape, rate } => gamma_lr(shape, rate * x),
            Self::Beta { alpha, beta } => beta_reg(alpha, beta, x),
            Self::TruncatedNormal { mean, sd, low, high } => {
                let z = |x: f64| (x - mean) / sd;
                normal_mass(z(low), z(x)) / normal_mass(z(low), z(high))
            }
        }
    }

    /// A random value. The prior must have passed [`Prior::check`].
    pub fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> f64 {
        match *self {
            Self::Uniform { low, high } => low + (high - low) * rng.random::<f64>(),
            Self::LogUniform { low, high } => {
                (low * (high / low).powf(rng.random())).clamp(low, high)
            }
            Self::Normal { mean, sd } => mean + sd * normal(rng),
            Self::LogNormal { median, sd_log } => median * (sd_log * normal(rng)).exp(),
            Self::HalfNormal { sd } => sd * normal(rng).abs(),
            Self::HalfCauchy { scale } => {
                scale * (std::f64::consts::FRAC_PI_2 * open_unit(rng)).tan()
            }
            Self::Gamma { shape, rate } => gamma(shape, rng) / rate,
            Self::Beta { alpha, beta } => {
                let (a, b) = (gamma(alpha, rng), gamma(beta, rng));
                a / (a + b)
            }
            Self::TruncatedNormal { mean, sd, low, high } => {
                let (a, b) = ((low - mean) / sd, (high - mean) / sd);
                (mean + sd * truncated_standard(a, b, open_unit(rng))).clamp(low, high)
            }
        }
    }
}

/// Gamma number of rate 1.
fn gamma<R: Rng + ?Sized>(shape: f64, rng: &mut R) -> f64 {
    rand_distr::Gamma::new(shape, 1.0).map_or(f64::NAN, |g| g.sample(rng))
}

fn standard_logp(z: f64) -> f64 {
    -0.5 * z * z - LN_SQRT_2PI
}

/// Standard normal distribution function, accurate in the lower tail.
pub(crate) fn normal_cdf(z: f64) -> f64 {
    0.5 * erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

/// Probability of a standard normal number between `a` and `b`, accurate in both tails.
fn normal_mass(a: f64, b: f64) -> f64 {
    if a > 0.0 { normal_cdf(-a) - normal_cdf(-b) } else { normal_cdf(b) - normal_cdf(a) }
}

/// The `u` quantile of a standard normal number between `a` and `b`, accurate in both tails.
fn truncated_standard(a: f64, b: f64, u: f64) -> f64 {
    if a > 0.0 {
        return -truncated_standard(-b, -a, 1.0 - u);
    }
    let p = normal_cdf(a) + u * normal_mass(a, b);
    (-std::f64::consts::SQRT_2 * erfc_inv(2.0 * p)).clamp(a, b)
}

/// A joint normal of several parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct MultivariateNormal {
    mean: Vec<f64>,
    factor: Cholesky,
}

impl MultivariateNormal {
    /// From a mean of length `k` and a covariance matrix `[k, k]`.
    ///
    /// # Errors
    /// A matrix of another size, or one that is not positive definite.
    pub fn new(mean: Vec<f64>, covariance: &[f64]) -> Result<Self, CalibrateError> {
        let expected = mean.len() * mean.len();
        if covariance.len() != expected {
            let what = "covariance of a multivariate normal";
            return Err(CalibrateError::WrongLength { what, found: covariance.len(), expected });
        }
        let factor = Cholesky::new(covariance, mean.len()).map_err(|row| {
            CalibrateError::NotPositiveDefinite { what: "the covariance of a prior", row }
        })?;
        Ok(Self { mean, factor })
    }

    /// Number of parameters.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.mean.len()
    }

    /// Log-density at `x`, and its gradient, which is added to `gradient`.
    pub fn logp(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let mut r: Vec<f64> = x.iter().zip(&self.mean).map(|(x, m)| x - m).collect();
        self.factor.solve_lower(&mut r);
        let square: f64 = r.iter().map(|z| z * z).sum();
        self.factor.solve_upper(&mut r);
        gradient.iter_mut().zip(&r).for_each(|(g, r)| *g -= r);
        -0.5 * (square + self.factor.log_det()) - LN_SQRT_2PI * x.len() as f64
    }

    /// A random vector.
    pub fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> Vec<f64> {
        let z: Vec<f64> = self.mean.iter().map(|_| normal(rng)).collect();
        let mut x = self.factor.multiply_lower(&z);
        x.iter_mut().zip(&self.mean).for_each(|(x, m)| *x += m);
        x
    }
}
