//! Linear systems of one band with a border ("arrow" matrices).
//!
//! Unknowns of fields in space, ordered by place, couple in a band; scalars (fields of time only,
//! values at a place that far-away rows need, integrals) couple with everything and form the
//! border:
//!
//! ```text
//! [ B C ] [ x ]   [ b ]      B = L U (banded, partial pivoting),  Y = B^-1 C,
//! [ D E ] [ z ] = [ e ]      S = E - D Y,  z = S^-1 (e - D B^-1 b),  x = B^-1 b - Y z
//! ```
//!
//! Source: Golub & Van Loan, Matrix Computations (4th ed.), 4.3.5 (banded elimination) and 3.2.11
//! (block elimination).
// rows and columns are matrix indices here, and several arrays share them
#![allow(clippy::needless_range_loop)]

/// Sizes of an arrow matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Rows of the band.
    pub(crate) band: usize,
    /// Entries below the diagonal.
    pub(crate) lower: usize,
    /// Entries above the diagonal.
    pub(crate) upper: usize,
    /// Rows of the border.
    pub(crate) border: usize,
}

impl Shape {
    /// Number of unknowns.
    pub(crate) fn size(self) -> usize {
        self.band + self.border
    }
    fn width(self) -> usize {
        self.lower + self.upper + 1
    }
    /// Numbers that an arrow matrix stores.
    pub(crate) fn stored(self) -> usize {
        self.band * (self.width() + 2 * self.border) + self.border * self.border
    }
    /// Where entry (row, column) is stored; the entry must lie in the band or the border.
    pub(crate) fn index(self, row: usize, column: usize) -> usize {
        let (n, k, width) = (self.band, self.border, self.width());
        let (c, d, e) = (n * width, n * (width + k), n * (width + 2 * k));
        match (row < n, column < n) {
            (true, true) => row * width + column + self.lower - row,
            (true, false) => c + row * k + column - n,
            (false, true) => d + (row - n) * n + column,
            (false, false) => e + (row - n) * k + column - n,
        }
    }
}

/// Factors of an arrow matrix.
#[derive(Clone, Debug)]
pub(crate) struct Factors {
    shape: Shape,
    /// Band factors: row i holds columns `i - lower ..= i + upper + lower`.
    band: Vec<f64>,
    /// Reciprocals of the pivots.
    reciprocal: Vec<f64>,
    pivots: Vec<u32>,
    swapped: bool,
    /// `Y`, one column of length `band` per border unknown.
    columns: Vec<f64>,
    rows: Vec<f64>,
    schur: Vec<f64>,
    schur_pivots: Vec<usize>,
}

impl Factors {
    /// Room for the factors of a matrix of this shape.
    pub(crate) fn new(shape: Shape) -> Self {
        let (n, k) = (shape.band, shape.border);
        Self {
            shape,
            band: vec![0.0; n * (shape.width() + shape.lower)],
            reciprocal: vec![0.0; n],
            pivots: vec![0; n],
            swapped: false,
            columns: vec![0.0; n * k],
            rows: vec![0.0; n * k],
            schur: vec![0.0; k * k],
            schur_pivots: vec![0; k],
        }
    }

    /// Factors `diag(diagonal) - diag(scale) J`. False if a pivot is zero or not finite.
    pub(crate) fn factor(&mut self, diagonal: &[f64], scale: &[f64], jacobian: &[f64]) -> bool {
        let Shape { band: n, border: k, lower, .. } = self.shape;
        let width = self.shape.width();
        let wide = width + lower;
        for i in 0..n {
            let row = &mut self.band[i * wide..(i + 1) * wide];
            for (a, j) in row.iter_mut().zip(&jacobian[i * width..(i + 1) * width]) {
                *a = -scale[i] * j;
            }
            row[width..].fill(0.0);
            row[lower] += diagonal[i];
        }
        if !self.eliminate() {
            return false;
        }
        if k == 0 {
            return true;
        }
        let (c, d, e) = (n * width, n * (width + k), n * (width + 2 * k));
        let mut columns = std::mem::take(&mut self.columns);
        for q in 0..k {
            let column = &mut columns[q * n..(q + 1) * n];
            for (i, entry) in column.iter_mut().enumerate() {
                *entry = -scale[i] * jacobian[c + i * k + q];
            }
            self.solve_band(column);
        }
        self.columns = columns;
        for p in 0..k {
            for (r, j) in self.rows[p * n..][..n].iter_mut().zip(&jacobian[d + p * n..e]) {
                *r = -scale[n + p] * j;
            }
            for q in 0..k {
                let mut s = -scale[n + p] * jacobian[e + p * k + q];
                if p == q {
                    s += diagonal[n + p];
                }
                let (row, column) = (&self.rows[p * n..][..n], &self.columns[q * n..][..n]);
                s -= dot(row, column);
                self.schur[p * k + q] = s;
            }
        }
        factor_dense(&mut self.schur, &mut self.schur_pivots)
    }

    /// Solves in place.
    pub(crate) fn solve(&self, x: &mut [f64]) {
        let Shape { band: n, border: k, .. } = self.shape;
        let (bulk, border) = x.split_at_mut(n);
        self.solve_band(bulk);
        if k == 0 {
            return;
        }
        for (p, z) in border.iter_mut().enumerate() {
            *z -= dot(&self.rows[p * n..][..n], bulk);
        }
        solve_dense(&self.schur, &self.schur_pivots, border);
        for (q, &z) in border.iter().enumerate() {
            for (b, y) in bulk.iter_mut().zip(&self.columns[q * n..][..n]) {
                *b -= y * z;
            }
        }
    }

    fn eliminate(&mut self) -> bool {
        let Shape { band: n, lower, upper, .. } = self.shape;
        let wide = self.shape.width() + lower;
        self.swapped = false;
        for k in 0..n {
            let last = (k + lower).min(n - 1);
            let mut pivot = k;
            let mut largest = self.band[k * wide + lower].abs();
            for i in k + 1..=last {
                let candidate = self.band[i * wide + k + lower - i].abs();
                if candidate > 8.0 * largest {
                    pivot = i;
                    largest = candidate;
                }
            }
            self.pivots[k] = pivot as u32;
            self.swapped |= pivot != k;
            // columns k .. end of row k can be non-zero
            let end = (k + 1 + upper + if self.swapped { lower } else { 0 }).min(n);
            if pivot != k {
                for j in k..end {
                    self.band.swap(k * wide + j + lower - k, pivot * wide + j + lower - pivot);
                }
            }
            let reciprocal = 1.0 / self.band[k * wide + lower];
            if !reciprocal.is_finite() {
                return false;
            }
            self.reciprocal[k] = reciprocal;
            let (upper_part, lower_part) = self.band.split_at_mut((k + 1) * wide);
            let top = &upper_part[k * wide + lower + 1..k * wide + lower + end - k];
            for i in k + 1..=last {
                let start = (i - k - 1) * wide + k + lower - i;
                let row = &mut lower_part[start..start + end - k];
                let factor = row[0] * reciprocal;
                row[0] = factor;
                if factor != 0.0 {
                    for (a, t) in row[1..].iter_mut().zip(top) {
                        *a -= factor * t;
                    }
                }
            }
        }
        // upper rows are kept divided by their pivot
        for (row, reciprocal) in self.band.chunks_exact_mut(wide).zip(&self.reciprocal) {
            row[lower + 1..].iter_mut().for_each(|a| *a *= reciprocal);
        }
        true
    }

    fn solve_band(&self, x: &mut [f64]) {
        let Shape { lower, upper, .. } = self.shape;
        match (self.swapped, lower, upper) {
            (false, 1, 1) => self.sweep::<1, 1, 4>(x),
            (false, 2, 1) => self.sweep::<2, 1, 6>(x),
            (false, 3, 1) => self.sweep::<3, 1, 8>(x),
            (false, 2, 2) => self.sweep::<2, 2, 7>(x),
            (false, 3, 2) => self.sweep::<3, 2, 9>(x),
            (false, 3, 3) => self.sweep::<3, 3, 10>(x),
            _ => self.solve_swapped(x),
        }
    }

    /// Substitution with the loops over a narrow band unrolled; `W = 2 L + U + 1`,
    /// L and U at most 3.
    fn sweep<const L: usize, const U: usize, const W: usize>(&self, x: &mut [f64]) {
        let (rows, _) = self.band.as_chunks::<W>();
        // the last three unknowns stay in registers, and the newest enters last: its latency is
        // what the next row waits for. Entries outside the matrix are zero
        let (mut near, mut next, mut far) = (0.0, 0.0, 0.0);
        for (x, row) in x.iter_mut().zip(rows) {
            let mut value = *x;
            if L >= 3 {
                value -= row[L - 3] * far;
            }
            if L >= 2 {
                value -= row[L - 2] * next;
            }
            value -= row[L - 1] * near;
            *x = value;
            (far, next, near) = (next, near, value);
        }
        (near, next, far) = (0.0, 0.0, 0.0);
        for ((x, row), reciprocal) in x.iter_mut().zip(rows).zip(&self.reciprocal).rev() {
            let mut value = *x * reciprocal;
            if U >= 3 {
                value -= row[L + 3] * far;
            }
            if U >= 2 {
                value -= row[L + 2] * next;
            }
            value -= row[L + 1] * near;
            *x = value;
            (far, next, near) = (next, near, value);
        }
    }

    fn solve_swapped(&self, x: &mut [f64]) {
        let Shape { band: n, lower, upper, .. } = self.shape;
        let wide = self.shape.width() + lower;
        for k in 0..n {
            let pivot = self.pivots[k] as usize;
            if pivot != k {
                x.swap(k, pivot);
            }
            let value = x[k];
            let last = (k + lower).min(n - 1);
            for i in k + 1..=last {
                x[i] -= self.band[i * wide + k + lower - i] * value;
            }
        }
        let reach = if self.swapped { upper + lower } else { upper };
        for k in (0..n).rev() {
            let count = reach.min(n - 1 - k);
            let row = &self.band[k * wide + lower + 1..][..count];
            let mut value = x[k] * self.reciprocal[k];
            for (a, b) in row.iter().zip(&x[k + 1..]) {
                value -= a * b;
            }
            x[k] = value;
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// LU with partial pivoting of a dense row-major matrix, in place. False if singular.
pub(crate) fn factor_dense(a: &mut [f64], pivots: &mut [usize]) -> bool {
    let n = pivots.len();
    for k in 0..n {
        let mut pivot = k;
        for i in k + 1..n {
            if a[i * n + k].abs() > a[pivot * n + k].abs() {
                pivot = i;
            }
        }
        pivots[k] = pivot;
        if pivot != k {
            for j in 0..n {
                a.swap(k * n + j, pivot * n + j);
            }
        }
        let reciprocal = 1.0 / a[k * n + k];
        if !reciprocal.is_finite() {
            return false;
        }
        for i in k + 1..n {
            let factor = a[i * n + k] * reciprocal;
            a[i * n + k] = factor;
            if factor != 0.0 {
                for j in k + 1..n {
                    a[i * n + j] -= factor * a[k * n + j];
                }
            }
        }
    }
    true
}

/// Solves with the factors of [`factor_dense`], in place.
pub(crate) fn solve_dense(a: &[f64], pivots: &[usize], x: &mut [f64]) {
    let n = pivots.len();
    for k in 0..n {
        x.swap(k, pivots[k]);
    }
    for i in 1..n {
        x[i] -= dot(&a[i * n..i * n + i], &x[..i]);
    }
    for i in (0..n).rev() {
        x[i] = (x[i] - dot(&a[i * n + i + 1..(i + 1) * n], &x[i + 1..])) / a[i * n + i];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: &mut u64) -> f64 {
        *seed =
            seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    fn check(shape: Shape, diagonal_size: f64) {
        let mut seed = 7;
        let n = shape.size();
        let mut jacobian = vec![0.0; shape.stored()];
        let mut dense = vec![0.0; n * n];
        let diagonal: Vec<f64> = (0..n).map(|_| diagonal_size).collect();
        for i in 0..n {
            dense[i * n + i] = diagonal[i];
            for j in 0..n {
                let banded = j + shape.lower >= i && j <= i + shape.upper;
                if i >= shape.band || j >= shape.band || banded {
                    let value = noise(&mut seed);
                    jacobian[shape.index(i, j)] = value;
                    dense[i * n + j] -= value;
                }
            }
        }
        let expected: Vec<f64> = (0..n).map(|_| noise(&mut seed)).collect();
        let mut x: Vec<f64> = (0..n).map(|i| dot(&dense[i * n..(i + 1) * n], &expected)).collect();
        let mut factors = Factors::new(shape);
        assert!(factors.factor(&diagonal, &vec![1.0; n], &jacobian));
        factors.solve(&mut x);
        for (a, b) in x.iter().zip(&expected) {
            assert!((a - b).abs() < 1e-9, "{a} {b}");
        }
    }

    #[test]
    fn arrow_systems_of_every_shape_are_solved() {
        for (band, lower, upper, border) in
            [(12, 1, 1, 0), (30, 3, 2, 0), (20, 2, 5, 3), (0, 0, 0, 4), (9, 4, 0, 1), (1, 0, 0, 0)]
        {
            check(Shape { band, lower, upper, border }, 0.0);
            check(Shape { band, lower, upper, border }, 5.0);
        }
    }

    #[test]
    fn a_singular_matrix_is_reported() {
        let shape = Shape { band: 3, lower: 1, upper: 1, border: 0 };
        assert!(!Factors::new(shape).factor(&[0.0; 3], &[1.0; 3], &vec![0.0; shape.stored()]));
    }
}
