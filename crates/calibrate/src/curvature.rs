//! The curvature of a log-density: the normal distribution that touches it at its top.

use crate::density::{Fatal, LogDensity, at, sound};
use crate::linear::{Cholesky, dot};

/// Step of differences, relative to coordinates beyond 1.
const STEP: f64 = 1e-5;
/// Newton steps at most.
const STEPS: usize = 30;
/// Log-density still to be gained at which a point is the top.
const GAIN: f64 = 1e-4;
/// Damping, relative to the largest curvature, after which a step is given up.
const MOST_DAMPING: f64 = 1e6;

/// Minus the second derivatives `[d, d]` at a point, by differences of gradients; `None` where one of
/// these is not finite.
fn curvature<D: LogDensity + ?Sized>(density: &D, x: &[f64]) -> Result<Option<Vec<f64>>, Fatal> {
    let d = x.len();
    let step = |k: usize| STEP * x[k].abs().max(1.0);
    let mut points = Vec::with_capacity(2 * d * d);
    for k in 0..d {
        for sign in [1.0, -1.0] {
            points.extend_from_slice(x);
            let last = points.len() - d + k;
            points[last] += sign * step(k);
        }
    }
    let (mut logp, mut gradients) = (vec![0.0; 2 * d], vec![0.0; 2 * d * d]);
    density.logp_grad_batch(&points, &mut logp, &mut gradients)?;
    let mut out = vec![0.0; d * d];
    for k in 0..d {
        let (up, down) = gradients[2 * k * d..][..2 * d].split_at(d);
        for i in 0..d {
            let slope = (down[i] - up[i]) / (4.0 * step(k));
            out[k * d + i] += slope;
            out[i * d + k] += slope;
        }
    }
    Ok(out.iter().all(|v| v.is_finite()).then_some(out))
}

/// A point climbed to, and the curvature there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Top {
    /// Where it is.
    pub(crate) x: Vec<f64>,
    /// Log-density there.
    pub(crate) logp: f64,
    /// Of the curvature; `None` where it is not positive in every direction.
    pub(crate) precision: Option<Cholesky>,
}

impl Top {
    /// Climbs on from a point by damped Newton steps, which find the way along ridges on which
    /// searches by slopes alone come to a stop.
    ///
    /// # Errors
    /// A failing density.
    pub(crate) fn near<D: LogDensity + ?Sized>(
        density: &D,
        x: Vec<f64>,
        logp: f64,
    ) -> Result<Self, Fatal> {
        let mut top = Self { x, logp, precision: None };
        for _ in 0..STEPS {
            let Some(matrix) = curvature(density, &top.x)? else { break };
            let d = top.x.len();
            top.precision = Cholesky::new(&matrix, d).ok();
            let mut gradient = vec![0.0; d];
            at(density, &top.x, &mut gradient)?;
            if let Some(factor) = &top.precision {
                let mut step = gradient.clone();
                factor.solve(&mut step);
                if 0.5 * dot(&step, &gradient) < GAIN {
                    break;
                }
            }
            if !top.step(density, &matrix, &gradient)? {
                break;
            }
        }
        Ok(top)
    }

    /// One step uphill; false if none is found.
    fn step<D: LogDensity + ?Sized>(
        &mut self,
        density: &D,
        matrix: &[f64],
        gradient: &[f64],
    ) -> Result<bool, Fatal> {
        let d = self.x.len();
        let largest = matrix.iter().fold(f64::MIN_POSITIVE, |m, v| m.max(v.abs()));
        let mut damping = if self.precision.is_some() { 0.0 } else { 1e-12 };
        while damping < MOST_DAMPING {
            let mut damped = matrix.to_vec();
            (0..d).for_each(|i| damped[i * d + i] += damping * largest);
            if let Ok(factor) = Cholesky::new(&damped, d) {
                let mut step = gradient.to_vec();
                factor.solve(&mut step);
                let next: Vec<f64> = self.x.iter().zip(&step).map(|(x, s)| x + s).collect();
                let mut logp = [f64::NEG_INFINITY];
                density.logp_batch(&next, &mut logp)?;
                if sound(logp[0]) > self.logp {
                    (self.x, self.logp) = (next, logp[0]);
                    return Ok(true);
                }
            }
            damping = (10.0 * damping).max(1e-12);
        }
        Ok(false)
    }

    /// Logarithm of the mass of the normal distribution that touches the density here. Without
    /// curvature in every direction its deviations are taken as 1, the scale of priors on the real
    /// line.
    pub(crate) fn log_mass(&self) -> f64 {
        let log_det = self.precision.as_ref().map_or(0.0, Cholesky::log_det);
        self.logp + 0.5 * (self.x.len() as f64 * (2.0 * std::f64::consts::PI).ln() - log_det)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::density::from_fn;

    /// A narrow bent valley with its top at (1, 1).
    fn valley() -> impl LogDensity {
        from_fn(2, |x, g| {
            let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
            g[0] = 2.0 * a + 400.0 * b * x[0];
            g[1] = -200.0 * b;
            -a * a - 100.0 * b * b
        })
    }

    #[test]
    fn the_top_of_a_bent_valley_is_found_with_its_curvature() {
        let mut gradient = [0.0; 2];
        let logp = at(&valley(), &[-1.2, 1.0], &mut gradient).unwrap();
        let top = Top::near(&valley(), vec![-1.2, 1.0], logp).unwrap();
        assert!((top.x[0] - 1.0).abs() < 1e-2 && (top.x[1] - 1.0).abs() < 2e-2, "{top:?}");
        // minus the Hessian at (1, 1) is [[802, -400], [-400, 200]], of determinant 400
        let mass = (2.0 * std::f64::consts::PI).ln() - 0.5 * 400f64.ln();
        assert!((top.log_mass() - mass).abs() < 1e-2, "{}", top.log_mass());
    }

    #[test]
    fn a_normal_density_has_the_mass_of_its_integral() {
        let normal = from_fn(1, |x, g| {
            g[0] = -(x[0] - 3.0) / 0.04;
            -0.5 * (x[0] - 3.0).powi(2) / 0.04
        });
        let top = Top::near(&normal, vec![2.0], -12.5).unwrap();
        assert!((top.x[0] - 3.0).abs() < 1e-6);
        assert!((top.log_mass() - (0.2 * (2.0 * std::f64::consts::PI).sqrt()).ln()).abs() < 1e-6);
    }
}
