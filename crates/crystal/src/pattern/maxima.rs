//! Peaks of a pattern as it would be drawn.
//!
//! Simulated and measured patterns go the same way: points are drawn with one width on one grid, and
//! the peaks are the maxima of that.

use crate::diffraction::{Broadening, BroadeningError, QGrid};

/// A maximum of a drawn pattern.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Maximum {
    /// Its place in 1/angstrom.
    pub q: f64,
    /// Its height, the highest at 1.
    pub height: f64,
}

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

    /// Peaks within `q_range` that reach a share `least` of the highest, by ascending Q, at most `most`.
    pub fn peaks(
        &mut self,
        points: &[(f64, f64)],
        q_range: [f64; 2],
        least: f64,
        most: usize,
    ) -> Vec<Maximum> {
        let (drawn, [first, step]) = self.draw(points);
        maxima(drawn, first, step, q_range, least, most)
    }
}

/// Maxima of a drawn pattern with a `first` Q and a `step`, within `q_range`, that reach a share `least` of the
/// highest, by ascending Q, at most `most`.
#[must_use]
pub fn maxima(
    drawn: &[f64],
    first: f64,
    step: f64,
    q_range: [f64; 2],
    least: f64,
    most: usize,
) -> Vec<Maximum> {
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
        found.push(Maximum { q: first + step * (k as f64 + shift), height: height / highest });
        if found.len() == most {
            break;
        }
    }
    found
}
