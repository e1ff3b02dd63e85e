//! Structures by lookup: prototypes of a library with other elements, rescaled, ranked by pattern.
//!
//! A [`Library`] holds prototypes distilled from a table: templates that differ only by their elements
//! and size are one. For a pattern and a composition, [`Library::scan`] tries every prototype of the
//! same formula type with every assignment of elements over a range of volumes and ranks them by the
//! cosine of coarse patterns; [`search`] refines the best of them and ranks by the misfit. [`write_library`] and [`read_library`] keep a library as
//! text.

mod file;
mod library;
mod restrict;
mod scan;
mod search;

pub use file::{LibraryError, Source, compressed, open_library, read_library, write_library};
pub(crate) use library::orders;
pub use library::{Kind, Library, Prototype, element_volumes};
pub use scan::{KnownSymmetry, Proposal, Query};
pub(crate) use search::finished;
pub use search::{Candidate, Origin, SearchOptions, search};
