//! What a solve returns.

/// Work counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Accepted steps.
    pub steps: usize,
    /// Rejected steps.
    pub rejected: usize,
    /// Evaluations of the right side.
    pub rhs: usize,
    /// Evaluations of the Jacobian.
    pub jacobians: usize,
}

/// Outputs and fields at the requested times.
#[derive(Clone, Debug)]
pub struct Solution {
    /// The requested times, SI.
    pub times: Vec<f64>,
    /// `[output][time]`, SI, in file order; empty for outputs that depend on a place (interpolate
    /// the fields) and those of [`crate::Solver::missing_outputs`].
    pub outputs: Vec<Vec<f64>>,
    /// Fields in file order.
    pub fields: Vec<FieldSolution>,
    /// Work of all components together.
    pub statistics: Statistics,
}

/// A field at the requested times.
#[derive(Clone, Debug)]
pub struct FieldSolution {
    /// Increasing places, SI, both ends of the range included; one place for a field of time only.
    pub places: Vec<f64>,
    /// `[time][place]`, SI.
    pub values: Vec<Vec<f64>>,
}

/// Points per interpolation.
const POINTS: usize = 6;

impl FieldSolution {
    /// The field at a requested time and any place (limited to the range): polynomial through the
    /// six nearest places, in Lagrange form.
    pub fn at(&self, time_index: usize, place: f64) -> f64 {
        let (x, u) = (&self.places, &self.values[time_index]);
        let n = x.len();
        let place = place.clamp(x[0], x[n - 1]);
        let width = POINTS.min(n);
        let above = x.partition_point(|p| *p < place);
        let start = above.saturating_sub(width / 2).min(n - width);
        let mut sum = 0.0;
        for j in start..start + width {
            let mut basis = 1.0;
            for k in start..start + width {
                if k != j {
                    basis *= (place - x[k]) / (x[j] - x[k]);
                }
            }
            sum += basis * u[j];
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quintics_are_interpolated_exactly() {
        let places: Vec<f64> = (0..20).map(|k| (f64::from(k) / 19.0).powi(2)).collect();
        let values = vec![places.iter().map(|x| x.powi(5) - x).collect()];
        let field = FieldSolution { places, values };
        for x in [0.0_f64, 0.01, 0.37, 0.99, 1.0] {
            assert!((field.at(0, x) - (x.powi(5) - x)).abs() < 1e-13);
        }
    }
}
