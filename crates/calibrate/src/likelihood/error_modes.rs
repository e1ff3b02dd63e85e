//! What is known of a surrogate's error: its mean and its main modes over the points of the data.

use crate::error::CalibrateError;
use crate::linear::symmetric_eigen;

/// Mean and low-rank covariance of "full solver less surrogate" at the points of all curves.
///
/// The error of a surrogate is smooth and much alike over the parameter box, so a few modes carry
/// nearly all of it. Left out of the likelihood it shifts the posterior by standard deviations.
#[derive(Debug, Clone, PartialEq)]
pub struct SurrogateError {
    /// Mean error at each point.
    pub(super) mean: Vec<f64>,
    /// Modes scaled to their standard deviations: the covariance is the sum of their squares.
    pub(super) modes: Vec<Vec<f64>>,
    /// Share of the error's variance that the modes leave out.
    left_out: f64,
}

impl SurrogateError {
    /// From errors at several parameter vectors: `errors[k]` is full solver less surrogate at all
    /// points of the data, for parameter vector `k`. At most `rank` modes are kept (20 are plenty), and
    /// never more than half as many as there are vectors, of which there should be some tens.
    ///
    /// With `K` vectors and `r` modes the covariance is widened by `(1 + 1/K) (K - 1) / (K - r - 2)`,
    /// for what so few vectors leave open about mean and covariance: the variance of the predictive
    /// t distribution of a new error. Source: Gelman et al. (2013), section 3.6.
    ///
    /// # Errors
    /// Less than two vectors, vectors of unequal length, or values that are not finite.
    pub fn from_validation(errors: &[Vec<f64>], rank: usize) -> Result<Self, CalibrateError> {
        let k = errors.len();
        let what = "parameter vectors of the surrogate's error";
        if k < 2 {
            return Err(CalibrateError::WrongLength { what, found: k, expected: 2 });
        }
        let n = errors[0].len();
        for (curve, error) in errors.iter().enumerate() {
            if error.len() != n {
                let what = "points of the surrogate's error";
                return Err(CalibrateError::WrongLength { what, found: error.len(), expected: n });
            }
            if let Some(point) = error.iter().position(|e| !e.is_finite()) {
                return Err(CalibrateError::NotFinite { curve, point, value: error[point] });
            }
        }
        let mean: Vec<f64> =
            (0..n).map(|i| errors.iter().map(|e| e[i]).sum::<f64>() / k as f64).collect();
        // eigenvectors of the k x k matrix of inner products give those of the covariance
        let scale = 1.0 / (k as f64 - 1.0).sqrt();
        let centred: Vec<Vec<f64>> = errors
            .iter()
            .map(|e| e.iter().zip(&mean).map(|(e, m)| (e - m) * scale).collect())
            .collect();
        let product = |a: &Vec<f64>, b: &Vec<f64>| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let inner: Vec<f64> =
            centred.iter().flat_map(|a| centred.iter().map(move |b| product(a, b))).collect();
        let (values, vectors) = symmetric_eigen(&inner, k);
        let total: f64 = values.iter().sum();
        let most = rank.min((k - 1) / 2);
        let kept = values.iter().take(most).take_while(|&&v| v > 1e-12 * total).count();
        let (size, spare) = (k as f64, k as f64 - kept as f64 - 2.0);
        let open = (1.0 + 1.0 / size) * (size - 1.0) / spare.max(1.0);
        let mode = |vector: &Vec<f64>| {
            let at = |i: usize| vector.iter().zip(&centred).map(|(v, c)| v * c[i]).sum::<f64>();
            (0..n).map(|i| open.sqrt() * at(i)).collect()
        };
        let modes = vectors[..kept].iter().map(mode).collect();
        let rest: f64 = values[kept..].iter().sum();
        let left_out = if total > 0.0 { (rest / total).max(0.0) } else { 0.0 };
        Ok(Self { mean, modes, left_out })
    }

    /// Number of points.
    #[must_use]
    pub fn points(&self) -> usize {
        self.mean.len()
    }

    /// Number of modes.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.modes.len()
    }

    /// Share of the error's variance that the modes leave out, in 0 to 1.
    #[must_use]
    pub fn left_out(&self) -> f64 {
        self.left_out
    }

    /// Mean and variance of the error at a point.
    ///
    /// # Panics
    /// For a point beyond the last.
    #[must_use]
    pub fn moments(&self, point: usize) -> (f64, f64) {
        (self.mean[point], self.modes.iter().map(|mode| mode[point] * mode[point]).sum())
    }

    /// Root mean square of the error that mean and widened modes describe.
    #[must_use]
    pub fn rms(&self) -> f64 {
        let squares = self.modes.iter().flatten().chain(&self.mean).map(|x| x * x).sum::<f64>();
        (squares / self.points() as f64).sqrt()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn moments_at_the_points_make_up_the_rms() {
        // one shape of several sizes: all of it is in the mean and one mode
        let shape = [1.0, -2.0, 0.5];
        let errors: Vec<Vec<f64>> = (0..20)
            .map(|k| shape.iter().map(|s| s * (3.0 + 0.1 * f64::from(k))).collect())
            .collect();
        let error = SurrogateError::from_validation(&errors, 8).unwrap();
        let moments: Vec<(f64, f64)> = (0..3).map(|i| error.moments(i)).collect();
        for ((mean, variance), s) in moments.iter().zip(shape) {
            assert!((mean - 3.95 * s).abs() < 1e-12);
            // variance of the sizes, 0.35, widened by (1 + 1/20) 19 / 17
            assert!((variance / (s * s) - 0.35 * 1.05 * 19.0 / 17.0).abs() < 1e-9, "{variance}");
        }
        let sum: f64 = moments.iter().map(|(mean, variance)| mean * mean + variance).sum();
        assert!((error.rms() - (sum / 3.0).sqrt()).abs() < 1e-12);
    }
}
