//! Interpolating cubic splines with two continuous derivatives.
//!
//! The unknowns are the slopes at the points; continuity of the second derivative makes them the
//! solution of a tridiagonal system.
//! Source: `deBoor1978`, chapter IV.

use super::{Extrapolate, Table, TableError, check_increasing};

/// Conditions at the two ends of a spline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Zero second derivative.
    Natural,
    /// The first two and the last two intervals share a cubic; cubics are reproduced.
    NotAKnot,
}

impl Table {
    /// Cubic spline through (x, y); two points give a line, and three with [`Ends::NotAKnot`] a
    /// parabola. Equidistant abscissae are recognised and searched faster.
    ///
    /// # Errors
    /// If x is not strictly increasing, a number is not finite, or the lengths disagree.
    pub fn spline(
        x: &[f64],
        y: &[f64],
        ends: Ends,
        extrapolate: Extrapolate,
    ) -> Result<Self, TableError> {
        check_increasing(x)?;
        if y.len() != x.len() {
            return Err(TableError::LengthMismatch { expected: x.len(), found: y.len() });
        }
        if let Some(index) = y.iter().position(|y| !y.is_finite()) {
            return Err(TableError::NotFinite { index });
        }
        let slopes = slopes(x, y, ends);
        let mut coefficients = Vec::with_capacity(4 * (x.len() - 1));
        for i in 0..x.len() - 1 {
            // Cubic Hermite polynomial on u in [-1, 1] from values and derivatives in u.
            let half = 0.5 * (x[i + 1] - x[i]);
            let (m0, m1) = (slopes[i] * half, slopes[i + 1] * half);
            let rise = 0.5 * (y[i + 1] - y[i]);
            let cubic = 0.5 * (0.5 * (m0 + m1) - rise);
            let square = 0.25 * (m1 - m0);
            coefficients.extend([cubic, square, rise - cubic, 0.5 * (y[i] + y[i + 1]) - square]);
        }
        if is_uniform(x) {
            Self::uniform((x[0], x[x.len() - 1]), 3, &coefficients, extrapolate)
        } else {
            Self::sorted(x, 3, &coefficients, extrapolate)
        }
    }
}

/// Whether the points are equidistant to rounding.
#[allow(clippy::cast_precision_loss)]
fn is_uniform(x: &[f64]) -> bool {
    let (lo, hi, n) = (x[0], x[x.len() - 1], x.len() - 1);
    let slack = 4.0 * f64::EPSILON * lo.abs().max(hi.abs());
    let at = |i: usize| lo + (hi - lo) * (i as f64 / n as f64);
    x.iter().enumerate().all(|(i, x)| (x - at(i)).abs() <= slack)
}

/// dy/dx of the spline at the points.
fn slopes(x: &[f64], y: &[f64], ends: Ends) -> Vec<f64> {
    let n = x.len();
    let h: Vec<f64> = x.windows(2).map(|x| x[1] - x[0]).collect();
    let secant: Vec<f64> = (0..n - 1).map(|i| (y[i + 1] - y[i]) / h[i]).collect();
    if n == 2 {
        return vec![secant[0]; 2];
    }
    if n == 3 && ends == Ends::NotAKnot {
        let curvature = (secant[1] - secant[0]) / (h[0] + h[1]);
        return vec![
            secant[0] - curvature * h[0],
            secant[0] + curvature * h[0],
            secant[1] + curvature * h[1],
        ];
    }
    // Rows (below, diagonal, above, right-hand side).
    let mut rows = Vec::with_capacity(n);
    rows.push(end_row(h[0], h[1], secant[0], secant[1], ends));
    for i in 1..n - 1 {
        let right = 3.0 * (h[i] * secant[i - 1] + h[i - 1] * secant[i]);
        rows.push([h[i], 2.0 * (h[i - 1] + h[i]), h[i - 1], right]);
    }
    let [_, diagonal, inner, right] =
        end_row(h[n - 2], h[n - 3], secant[n - 2], secant[n - 3], ends);
    rows.push([inner, diagonal, 0.0, right]);
    for i in 1..n {
        let [_, diagonal, above, right] = rows[i - 1];
        let factor = rows[i][0] / diagonal;
        rows[i][1] -= factor * above;
        rows[i][3] -= factor * right;
    }
    let mut slopes = vec![0.0; n];
    slopes[n - 1] = rows[n - 1][3] / rows[n - 1][1];
    for i in (0..n - 1).rev() {
        slopes[i] = (rows[i][3] - rows[i][2] * slopes[i + 1]) / rows[i][1];
    }
    slopes
}

/// Equation of an end point, where `h0`, `s0` are the width and secant of the outermost interval.
fn end_row(h0: f64, h1: f64, s0: f64, s1: f64, ends: Ends) -> [f64; 4] {
    match ends {
        Ends::Natural => [0.0, 2.0, 1.0, 3.0 * s0],
        Ends::NotAKnot => {
            let sum = h0 + h1;
            [0.0, h1, sum, ((h0 + 2.0 * sum) * h1 * s0 + h0 * h0 * s1) / sum]
        }
    }
}
