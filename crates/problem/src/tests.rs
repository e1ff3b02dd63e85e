//! What files mean, and what is said about files that mean nothing.

use std::path::{Path, PathBuf};

use crate::{Diagnostics, Problem, load};

fn problem_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../problems").join(name)
}

fn shipped(name: &str) -> Problem {
    load(&problem_path(name), &[]).unwrap_or_else(|e: Diagnostics| panic!("{e}"))
}

#[test]
fn shipped_problems_load() {
    for name in ["heat.toml", "burgers.toml", "sphere.toml", "spm-plain.toml", "spm.toml"] {
        println!("{}", shipped(name).summary());
    }
}
