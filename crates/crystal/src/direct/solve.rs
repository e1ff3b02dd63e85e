//! Structures on choices of positions in space groups with cells, tried in the order of what speaks for them.

use std::collections::BTreeMap;

use rand::Rng;

use super::groups::{Frame, frames};
use super::index::index;
use super::placing::{Choice, Thrower, choices};
use crate::Element;
use crate::diffraction::{PowderModel, QGrid};
use crate::pattern::PeakFinder;
use crate::refine::{Free, Limits, RefineError, Refiner, Stage};
use crate::retrieve::{Candidate, Library, Query, finished};
use crate::symmetry::SymmetricStructure;

/// How far a search goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DirectOptions {
    /// Choices of cell, group and positions that are tried.
    pub choices: usize,
    /// Most free coordinates of a choice.
    pub most_free: usize,
    /// `R_wp` at which the search ends.
    pub enough: f64,
    /// Structures that are kept.
    pub kept: usize,
}

impl Default for DirectOptions {
    fn default() -> Self {
        Self { choices: 4000, most_free: 12, enough: 0.005, kept: 20 }
    }
}

/// Width of drawn peaks in 1/angstrom, the least height of one, and how many are looked at.
const WIDTH: f64 = 0.05;
const LEAST_HEIGHT: f64 = 2e-3;
const PEAKS: usize = 40;

/// Factors by which the volume of a cell may differ from what its elements say.
const VOLUMES: [f64; 2] = [0.6, 1.7];

/// What a free coordinate and an orbit count against a choice, in units of the logarithm of its likelihood.
const FREE_WEIGHT: f64 = 0.6;
const ORBIT_WEIGHT: f64 = 1.0;
/// What the share of a group in a library counts for it.
const SHARE_WEIGHT: f64 = 1.5;

/// Choices of positions in one group.
const OF_GROUP: usize = 400;

/// Throws for each free coordinate and one more; of these the best are refined.
const THROWS: usize = 16;
const REFINED: usize = 3;

/// Misfit of coarse patterns below which a structure is refined to the end.
const PROMISING: f64 = 0.1;

/// Relative difference of misfits of structures that are taken for one.
const SAME_MISFIT: f64 = 1e-4;

/// Where throws are compared.
const ROUGH: QGrid = QGrid { q_min: 0.5, q_max: 4.0, step: 0.06, fwhm: 0.3, eta: 0.5 };

const fn stage(fwhm: f64, q_max: f64, free: Free, iterations: usize) -> Stage {
    Stage { fwhm, q_max, free, iterations }
}

const STAGES: [Stage; 2] =
    [stage(0.25, 4.0, Free::Structure, 8), stage(0.2, 5.0, Free::Structure, 8)];
const LIMITS: Limits = Limits { cell: 0.02, coordinate: 0.3 };

/// A choice with what speaks for it.
struct Task<'a> {
    weight: f64,
    frame: &'a Frame,
    choice: Choice,
}

/// Structures that reproduce a pattern, best first. What the library says is only how large atoms are and how
/// frequent groups.
///
/// # Errors
///
/// A pattern without intensity, elements without form factors.
pub(crate) fn solve(
    refiner: &mut Refiner,
    query: &Query,
    library: &Library,
    options: DirectOptions,
    rng: &mut impl Rng,
) -> Result<Vec<Candidate>, RefineError> {
    let peaks = PeakFinder::new(WIDTH)?.peaks(&query.peaks, query.q_range, LEAST_HEIGHT, PEAKS);
    let (elements, counts): (Vec<Element>, Vec<usize>) =
        query.composition.iter().map(|(e, n)| (*e, *n)).unzip();
    let volume = library.volume(&elements, &counts);
    let cells = index(&peaks, VOLUMES.map(|f| f * volume));
    let frames = frames(&cells, &peaks);
    let atoms: Vec<(Element, usize)> = query.composition.iter().map(|(e, n)| (*e, *n)).collect();
    let tasks = tasks(&frames, &atoms, library, options);
    let mut solved: Vec<Candidate> = Vec::new();
    for task in &tasks {
        let Some(mut best) = attempt(refiner, query, task, rng)? else { continue };
        let known = |s: &Candidate| (s.misfit / best.misfit - 1.0).abs() < SAME_MISFIT;
        let place = solved.partition_point(|s| s.misfit <= best.misfit);
        if place == options.kept || solved.iter().any(known) {
            continue;
        }
        let mut enough = false;
        if best.misfit < PROMISING
            && let Some((structure, r_wp)) = finished(refiner, query, &best.structure)?
        {
            enough = r_wp < options.enough;
            best = Candidate { structure, r_wp: Some(r_wp), ..best };
        }
        solved.insert(place, best);
        solved.truncate(options.kept);
        if enough {
            break;
        }
    }
    Ok(solved)
}

/// Choices of positions in every frame, those first for which most speaks.
fn tasks<'a>(
    frames: &'a [Frame],
    atoms: &[(Element, usize)],
    library: &Library,
    options: DirectOptions,
) -> Vec<Task<'a>> {
    let mut tasks = Vec::new();
    let mut shares = BTreeMap::new();
    for frame in frames {
        let empty =
            SymmetricStructure { group: frame.group, cell: frame.cell.clone(), orbits: Vec::new() };
        let same = empty.same_positions();
        let number = frame.group.number;
        let share = *shares.entry(number).or_insert_with(|| library.group_share(number).ln());
        for choice in choices(frame.group, atoms, &same, options.most_free, OF_GROUP) {
            let weight = frame.score + SHARE_WEIGHT * share
                - FREE_WEIGHT * choice.free as f64
                - ORBIT_WEIGHT * choice.orbits.len() as f64;
            tasks.push(Task { weight, frame, choice });
        }
    }
    tasks.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    tasks.truncate(options.choices);
    tasks
}

/// The best structure of a choice from random throws.
fn attempt(
    refiner: &mut Refiner,
    query: &Query,
    task: &Task<'_>,
    rng: &mut impl Rng,
) -> Result<Option<Candidate>, RefineError> {
    let Task { frame, choice, .. } = task;
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
    let mut best: Option<Candidate> = None;
    for (_, parameters) in thrown.iter().take(REFINED) {
        let Ok(found) = refiner.refine(&mut model, parameters, &STAGES, LIMITS) else { continue };
        if best.as_ref().is_none_or(|b| found.misfit < b.misfit) {
            let structure = model.structure(&found.parameters);
            best = Some(Candidate { origin: None, structure, misfit: found.misfit, r_wp: None });
        }
    }
    Ok(best)
}
