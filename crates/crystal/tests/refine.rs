//! Refinement comes back to the crystal that made the pattern.
#![allow(clippy::unwrap_used)]

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use surrogate_crystal::cif;
use surrogate_crystal::diffraction::{Instrument, PowderModel, QGrid, Radiation};
use surrogate_crystal::pattern::Pattern;
use surrogate_crystal::refine::{
    COARSE_TO_FINE, Limits, RefineError, Refiner, Restarts, SCOUT_FIRST, fit_measured,
};
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
        let restarts = Restarts { rounds: 4, scouts: 16, kept: 2, enough: 1e-4, spread, rng: &rng };
        let refined = refiner
            .refine_with_restarts(&mut model, &start, &SCOUT_FIRST, Limits::WIDE, &restarts)
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

#[test]
fn a_measured_pattern_gives_back_crystal_and_diffractometer() {
    let truth = mineral("baddeleyite");
    let instrument = Instrument {
        radiation: Radiation::parse("CuKa12").unwrap(),
        zero_shift_deg: 0.04,
        caglioti: [0.01, -0.004, 0.012],
        size_deg: 0.06,
        eta: 0.6,
        background: vec![60.0, -20.0, 8.0],
    };
    let mut model = PowderModel::new(&truth, 1.54056, 6.0, 0.05).unwrap();
    let mut parameters = model.parameters().to_vec();
    *parameters.last_mut().unwrap() = 0.8;
    model.evaluate(&parameters, 6.0, &mut []).unwrap();
    let scaled: Vec<f64> = model.intensity().iter().map(|i| i * 0.002).collect();
    let two_theta_deg: Vec<f64> = (0..3500).map(|k| 15.0 + 0.02 * f64::from(k)).collect();
    let intensity = instrument.pattern(&two_theta_deg, model.q(), &scaled);
    let radiation = instrument.radiation.clone();
    let pattern = Pattern { two_theta_deg, intensity, sigma: None, radiation };
    let mut start = truth.clone();
    start.cell.iter_mut().take(3).for_each(|a| *a *= 1.001);
    start.orbits[0].parameters[0] += 0.01;
    let guess = Instrument {
        zero_shift_deg: 0.0,
        caglioti: [0.0, 0.0, 0.02],
        size_deg: 0.02,
        eta: 0.5,
        background: vec![0.0; 3],
        ..instrument.clone()
    };
    let fit = fit_measured(&pattern, &start, &guess).unwrap();
    assert!(fit.r_wp < 1e-4, "{}", fit.r_wp);
    assert!((fit.b_iso - 0.8).abs() < 0.01, "{}", fit.b_iso);
    assert!((fit.instrument.zero_shift_deg - 0.04).abs() < 1e-3);
    for (found, expected) in fit.structure.cell.iter().zip(&truth.cell) {
        assert!((found / expected - 1.0).abs() < 1e-4, "{found} for {expected}");
    }
}
