//! How often a refinement comes back: `convergence TABLE SPLITS COUNT`. Draws structures of up to 20
//! atoms from the validation part, moves every length and angle by a share and every coordinate by an
//! amount with random signs, refines against the clean pattern, and prints the share that reaches
//! `R_wp` below 0.02 on the scoring grid, with the CPU time of each. Failures count.
#![allow(clippy::print_stdout)]

use std::collections::HashSet;
use std::error::Error;
use std::fs::File;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use surrogate_crystal::diffraction::{PowderModel, QGrid};
use surrogate_crystal::refine::{COARSE_TO_FINE, Limits, Refiner, Restarts, SCOUT_FIRST, Stage};
use surrogate_crystal::symmetry::{SYMPREC, SymmetricStructure, analyse};
use surrogate_crystal::table::{read_columns, read_structures};

const WAVELENGTH: f64 = 1.54184;
const GOOD: f64 = 0.02;

/// What came of one refinement.
struct Outcome {
    start: f64,
    plain: f64,
    restarted: f64,
    plain_ms: f64,
    all_ms: f64,
}

/// CPU time of this thread by the kernel's account, s; 0 where there is none.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0) * 1e-9
}

fn outcome(
    crystal: &SymmetricStructure,
    share: f64,
    amount: f64,
    rng: &mut ChaCha8Rng,
) -> Result<Outcome, Box<dyn Error>> {
    let mut model = PowderModel::new(crystal, WAVELENGTH, 8.1, 0.06)?;
    let truth = model.parameters().to_vec();
    model.evaluate(&truth, 8.2, &mut [])?;
    let peaks = model.q().iter().copied().zip(model.intensity().iter().copied()).collect();
    let mut refiner = Refiner::new(peaks, [0.5, 8.1]);
    let mut start = truth.clone();
    let (cell, last) = (model.cell_parameters(), truth.len() - 1);
    for (k, value) in start[..last].iter_mut().enumerate() {
        let sign = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
        if k < cell {
            *value *= 1.0 + sign * share;
        } else {
            *value += sign * amount;
        }
    }
    let stages: Vec<Stage> = COARSE_TO_FINE.to_vec();
    let first = refiner.r_wp(&mut model, &start, QGrid::SCORING)?;
    // the model is made anew from the start, as a search would
    let begin = cpu_seconds();
    let mut model = PowderModel::new(&model.structure(&start), WAVELENGTH, 8.1, 0.06)?;
    let plain = refiner.refine(&mut model, &start, &stages, Limits::WIDE)?;
    let plain_ms = (cpu_seconds() - begin) * 1e3;
    let plain_r = refiner.r_wp(&mut model, &plain.parameters, QGrid::SCORING)?;
    let begin = cpu_seconds();
    let spread = Limits { cell: share, coordinate: 1.5 * amount };
    let restarts = Restarts { rounds: 4, scouts: 16, kept: 2, enough: GOOD / 2.0, spread, rng };
    let best =
        refiner.refine_with_restarts(&mut model, &start, &SCOUT_FIRST, Limits::WIDE, &restarts)?;
    let all_ms = (cpu_seconds() - begin) * 1e3;
    let restarted = refiner.r_wp(&mut model, &best.parameters, QGrid::SCORING)?;
    Ok(Outcome { start: first, plain: plain_r, restarted, plain_ms, all_ms })
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, table, splits, count] = arguments.as_slice() else {
        return Err("usage: convergence TABLE SPLITS COUNT".into());
    };
    let rows = read_columns(File::open(splits)?, ["id", "split"])?;
    let part = rows.into_iter().filter(|[_, split]| split == "val").map(|[id, _]| id);
    let part: HashSet<String> = part.collect();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let entries = read_structures(File::open(table)?)?;
    let mut entries: Vec<_> = entries.into_iter().filter(|e| part.contains(&e.id)).collect();
    entries.shuffle(&mut rng);
    entries.truncate(count.parse()?);
    let mut crystals = Vec::new();
    for entry in &entries {
        crystals.push(analyse(&entry.structure, SYMPREC)?.canonical());
    }
    for (share, amount) in [(0.01, 0.02), (0.02, 0.03), (0.04, 0.05)] {
        let outcomes: Vec<Option<Outcome>> =
            crystals.iter().map(|c| outcome(c, share, amount, &mut rng).ok()).collect();
        let all = outcomes.len();
        let done: Vec<Outcome> = outcomes.into_iter().flatten().collect();
        let good = |r: fn(&Outcome) -> f64| done.iter().filter(|o| r(o) < GOOD).count();
        let sorted = |v: fn(&Outcome) -> f64| {
            let mut values: Vec<f64> = done.iter().map(v).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len().max(1) as f64;
        let (plain, both) = (sorted(|o| o.plain_ms), sorted(|o| o.all_ms));
        println!(
            "cell {:.0} %, coordinates {amount}: start R_wp median {:.2}; plain {}/{all}, mean {:.1} ms, \
             median {:.1}; with restarts {}/{all}, mean {:.1} ms, median {:.1}",
            share * 100.0,
            sorted(|o| o.start)[done.len() / 2],
            good(|o| o.plain),
            mean(&plain),
            plain[plain.len() / 2],
            good(|o| o.restarted),
            mean(&both),
            both[both.len() / 2],
        );
    }
    Ok(())
}
