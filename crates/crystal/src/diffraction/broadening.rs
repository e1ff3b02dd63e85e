//! Peaks of constant width on an even grid in Q, by convolution.
//!
//! Every peak is shared out to four grid points by cubic B-splines and the whole grid is convolved
//! with the profile, pseudo-Voigt with parts of unit height:
//!
//! ```text
//! eta / (1 + (2 x / fwhm)^2) + (1 - eta) exp(-4 ln 2 (x / fwhm)^2)
//! ```
//!
//! The profile's transform is divided by that of the sampled spline, so that the result is the cubic
//! spline interpolation of the profile. With five steps a width it is within 2e-3 of its height, with
//! ten within 2e-4.

use std::sync::Arc;

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex, num_complex::Complex64};
use thiserror::Error;

/// Grid of a pattern in Q and width of its peaks, all in 1/angstrom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QGrid {
    /// First value of Q.
    pub q_min: f64,
    /// End of the range, not included.
    pub q_max: f64,
    /// Step.
    pub step: f64,
    /// Full width at half maximum of a peak.
    pub fwhm: f64,
    /// Lorentzian share of its height.
    pub eta: f64,
}

impl QGrid {
    /// The grid on which patterns are scored: Q 0.5 to 8 in steps of 0.01, width 0.05, eta 0.5.
    pub const SCORING: Self = Self { q_min: 0.5, q_max: 8.0, step: 0.01, fwhm: 0.05, eta: 0.5 };
}

/// A grid that cannot be used.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum BroadeningError {
    /// Values that describe no grid.
    #[error(
        "no grid: Q from {} to {} in steps of {}, width {}, eta {}: values are positive, eta at most \
         1, at most 65536 steps, two or more of them a width", .0.q_min, .0.q_max, .0.step, .0.fwhm, .0.eta
    )]
    Grid(QGrid),
}

/// Broadens peaks on one grid. Keeps its buffers, hence `&mut`.
pub struct Broadening {
    grid: QGrid,
    /// Steps from 0 to the end of the range.
    points: usize,
    /// First step of the range.
    first: usize,
    /// Transform of the profile over that of the spline; real, as both are even.
    kernel: Vec<f64>,
    forward: Arc<dyn RealToComplex<f64>>,
    inverse: Arc<dyn ComplexToReal<f64>>,
    buffer: Vec<f64>,
    spectrum: Vec<Complex64>,
    /// Peaks placed last.
    places: Vec<Placed>,
}

/// A peak of the last evaluation within reach: its number, the first of four slots, their weights and the
/// derivatives of these by Q.
struct Placed {
    peak: usize,
    slot: usize,
    weights: [f64; 4],
    slopes: [f64; 4],
}

impl Broadening {
    /// Prepares a grid.
    ///
    /// # Errors
    ///
    /// Values that describe no grid.
    pub fn new(grid: QGrid) -> Result<Self, BroadeningError> {
        // twice the range, so that tails that wrap around end outside it
        Self::of_length(grid, |points| 2 * points + 8)
    }

    /// The same in half the time, for patterns that are only compared with each other: tails that leave the
    /// range on one side come in on the other.
    ///
    /// # Errors
    ///
    /// Values that describe no grid.
    pub fn periodic(grid: QGrid) -> Result<Self, BroadeningError> {
        // room for the peaks that still count beyond the range
        let beyond = (2.0 * grid.fwhm / grid.step).ceil() as usize + 4;
        Self::of_length(grid, |points| points + beyond)
    }

    fn of_length(grid: QGrid, least: impl Fn(usize) -> usize) -> Result<Self, BroadeningError> {
        let positive = [grid.step, grid.fwhm, grid.q_max].iter().all(|v| v.is_finite() && *v > 0.0);
        let sensible = (0.0..=1.0).contains(&grid.eta)
            && (0.0..grid.q_max).contains(&grid.q_min)
            && grid.q_max / grid.step <= 65536.0
            && grid.fwhm >= 2.0 * grid.step;
        if !(positive && sensible) {
            return Err(BroadeningError::Grid(grid));
        }
        let points = (grid.q_max / grid.step).round() as usize;
        let first = (grid.q_min / grid.step).round() as usize;
        let length = fast_length(least(points));
        let mut planner = RealFftPlanner::new();
        let forward = planner.plan_fft_forward(length);
        let inverse = planner.plan_fft_inverse(length);
        let mut buffer = forward.make_input_vec();
        let mut spectrum = forward.make_output_vec();
        for (k, value) in buffer.iter_mut().enumerate() {
            *value = profile(k.min(length - k) as f64 * grid.step, &grid);
        }
        // lengths agree, so the transform cannot fail
        let _ = forward.process(&mut buffer, &mut spectrum);
        let spline = |k: usize| {
            (2.0 + (std::f64::consts::TAU * k as f64 / length as f64).cos()) / 3.0 * length as f64
        };
        let kernel = spectrum.iter().enumerate().map(|(k, c)| c.re / spline(k)).collect();
        let places = Vec::new();
        Ok(Self { grid, points, first, kernel, forward, inverse, buffer, spectrum, places })
    }

    /// The grid.
    #[must_use]
    pub const fn grid(&self) -> &QGrid {
        &self.grid
    }

    /// Number of points of a pattern.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.points - self.first
    }

    /// Whether a pattern has no points.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.points == self.first
    }

    /// Highest Q of peaks that count: tails of peaks beyond the range are partly in it. Their heights
    /// fade from the end of the range to this, so that no peak appears or vanishes at once when it
    /// moves.
    #[must_use]
    pub fn reach(&self) -> f64 {
        self.grid.q_max + 2.0 * self.grid.fwhm
    }

    /// Share of a peak's height that counts, and its derivative by q.
    fn share(&self, q: f64) -> (f64, f64) {
        let width = 2.0 * self.grid.fwhm;
        let u = (q - self.grid.q_max) / width;
        if u <= 0.0 {
            (1.0, 0.0)
        } else if u >= 1.0 {
            (0.0, 0.0)
        } else {
            (1.0 - u * u * (3.0 - 2.0 * u), -6.0 * u * (1.0 - u) / width)
        }
    }

    /// Adds broadened peaks at `q` with heights `intensity` to nothing: the pattern, into `out`.
    pub fn pattern(&mut self, peaks: impl Iterator<Item = (f64, f64)>, out: &mut Vec<f64>) {
        self.buffer.fill(0.0);
        for (q, intensity) in peaks {
            let (k, w, _) = self.spline(q);
            let intensity = intensity * self.share(q).0;
            if let Some(slots) = self.buffer.get_mut(k..k + 4) {
                for (slot, w) in slots.iter_mut().zip(w) {
                    *slot += intensity * w;
                }
            }
        }
        self.convolve(out);
    }

    /// Places peaks at `q` for the patterns and derivatives that follow.
    pub fn place(&mut self, q: &[f64]) {
        let mut places = std::mem::take(&mut self.places);
        places.clear();
        for (peak, &q) in q.iter().enumerate() {
            let (slot, w, dw) = self.spline(q);
            if slot + 4 > self.buffer.len() {
                continue;
            }
            let (share, fade) = self.share(q);
            let per_step = share / self.grid.step;
            places.push(Placed {
                peak,
                slot,
                weights: w.map(|w| w * share),
                slopes: std::array::from_fn(|k| fade * w[k] + per_step * dw[k]),
            });
        }
        self.places = places;
    }

    /// The pattern of the placed peaks.
    pub fn placed(&mut self, intensity: &[f64], out: &mut Vec<f64>) {
        self.deposit(|place| (intensity[place.peak], 0.0));
        self.convolve(out);
    }

    /// Derivative of the pattern of the placed peaks when their heights change by `d_intensity`, and their places
    /// by `d_q` if they do.
    pub fn derivative(
        &mut self,
        intensity: &[f64],
        d_intensity: &[f64],
        d_q: Option<&[f64]>,
        out: &mut Vec<f64>,
    ) {
        match d_q {
            None => self.deposit(|place| (d_intensity[place.peak], 0.0)),
            Some(d_q) => self.deposit(|place| {
                (d_intensity[place.peak], intensity[place.peak] * d_q[place.peak])
            }),
        }
        self.convolve(out);
    }

    /// Adds so much of the weights and of the slopes of each placed peak to nothing.
    fn deposit(&mut self, of: impl Fn(&Placed) -> (f64, f64)) {
        self.buffer.fill(0.0);
        for place in &self.places {
            let (height, moved) = of(place);
            if let Some(slots) = self.buffer.get_mut(place.slot..place.slot + 4) {
                for ((slot, w), slope) in slots.iter_mut().zip(place.weights).zip(place.slopes) {
                    *slot += height * w + moved * slope;
                }
            }
        }
    }

    /// Place of the first of four slots (one before the point, offset by one), their weights, and the
    /// derivatives of these by q in steps. Peaks beyond the reach get a place outside the buffer.
    fn spline(&self, q: f64) -> (usize, [f64; 4], [f64; 4]) {
        let t = q / self.grid.step;
        // slot k stands for step k - 1: peaks near 0 keep their first slot
        if !(t >= 0.0 && q <= self.reach()) {
            return (self.buffer.len(), [0.0; 4], [0.0; 4]);
        }
        let k = t as usize;
        let u = t - k as f64;
        let (v, u2) = (1.0 - u, u * u);
        let w = [
            v * v * v / 6.0,
            2.0 / 3.0 - u2 * (1.0 - u / 2.0),
            2.0 / 3.0 - v * v * (1.0 - v / 2.0),
            u2 * u / 6.0,
        ];
        let d = [-v * v / 2.0, u * (1.5 * u - 2.0), -v * (1.5 * v - 2.0), u2 / 2.0];
        (k, w, d)
    }

    fn convolve(&mut self, out: &mut Vec<f64>) {
        // lengths agree, so the transforms cannot fail
        let _ = self.forward.process(&mut self.buffer, &mut self.spectrum);
        for (value, &factor) in self.spectrum.iter_mut().zip(&self.kernel) {
            *value *= factor;
        }
        if let Some(last) = self.spectrum.last_mut() {
            last.im = 0.0;
        }
        if let Some(first) = self.spectrum.first_mut() {
            first.im = 0.0;
        }
        let _ = self.inverse.process(&mut self.spectrum, &mut self.buffer);
        out.clear();
        out.extend_from_slice(&self.buffer[self.first + 1..=self.points]);
    }
}

/// Height of a peak at a distance from its middle.
fn profile(x: f64, grid: &QGrid) -> f64 {
    let t = x / grid.fwhm;
    let lorentz = 1.0 / (1.0 + 4.0 * t * t);
    let gauss = (-4.0 * std::f64::consts::LN_2 * t * t).exp();
    grid.eta * lorentz + (1.0 - grid.eta) * gauss
}

/// The next length of the form 2^a 3^b 5^c, even.
fn fast_length(least: usize) -> usize {
    let smooth = |mut n: usize| {
        for p in [2, 3, 5] {
            while n.is_multiple_of(p) {
                n /= p;
            }
        }
        n == 1
    };
    let mut n = least + least % 2;
    while !smooth(n) {
        n += 2;
    }
    n
}

/// Disagreement of two patterns, each first divided by its own maximum:
/// `sqrt(sum (a - b)^2 / sum a^2)`, where `a` is the reference. No weights are used, as in deCIFer.
#[must_use]
pub fn r_wp(reference: &[f64], pattern: &[f64]) -> f64 {
    let highest = |y: &[f64]| y.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let (a, b) = (highest(reference), highest(pattern));
    let (mut over, mut under) = (0.0, 0.0);
    for (r, p) in reference.iter().zip(pattern) {
        over += (r / a - p / b).powi(2);
        under += (r / a).powi(2);
    }
    (over / under).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn direct(peaks: &[(f64, f64)], grid: &QGrid) -> Vec<f64> {
        let first = (grid.q_min / grid.step).round() as usize;
        let points = (grid.q_max / grid.step).round() as usize;
        let at = |k: usize| {
            let q = k as f64 * grid.step;
            let height = |p: f64, i: f64| if p < grid.q_max { i } else { i / 2.0 };
            peaks.iter().map(|&(p, i)| height(p, i) * profile(q - p, grid)).sum()
        };
        (first..points).map(at).collect()
    }

    #[test]
    fn convolution_equals_the_sum_of_profiles() {
        let peaks = [(0.02, 1.0), (1.2345, 3.0), (1.25, 2.0), (4.4444, 5.0), (8.05, 4.0)];
        for (steps, bound) in [(5.0, 2e-3), (10.0, 2e-4)] {
            let grid = QGrid { step: 0.05 / steps, ..QGrid::SCORING };
            let mut pattern = Vec::new();
            let mut broadening = Broadening::new(grid).unwrap();
            broadening.pattern(peaks.iter().copied(), &mut pattern);
            let sum = direct(&peaks, &grid);
            assert_eq!(pattern.len(), sum.len());
            let worst = pattern.iter().zip(&sum).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(worst < 5.0 * bound, "{steps} steps a width: {worst}");
        }
    }

    #[test]
    fn derivatives_equal_differences() {
        let grid = QGrid::SCORING;
        let mut broadening = Broadening::new(grid).unwrap();
        let h = 1e-6;
        let at = |b: &mut Broadening, t: f64| {
            let mut y = Vec::new();
            let fading = (8.0321 + 0.7 * t, 1.0 + 0.3 * t);
            b.pattern([(2.3456 + 0.7 * t, 1.0 + 0.3 * t), fading].into_iter(), &mut y);
            y
        };
        let (above, below) = (at(&mut broadening, h), at(&mut broadening, -h));
        let mut derivative = Vec::new();
        broadening.place(&[2.3456, 8.0321]);
        broadening.derivative(&[1.0; 2], &[0.3; 2], Some(&[0.7; 2]), &mut derivative);
        for ((a, b), d) in above.iter().zip(&below).zip(&derivative) {
            assert!(((a - b) / (2.0 * h) - d).abs() < 1e-5);
        }
    }

    #[test]
    fn periodic_patterns_differ_by_tails_from_the_other_side_alone() {
        let (q, heights) = ([0.02, 3.3333, 7.98, 9.5], [1.0, 2.0, 4.0, 5.0]);
        let of = |broadening: Result<Broadening, BroadeningError>| {
            let mut broadening = broadening.unwrap();
            let mut y = Vec::new();
            broadening.place(&q);
            broadening.placed(&heights, &mut y);
            y
        };
        let (ends, wraps) =
            (of(Broadening::new(QGrid::SCORING)), of(Broadening::periodic(QGrid::SCORING)));
        let mut plain = Vec::new();
        let peaks = q.into_iter().zip(heights);
        Broadening::new(QGrid::SCORING).unwrap().pattern(peaks, &mut plain);
        assert_eq!((ends.len(), wraps.len()), (plain.len(), plain.len()));
        assert!(ends.iter().zip(&plain).all(|(a, b)| (a - b).abs() < 1e-12));
        let off = ends.iter().zip(&wraps).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        // a Lorentzian tail of the highest peak, half a unit of Q and more away
        assert!(off > 1e-5 && off < 0.01, "{off}");
    }

    #[test]
    fn impossible_grids_are_refused() {
        let refused = |grid| Broadening::new(grid).is_err();
        assert!(refused(QGrid { step: 0.0, ..QGrid::SCORING }));
        assert!(refused(QGrid { step: 1e-9, ..QGrid::SCORING }));
        assert!(refused(QGrid { q_min: 9.0, ..QGrid::SCORING }));
        assert!(refused(QGrid { fwhm: f64::NAN, ..QGrid::SCORING }));
    }
}
