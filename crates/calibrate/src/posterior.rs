//! Priors and a likelihood as one density on the real line.
//!
//! Shapes: `B` points, `p` parameters. Coordinates `u` are unconstrained, parameters `x` are not.

use rand_chacha::ChaCha8Rng;

use crate::density::{Fatal, LogDensity};
use crate::error::CalibrateError;
use crate::prior::{MultivariateNormal, Prior};
use crate::transform::{Squash, Transform};

/// An unknown: its prior, and where it may be.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Name for tables.
    pub name: String,
    /// Its own prior; `None` for a parameter of a joint prior.
    prior: Option<Prior>,
    transform: Transform,
    range: (f64, f64),
    /// Logarithm of the prior's mass in the range.
    log_mass: f64,
}

/// Least mass of a prior in the box of its parameter.
const LEAST_MASS: f64 = 1e-6;

impl Parameter {
    /// A parameter with the support of its prior.
    ///
    /// # Errors
    /// A prior that [`Prior::check`] refuses.
    pub fn new(name: impl Into<String>, prior: Prior) -> Result<Self, CalibrateError> {
        Self::within(name, prior, f64::NEG_INFINITY, f64::INFINITY)
    }

    /// A parameter whose prior is cut to a box, such as that of a surrogate, and normalised there.
    ///
    /// # Errors
    /// A prior that [`Prior::check`] refuses, or one with a mass below 1e-6 in the box.
    pub fn within(
        name: impl Into<String>,
        prior: Prior,
        low: f64,
        high: f64,
    ) -> Result<Self, CalibrateError> {
        let name = name.into();
        prior.check()?;
        let mass = prior.cdf(high) - prior.cdf(low);
        if mass.is_nan() || mass < LEAST_MASS {
            return Err(CalibrateError::PriorOutsideBox { name, low, high });
        }
        let (left, right) = prior.support();
        let range = (low.max(left), high.min(right));
        let transform = Transform::onto(range.0, range.1, prior.is_logarithmic());
        Ok(Self { name, prior: Some(prior), transform, range, log_mass: mass.ln() })
    }

    /// A parameter of a joint prior, cut to an interval whose ends may be infinite. The joint prior
    /// is not normalised anew for the cut, which an evidence would notice and draws do not.
    #[must_use]
    pub fn of_joint_prior(name: impl Into<String>, low: f64, high: f64) -> Self {
        let transform = Transform::onto(low, high, false);
        Self { name: name.into(), prior: None, transform, range: (low, high), log_mass: 0.0 }
    }

    /// Where the parameter may be.
    #[must_use]
    pub fn range(&self) -> (f64, f64) {
        self.range
    }

    /// Its map from the real line.
    #[must_use]
    pub fn transform(&self) -> Transform {
        self.transform
    }

    /// The same parameter with another way from the real line to its interval.
    #[must_use]
    pub fn squashed(mut self, squash: Squash) -> Self {
        self.transform = self.transform.squashed(squash);
        self
    }

    /// Prior probability of values up to `x`, within the box; NaN for a parameter of a joint prior.
    #[must_use]
    pub fn cdf(&self, x: f64) -> f64 {
        let mass = |prior: &Prior| (prior.cdf(x) - prior.cdf(self.range.0)) / self.log_mass.exp();
        self.prior.as_ref().map_or(f64::NAN, |prior| mass(prior).clamp(0.0, 1.0))
    }
}

/// Draws of a prior outside its box that are thrown away before giving up.
const SAMPLE_TRIES: usize = 1_000_000;

/// A posterior: parameters with priors, and a likelihood.
///
/// The likelihood is a [`LogDensity`] of the *parameters* `x`, in the order of the parameters; the
/// posterior is one of the coordinates `u`.
///
/// ```
/// use surrogate_calibrate::{Nuts, Parameter, Posterior, Prior, from_fn};
/// let rate = Parameter::new("rate", Prior::Gamma { shape: 2.0, rate: 1.0 })?;
/// // three events in two hours
/// let events = from_fn(1, |x, g| {
///     g[0] = 3.0 / x[0] - 2.0;
///     3.0 * x[0].ln() - 2.0 * x[0]
/// });
/// let posterior = Posterior::new(vec![rate], events)?;
/// let draws = posterior.parameters_of(&Nuts::default().sample(&posterior)?);
/// assert!((draws.means()[0] - 5.0 / 3.0).abs() < 0.1);
/// # Ok::<(), surrogate_calibrate::CalibrateError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Posterior<L> {
    /// Unknowns.
    pub parameters: Vec<Parameter>,
    /// Log-likelihood of the parameters.
    pub likelihood: L,
    joint: Option<(Vec<usize>, MultivariateNormal)>,
}

impl<L: LogDensity> Posterior<L> {
    /// From parameters with priors of their own.
    ///
    /// # Errors
    /// No parameters, or another number than the likelihood takes.
    pub fn new(parameters: Vec<Parameter>, likelihood: L) -> Result<Self, CalibrateError> {
        Self::with_joint(parameters, None, likelihood)
    }

    /// From parameters of which those numbered in `joint` share a normal prior.
    ///
    /// # Errors
    /// As [`Posterior::new`], or if other parameters than those made by
    /// [`Parameter::of_joint_prior`] are numbered.
    pub fn with_joint(
        parameters: Vec<Parameter>,
        joint: Option<(Vec<usize>, MultivariateNormal)>,
        likelihood: L,
    ) -> Result<Self, CalibrateError> {
        let wrong = |what, found, expected| CalibrateError::WrongLength { what, found, expected };
        if parameters.is_empty() {
            return Err(CalibrateError::NoCoordinates);
        }
        if parameters.len() != likelihood.dim() {
            let what = "parameters of the likelihood";
            return Err(wrong(what, parameters.len(), likelihood.dim()));
        }
        let without: Vec<usize> =
            (0..parameters.len()).filter(|&k| parameters[k].prior.is_none()).collect();
        let mut listed = joint.as_ref().map_or(Vec::new(), |(list, _)| list.clone());
        let size = joint.as_ref().map_or(0, |(_, normal)| normal.dim());
        listed.sort_unstable();
        if listed != without || size != without.len() {
            return Err(wrong("parameters of the joint prior", size, without.len()));
        }
        Ok(Self { parameters, likelihood, joint })
    }

    /// Parameters at a coordinate vector.
    #[must_use]
    pub fn parameters_at(&self, u: &[f64]) -> Vec<f64> {
        self.parameters.iter().zip(u).map(|(p, &u)| p.transform.parameter(u)).collect()
    }

    /// Coordinates of a parameter vector inside the box.
    #[must_use]
    pub fn coordinates_at(&self, x: &[f64]) -> Vec<f64> {
        self.parameters.iter().zip(x).map(|(p, &x)| p.transform.coordinate(x)).collect()
    }

    /// Draws of coordinates as draws of parameters.
    #[must_use]
    pub fn parameters_of(&self, draws: &crate::Draws) -> crate::Draws {
        let mut out = draws.clone();
        for chain in &mut out.chains {
            for x in chain.positions.chunks_exact_mut(self.parameters.len()) {
                let parameters = self.parameters_at(x);
                x.copy_from_slice(&parameters);
            }
        }
        out
    }

    /// A random parameter vector of the prior.
    ///
    /// # Errors
    /// [`Fatal`] if a prior has next to no mass in its box.
    pub fn sample_prior(&self, rng: &mut ChaCha8Rng) -> Result<Vec<f64>, Fatal> {
        for _ in 0..SAMPLE_TRIES {
            let mut x = Vec::with_capacity(self.parameters.len());
            for parameter in &self.parameters {
                x.push(match parameter.prior {
                    Some(prior) => inside(parameter, || prior.sample(rng))?,
                    None => f64::NAN,
                });
            }
            if let Some((list, normal)) = &self.joint {
                list.iter().zip(normal.sample(rng)).for_each(|(&k, v)| x[k] = v);
            }
            let within = |(p, x): (&Parameter, &f64)| p.range.0 <= *x && *x <= p.range.1;
            if self.parameters.iter().zip(&x).all(within) {
                return Ok(x);
            }
        }
        Err(Fatal::new("the joint prior has next to no mass inside the box: widen the box"))
    }

    /// Log-prior of the coordinates `u` with the Jacobian, its gradient, and the parameters.
    pub fn log_prior(&self, u: &[f64], gradient: &mut [f64]) -> (f64, Vec<f64>) {
        let x = self.parameters_at(u);
        let (mut logp, mut joint_gradient) = (0.0, vec![0.0; x.len()]);
        if let Some((list, normal)) = &self.joint {
            let part: Vec<f64> = list.iter().map(|&k| x[k]).collect();
            let mut slope = vec![0.0; part.len()];
            logp += normal.logp(&part, &mut slope);
            list.iter().zip(slope).for_each(|(&k, s)| joint_gradient[k] = s);
        }
        for (k, parameter) in self.parameters.iter().enumerate() {
            let (log_jacobian, jacobian_slope) = parameter.transform.log_jacobian(u[k]);
            let (own, own_slope) =
                parameter.prior.map_or((0.0, 0.0), |p| (p.logp(x[k]), p.gradient(x[k])));
            logp += own - parameter.log_mass + log_jacobian;
            gradient[k] =
                (own_slope + joint_gradient[k]) * parameter.transform.slope(u[k]) + jacobian_slope;
        }
        (logp, x)
    }
}

/// A value inside the range of a parameter.
fn inside(parameter: &Parameter, mut sample: impl FnMut() -> f64) -> Result<f64, Fatal> {
    for _ in 0..100 * SAMPLE_TRIES {
        let x = sample();
        if parameter.range.0 <= x && x <= parameter.range.1 {
            return Ok(x);
        }
    }
    Err(CalibrateError::PriorOutsideBox {
        name: parameter.name.clone(),
        low: parameter.range.0,
        high: parameter.range.1,
    }
    .into())
}

impl<L: LogDensity> LogDensity for Posterior<L> {
    fn dim(&self) -> usize {
        self.parameters.len()
    }

    fn logp_grad_batch(
        &self,
        u: &[f64],
        logp: &mut [f64],
        gradient: &mut [f64],
    ) -> Result<(), Fatal> {
        let p = self.parameters.len();
        let mut x = Vec::with_capacity(u.len());
        let mut prior = Vec::with_capacity(logp.len());
        for (u, g) in u.chunks_exact(p).zip(gradient.chunks_exact_mut(p)) {
            let (value, parameters) = self.log_prior(u, g);
            prior.push(value);
            x.extend(parameters);
        }
        let mut slope = vec![0.0; u.len()];
        self.likelihood.logp_grad_batch(&x, logp, &mut slope)?;
        for (b, logp) in logp.iter_mut().enumerate() {
            *logp += prior[b];
            for k in 0..p {
                let i = b * p + k;
                gradient[i] += slope[i] * self.parameters[k].transform.slope(u[i]);
            }
        }
        Ok(())
    }

    fn logp_batch(&self, u: &[f64], logp: &mut [f64]) -> Result<(), Fatal> {
        let p = self.parameters.len();
        let (mut x, mut unused) = (Vec::with_capacity(u.len()), vec![0.0; p]);
        let mut prior = Vec::with_capacity(logp.len());
        for u in u.chunks_exact(p) {
            let (value, parameters) = self.log_prior(u, &mut unused);
            prior.push(value);
            x.extend(parameters);
        }
        self.likelihood.logp_batch(&x, logp)?;
        logp.iter_mut().zip(prior).for_each(|(l, p)| *l += p);
        Ok(())
    }
}
