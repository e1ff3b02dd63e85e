//! Vector types of one width per instruction set behind one small trait, and run-time detection.
//!
//! Every generic kernel is `#[inline(always)]` over [`Lanes`] and is instantiated inside a
//! `#[target_feature]` function, so a plain build contains all instruction sets.
//! Not a general SIMD library: only the operations which the kernels need.

use std::ops::{Deref, DerefMut};

/// Doubles in one cache line; tiles and padded rows are multiples of it.
pub(crate) const LINE: usize = 8;

/// Instruction set of the kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// Plain arrays; every machine.
    Portable,
    /// x86-64 AVX2 with FMA.
    Avx2,
    /// x86-64 AVX-512 F and DQ.
    Avx512,
}

impl Isa {
    /// Best instruction set of this machine.
    #[must_use]
    pub fn detect() -> Self {
        if Self::Avx512.is_available() {
            Self::Avx512
        } else if Self::Avx2.is_available() {
            Self::Avx2
        } else {
            Self::Portable
        }
    }

    /// Whether this machine can run it.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                Self::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512dq")
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// All instruction sets which this machine can run, slowest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let all = [Self::Portable, Self::Avx2, Self::Avx512];
        all.into_iter().filter(|isa| isa.is_available()).collect()
    }
}

/// One cache line of doubles; carries the alignment of [`AlignedBuffer`].
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f64; LINE]);

/// Zero-initialised doubles aligned to a cache line; dereferences to `[f64]`.
///
/// Kernels accept any slice, but unaligned panels cost an extra cache line per vector load.
#[derive(Clone)]
pub struct AlignedBuffer {
    lines: Vec<Line>,
    len: usize,
}

impl AlignedBuffer {
    /// `len` zeros.
    #[must_use]
    pub fn zeros(len: usize) -> Self {
        Self { lines: vec![Line([0.0; LINE]); len.div_ceil(LINE)], len }
    }
}

impl Deref for AlignedBuffer {
    type Target = [f64];
    fn deref(&self) -> &[f64] {
        // SAFETY: `lines` owns at least `len` contiguous doubles (`Line` is `repr(C)`, no padding).
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for AlignedBuffer {
    fn deref_mut(&mut self) -> &mut [f64] {
        // SAFETY: as in `deref`, and the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

/// A vector of `N` doubles.
///
/// # Safety
/// All methods require that the machine has the instruction set of the implementing type, and
/// those with pointers require `N` valid doubles there.
#[allow(clippy::missing_safety_doc)] // stated once above
pub(crate) trait Lanes: Copy {
    /// Doubles per vector; divides [`LINE`].
    const N: usize;
    /// Rows of the matrix microkernel which fit the register file (with three vectors per row).
    const ROWS: usize;
    /// Vectors per row of the matrix microkernel.
    const VECTORS: usize;

    unsafe fn load(p: *const f64) -> Self;
    unsafe fn store(self, p: *mut f64);
    unsafe fn splat(x: f64) -> Self;
    /// `self * b + c`
    unsafe fn fma(self, b: Self, c: Self) -> Self;
    unsafe fn add(self, b: Self) -> Self;
    unsafe fn sub(self, b: Self) -> Self;
    unsafe fn mul(self, b: Self) -> Self;
    /// Quotient of normal numbers, correct to the last bit or two.
    unsafe fn div(self, b: Self) -> Self;
    unsafe fn min(self, b: Self) -> Self;
    unsafe fn abs(self) -> Self;
    /// Nearest integer, ties to even.
    unsafe fn round(self) -> Self;
    /// 2^self for integers -1022..=1023.
    unsafe fn exp2_integer(self) -> Self;
    /// `self`, which must not be negative, with the sign bit of `sign`.
    unsafe fn with_sign(self, sign: Self) -> Self;
    /// Writes the transpose of an `N` x `N` block; source rows from `rows` on are read as zero.
    unsafe fn transpose(src: *const f64, ld: usize, rows: usize, dst: *mut f64, ld_dst: usize);
}

/// Four doubles without intrinsics.
#[derive(Clone, Copy)]
pub(crate) struct Portable([f64; 4]);

impl Portable {
    #[inline(always)]
    fn map2(self, b: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], b.0[i])))
    }
    #[inline(always)]
    fn map(self, f: impl Fn(f64) -> f64) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i])))
    }
}

#[allow(clippy::undocumented_unsafe_blocks)] // pointers: contract of `Lanes`
impl Lanes for Portable {
    const N: usize = 4;
    const ROWS: usize = 2;
    const VECTORS: usize = 2;

    #[inline(always)]
    unsafe fn load(p: *const f64) -> Self {
        unsafe { Self(p.cast::<[f64; 4]>().read()) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f64) {
        unsafe { p.cast::<[f64; 4]>().write(self.0) }
    }
    #[inline(always)]
    unsafe fn splat(x: f64) -> Self {
        Self([x; 4])
    }
    #[inline(always)]
    unsafe fn fma(self, b: Self, c: Self) -> Self {
        // Two roundings: a fused one is a library call where the target has no FMA.
        Self(std::array::from_fn(|i| self.0[i] * b.0[i] + c.0[i]))
    }
    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        self.map2(b, |x, y| x + y)
    }
    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        self.map2(b, |x, y| x - y)
    }
    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        self.map2(b, |x, y| x * y)
    }
    #[inline(always)]
    unsafe fn div(self, b: Self) -> Self {
        self.map2(b, |x, y| x / y)
    }
    #[inline(always)]
    unsafe fn min(self, b: Self) -> Self {
        self.map2(b, |x, y| if x < y { x } else { y })
    }
    #[inline(always)]
    unsafe fn abs(self) -> Self {
        self.map(f64::abs)
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        // Adding 1.5 * 2^52 rounds |x| < 2^51 to an integer; `round_ties_even` may be a call.
        const MAGIC: f64 = 6_755_399_441_055_744.0;
        self.map(|x| (x + MAGIC) - MAGIC)
    }
    #[inline(always)]
    unsafe fn exp2_integer(self) -> Self {
        const MAGIC: f64 = 4_503_599_627_370_496.0 + 1023.0;
        self.map(|x| f64::from_bits((x + MAGIC).to_bits() << 52))
    }
    #[inline(always)]
    unsafe fn with_sign(self, sign: Self) -> Self {
        self.map2(sign, |x, y| f64::from_bits(x.to_bits() | (y.to_bits() & (1 << 63))))
    }
    #[inline(always)]
    unsafe fn transpose(src: *const f64, ld: usize, rows: usize, dst: *mut f64, ld_dst: usize) {
        for i in 0..4 {
            for j in 0..4 {
                let x = if j < rows { unsafe { *src.add(j * ld + i) } } else { 0.0 };
                unsafe { *dst.add(i * ld_dst + j) = x };
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
#[allow(clippy::undocumented_unsafe_blocks)] // instruction set and pointers: contract of `Lanes`
mod x86 {
    use super::Lanes;
    use std::arch::x86_64::*;

    /// Four doubles, AVX2 and FMA.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2(__m256d);

    /// Eight doubles, AVX-512.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx512(__m512d);

    macro_rules! arithmetic {
        ($load:ident, $store:ident, $set1:ident, $fma:ident, $add:ident, $sub:ident, $mul:ident,
         $min:ident) => {
            #[inline(always)]
            unsafe fn load(p: *const f64) -> Self {
                unsafe { Self($load(p)) }
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut f64) {
                unsafe { $store(p, self.0) }
            }
            #[inline(always)]
            unsafe fn splat(x: f64) -> Self {
                unsafe { Self($set1(x)) }
            }
            #[inline(always)]
            unsafe fn fma(self, b: Self, c: Self) -> Self {
                unsafe { Self($fma(self.0, b.0, c.0)) }
            }
            #[inline(always)]
            unsafe fn add(self, b: Self) -> Self {
                unsafe { Self($add(self.0, b.0)) }
            }
            #[inline(always)]
            unsafe fn sub(self, b: Self) -> Self {
                unsafe { Self($sub(self.0, b.0)) }
            }
            #[inline(always)]
            unsafe fn mul(self, b: Self) -> Self {
                unsafe { Self($mul(self.0, b.0)) }
            }
            #[inline(always)]
            unsafe fn min(self, b: Self) -> Self {
                unsafe { Self($min(self.0, b.0)) }
            }
        };
    }

    impl Lanes for Avx2 {
        const N: usize = 4;
        const ROWS: usize = 4;
        const VECTORS: usize = 3;
        arithmetic!(
            _mm256_loadu_pd,
            _mm256_storeu_pd,
            _mm256_set1_pd,
            _mm256_fmadd_pd,
            _mm256_add_pd,
            _mm256_sub_pd,
            _mm256_mul_pd,
            _mm256_min_pd
        );
        #[inline(always)]
        unsafe fn div(self, b: Self) -> Self {
            unsafe { Self(_mm256_div_pd(self.0, b.0)) }
        }
        #[inline(always)]
        unsafe fn abs(self) -> Self {
            unsafe { Self(_mm256_andnot_pd(_mm256_set1_pd(-0.0), self.0)) }
        }
        #[inline(always)]
        unsafe fn round(self) -> Self {
            unsafe { Self(_mm256_round_pd::<8>(self.0)) }
        }
        #[inline(always)]
        unsafe fn exp2_integer(self) -> Self {
            unsafe {
                let magic = _mm256_set1_pd(4_503_599_627_370_496.0 + 1023.0);
                let bits = _mm256_castpd_si256(_mm256_add_pd(self.0, magic));
                Self(_mm256_castsi256_pd(_mm256_slli_epi64::<52>(bits)))
            }
        }
        #[inline(always)]
        unsafe fn with_sign(self, sign: Self) -> Self {
            unsafe { Self(_mm256_or_pd(self.0, _mm256_and_pd(sign.0, _mm256_set1_pd(-0.0)))) }
        }
        #[inline(always)]
        unsafe fn transpose(src: *const f64, ld: usize, rows: usize, dst: *mut f64, ld_dst: usize) {
            unsafe {
                let row = |j: usize| {
                    if j < rows { _mm256_loadu_pd(src.add(j * ld)) } else { _mm256_setzero_pd() }
                };
                let (r0, r1, r2, r3) = (row(0), row(1), row(2), row(3));
                let (a, b) = (_mm256_unpacklo_pd(r0, r1), _mm256_unpackhi_pd(r0, r1));
                let (c, d) = (_mm256_unpacklo_pd(r2, r3), _mm256_unpackhi_pd(r2, r3));
                _mm256_storeu_pd(dst, _mm256_permute2f128_pd::<0x20>(a, c));
                _mm256_storeu_pd(dst.add(ld_dst), _mm256_permute2f128_pd::<0x20>(b, d));
                _mm256_storeu_pd(dst.add(2 * ld_dst), _mm256_permute2f128_pd::<0x31>(a, c));
                _mm256_storeu_pd(dst.add(3 * ld_dst), _mm256_permute2f128_pd::<0x31>(b, d));
            }
        }
    }

    impl Lanes for Avx512 {
        const N: usize = 8;
        const ROWS: usize = 8;
        const VECTORS: usize = 3;
        arithmetic!(
            _mm512_loadu_pd,
            _mm512_storeu_pd,
            _mm512_set1_pd,
            _mm512_fmadd_pd,
            _mm512_add_pd,
            _mm512_sub_pd,
            _mm512_mul_pd,
            _mm512_min_pd
        );
        #[inline(always)]
        unsafe fn div(self, b: Self) -> Self {
            // Reciprocal estimate (14 bits), one cubic step (42 bits), quotient and its residual:
            // eight instructions on both FMA ports instead of sixteen cycles of the divider.
            unsafe {
                let r = _mm512_rcp14_pd(b.0);
                let e = _mm512_fnmadd_pd(b.0, r, _mm512_set1_pd(1.0));
                let r = _mm512_fmadd_pd(r, _mm512_fmadd_pd(e, e, e), r);
                let q = _mm512_mul_pd(self.0, r);
                Self(_mm512_fmadd_pd(_mm512_fnmadd_pd(b.0, q, self.0), r, q))
            }
        }
        #[inline(always)]
        unsafe fn abs(self) -> Self {
            unsafe { Self(_mm512_abs_pd(self.0)) }
        }
        #[inline(always)]
        unsafe fn round(self) -> Self {
            unsafe { Self(_mm512_roundscale_pd::<0>(self.0)) }
        }
        #[inline(always)]
        unsafe fn exp2_integer(self) -> Self {
            unsafe { Self(_mm512_scalef_pd(_mm512_set1_pd(1.0), self.0)) }
        }
        #[inline(always)]
        unsafe fn with_sign(self, sign: Self) -> Self {
            unsafe { Self(_mm512_or_pd(self.0, _mm512_and_pd(sign.0, _mm512_set1_pd(-0.0)))) }
        }
        #[inline(always)]
        unsafe fn transpose(src: *const f64, ld: usize, rows: usize, dst: *mut f64, ld_dst: usize) {
            unsafe {
                let row = |j: usize| {
                    if j < rows { _mm512_loadu_pd(src.add(j * ld)) } else { _mm512_setzero_pd() }
                };
                // Pairs of rows, then quarters, then halves (three shuffles per vector).
                let mut pair = [_mm512_setzero_pd(); 8];
                for j in 0..4 {
                    let (a, b) = (row(2 * j), row(2 * j + 1));
                    pair[2 * j] = _mm512_unpacklo_pd(a, b);
                    pair[2 * j + 1] = _mm512_unpackhi_pd(a, b);
                }
                for odd in 0..2 {
                    let (p0, p1) = (pair[odd], pair[2 + odd]);
                    let (p2, p3) = (pair[4 + odd], pair[6 + odd]);
                    let a = _mm512_shuffle_f64x2::<0x88>(p0, p1); // columns 0 and 4
                    let b = _mm512_shuffle_f64x2::<0xdd>(p0, p1); // columns 2 and 6
                    let c = _mm512_shuffle_f64x2::<0x88>(p2, p3);
                    let d = _mm512_shuffle_f64x2::<0xdd>(p2, p3);
                    let dst = dst.add(odd * ld_dst);
                    _mm512_storeu_pd(dst, _mm512_shuffle_f64x2::<0x88>(a, c));
                    _mm512_storeu_pd(dst.add(2 * ld_dst), _mm512_shuffle_f64x2::<0x88>(b, d));
                    _mm512_storeu_pd(dst.add(4 * ld_dst), _mm512_shuffle_f64x2::<0xdd>(a, c));
                    _mm512_storeu_pd(dst.add(6 * ld_dst), _mm512_shuffle_f64x2::<0xdd>(b, d));
                }
            }
        }
    }
}
