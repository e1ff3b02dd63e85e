//! Fused f64 kernels for multilayer perceptrons and their derivative streams.
//!
//! A *stream* is the value of a quantity or one of its directional derivatives; all streams of a
//! tile of points go through a layer as one matrix product, and the reverse sweep is written out
//! by hand. Points lie in the SIMD lanes, so any layer width works without padding.
//!
//! This crate is deliberately not an automatic differentiation library and knows nothing about
//! physics: the caller combines streams into residuals and supplies the adjoints.
//!
//! Legend of shapes: `tile` points per block, `stream` value and derivatives, `[a][b][c]`
//! row-major. The instruction set is chosen at run time ([`Isa`]).
// SIMD intrinsics and raw strided panels are the purpose of this crate; each block gives a reason.
#![allow(unsafe_code)]

mod activation;
pub mod dense;
mod gemm;
mod kernels;
mod mlp;
pub mod product;
mod simd;
pub mod table;
pub mod tape;
pub mod vmath;

pub use mlp::{Activation, LayerShape, Mlp, Streams, Workspace};
pub use simd::{AlignedBuffer, Isa};
pub use table::{Ends, Extrapolate, Fit, FitTolerance, Table, TableError};
pub use tape::{Op, Plan, Program, ProgramError, Reg, Registers};
pub use vmath::Function;
