//! Fit of a smooth function by a table: Chebyshev interpolation on equal intervals.
//!
//! The number of intervals grows until the highest degree reaches the tolerance, then the degree
//! shrinks while it is kept. The nodes include the ends, so the table is continuous to rounding.
//! Source: `Trefethen2019`, chapters 3 and 4.

use super::{Extrapolate, Table, TableError, check_increasing};
use std::f64::consts::PI;

/// Highest degree that a fit uses.
const FIT_DEGREE: usize = 12;
/// Numbers of intervals tried; at most eight are looked up without gathers.
const INTERVALS: [usize; 15] = [1, 2, 3, 4, 6, 8, 12, 16, 32, 64, 128, 256, 512, 1024, 4096];
/// Check points per interval, at angles between those of the nodes.
const CHECKS: usize = 48;

/// Accepted error: |p - f| <= absolute + relative |f|.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FitTolerance {
    /// In the units of f.
    pub absolute: f64,
    /// As a fraction of |f|.
    pub relative: f64,
}

/// A fitted table and its largest errors at the check points.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// The piecewise polynomial.
    pub table: Table,
    /// Largest |p - f|.
    pub absolute_error: f64,
    /// Largest |p - f| over absolute + relative |f|, at most 1.
    pub error_over_tolerance: f64,
}

impl Table {
    /// Piecewise polynomial of degree at most 12 close to `f` on [lo, hi].
    ///
    /// # Errors
    /// If the range is empty, `f` is not finite on it, or no number of intervals is enough.
    pub fn fit(
        f: &dyn Fn(f64) -> f64,
        range: (f64, f64),
        tolerance: FitTolerance,
        extrapolate: Extrapolate,
    ) -> Result<Fit, TableError> {
        check_increasing(&[range.0, range.1])?;
        let mut excess = f64::INFINITY;
        for intervals in INTERVALS {
            let fit = fit_with(f, range, intervals, FIT_DEGREE, tolerance, extrapolate)?;
            excess = excess.min(fit.error_over_tolerance);
            if fit.error_over_tolerance > 1.0 {
                continue;
            }
            let mut best = fit;
            for degree in (0..FIT_DEGREE).rev() {
                let fit = fit_with(f, range, intervals, degree, tolerance, extrapolate)?;
                if fit.error_over_tolerance > 1.0 {
                    break;
                }
                best = fit;
            }
            return Ok(best);
        }
        Err(TableError::ToleranceNotReached { excess })
    }
}

#[allow(clippy::cast_precision_loss)]
fn fit_with(
    f: &dyn Fn(f64) -> f64,
    range: (f64, f64),
    intervals: usize,
    degree: usize,
    tolerance: FitTolerance,
    extrapolate: Extrapolate,
) -> Result<Fit, TableError> {
    let (lo, hi) = range;
    let half = 0.5 * (hi - lo) / intervals as f64;
    let at = |interval: usize, u: f64| {
        let x = lo + half * (2.0 * interval as f64 + (1.0 + u));
        x.clamp(lo, hi)
    };
    let mut coefficients = Vec::with_capacity(intervals * (degree + 1));
    for interval in 0..intervals {
        let nodes: Vec<f64> = match degree {
            0 => vec![0.0],
            _ => (0..=degree).map(|k| -(PI * k as f64 / degree as f64).cos()).collect(),
        };
        let values: Vec<f64> = nodes.iter().map(|u| f(at(interval, *u))).collect();
        if values.iter().any(|y| !y.is_finite()) {
            return Err(TableError::NotFinite { index: interval });
        }
        let mut row = interpolate(&nodes, &values);
        row.reverse();
        coefficients.extend(row);
    }
    let table = Table::uniform(range, degree, &coefficients, extrapolate)?;
    let (mut absolute_error, mut error_over_tolerance) = (0.0_f64, 0.0_f64);
    for interval in 0..intervals {
        for k in 0..=CHECKS {
            let x = at(interval, -(PI * k as f64 / CHECKS as f64).cos());
            let y = f(x);
            let error = (table.value(x) - y).abs();
            absolute_error = absolute_error.max(error);
            let accepted = tolerance.absolute + tolerance.relative * y.abs();
            let ratio = if error == 0.0 { 0.0 } else { error / accepted };
            // NaN counts as failure.
            error_over_tolerance =
                if ratio.is_nan() { f64::INFINITY } else { error_over_tolerance.max(ratio) };
        }
    }
    Ok(Fit { table, absolute_error, error_over_tolerance })
}

/// Powers of u, lowest first, of the polynomial through the nodes (Newton's divided differences).
fn interpolate(nodes: &[f64], values: &[f64]) -> Vec<f64> {
    let n = nodes.len();
    let mut differences = values.to_vec();
    for order in 1..n {
        for i in (order..n).rev() {
            differences[i] = (differences[i] - differences[i - 1]) / (nodes[i] - nodes[i - order]);
        }
    }
    let mut powers = vec![0.0; n];
    for i in (0..n).rev() {
        // powers = powers * (u - node) + difference
        for k in (0..n).rev() {
            let lower = if k > 0 { powers[k - 1] } else { 0.0 };
            powers[k] = lower - nodes[i] * powers[k];
        }
        powers[0] += differences[i];
    }
    powers
}
