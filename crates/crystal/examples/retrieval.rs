//! Retrieval with refinement on the benchmark: `retrieval FOLDER COUNT [PART ATTEMPTS [IDS]]`. FOLDER
//! holds the structure tables and `splits.csv.zst`; COUNT structures of PART (`test`, or `val`, of which
//! those with up to 3 elements and 20 atoms) are drawn with a fixed seed, or taken from the first column
//! of IDS. ATTEMPTS random starts follow where no proposal
//! reproduces the pattern. Given are the clean pattern, the composition and the number of atoms in the
//! primitive cell. Prints shares of matches with the rate of failures in the denominator.
#![allow(clippy::print_stdout)]

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fs::{self, File};
use std::path::Path;
use std::time::Instant;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use surrogate_crystal::Structure;
use surrogate_crystal::diffraction::reflections;
use surrogate_crystal::matching::{Reduced, StructureMatcher};
use surrogate_crystal::retrieve::{Candidate, Library, Query, SearchOptions, search};
use surrogate_crystal::symmetry::{SYMPREC, SymmetricStructure, analyse};
use surrogate_crystal::table::{Entry, read_columns, read_structures};

const WAVELENGTH: f64 = 1.54184;

/// Scores of one structure.
#[derive(Default)]
struct Score {
    loose: [bool; 2],
    strict: [bool; 2],
    rms: Option<f64>,
    r_wp: Option<f64>,
    atoms: usize,
    seen: bool,
    seconds: f64,
}

fn query(structure: &Structure, primitive: &Structure) -> Result<Query, Box<dyn Error>> {
    let mut composition = BTreeMap::new();
    for site in &primitive.sites {
        *composition.entry(site.element).or_insert(0) += 1;
    }
    let peaks = reflections(structure, WAVELENGTH, [0.0, 8.105])?;
    let peaks = peaks.iter().map(|r| (r.q, r.intensity)).collect();
    Ok(Query { peaks, q_range: [0.5, 8.1], wavelength: WAVELENGTH, composition, symmetry: None })
}

/// Match at 1 and at 20, with the distance of the first.
fn matches(
    truth: &Structure,
    candidates: &[Candidate],
    score: &mut Score,
) -> Result<(), Box<dyn Error>> {
    let truth = Reduced::primitive(truth)?;
    for (k, candidate) in candidates.iter().take(20).enumerate() {
        let found = Reduced::primitive(&candidate.structure.primitive()?)?;
        let distance = StructureMatcher::LOOSE.distance(&truth, &found);
        let strict = distance.is_some() && StructureMatcher::STRICT.fits(&truth, &found);
        if k == 0 {
            score.loose[0] = distance.is_some();
            score.strict[0] = strict;
            score.rms = distance.map(|d| d.rms);
            score.r_wp = candidate.r_wp;
        }
        score.loose[1] |= distance.is_some();
        score.strict[1] |= strict;
        if score.strict[1] {
            break;
        }
    }
    Ok(())
}

type Label = (u16, Vec<(usize, char)>);

/// Group and letters with elements numbered in the order of their appearance among sorted labels of all
/// orders: the same for crystals that differ by their elements alone.
fn label(structure: &SymmetricStructure) -> Label {
    let letters = structure.letters();
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
    (structure.group.number, best.unwrap_or_default())
}

fn rate(name: &str, scores: &[&Score], of: impl Fn(&Score) -> bool) {
    let (n, k) = (scores.len().max(1) as f64, scores.iter().filter(|s| of(s)).count() as f64);
    // Wilson interval
    let (z, p) = (1.96, k / n);
    let middle = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    println!(
        "{name}: {:.1} % ({:.1} to {:.1}), {k:.0} of {n:.0}",
        100.0 * p,
        100.0 * (middle - half),
        100.0 * (middle + half)
    );
}

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

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.len() < 3 {
        return Err("usage: retrieval FOLDER COUNT [PART ATTEMPTS [IDS]]".into());
    }
    let part = arguments.get(3).map_or("test", String::as_str);
    let mut options = SearchOptions::default();
    if let Some(attempts) = arguments.get(4) {
        options.attempts = attempts.parse()?;
    }
    let begin = Instant::now();
    let mut parts = tables(Path::new(&arguments[1]))?;
    let train = parts.remove("train").unwrap_or_default();
    let mut test = parts.remove(part).unwrap_or_default();
    test.retain(|e| e.structure.sites.len() <= 20 && e.structure.composition().len() <= 3);
    test.sort_by(|a, b| a.id.cmp(&b.id));
    test.shuffle(&mut ChaCha8Rng::seed_from_u64(20_250_304));
    if let Some(path) = arguments.get(5) {
        let text = fs::read_to_string(path)?;
        let ids: Vec<&str> = text.lines().skip(1).filter_map(|l| l.split(',').next()).collect();
        test.retain(|e| ids.contains(&e.id.as_str()));
    }
    test.truncate(arguments[2].parse()?);
    let mut crystals = Vec::new();
    let mut labels = std::collections::HashSet::new();
    for entry in &train {
        if entry.structure.composition().len() > 3 {
            continue;
        }
        if let Ok(crystal) = analyse(&entry.structure, SYMPREC) {
            let crystal = crystal.canonical();
            labels.insert(label(&crystal));
            crystals.push((entry.id.clone(), crystal));
        }
    }
    let count = crystals.len();
    let library = Library::distil(crystals);
    println!(
        "{count} training crystals, {} prototypes, {:.1} s",
        library.prototypes().len(),
        begin.elapsed().as_secs_f64()
    );
    let mut scores = Vec::new();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for entry in &test {
        let mut score = Score { atoms: entry.structure.sites.len(), ..Score::default() };
        if let Ok(truth) = analyse(&entry.structure, SYMPREC) {
            let primitive = truth.primitive()?;
            score.atoms = primitive.sites.len();
            score.seen = labels.contains(&label(&truth.canonical()));
            let query = query(&entry.structure, &primitive)?;
            let begin = Instant::now();
            let candidates = search(&[&library], &query, options, &mut rng);
            score.seconds = begin.elapsed().as_secs_f64();
            if let Ok(candidates) = candidates {
                matches(&entry.structure, &candidates, &mut score)?;
            }
        }
        scores.push(score);
    }
    let all: Vec<&Score> = scores.iter().collect();
    rate("loose @1", &all, |s| s.loose[0]);
    rate("strict @1", &all, |s| s.strict[0]);
    rate("loose @20", &all, |s| s.loose[1]);
    rate("strict @20", &all, |s| s.strict[1]);
    let subset =
        |of: &dyn Fn(&Score) -> bool| all.iter().copied().filter(|s| of(s)).collect::<Vec<_>>();
    rate("strict @1, at most 10 atoms", &subset(&|s| s.atoms <= 10), |s| s.strict[0]);
    rate("strict @1, 11 to 20 atoms", &subset(&|s| s.atoms > 10), |s| s.strict[0]);
    rate("strict @1, label in training", &subset(&|s| s.seen), |s| s.strict[0]);
    rate("strict @1, label not in training", &subset(&|s| !s.seen), |s| s.strict[0]);
    let sure = subset(&|s| s.r_wp.is_some_and(|r| r < 0.01));
    rate("R_wp below 0.01", &all, |s| s.r_wp.is_some_and(|r| r < 0.01));
    rate("strict precision of these", &sure, |s| s.strict[0]);
    let mut seconds: Vec<f64> = scores.iter().map(|s| s.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    println!(
        "seconds per structure: mean {:.4}, median {:.4}, p95 {:.4}",
        seconds.iter().sum::<f64>() / seconds.len().max(1) as f64,
        seconds[seconds.len() / 2],
        seconds[seconds.len() * 95 / 100]
    );
    let mut rms: Vec<f64> = scores.iter().filter_map(|s| s.rms).collect();
    rms.sort_by(f64::total_cmp);
    if !rms.is_empty() {
        println!("median rms of first matches {:.2e}", rms[rms.len() / 2]);
    }
    Ok(())
}
