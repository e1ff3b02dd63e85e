//! Trains on the structure tables for a number of steps: `trial FOLDER STEPS SECONDS OUT [RATE]`.
#![allow(clippy::print_stdout)]

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fs::{self, File};
use std::path::Path;
use std::time::Instant;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use surrogate_crystal::retrieve::element_volumes;
use surrogate_crystal::symmetry::{SYMPREC, SymmetricStructure, analyse};
use surrogate_crystal::table::{Entry, read_columns, read_structures};
use surrogate_generator::sequence::{AtomicVolumes, composition};
use surrogate_generator::training::{Settings, Training, plain_examples};

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

fn canonical(entries: &[Entry]) -> Vec<SymmetricStructure> {
    entries
        .iter()
        .filter_map(|e| analyse(&e.structure, SYMPREC).ok())
        .map(|c| c.canonical())
        .collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let mut parts = tables(Path::new(&arguments[1]))?;
    let mut train = canonical(&parts.remove("train").unwrap_or_default());
    train.retain(|c| c.primitive_atoms() <= 28 && composition(c).len() <= 4);
    let mut val = parts.remove("val").unwrap_or_default();
    val.retain(|e| e.structure.sites.len() <= 20 && e.structure.composition().len() <= 3);
    val.sort_by(|a, b| a.id.cmp(&b.id));
    val.shuffle(&mut ChaCha8Rng::seed_from_u64(20_250_304));
    val.truncate(300);
    let val = canonical(&val);
    let rows: Vec<(BTreeMap<_, _>, f64)> = train
        .iter()
        .filter_map(|c| {
            let volume = c.primitive_lattice().ok()?.volume();
            Some((composition(c).into_iter().collect(), volume))
        })
        .collect();
    let volumes = AtomicVolumes(element_volumes(&rows));
    let held_out = plain_examples(&val, &volumes);
    println!("{} training crystals, {} of {} held out", train.len(), held_out.len(), val.len());
    let mut settings = Settings { batch: 96, steps: arguments[2].parse()?, ..Settings::default() };
    if let Some(rate) = arguments.get(5) {
        settings.rate = rate.parse()?;
    }
    let limit: f64 = arguments[3].parse()?;
    let mut training = Training::new(train, volumes, settings);
    println!("{} weights", training.model.layout.len);
    let begin = Instant::now();
    let mut mean = 0.0;
    while training.steps() < settings.steps && begin.elapsed().as_secs_f64() < limit {
        let loss = training.step();
        mean += loss.mean();
        let step = training.steps();
        let every = 250;
        if step % every == 0 || step == 20 {
            let held = training.loss(&held_out);
            println!(
                "{step} {:.0} s: {:.4}, held out {:.4} a token, {:.3} a crystal, right {:.3}",
                begin.elapsed().as_secs_f64(),
                mean / if step == 20 { 20.0 } else { every as f64 },
                held.mean(),
                held.sum / held_out.len() as f64,
                held.right as f64 / held.predictions as f64
            );
            if step > 20 {
                mean = 0.0;
            }
        }
        if step % 1000 == 0 {
            let bytes: Vec<u8> =
                training.model.weights.iter().flat_map(|w| w.to_le_bytes()).collect();
            fs::write(&arguments[4], bytes)?;
        }
    }
    let bytes: Vec<u8> = training.model.weights.iter().flat_map(|w| w.to_le_bytes()).collect();
    fs::write(&arguments[4], bytes)?;
    Ok(())
}
