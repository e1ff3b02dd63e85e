//! Table of the kernels compiled for each instruction set.

use crate::activation::{self, Function, Rows, Sin, Tanh};
use crate::gemm::{self, Outer, Product, Transposition};
use crate::mlp::Activation;
use crate::simd::Isa;

/// Kernels of one instruction set; each function requires that the machine has it.
pub(crate) struct Kernels {
    pub(crate) product: unsafe fn(&Product),
    pub(crate) transpose: unsafe fn(&Transposition),
    pub(crate) outer: unsafe fn(&Outer),
    activations: [Passes; 2],
}

/// Activation passes by highest derivative order.
struct Passes {
    forward: [unsafe fn(&Rows); 5],
    reverse: [unsafe fn(&Rows); 5],
}

impl Kernels {
    /// Kernels of `isa`, or of the portable code if this machine lacks it.
    pub(crate) fn of(isa: Isa) -> &'static Self {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 if isa.is_available() => &avx2::KERNELS,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 if isa.is_available() => &avx512::KERNELS,
            _ => &portable::KERNELS,
        }
    }

    /// Forward activation pass for streams up to order `max_order`.
    pub(crate) fn forward(&self, activation: Activation, max_order: u8) -> unsafe fn(&Rows) {
        self.activations[activation as usize].forward[usize::from(max_order)]
    }

    /// Reverse activation pass for streams up to order `max_order`.
    pub(crate) fn reverse(&self, activation: Activation, max_order: u8) -> unsafe fn(&Rows) {
        self.activations[activation as usize].reverse[usize::from(max_order)]
    }
}

macro_rules! instantiate {
    ($name:ident, $lanes:ty $(, $features:literal)?) => {
        // SAFETY of the whole module: the table is handed out only after run-time detection, and
        // pointers are the contract of the generic kernels.
        mod $name {
            use super::*;

            $(#[target_feature(enable = $features)])?
            unsafe fn product(p: &Product) {
                unsafe { gemm::product::<$lanes>(p) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn transpose(t: &Transposition) {
                unsafe { gemm::transpose::<$lanes>(t) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn outer(o: &Outer) {
                unsafe { gemm::outer::<$lanes>(o) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn forward<F: Function, const MAX: u8>(r: &Rows) {
                unsafe { activation::forward::<$lanes, F, MAX>(r) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn reverse<F: Function, const MAX: u8>(r: &Rows) {
                unsafe { activation::reverse::<$lanes, F, MAX>(r) }
            }

            const fn passes<F: Function>() -> Passes {
                Passes {
                    forward: [
                        forward::<F, 0>,
                        forward::<F, 1>,
                        forward::<F, 2>,
                        forward::<F, 3>,
                        forward::<F, 4>,
                    ],
                    reverse: [
                        reverse::<F, 0>,
                        reverse::<F, 1>,
                        reverse::<F, 2>,
                        reverse::<F, 3>,
                        reverse::<F, 4>,
                    ],
                }
            }

            pub(super) static KERNELS: Kernels = Kernels {
                product,
                transpose,
                outer,
                activations: [passes::<Tanh>(), passes::<Sin>()],
            };
        }
    };
}

instantiate!(portable, crate::simd::Portable);
#[cfg(target_arch = "x86_64")]
instantiate!(avx2, crate::simd::Avx2, "avx2,fma");
#[cfg(target_arch = "x86_64")]
instantiate!(avx512, crate::simd::Avx512, "avx512f,avx512dq,avx2,fma");
