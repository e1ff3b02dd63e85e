//! The `surrogate` command.
fn main() {}
