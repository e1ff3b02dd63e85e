//! Dense linear systems of some tens of unknowns: LU with row exchanges.

/// A square matrix, and its factors once it was factored.
#[derive(Debug, Clone)]
pub(super) struct Dense {
    pub(super) n: usize,
    /// Row-major.
    pub(super) a: Vec<f64>,
    pivots: Vec<usize>,
}

impl Dense {
    pub(super) fn zeros(n: usize) -> Self {
        Self { n, a: vec![0.0; n * n], pivots: vec![0; n] }
    }

    pub(super) fn clear(&mut self) {
        self.a.fill(0.0);
    }

    pub(super) fn add(&mut self, row: usize, column: usize, value: f64) {
        self.a[row * self.n + column] += value;
    }

    /// Replaces the matrix by its factors; false where it is singular or not finite.
    pub(super) fn factor(&mut self) -> bool {
        let n = self.n;
        for k in 0..n {
            let mut p = k;
            for i in k + 1..n {
                if self.a[i * n + k].abs() > self.a[p * n + k].abs() {
                    p = i;
                }
            }
            self.pivots[k] = p;
            if p != k {
                for j in 0..n {
                    self.a.swap(k * n + j, p * n + j);
                }
            }
            let pivot = self.a[k * n + k];
            if pivot == 0.0 || !pivot.is_finite() {
                return false;
            }
            let (above, below) = self.a.split_at_mut((k + 1) * n);
            let head = &above[k * n + k + 1..];
            for row in below.chunks_exact_mut(n) {
                let factor = row[k] / pivot;
                row[k] = factor;
                if factor != 0.0 {
                    for (x, y) in row[k + 1..].iter_mut().zip(head) {
                        *x -= factor * y;
                    }
                }
            }
        }
        true
    }

    /// Replaces a right-hand side by the solution, after `factor`.
    pub(super) fn solve(&self, b: &mut [f64]) {
        let n = self.n;
        for k in 0..n {
            b.swap(k, self.pivots[k]);
        }
        for i in 0..n {
            let known: f64 = (0..i).map(|j| self.a[i * n + j] * b[j]).sum();
            b[i] -= known;
        }
        for i in (0..n).rev() {
            let known: f64 = (i + 1..n).map(|j| self.a[i * n + j] * b[j]).sum();
            b[i] = (b[i] - known) / self.a[i * n + i];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_that_needs_exchanges_is_solved() {
        let mut m = Dense::zeros(3);
        m.a = vec![0.0, 2.0, 1.0, 1.0, -1.0, 0.5, 3.0, 0.0, -2.0];
        let (a, x) = (m.a.clone(), [1.0, -2.0, 4.0]);
        let mut b: Vec<f64> =
            a.chunks(3).map(|r| r.iter().zip(x).map(|(a, x)| a * x).sum()).collect();
        assert!(m.factor());
        m.solve(&mut b);
        assert!(b.iter().zip(x).all(|(b, x)| (b - x).abs() < 1e-14), "{b:?}");
        assert!(!Dense::zeros(2).factor());
    }
}
