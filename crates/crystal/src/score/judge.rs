//! Methods, and scores of their answers.

use std::collections::HashSet;
use std::error::Error;

use super::case::{Case, peaks};
use super::{Validity, wasserstein};
use crate::diffraction::{Broadening, QGrid, r_wp};
use crate::matching::{Reduced, StructureMatcher};
use crate::retrieve::{Kind, Query};
use crate::symmetry::SymmetricStructure;

/// Candidates of a case that are looked at.
pub const MOST_CANDIDATES: usize = 20;

/// Why a method has no answer.
pub type ProposerError = Box<dyn Error + Send + Sync>;

/// A structure that a method proposes.
#[derive(Debug, Clone)]
pub struct Ranked {
    /// The crystal.
    pub structure: SymmetricStructure,
    /// `R_wp` that the method ranked it by, where it did.
    pub r_wp: Option<f64>,
}

/// A method that finds structures.
pub trait Proposer {
    /// Its name in tables.
    fn name(&self) -> &str;

    /// At most `count` structures for what is known of a crystal, the best first.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from an answer; it counts as a failure.
    fn propose(&mut self, query: &Query, count: usize) -> Result<Vec<Ranked>, ProposerError>;
}

/// What came of one case.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CaseScore {
    /// Name of the case.
    pub id: String,
    /// Atoms in its primitive cell.
    pub atoms: usize,
    /// Whether its kind was among those known.
    pub seen: bool,
    /// Structures proposed.
    pub candidates: usize,
    /// Rank from 0 of the first that matches within the strict tolerances.
    pub strict: Option<usize>,
    /// The same within the loose ones.
    pub loose: Option<usize>,
    /// Root mean square distance of the first structure, if it matches loosely.
    pub rms: Option<f64>,
    /// `R_wp` of the first structure on the scoring grid, calculated here.
    pub r_wp: Option<f64>,
    /// Distance of the peaks of the first structure, 1/angstrom.
    pub wasserstein: Option<f64>,
    /// Checks of the first structure; all false without one.
    pub validity: Validity,
    /// Seconds that the answer took, by the caller's clock.
    pub seconds: f64,
    /// Why there is no answer.
    pub failure: Option<String>,
}

/// Asks a method case by case. `known` holds the kinds that it has seen; `clock` says seconds; `done` is
/// called after each case and says whether to go on.
pub fn score(
    cases: &[Case],
    proposer: &mut dyn Proposer,
    known: &HashSet<Kind>,
    clock: &mut dyn FnMut() -> f64,
    done: &mut dyn FnMut(&CaseScore) -> bool,
) -> Vec<CaseScore> {
    let mut scores = Vec::with_capacity(cases.len());
    for case in cases {
        let begin = clock();
        let answer = proposer.propose(&case.query, MOST_CANDIDATES);
        let seconds = clock() - begin;
        let (ranked, failure) = match answer {
            Ok(ranked) => (ranked, None),
            Err(why) => (Vec::new(), Some(why.to_string())),
        };
        let seen = case.kind.as_ref().is_some_and(|kind| known.contains(kind));
        let score = CaseScore { seen, seconds, failure, ..case.judge(&ranked) };
        let go_on = done(&score);
        scores.push(score);
        if !go_on {
            break;
        }
    }
    scores
}

impl Case {
    /// Judges ranked structures, of which the first [`MOST_CANDIDATES`] count.
    #[must_use]
    pub fn judge(&self, ranked: &[Ranked]) -> CaseScore {
        let ranked = &ranked[..ranked.len().min(MOST_CANDIDATES)];
        let mut score = CaseScore {
            id: self.id.clone(),
            atoms: self.atoms,
            candidates: ranked.len(),
            ..CaseScore::default()
        };
        if let Some(first) = ranked.first() {
            self.judge_first(&first.structure, &mut score);
        }
        for (rank, candidate) in ranked.iter().enumerate() {
            let Some(cells) = cells(&candidate.structure) else { continue };
            if score.loose.is_none() && self.fits(&StructureMatcher::LOOSE, &cells) {
                score.loose = Some(rank);
            }
            if self.fits(&StructureMatcher::STRICT, &cells) {
                score.strict = Some(rank);
                break;
            }
        }
        score
    }

    /// Whether either kind of cell matches.
    fn fits(&self, matcher: &StructureMatcher, cells: &[Reduced; 2]) -> bool {
        self.reduced.iter().zip(cells).any(|(truth, found)| matcher.fits(truth, found))
    }

    /// Distance, pattern and checks of the first structure.
    fn judge_first(&self, crystal: &SymmetricStructure, score: &mut CaseScore) {
        score.validity = Validity::of(crystal, &self.query.composition);
        if let Some(cells) = cells(crystal) {
            let pairs = self.reduced.iter().zip(&cells);
            let distances = pairs.filter_map(|(t, f)| StructureMatcher::LOOSE.distance(t, f));
            score.rms = distances.map(|d| d.rms).min_by(f64::total_cmp);
        }
        let Ok(structure) = crystal.primitive() else { return };
        let Ok(found) = peaks(&structure, self.query.wavelength) else { return };
        score.wasserstein = wasserstein(&self.query.peaks, &found);
        if let Ok(mut broadening) = Broadening::new(QGrid::SCORING) {
            let mut pattern = Vec::new();
            broadening.pattern(found.into_iter(), &mut pattern);
            score.r_wp = Some(r_wp(&self.pattern, &pattern)).filter(|r| r.is_finite());
        }
    }
}

/// The cells of a crystal with and without a search for smaller ones.
fn cells(crystal: &SymmetricStructure) -> Option<[Reduced; 2]> {
    let structure = crystal.primitive().ok()?;
    Some([Reduced::primitive(&structure).ok()?, Reduced::as_given(&structure).ok()?])
}
