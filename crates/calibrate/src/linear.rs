//! Dense linear algebra of small symmetric matrices, row-major.

/// Partial sums of [`dot`], which the compiler keeps in vector registers.
const LANES: usize = 8;

/// Inner product, in an order that does not depend on the machine.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a.zip(b) {
        for k in 0..LANES {
            sums[k] += x[k] * y[k];
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// Lower Cholesky factor `L` of a symmetric matrix: `A = L Lᵀ`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cholesky {
    factor: Vec<f64>,
    n: usize,
}

impl Cholesky {
    /// Factorises `a` of `[n, n]`; otherwise the row of the first pivot that is not positive.
    pub(crate) fn new(a: &[f64], n: usize) -> Result<Self, usize> {
        let mut l = a.to_vec();
        for i in 0..n {
            for j in 0..=i {
                let (upper, lower) = l.split_at(i * n);
                let row_j = if j < i { &upper[j * n..][..j] } else { &lower[..j] };
                let value = l[i * n + j] - dot(&lower[..j], row_j);
                l[i * n + j] = if j < i {
                    value / l[j * n + j]
                } else if value > 0.0 && value.is_finite() {
                    value.sqrt()
                } else {
                    return Err(i);
                };
            }
            l[i * n + i + 1..(i + 1) * n].fill(0.0);
        }
        Ok(Self { factor: l, n })
    }

    /// The factor of a diagonal matrix of positive numbers.
    pub(crate) fn of_diagonal(diagonal: &[f64]) -> Self {
        let n = diagonal.len();
        let mut factor = vec![0.0; n * n];
        diagonal.iter().enumerate().for_each(|(i, v)| factor[i * n + i] = v.sqrt());
        Self { factor, n }
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.factor[i * self.n..][..=i]
    }

    /// Logarithm of the determinant of `A`.
    pub(crate) fn log_det(&self) -> f64 {
        (0..self.n).map(|i| 2.0 * self.row(i)[i].ln()).sum()
    }

    /// `x := L⁻¹ x`.
    pub(crate) fn solve_lower(&self, x: &mut [f64]) {
        for i in 0..self.n {
            let row = self.row(i);
            x[i] = (x[i] - dot(&row[..i], &x[..i])) / row[i];
        }
    }

    /// `x := L⁻ᵀ x`.
    pub(crate) fn solve_upper(&self, x: &mut [f64]) {
        for i in (0..self.n).rev() {
            let row = self.row(i);
            x[i] /= row[i];
            let pivot = x[i];
            x[..i].iter_mut().zip(&row[..i]).for_each(|(x, l)| *x -= l * pivot);
        }
    }

    /// `x := A⁻¹ x`.
    pub(crate) fn solve(&self, x: &mut [f64]) {
        self.solve_lower(x);
        self.solve_upper(x);
    }

    /// `L z`.
    pub(crate) fn multiply_lower(&self, z: &[f64]) -> Vec<f64> {
        (0..self.n).map(|i| dot(self.row(i), &z[..=i])).collect()
    }

    /// `Lᵀ z`.
    pub(crate) fn multiply_upper(&self, z: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.n];
        for (i, z) in z.iter().enumerate() {
            out.iter_mut().zip(self.row(i)).for_each(|(o, l)| *o += l * z);
        }
        out
    }

    /// `A⁻¹`, from the inverse of the factor.
    pub(crate) fn inverse(&self) -> Vec<f64> {
        let n = self.n;
        // row j holds column j of L⁻¹, which is zero before j
        let mut columns = vec![0.0; n * n];
        for (j, column) in columns.chunks_exact_mut(n.max(1)).enumerate() {
            column[j] = 1.0 / self.row(j)[j];
            for i in j + 1..n {
                let row = self.row(i);
                column[i] = -dot(&row[j..i], &column[j..i]) / row[i];
            }
        }
        let mut inverse = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let value = dot(&columns[i * n + i..(i + 1) * n], &columns[j * n + i..(j + 1) * n]);
                inverse[i * n + j] = value;
                inverse[j * n + i] = value;
            }
        }
        inverse
    }
}

/// Rotations after which a symmetric matrix of doubles is diagonal for certain.
const SWEEPS: usize = 60;

/// Eigenvalues of a symmetric matrix, falling, and their unit eigenvectors as rows.
///
/// Source: Golub and VanLoan (2013), cyclic Jacobi, section 8.5.
pub(crate) fn symmetric_eigen(a: &[f64], n: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
    let mut a = a.to_vec();
    let mut vectors: Vec<Vec<f64>> =
        (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    let scale: f64 = a.iter().map(|x| x * x).sum();
    for _ in 0..SWEEPS {
        let off: f64 = (0..n)
            .flat_map(|i| (0..i).map(move |j| (i, j)))
            .map(|(i, j)| a[i * n + j].powi(2))
            .sum();
        if off <= f64::EPSILON.powi(2) * scale {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut a, &mut vectors, n, p, q);
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| a[j * n + j].total_cmp(&a[i * n + i]));
    let values = order.iter().map(|&i| a[i * n + i]).collect();
    (values, order.iter().map(|&i| std::mem::take(&mut vectors[i])).collect())
}

/// One rotation that makes the element `(p, q)` zero.
fn rotate(a: &mut [f64], vectors: &mut [Vec<f64>], n: usize, p: usize, q: usize) {
    let apq = a[p * n + q];
    if apq == 0.0 {
        return;
    }
    let theta = (a[q * n + q] - a[p * n + p]) / (2.0 * apq);
    let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let (c, s) = (1.0 / t.hypot(1.0), t / t.hypot(1.0));
    for k in 0..n {
        let (x, y) = (a[k * n + p], a[k * n + q]);
        (a[k * n + p], a[k * n + q]) = (c * x - s * y, s * x + c * y);
    }
    for k in 0..n {
        let (x, y) = (a[p * n + k], a[q * n + k]);
        (a[p * n + k], a[q * n + k]) = (c * x - s * y, s * x + c * y);
        let (x, y) = (vectors[p][k], vectors[q][k]);
        (vectors[p][k], vectors[q][k]) = (c * x - s * y, s * x + c * y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Vec<f64> {
        vec![4.0, 1.0, 0.5, 1.0, 3.0, -0.2, 0.5, -0.2, 2.0]
    }

    #[test]
    fn a_factor_inverts_its_matrix() {
        let a = example();
        let factor = Cholesky::new(&a, 3).unwrap();
        let inverse = factor.inverse();
        for i in 0..3 {
            for j in 0..3 {
                let product: f64 = (0..3).map(|k| a[i * 3 + k] * inverse[k * 3 + j]).sum();
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-14);
            }
        }
        let determinant: f64 = 4.0 * (6.0 - 0.04) - (2.0 + 0.1) + 0.5 * (-0.2 - 1.5);
        assert!((factor.log_det() - determinant.ln()).abs() < 1e-13);
        let both = factor.multiply_lower(&factor.multiply_upper(&[1.0, 0.0, 0.0]));
        assert!((both[1] - 1.0).abs() < 1e-14);
        assert_eq!(Cholesky::new(&[1.0, 2.0, 2.0, 1.0], 2), Err(1));
    }

    #[test]
    fn eigenvectors_rebuild_their_matrix() {
        let a = example();
        let (values, vectors) = symmetric_eigen(&a, 3);
        assert!(values[0] > values[1] && values[1] > values[2]);
        for i in 0..3 {
            for j in 0..3 {
                let sum: f64 = (0..3).map(|k| values[k] * vectors[k][i] * vectors[k][j]).sum();
                assert!((sum - a[i * 3 + j]).abs() < 1e-13);
            }
        }
    }
}
