//! Levenberg-Marquardt with bounds.

use nalgebra::{DMatrix, DVector};

/// Dot product in eight lanes, so that it runs at the speed of memory.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a8.remainder().iter().zip(b8.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a8.zip(b8) {
        for k in 0..8 {
            lanes[k] += x[k] * y[k];
        }
    }
    lanes.iter().sum::<f64>() + rest
}

/// Normal matrix and gradient of a least-squares problem, from its columns and residuals.
fn normal_equations(columns: &[Vec<f64>], residual: &[f64]) -> (DMatrix<f64>, DVector<f64>) {
    let n = columns.len();
    let mut matrix = DMatrix::zeros(n, n);
    for i in 0..n {
        for j in 0..=i {
            let value = dot(&columns[i], &columns[j]);
            matrix[(i, j)] = value;
            matrix[(j, i)] = value;
        }
    }
    (matrix, DVector::from_fn(n, |i, _| dot(&columns[i], residual)))
}

/// Solution of (A + damping diag(A)) step = -gradient. None if the matrix is not positive.
fn damped_step(
    matrix: &DMatrix<f64>,
    gradient: &DVector<f64>,
    damping: f64,
) -> Option<DVector<f64>> {
    let mut damped = matrix.clone();
    let largest = matrix.diagonal().max();
    for i in 0..damped.nrows() {
        // parameters that the pattern does not feel stay where they are
        damped[(i, i)] += damping * matrix[(i, i)].max(1e-9 * largest) + f64::MIN_POSITIVE;
    }
    damped.cholesky().map(|c| -c.solve(gradient))
}

/// Ranges of all parameters, and changes of each that move a pattern about equally.
pub(super) struct Bounds {
    pub(super) low: Vec<f64>,
    pub(super) high: Vec<f64>,
    pub(super) scale: Vec<f64>,
}

impl Bounds {
    /// Parameters after a scaled step of those that move, within the bounds.
    fn after(&self, parameters: &[f64], moved: &[usize], step: &DVector<f64>) -> Vec<f64> {
        let mut trial = parameters.to_vec();
        for (s, &k) in step.iter().zip(moved) {
            trial[k] = (trial[k] + s * self.scale[k]).clamp(self.low[k], self.high[k]);
        }
        trial
    }

    /// The scaled step from one point to another: what the bounds left of it.
    fn between(&self, from: &[f64], to: &[f64], moved: &[usize]) -> DVector<f64> {
        let each = moved.iter().map(|&k| (to[k] - from[k]) / self.scale[k]);
        DVector::from_iterator(moved.len(), each)
    }
}

/// When a search ends.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    /// Most iterations.
    pub(super) iterations: usize,
    /// Relative gain of an iteration below which it is the last.
    pub(super) least_gain: f64,
    /// What is kept from one iteration to the next.
    pub(super) reuse: Reuse,
}

/// What is kept from one iteration to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reuse {
    /// Derivatives are calculated anew at every point.
    Nothing,
    /// After a step that gained much they are corrected by what the step has shown.
    Jacobian,
}

/// A step that leaves at most this share of the norm has gained much.
const MUCH: f64 = 0.5;

/// Corrections of derivatives before they are calculated anew.
const CORRECTIONS: usize = 4;

/// What came of a minimisation.
#[derive(Clone, Copy)]
pub(super) struct Minimum {
    /// Norm of the residuals.
    pub(super) norm: f64,
    /// Evaluations with and without derivatives.
    pub(super) evaluations: usize,
}

/// Norm below which the residuals are zero.
const EXACT: f64 = 1e-9;

/// Steps tried at one point before the search gives up.
const TRIALS: usize = 6;

/// Columns of derivatives at a point, in scaled parameters, and what remains there.
struct Point {
    columns: Vec<Vec<f64>>,
    residual: Vec<f64>,
    /// Corrections since the derivatives were calculated.
    corrected: usize,
}

impl Point {
    /// Goes on to a point that `step` has led to, with derivatives corrected so that they explain what came
    /// of it and change in no other direction.
    ///
    /// Source: Broyden (1965), A class of methods for solving nonlinear simultaneous equations.
    fn correct(&mut self, step: &DVector<f64>, residual: Vec<f64>) {
        let square = step.norm_squared().max(f64::MIN_POSITIVE);
        let mut surprise: Vec<f64> =
            residual.iter().zip(&self.residual).map(|(after, before)| after - before).collect();
        for (column, s) in self.columns.iter().zip(step.iter()) {
            surprise.iter_mut().zip(column).for_each(|(u, c)| *u -= s * c);
        }
        for (column, s) in self.columns.iter_mut().zip(step.iter()) {
            let share = s / square;
            column.iter_mut().zip(&surprise).for_each(|(c, u)| *c += share * u);
        }
        self.residual = residual;
        self.corrected += 1;
    }
}

/// Lowers the norm of residuals by moving the parameters named by `moved`. `evaluate` gives the
/// residuals at a point, or none where there are none; asked for, it also fills the columns of
/// derivatives by the moved parameters.
pub(super) fn minimise(
    parameters: &mut Vec<f64>,
    moved: &[usize],
    bounds: &Bounds,
    ends: Ends,
    mut evaluate: impl FnMut(&[f64], Option<&mut [Vec<f64>]>) -> Option<Vec<f64>>,
) -> Minimum {
    let mut minimum = Minimum { norm: f64::INFINITY, evaluations: 0 };
    let mut point =
        Point { columns: vec![Vec::new(); moved.len()], residual: Vec::new(), corrected: 0 };
    let mut stale = false;
    let mut damping = 1e-3;
    for _ in 0..ends.iterations {
        if !stale {
            minimum.evaluations += 1;
            let Some(residual) = evaluate(parameters, Some(&mut point.columns)) else { break };
            (point.residual, point.corrected) = (residual, 0);
            for (column, &k) in point.columns.iter_mut().zip(moved) {
                column.iter_mut().for_each(|v| *v *= bounds.scale[k]);
            }
        }
        let before = dot(&point.residual, &point.residual).sqrt();
        minimum.norm = before;
        if before < EXACT || moved.is_empty() {
            break;
        }
        let (matrix, gradient) = normal_equations(&point.columns, &point.residual);
        let mut accepted = None;
        // a failure of derivatives that were corrected calls for new ones, not for a shorter step
        for _ in 0..if stale { 1 } else { TRIALS } {
            let Some(step) = damped_step(&matrix, &gradient, damping) else {
                damping *= 10.0;
                continue;
            };
            let trial = bounds.after(parameters, moved, &step);
            minimum.evaluations += 1;
            let residual = evaluate(&trial, None).map(|r| (dot(&r, &r).sqrt(), r));
            if let Some((norm, residual)) = residual.filter(|(norm, _)| *norm < before) {
                let step = bounds.between(parameters, &trial, moved);
                *parameters = trial;
                minimum.norm = norm;
                damping = (damping * 0.2).max(1e-12);
                accepted = Some((step, residual));
                break;
            }
            damping *= if stale { 1.0 } else { 6.0 };
        }
        let little = minimum.norm > before * (1.0 - ends.least_gain);
        if !stale && (accepted.is_none() || little) {
            break;
        }
        let much = minimum.norm < MUCH * before && point.corrected < CORRECTIONS;
        stale = false;
        if let Some((step, residual)) = accepted.filter(|_| ends.reuse == Reuse::Jacobian && much) {
            point.correct(&step, residual);
            stale = true;
        }
    }
    minimum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(iterations: usize) -> Ends {
        Ends { iterations, least_gain: 1e-6, reuse: Reuse::Jacobian }
    }

    #[test]
    fn a_curved_valley_is_followed_to_its_end() {
        // Rosenbrock's function as two residuals
        let bounds = Bounds { low: vec![-5.0; 2], high: vec![5.0; 2], scale: vec![1.0, 1.0] };
        let mut x = vec![-1.2, 1.0];
        let found = minimise(&mut x, &[0, 1], &bounds, ends(200), |x, columns| {
            if let Some(columns) = columns {
                columns[0] = vec![-20.0 * x[0], -1.0];
                columns[1] = vec![10.0, 0.0];
            }
            Some(vec![10.0 * (x[1] - x[0] * x[0]), 1.0 - x[0]])
        });
        assert!(found.norm < 1e-8, "{}", found.norm);
        assert!((x[0] - 1.0).abs() < 1e-8 && (x[1] - 1.0).abs() < 1e-8);
    }

    #[test]
    fn parameters_stay_within_bounds_and_others_where_they_are() {
        let bounds = Bounds { low: vec![0.0; 2], high: vec![2.0; 2], scale: vec![1.0; 2] };
        let mut x = vec![1.0, 1.0];
        minimise(&mut x, &[0], &bounds, ends(50), |x, columns| {
            if let Some(columns) = columns {
                columns[0] = vec![1.0, 0.0];
            }
            Some(vec![x[0] - 3.0, x[1]])
        });
        assert_eq!(x, [2.0, 1.0]);
    }
}
