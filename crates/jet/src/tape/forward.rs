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

/// Polynomial of a column; `emit` gets the offset and the value of each vector.
///
/// # Safety
/// `tile` doubles, a multiple of 8, must be readable at `x`.
#[inline(always)]
pub(super) unsafe fn polynomial<V: Real>(
    coefficients: &[f64],
    x: *const f64,
    tile: usize,
    emit: impl Fn(usize, V),
) {
    /// `N` vectors together.
    ///
    /// # Safety
    /// As the outer function, from `x` on.
    #[inline(always)]
    unsafe fn block<V: Real, const N: usize>(coefficients: &[f64], x: *const f64) -> [V; N] {
        // SAFETY: N vectors are readable at x.
        let x: [V; N] = std::array::from_fn(
            #[inline(always)]
            |i| unsafe { V::load(x.add(i * V::WIDTH)) },
        );
        let mut sums = [V::splat(coefficients[0]); N];
        for c in &coefficients[1..] {
            let c = V::splat(*c);
            for i in 0..N {
                sums[i] = sums[i].fma(x[i], c);
            }
        }
        sums
    }
    macro_rules! blocks {
        ($offset:ident, $n:literal) => {
            while $offset + $n * V::WIDTH <= tile {
                // SAFETY: the vectors lie within the tile.
                let sums = unsafe { block::<V, $n>(coefficients, x.add($offset)) };
                for (i, sum) in sums.into_iter().enumerate() {
                    emit($offset + i * V::WIDTH, sum);
                }
                $offset += $n * V::WIDTH;
            }
        };
    }
    let mut offset = 0;
    if V::BLOCK >= 8 {
        blocks!(offset, 8);
    }
    blocks!(offset, 4);
    blocks!(offset, 1);
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
        match step.op {
            Op::Const(_) => {}
            Op::Input(k) => unsafe {
                std::ptr::copy_nonoverlapping(inputs.as_ptr().add(k as usize * tile), to, tile);
            },
            Op::Add(a, b) => each!(a, b => a + b),
            Op::Sub(a, b) => each!(a, b => a - b),
            Op::Mul(a, b) => each!(a, b => a * b),
            Op::Div(a, b) => each!(a, b => a / b),
            Op::Fma(a, b, c) => each!(a, b, c => a.fma(b, c)),
            Op::Scale(a, c) => each!(a => a * V::splat(c)),
            Op::Shift(a, c) => each!(a => a + V::splat(c)),
            Op::Axpy(a, c, b) => each!(a, b => a.fma(V::splat(c), b)),
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
            Op::Poly(a, k) => unsafe {
                polynomial(
                    &plan.polynomials[k as usize],
                    base.add(a as usize * tile),
                    tile,
                    #[inline(always)]
                    |offset: usize, y: V| y.store(to.add(offset)),
                );
            },
            Op::Table(a, k) => {
                let table = &*plan.tables[k as usize];
                each!(a => table.lanes(a));
            }
        }
    }
}
