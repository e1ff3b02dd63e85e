//! Proposals, refined and ranked.

use super::library::Library;
use super::scan::{Proposal, Query};
use crate::diffraction::{PowderModel, QGrid};
use crate::refine::{Free, Limits, RefineError, Refiner, Stage};
use crate::symmetry::SymmetricStructure;

/// How far a search goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchOptions {
    /// Proposals that are refined coarsely.
    pub coarse: usize,
    /// Of these, the best that are refined finely.
    pub fine: usize,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { coarse: 20, fine: 4 }
    }
}

/// A refined proposal.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Where it comes from.
    pub proposal: Proposal,
    /// The refined crystal.
    pub structure: SymmetricStructure,
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

const FINE: [Stage; 3] = [
    stage(0.2, 5.0, Free::Structure, 4),
    stage(0.12, 7.7, Free::Structure, 8),
    stage(0.05, 8.0, Free::Structure, 12),
];
const FINE_LIMITS: Limits = Limits { cell: 0.15, coordinate: 0.2 };

/// Share by which reciprocal lengths may grow or shrink.
const MARGIN: f64 = 0.12;

/// Refines the best proposals of a scan: all of them coarsely, the best again finely. Ranked by
/// `R_wp`, those without one behind by misfit. Proposals that cannot be refined are left out.
///
/// # Errors
///
/// A pattern without peaks, elements without form factors.
pub fn search(
    library: &Library,
    query: &Query,
    options: SearchOptions,
) -> Result<Vec<Candidate>, RefineError> {
    let proposals = library.scan(query)?;
    let mut refiner = Refiner::new(query.peaks.clone());
    let mut candidates = Vec::new();
    for proposal in proposals.into_iter().take(options.coarse) {
        let structure = proposed(library, &proposal);
        if let Ok((structure, misfit)) =
            refined(&mut refiner, query, &structure, &COARSE, COARSE_LIMITS)
        {
            candidates.push(Candidate { proposal, structure, misfit, r_wp: None });
        }
    }
    candidates.sort_by(|a, b| a.misfit.total_cmp(&b.misfit));
    for candidate in candidates.iter_mut().take(options.fine) {
        let fine = refined(&mut refiner, query, &candidate.structure, &FINE, FINE_LIMITS);
        if let Ok((structure, _)) = fine {
            let mut model = PowderModel::new(&structure, query.wavelength, Q_END, MARGIN)?;
            let parameters = model.parameters().to_vec();
            candidate.r_wp = Some(refiner.r_wp(&mut model, &parameters, QGrid::SCORING)?);
            candidate.structure = structure;
        }
    }
    let rank = |c: &Candidate| c.r_wp.unwrap_or(f64::INFINITY);
    candidates.sort_by(|a, b| rank(a).total_cmp(&rank(b)).then(a.misfit.total_cmp(&b.misfit)));
    Ok(candidates)
}

/// End of the range of reflections of a fine refinement.
const Q_END: f64 = 8.1;

/// The crystal of a proposal.
fn proposed(library: &Library, proposal: &Proposal) -> SymmetricStructure {
    let mut structure = library.prototypes()[proposal.prototype].structure.clone();
    let lengths = structure.cell_lengths();
    for length in &mut structure.cell[..lengths] {
        *length *= proposal.scale;
    }
    for orbit in &mut structure.orbits {
        orbit.element = proposal.elements[usize::from(orbit.element.atomic_number()) - 1];
    }
    structure
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
