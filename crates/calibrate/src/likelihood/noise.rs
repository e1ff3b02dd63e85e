//! Noise of one curve, by its precision matrix `A`, which is diagonal or tridiagonal.

use super::marginal::Precision;

/// How the noise of neighbouring points is related. Unknowns are inferred, one set a curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noise {
    /// Independent, of standard deviation `sigma`.
    Independent,
    /// Autoregressive, of standard deviation `sigma`; `rho` is the correlation over the mean
    /// distance of two points, and falls exponentially with distance in time.
    Ar1,
}

impl Noise {
    /// Names of the unknowns of one curve.
    #[must_use]
    pub fn unknowns(&self) -> &'static [&'static str] {
        match self {
            Self::Independent => &["sigma"],
            Self::Ar1 => &["sigma", "rho"],
        }
    }

    /// The precision of one curve.
    pub(super) fn precision(self, unknowns: &[f64], times: &[f64]) -> Precision {
        match self {
            Self::Independent => Precision::independent(unknowns[0], times.len()),
            Self::Ar1 => Precision::autoregressive(unknowns[0], unknowns[1], times),
        }
    }
}

impl Precision {
    fn independent(sigma: f64, n: usize) -> Self {
        Self { sigma, links: vec![Link::default(); n], rho: false }
    }

    /// Each point given the one before it: mean `phi` times its value, variance
    /// `sigma² (1 - phi²)`, with `phi = rho^(dt / mean dt)`.
    fn autoregressive(sigma: f64, rho: f64, times: &[f64]) -> Self {
        let n = times.len();
        let mean_step = if n > 1 { (times[n - 1] - times[0]) / (n - 1) as f64 } else { 1.0 };
        let mut links = vec![Link::default()];
        links.extend(times.windows(2).map(|t| {
            let power = (t[1] - t[0]) / mean_step;
            Link { phi: rho.powf(power), slope: power * rho.powf(power - 1.0) }
        }));
        Self { sigma, links, rho: true }
    }

    /// `A x`.
    pub(super) fn apply(&self, x: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; x.len()];
        for (i, link) in self.links.iter().enumerate() {
            let scaled = link.innovation(x, i) * self.weight(link);
            out[i] += scaled;
            if i > 0 {
                out[i - 1] -= link.phi * scaled;
            }
        }
        out
    }

    /// `x` as independent numbers of variance 1 would make it: each point less what the one before
    /// foretells, over the deviation from that.
    pub(super) fn whitened(&self, x: &[f64]) -> Vec<f64> {
        let links = self.links.iter().enumerate();
        links.map(|(i, link)| link.innovation(x, i) * self.weight(link).sqrt()).collect()
    }

    /// Logarithm of the determinant of the covariance.
    pub(super) fn log_det(&self) -> f64 {
        self.links.iter().map(|link| -self.weight(link).ln()).sum()
    }

    /// Derivatives of [`Precision::log_det`] by the unknowns.
    pub(super) fn log_det_slopes(&self) -> Vec<f64> {
        let mut slopes = vec![2.0 * self.links.len() as f64 / self.sigma];
        if self.rho {
            let one = |l: &Link| -2.0 * l.phi * l.slope / (1.0 - l.phi * l.phi);
            slopes.push(self.links.iter().map(one).sum());
        }
        slopes
    }

    /// `xᵀ dA y` for each unknown.
    pub(super) fn form_slopes(&self, x: &[f64], y: &[f64]) -> Vec<f64> {
        let (mut by_sigma, mut by_rho) = (0.0, 0.0);
        for (i, link) in self.links.iter().enumerate() {
            let (a, b, weight) = (link.innovation(x, i), link.innovation(y, i), self.weight(link));
            by_sigma -= 2.0 / self.sigma * weight * a * b;
            if i > 0 {
                let growth = 2.0 * link.phi / (1.0 - link.phi * link.phi);
                let moved = x[i - 1] * b + a * y[i - 1];
                by_rho += link.slope * weight * (growth * a * b - moved);
            }
        }
        if self.rho { vec![by_sigma, by_rho] } else { vec![by_sigma] }
    }

    /// Inverse variance of a point given the one before it.
    fn weight(&self, link: &Link) -> f64 {
        1.0 / (self.sigma * self.sigma * (1.0 - link.phi * link.phi))
    }
}

/// How a point follows from the one before it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Link {
    phi: f64,
    /// Derivative of `phi` by `rho`.
    slope: f64,
}

impl Link {
    fn innovation(&self, x: &[f64], i: usize) -> f64 {
        if i == 0 { x[0] } else { x[i] - self.phi * x[i - 1] }
    }
}
