//! Refinement comes back to the crystal that made the pattern.
#![allow(clippy::unwrap_used)]

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use surrogate_crystal::cif;
use surrogate_crystal::diffraction::{PowderModel, QGrid};
use surrogate_crystal::refine::{COARSE_TO_FINE, Limits, RefineError, Refiner, Restarts};
use surrogate_crystal::symmetry::{SymmetricStructure, analyse};

const CU: f64 = 1.54184;

fn mineral(name: &str) -> SymmetricStructure {
    let all = cif::read(include_str!("data/minerals.cif")).unwrap();
    let found = all.iter().find(|s| s.name == name).unwrap();
    analyse(&found.structure, 0.01).unwrap().canonical()
}

fn peaks(model: &mut PowderModel) -> Vec<(f64, f64)> {
    let parameters = model.parameters().to_vec();
    model.evaluate(&parameters, 8.2, &mut []).unwrap();
    model.q().iter().copied().zip(model.intensity().iter().copied()).collect()
}

#[test]
fn a_disturbed_mineral_comes_back_exactly() {
    for name in ["halite", "rutile", "wurtzite", "quartz", "baddeleyite", "perovskite"] {
        let mut model = PowderModel::new(&mineral(name), CU, 8.1, 0.06).unwrap();
        let mut refiner = Refiner::new(peaks(&mut model), [0.5, 8.1]);
        let truth = model.parameters().to_vec();
        let mut start = truth.clone();
        let (cell, last) = (model.cell_parameters(), truth.len() - 1);
        for (k, value) in start[..last].iter_mut().enumerate() {
            let sign = if k % 2 == 0 { 1.0 } else { -1.0 };
            if k < cell { *value *= 1.0 + 0.01 * sign } else { *value += 0.01 * sign }
        }
        let before = refiner.r_wp(&mut model, &start, QGrid::SCORING).unwrap();
        let rng = ChaCha8Rng::seed_from_u64(1);
        let spread = Limits { cell: 0.01, coordinate: 0.015 };
        let restarts = Restarts { count: 10, enough: 1e-4, spread, rng: &rng };
        let refined = refiner
            .refine_with_restarts(&mut model, &start, &COARSE_TO_FINE, Limits::WIDE, &restarts)
            .unwrap();
        let after = refiner.r_wp(&mut model, &refined.parameters, QGrid::SCORING).unwrap();
        assert!(before > 0.1 && after < 1e-5, "{name}: {before} to {after}");
        for (found, expected) in refined.parameters[..cell].iter().zip(&truth) {
            assert!((found / expected - 1.0).abs() < 1e-6, "{name}: {found} for {expected}");
        }
    }
}

#[test]
fn the_same_start_gives_the_same_bits() {
    let once = || {
        let mut model = PowderModel::new(&mineral("rutile"), CU, 8.1, 0.06).unwrap();
        let mut refiner = Refiner::new(peaks(&mut model), [0.5, 8.1]);
        let start: Vec<f64> = model.parameters().iter().map(|p| p * 1.01).collect();
        refiner.refine(&mut model, &start, &COARSE_TO_FINE, Limits::WIDE).unwrap()
    };
    assert_eq!(once(), once());
}

#[test]
fn a_pattern_without_peaks_is_refused() {
    let mut model = PowderModel::new(&mineral("halite"), CU, 8.1, 0.06).unwrap();
    let start = model.parameters().to_vec();
    let found = Refiner::new(Vec::new(), [0.5, 8.1]).refine(
        &mut model,
        &start,
        &COARSE_TO_FINE,
        Limits::WIDE,
    );
    assert!(matches!(found, Err(RefineError::NoSignal { .. })));
}
