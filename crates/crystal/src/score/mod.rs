//! How well structures are found from powder patterns: cases, methods, scores.
//!
//! A [`Case`] is a crystal that is known, and what a method is told of it. A [`Proposer`] is a method:
//! it answers with ranked structures. [`score`] asks it case by case and judges the answers by its own
//! measure, not by what the method says of itself. A case without an answer is a failure, and failures
//! stay in every denominator. [`Summary`] counts; [`Paired`] compares two methods on the same cases.
//!
//! The room reads no clock: the caller gives one.

mod baselines;
mod bonds;
mod case;
mod element_table;
mod judge;
mod paired;
mod share;
mod summary;
mod validity;
mod wasserstein;

pub use baselines::{MostFrequent, NearestTemplate, RefinedRetrieval, Retrieval};
pub use bonds::electronegativity;
pub(crate) use bonds::least_distance;
pub use case::{Case, CaseError};
pub use judge::{CaseScore, MOST_CANDIDATES, Proposer, ProposerError, Ranked, score};
pub use paired::Paired;
pub use share::Share;
pub use summary::{PROMISED_R_WP, SLICES, Slice, Summary};
pub use validity::Validity;
pub(crate) use validity::apart;
pub use wasserstein::wasserstein;
