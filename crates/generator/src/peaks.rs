//! From a pattern to the tokens of its peaks.
//!
//! Simulated and measured patterns go the same way: points are drawn with one width on one grid, and
//! the peaks are the maxima of that. Positions are given to the network relative to the size
//! of the atoms, as `ln(Q size)` and `(Q size)^2`, in waves of many lengths: the squares of the Q of a
//! crystal's reflections are sums of whole multiples of few numbers.

use surrogate_crystal::diffraction::{Broadening, BroadeningError, QGrid};

/// A peak of a pattern.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// Its place in 1/angstrom.
    pub q: f64,
    /// Its height, the highest at 1.
    pub height: f64,
}

/// Most peaks of a pattern that become tokens: those at the smallest Q.
pub const MOST_PEAKS: usize = 40;

/// Lowest and highest Q at which peaks are looked for, in 1/angstrom.
const Q_RANGE: [f64; 2] = [0.3, 8.0];

/// Finds peaks of patterns of one width.
pub struct PeakFinder {
    broadening: Broadening,
    drawn: Vec<f64>,
}

impl PeakFinder {
    /// For one full width at half maximum in 1/angstrom.
    ///
    /// # Errors
    ///
    /// A width that no grid resolves.
    pub fn new(fwhm: f64) -> Result<Self, BroadeningError> {
        let [q_min, q_max] = Q_RANGE;
        let grid = QGrid { q_min, q_max, step: 0.01, fwhm, eta: 0.5 };
        Ok(Self { broadening: Broadening::new(grid)?, drawn: Vec::new() })
    }

    /// The pattern of points `(q, intensity)`, and the grid it is drawn on: first Q and step.
    pub fn draw(&mut self, points: &[(f64, f64)]) -> (&mut Vec<f64>, [f64; 2]) {
        self.broadening.pattern(points.iter().copied(), &mut self.drawn);
        let grid = *self.broadening.grid();
        (&mut self.drawn, [grid.q_min, grid.step])
    }

    /// Peaks within `q_range` that reach a share `least` of the highest, by ascending Q, at most
    /// [`MOST_PEAKS`].
    pub fn peaks(&mut self, points: &[(f64, f64)], q_range: [f64; 2], least: f64) -> Vec<Peak> {
        let (drawn, [first, step]) = self.draw(points);
        peaks_of(drawn, first, step, q_range, least)
    }
}

/// Maxima of a drawn pattern.
pub(crate) fn peaks_of(
    drawn: &[f64],
    first: f64,
    step: f64,
    q_range: [f64; 2],
    least: f64,
) -> Vec<Peak> {
    let inside = |k: usize| {
        let q = first + step * k as f64;
        q >= q_range[0] && q <= q_range[1]
    };
    let highest = (0..drawn.len()).filter(|&k| inside(k)).map(|k| drawn[k]).fold(0.0_f64, f64::max);
    let mut found = Vec::new();
    for k in 1..drawn.len().saturating_sub(1) {
        let [left, middle, right] = [drawn[k - 1], drawn[k], drawn[k + 1]];
        if !(inside(k) && middle > least * highest && middle > left && middle >= right) {
            continue;
        }
        // top of the parabola through three points
        let bend = left - 2.0 * middle + right;
        let shift = if bend < 0.0 { 0.5 * (left - right) / bend } else { 0.0 };
        let height = middle - 0.25 * (left - right) * shift;
        found.push(Peak { q: first + step * (k as f64 + shift), height: height / highest });
        if found.len() == MOST_PEAKS {
            break;
        }
    }
    found
}

/// Waves of the logarithm of Q, and of its square, each with a sine and a cosine.
const LOG_WAVES: usize = 14;
const SQUARE_WAVES: usize = 12;

/// Numbers of a peak's token.
pub const PEAK_NUMBERS: usize = 2 * (LOG_WAVES + SQUARE_WAVES) + 6;

/// Numbers of a peak's token for atoms of a `size` in angstrom; `known` says whether the size is that of
/// the composition or a common one.
pub fn numbers(peak: Peak, size: f64, known: bool, out: &mut Vec<f32>) {
    let q = peak.q * size;
    let waves = |x: f64, longest: f64, shortest: f64, count: usize, out: &mut Vec<f32>| {
        for k in 0..count {
            let share = k as f64 / (count - 1) as f64;
            let length = longest * (shortest / longest).powf(share);
            let (sine, cosine) = (std::f64::consts::TAU * x / length).sin_cos();
            out.push(sine as f32);
            out.push(cosine as f32);
        }
    };
    waves(q.ln(), 6.0, 0.015, LOG_WAVES, out);
    waves(q * q, 400.0, 0.8, SQUARE_WAVES, out);
    let height = peak.height.max(1e-4);
    out.push(1.0);
    out.push(if known { 1.0 } else { 0.0 });
    out.push((height.ln() / 3.0 + 1.0) as f32);
    out.push(height as f32);
    out.push(height.sqrt() as f32);
    out.push((q / 10.0) as f32);
}
