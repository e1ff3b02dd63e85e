//! Pages of crystals: scores of methods that find structures, and what a search found.
//!
//! Both are made from the files of a folder alone.

pub(crate) mod funnel;
pub(crate) mod picture;
pub(crate) mod scores;
mod search;

use std::path::Path;

pub use scores::structure_scores;
pub use search::structure_search;

/// Whether a folder holds what a search for structures found.
#[must_use]
pub fn is_structure_search(folder: &Path) -> bool {
    folder.join("search.json").is_file()
}

/// Whether a folder holds scores of methods that find structures.
#[must_use]
pub fn is_structure_scores(folder: &Path) -> bool {
    folder.join("scores.json").is_file()
}
