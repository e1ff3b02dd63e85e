//! Elementary functions of columns of doubles, vectorised, with run-time choice of the
//! instruction set.
//!
//! Accurate to about two units in the last place; see `functions` for the formulae. Results are
//! bitwise the same on AVX2 and AVX-512, and may differ in the last place from the portable code,
//! which has no fused product. Not a replacement of libm: no rounding modes, no flags.

// SIMD over raw columns; each block gives a reason.
#![allow(unsafe_code)]

pub(crate) mod functions;
pub(crate) mod lanes;

use crate::Isa;
use lanes::{Real, on_isa};

/// Functions of one argument which a tape can apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// Exponential.
    Exp,
    /// Natural logarithm; -inf at zero, NaN below.
    Ln,
    /// Sine; the library function, one lane at a time, from |x| = 1e5 on.
    Sin,
    /// Cosine; as [`Function::Sin`].
    Cos,
    /// Tangent; as [`Function::Sin`].
    Tan,
    /// Hyperbolic sine.
    Sinh,
    /// Hyperbolic cosine.
    Cosh,
    /// Hyperbolic tangent.
    Tanh,
    /// Inverse hyperbolic sine.
    Asinh,
    /// Inverse tangent.
    Atan,
    /// Error function.
    Erf,
    /// Absolute value.
    Abs,
    /// -1, 0 or 1; NaN at NaN.
    Sign,
    /// 1 for x > 0, otherwise 0.
    Step,
}

/// Expands `$body` once for each function, where `$f` is its formula for the vector `$v`.
macro_rules! with_function {
    (@arms $function:expr, $v:ty, $f:ident, $body:expr, $($name:ident $formula:ident)*) => {
        match $function {
            $($crate::vmath::Function::$name => {
                let $f = $crate::vmath::functions::$formula::<$v>;
                $body
            })*
        }
    };
    ($function:expr, $v:ty, $f:ident => $body:expr) => {
        with_function!(@arms $function, $v, $f, $body,
            Exp exp Ln ln Sin sin Cos cos Tan tan Sinh sinh Cosh cosh Tanh tanh Asinh asinh
            Atan atan Erf erf Abs abs Sign sign Step step)
    };
}

impl Function {
    /// All functions.
    pub const ALL: [Self; 14] = [
        Self::Exp,
        Self::Ln,
        Self::Sin,
        Self::Cos,
        Self::Tan,
        Self::Sinh,
        Self::Cosh,
        Self::Tanh,
        Self::Asinh,
        Self::Atan,
        Self::Erf,
        Self::Abs,
        Self::Sign,
        Self::Step,
    ];

    /// Value at one point, by the portable formulae.
    #[must_use]
    pub fn value(self, x: f64) -> f64 {
        with_function!(self, f64, f => f(x))
    }

    /// `out[i] = f(x[i])` with the best instruction set; any length.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn apply(self, x: &[f64], out: &mut [f64]) {
        self.apply_with(Isa::detect(), x, out);
    }

    /// As [`Function::apply`] with a given instruction set.
    ///
    /// # Panics
    /// If the lengths differ or this machine lacks the instruction set.
    pub fn apply_with(self, isa: Isa, x: &[f64], out: &mut [f64]) {
        assert!(isa.is_available(), "instruction set not available");
        assert_eq!(x.len(), out.len());
        let function = self;
        on_isa!(isa, apply_kernel(function: Function, x: &[f64], out: &mut [f64]));
    }
}

pub(crate) use with_function;

/// `out[i] = x[i]^c`; NaN for x < 0 unless c is an integer. Any length.
///
/// # Panics
/// If the lengths differ.
pub fn powf(x: &[f64], c: f64, out: &mut [f64]) {
    assert_eq!(x.len(), out.len());
    on_isa!(Isa::detect(), powf_kernel(x: &[f64], c: f64, out: &mut [f64]));
}

/// `c` as an exponent of [`functions::powi`].
#[allow(clippy::cast_possible_truncation, clippy::float_cmp)]
pub(crate) fn integer_exponent(c: f64) -> Option<i32> {
    (c.abs() <= 1024.0 && c.trunc() == c).then_some(c as i32)
}

#[inline(always)]
unsafe fn powf_kernel<V: Real>(x: &[f64], c: f64, out: &mut [f64]) {
    match integer_exponent(c) {
        Some(n) => map(
            #[inline(always)]
            |x: V| functions::powi(x, n),
            x,
            out,
        ),
        None => map(
            #[inline(always)]
            |x: V| functions::powf(x, c),
            x,
            out,
        ),
    }
}

#[inline(always)]
unsafe fn apply_kernel<V: Real>(function: Function, x: &[f64], out: &mut [f64]) {
    with_function!(function, V, f => map(f, x, out));
}

/// `out[i] = f(x[i])` for slices of the same length.
#[inline(always)]
fn map<V: Real>(f: impl Fn(V) -> V, x: &[f64], out: &mut [f64]) {
    let whole = x.len() / V::WIDTH * V::WIDTH;
    for i in (0..whole).step_by(V::WIDTH) {
        // SAFETY: i + WIDTH <= whole <= len of both.
        unsafe { f(V::load(x.as_ptr().add(i))).store(out.as_mut_ptr().add(i)) };
    }
    if whole < x.len() {
        let mut tail = [0.0; 8];
        tail[..x.len() - whole].copy_from_slice(&x[whole..]);
        // SAFETY: the array holds the widest vector.
        unsafe { f(V::load(tail.as_ptr())).store(tail.as_mut_ptr()) };
        out[whole..].copy_from_slice(&tail[..x.len() - whole]);
    }
}

#[cfg(test)]
mod tests;
