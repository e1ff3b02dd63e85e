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
use crate::retrieve::{Candidate, KnownSymmetry, Library, Query, finished};
use crate::symmetry::SymmetricStructure;

/// How far a search goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DirectOptions {
    /// Choices of cell, group and positions that are tried.
    pub choices: usize,
    /// Most free coordinates of a choice.
    pub most_free: usize,
    /// `R_wp` at which the search ends, or does not begin. A crystal that is right reproduces a clean pattern better still.
    pub enough: f64,
    /// Structures that are kept.
    pub kept: usize,
}

impl Default for DirectOptions {
    fn default() -> Self {
        Self { choices: 2000, most_free: 12, enough: 0.003, kept: 20 }
    }
}

/// Width of drawn peaks in 1/angstrom, and how many are looked at.
const WIDTH: f64 = 0.05;
const PEAKS: usize = 40;

/// Least heights of peaks that are looked at, until a cell is convincing: the smallest peaks of a measured pattern are
/// noise or impurities.
const LEAST_HEIGHTS: [f64; 5] = [2e-3, 2e-2, 6e-2, 0.12, 0.2];

/// Boxes of metrics that are looked at for each lattice, with the peaks of the first height and of others: where small
/// peaks are noise, few are left, which large cells explain in many ways.
const BOXES: [usize; 2] = [800_000, 100_000];

/// Score of a cell that is hardly by chance.
const CONVINCING: f64 = 20.0;

/// Factors by which the volume of a cell may differ from what its elements say.
const VOLUMES: [f64; 2] = [0.6, 1.7];

/// What a free coordinate and an orbit count against a choice, in units of the logarithm of its likelihood.
const FREE_WEIGHT: f64 = 0.6;
const ORBIT_WEIGHT: f64 = 1.0;
/// What the share of a group in a library counts for it.
const SHARE_WEIGHT: f64 = 1.5;

/// Choices of positions in one group.
const OF_GROUP: usize = 400;

/// Most choices of each round, those that came nearest to the pattern in the round before, and how many times as much
/// is done for each as in the first.
const ROUNDS: [(usize, usize); 3] = [(usize::MAX, 1), (60, 6), (12, 40)];

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

/// A choice with what speaks for it, and the best structure found so far.
struct Task<'a> {
    weight: f64,
    frame: &'a Frame,
    choice: Choice,
    best: Option<Candidate>,
}

impl Task<'_> {
    /// Misfit of the best structure.
    fn misfit(&self) -> f64 {
        self.best.as_ref().map_or(f64::INFINITY, |best| best.misfit)
    }
}

/// Structures that reproduce a pattern, best first. What the library says is only how large atoms are and how
/// frequent groups. Triclinic crystals are looked for where their cell is known.
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
    let (elements, counts): (Vec<Element>, Vec<usize>) =
        query.composition.iter().map(|(e, n)| (*e, *n)).unzip();
    let volume = library.volume(&elements, &counts);
    let frames = framed(query, VOLUMES.map(|f| f * volume))?;
    let atoms: Vec<(Element, usize)> = query.composition.iter().map(|(e, n)| (*e, *n)).collect();
    let mut tasks = tasks(&frames, &atoms, library, options);
    for (most, effort) in ROUNDS {
        tasks.truncate(most);
        for task in &mut tasks {
            attempt(refiner, query, task, effort, rng)?;
            let r_wp = task.best.as_ref().and_then(|best| best.r_wp);
            if r_wp.is_some_and(|r| r < options.enough) {
                return best_of(tasks, refiner, query, options.kept);
            }
        }
        tasks.retain(|task| task.best.is_some());
        tasks.sort_by(|a, b| a.misfit().total_cmp(&b.misfit()));
        // different choices may be one structure
        tasks.dedup_by(|a, b| (a.misfit() / b.misfit() - 1.0).abs() < SAME_MISFIT);
    }
    best_of(tasks, refiner, query, options.kept)
}

/// What was found, best first, all refined to the end: patterns that no structure reproduces have answers too.
fn best_of(
    tasks: Vec<Task<'_>>,
    refiner: &mut Refiner,
    query: &Query,
    count: usize,
) -> Result<Vec<Candidate>, RefineError> {
    let mut found: Vec<Candidate> = tasks.into_iter().filter_map(|task| task.best).collect();
    found.sort_by(|a, b| a.misfit.total_cmp(&b.misfit));
    found.dedup_by(|a, b| (a.misfit / b.misfit - 1.0).abs() < SAME_MISFIT);
    found.truncate(count);
    for candidate in found.iter_mut().filter(|c| c.r_wp.is_none()) {
        if let Some((structure, r_wp)) = finished(refiner, query, &candidate.structure)? {
            (candidate.structure, candidate.r_wp) = (structure, Some(r_wp));
        }
    }
    Ok(found)
}

/// Space groups with cells: those that the pattern speaks for, or what is known.
fn framed(query: &Query, volumes: [f64; 2]) -> Result<Vec<Frame>, RefineError> {
    let symmetry = query.symmetry.as_ref();
    if let Some(KnownSymmetry { group, cells }) = symmetry.filter(|s| !s.cells.is_empty()) {
        let frame = |cell: &Vec<f64>| {
            let empty = SymmetricStructure { group, cell: cell.clone(), orbits: Vec::new() };
            let volume = empty.primitive_lattice().ok()?.volume();
            let possible = (volumes[0]..volumes[1]).contains(&volume);
            possible.then(|| Frame { group, cell: cell.clone(), score: 0.0 })
        };
        return Ok(cells.iter().filter_map(frame).collect());
    }
    let mut finder = PeakFinder::new(WIDTH)?;
    let system = symmetry.map(|s| s.group.system());
    let mut all: Vec<Frame> = Vec::new();
    let mut before = 0;
    for (k, least) in LEAST_HEIGHTS.into_iter().enumerate() {
        let peaks = finder.peaks(&query.peaks, query.q_range, least, PEAKS);
        if peaks.len() == std::mem::replace(&mut before, peaks.len()) {
            continue;
        }
        let cells = index(&peaks, volumes, system, BOXES[k.min(1)]);
        all.extend(frames(&cells, &peaks));
        if cells.first().is_some_and(|cell| cell.score > CONVINCING) {
            break;
        }
    }
    all.retain(|f| symmetry.is_none_or(|s| s.group.number == f.group.number));
    Ok(all)
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
            tasks.push(Task { weight, frame, choice, best: None });
        }
    }
    tasks.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    tasks.truncate(options.choices);
    tasks
}

/// Looks for a better structure of a choice from random throws, `effort` times as many as at first.
fn attempt(
    refiner: &mut Refiner,
    query: &Query,
    task: &mut Task<'_>,
    effort: usize,
    rng: &mut impl Rng,
) -> Result<(), RefineError> {
    let Task { frame, choice, .. } = task;
    let Some(mut thrower) = Thrower::new(frame.group, &frame.cell, choice) else { return Ok(()) };
    let reach = STAGES.iter().map(|s| s.q_max + 2.0 * s.fwhm).fold(0.0, f64::max);
    let mut model = PowderModel::new(&thrower.structure, query.wavelength, reach, LIMITS.cell)?;
    let mut thrown: Vec<(f64, Vec<f64>)> = Vec::new();
    let throws = if choice.free == 0 { 1 } else { effort * THROWS * (1 + choice.free) };
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
    for (_, parameters) in thrown.iter().take(effort * REFINED) {
        let Ok(found) = refiner.refine(&mut model, parameters, &STAGES, LIMITS) else { continue };
        if found.misfit < task.misfit() * (1.0 - SAME_MISFIT) {
            let structure = model.structure(&found.parameters);
            let mut next = Candidate {
                origin: None,
                structure,
                example: None,
                misfit: found.misfit,
                r_wp: None,
            };
            if next.misfit < PROMISING
                && let Some((structure, r_wp)) = finished(refiner, query, &next.structure)?
            {
                (next.structure, next.r_wp) = (structure, Some(r_wp));
            }
            task.best = Some(next);
        }
    }
    Ok(())
}
