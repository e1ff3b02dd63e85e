//! Proposals, refined and ranked.

use rand::{Rng, RngExt};

use super::library::Library;
use super::scan::{Proposal, Query};
use crate::diffraction::{PowderModel, QGrid};
use crate::direct::{DirectOptions, solve};
use crate::refine::{Free, Limits, RefineError, Refiner, Stage};
use crate::symmetry::SymmetricStructure;

/// How far a search goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SearchOptions {
    /// Proposals that are refined coarsely.
    pub coarse: usize,
    /// Of these, the best of each library that are refined finely.
    pub fine: usize,
    /// Attempts for each library, from random cells and coordinates, where no candidate reproduces the pattern.
    pub attempts: usize,
    /// `R_wp` at which a pattern counts as reproduced.
    pub enough: f64,
    /// The search without examples that follows, if any, where nothing reproduces the pattern as well as it asks for.
    pub direct: Option<DirectOptions>,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { coarse: 20, fine: 4, attempts: 120, enough: 0.02, direct: None }
    }
}

/// Where a candidate comes from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Place of its library among those searched.
    pub library: usize,
    /// What was proposed.
    pub proposal: Proposal,
}

/// A refined proposal.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Where it comes from; none if it was found without an example.
    pub origin: Option<Origin>,
    /// The refined crystal.
    pub structure: SymmetricStructure,
    /// The crystal as it was proposed; none if it was found without an example.
    pub example: Option<SymmetricStructure>,
    /// Distance of the coarse patterns at the best scale, from 0 to 1.
    pub misfit: f64,
    /// `R_wp` on the scoring grid, for those that were refined finely.
    pub r_wp: Option<f64>,
}

const fn stage(fwhm: f64, q_max: f64, free: Free, iterations: usize) -> Stage {
    Stage { fwhm, q_max, free, iterations }
}

/// First the cell on low angles, then everything.
const COARSE: [Stage; 3] = [
    stage(0.25, 3.0, Free::Cell, 6),
    stage(0.2, 5.0, Free::Cell, 4),
    stage(0.2, 5.0, Free::Structure, 4),
];
const COARSE_LIMITS: Limits = Limits { cell: 0.12, coordinate: 0.15 };

const ATTEMPT: [Stage; 3] = [
    stage(0.3, 3.0, Free::Cell, 6),
    stage(0.25, 4.0, Free::Structure, 6),
    stage(0.2, 5.0, Free::Structure, 6),
];

const FINE: [Stage; 3] = [
    stage(0.2, 5.0, Free::Structure, 4),
    stage(0.12, 7.7, Free::Structure, 8),
    stage(0.05, 8.0, Free::Structure, 12),
];
const FINE_LIMITS: Limits = Limits { cell: 0.15, coordinate: 0.2 };

/// Share by which reciprocal lengths may grow or shrink.
const MARGIN: f64 = 0.12;

/// Refines the best proposals of a scan of each library: all of them coarsely, the best again finely. If none of these
/// reproduces the pattern, starts from random cells and coordinates follow, and then, if asked for, a search without
/// examples. Ranked by `R_wp`, those
/// without one behind by misfit. Proposals that cannot be refined are left out.
///
/// # Errors
///
/// A pattern without peaks, elements without form factors.
pub fn search(
    libraries: &[&Library],
    query: &Query,
    options: SearchOptions,
    rng: &mut impl Rng,
) -> Result<Vec<Candidate>, RefineError> {
    let mut proposals = Vec::new();
    for (place, library) in libraries.iter().enumerate() {
        let found = library.scan(query)?;
        proposals.extend(found.into_iter().take(options.coarse).map(|p| (place, p)));
    }
    let mut refiner = Refiner::new(query.peaks.clone(), query.q_range);
    let mut candidates = Vec::new();
    for (library, proposal) in proposals {
        let example = proposed(libraries[library], &proposal);
        if let Ok((structure, misfit)) =
            refined(&mut refiner, query, &example, &COARSE, COARSE_LIMITS)
        {
            let origin = Some(Origin { library, proposal });
            candidates.push(Candidate {
                origin,
                structure,
                example: Some(example),
                misfit,
                r_wp: None,
            });
        }
    }
    candidates.sort_by(|a, b| a.misfit.total_cmp(&b.misfit));
    for k in first_of_each(&candidates, libraries.len(), options.fine) {
        finish(&mut refiner, query, &mut candidates[k])?;
    }
    rank(&mut candidates);
    let best =
        |candidates: &[Candidate]| candidates.first().and_then(|c| c.r_wp).unwrap_or(f64::INFINITY);
    if best(&candidates) >= options.enough {
        attempt(libraries, &mut refiner, query, &mut candidates, options, rng)?;
        rank(&mut candidates);
    }
    if let (Some(direct), Some(library)) = (options.direct, libraries.first())
        && best(&candidates) >= direct.enough
    {
        candidates.extend(solve(&mut refiner, query, library, direct, rng)?);
        rank(&mut candidates);
    }
    Ok(candidates)
}

/// `R_wp` of rounding; what lies below is equally right.
const ROUNDING: f64 = 1e-6;

/// By `R_wp`, of equal ones the more symmetric first; those without one behind, by misfit.
fn rank(candidates: &mut [Candidate]) {
    let r_wp = |c: &Candidate| c.r_wp.map_or(f64::INFINITY, |r| r.max(ROUNDING));
    let free = |c: &Candidate| c.r_wp.map_or(0, |_| c.structure.degrees_of_freedom());
    candidates.sort_by(|a, b| {
        let first = r_wp(a).total_cmp(&r_wp(b)).then(free(a).cmp(&free(b)));
        first.then(a.misfit.total_cmp(&b.misfit))
    });
}

/// Places of the first `count` candidates of each library.
fn first_of_each(candidates: &[Candidate], libraries: usize, count: usize) -> Vec<usize> {
    let mut left = vec![count; libraries];
    let of_library = |c: &Candidate| c.origin.as_ref().map(|o| o.library);
    let mut first = Vec::new();
    for (k, candidate) in candidates.iter().enumerate() {
        if let Some(left) = of_library(candidate).and_then(|l| left.get_mut(l))
            && *left > 0
        {
            *left -= 1;
            first.push(k);
        }
    }
    first
}

/// Refines a candidate to the end and keeps the result if it is better than what it has.
fn finish(
    refiner: &mut Refiner,
    query: &Query,
    candidate: &mut Candidate,
) -> Result<(), RefineError> {
    if let Some((structure, r_wp)) = finished(refiner, query, &candidate.structure)?
        && candidate.r_wp.is_none_or(|known| r_wp < known)
    {
        candidate.r_wp = Some(r_wp);
        candidate.structure = structure;
    }
    Ok(())
}

/// A crystal refined to the end, with its `R_wp` on the scoring grid; none if it cannot be refined.
pub(crate) fn finished(
    refiner: &mut Refiner,
    query: &Query,
    structure: &SymmetricStructure,
) -> Result<Option<(SymmetricStructure, f64)>, RefineError> {
    let Ok((structure, _)) = refined(refiner, query, structure, &FINE, FINE_LIMITS) else {
        return Ok(None);
    };
    let mut model = PowderModel::new(&structure, query.wavelength, Q_END, MARGIN)?;
    let parameters = model.parameters().to_vec();
    let r_wp = refiner.r_wp(&mut model, &parameters, QGrid::SCORING)?;
    Ok(Some((structure, r_wp)))
}

/// Candidates of each library that get attempts.
const CONTENDERS: usize = 5;

/// Largest relative change of lengths and angles, and of coordinates, of an attempt.
const STRAIN: f64 = 0.06;
const SHIFT: f64 = 0.04;

/// An attempt whose coarse misfit is below this share of the candidate's is refined to the end.
const PROMISING: f64 = 0.7;

/// Refines the best candidates from random starts until one reproduces the pattern.
fn attempt(
    libraries: &[&Library],
    refiner: &mut Refiner,
    query: &Query,
    candidates: &mut [Candidate],
    options: SearchOptions,
    rng: &mut impl Rng,
) -> Result<(), RefineError> {
    let contenders = first_of_each(candidates, libraries.len(), CONTENDERS);
    if contenders.is_empty() {
        return Ok(());
    }
    for k in 0..options.attempts * libraries.len() {
        let candidate = &mut candidates[contenders[k % contenders.len()]];
        let Some(Origin { library, proposal }) = &candidate.origin else { continue };
        let round = k / contenders.len();
        let choices = proposal.alternatives.len() + 1;
        let proposal = match round % choices {
            0 => proposal,
            n => &proposal.alternatives[n - 1],
        };
        let example = proposed(libraries[*library], proposal);
        let mut start = example.clone();
        // the first look at an alternative is as it is
        if round == 0 || round >= choices {
            disturb(&mut start, rng);
        }
        let Ok((structure, misfit)) = refined(refiner, query, &start, &ATTEMPT, COARSE_LIMITS)
        else {
            continue;
        };
        if misfit < PROMISING * candidate.misfit {
            let example = Some(example);
            let mut next =
                Candidate { structure, example, misfit, r_wp: None, ..candidate.clone() };
            finish(refiner, query, &mut next)?;
            if next.r_wp.is_some_and(|r| candidate.r_wp.is_none_or(|known| r < known)) {
                *candidate = next;
            }
            if candidate.r_wp.is_some_and(|r| r < options.enough) {
                break;
            }
        }
    }
    Ok(())
}

/// Moves cell and coordinates at random.
fn disturb(structure: &mut SymmetricStructure, rng: &mut impl Rng) {
    for value in &mut structure.cell {
        *value *= 1.0 + STRAIN * rng.random_range(-1.0..1.0);
    }
    for orbit in &mut structure.orbits {
        for value in &mut orbit.parameters {
            *value += SHIFT * rng.random_range(-1.0..1.0);
        }
    }
}

/// End of the range of reflections of a fine refinement.
const Q_END: f64 = 8.1;

/// The crystal of a proposal.
fn proposed(library: &Library, proposal: &Proposal) -> SymmetricStructure {
    library.prototypes()[proposal.prototype].crystal(&proposal.elements, proposal.scale)
}

/// Refines through stages; the crystal and its misfit.
fn refined(
    refiner: &mut Refiner,
    query: &Query,
    structure: &SymmetricStructure,
    stages: &[Stage],
    limits: Limits,
) -> Result<(SymmetricStructure, f64), RefineError> {
    let reach = stages.iter().map(|s| s.q_max + 2.0 * s.fwhm).fold(0.0, f64::max).min(Q_END);
    let mut model = PowderModel::new(structure, query.wavelength, reach, MARGIN)?;
    let start = model.parameters().to_vec();
    let found = refiner.refine(&mut model, &start, stages, limits)?;
    Ok((model.structure(&found.parameters), found.misfit))
}
