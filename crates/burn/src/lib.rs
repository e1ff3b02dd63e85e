//! Burn back-end of the training loss: the same residuals as the fused kernels of
//! `surrogate_engine`, in tensor operations with burn's automatic differentiation.
//!
//! On the CPU ([`Device::cpu`]) it is slow and independent of the fused kernels and of their
//! hand-written reverse sweeps: the oracle of their tests. With the cargo feature `cuda` it is the
//! way to an NVIDIA GPU ([`Device::cuda`]). That path is compiled in our checks, but has not been run:
//! no GPU was at hand.
//!
//! The same holds for the transformer of `surrogate_generator` ([`transformer_gradient`]), in single
//! precision. All else is double precision. Legend of shapes: `N` points, `Q` quadrature nodes, `I` inputs
//! and `O` outputs of a layer; a column is a tensor `[N]`.

mod device;
mod loss;
mod network;
mod program;
mod table;
mod transformer;

pub use device::{Device, DeviceError};
pub use loss::{BurnLoss, burn_loss};
pub use transformer::transformer_gradient;
