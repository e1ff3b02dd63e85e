//! The forward sweep.

use super::Op;
use super::plan::Plan;
use crate::Isa;
use crate::vmath::functions::{powf, powi};
use crate::vmath::lanes::{Real, on_isa};
use crate::vmath::{integer_exponent, with_function};

/// Evaluates all steps of the plan; `inputs` is `[input][tile]`, `values` is `[slot][tile]`.
pub(super) fn sweep(plan: &Plan, isa: Isa, inputs: &[f64], tile: usize, values: &mut [f64]) {
    assert!(values.len() >= plan.values * tile && inputs.len() >= plan.inputs() * tile);
    on_isa!(isa, kernel(plan: &Plan, inputs: &[f64], tile: usize, values: &mut [f64]));
}

/// Runs `$body` with `$n` as the number of vectors from `$offset` on which advance together, until
/// the tile is done.
macro_rules! in_blocks {
    ($v:ty, $tile:expr, $offset:ident, $n:ident => $body:expr) => {{
        let mut $offset = 0;
        if <$v>::BLOCK >= 8 {
            const $n: usize = 8;
            while $offset + $n * <$v>::WIDTH <= $tile {
                $body
                $offset += $n * <$v>::WIDTH;
            }
        }
        {
            const $n: usize = 4;
            while $offset + $n * <$v>::WIDTH <= $tile {
                $body
                $offset += $n * <$v>::WIDTH;
            }
        }
        {
            const $n: usize = 1;
            while $offset < $tile {
                $body
                $offset += <$v>::WIDTH;
            }
        }
    }};
}
pub(super) use in_blocks;

/// `N` vectors from `p` on.
///
/// # Safety
/// They must be readable.
#[inline(always)]
pub(super) unsafe fn load_block<V: Real, const N: usize>(p: *const f64) -> [V; N] {
    let mut x = [V::splat(0.0); N];
    for (i, x) in x.iter_mut().enumerate() {
        // SAFETY: contract.
        *x = unsafe { V::load(p.add(i * V::WIDTH)) };
    }
    x
}

/// # Safety
/// `N` vectors must be writable from `p` on.
#[inline(always)]
pub(super) unsafe fn store_block<V: Real, const N: usize>(x: [V; N], p: *mut f64) {
    for (i, x) in x.into_iter().enumerate() {
        // SAFETY: contract.
        unsafe { x.store(p.add(i * V::WIDTH)) };
    }
}

/// Polynomial of `N` vectors.
#[inline(always)]
pub(super) fn polynomial<V: Real, const N: usize>(coefficients: &[f64], x: [V; N]) -> [V; N] {
    let mut sums = [V::splat(coefficients[0]); N];
    for c in &coefficients[1..] {
        let c = V::splat(*c);
        for i in 0..N {
            sums[i] = sums[i].fma(x[i], c);
        }
    }
    sums
}

/// # Safety
/// The instruction set of `V`; `values` has a column for each slot and `inputs` for each input.
#[inline(always)]
unsafe fn kernel<V: Real>(plan: &Plan, inputs: &[f64], tile: usize, values: &mut [f64]) {
    let base = values.as_mut_ptr();
    for step in &plan.steps {
        // SAFETY (this and all blocks below): slots are below `plan.values`, inputs were checked,
        // so every column has `tile` doubles; columns may coincide, and vectors are read before
        // the vector at the same offset is written.
        let to = unsafe { base.add(step.to as usize * tile) };
        macro_rules! column {
            ($slot:expr) => {
                unsafe { base.add($slot as usize * tile) as *const f64 }
            };
        }
        macro_rules! each {
            ($($x:ident),+ => $value:expr) => {{
                $(let $x = column!($x);)+
                let mut offset = 0;
                while offset < tile {
                    $(let $x = unsafe { V::load($x.add(offset)) };)+
                    unsafe { $value.store(to.add(offset)) };
                    offset += V::WIDTH;
                }
            }};
        }
        // The same with fewer branches, for instructions of a cycle or two.
        macro_rules! quick {
            ($($x:ident),+ => $value:expr) => {{
                $(let $x = column!($x);)+
                in_blocks!(V, tile, offset, N => {
                    for i in 0..N {
                        let at = offset + i * V::WIDTH;
                        $(let $x = unsafe { V::load($x.add(at)) };)+
                        unsafe { $value.store(to.add(at)) };
                    }
                });
            }};
        }
        match step.op {
            Op::Const(_) => {}
            Op::Input(k) => unsafe {
                std::ptr::copy_nonoverlapping(inputs.as_ptr().add(k as usize * tile), to, tile);
            },
            Op::Add(a, b) => quick!(a, b => a + b),
            Op::Sub(a, b) => quick!(a, b => a - b),
            Op::Mul(a, b) => quick!(a, b => a * b),
            Op::Div(a, b) => each!(a, b => a / b),
            Op::Fma(a, b, c) => quick!(a, b, c => a.fma(b, c)),
            Op::Scale(a, c) => quick!(a => a * V::splat(c)),
            Op::Shift(a, c) => quick!(a => a + V::splat(c)),
            Op::Axpy(a, c, b) => quick!(a, b => a.fma(V::splat(c), b)),
            Op::Recip(a) => each!(a => V::splat(1.0) / a),
            Op::Powi(a, n) => match n {
                2 => each!(a => a * a),
                3 => each!(a => a * a * a),
                _ => each!(a => powi(a, n)),
            },
            Op::Powf(a, c) => match integer_exponent(c) {
                Some(n) => each!(a => powi(a, n)),
                None if c == 0.5 => each!(a => a.sqrt()),
                None => each!(a => powf(a, c)),
            },
            Op::Sqrt(a) => each!(a => a.sqrt()),
            Op::Unary(function, a) => with_function!(function, V, f => each!(a => f(a))),
            Op::Min(a, b) => each!(a, b => V::pick(a.le(b), a, b)),
            Op::Max(a, b) => each!(a, b => V::pick(b.le(a), a, b)),
            // The order of the operands lets NaN through.
            Op::Clip(a, lo, hi) => {
                each!(a => V::splat(lo).greater(V::splat(hi).lesser(a)));
            }
            Op::Select(c, a, b) => {
                each!(c, a, b => V::pick(V::splat(0.0).lt(c), a, b));
            }
            Op::Poly(a, k) => {
                let p = &*plan.polynomials[k as usize];
                let a = column!(a);
                in_blocks!(V, tile, offset, N => unsafe {
                    store_block(polynomial::<V, N>(p, load_block(a.add(offset))), to.add(offset));
                });
            }
            Op::Table(a, k) => {
                let table = &*plan.tables[k as usize];
                let a = column!(a);
                in_blocks!(V, tile, offset, N => unsafe {
                    store_block(table.lanes::<V, N>(load_block(a.add(offset))), to.add(offset));
                });
            }
        }
    }
}
