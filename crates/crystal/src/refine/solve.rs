//! The damped normal equations.

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
pub(super) fn normal_equations(
    columns: &[Vec<f64>],
    residual: &[f64],
) -> (DMatrix<f64>, DVector<f64>) {
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
pub(super) fn damped_step(
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
