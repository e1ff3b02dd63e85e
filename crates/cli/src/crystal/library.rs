//! Libraries of prototypes.

use std::path::Path;

use surrogate_crystal::retrieve::{Library, Source, read_library};

use super::text;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// How a library is made.
const MAKE: &str = "make one with `surrogate data import TABLE… --out library.txt --origin … \
                    --licence …`, of a table of structures or a folder of CIF files";

/// The library of a file.
pub fn library(path: Option<&Path>, terminal: &Terminal) -> Result<(Library, Source), Failure> {
    let path = path.ok_or_else(|| Failure::helped("retrieval needs --library FILE", MAKE))?;
    if !path.exists() {
        return Err(Failure::helped(format!("{}: there is no such file", path.display()), MAKE));
    }
    let (library, source) = read_library(&text(path)?)
        .map_err(|e| Failure::helped(e.to_string(), MAKE).in_file(path))?;
    terminal.say(format!(
        "library: {} prototypes of {} crystals; origin: {}; licence: {}",
        library.prototypes().len(),
        source.crystals,
        source.origin,
        source.licence
    ));
    Ok((library, source))
}
