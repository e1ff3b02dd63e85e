//! Activations of derivative streams, forward and reverse, and their vector functions.
//!
//! With f1, f2, ... the derivatives of the activation at z0 and z1.. those of z along a direction:
//!
//! a1 = f1 z1, a2 = f1 z2 + f2 z1^2, a3 = f1 z3 + 3 f2 z1 z2 + f3 z1^3,
//! a4 = f1 z4 + f2 (4 z1 z3 + 3 z2^2) + 6 f3 z1^2 z2 + f4 z1^4   (Faa di Bruno).
//!
//! The reverse sweep uses that da = f1(z) dz is a product of streams: with D_k the directional
//! derivatives of f1 (the same formulae one order up), Leibniz gives
//! adj(z_m) = sum_k binomial(k, m) D_(k-m) adj(a_k), D_0 = f1.

use crate::simd::{LINE, Lanes};

/// Rows of one layer, `[row][stream][tile]` with row stride `row_stride`.
pub(crate) struct Rows<'a> {
    pub(crate) rows: usize,
    pub(crate) tile: usize,
    pub(crate) row_stride: usize,
    /// Derivative order of each direction.
    pub(crate) orders: &'a [u8],
    /// Forward: bias `[row]`, added to stream 0.
    pub(crate) bias: *const f64,
    /// Pre-activations. For the sine, forward replaces stream 0 by the cosine.
    pub(crate) z: *mut f64,
    /// Activations: written by forward, read by reverse.
    pub(crate) a: *mut f64,
    /// Reverse: adjoint of the activations, replaced by that of the pre-activations.
    pub(crate) adjoint: *mut f64,
    /// Reverse: sums of the adjoint of stream 0 by lane, `[row][LINE]`, accumulated.
    pub(crate) bias_lanes: *mut f64,
}

/// One activation function over vectors.
pub(crate) trait Function {
    /// Value, and what the reverse sweep needs besides it (stored instead of z0 if `KEEPS`).
    /// Takes `U` vectors in step, because one at a time is bound by latency.
    unsafe fn value<V: Lanes, const U: usize>(z: [V; U]) -> ([V; U], [V; U]);
    const KEEPS: bool;
    /// First five derivatives from what [`Self::value`] returned; unused ones are optimised away.
    unsafe fn derivatives<V: Lanes>(value: V, kept: V) -> [V; 5];
}

/// Hyperbolic tangent; everything follows from the value.
pub(crate) struct Tanh;

/// Sine; keeps the cosine.
pub(crate) struct Sin;

/// tanh(x) = sign(x) e/(e + 2) with e = expm1(2 |x|); absolute error below 3e-16.
///
/// # Safety
/// The instruction set of `V` is available.
#[inline(always)]
unsafe fn tanh<V: Lanes, const U: usize>(x: [V; U]) -> [V; U] {
    // |x| = n ln(2)/2 + h, |h| <= ln(2)/4; e = 2^n expm1(2h) + (2^n - 1).
    const HALF_LN2_HIGH: f64 = 0.5 * 6.931_471_803_691_238e-1;
    const HALF_LN2_LOW: f64 = 0.5 * 1.908_214_929_270_587_7e-10;
    /// expm1(2h)/h = 2 + h sum_k EXPM1[k] h^k, minimax (Remez), error 4e-17.
    const EXPM1: [f64; 10] = [
        2.000_000_000_000_002,
        1.333_333_333_333_334_8,
        0.666_666_666_665_178,
        0.266_666_666_666_067_5,
        0.088_888_889_167_220_01,
        0.025_396_825_475_827_025,
        0.006_349_185_138_344_465,
        0.001_410_930_073_022_078,
        0.000_282_893_581_241_724_07,
        5.143_442_097_023_764e-5,
    ];
    // SAFETY: arithmetic only; the instruction set is this function's contract.
    unsafe {
        let (mut n, mut h, mut h2, mut poly) = (x, x, x, x);
        for u in 0..U {
            let y = V::splat(20.0).min(x[u].abs());
            n[u] = y.mul(V::splat(2.0 * std::f64::consts::LOG2_E)).round();
            h[u] = n[u].fma(V::splat(-HALF_LN2_HIGH), y);
            h[u] = n[u].fma(V::splat(-HALF_LN2_LOW), h[u]);
            h2[u] = h[u].mul(h[u]);
            poly[u] = V::splat(EXPM1[9]);
        }
        // Horner in h^2 over pairs: half the latency of Horner in h.
        for k in [7, 5, 3, 1] {
            for u in 0..U {
                let pair = V::splat(EXPM1[k + 1]).fma(h[u], V::splat(EXPM1[k]));
                poly[u] = poly[u].fma(h2[u], pair);
            }
        }
        let mut tanh = x;
        for u in 0..U {
            let pair = V::splat(EXPM1[0]).fma(h[u], V::splat(2.0));
            let expm1 = poly[u].fma(h2[u], pair).mul(h[u]);
            let scale = n[u].exp2_integer();
            let e = scale.fma(expm1, scale.sub(V::splat(1.0)));
            tanh[u] = e.div(e.add(V::splat(2.0))).with_sign(x[u]);
        }
        tanh
    }
}

/// Sine and cosine for |x| below 1e6, absolute error below 5e-16 (plus 1e-22 |x| of the reduction).
///
/// # Safety
/// The instruction set of `V` is available.
#[inline(always)]
unsafe fn sin_cos<V: Lanes, const U: usize>(x: [V; U]) -> ([V; U], [V; U]) {
    // x = n pi + r; sin and cos of r from those of r/2, |r/2| <= pi/4, by Taylor series.
    // Two parts of 33 significant bits: products with |n| < 2^20 are exact.
    const PI_HIGH: f64 = 3.141_592_653_468_251_2;
    const PI_MIDDLE: f64 = 1.215_420_101_260_793_2e-10;
    const PI_LOW: f64 = 4.044_532_497_591_901e-21;
    const SIN: [f64; 8] = [
        1.0,
        -1.0 / 6.0,
        1.0 / 120.0,
        -1.0 / 5_040.0,
        1.0 / 362_880.0,
        -1.0 / 39_916_800.0,
        1.0 / 6_227_020_800.0,
        -1.0 / 1_307_674_368_000.0,
    ];
    /// (1 - cos x)/x^2
    const VERSINE: [f64; 8] = [
        1.0 / 2.0,
        -1.0 / 24.0,
        1.0 / 720.0,
        -1.0 / 40_320.0,
        1.0 / 3_628_800.0,
        -1.0 / 479_001_600.0,
        1.0 / 87_178_291_200.0,
        -1.0 / 20_922_789_888_000.0,
    ];
    // SAFETY: arithmetic only; the instruction set is this function's contract.
    unsafe {
        let (mut n, mut h, mut h2, mut s, mut c) = (x, x, x, x, x);
        for u in 0..U {
            n[u] = x[u].mul(V::splat(std::f64::consts::FRAC_1_PI)).round();
            let r = n[u].fma(V::splat(-PI_HIGH), x[u]);
            let r = n[u].fma(V::splat(-PI_MIDDLE), r);
            h[u] = n[u].fma(V::splat(-PI_LOW), r).mul(V::splat(0.5));
            h2[u] = h[u].mul(h[u]);
            (s[u], c[u]) = (V::splat(SIN[7]), V::splat(VERSINE[7]));
        }
        for k in (0..7).rev() {
            for u in 0..U {
                s[u] = s[u].fma(h2[u], V::splat(SIN[k]));
                c[u] = c[u].fma(h2[u], V::splat(VERSINE[k]));
            }
        }
        for u in 0..U {
            // (-1)^n = 1 - 8 d^2 with d = n/2 - round(n/2) in {0, 1/2, -1/2}.
            let half = n[u].mul(V::splat(0.5));
            let d = half.sub(half.round());
            let sign = d.mul(d).fma(V::splat(-8.0), V::splat(1.0));
            let sin = s[u].mul(h[u]);
            let cos = V::splat(1.0).sub(c[u].mul(h2[u]));
            let twice = sin.add(sin);
            s[u] = twice.mul(cos).mul(sign);
            c[u] = V::splat(1.0).sub(twice.mul(sin)).mul(sign);
        }
        (s, c)
    }
}

impl Function for Tanh {
    const KEEPS: bool = false;
    #[inline(always)]
    unsafe fn value<V: Lanes, const U: usize>(z: [V; U]) -> ([V; U], [V; U]) {
        // SAFETY: contract of the caller.
        let v = unsafe { tanh(z) };
        (v, v)
    }
    #[inline(always)]
    unsafe fn derivatives<V: Lanes>(v: V, _kept: V) -> [V; 5] {
        // SAFETY: arithmetic only, instruction set by contract of the caller.
        unsafe {
            let v2 = v.mul(v);
            let f1 = V::splat(1.0).sub(v2);
            let f2 = f1.mul(v).mul(V::splat(-2.0));
            let f3 = f1.mul(v2.fma(V::splat(6.0), V::splat(-2.0)));
            let f4 = f2.mul(v2.fma(V::splat(12.0), V::splat(-8.0)));
            let quartic = v2.fma(V::splat(120.0), V::splat(-120.0)).fma(v2, V::splat(16.0));
            [f1, f2, f3, f4, f1.mul(quartic)]
        }
    }
}

impl Function for Sin {
    const KEEPS: bool = true;
    #[inline(always)]
    unsafe fn value<V: Lanes, const U: usize>(z: [V; U]) -> ([V; U], [V; U]) {
        // SAFETY: contract of the caller.
        unsafe { sin_cos(z) }
    }
    #[inline(always)]
    unsafe fn derivatives<V: Lanes>(sin: V, cos: V) -> [V; 5] {
        // SAFETY: arithmetic only, instruction set by contract of the caller.
        unsafe {
            let zero = V::splat(0.0);
            let minus_sin = zero.sub(sin);
            [cos, minus_sin, zero.sub(cos), sin, cos]
        }
    }
}

/// Streams 1.. of one direction, at most four; those above `order` are zero.
///
/// # Safety
/// `order` vectors at distance `tile` are valid.
#[inline(always)]
unsafe fn load_direction<V: Lanes, const MAX: u8>(p: *const f64, tile: usize, order: u8) -> [V; 4] {
    // SAFETY: contract.
    unsafe {
        let mut z = [V::splat(0.0); 4];
        for k in 0..MAX {
            if k < order {
                z[usize::from(k)] = V::load(p.add(usize::from(k) * tile));
            }
        }
        z
    }
}

/// Directional derivatives 1..=order of g(z) with g1.. the derivatives of g at z0.
///
/// # Safety
/// The instruction set of `V` is available.
#[inline(always)]
unsafe fn compose<V: Lanes, const MAX: u8>(g: [V; 4], z: [V; 4], order: u8) -> [V; 4] {
    // SAFETY: arithmetic only.
    unsafe {
        let mut a = [g[0].mul(z[0]); 4];
        if MAX >= 2 && order >= 2 {
            let z1_squared = z[0].mul(z[0]);
            a[1] = g[0].mul(z[1]).add(g[1].mul(z1_squared));
            if MAX >= 3 && order >= 3 {
                let three = V::splat(3.0);
                let t = g[1].mul(three).fma(z[1], g[2].mul(z1_squared));
                a[2] = g[0].mul(z[2]).add(t.mul(z[0]));
                if MAX >= 4 && order >= 4 {
                    let t = V::splat(4.0).mul(z[0]).mul(z[2]).add(three.mul(z[1]).mul(z[1]));
                    let u = V::splat(6.0).mul(g[2]).fma(z[1], g[3].mul(z1_squared));
                    a[3] = g[0].fma(z[3], g[1].fma(t, u.mul(z1_squared)));
                }
            }
        }
        a
    }
}

/// Forward pass; `MAX` is the highest order of any direction.
///
/// # Safety
/// The instruction set of `V` is available and all rows are valid.
#[inline(always)]
pub(crate) unsafe fn forward<V: Lanes, F: Function, const MAX: u8>(r: &Rows) {
    for row in 0..r.rows {
        let mut p = 0;
        // SAFETY: contract; the vectors at p are inside the tile.
        unsafe {
            while p < r.tile {
                let left = (r.tile - p) / V::N;
                let taken = match left {
                    1 => forward_vectors::<V, F, MAX, 1>(r, row, p),
                    2 => forward_vectors::<V, F, MAX, 2>(r, row, p),
                    3 | 5 | 6 => forward_vectors::<V, F, MAX, 3>(r, row, p),
                    _ => forward_vectors::<V, F, MAX, 4>(r, row, p),
                };
                p += taken * V::N;
            }
        }
    }
}

/// Forward pass of `U` vectors of points of one row; returns `U`.
///
/// # Safety
/// As [`forward`]; the vectors lie inside the tile.
#[inline(always)]
unsafe fn forward_vectors<V: Lanes, F: Function, const MAX: u8, const U: usize>(
    r: &Rows,
    row: usize,
    p: usize,
) -> usize {
    // SAFETY: contract; streams of a row are `tile` apart.
    unsafe {
        let bias = V::splat(*r.bias.add(row));
        let z = r.z.add(row * r.row_stride + p);
        let a = r.a.add(row * r.row_stride + p);
        let mut z0 = [bias; U];
        for (u, z0) in z0.iter_mut().enumerate() {
            *z0 = V::load(z.add(u * V::N)).add(bias);
        }
        let (value, kept) = F::value(z0);
        for u in 0..U {
            value[u].store(a.add(u * V::N));
            if F::KEEPS {
                kept[u].store(z.add(u * V::N));
            }
            if MAX > 0 {
                let (z, a) = (z.add(u * V::N), a.add(u * V::N));
                forward_streams::<V, F, MAX>(r, value[u], kept[u], z, a);
            }
        }
    }
    U
}

/// Derivative streams of one vector of points.
///
/// # Safety
/// As [`forward`]; `z` and `a` point at its stream 0.
#[inline(always)]
unsafe fn forward_streams<V: Lanes, F: Function, const MAX: u8>(
    r: &Rows,
    value: V,
    kept: V,
    z: *const f64,
    a: *mut f64,
) {
    // SAFETY: contract; streams of a row are `tile` apart.
    unsafe {
        let [f1, f2, f3, f4, _] = F::derivatives(value, kept);
        let mut offset = r.tile;
        for &order in r.orders {
            let z_d = load_direction::<V, MAX>(z.add(offset), r.tile, order);
            let a_d = compose::<V, MAX>([f1, f2, f3, f4], z_d, order);
            for k in 0..MAX {
                if k < order {
                    a_d[usize::from(k)].store(a.add(offset));
                    offset += r.tile;
                }
            }
        }
    }
}

/// Reverse pass: adjoint of the activations to that of the pre-activations, in place.
///
/// # Safety
/// The instruction set of `V` is available and all rows are valid.
#[inline(always)]
pub(crate) unsafe fn reverse<V: Lanes, F: Function, const MAX: u8>(r: &Rows) {
    for row in 0..r.rows {
        // SAFETY: contract; streams of a row are `tile` apart, vectors inside the tile.
        unsafe {
            let mut bias = V::splat(0.0);
            for p in (0..r.tile).step_by(V::N) {
                let z = r.z.add(row * r.row_stride + p);
                let adjoint = r.adjoint.add(row * r.row_stride + p);
                let value = V::load(r.a.add(row * r.row_stride + p));
                let kept = if F::KEEPS { V::load(z) } else { value };
                let [f1, f2, f3, f4, f5] = F::derivatives(value, kept);
                let mut z0_adjoint = f1.mul(V::load(adjoint));
                let mut offset = r.tile;
                for &order in r.orders {
                    let z_d = load_direction::<V, MAX>(z.add(offset), r.tile, order);
                    let d = compose::<V, MAX>([f2, f3, f4, f5], z_d, order);
                    let q = adjoint.add(offset);
                    z0_adjoint = reverse_direction::<V, MAX>(f1, d, q, r.tile, order, z0_adjoint);
                    offset += usize::from(order) * r.tile;
                }
                z0_adjoint.store(adjoint);
                bias = bias.add(z0_adjoint);
            }
            let lanes = r.bias_lanes.add(row * LINE);
            V::load(lanes).add(bias).store(lanes);
        }
    }
}

/// Leibniz adjoint of one direction, in place at `q`; returns the updated adjoint of z0.
///
/// # Safety
/// As [`load_direction`].
#[inline(always)]
unsafe fn reverse_direction<V: Lanes, const MAX: u8>(
    f1: V,
    d: [V; 4],
    q: *mut f64,
    tile: usize,
    order: u8,
    z0_adjoint: V,
) -> V {
    /// binomial(k, m) for k, m in 1..=4 (zero-based here).
    const BINOMIAL: [[f64; 4]; 4] =
        [[1.0, 0.0, 0.0, 0.0], [2.0, 1.0, 0.0, 0.0], [3.0, 3.0, 1.0, 0.0], [4.0, 6.0, 4.0, 1.0]];
    // SAFETY: contract.
    unsafe {
        let a = load_direction::<V, MAX>(q, tile, order);
        let mut z0 = z0_adjoint;
        for m in 0..usize::from(MAX) {
            if m >= usize::from(order) {
                break;
            }
            z0 = d[m].fma(a[m], z0);
            let mut z_m = f1.mul(a[m]);
            for k in m + 1..usize::from(MAX) {
                if k < usize::from(order) {
                    let term = V::splat(BINOMIAL[k][m]).mul(d[k - m - 1]);
                    z_m = term.fma(a[k], z_m);
                }
            }
            z_m.store(q.add(m * tile));
        }
        z0
    }
}
