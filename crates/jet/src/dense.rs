//! Dense kernels of quasi-Newton methods: the fused update-and-multiply pass over the inverse
//! Hessian, dot products and vector sums, with SIMD chosen at run time.
#![allow(unsafe_code)]

/// A symmetric correction of rank two: `H ← c H + a u u' + b (u v' + v u') + d v v'`.
#[derive(Clone, Debug, PartialEq)]
pub struct RankTwo {
    /// Factor on the old matrix.
    pub c: f64,
    /// Coefficient of `u u'`.
    pub a: f64,
    /// Coefficient of `u v' + v u'`.
    pub b: f64,
    /// Coefficient of `v v'`.
    pub d: f64,
    /// First vector.
    pub u: Vec<f64>,
    /// Second vector.
    pub v: Vec<f64>,
}

/// Applies `update` to rows `first..first + out.len()` of the `n x n` matrix, of which `rows` holds
/// just those, and writes their products with `x` to `out`. One pass over memory.
pub fn update_and_multiply(
    rows: &mut [f64],
    n: usize,
    first: usize,
    update: Option<&RankTwo>,
    x: &[f64],
    out: &mut [f64],
) {
    assert!(rows.len() == out.len() * n && x.len() == n, "shapes of update_and_multiply");
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("fma") {
            // SAFETY: the features were just detected.
            return unsafe { pass_avx512(rows, n, first, update, x, out) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the features were just detected.
            return unsafe { pass_avx2(rows, n, first, update, x, out) };
        }
    }
    pass(rows, n, first, update, x, out);
}

/// `Σ a_i b_i`, in a fixed order for one machine.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut sums = [0.0f64; LANES];
    let (ac, bc) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f64 = ac.remainder().iter().zip(bc.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in ac.zip(bc) {
        for l in 0..LANES {
            sums[l] += x[l] * y[l];
        }
    }
    sums.iter().sum::<f64>() + rest
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,fma,avx2")]
fn pass_avx512(
    rows: &mut [f64],
    n: usize,
    first: usize,
    update: Option<&RankTwo>,
    x: &[f64],
    out: &mut [f64],
) {
    pass(rows, n, first, update, x, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "fma,avx2")]
fn pass_avx2(
    rows: &mut [f64],
    n: usize,
    first: usize,
    update: Option<&RankTwo>,
    x: &[f64],
    out: &mut [f64],
) {
    pass(rows, n, first, update, x, out);
}

#[inline(always)]
fn pass(
    rows: &mut [f64],
    n: usize,
    first: usize,
    update: Option<&RankTwo>,
    x: &[f64],
    out: &mut [f64],
) {
    for (i, (row, out)) in rows.chunks_exact_mut(n).zip(out.iter_mut()).enumerate() {
        *out = match update {
            None => row_dot(row, x),
            Some(r) => {
                let (ui, vi) = (r.u[first + i], r.v[first + i]);
                let on_u = r.a * ui + r.b * vi;
                let on_v = r.b * ui + r.d * vi;
                row_update(row, x, r, on_u, on_v)
            }
        };
    }
}

const LANES: usize = 8;
const BLOCKS: usize = 4;

#[inline(always)]
fn row_dot(row: &[f64], x: &[f64]) -> f64 {
    let mut sums = [[0.0f64; LANES]; BLOCKS];
    let step = LANES * BLOCKS;
    let whole = row.len() / step * step;
    for (r, x) in row[..whole].chunks_exact(step).zip(x[..whole].chunks_exact(step)) {
        for b in 0..BLOCKS {
            for l in 0..LANES {
                sums[b][l] = r[b * LANES + l].mul_add(x[b * LANES + l], sums[b][l]);
            }
        }
    }
    let mut total = 0.0;
    for (r, x) in row[whole..].iter().zip(&x[whole..]) {
        total += r * x;
    }
    reduce(&sums) + total
}

#[inline(always)]
fn row_update(row: &mut [f64], x: &[f64], r: &RankTwo, on_u: f64, on_v: f64) -> f64 {
    let mut sums = [[0.0f64; LANES]; BLOCKS];
    let step = LANES * BLOCKS;
    let whole = row.len() / step * step;
    let (mut k, c) = (0, r.c);
    while k < whole {
        let h: &mut [f64] = &mut row[k..k + step];
        let (u, v, x) = (&r.u[k..k + step], &r.v[k..k + step], &x[k..k + step]);
        for (b, block) in sums.iter_mut().enumerate() {
            for (l, sum) in block.iter_mut().enumerate() {
                let j = b * LANES + l;
                let value = c.mul_add(h[j], on_u.mul_add(u[j], on_v * v[j]));
                h[j] = value;
                *sum = value.mul_add(x[j], *sum);
            }
        }
        k += step;
    }
    let mut total = 0.0;
    for j in whole..row.len() {
        let value = c.mul_add(row[j], on_u.mul_add(r.u[j], on_v * r.v[j]));
        row[j] = value;
        total += value * x[j];
    }
    reduce(&sums) + total
}

#[inline(always)]
fn reduce(sums: &[[f64; LANES]; BLOCKS]) -> f64 {
    let mut lanes = [0.0; LANES];
    for block in sums {
        for l in 0..LANES {
            lanes[l] += block[l];
        }
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fused_pass_equals_the_plain_formula() {
        let n = 75;
        let value = |i: usize| ((i * 37 + 11) % 101) as f64 / 50.0 - 1.0;
        let h: Vec<f64> = (0..n * n).map(value).collect();
        let vector = |k: usize| (0..n).map(|i| value(i * k + k)).collect::<Vec<f64>>();
        let (u, v, x) = (vector(3), vector(7), vector(13));
        let r = RankTwo { c: 0.7, a: 0.3, b: -0.2, d: 1.1, u, v };
        let (mut rows, mut out) = (h.clone(), vec![0.0; n]);
        update_and_multiply(&mut rows, n, 0, Some(&r), &x, &mut out);
        for i in 0..n {
            let mut product = 0.0;
            for j in 0..n {
                let want = r.c * h[i * n + j]
                    + r.a * r.u[i] * r.u[j]
                    + r.b * (r.u[i] * r.v[j] + r.v[i] * r.u[j])
                    + r.d * r.v[i] * r.v[j];
                assert!((rows[i * n + j] - want).abs() < 1e-14);
                product += want * x[j];
            }
            assert!((out[i] - product).abs() < 1e-12);
        }
        let mut again = vec![0.0; n];
        update_and_multiply(&mut rows, n, 0, None, &x, &mut again);
        assert!(out.iter().zip(&again).all(|(a, b)| (a - b).abs() < 1e-12));
    }
}
