//! Scores proposals of a model: `solve FOLDER WEIGHTS PART COUNT SAMPLES generator|both|retrieval [COARSE]`.
#![allow(clippy::print_stdout)]

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fs::{self, File};
use std::path::Path;
use std::time::Instant;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use surrogate_crystal::diffraction::reflections;
use surrogate_crystal::matching::{Reduced, StructureMatcher};
use surrogate_crystal::retrieve::{Library, Query, SearchOptions, element_volumes, search};
use surrogate_crystal::symmetry::{SYMPREC, SymmetricStructure, analyse};
use surrogate_crystal::table::{Entry, read_columns, read_structures};
use surrogate_generator::examples::{CLEAN_RANGE, LEAST_HEIGHT, WAVELENGTH};
use surrogate_generator::model::Model;
use surrogate_generator::network::Shape;
use surrogate_generator::peaks::PeakFinder;
use surrogate_generator::sampling::{Givens, sample};
use surrogate_generator::sequence::{AtomicVolumes, composition};

fn tables(folder: &Path) -> Result<HashMap<String, Vec<Entry>>, Box<dyn Error>> {
    let splits = File::open(folder.join("splits.csv.zst"))?;
    let rows = read_columns(splits, ["id", "split"])?;
    let files = read_columns(File::open(folder.join("splits.csv.zst"))?, ["id", "file"])?;
    let place: HashMap<String, (String, String)> =
        rows.into_iter().zip(files).map(|([id, split], [_, file])| (id, (split, file))).collect();
    let mut names: Vec<&String> = place.values().map(|(_, file)| file).collect();
    names.sort_unstable();
    names.dedup();
    let mut parts: HashMap<String, Vec<Entry>> = HashMap::new();
    for name in names {
        for entry in read_structures(File::open(folder.join(format!("{name}.csv.zst")))?)? {
            if let Some((split, file)) = place.get(&entry.id)
                && file == name
            {
                parts.entry(split.clone()).or_default().push(entry);
            }
        }
    }
    Ok(parts)
}

#[derive(Default, Clone)]
struct Score {
    strict: [bool; 2],
    atoms: usize,
    seen: bool,
    r_wp: Option<f64>,
    seconds: [f64; 3],
    group: bool,
    skeleton: bool,
    illegal: usize,
    samples: usize,
}

fn label(c: &SymmetricStructure) -> (u16, Vec<(usize, char)>) {
    let letters = c.letters();
    let mut elements: Vec<_> = letters.iter().map(|(e, _)| *e).collect();
    elements.dedup();
    let mut best: Option<Vec<(usize, char)>> = None;
    let mut orders = vec![Vec::new()];
    for _ in 0..elements.len() {
        orders = orders
            .into_iter()
            .flat_map(|o: Vec<usize>| {
                (0..elements.len())
                    .filter(|k| !o.contains(k))
                    .map(|k| [o.clone(), vec![k]].concat())
                    .collect::<Vec<_>>()
            })
            .collect();
    }
    for order in orders {
        let slot = |e| elements.iter().position(|k| k == e).map_or(0, |k| order[k]);
        let mut named: Vec<_> = letters.iter().map(|(e, l)| (slot(e), *l)).collect();
        named.sort_unstable();
        if best.as_ref().is_none_or(|b| named < *b) {
            best = Some(named);
        }
    }
    (c.group.number, best.unwrap_or_default())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let mut parts = tables(Path::new(&arguments[1]))?;
    let train: Vec<(String, SymmetricStructure)> = parts
        .remove("train")
        .unwrap_or_default()
        .par_iter()
        .filter_map(|e| Some((e.id.clone(), analyse(&e.structure, SYMPREC).ok()?.canonical())))
        .collect();
    let rows: Vec<(BTreeMap<_, _>, f64)> = train
        .iter()
        .filter(|(_, c)| c.primitive_atoms() <= 28 && composition(c).len() <= 4)
        .filter_map(|(_, c)| {
            let volume = c.primitive_lattice().ok()?.volume();
            Some((composition(c).into_iter().collect(), volume))
        })
        .collect();
    let volumes = AtomicVolumes(element_volumes(&rows));
    let mut test = parts.remove(arguments[3].as_str()).unwrap_or_default();
    test.retain(|e| e.structure.sites.len() <= 20 && e.structure.composition().len() <= 3);
    test.sort_by(|a, b| a.id.cmp(&b.id));
    test.shuffle(&mut ChaCha8Rng::seed_from_u64(20_250_304));
    test.truncate(arguments[4].parse()?);
    let labels: std::collections::HashSet<_> =
        train.iter().filter(|(_, c)| composition(c).len() <= 3).map(|(_, c)| label(c)).collect();
    let mode = arguments[6].as_str();
    let library = (mode != "generator")
        .then(|| Library::distil(train.iter().filter(|(_, c)| composition(c).len() <= 3).cloned()));
    let mut model = Model::new(
        Shape { width: 128, layers: 4, heads: 4 },
        volumes.clone(),
        &mut ChaCha8Rng::seed_from_u64(0),
    );
    let bytes = fs::read(&arguments[2])?;
    for (w, b) in model.weights.iter_mut().zip(bytes.chunks_exact(4)) {
        *w = f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
    }
    let vectors = model.vectors();
    let samples: usize = arguments[5].parse()?;
    let mut options = SearchOptions::default();
    if let Some(coarse) = arguments.get(7) {
        options.coarse = coarse.parse()?;
    }
    if let Some(fine) = arguments.get(8) {
        options.fine = fine.parse()?;
    }
    let begin = Instant::now();
    let scores: Vec<Score> = test
        .par_iter()
        .enumerate()
        .map(|(k, entry)| {
            let mut score = Score { atoms: entry.structure.sites.len(), ..Score::default() };
            let mut rng = ChaCha8Rng::seed_from_u64(1000 + k as u64);
            let Ok(truth) = analyse(&entry.structure, SYMPREC) else { return score };
            let truth = truth.canonical();
            let Ok(primitive) = truth.primitive() else { return score };
            score.atoms = primitive.sites.len();
            score.seen = labels.contains(&label(&truth));
            let Ok(all) = reflections(&entry.structure, WAVELENGTH, [0.0, 8.105]) else {
                return score;
            };
            let points: Vec<(f64, f64)> = all.iter().map(|r| (r.q, r.intensity)).collect();
            let composed = composition(&truth);
            let query = Query {
                peaks: points.clone(),
                q_range: [0.5, 8.1],
                wavelength: WAVELENGTH,
                composition: composed.iter().copied().collect(),
            };
            let begin = Instant::now();
            let mut generated = None;
            if mode != "retrieval" {
                let Ok(mut finder) = PeakFinder::new(0.05) else { return score };
                let peaks = finder.peaks(&points, CLEAN_RANGE, LEAST_HEIGHT);
                let givens = Givens { composition: composed, ..Givens::default() };
                let drawn = sample(&model, &vectors, &peaks, &givens, samples, 1.0, &mut rng);
                score.seconds[0] = begin.elapsed().as_secs_f64();
                score.samples = drawn.len();
                score.group = drawn.iter().any(|s| s.crystal.group.number == truth.group.number);
                let letters = truth.letters();
                score.skeleton = drawn.iter().any(|s| {
                    s.crystal.group.number == truth.group.number
                        && s.crystal.canonical().letters() == letters
                });
                let named = drawn.into_iter().enumerate().map(|(k, s)| (k.to_string(), s.crystal));
                generated = Some(Library::distil_with(named, volumes.0.clone()));
                score.seconds[1] = begin.elapsed().as_secs_f64() - score.seconds[0];
            }
            let libraries: Vec<&Library> = library.iter().chain(generated.iter()).collect();
            let Ok(candidates) = search(&libraries, &query, options, &mut rng) else {
                return score;
            };
            score.seconds[2] = begin.elapsed().as_secs_f64() - score.seconds[0] - score.seconds[1];
            let Ok(truth) = Reduced::primitive(&entry.structure) else { return score };
            score.r_wp = candidates.first().and_then(|c| c.r_wp);
            for (k, candidate) in candidates.iter().take(20).enumerate() {
                let Ok(found) = candidate.structure.primitive() else { continue };
                let Ok(found) = Reduced::primitive(&found) else { continue };
                let strict = StructureMatcher::LOOSE.distance(&truth, &found).is_some()
                    && StructureMatcher::STRICT.fits(&truth, &found);
                if k == 0 {
                    score.strict[0] = strict;
                }
                score.strict[1] |= strict;
            }
            score
        })
        .collect();
    let show = |name: &str, of: &dyn Fn(&Score) -> bool| {
        let some: Vec<&Score> = scores.iter().filter(|s| of(s)).collect();
        let share = |f: &dyn Fn(&Score) -> bool| {
            100.0 * some.iter().filter(|s| f(s)).count() as f64 / some.len().max(1) as f64
        };
        println!(
            "{name} ({}): strict @1 {:.1}, @20 {:.1}, group {:.1}, skeleton {:.1}, R_wp<0.01 {:.1}",
            some.len(),
            share(&|s| s.strict[0]),
            share(&|s| s.strict[1]),
            share(&|s| s.group),
            share(&|s| s.skeleton),
            share(&|s| s.r_wp.is_some_and(|r| r < 0.01))
        );
    };
    show("all", &|_| true);
    show("to 5", &|s| s.atoms <= 5);
    show("6 to 10", &|s| s.atoms > 5 && s.atoms <= 10);
    show("11 to 20", &|s| s.atoms > 10);
    show("seen", &|s| s.seen);
    show("unseen", &|s| !s.seen);
    let mean = |k: usize| scores.iter().map(|s| s.seconds[k]).sum::<f64>() / scores.len() as f64;
    println!(
        "{:.1} s in all; seconds each: sampling {:.3}, distilling {:.3}, search {:.3}; {:.1} samples finished",
        begin.elapsed().as_secs_f64(),
        mean(0),
        mean(1),
        mean(2),
        scores.iter().map(|s| s.samples).sum::<usize>() as f64 / scores.len() as f64
    );
    Ok(())
}
