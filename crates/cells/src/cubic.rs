//! Functions of one variable as cubics between equal steps, from values and slopes.

use surrogate_battery::solve::Scalar;
use surrogate_jet::{Extrapolate, Table};

/// A function on a range, at its ends' values outside.
#[derive(Debug, Clone)]
pub(crate) struct Cubic {
    range: (f64, f64),
    /// Value and slope at equal steps, both ends among them.
    points: Vec<[f64; 2]>,
}

impl Cubic {
    /// From values and slopes at equal steps over a range.
    pub(crate) fn new(range: (f64, f64), points: Vec<[f64; 2]>) -> Self {
        Self { range, points }
    }

    /// From values at equal steps over a range, at least five; slopes are those of the quartic through five neighbours.
    pub(crate) fn through(range: (f64, f64), values: &[f64]) -> Self {
        let cells = values.len() - 1;
        let per_step = cells as f64 / (range.1 - range.0);
        let point = |k: usize| {
            let first = k.saturating_sub(2).min(cells - 4);
            let weights = SLOPES[k - first];
            let rise: f64 = weights.iter().zip(&values[first..]).map(|(w, v)| w * v).sum();
            [values[k], per_step * rise / 12.0]
        };
        Self { range, points: (0..=cells).map(point).collect() }
    }

    /// Value and slope.
    pub(crate) fn at(&self, x: f64) -> (f64, f64) {
        let (low, high) = self.range;
        let cells = self.points.len() - 1;
        let place = (x - low) / (high - low) * cells as f64;
        if place.is_nan() || place >= cells as f64 {
            return (self.points[cells][0], 0.0);
        }
        if place < 0.0 {
            return (self.points[0][0], 0.0);
        }
        let k = place as usize;
        let (u, width) = (place - k as f64, (high - low) / cells as f64);
        let ([h0, s0], [h1, s1]) = (self.points[k], self.points[k + 1]);
        let chord = (h1 - h0) / width;
        let (a, b) = (s0 - chord, s1 - chord);
        let bend = a * (1.0 - u) - b * u;
        let h = h0 + u * (h1 - h0) + width * u * (1.0 - u) * bend;
        let slope = chord + (1.0 - 2.0 * u) * bend - u * (1.0 - u) * (a + b);
        (h, slope)
    }

    /// The function of a number with its derivatives.
    pub(crate) fn of<S: Scalar>(&self, x: S) -> S {
        let (value, slope) = self.at(x.value());
        x.lift(value, slope)
    }

    /// The same as a table of the kernels.
    pub(crate) fn table(&self) -> Table {
        let (low, high) = self.range;
        let half_width = 0.5 * (high - low) / (self.points.len() - 1) as f64;
        let cubic = |ends: &[[f64; 2]]| {
            let ([h0, s0], [h1, s1]) = (ends[0], ends[1]);
            let (middle, half_chord) = (0.5 * (h0 + h1), 0.5 * (h1 - h0));
            let (even, odd) = (0.25 * half_width * (s1 - s0), 0.25 * half_width * (s0 + s1));
            [odd - 0.5 * half_chord, even, 1.5 * half_chord - odd, middle - even]
        };
        let coefficients: Vec<f64> = self.points.windows(2).flat_map(cubic).collect();
        let table = Table::uniform(self.range, 3, &coefficients, Extrapolate::Clamp);
        table.expect("a cubic has finite values")
    }
}

/// Twelve times the slope at each of five equal steps of the quartic through them.
const SLOPES: [[f64; 5]; 5] = [
    [-25.0, 48.0, -36.0, 16.0, -3.0],
    [-3.0, -10.0, 18.0, -6.0, 1.0],
    [1.0, -8.0, 0.0, 8.0, -1.0],
    [-1.0, 6.0, -18.0, 10.0, 3.0],
    [3.0, -16.0, 36.0, -48.0, 25.0],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cubic_through_values_is_of_third_order_or_better() {
        let apart = |cells: usize| {
            let at = |k: usize| 1.0 + 2.0 * k as f64 / cells as f64;
            let values: Vec<f64> = (0..=cells).map(|k| at(k).ln()).collect();
            let cubic = Cubic::through((1.0, 3.0), &values);
            let each = (0..1000).map(|k| 1.001 + 1.998 * f64::from(k) / 1000.0);
            each.map(|x| {
                let (value, slope) = cubic.at(x);
                (value - x.ln()).abs() + 0.1 * (slope - 1.0 / x).abs()
            })
            .fold(0.0, f64::max)
        };
        assert!(apart(64) < 1e-5 && apart(16) / apart(64) > 50.0, "{} {}", apart(16), apart(64));
    }

    #[test]
    fn outside_the_range_its_ends_stay() {
        let cubic = Cubic::through((0.0, 1.0), &[1.0, 2.0, 4.0, 8.0, 16.0]);
        assert_eq!(cubic.at(-3.0), (1.0, 0.0));
        assert_eq!(cubic.at(3.0), (16.0, 0.0));
        assert_eq!(cubic.at(f64::NAN), (16.0, 0.0));
    }
}
