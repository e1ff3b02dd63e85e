//! Commands, one file each.

pub mod calibrate;
pub mod check;
pub mod data;
pub mod diffract;
pub mod evaluate;
pub mod generate;
pub mod meter;
pub mod payback;
pub mod predict;
pub mod report;
pub mod runs;
pub mod solve;
pub mod train;
