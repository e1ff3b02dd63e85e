//! The reverse sweep.

use super::forward::{in_blocks, load_block, polynomial};
use super::plan::{Back, Plan};
use super::registers::Registers;
use super::rules::Rule;
use crate::Isa;
use crate::vmath::Function;
use crate::vmath::functions::{cos, cosh, exp, powi, sign, sin, sinh};
use crate::vmath::lanes::{Real, on_isa};

/// Runs all terms of the plan. Shapes: `seeds` `[output][tile]`, `inputs` `[input][tile]`.
pub(super) fn sweep(
    plan: &Plan,
    isa: Isa,
    seeds: &[f64],
    registers: &mut Registers,
    inputs: &mut [f64],
) {
    let tile = registers.tile();
    assert!(registers.values.len() >= plan.values * tile);
    assert!(registers.adjoints.len() >= plan.adjoints * tile);
    assert!(seeds.len() >= plan.outputs() * tile && inputs.len() >= plan.inputs() * tile);
    let values = &*registers.values;
    let adjoints = &mut *registers.adjoints;
    on_isa!(isa, kernel(
        plan: &Plan,
        tile: usize,
        values: &[f64],
        adjoints: &mut [f64],
        seeds: &[f64],
        inputs: &mut [f64],
    ));
}

/// # Safety
/// The instruction set of `V`; the slices have a column of `tile` doubles for each slot, output
/// and input of the plan.
#[inline(always)]
unsafe fn kernel<V: Real>(
    plan: &Plan,
    tile: usize,
    values: &[f64],
    adjoints: &mut [f64],
    seeds: &[f64],
    inputs: &mut [f64],
) {
    let base = adjoints.as_mut_ptr();
    for back in &plan.backs {
        let Back { rule, from, to, add } = *back;
        // SAFETY (this and all blocks below): slots, outputs and inputs were checked, so every
        // column has `tile` doubles; `from` and `to` may coincide, and vectors are read before the
        // vector at the same offset is written.
        let (g, to) =
            unsafe { (base.add(from as usize * tile) as *const f64, base.add(to as usize * tile)) };
        macro_rules! column {
            ($slot:expr) => {
                unsafe { values.as_ptr().add($slot as usize * tile) }
            };
        }
        // `$value` is the contribution; `g` in it is the vector of adjoints.
        macro_rules! each {
            ($g:ident $(, $x:ident)* => $value:expr) => {{
                $(let $x = column!($x);)*
                let mut offset = 0;
                while offset < tile {
                    let $g = unsafe { V::load($g.add(offset)) };
                    $(let $x = unsafe { V::load($x.add(offset)) };)*
                    let value = $value;
                    let sum = if add { value + unsafe { V::load(to.add(offset)) } } else { value };
                    unsafe { sum.store(to.add(offset)) };
                    offset += V::WIDTH;
                }
            }};
        }
        // The contribution is g times `$factor`.
        macro_rules! times {
            ($($x:ident),* => $factor:expr) => {{
                $(let $x = column!($x);)*
                let mut offset = 0;
                while offset < tile {
                    let g = unsafe { V::load(g.add(offset)) };
                    $(let $x = unsafe { V::load($x.add(offset)) };)*
                    let factor = $factor;
                    let sum = if add {
                        g.fma(factor, unsafe { V::load(to.add(offset)) })
                    } else {
                        g * factor
                    };
                    unsafe { sum.store(to.add(offset)) };
                    offset += V::WIDTH;
                }
            }};
        }
        // As `each` with fewer branches; `$sum` is the contribution added to `$old`.
        macro_rules! quick {
            ($g:ident $(, $x:ident)*; $old:ident => $value:expr, $sum:expr) => {{
                $(let $x = column!($x);)*
                if add {
                    in_blocks!(V, tile, offset, N => for i in 0..N {
                        let at = offset + i * V::WIDTH;
                        let $g = unsafe { V::load($g.add(at)) };
                        $(let $x = unsafe { V::load($x.add(at)) };)*
                        let $old = unsafe { V::load(to.add(at)) };
                        unsafe { $sum.store(to.add(at)) };
                    });
                } else {
                    in_blocks!(V, tile, offset, N => for i in 0..N {
                        let at = offset + i * V::WIDTH;
                        let $g = unsafe { V::load($g.add(at)) };
                        $(let $x = unsafe { V::load($x.add(at)) };)*
                        unsafe { $value.store(to.add(at)) };
                    });
                }
            }};
        }
        // The contribution is g times the slope of a block of vectors `$x` from `$a` on.
        macro_rules! slopes {
            ($a:ident, $n:ident, $x:ident => $slopes:expr) => {{
                let a = column!($a);
                in_blocks!(V, tile, offset, $n => {
                    let $x = unsafe { load_block::<V, $n>(a.add(offset)) };
                    for (i, slope) in $slopes.into_iter().enumerate() {
                        let at = offset + i * V::WIDTH;
                        let g = unsafe { V::load(g.add(at)) };
                        let sum = if add {
                            g.fma(slope, unsafe { V::load(to.add(at)) })
                        } else {
                            g * slope
                        };
                        unsafe { sum.store(to.add(at)) };
                    }
                });
            }};
        }
        let (zero, one) = (V::splat(0.0), V::splat(1.0));
        match rule {
            Rule::Seed(k) => {
                let g = unsafe { seeds.as_ptr().add(k as usize * tile) };
                quick!(g; old => g, old + g);
            }
            Rule::Input(k) => {
                let to = unsafe { inputs.as_mut_ptr().add(k as usize * tile) };
                let mut offset = 0;
                while offset < tile {
                    unsafe {
                        let sum = V::load(to.add(offset)) + V::load(g.add(offset));
                        sum.store(to.add(offset));
                    }
                    offset += V::WIDTH;
                }
            }
            Rule::Plus => quick!(g; old => g, old + g),
            Rule::Minus => quick!(g; old => -g, old - g),
            Rule::Scaled(c) => quick!(g; old => g * V::splat(c), g.fma(V::splat(c), old)),
            Rule::Times(a) => quick!(g, a; old => g * a, g.fma(a, old)),
            Rule::MinusTimes(a) => times!(a => -a),
            Rule::MinusTimesSquare(a) => times!(a => -(a * a)),
            Rule::Over(a) => each!(g, a => g / a),
            Rule::HalfOver(a) => times!(a => V::splat(0.5) / a),
            Rule::Powi(a, 2) => times!(a => a + a),
            Rule::Powi(a, 3) => times!(a => V::splat(3.0) * a * a),
            Rule::Powi(a, n) => times!(a => V::splat(f64::from(n)) * powi(a, n - 1)),
            Rule::Powf(a, b, c) => {
                let at_zero = V::splat(if c > 1.0 { 0.0 } else { f64::INFINITY });
                times!(a, b => V::pick(a.eq(zero), at_zero, V::splat(c) * b / a));
            }
            Rule::Unary(function, a, b) => match function {
                Function::Exp => times!(b => b),
                Function::Ln => each!(g, a => g / a),
                Function::Sin => times!(a => cos(a)),
                Function::Cos => times!(a => -sin(a)),
                Function::Tan => times!(b => b.fma(b, one)),
                Function::Sinh => times!(a => cosh(a)),
                Function::Cosh => times!(a => sinh(a)),
                Function::Tanh => times!(b => (-b).fma(b, one)),
                Function::Asinh => each!(g, a => g / a.fma(a, one).sqrt()),
                Function::Atan => each!(g, a => g / a.fma(a, one)),
                Function::Erf => {
                    times!(a => V::splat(std::f64::consts::FRAC_2_SQRT_PI) * exp(-(a * a)));
                }
                Function::Abs => times!(a => sign(a)),
                Function::Sign | Function::Step => times!(=> zero),
            },
            Rule::IfAtMost(a, b) => each!(g, a, b => V::pick(a.le(b), g, zero)),
            Rule::UnlessAtMost(a, b) => each!(g, a, b => V::pick(a.le(b), zero, g)),
            Rule::IfWithin(a, lo, hi) => {
                each!(g, a => V::pick(V::splat(lo).greater(V::splat(hi).lesser(a)).eq(a), g, zero));
            }
            Rule::IfPositive(a) => each!(g, a => V::pick(zero.lt(a), g, zero)),
            Rule::UnlessPositive(a) => each!(g, a => V::pick(zero.lt(a), zero, g)),
            Rule::Poly(a, k) => {
                let p = &*plan.polynomial_slopes[k as usize];
                slopes!(a, N, x => polynomial::<V, N>(p, x));
            }
            Rule::Table(a, k) => {
                let table = &plan.table_slopes[k as usize];
                slopes!(a, N, x => table.lanes::<V, N>(x));
            }
        }
    }
}
