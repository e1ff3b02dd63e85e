//! Retrieval on measured patterns: `measured FOLDER`. FOLDER holds the structure tables; its folder
//! `exp_xred` holds laboratory patterns `NAME.csv` with the structure `NAME.cif`. Given are the pattern
//! without background, the composition and the number of atoms in the primitive cell. The library holds
//! all of the training part. The first candidates are fitted to the measured points together with the
//! diffractometer and ranked anew. Prints for each pattern the rank of the first match before and after.
#![allow(clippy::print_stdout)]

use std::collections::{BTreeMap, HashSet};
use std::error::Error;
use std::fs::{self, File};
use std::path::Path;
use std::time::Instant;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use surrogate_crystal::cif;
use surrogate_crystal::diffraction::{Instrument, Radiation};
use surrogate_crystal::matching::{Reduced, StructureMatcher};
use surrogate_crystal::pattern::{Axis, Pattern, read, without_background};
use surrogate_crystal::refine::{MeasuredFit, fit_measured};
use surrogate_crystal::retrieve::{Library, Query, SearchOptions, search};
use surrogate_crystal::symmetry::{SYMPREC, SymmetricStructure, analyse};
use surrogate_crystal::table::{read_columns, read_structures};

/// Width of the clipping of the background, 2 theta in degrees.
const BACKGROUND_DEG: f64 = 2.0;

/// Candidates that are fitted with the diffractometer.
const FITTED: usize = 8;

/// Coefficients of the fitted background.
const BACKGROUND: usize = 8;

/// Where a fit begins.
fn diffractometer() -> Option<Instrument> {
    Some(Instrument {
        radiation: Radiation::parse("CuKa12")?,
        zero_shift_deg: 0.0,
        caglioti: [0.0, 0.0, 0.02],
        size_deg: 0.05,
        eta: 0.5,
        background: vec![0.0; BACKGROUND],
    })
}

/// Structures of the training part.
fn training(folder: &Path) -> Result<Vec<(String, SymmetricStructure)>, Box<dyn Error>> {
    let rows = read_columns(File::open(folder.join("splits.csv.zst"))?, ["id", "split"])?;
    let train = rows.into_iter().filter(|[_, split]| split == "train").map(|[id, _]| id);
    let mut train: HashSet<String> = train.collect();
    let mut crystals = Vec::new();
    for name in ["mp20_biternary_val", "mpts52_val", "mpts52_test", "mp40_test"] {
        for entry in read_structures(File::open(folder.join(format!("{name}.csv.zst")))?)? {
            if train.remove(&entry.id)
                && let Ok(crystal) = analyse(&entry.structure, SYMPREC)
            {
                crystals.push((entry.id, crystal.canonical()));
            }
        }
    }
    Ok(crystals)
}

/// Points of a pattern as peaks, each with the width of its step.
fn peaks(pattern: &Pattern) -> Vec<(f64, f64)> {
    let q = pattern.q();
    let step = |k: usize| (q[(k + 1).min(q.len() - 1)] - q[k.saturating_sub(1)]) / 2.0;
    let each = q.iter().zip(&pattern.intensity).enumerate();
    each.map(|(k, (&q, &i))| (q, i.max(0.0) * step(k))).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: measured FOLDER")?;
    let folder = Path::new(&folder);
    let library = Library::distil(training(folder)?);
    let radiation = Radiation::parse("CuKa").ok_or("no radiation")?;
    let mut names: Vec<_> =
        fs::read_dir(folder.join("exp_xred"))?.flatten().map(|e| e.path()).collect();
    names.retain(|p| p.extension().is_some_and(|e| e == "csv"));
    names.sort();
    let (mut first, mut among, mut fitted_first) = (0, 0, 0);
    for path in &names {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let pattern = read(&fs::read_to_string(path)?, Axis::TwoThetaDeg, radiation.clone())?;
        let bare = without_background(&pattern, BACKGROUND_DEG);
        let known = cif::read(&fs::read_to_string(path.with_extension("cif"))?)?;
        let truth = &known[0].structure;
        let primitive = match analyse(truth, SYMPREC) {
            Ok(found) => found.primitive()?,
            Err(reason) => {
                println!("{name}: {reason}");
                continue;
            }
        };
        let mut composition = BTreeMap::new();
        for site in &primitive.sites {
            *composition.entry(site.element).or_insert(0) += 1;
        }
        let q = bare.q();
        let query = Query {
            peaks: peaks(&bare),
            q_range: [q[0].max(0.5), q[q.len() - 1]],
            wavelength: radiation.wavelength(),
            composition,
            symmetry: None,
        };
        let begin = Instant::now();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let found = search(&[&library], &query, SearchOptions::default(), &mut rng)?;
        let seconds = begin.elapsed().as_secs_f64();
        let reduced = Reduced::primitive(&primitive)?;
        let matches = |structure: &SymmetricStructure| {
            let reduced_candidate =
                structure.primitive().ok().and_then(|s| Reduced::primitive(&s).ok());
            reduced_candidate.is_some_and(|c| StructureMatcher::STRICT.fits(&reduced, &c))
        };
        let rank = found.iter().take(20).position(|c| matches(&c.structure));
        first += usize::from(rank == Some(0));
        among += usize::from(rank.is_some());
        let begin = Instant::now();
        let instrument = diffractometer().ok_or("no diffractometer")?;
        let fits =
            found.iter().take(FITTED).map(|c| fit_measured(&pattern, &c.structure, &instrument));
        let mut fits: Vec<MeasuredFit> = fits.flatten().collect();
        fits.sort_by(|a, b| a.r_wp.total_cmp(&b.r_wp));
        let fit_seconds = begin.elapsed().as_secs_f64();
        let fitted = fits.iter().position(|f| matches(&f.structure));
        fitted_first += usize::from(fitted == Some(0));
        let place =
            |rank: Option<usize>| rank.map_or_else(|| "-".to_string(), |r| (r + 1).to_string());
        println!(
            "{name}: {} atoms, {} candidates, strict match at {} ({seconds:.2} s); fitted: at {}, R_wp {:.3} \
             ({fit_seconds:.2} s)",
            primitive.sites.len(),
            found.len(),
            place(rank),
            place(fitted),
            fits.first().map_or(f64::NAN, |f| f.r_wp),
        );
    }
    println!(
        "{first} first, {among} among the first 20, {fitted_first} first after the fit, of {}",
        names.len()
    );
    Ok(())
}
