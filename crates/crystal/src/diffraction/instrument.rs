//! Patterns as a diffractometer measures them: profiles that widen with the angle, zero shift, lines of
//! the anode, texture, background.
//!
//! A reflection at Bragg angle theta is a pseudo-Voigt of unit area, width in degrees
//!
//! ```text
//! H = sqrt(U tan^2 theta + V tan theta + W) + X / cos theta
//! ```
//!
//! U, V, W after Caglioti; X / cos theta after Scherrer, X = K lambda / size in degrees. Widths are added
//! as those of Lorentzians. Tails are cut twenty widths from the middle.
//!
//! Source: Caglioti et al. (1958), Choice of collimators for a crystal spectrometer.

use super::{Gradient, Radiation, lorentz_polarisation};

/// A diffractometer and a sample, but for the crystal.
#[derive(Debug, Clone, PartialEq)]
pub struct Instrument {
    /// Lines of the anode.
    pub radiation: Radiation,
    /// Where the zero of the angle is read, 2 theta in degrees: added to every angle.
    pub zero_shift_deg: f64,
    /// U, V, W in square degrees.
    pub caglioti: [f64; 3],
    /// X in degrees.
    pub size_deg: f64,
    /// Lorentzian share of the area, 0 to 1.
    pub eta: f64,
    /// Coefficients of Chebyshev polynomials over the range of the points.
    pub background: Vec<f64>,
}

/// Parameters of an instrument, in the order in which their derivatives come; the coefficients of the
/// background follow.
pub const INSTRUMENT_PARAMETERS: [&str; 6] = ["zero shift", "U", "V", "W", "X", "eta"];

/// Widths from the middle at which tails are cut.
const TAILS: f64 = 20.0;

/// Least width in degrees.
const NARROWEST: f64 = 1e-3;

/// Width and its derivatives by theta in radians and by U, V, W, X.
struct Width {
    value: f64,
    by_theta: f64,
    by_parameter: [f64; 4],
}

impl Instrument {
    /// Full width at half maximum in degrees at a Bragg angle in radians.
    #[must_use]
    pub fn width_deg(&self, theta: f64) -> f64 {
        self.width(theta).value
    }

    fn width(&self, theta: f64) -> Width {
        let [u, v, w] = self.caglioti;
        let (t, cos) = (theta.tan(), theta.cos());
        let square = (u * t + v) * t + w;
        let size = self.size_deg / cos;
        if square <= NARROWEST * NARROWEST {
            // what is negative under the root has no width of its own
            let by_theta = size * t;
            return Width {
                value: NARROWEST + size,
                by_theta,
                by_parameter: [0.0, 0.0, 0.0, 1.0 / cos],
            };
        }
        let root = square.sqrt();
        let by_t = (2.0 * u * t + v) / (2.0 * root);
        Width {
            value: root + size,
            by_theta: by_t * (1.0 + t * t) + size * t,
            by_parameter: [t * t / (2.0 * root), t / (2.0 * root), 0.5 / root, 1.0 / cos],
        }
    }

    /// Pattern at `points` (2 theta in degrees, ascending) of reflections at `q` in 1/angstrom, whose
    /// intensities hold for the first line of the radiation.
    #[must_use]
    pub fn pattern(&self, points: &[f64], q: &[f64], intensity: &[f64]) -> Vec<f64> {
        self.with_derivatives(points, q, intensity, &[], false).0
    }

    /// The pattern, and its derivatives: by what `gradients` stand for, then, if asked for, by
    /// [`INSTRUMENT_PARAMETERS`] and the coefficients of the background. Each has as many values as
    /// there are points.
    #[must_use]
    pub fn with_derivatives(
        &self,
        points: &[f64],
        q: &[f64],
        intensity: &[f64],
        gradients: &[Gradient],
        instrument: bool,
    ) -> (Vec<f64>, Vec<Vec<f64>>) {
        let own = if instrument { INSTRUMENT_PARAMETERS.len() } else { 0 };
        let mut values = vec![0.0; points.len()];
        let mut columns = vec![vec![0.0; points.len()]; gradients.len() + own];
        let first = self.radiation.wavelength();
        for line in &self.radiation.lines {
            for (k, (&q, &intensity)) in q.iter().zip(intensity).enumerate() {
                let sin = q * line.wavelength / (4.0 * std::f64::consts::PI);
                let sin_first = q * first / (4.0 * std::f64::consts::PI);
                if !(sin > 0.0 && sin < 0.995 && sin_first < 0.995) {
                    continue;
                }
                let (lp, slope) = lorentz_polarisation(sin * sin);
                let (lp_first, slope_first) = lorentz_polarisation(sin_first * sin_first);
                let share = line.weight * lp / lp_first;
                // d ln(share) / d Q
                let share_slope = 2.0 / q
                    * (slope / lp * sin * sin - slope_first / lp_first * sin_first * sin_first);
                let theta = sin.asin();
                let d_theta = sin / q / theta.cos();
                let peak = Peak {
                    middle: 2.0 * theta.to_degrees() + self.zero_shift_deg,
                    width: self.width(theta),
                    height: intensity * share,
                };
                let moves = gradients.iter().map(|g| Move {
                    theta: g.q[k] * d_theta,
                    height: g.intensity[k] * share + peak.height * share_slope * g.q[k],
                });
                let moves: Vec<Move> = moves.collect();
                self.add(points, &peak, &moves, &mut values, &mut columns);
            }
        }
        self.add_background(points, &mut values, instrument.then_some(&mut columns));
        (values, columns)
    }

    /// Adds one peak and its derivatives.
    fn add(
        &self,
        points: &[f64],
        peak: &Peak,
        moves: &[Move],
        values: &mut [f64],
        columns: &mut [Vec<f64>],
    ) {
        let reach = TAILS * peak.width.value;
        let from = points.partition_point(|&x| x < peak.middle - reach);
        let to = points.partition_point(|&x| x <= peak.middle + reach);
        let at = |x: &f64| PseudoVoigt::at(x - peak.middle, peak.width.value, self.eta);
        let shapes: Vec<PseudoVoigt> = points[from..to].iter().map(at).collect();
        for (value, shape) in values[from..to].iter_mut().zip(&shapes) {
            *value += peak.height * shape.value;
        }
        if columns.is_empty() {
            return;
        }
        // what all derivatives are made of, so that each is one pass over the points
        let height: Vec<f64> = shapes.iter().map(|s| s.value).collect();
        let by_x: Vec<f64> = shapes.iter().map(|s| peak.height * s.by_x).collect();
        let by_width: Vec<f64> = shapes.iter().map(|s| peak.height * s.by_width).collect();
        let by_eta: Vec<f64> = shapes.iter().map(|s| peak.height * s.by_eta).collect();
        let degrees = 2.0_f64.to_degrees();
        let by_theta: Vec<f64> = by_x
            .iter()
            .zip(&by_width)
            .map(|(x, width)| width * peak.width.by_theta - x * degrees)
            .collect();
        let (structure, instrument) = columns.split_at_mut(moves.len());
        for (column, step) in structure.iter_mut().zip(moves) {
            accumulate(&mut column[from..to], step.height, &height);
            accumulate(&mut column[from..to], step.theta, &by_theta);
        }
        if let [zero, widths @ .., eta] = instrument {
            accumulate(&mut zero[from..to], -1.0, &by_x);
            for (column, by) in widths.iter_mut().zip(peak.width.by_parameter) {
                accumulate(&mut column[from..to], by, &by_width);
            }
            accumulate(&mut eta[from..to], 1.0, &by_eta);
        }
    }

    fn add_background(
        &self,
        points: &[f64],
        values: &mut [f64],
        columns: Option<&mut Vec<Vec<f64>>>,
    ) {
        let polynomials = chebyshev(points, self.background.len());
        for (column, coefficient) in polynomials.iter().zip(&self.background) {
            for (value, t) in values.iter_mut().zip(column) {
                *value += coefficient * t;
            }
        }
        if let Some(columns) = columns {
            columns.extend(polynomials);
        }
    }
}

/// Adds a multiple of values to a column.
fn accumulate(column: &mut [f64], factor: f64, values: &[f64]) {
    if factor != 0.0 {
        for (sum, value) in column.iter_mut().zip(values) {
            *sum += factor * value;
        }
    }
}

/// A reflection in degrees.
struct Peak {
    middle: f64,
    width: Width,
    height: f64,
}

/// How a parameter moves a peak: theta in radians, and the height.
struct Move {
    theta: f64,
    height: f64,
}

/// A profile of unit area and its derivatives.
struct PseudoVoigt {
    value: f64,
    by_x: f64,
    by_width: f64,
    by_eta: f64,
}

impl PseudoVoigt {
    fn at(x: f64, width: f64, eta: f64) -> Self {
        let ln2 = std::f64::consts::LN_2;
        let t = x / width;
        let under = 1.0 + 4.0 * t * t;
        let lorentz = 2.0 / (std::f64::consts::PI * width * under);
        let gauss = 2.0 / width * (ln2 / std::f64::consts::PI).sqrt() * (-4.0 * ln2 * t * t).exp();
        // logarithmic derivatives by t, from which those by x and width follow
        let (lorentz_t, gauss_t) = (-8.0 * t / under * lorentz, -8.0 * ln2 * t * gauss);
        let by_t = eta * lorentz_t + (1.0 - eta) * gauss_t;
        let value = eta * lorentz + (1.0 - eta) * gauss;
        Self {
            value,
            by_x: by_t / width,
            by_width: -(value + t * by_t) / width,
            by_eta: lorentz - gauss,
        }
    }
}

/// Chebyshev polynomials of degrees below `count` over the range of the points.
fn chebyshev(points: &[f64], count: usize) -> Vec<Vec<f64>> {
    let (from, to) = match points {
        [first, .., last] if last > first => (*first, *last),
        _ => (0.0, 1.0),
    };
    let mut all: Vec<Vec<f64>> = Vec::with_capacity(count);
    for degree in 0..count {
        let at = |(i, &x): (usize, &f64)| {
            let t = (2.0 * x - from - to) / (to - from);
            match degree {
                0 => 1.0,
                1 => t,
                n => 2.0 * t * all[n - 1][i] - all[n - 2][i],
            }
        };
        let column = points.iter().enumerate().map(at).collect();
        all.push(column);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instrument() -> Instrument {
        Instrument {
            radiation: Radiation::parse("CuKa12").unwrap(),
            zero_shift_deg: 0.03,
            caglioti: [0.02, -0.01, 0.015],
            size_deg: 0.05,
            eta: 0.4,
            background: vec![3.0, -1.0, 0.5],
        }
    }

    #[test]
    fn a_peak_has_the_area_of_its_reflection() {
        let points: Vec<f64> = (0..20_000).map(|k| 10.0 + f64::from(k) * 0.005).collect();
        let mut instrument = instrument();
        instrument.background.clear();
        let y = instrument.pattern(&points, &[3.0], &[7.0]);
        let area: f64 = y.iter().sum::<f64>() * 0.005;
        // lines of weight 1 and 1/2; the tails cut off hold less than two parts in a hundred
        assert!((area / 10.5 - 1.0).abs() < 0.02, "{area}");
    }

    #[test]
    fn derivatives_equal_differences() {
        let points: Vec<f64> = (0..900).map(|k| 20.0 + f64::from(k) * 0.05).collect();
        let (q, intensity) = ([2.0, 3.3, 3.4], [5.0, 2.0, 9.0]);
        let step = Gradient { q: vec![0.1, -0.2, 0.05], intensity: vec![1.0, 0.5, -2.0] };
        let base = instrument();
        let (_, columns) =
            base.with_derivatives(&points, &q, &intensity, std::slice::from_ref(&step), true);
        assert_eq!(columns.len(), 1 + INSTRUMENT_PARAMETERS.len() + 3);
        let h = 1e-6;
        let at = |k: usize, sign: f64| {
            let (mut moved, mut q, mut intensity) = (base.clone(), q, intensity);
            match k {
                0 => {
                    for j in 0..3 {
                        q[j] += sign * h * step.q[j];
                        intensity[j] += sign * h * step.intensity[j];
                    }
                }
                1 => moved.zero_shift_deg += sign * h,
                2..=4 => moved.caglioti[k - 2] += sign * h,
                5 => moved.size_deg += sign * h,
                6 => moved.eta += sign * h,
                n => moved.background[n - 7] += sign * h,
            }
            moved.pattern(&points, &q, &intensity)
        };
        for (k, column) in columns.iter().enumerate() {
            let (above, below) = (at(k, 1.0), at(k, -1.0));
            let largest = column.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
            for i in 0..points.len() {
                let difference = (above[i] - below[i]) / (2.0 * h);
                assert!((difference - column[i]).abs() < 1e-5 * largest, "column {k}, point {i}");
            }
        }
    }
}
