//! The vector of doubles behind the elementary functions and the tape, one type per instruction
//! set, with arithmetic operators.
//!
//! Unlike [`crate::simd::Lanes`] it has masks, exact division, bit operations and gathers, and its
//! methods are safe to call so that formulae stay readable. The price is a rule which the module
//! privacy keeps: a generic function over [`Real`] is instantiated for an x86 vector only by the
//! `#[target_feature]` entry points that [`on_isa!`] writes, after detection.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// Adding it to `|x|` < 2^51 leaves the nearest integer in the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// 2^52 with the exponent bias: adding an integer n leaves the exponent bits of 2^n.
const BIASED: f64 = 4_503_599_627_370_496.0 + 1023.0;

/// A vector of `WIDTH` doubles.
pub(crate) trait Real:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// Doubles per vector, a divisor of 8.
    const WIDTH: usize;
    /// Whether [`Real::fma`] rounds once.
    const FUSED: bool;
    /// Vectors which a polynomial kernel advances together to hide the latency of the fma.
    const BLOCK: usize;
    /// Outcome of a comparison, one truth value per lane.
    type Mask: Copy;

    /// # Safety
    /// `WIDTH` doubles must be readable at `p`.
    unsafe fn load(p: *const f64) -> Self;
    /// # Safety
    /// `WIDTH` doubles must be writable at `p`.
    unsafe fn store(self, p: *mut f64);
    fn splat(x: f64) -> Self;
    /// `self * b + c`
    fn fma(self, b: Self, c: Self) -> Self;
    fn sqrt(self) -> Self;
    fn abs(self) -> Self;
    fn floor(self) -> Self;
    /// `self < b ? self : b`, so `b` where either is NaN.
    fn lesser(self, b: Self) -> Self;
    /// `self > b ? self : b`, so `b` where either is NaN.
    fn greater(self, b: Self) -> Self;
    /// False where either is NaN, as are `le` and `eq`.
    fn lt(self, b: Self) -> Self::Mask;
    fn le(self, b: Self) -> Self::Mask;
    fn eq(self, b: Self) -> Self::Mask;
    fn all(mask: Self::Mask) -> bool;
    /// `mask ? yes : no`
    fn pick(mask: Self::Mask, yes: Self, no: Self) -> Self;
    fn bits_and(self, bits: u64) -> Self;
    fn bits_or(self, bits: u64) -> Self;
    /// Wrapping integer sum of the bit patterns.
    fn bits_add(self, bits: u64) -> Self;
    fn bits_shl52(self) -> Self;
    fn bits_shr52(self) -> Self;
    /// Exclusive or of the sign bit of `sign`.
    fn xor_sign(self, sign: Self) -> Self;
    /// `self * 2^n` for integers |n| <= 1080, rounded once (products may be subnormal).
    fn scale2(self, n: Self) -> Self;
    /// `base[index]` for non-negative integers below 2^31.
    ///
    /// # Safety
    /// Every index must be readable.
    unsafe fn gather(base: *const f64, index: Self) -> Self;
    /// `row[index]` for integers in 0..8.
    ///
    /// # Safety
    /// Eight doubles must be readable at `row`.
    unsafe fn lookup8(row: *const f64, index: Self) -> Self;

    /// Nearest integer for `|self|` < 2^51.
    #[inline(always)]
    fn round(self) -> Self {
        (self + Self::splat(ROUND)) - Self::splat(ROUND)
    }
    /// 2^n for integers -1022..=1024 (the last gives infinity).
    #[inline(always)]
    fn exp2_integer(n: Self) -> Self {
        (n + Self::splat(BIASED)).bits_shl52()
    }
}

impl Real for f64 {
    const WIDTH: usize = 1;
    const FUSED: bool = cfg!(any(target_feature = "fma", target_arch = "aarch64"));
    const BLOCK: usize = 4;
    type Mask = bool;

    #[inline(always)]
    unsafe fn load(p: *const f64) -> Self {
        // SAFETY: contract of the trait.
        unsafe { *p }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f64) {
        // SAFETY: contract of the trait.
        unsafe { *p = self }
    }
    #[inline(always)]
    fn splat(x: f64) -> Self {
        x
    }
    #[inline(always)]
    fn fma(self, b: Self, c: Self) -> Self {
        // Without the instruction a fused product is a slow library call.
        if Self::FUSED { self.mul_add(b, c) } else { self * b + c }
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        f64::abs(self)
    }
    #[inline(always)]
    fn floor(self) -> Self {
        f64::floor(self)
    }
    #[inline(always)]
    fn lesser(self, b: Self) -> Self {
        if self < b { self } else { b }
    }
    #[inline(always)]
    fn greater(self, b: Self) -> Self {
        if self > b { self } else { b }
    }
    #[inline(always)]
    fn lt(self, b: Self) -> bool {
        self < b
    }
    #[inline(always)]
    fn le(self, b: Self) -> bool {
        self <= b
    }
    #[inline(always)]
    #[allow(clippy::float_cmp)]
    fn eq(self, b: Self) -> bool {
        self == b
    }
    #[inline(always)]
    fn all(mask: bool) -> bool {
        mask
    }
    #[inline(always)]
    fn pick(mask: bool, yes: Self, no: Self) -> Self {
        if mask { yes } else { no }
    }
    #[inline(always)]
    fn bits_and(self, bits: u64) -> Self {
        f64::from_bits(self.to_bits() & bits)
    }
    #[inline(always)]
    fn bits_or(self, bits: u64) -> Self {
        f64::from_bits(self.to_bits() | bits)
    }
    #[inline(always)]
    fn bits_add(self, bits: u64) -> Self {
        f64::from_bits(self.to_bits().wrapping_add(bits))
    }
    #[inline(always)]
    fn bits_shl52(self) -> Self {
        f64::from_bits(self.to_bits() << 52)
    }
    #[inline(always)]
    fn bits_shr52(self) -> Self {
        f64::from_bits(self.to_bits() >> 52)
    }
    #[inline(always)]
    fn xor_sign(self, sign: Self) -> Self {
        f64::from_bits(self.to_bits() ^ (sign.to_bits() & (1 << 63)))
    }
    #[inline(always)]
    fn scale2(self, n: Self) -> Self {
        let half = Real::round(n * 0.5);
        self * Real::exp2_integer(half) * Real::exp2_integer(n - half)
    }
    #[inline(always)]
    unsafe fn gather(base: *const f64, index: Self) -> Self {
        // SAFETY: contract of the trait.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        unsafe {
            *base.add(index as usize)
        }
    }
    #[inline(always)]
    unsafe fn lookup8(row: *const f64, index: Self) -> Self {
        // SAFETY: contract of the trait.
        unsafe { Self::gather(row, index) }
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{F64x4, F64x8};

#[cfg(target_arch = "x86_64")]
#[allow(clippy::undocumented_unsafe_blocks)] // the instruction set is present: see the module header
mod x86 {
    use super::*;
    use std::arch::x86_64::*;

    /// Four doubles, AVX2 and FMA.
    #[derive(Clone, Copy)]
    #[repr(transparent)]
    pub(crate) struct F64x4(__m256d);

    /// Eight doubles, AVX-512 F and DQ.
    #[derive(Clone, Copy)]
    #[repr(transparent)]
    pub(crate) struct F64x8(__m512d);

    macro_rules! operator {
        ($ty:ident, $op:ident, $method:ident, $intrinsic:ident) => {
            impl $op for $ty {
                type Output = Self;
                #[inline(always)]
                fn $method(self, b: Self) -> Self {
                    unsafe { Self($intrinsic(self.0, b.0)) }
                }
            }
        };
    }
    operator!(F64x4, Add, add, _mm256_add_pd);
    operator!(F64x4, Sub, sub, _mm256_sub_pd);
    operator!(F64x4, Mul, mul, _mm256_mul_pd);
    operator!(F64x4, Div, div, _mm256_div_pd);
    operator!(F64x8, Add, add, _mm512_add_pd);
    operator!(F64x8, Sub, sub, _mm512_sub_pd);
    operator!(F64x8, Mul, mul, _mm512_mul_pd);
    operator!(F64x8, Div, div, _mm512_div_pd);

    impl Neg for F64x4 {
        type Output = Self;
        #[inline(always)]
        fn neg(self) -> Self {
            unsafe { Self(_mm256_xor_pd(self.0, _mm256_set1_pd(-0.0))) }
        }
    }
    impl Neg for F64x8 {
        type Output = Self;
        #[inline(always)]
        fn neg(self) -> Self {
            unsafe { Self(_mm512_xor_pd(self.0, _mm512_set1_pd(-0.0))) }
        }
    }

    /// The methods which differ only in the names of the intrinsics.
    macro_rules! common {
        ($load:ident, $store:ident, $set1:ident, $fma:ident, $sqrt:ident, $min:ident, $max:ident) => {
            #[inline(always)]
            unsafe fn load(p: *const f64) -> Self {
                unsafe { Self($load(p)) }
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut f64) {
                unsafe { $store(p, self.0) }
            }
            #[inline(always)]
            fn splat(x: f64) -> Self {
                unsafe { Self($set1(x)) }
            }
            #[inline(always)]
            fn fma(self, b: Self, c: Self) -> Self {
                unsafe { Self($fma(self.0, b.0, c.0)) }
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                unsafe { Self($sqrt(self.0)) }
            }
            #[inline(always)]
            fn lesser(self, b: Self) -> Self {
                unsafe { Self($min(self.0, b.0)) }
            }
            #[inline(always)]
            fn greater(self, b: Self) -> Self {
                unsafe { Self($max(self.0, b.0)) }
            }
        };
    }

    macro_rules! bits {
        ($cast:ident, $back:ident, $set1:ident, $and:ident, $or:ident, $add:ident, $shl:ident,
         $shr:ident) => {
            #[inline(always)]
            fn bits_and(self, bits: u64) -> Self {
                unsafe { Self($back($and($cast(self.0), $set1(bits.cast_signed())))) }
            }
            #[inline(always)]
            fn bits_or(self, bits: u64) -> Self {
                unsafe { Self($back($or($cast(self.0), $set1(bits.cast_signed())))) }
            }
            #[inline(always)]
            fn bits_add(self, bits: u64) -> Self {
                unsafe { Self($back($add($cast(self.0), $set1(bits.cast_signed())))) }
            }
            #[inline(always)]
            fn bits_shl52(self) -> Self {
                unsafe { Self($back($shl::<52>($cast(self.0)))) }
            }
            #[inline(always)]
            fn bits_shr52(self) -> Self {
                unsafe { Self($back($shr::<52>($cast(self.0)))) }
            }
        };
    }

    impl Real for F64x4 {
        const WIDTH: usize = 4;
        const FUSED: bool = true;
        const BLOCK: usize = 4;
        type Mask = __m256d;
        common!(
            _mm256_loadu_pd,
            _mm256_storeu_pd,
            _mm256_set1_pd,
            _mm256_fmadd_pd,
            _mm256_sqrt_pd,
            _mm256_min_pd,
            _mm256_max_pd
        );
        bits!(
            _mm256_castpd_si256,
            _mm256_castsi256_pd,
            _mm256_set1_epi64x,
            _mm256_and_si256,
            _mm256_or_si256,
            _mm256_add_epi64,
            _mm256_slli_epi64,
            _mm256_srli_epi64
        );
        #[inline(always)]
        fn abs(self) -> Self {
            unsafe { Self(_mm256_andnot_pd(_mm256_set1_pd(-0.0), self.0)) }
        }
        #[inline(always)]
        fn floor(self) -> Self {
            unsafe { Self(_mm256_floor_pd(self.0)) }
        }
        #[inline(always)]
        fn lt(self, b: Self) -> __m256d {
            unsafe { _mm256_cmp_pd::<_CMP_LT_OQ>(self.0, b.0) }
        }
        #[inline(always)]
        fn le(self, b: Self) -> __m256d {
            unsafe { _mm256_cmp_pd::<_CMP_LE_OQ>(self.0, b.0) }
        }
        #[inline(always)]
        fn eq(self, b: Self) -> __m256d {
            unsafe { _mm256_cmp_pd::<_CMP_EQ_OQ>(self.0, b.0) }
        }
        #[inline(always)]
        fn all(mask: __m256d) -> bool {
            unsafe { _mm256_movemask_pd(mask) == 0b1111 }
        }
        #[inline(always)]
        fn pick(mask: __m256d, yes: Self, no: Self) -> Self {
            unsafe { Self(_mm256_blendv_pd(no.0, yes.0, mask)) }
        }
        #[inline(always)]
        fn xor_sign(self, sign: Self) -> Self {
            unsafe {
                let bit = _mm256_and_pd(sign.0, _mm256_set1_pd(-0.0));
                Self(_mm256_xor_pd(self.0, bit))
            }
        }
        #[inline(always)]
        fn scale2(self, n: Self) -> Self {
            let half = (n * Self::splat(0.5)).round();
            self * Self::exp2_integer(half) * Self::exp2_integer(n - half)
        }
        #[inline(always)]
        unsafe fn gather(base: *const f64, index: Self) -> Self {
            unsafe { Self(_mm256_i32gather_pd::<8>(base, _mm256_cvttpd_epi32(index.0))) }
        }
        #[inline(always)]
        unsafe fn lookup8(row: *const f64, index: Self) -> Self {
            unsafe { Self::gather(row, index) }
        }
    }

    impl Real for F64x8 {
        const WIDTH: usize = 8;
        const FUSED: bool = true;
        const BLOCK: usize = 8;
        type Mask = __mmask8;
        common!(
            _mm512_loadu_pd,
            _mm512_storeu_pd,
            _mm512_set1_pd,
            _mm512_fmadd_pd,
            _mm512_sqrt_pd,
            _mm512_min_pd,
            _mm512_max_pd
        );
        bits!(
            _mm512_castpd_si512,
            _mm512_castsi512_pd,
            _mm512_set1_epi64,
            _mm512_and_si512,
            _mm512_or_si512,
            _mm512_add_epi64,
            _mm512_slli_epi64,
            _mm512_srli_epi64
        );
        #[inline(always)]
        fn abs(self) -> Self {
            unsafe { Self(_mm512_abs_pd(self.0)) }
        }
        #[inline(always)]
        fn floor(self) -> Self {
            unsafe { Self(_mm512_roundscale_pd::<1>(self.0)) }
        }
        #[inline(always)]
        fn lt(self, b: Self) -> __mmask8 {
            unsafe { _mm512_cmp_pd_mask::<_CMP_LT_OQ>(self.0, b.0) }
        }
        #[inline(always)]
        fn le(self, b: Self) -> __mmask8 {
            unsafe { _mm512_cmp_pd_mask::<_CMP_LE_OQ>(self.0, b.0) }
        }
        #[inline(always)]
        fn eq(self, b: Self) -> __mmask8 {
            unsafe { _mm512_cmp_pd_mask::<_CMP_EQ_OQ>(self.0, b.0) }
        }
        #[inline(always)]
        fn all(mask: __mmask8) -> bool {
            mask == 0xff
        }
        #[inline(always)]
        fn pick(mask: __mmask8, yes: Self, no: Self) -> Self {
            unsafe { Self(_mm512_mask_blend_pd(mask, no.0, yes.0)) }
        }
        #[inline(always)]
        fn xor_sign(self, sign: Self) -> Self {
            unsafe {
                let bit = _mm512_and_pd(sign.0, _mm512_set1_pd(-0.0));
                Self(_mm512_xor_pd(self.0, bit))
            }
        }
        #[inline(always)]
        fn scale2(self, n: Self) -> Self {
            unsafe { Self(_mm512_scalef_pd(self.0, n.0)) }
        }
        #[inline(always)]
        unsafe fn gather(base: *const f64, index: Self) -> Self {
            unsafe { Self(_mm512_i32gather_pd::<8>(_mm512_cvttpd_epi32(index.0), base)) }
        }
        #[inline(always)]
        unsafe fn lookup8(row: *const f64, index: Self) -> Self {
            unsafe {
                let row = _mm512_loadu_pd(row);
                Self(_mm512_permutexvar_pd(_mm512_cvttpd_epi64(index.0), row))
            }
        }
    }
}

/// Runs `$kernel::<V>($args)`, an `#[inline(always)]` unsafe generic function, with the vector of
/// the given [`crate::Isa`], which must be available on this machine.
macro_rules! on_isa {
    ($isa:expr, $kernel:ident($($arg:ident : $ty:ty),* $(,)?) $(-> $out:ty)?) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
        unsafe fn avx512($($arg: $ty),*) $(-> $out)? {
            // SAFETY: contract of the kernel, passed on.
            unsafe { $kernel::<$crate::vmath::lanes::F64x8>($($arg),*) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        unsafe fn avx2($($arg: $ty),*) $(-> $out)? {
            // SAFETY: contract of the kernel, passed on.
            unsafe { $kernel::<$crate::vmath::lanes::F64x4>($($arg),*) }
        }
        // SAFETY: the caller's contract, and the instruction set has been detected.
        unsafe {
            match $isa {
                #[cfg(target_arch = "x86_64")]
                $crate::Isa::Avx512 => avx512($($arg),*),
                #[cfg(target_arch = "x86_64")]
                $crate::Isa::Avx2 => avx2($($arg),*),
                _ => $kernel::<f64>($($arg),*),
            }
        }
    }};
}
pub(crate) use on_isa;
