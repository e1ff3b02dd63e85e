//! The transformer: its weights, the way forward and back, and decoding with kept keys and values.

mod decode;
mod layout;
mod pass;

pub use decode::Decoder;
pub use layout::{Layer, Layout, Shape};
pub(crate) use pass::softmax;
pub use pass::{NORM_FLOOR, Pass, Span};
