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

    /// Becomes the rows and columns of another matrix from `first` on.
    pub(super) fn copy_corner(&mut self, other: &Self, first: usize) {
        for (row, from) in
            self.a.chunks_exact_mut(self.n).zip(other.a.chunks_exact(other.n).skip(first))
        {
            row.copy_from_slice(&from[first..]);
        }
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
            let row = &self.a[i * n..(i + 1) * n];
            b[i] -= dot(&row[..i], &b[..i]);
        }
        for i in (0..n).rev() {
            let row = &self.a[i * n..(i + 1) * n];
            b[i] = (b[i] - dot(&row[i + 1..], &b[i + 1..])) / row[i];
        }
    }

    /// The same for `N` right-hand sides at once, `[n][N]`.
    pub(super) fn solve_all<const N: usize>(&self, b: &mut [[f64; N]]) {
        let n = self.n;
        for k in 0..n {
            b.swap(k, self.pivots[k]);
        }
        let reduce = |row: &mut [f64; N], known: &[[f64; N]], factors: &[f64]| {
            for (known, factor) in known.iter().zip(factors) {
                for (x, y) in row.iter_mut().zip(known) {
                    *x -= factor * y;
                }
            }
        };
        for i in 0..n {
            let (known, rest) = b.split_at_mut(i);
            reduce(&mut rest[0], known, &self.a[i * n..i * n + i]);
        }
        for i in (0..n).rev() {
            let (rest, known) = b.split_at_mut(i + 1);
            let row = &self.a[i * n..(i + 1) * n];
            reduce(&mut rest[i], known, &row[i + 1..]);
            rest[i] = rest[i].map(|x| x / row[i]);
        }
    }
}

/// Sum of products, in four parts so that they need not wait for each other.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (mut parts, mut rest) = ([0.0; 4], 0.0);
    let (a4, b4) = (a.chunks_exact(4), b.chunks_exact(4));
    for (x, y) in a4.remainder().iter().zip(b4.remainder()) {
        rest += x * y;
    }
    for (x, y) in a4.zip(b4) {
        for k in 0..4 {
            parts[k] += x[k] * y[k];
        }
    }
    rest + parts.iter().sum::<f64>()
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
        let mut all: Vec<[f64; 2]> = b.iter().map(|b| [*b, -2.0 * b]).collect();
        m.solve_all(&mut all);
        m.solve(&mut b);
        assert!(
            all.iter()
                .zip(&b)
                .all(|(all, b)| (all[0] - b).abs() + (all[1] + 2.0 * b).abs() < 1e-13)
        );
        assert!(b.iter().zip(x).all(|(b, x)| (b - x).abs() < 1e-14), "{b:?}");
        assert!(!Dense::zeros(2).factor());
    }
}
