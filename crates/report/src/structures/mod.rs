//! Pages of crystals: scores of methods that find structures, and what a search found.
//!
//! Both are made from the files of a folder alone.

pub(crate) mod funnel;
pub(crate) mod picture;
pub(crate) mod scores;
mod search;

pub use scores::structure_scores;
pub use search::structure_search;
