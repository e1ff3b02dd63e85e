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
    /// Places inside the range at which the field has a kink, increasing: no polynomial reaches across.
    /// Between two of them that have no place between them, the field is not defined.
    pub kinks: Vec<f64>,
}

/// Points per interpolation.
const POINTS: usize = 6;

impl FieldSolution {
    /// The field at a requested time and any place (limited to the range): polynomial through the
    /// six nearest places on this side of all kinks, in Lagrange form. NaN where it is not defined.
    pub fn at(&self, time_index: usize, place: f64) -> f64 {
        let (x, u) = (&self.places, &self.values[time_index]);
        let place = place.clamp(x[0], x[x.len() - 1]);
        let above = x.partition_point(|p| *p < place);
        if x[above] == place {
            return u[above];
        }
        let (first, end) = self.between_kinks(place);
        if first + 2 == end && !self.kinks.is_empty() {
            return f64::NAN;
        }
        let width = POINTS.min(end - first);
        let start = above.saturating_sub(width / 2).clamp(first, end - width);
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

    /// First place, and the one after the last, between the kinks on both sides of a place.
    fn between_kinks(&self, place: f64) -> (usize, usize) {
        let x = &self.places;
        let next = self.kinks.partition_point(|k| *k < place);
        let lower = next.checked_sub(1).map(|k| self.kinks[k]);
        let upper = self.kinks.get(next);
        let first = lower.map_or(0, |k| x.partition_point(|p| *p < k));
        (first, upper.map_or(x.len(), |k| x.partition_point(|p| *p <= *k)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quintics_are_interpolated_exactly() {
        let places: Vec<f64> = (0..20).map(|k| (f64::from(k) / 19.0).powi(2)).collect();
        let values = vec![places.iter().map(|x| x.powi(5) - x).collect()];
        let field = FieldSolution { places, values, kinks: Vec::new() };
        for x in [0.0_f64, 0.01, 0.37, 0.99, 1.0] {
            assert!((field.at(0, x) - (x.powi(5) - x)).abs() < 1e-13);
        }
    }

    #[test]
    fn no_polynomial_reaches_across_a_kink_and_a_gap_has_no_value() {
        // x^2 below 1, nothing from 1 to 2, 10 - x above
        let below = (0..8).map(|k| f64::from(k) / 7.0);
        let places: Vec<f64> = below.chain((0..8).map(|k| 2.0 + f64::from(k) / 7.0)).collect();
        let value = |x: &f64| if *x <= 1.0 { x * x } else { 10.0 - x };
        let values = vec![places.iter().map(value).collect()];
        let field = FieldSolution { places, values, kinks: vec![1.0, 2.0] };
        for x in [0.0, 0.03, 0.5, 0.97, 1.0, 2.0, 2.05, 2.9, 3.0] {
            assert!((field.at(0, x) - value(&x)).abs() < 1e-13, "{x}");
        }
        assert!(field.at(0, 1.5).is_nan() && field.at(0, 1.0 + 1e-9).is_nan());
    }
}
