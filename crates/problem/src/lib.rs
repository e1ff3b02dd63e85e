//! Problem files: TOML in, checked [`Problem`] out, every mistake with its place and a way out.

pub mod model;
pub mod units;

pub use model::Problem;
