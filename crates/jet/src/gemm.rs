//! One register-blocked matrix product with general strides, and the two small kernels beside it.
//!
//! C[m][n] (+)= sum_k A[m][k] B[k][n], with points in the lanes of B and C: A is broadcast, so a
//! layer's forward product, its transpose and (after a transposition of the activations) its
//! weight gradient are the same loop. Row blocks are balanced (33 rows are 7+7+7+6+6, not 8*4+1),
//! so odd widths keep the registers full. Products of `k` are summed in order: deterministic.

use crate::simd::{LINE, Lanes};

/// Operands of a product; `columns` is a multiple of [`LINE`].
pub(crate) struct Product {
    pub(crate) rows: usize,
    pub(crate) depth: usize,
    pub(crate) columns: usize,
    /// A[m][k] at `a[m * a_row + k * a_depth]`.
    pub(crate) a: *const f64,
    pub(crate) a_row: usize,
    pub(crate) a_depth: usize,
    /// B[k][n] at `b[k * b_row + n]`.
    pub(crate) b: *const f64,
    pub(crate) b_row: usize,
    /// C[m][n] at `c[m * c_row + n]`.
    pub(crate) c: *mut f64,
    pub(crate) c_row: usize,
    /// Add to C instead of overwriting it.
    pub(crate) accumulate: bool,
}

/// Whole product, blocked for the registers.
///
/// # Safety
/// The instruction set of `V` is available and all addressed elements are valid.
#[inline(always)]
pub(crate) unsafe fn product<V: Lanes>(p: &Product) {
    let vectors = p.columns / V::N;
    let panels = vectors.div_ceil(V::VECTORS);
    let mut column = 0;
    for panel in 0..panels {
        let width = balanced(vectors, panels, panel);
        // SAFETY: panels partition the columns; the rest is this function's contract.
        unsafe {
            match width {
                1 => row_blocks::<V, 1>(p, column),
                2 => row_blocks::<V, 2>(p, column),
                _ => row_blocks::<V, 3>(p, column),
            }
        }
        column += width * V::N;
    }
}

/// Size of part `index` of `total` split into `parts` which differ by at most one.
#[inline(always)]
fn balanced(total: usize, parts: usize, index: usize) -> usize {
    total / parts + usize::from(index < total % parts)
}

/// All row blocks of one column panel.
///
/// # Safety
/// As [`product`]; `W * V::N` columns from `column` exist.
#[inline(always)]
unsafe fn row_blocks<V: Lanes, const W: usize>(p: &Product, column: usize) {
    let blocks = p.rows.div_ceil(V::ROWS);
    let mut row = 0;
    for block in 0..blocks {
        let height = balanced(p.rows, blocks, block);
        // SAFETY: blocks partition the rows; the rest is this function's contract.
        unsafe {
            match height {
                1 => micro::<V, 1, W>(p, row, column),
                2 => micro::<V, 2, W>(p, row, column),
                3 if V::ROWS > 2 => micro::<V, 3, W>(p, row, column),
                4 if V::ROWS > 2 => micro::<V, 4, W>(p, row, column),
                5 if V::ROWS > 4 => micro::<V, 5, W>(p, row, column),
                6 if V::ROWS > 4 => micro::<V, 6, W>(p, row, column),
                7 if V::ROWS > 4 => micro::<V, 7, W>(p, row, column),
                _ if V::ROWS > 4 => micro::<V, 8, W>(p, row, column),
                _ => unreachable!("row blocks are at most V::ROWS high"),
            }
        }
        row += height;
    }
}

/// `M` rows by `W` vectors of C, held in registers over the whole depth.
///
/// # Safety
/// As [`product`]; the block lies inside C.
#[inline(always)]
unsafe fn micro<V: Lanes, const M: usize, const W: usize>(p: &Product, row: usize, column: usize) {
    // SAFETY: all offsets are inside the operands by the contract.
    unsafe {
        let mut sum = [[V::splat(0.0); W]; M];
        let mut a = p.a.add(row * p.a_row);
        let mut b = p.b.add(column);
        for _ in 0..p.depth {
            let mut b_k = [V::splat(0.0); W];
            for (w, b_k) in b_k.iter_mut().enumerate() {
                *b_k = V::load(b.add(w * V::N));
            }
            for (m, sum) in sum.iter_mut().enumerate() {
                let a_mk = V::splat(*a.add(m * p.a_row));
                for w in 0..W {
                    sum[w] = a_mk.fma(b_k[w], sum[w]);
                }
            }
            a = a.add(p.a_depth);
            b = b.add(p.b_row);
        }
        for (m, sum) in sum.iter().enumerate() {
            let c = p.c.add((row + m) * p.c_row + column);
            for (w, &sum) in sum.iter().enumerate() {
                let c = c.add(w * V::N);
                if p.accumulate { V::load(c).add(sum).store(c) } else { sum.store(c) }
            }
        }
    }
}

/// Transposition of `rows` x `columns` (a multiple of [`LINE`]) at `src` into `columns` rows at
/// `dst`, whose lanes from `rows` up to the next multiple of [`LINE`] become zero.
pub(crate) struct Transposition {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) src: *const f64,
    pub(crate) src_row: usize,
    pub(crate) dst: *mut f64,
    pub(crate) dst_row: usize,
}

/// # Safety
/// The instruction set of `V` is available and all addressed elements are valid.
#[inline(always)]
pub(crate) unsafe fn transpose<V: Lanes>(t: &Transposition) {
    for row in (0..t.rows.next_multiple_of(LINE)).step_by(V::N) {
        let rows = t.rows.saturating_sub(row);
        for column in (0..t.columns).step_by(V::N) {
            // SAFETY: the block is inside both operands; `rows` guards the last row block.
            unsafe {
                let src = t.src.wrapping_add(row * t.src_row + column);
                let dst = t.dst.add(column * t.dst_row + row);
                V::transpose(src, t.src_row, rows, dst, t.dst_row);
            }
        }
    }
}

/// Per-point outer products of one layer:
/// `jac[j * inputs + i][p] = sum_s q[j][s][p] a[i][s][p]`.
pub(crate) struct Outer {
    pub(crate) outputs: usize,
    pub(crate) inputs: usize,
    pub(crate) streams: usize,
    pub(crate) tile: usize,
    pub(crate) q: *const f64,
    pub(crate) q_row: usize,
    pub(crate) a: *const f64,
    pub(crate) a_row: usize,
    /// `[outputs * inputs][tile]`
    pub(crate) jac: *mut f64,
}

/// # Safety
/// The instruction set of `V` is available and all addressed elements are valid.
#[inline(always)]
pub(crate) unsafe fn outer<V: Lanes>(o: &Outer) {
    for j in 0..o.outputs {
        // Two inputs at a time share the loads of q.
        for i in (0..o.inputs).step_by(2) {
            let pair = i + 1 < o.inputs;
            for p in (0..o.tile).step_by(V::N) {
                // SAFETY: j, i, p are inside the operands; the second row only if it exists.
                unsafe {
                    let q = o.q.add(j * o.q_row + p);
                    let a0 = o.a.add(i * o.a_row + p);
                    let a1 = if pair { a0.add(o.a_row) } else { a0 };
                    let (mut s0, mut s1) = (V::splat(0.0), V::splat(0.0));
                    for s in 0..o.streams {
                        let q = V::load(q.add(s * o.tile));
                        s0 = q.fma(V::load(a0.add(s * o.tile)), s0);
                        s1 = q.fma(V::load(a1.add(s * o.tile)), s1);
                    }
                    let jac = o.jac.add((j * o.inputs + i) * o.tile + p);
                    s0.store(jac);
                    if pair {
                        s1.store(jac.add(o.tile));
                    }
                }
            }
        }
    }
}
