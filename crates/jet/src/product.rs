//! Products of f32 matrices stored row after row.
//!
//! `gemm` does the work. faer's products are not used here: a program that multiplied strided views of f32
//! with them (faer 0.24.4) ended with a damaged heap, and with `gemm` in their place did not.

use gemm::Parallelism;

/// Rows of a larger array: `columns` numbers every `stride`.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// The array from the first number on.
    pub data: &'a [f32],
    /// Number of rows.
    pub rows: usize,
    /// Numbers of a row.
    pub columns: usize,
    /// From one row to the next; at least `columns`.
    pub stride: usize,
}

impl<'a> Rows<'a> {
    /// Rows without gaps.
    #[must_use]
    pub const fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self { data, rows, columns, stride: columns }
    }
}

/// The same, to write to.
#[derive(Debug)]
pub struct RowsMut<'a> {
    /// The array from the first number on.
    pub data: &'a mut [f32],
    /// Number of rows.
    pub rows: usize,
    /// Numbers of a row.
    pub columns: usize,
    /// From one row to the next; at least `columns`.
    pub stride: usize,
}

impl<'a> RowsMut<'a> {
    /// Rows without gaps.
    #[must_use]
    pub const fn new(data: &'a mut [f32], rows: usize, columns: usize) -> Self {
        Self { data, rows, columns, stride: columns }
    }
}

/// Whether a product replaces what is there or is added to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Into {
    /// What is there is not read.
    Replace,
    /// The product is added.
    Add,
}

/// A factor as the kernel sees it: sizes, and steps from one column and row to the next.
struct Operand<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    column_step: usize,
    row_step: usize,
}

impl<'a> From<Rows<'a>> for Operand<'a> {
    fn from(m: Rows<'a>) -> Self {
        Self { data: m.data, rows: m.rows, columns: m.columns, column_step: 1, row_step: m.stride }
    }
}

impl Operand<'_> {
    const fn transposed(self) -> Self {
        Self {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            column_step: self.row_step,
            row_step: self.column_step,
        }
    }
}

/// Whether rows lie within their array, apart from each other.
const fn fits(len: usize, rows: usize, columns: usize, stride: usize) -> bool {
    rows == 0 || columns == 0 || (stride >= columns && (rows - 1) * stride + columns <= len)
}

/// `out = factor a b`, or `out += factor a b`.
///
/// # Panics
/// If sizes do not fit.
pub fn product(out: RowsMut<'_>, into: Into, a: Rows<'_>, b: Rows<'_>, factor: f32) {
    assert!(fits(a.data.len(), a.rows, a.columns, a.stride));
    assert!(fits(b.data.len(), b.rows, b.columns, b.stride));
    multiply(out, into, &a.into(), &b.into(), factor);
}

/// `out = factor a b^T`, or the same added.
///
/// # Panics
/// If sizes do not fit.
pub fn product_bt(out: RowsMut<'_>, into: Into, a: Rows<'_>, b: Rows<'_>, factor: f32) {
    assert!(fits(a.data.len(), a.rows, a.columns, a.stride));
    assert!(fits(b.data.len(), b.rows, b.columns, b.stride));
    multiply(out, into, &a.into(), &Operand::from(b).transposed(), factor);
}

/// `out = factor a^T b`, or the same added.
///
/// # Panics
/// If sizes do not fit.
pub fn product_at(out: RowsMut<'_>, into: Into, a: Rows<'_>, b: Rows<'_>, factor: f32) {
    assert!(fits(a.data.len(), a.rows, a.columns, a.stride));
    assert!(fits(b.data.len(), b.rows, b.columns, b.stride));
    multiply(out, into, &Operand::from(a).transposed(), &b.into(), factor);
}

fn multiply(out: RowsMut<'_>, into: Into, a: &Operand<'_>, b: &Operand<'_>, factor: f32) {
    assert!(out.rows == a.rows && out.columns == b.columns && a.columns == b.rows);
    assert!(fits(out.data.len(), out.rows, out.columns, out.stride));
    if out.rows == 0 || out.columns == 0 {
        return;
    }
    let step = |s: usize| s.cast_signed();
    // SAFETY: the callers checked that both factors lie within their slices, and above the same is
    // checked for the result, whose rows do not overlap as its stride is at least its columns.
    unsafe {
        gemm::gemm(
            out.rows,
            out.columns,
            a.columns,
            out.data.as_mut_ptr(),
            1,
            step(out.stride),
            into == Into::Add,
            a.data.as_ptr(),
            step(a.column_step),
            step(a.row_step),
            b.data.as_ptr(),
            step(b.column_step),
            step(b.row_step),
            1.0,
            factor,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random.
    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn products_are_sums_and_write_nothing_else() {
        for (m, n, k, gap) in
            [(1, 1, 1, 0), (7, 5, 3, 2), (33, 17, 58, 5), (70, 32, 70, 64), (3, 128, 40, 9)]
        {
            let a = numbers(m * (k + gap), 1);
            let at = numbers(k * (m + gap), 2);
            let b = numbers(k * (n + gap), 3);
            let bt = numbers(n * (k + gap), 4);
            let strided = |data, rows, columns| Rows { data, rows, columns, stride: columns + gap };
            for which in 0..3 {
                for into in [Into::Replace, Into::Add] {
                    let before = numbers(m * (n + gap), 5);
                    let mut out = before.clone();
                    let target = RowsMut { data: &mut out, rows: m, columns: n, stride: n + gap };
                    match which {
                        0 => product(target, into, strided(&a, m, k), strided(&b, k, n), 0.5),
                        1 => product_bt(target, into, strided(&a, m, k), strided(&bt, n, k), 0.5),
                        _ => product_at(target, into, strided(&at, k, m), strided(&b, k, n), 0.5),
                    }
                    for i in 0..m {
                        for j in 0..n + gap {
                            let place = i * (n + gap) + j;
                            if j >= n {
                                assert_eq!(out[place], before[place]);
                                continue;
                            }
                            let term = |l: usize| match which {
                                0 => a[i * (k + gap) + l] * b[l * (n + gap) + j],
                                1 => a[i * (k + gap) + l] * bt[j * (k + gap) + l],
                                _ => at[l * (m + gap) + i] * b[l * (n + gap) + j],
                            };
                            let mut sum: f32 = 0.5 * (0..k).map(term).sum::<f32>();
                            if into == Into::Add {
                                sum += before[place];
                            }
                            assert!((out[place] - sum).abs() < 1e-5, "{which} {m} {n} {k}");
                        }
                    }
                }
            }
        }
    }
}
