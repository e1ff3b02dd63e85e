//! What a generator finds of crystals that it was not trained on: shares, a funnel of checks, and examples
//! with their patterns, as files of its run.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};
use serde::Serialize;
use surrogate_crystal::cif::{self, Uncertainties};
use surrogate_crystal::diffraction::{Broadening, QGrid, reflections};
use surrogate_crystal::matching::{Reduced, StructureMatcher};
use surrogate_crystal::retrieve::{Candidate, Library, Query, SearchOptions, search};
use surrogate_crystal::score::{Case, Share, Validity};
use surrogate_crystal::symmetry::SymmetricStructure;
use surrogate_generator::examples::WAVELENGTH;
use surrogate_generator::sampling::Sample;
use surrogate_run::{Column, RunDirectory, Table};

use super::{Generator, SAMPLES};
use crate::cpu_time;
use crate::crystal::{formula_words, group_words, picture};
use crate::failure::Failure;

/// Version of `structures.json`.
const FORMAT: u32 = 2;
/// Crystals of a judgement.
const JUDGED: usize = 100;
/// The first of them that are kept as examples, whatever was found.
const EXAMPLES: usize = 3;
/// Width beyond the grid within which peaks count, 1/angstrom.
const BEYOND: f64 = 0.1;

/// Steps of the funnel, each among all that were drawn.
const STEPS: [&str; 7] = [
    "asked for",
    "finished",
    "a possible cell, atoms as given",
    "no two atoms in one place",
    "bonds as radii ask for",
    "group as declared",
    "all checks",
];

/// What was found of held-out crystals from their clean patterns and compositions.
#[derive(Debug, Clone, Serialize)]
pub struct Judgement {
    format: u32,
    /// Crystals.
    crystals: usize,
    /// Crystals drawn for each.
    drawn: usize,
    /// Crystals drawn in a second of CPU time.
    drawn_per_cpu_second: Option<f64>,
    /// Share whose space group and positions are among those drawn, before any refinement.
    skeleton_drawn: f64,
    /// Share whose first candidate after refinement matches strictly.
    strict_first: f64,
    /// Share with a strict match among the first 20.
    strict_among_20: f64,
    /// Share whose first candidate reproduces the pattern, `R_wp` below 0.01.
    reproduced: f64,
    /// Wilson's intervals of 95 % of these shares.
    intervals_95: BTreeMap<&'static str, [f64; 2]>,
    /// Crystals drawn that pass each check, before any refinement.
    funnel: Vec<(&'static str, usize)>,
    /// The first crystals, with what was found.
    examples: Vec<Example>,
}

/// A held-out crystal and what was found first.
#[derive(Debug, Clone, Serialize)]
struct Example {
    /// Folder of its files.
    folder: String,
    formula: String,
    space_group: String,
    /// Space group of what was found, if anything was.
    found_space_group: Option<String>,
    strict_match: bool,
    r_wp: Option<f64>,
    #[serde(skip)]
    known: SymmetricStructure,
    #[serde(skip)]
    found: Option<SymmetricStructure>,
}

/// What came of one crystal.
#[derive(Default)]
struct Found {
    /// Group and positions were drawn.
    skeleton: bool,
    /// Place of the first strict match.
    strict: Option<usize>,
    /// The first candidate.
    first: Option<Candidate>,
    /// Drawn crystals at each step of the funnel.
    funnel: [usize; STEPS.len()],
    /// CPU time of drawing them, s.
    seconds: f64,
}

impl Judgement {
    /// For people.
    pub fn words(&self) -> String {
        if self.crystals == 0 {
            return "found     not known, no crystals were held out to judge by".to_string();
        }
        let share = |x: f64| format!("{:.0} %", 100.0 * x);
        format!(
            "found     {} of {} crystals never trained on, from pattern and composition, strict match \
             first ({} among 20; group and positions drawn: {}; R_wp below 0.01: {})",
            share(self.strict_first),
            self.crystals,
            share(self.strict_among_20),
            share(self.skeleton_drawn),
            share(self.reproduced)
        )
    }

    /// Writes `structures.json` and the folders of the examples.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn write(&self, run: &RunDirectory) -> Result<(), Failure> {
        for example in &self.examples {
            run.make_folder("examples")?;
            run.make_folder(&example.folder)?;
            example.write(&run.file(&example.folder))?;
        }
        Ok(surrogate_run::write_json(&run.file("structures.json"), self)?)
    }
}

impl Example {
    fn new(number: usize, known: &SymmetricStructure, found: &Found) -> Self {
        let first = found.first.as_ref();
        Self {
            folder: format!("examples/{number}"),
            formula: formula_words(known),
            space_group: group_words(known),
            found_space_group: first.map(|c| group_words(&c.structure)),
            strict_match: found.strict == Some(0),
            r_wp: first.and_then(|c| c.r_wp),
            known: known.clone(),
            found: first.map(|c| c.structure.clone()),
        }
    }

    /// Both crystals as CIF files, their patterns, and the atoms of what was found.
    fn write(&self, folder: &Path) -> Result<(), Failure> {
        let internal = |e: surrogate_crystal::LatticeError| Failure::Internal(e.to_string());
        let write = |name: &str, crystal: &SymmetricStructure| -> Result<(), Failure> {
            let none = Uncertainties::default();
            let text = cif::write_symmetric(name, crystal, None, &none, &[]).map_err(internal)?;
            Ok(surrogate_run::write_atomic(&folder.join(format!("{name}.cif")), text.as_bytes())?)
        };
        write("known", &self.known)?;
        let mut columns =
            vec![Column::numbers("q", "1/angstrom", points()), pattern("known", &self.known)?];
        if let Some(found) = &self.found {
            write("found", found)?;
            columns.push(pattern("found", found)?);
            picture::atoms(found)?.write_csv(&folder.join("atoms.csv"))?;
        }
        Ok(Table::new(columns).write_csv(&folder.join("pattern.csv"))?)
    }
}

/// Points of the scoring grid, 1/angstrom.
fn points() -> Vec<f64> {
    let QGrid { q_min, q_max, step, .. } = QGrid::SCORING;
    let count = ((q_max - q_min) / step).round() as usize;
    (0..count).map(|k| step.mul_add(k as f64, q_min)).collect()
}

/// Pattern of a crystal at [`points`], its highest at 100.
fn pattern(name: &str, crystal: &SymmetricStructure) -> Result<Column, Failure> {
    let failed = |e: String| Failure::Internal(format!("pattern of an example: {e}"));
    let primitive = crystal.primitive().map_err(|e| failed(e.to_string()))?;
    let all = reflections(&primitive, WAVELENGTH, [0.0, QGrid::SCORING.q_max + BEYOND]);
    let all = all.map_err(|e| failed(e.to_string()))?;
    let mut values = Vec::new();
    let grid = Broadening::new(QGrid::SCORING);
    grid.map_err(|e| failed(e.to_string()))?
        .pattern(all.iter().map(|r| (r.q, r.intensity)), &mut values);
    let highest = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    values.iter_mut().for_each(|v| *v *= 100.0 / highest);
    Ok(Column::numbers(name, "", values))
}

impl Generator {
    /// How many crystals it is judged on.
    pub fn judged(&self) -> usize {
        self.held_out.len().min(JUDGED)
    }

    /// Searches crystals that it was not trained on, each from its clean pattern and composition.
    pub fn judge(&self, seed: u64) -> Judgement {
        let crystals = &self.held_out[..self.judged()];
        let found: Vec<Found> = crystals
            .par_iter()
            .enumerate()
            .map(|(k, crystal)| {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                rng.set_stream(k as u64 + 1);
                self.found(crystal, &mut rng).unwrap_or_default()
            })
            .collect();
        let mut intervals_95 = BTreeMap::new();
        let mut share = |name: &'static str, is: &dyn Fn(&Found) -> bool| {
            let share = Share::counted(&found, is);
            intervals_95.insert(name, share.interval());
            share.count as f64 / share.of.max(1) as f64
        };
        let count = |step: usize| found.iter().map(|f| f.funnel[step]).sum();
        let reproduced =
            |f: &Found| f.first.as_ref().and_then(|c| c.r_wp).is_some_and(|r| r < 0.01);
        let seconds: f64 = found.iter().map(|f| f.seconds).sum();
        let finished: usize = count(1);
        let examples = crystals.iter().zip(&found).take(EXAMPLES).enumerate();
        Judgement {
            format: FORMAT,
            crystals: found.len(),
            drawn: SAMPLES,
            drawn_per_cpu_second: (seconds > 0.0).then(|| finished as f64 / seconds),
            skeleton_drawn: share("skeleton_drawn", &|f| f.skeleton),
            strict_first: share("strict_first", &|f| f.strict == Some(0)),
            strict_among_20: share("strict_among_20", &|f| f.strict.is_some()),
            reproduced: share("reproduced", &reproduced),
            intervals_95,
            funnel: STEPS.iter().enumerate().map(|(k, name)| (*name, count(k))).collect(),
            examples: examples.map(|(k, (c, f))| Example::new(k + 1, c, f)).collect(),
        }
    }

    /// What is found of a crystal; nothing if it has no pattern.
    fn found(&self, crystal: &SymmetricStructure, rng: &mut impl Rng) -> Option<Found> {
        let truth = crystal.primitive().ok()?;
        let query = Case::new(String::new(), &truth, WAVELENGTH).ok()?.query;
        let clock = Instant::now();
        let before = cpu_time::of_thread(clock);
        let drawn = self.draw(&query, SAMPLES, rng);
        let seconds = cpu_time::of_thread(clock) - before;
        let letters = crystal.letters();
        let skeleton = drawn.iter().any(|s| {
            s.crystal.group.number == crystal.group.number
                && s.crystal.canonical().letters() == letters
        });
        let funnel = funnel(&drawn, &query);
        let named = drawn.into_iter().map(|s| (String::new(), s.crystal));
        let library = Library::distil_with(named, self.model.volumes.0.clone());
        let candidates = search(&[&library], &query, SearchOptions::default(), rng).ok()?;
        let truth = Reduced::primitive(&truth).ok()?;
        let matches = |candidate: &Candidate| {
            let found = candidate.structure.primitive().ok();
            let found = found.and_then(|found| Reduced::primitive(&found).ok());
            found.is_some_and(|found| StructureMatcher::STRICT.fits(&truth, &found))
        };
        let strict = candidates.iter().take(20).position(matches);
        Some(Found { skeleton, strict, first: candidates.into_iter().next(), funnel, seconds })
    }
}

/// How many of those drawn pass each check.
fn funnel(drawn: &[Sample], query: &Query) -> [usize; STEPS.len()] {
    let checks: Vec<Validity> =
        drawn.iter().map(|s| Validity::of(&s.crystal, &query.composition)).collect();
    let count = |is: &dyn Fn(&Validity) -> bool| checks.iter().filter(|v| is(v)).count();
    [
        SAMPLES,
        drawn.len(),
        count(&|v| v.formula),
        count(&|v| v.multiplicities),
        count(&|v| v.bonds),
        count(&|v| v.group),
        count(&|v| v.all()),
    ]
}
