//! Structures on choices of positions in space groups with cells, tried in the order of what speaks for them.

use rand::Rng;

use super::groups::{Frame, frames};
use super::index::index;
use super::placing::{Choice, Thrower, choices};
use crate::Element;
use crate::diffraction::{PowderModel, QGrid};
use crate::pattern::PeakFinder;
use crate::refine::{Free, Limits, RefineError, Refiner, Stage};
use crate::retrieve::Query;
use crate::symmetry::SymmetricStructure;

/// How far a search goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DirectOptions {
    /// Choices of cell, group and positions that are tried.
    pub choices: usize,
    /// Most free coordinates of a choice.
    pub most_free: usize,
    /// Misfit of coarse patterns at which a structure counts as found.
    pub enough: f64,
    /// Structures that are kept.
    pub kept: usize,
}

impl Default for DirectOptions {
    fn default() -> Self {
        Self { choices: 1500, most_free: 12, enough: 0.03, kept: 20 }
    }
}

/// A structure whose coarse pattern is like the one that was given.
#[derive(Debug, Clone)]
pub struct Solved {
    /// The crystal.
    pub structure: SymmetricStructure,
    /// Distance of the coarse patterns at the best scale, from 0 to 1.
    pub misfit: f64,
}

/// Width of drawn peaks in 1/angstrom, the least height of one, and how many are looked at.
const WIDTH: f64 = 0.05;
const LEAST_HEIGHT: f64 = 2e-3;
const PEAKS: usize = 40;

/// Factors by which the volume of a cell may differ from what its elements say.
const VOLUMES: [f64; 2] = [0.75, 1.4];

/// What a free coordinate and an orbit count against a choice, in units of the logarithm of its likelihood.
const FREE_WEIGHT: f64 = 1.2;
const ORBIT_WEIGHT: f64 = 0.4;
/// Share of the score of cell and group that counts: its peaks are not independent.
const TRUST: f64 = 0.5;

/// Choices of positions in one group.
const OF_GROUP: usize = 400;

/// Throws for each free coordinate and one more; of these the best are refined.
const THROWS: usize = 16;
const REFINED: usize = 3;

/// Where throws are compared.
const ROUGH: QGrid = QGrid { q_min: 0.5, q_max: 4.0, step: 0.06, fwhm: 0.3, eta: 0.5 };

const fn stage(fwhm: f64, q_max: f64, free: Free, iterations: usize) -> Stage {
    Stage { fwhm, q_max, free, iterations }
}

const STAGES: [Stage; 2] =
    [stage(0.25, 4.0, Free::Structure, 8), stage(0.2, 5.0, Free::Structure, 8)];
const LIMITS: Limits = Limits { cell: 0.02, coordinate: 0.3 };

/// Structures of a composition, whose primitive cell takes about `volume` cubic angstrom, that
/// reproduce a pattern, best first. Nothing is known but the query.
///
/// # Errors
///
/// A pattern without intensity, elements without form factors.
pub fn solve(
    query: &Query,
    volume: f64,
    options: DirectOptions,
    rng: &mut impl Rng,
) -> Result<Vec<Solved>, RefineError> {
    let peaks = PeakFinder::new(WIDTH)?.peaks(&query.peaks, query.q_range, LEAST_HEIGHT, PEAKS);
    let cells = index(&peaks, VOLUMES.map(|f| f * volume));
    let frames = frames(&cells, &peaks);
    let atoms: Vec<(Element, usize)> = query.composition.iter().map(|(e, n)| (*e, *n)).collect();
    let mut tasks: Vec<(f64, &Frame, Choice)> = Vec::new();
    for frame in &frames {
        for choice in choices(frame.group, &atoms, options.most_free, OF_GROUP) {
            let weight = TRUST * frame.score
                - FREE_WEIGHT * choice.free as f64
                - ORBIT_WEIGHT * choice.orbits.len() as f64;
            tasks.push((weight, frame, choice));
        }
    }
    tasks.sort_by(|a, b| b.0.total_cmp(&a.0));
    tasks.truncate(options.choices);
    let mut refiner = Refiner::new(query.peaks.clone(), query.q_range);
    let mut solved: Vec<Solved> = Vec::new();
    for (_, frame, choice) in &tasks {
        let Some(best) = attempt(&mut refiner, query, frame, choice, rng)? else { continue };
        let enough = best.misfit < options.enough;
        let place = solved.partition_point(|s| s.misfit <= best.misfit);
        solved.insert(place, best);
        solved.truncate(options.kept);
        if enough {
            break;
        }
    }
    Ok(solved)
}

/// The best structure of a choice from random throws.
fn attempt(
    refiner: &mut Refiner,
    query: &Query,
    frame: &Frame,
    choice: &Choice,
    rng: &mut impl Rng,
) -> Result<Option<Solved>, RefineError> {
    let Some(mut thrower) = Thrower::new(frame.group, &frame.cell, choice) else { return Ok(None) };
    let reach = STAGES.iter().map(|s| s.q_max + 2.0 * s.fwhm).fold(0.0, f64::max);
    let mut model = PowderModel::new(&thrower.structure, query.wavelength, reach, LIMITS.cell)?;
    let mut thrown: Vec<(f64, Vec<f64>)> = Vec::new();
    let throws = if choice.free == 0 { 1 } else { THROWS * (1 + choice.free) };
    for _ in 0..throws {
        if !thrower.throw(3, rng) {
            continue;
        }
        let mut parameters = frame.cell.clone();
        parameters.extend(thrower.structure.orbits.iter().flat_map(|o| &o.parameters));
        parameters.push(0.0);
        let misfit = refiner.misfit(&mut model, &parameters, ROUGH)?;
        thrown.push((misfit, parameters));
    }
    thrown.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut best: Option<Solved> = None;
    for (_, parameters) in thrown.iter().take(REFINED) {
        let Ok(found) = refiner.refine(&mut model, parameters, &STAGES, LIMITS) else { continue };
        if best.as_ref().is_none_or(|b| found.misfit < b.misfit) {
            let structure = model.structure(&found.parameters);
            best = Some(Solved { structure, misfit: found.misfit });
        }
    }
    Ok(best)
}
