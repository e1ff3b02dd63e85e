//! The crystal tables that lie beside the repository on the project's machines.
#![allow(dead_code, clippy::unwrap_used, clippy::print_stderr)]

use std::fs::File;
use std::path::{Path, PathBuf};

/// Folder of the tables, if it is there.
pub(crate) fn folder() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/crystals");
    path.is_dir().then_some(path)
}

/// A file of it; says aloud when it is missing.
pub(crate) fn open(name: &str) -> Option<File> {
    let file = folder().and_then(|folder| File::open(folder.join(name)).ok());
    if file.is_none() {
        eprintln!("skipped: ../shared/data/crystals/{name} is not there");
    }
    file
}
