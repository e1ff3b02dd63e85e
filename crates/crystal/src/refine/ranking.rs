//! Ranking of candidates on measured points, their parameters counted.
//!
//! Constant peak widths and a plain `R_wp` prefer large cells of low symmetry, which fit everything a
//! little. Here candidates are fitted together with the diffractometer, the more symmetric crystal that
//! they are near to is fitted too, and what decides is
//!
//! ```text
//! n ln(R_wp^2) + k ln(n)
//! ```
//!
//! with the weighted `R_wp` of the fit, the number k of free cell parameters and coordinates, and the number
//! n of independent observations: residuals of a measured pattern go together over the width of a peak,
//! so it is the range that peaks cover over their width, not the number of points.
//!
//! Source: Schwarz (1978), Estimating the dimension of a model.

use super::displacements::Displacements;
use super::rietveld::{fit_near, observations};
use super::{MeasuredFit, RefineError, fit_measured};
use crate::diffraction::Instrument;
use crate::matching::{Reduced, StructureMatcher};
use crate::pattern::Pattern;
use crate::score::apart;
use crate::symmetry::{SymmetricStructure, analyse};

/// A candidate of a search.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The crystal.
    pub structure: SymmetricStructure,
    /// Its `R_wp` at constant peak widths.
    pub r_wp: f64,
    /// The crystal that it was refined from; none if there was no example.
    pub example: Option<SymmetricStructure>,
    /// The caller's mark: where it comes from.
    pub origin: usize,
}

/// How many candidates are fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RankingOptions {
    /// The best by the search, of all.
    pub fitted: usize,
    /// The best by the search, of each number of atoms in the primitive cell.
    pub fitted_of_each_size: usize,
    /// Candidates with more free parameters are not fitted.
    pub most_parameters: usize,
    /// Whether the more symmetric crystals that a fit is near to are fitted too.
    pub symmetrised: bool,
}

impl Default for RankingOptions {
    fn default() -> Self {
        Self { fitted: 12, fitted_of_each_size: 4, most_parameters: 40, symmetrised: true }
    }
}

/// A crystal with its place in a ranking.
#[derive(Debug, Clone)]
pub struct Solution {
    /// The crystal, as fitted where it was.
    pub structure: SymmetricStructure,
    /// Fit of the measured points; none for candidates behind those that were fitted.
    pub fit: Option<MeasuredFit>,
    /// What it is ranked by; the less the better. Infinite without a fit.
    pub criterion: f64,
    /// `R_wp` of the search.
    pub r_wp: f64,
    /// The caller's mark of its candidate.
    pub origin: usize,
    /// Candidates that are this crystal by the strict rules of matching.
    pub count: usize,
}

/// Distances in angstrom within which atoms are moved to make a candidate more symmetric.
const TOLERANCES: [f64; 2] = [0.1, 0.3];

/// Relative difference of the volumes per atom of a crystal and a more symmetric description of it.
const SAME_VOLUME: f64 = 0.02;

/// Candidates that diffractometers are tried on.
const SAMPLES: usize = 3;

/// Independent observations of a usual pattern, by which candidates are ranked before they are fitted.
const USUAL_OBSERVATIONS: f64 = 100.0;

/// Fits the best candidates to a measured pattern and ranks all: those with a fit by the criterion,
/// the others behind them by the `R_wp` of the search. Equal crystals are one. Fits begin at one of
/// `instruments`: that with which the first candidates are fitted best.
///
/// # Errors
///
/// A pattern without intensity.
pub fn rank_measured(
    pattern: &Pattern,
    instruments: &[Instrument],
    mut trials: Vec<Trial>,
    options: RankingOptions,
) -> Result<Vec<Solution>, RefineError> {
    let before = |t: &Trial| criterion(t.r_wp, &t.structure, USUAL_OBSERVATIONS);
    trials.sort_by(|a, b| before(a).total_cmp(&before(b)));
    // the same prototype often comes by several ways
    trials.dedup_by(|a, b| (a.r_wp / b.r_wp - 1.0).abs() < 1e-5 && kind(a) == kind(b));
    let simple = |t: &&Trial| t.structure.degrees_of_freedom() <= options.most_parameters;
    let first: Vec<&Trial> = trials.iter().filter(simple).take(SAMPLES).collect();
    let Some(instrument) = instruments
        .iter()
        .min_by(|a, b| least_r_wp(pattern, a, &first).total_cmp(&least_r_wp(pattern, b, &first)))
    else {
        return Ok(Vec::new());
    };
    let mut solutions = Vec::new();
    let (mut fitted, mut sizes) = (0, std::collections::HashMap::<usize, usize>::new());
    for trial in trials {
        let of_size = sizes.entry(trial.structure.primitive_atoms()).or_insert(0);
        let simple = trial.structure.degrees_of_freedom() <= options.most_parameters;
        let chosen = fitted < options.fitted || *of_size < options.fitted_of_each_size;
        if simple && chosen {
            fitted += 1;
            *of_size += 1;
            let fits = fits_of(pattern, instrument, &trial, options.symmetrised)?;
            let fitted = !fits.is_empty();
            solutions.extend(fits);
            if fitted {
                continue;
            }
        }
        let Trial { structure, r_wp, origin, .. } = trial;
        let criterion = f64::INFINITY;
        solutions.push(Solution { structure, fit: None, criterion, r_wp, origin, count: 1 });
    }
    let fits = solutions.iter().filter_map(|s| s.fit.as_ref());
    let best = fits.min_by(|a, b| a.r_wp.total_cmp(&b.r_wp));
    let observations = best.map_or(USUAL_OBSERVATIONS, |fit| observations(pattern, fit));
    for solution in &mut solutions {
        if let Some(fit) = &solution.fit {
            solution.criterion = criterion(fit.r_wp, &solution.structure, observations);
        }
    }
    let by_search = |a: &Solution, b: &Solution| a.r_wp.total_cmp(&b.r_wp);
    solutions.sort_by(|a, b| a.criterion.total_cmp(&b.criterion).then(by_search(a, b)));
    Ok(merged(solutions))
}

/// What candidates are ranked by.
fn criterion(r_wp: f64, structure: &SymmetricStructure, observations: f64) -> f64 {
    let parameters = structure.degrees_of_freedom() as f64;
    observations * r_wp.powi(2).max(f64::MIN_POSITIVE).ln() + parameters * observations.ln()
}

/// Group, size and parameters of a candidate.
fn kind(trial: &Trial) -> (u16, usize, usize) {
    let structure = &trial.structure;
    (structure.group.number, structure.primitive_atoms(), structure.degrees_of_freedom())
}

/// Least `R_wp` of some candidates fitted from one diffractometer.
fn least_r_wp(pattern: &Pattern, instrument: &Instrument, trials: &[&Trial]) -> f64 {
    let fits = trials.iter().flat_map(|t| fit_measured(pattern, &t.structure, instrument));
    fits.map(|fit| fit.r_wp).fold(f64::INFINITY, f64::min)
}

/// Fits of a candidate and, if wanted, of the more symmetric crystals that it is near to; none where it cannot be
/// fitted.
fn fits_of(
    pattern: &Pattern,
    instrument: &Instrument,
    trial: &Trial,
    symmetrised: bool,
) -> Result<Vec<Solution>, RefineError> {
    let mut own = match fit_measured(pattern, &trial.structure, instrument) {
        Ok(fit) => fit,
        Err(error @ RefineError::NoSignal { .. }) => return Err(error),
        Err(_) => return Ok(Vec::new()),
    };
    if let Some(near) = nearer(pattern, trial, &own) {
        own = near;
    }
    let mut known = vec![(own.structure.group.number, own.structure.primitive_atoms())];
    let mut fits = vec![own];
    let starts = [fits[0].structure.clone(), trial.structure.clone()];
    for from in starts.iter().filter(|_| symmetrised) {
        for tolerance in TOLERANCES {
            let Some(ideal) = more_symmetric(from, tolerance) else { continue };
            let kind = (ideal.group.number, ideal.primitive_atoms());
            if !known.contains(&kind) {
                known.push(kind);
                // from where the first fit began, so that both come equally far
                fits.extend(fit_measured(pattern, &ideal, instrument).ok());
            }
        }
    }
    let solution = |fit: MeasuredFit| {
        let (structure, r_wp, origin) = (fit.structure.clone(), trial.r_wp, trial.origin);
        Solution { structure, fit: Some(fit), criterion: f64::INFINITY, r_wp, origin, count: 1 }
    };
    Ok(fits.into_iter().map(solution).collect())
}

/// The fit near the example of a trial, where it is more probable than the one from the refined crystal: what
/// the pattern gains against displacements from the example.
fn nearer(pattern: &Pattern, trial: &Trial, own: &MeasuredFit) -> Option<MeasuredFit> {
    let example = trial.example.as_ref()?;
    let start = SymmetricStructure { cell: trial.structure.cell.clone(), ..example.clone() };
    let displacements = Displacements::new(&start).ok()?;
    if displacements.is_empty() {
        return None;
    }
    let observations = observations(pattern, own);
    let near = fit_near(pattern, &start, &own.instrument, observations).ok()?;
    let worse = |fit: &MeasuredFit| {
        let squares = displacements.squares(&fit.structure)?;
        Some(observations * fit.r_wp.powi(2).max(f64::MIN_POSITIVE).ln() + squares)
    };
    (worse(&near)? < worse(own)?).then_some(near)
}

/// The crystal with all symmetry that its atoms have within a tolerance; none if that changes what
/// there is in a volume.
fn more_symmetric(crystal: &SymmetricStructure, tolerance: f64) -> Option<SymmetricStructure> {
    let primitive = crystal.primitive().ok()?;
    let ideal = analyse(&primitive, tolerance).ok()?.canonical();
    let after = ideal.primitive().ok()?;
    let (n, m) = (primitive.sites.len(), after.sites.len());
    let per_atom = primitive.lattice.volume() / n as f64;
    let change = after.lattice.volume() / m as f64 / per_atom - 1.0;
    let amounts = after.composition();
    let same = primitive.composition().into_iter().all(|(element, amount)| {
        amounts.get(&element).is_some_and(|a| (a * n as f64 - amount * m as f64).abs() < 1e-6)
    });
    (same && change.abs() < SAME_VOLUME).then_some(ideal)
}

/// Difference of criteria that says nothing of two descriptions of one crystal.
///
/// Source: Kass and Raftery (1995), Bayes factors, section 3.2, of twice the logarithm of one.
const NOTHING: f64 = 2.0;

/// How symmetric a description is: operations of its group but for the centring, over atoms of its primitive cell.
fn symmetry(solution: &Solution) -> f64 {
    let structure = &solution.structure;
    let operations = structure.group.operations.len() / structure.group.centring.len();
    operations as f64 / structure.primitive_atoms() as f64
}

/// Every crystal once, with the number of its candidates; of equal ones the first is kept, or a more symmetric one that
/// is no worse. Those with two atoms in one place are none.
fn merged(solutions: Vec<Solution>) -> Vec<Solution> {
    let mut kept: Vec<(Solution, Reduced)> = Vec::new();
    for solution in solutions {
        // a fit may have put two atoms into one place
        let primitive = solution.structure.primitive().ok().filter(apart);
        let Some(cell) = primitive.and_then(|p| Reduced::primitive(&p).ok()) else { continue };
        let same =
            |(_, known): &&mut (Solution, Reduced)| StructureMatcher::STRICT.fits(known, &cell);
        match kept.iter_mut().find(same) {
            Some((known, _)) => {
                let no_worse = solution.criterion - known.criterion < NOTHING;
                let count = known.count + 1;
                if no_worse && symmetry(&solution) > symmetry(known) {
                    *known = solution;
                }
                known.count = count;
            }
            None => kept.push((solution, cell)),
        }
    }
    kept.into_iter().map(|(solution, _)| solution).collect()
}
