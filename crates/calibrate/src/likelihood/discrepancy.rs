//! A smooth Gaussian process along a curve, as a sum of sines with known variances.
//!
//! `k(t, t') ~ sum_j S(omega_j) f_j(t) f_j(t')` with the spectral density `S` of the squared
//! exponential kernel and `f_j(t) = sin(omega_j (t + b)) / sqrt(b)`, `omega_j = pi j / (2 b)`, for
//! `t` scaled to (-1, 1). Amplitude and length change the variances alone, so the process is
//! marginalised in closed form, over all points.
//!
//! Source: Solin and Särkkä (2020), Hilbert space methods for reduced-rank Gaussian process
//! regression, equations 56 to 60.

use super::marginal::Modes;

/// Sines of the process on one curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Discrepancy {
    /// Values of each sine at the points.
    basis: Vec<Vec<f64>>,
}

/// Sines a curve: right to some per cent for lengths of 0.07 to 0.35 of the duration.
const SINES: usize = 28;

/// Half-width of the interval of the sines, beyond the curve's own of 1.
const MARGIN: f64 = 2.0;

impl Discrepancy {
    /// Unknowns of one curve.
    pub(super) const UNKNOWNS: [&'static str; 2] = ["delta", "length"];

    /// The basis at the times of a curve, of which there must be two.
    pub(super) fn new(times: &[f64]) -> Option<Self> {
        let (first, last) = (times.first()?, times.last()?);
        if last <= first {
            return None;
        }
        let scaled: Vec<f64> =
            times.iter().map(|t| 2.0 * (t - first) / (last - first) - 1.0).collect();
        let sine = |j: usize| -> Vec<f64> {
            scaled.iter().map(|t| (frequency(j) * (t + MARGIN)).sin() / MARGIN.sqrt()).collect()
        };
        Some(Self { basis: (1..=SINES).map(sine).collect() })
    }

    /// Adds the scaled sines as modes numbered from `first`; gives the next free number.
    pub(super) fn push_modes(&self, unknowns: &[f64], first: usize, modes: &mut Modes) -> usize {
        for (k, sine) in self.basis.iter().enumerate() {
            let sd = (0.5 * log_variance(k + 1, unknowns)).exp();
            modes.push(first + k, sine.iter().map(|v| sd * v).collect());
        }
        first + self.basis.len()
    }

    /// Slopes by amplitude and length from those by the log-variances of modes from `first` on;
    /// gives the next number.
    pub(super) fn gradient(
        &self,
        unknowns: &[f64],
        by_log_variance: &[f64],
        first: usize,
        out: &mut [f64],
    ) -> usize {
        let (delta, length) = (unknowns[0], unknowns[1]);
        out.fill(0.0);
        for (k, slope) in by_log_variance[first..][..self.basis.len()].iter().enumerate() {
            let omega = frequency(k + 1);
            out[0] += slope * 2.0 / delta;
            out[1] += slope * (1.0 / length - 4.0 * length * omega * omega);
        }
        first + self.basis.len()
    }
}

fn frequency(j: usize) -> f64 {
    std::f64::consts::FRAC_PI_2 * j as f64 / MARGIN
}

/// Logarithm of the spectral density at the frequency of sine `j`: amplitude `delta`, length as a
/// fraction of the curve's duration, which is 2 in scaled time.
fn log_variance(j: usize, unknowns: &[f64]) -> f64 {
    let (delta, length) = (unknowns[0], 2.0 * unknowns[1]);
    let turn = length * frequency(j);
    2.0 * delta.ln() + (2.0 * std::f64::consts::PI).sqrt().ln() + length.ln() - 0.5 * turn * turn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sines_add_up_to_the_kernel() {
        let times: Vec<f64> = (0..40).map(|k| f64::from(k) * 7.0).collect();
        let duration = times[39];
        let discrepancy = Discrepancy::new(&times).unwrap();
        for length in [0.07, 0.15, 0.35] {
            let unknowns = [2e-3, length];
            for (i, j) in [(0, 0), (0, 5), (20, 20), (20, 26), (3, 39)] {
                let sum: f64 = discrepancy
                    .basis
                    .iter()
                    .enumerate()
                    .map(|(k, f)| log_variance(k + 1, &unknowns).exp() * f[i] * f[j])
                    .sum();
                let apart = (times[i] - times[j]) / duration / length;
                let kernel = 4e-6 * (-0.5 * apart * apart).exp();
                assert!((sum - kernel).abs() < 0.03 * 4e-6, "{length} {i} {j}: {sum} {kernel}");
            }
        }
        assert!(Discrepancy::new(&[1.0]).is_none());
    }
}
