//! Log-densities: what every sampler of this crate draws from.
//!
//! `B` points, `d` coordinates; all arrays are row-major, so point `b` is `points[b * d..][..d]`.

use std::error::Error;

/// A log-density on `d` unconstrained real coordinates, with its gradient, at many points a call.
///
/// The density needs no normalisation. Coordinates run over the whole real line: a bounded
/// parameter is put there by [`Transform`](crate::Transform), whose log-Jacobian is part of the
/// density; [`Posterior`](crate::Posterior) does both.
///
/// A point where the density is zero or cannot be evaluated (a solver that fails there, say) gets
/// the log-density `-inf`: its proposal is rejected, NUTS counts a divergence, and sampling goes on.
/// NaN and `+inf` are treated in the same way. A failure that no other point would cure is an
/// [`Fatal`] error and stops the sampler.
///
/// ```
/// use surrogate_calibrate::{Fatal, LogDensity};
///
/// /// Independent normals of mean 1 and standard deviation 2.
/// struct Normals;
///
/// impl LogDensity for Normals {
///     fn dim(&self) -> usize {
///         3
///     }
///     fn logp_grad_batch(
///         &self,
///         points: &[f64],
///         logp: &mut [f64],
///         gradient: &mut [f64],
///     ) -> Result<(), Fatal> {
///         for (b, x) in points.chunks_exact(3).enumerate() {
///             logp[b] = x.iter().map(|x| -0.125 * (x - 1.0).powi(2)).sum();
///             for (g, x) in gradient[3 * b..].iter_mut().zip(x) {
///                 *g = -0.25 * (x - 1.0);
///             }
///         }
///         Ok(())
///     }
/// }
/// ```
///
/// For one point at a time, [`from_fn`] takes a closure.
pub trait LogDensity: Sync {
    /// Number of coordinates `d`.
    fn dim(&self) -> usize;

    /// Log-densities `logp` of length `B` and their gradients `[B, d]` at `points` of `[B, d]`.
    ///
    /// Every element of `logp` and `gradient` must be written; they may hold anything before.
    /// The result for a point must not depend on the other points of the batch.
    ///
    /// # Errors
    /// [`Fatal`] if sampling must stop. A failure at a point is `logp = -inf` instead.
    fn logp_grad_batch(
        &self,
        points: &[f64],
        logp: &mut [f64],
        gradient: &mut [f64],
    ) -> Result<(), Fatal>;

    /// Log-densities alone. By default the gradients are computed and dropped.
    ///
    /// # Errors
    /// As [`LogDensity::logp_grad_batch`].
    fn logp_batch(&self, points: &[f64], logp: &mut [f64]) -> Result<(), Fatal> {
        let mut gradient = vec![0.0; points.len()];
        self.logp_grad_batch(points, logp, &mut gradient)
    }
}

impl<D: LogDensity + ?Sized> LogDensity for &D {
    fn dim(&self) -> usize {
        (**self).dim()
    }
    fn logp_grad_batch(&self, x: &[f64], logp: &mut [f64], g: &mut [f64]) -> Result<(), Fatal> {
        (**self).logp_grad_batch(x, logp, g)
    }
    fn logp_batch(&self, x: &[f64], logp: &mut [f64]) -> Result<(), Fatal> {
        (**self).logp_batch(x, logp)
    }
}

/// A failure of a density after which sampling stops.
///
/// Made from any error with `?` or `.into()`, or from a text with [`Fatal::new`].
#[derive(Debug)]
pub struct Fatal(Box<dyn Error + Send + Sync>);

impl Fatal {
    /// From a message that says what is wrong and what to do.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into().into())
    }
}

impl std::fmt::Display for Fatal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Fatal {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

/// The density of a closure `f(x, gradient) -> log-density` for one point.
pub struct FromFn<F> {
    dim: usize,
    f: F,
}

/// A density from a closure that returns the log-density of one point and writes its gradient.
///
/// ```
/// let density = surrogate_calibrate::from_fn(1, |x, gradient| {
///     gradient[0] = -x[0];
///     -0.5 * x[0] * x[0]
/// });
/// ```
pub fn from_fn<F: Fn(&[f64], &mut [f64]) -> f64 + Sync>(dim: usize, f: F) -> FromFn<F> {
    FromFn { dim, f }
}

impl<F: Fn(&[f64], &mut [f64]) -> f64 + Sync> LogDensity for FromFn<F> {
    fn dim(&self) -> usize {
        self.dim
    }
    fn logp_grad_batch(&self, x: &[f64], logp: &mut [f64], g: &mut [f64]) -> Result<(), Fatal> {
        let rows = x.chunks_exact(self.dim).zip(g.chunks_exact_mut(self.dim));
        for (lp, (x, g)) in logp.iter_mut().zip(rows) {
            *lp = (self.f)(x, g);
        }
        Ok(())
    }
}

/// The density of a closure `f(x) -> log-density` without gradient.
pub struct WithoutGradient<F> {
    dim: usize,
    f: F,
}

/// A density without a gradient, for [`Ensemble`](crate::Ensemble), for [`Tempered`](crate::Tempered)
/// with its random-walk moves, and as the full density of [`DelayedAcceptance`](crate::DelayedAcceptance).
///
/// Samplers that need the gradient stop with a [`Fatal`] that says so.
pub fn without_gradient<F: Fn(&[f64]) -> f64 + Sync>(dim: usize, f: F) -> WithoutGradient<F> {
    WithoutGradient { dim, f }
}

impl<F: Fn(&[f64]) -> f64 + Sync> LogDensity for WithoutGradient<F> {
    fn dim(&self) -> usize {
        self.dim
    }
    fn logp_grad_batch(&self, _: &[f64], _: &mut [f64], _: &mut [f64]) -> Result<(), Fatal> {
        Err(Fatal::new(
            "this density has no gradient: sample it by Ensemble or Tempered, or give a gradient",
        ))
    }
    fn logp_batch(&self, x: &[f64], logp: &mut [f64]) -> Result<(), Fatal> {
        for (lp, x) in logp.iter_mut().zip(x.chunks_exact(self.dim)) {
            *lp = (self.f)(x);
        }
        Ok(())
    }
}

/// A log-density as samplers see it: NaN and `+inf` become `-inf`.
pub(crate) fn sound(logp: f64) -> f64 {
    if logp.is_nan() || logp == f64::INFINITY { f64::NEG_INFINITY } else { logp }
}

/// Log-density and gradient of one point.
pub(crate) fn at<D: LogDensity + ?Sized>(
    density: &D,
    x: &[f64],
    gradient: &mut [f64],
) -> Result<f64, Fatal> {
    let mut logp = [f64::NEG_INFINITY];
    density.logp_grad_batch(x, &mut logp, gradient)?;
    if gradient.iter().all(|g| g.is_finite()) { Ok(sound(logp[0])) } else { Ok(f64::NEG_INFINITY) }
}
