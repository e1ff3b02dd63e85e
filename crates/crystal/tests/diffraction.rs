//! Powder diffraction: symmetric and plain calculation agree, derivatives are those of differences.
#![allow(clippy::unwrap_used)]

mod shared;

use surrogate_crystal::cif;
use surrogate_crystal::diffraction::{
    Broadening, Gradient, PowderModel, QGrid, Radiation, peaks, r_wp, reflections,
};
use surrogate_crystal::symmetry::{SYMPREC, analyse};
use surrogate_crystal::table::read_structures;

const CU: f64 = 1.54184;

fn crystals(step: usize) -> Vec<surrogate_crystal::Structure> {
    let Some(file) = shared::open("mp20_biternary_val.csv.zst") else { return Vec::new() };
    read_structures(file).unwrap().into_iter().step_by(step).map(|e| e.structure).collect()
}

#[test]
fn laue_orbits_give_the_pattern_of_all_reflections() {
    let mut broadening = Broadening::new(QGrid::SCORING).unwrap();
    for structure in crystals(40) {
        let symmetric = analyse(&structure, SYMPREC).unwrap().canonical();
        let primitive = symmetric.primitive().unwrap();
        let mut model = PowderModel::new(&symmetric, CU, 8.1, 0.0).unwrap();
        let parameters = model.parameters().to_vec();
        model.evaluate(&parameters, 8.1, &mut []).unwrap();
        let plain = reflections(&primitive, CU, [0.0, 8.1]).unwrap();
        assert!(model.len() <= plain.len());
        let (mut a, mut b) = (Vec::new(), Vec::new());
        broadening.pattern(plain.iter().map(|r| (r.q, r.intensity)), &mut a);
        let peaks = model.q().iter().copied().zip(model.intensity().iter().copied());
        broadening.pattern(peaks, &mut b);
        let off = r_wp(&a, &b);
        assert!(off < 1e-9, "{} {off}", symmetric.group.symbol);
    }
}

#[test]
fn symmetrised_crystals_have_the_pattern_of_the_given_ones() {
    let mut broadening = Broadening::new(QGrid::SCORING).unwrap();
    let (mut close, mut all) = (0, 0);
    for structure in crystals(40) {
        let primitive = analyse(&structure, SYMPREC).unwrap().canonical().primitive().unwrap();
        let mut patterns = [Vec::new(), Vec::new()];
        for (pattern, s) in patterns.iter_mut().zip([&structure, &primitive]) {
            let peaks = reflections(s, CU, [0.0, 8.1]).unwrap();
            broadening.pattern(peaks.iter().map(|r| (r.q, r.intensity)), pattern);
        }
        all += 1;
        close += usize::from(r_wp(&patterns[0], &patterns[1]) < 0.02);
    }
    assert!(close * 100 >= all * 97, "{close} of {all}");
}

#[test]
fn derivatives_equal_differences() {
    for structure in crystals(150) {
        let symmetric = analyse(&structure, SYMPREC).unwrap().canonical();
        let mut model = PowderModel::new(&symmetric, CU, 6.0, 0.05).unwrap();
        let mut at = model.parameters().to_vec();
        *at.last_mut().unwrap() = 0.4;
        let mut gradients = vec![Gradient::default(); at.len()];
        model.evaluate(&at, 6.2, &mut gradients).unwrap();
        let strongest = model.intensity().iter().copied().fold(0.0, f64::max);
        for k in 0..at.len() {
            let h = 1e-5;
            let mut shifted = |sign: f64| {
                let mut moved = at.clone();
                moved[k] += sign * h;
                model.evaluate(&moved, 6.2, &mut []).unwrap();
                (model.q().to_vec(), model.intensity().to_vec())
            };
            let ((q1, i1), (q0, i0)) = (shifted(1.0), shifted(-1.0));
            for j in (0..q1.len()).filter(|&j| i0[j] > 0.0 && i1[j] > 0.0) {
                let dq = (q1[j] - q0[j]) / (2.0 * h);
                let di = (i1[j] - i0[j]) / (2.0 * h);
                let place = format!("{} parameter {k}", symmetric.group.symbol);
                assert!((dq - gradients[k].q[j]).abs() < 1e-6, "{place}");
                let off = (di - gradients[k].intensity[j]).abs();
                assert!(off < 1e-5 * strongest + 1e-4 * di.abs(), "{place}: {di}");
            }
        }
    }
}

#[test]
fn peaks_are_those_of_pymatgen() {
    let structures = cif::read(include_str!("data/minerals.cif")).unwrap();
    let mut rows = include_str!("data/pymatgen_peaks.csv").lines().filter(|l| !l.starts_with('#'));
    assert_eq!(rows.next(), Some("structure,radiation,two_theta_deg,d,intensity"));
    let rows: Vec<Vec<&str>> = rows.map(|l| l.split(',').collect()).collect();
    for named in &structures {
        let expected: Vec<_> = rows.iter().filter(|r| r[0] == named.name).collect();
        let radiation = Radiation::parse(expected[0][1]).unwrap();
        let found = peaks(&named.structure, &radiation, [5.0, 90.0]).unwrap();
        assert_eq!(found.len(), expected.len(), "{}", named.name);
        for (peak, row) in found.iter().zip(expected) {
            let number = |k: usize| row[k].parse::<f64>().unwrap();
            assert!((peak.two_theta_deg - number(2)).abs() < 1e-6, "{} {row:?}", named.name);
            assert!((peak.d - number(3)).abs() < 1e-6, "{} {row:?}", named.name);
            let off = (peak.intensity / number(4) - 1.0).abs();
            assert!(off < 1e-4, "{} {row:?} {off:e}", named.name);
        }
    }
    assert_eq!(structures.len(), 9);
}
