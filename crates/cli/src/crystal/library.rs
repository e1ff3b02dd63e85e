//! Libraries of prototypes.

use std::path::Path;

use surrogate_crystal::retrieve::{Library, Source, open_library};

use crate::failure::Failure;
use crate::terminal::Terminal;

/// How a library is made.
const MAKE: &str = "make one with `surrogate data import TABLE… --out library.txt --origin … \
                    --licence …`, of a table of structures or a folder of CIF files";

/// The library that comes with the program; models/README.md says what it is made of.
const SHIPPED: &[u8] = include_bytes!("../../../../models/prototypes.txt.zst");

/// Largest file that is read.
const MOST_BYTES: u64 = 256 << 20;

/// The library of a file, or the shipped one.
pub fn library(path: Option<&Path>, terminal: &Terminal) -> Result<(Library, Source), Failure> {
    let (library, source) = match path {
        None => shipped()?,
        Some(path) => of_file(path)?,
    };
    terminal.say(format!(
        "library{}: {} prototypes of {} crystals; origin: {}; licence: {}",
        if path.is_some() { "" } else { " (shipped)" },
        library.prototypes().len(),
        source.crystals,
        source.origin,
        source.licence
    ));
    Ok((library, source))
}

/// The library that comes with the program.
pub fn shipped() -> Result<(Library, Source), Failure> {
    open_library(SHIPPED).map_err(|e| Failure::Internal(e.to_string()))
}

fn of_file(path: &Path) -> Result<(Library, Source), Failure> {
    if !path.exists() {
        return Err(Failure::helped(format!("{}: there is no such file", path.display()), MAKE));
    }
    let length = std::fs::metadata(path).map_or(0, |m| m.len());
    if length > MOST_BYTES {
        let message = format!("{}: {length} bytes are more than {MOST_BYTES}", path.display());
        return Err(Failure::user(message));
    }
    let bytes = surrogate_run::read_bytes(path)?;
    open_library(&bytes).map_err(|e| Failure::helped(e.to_string(), MAKE).in_file(path))
}
