//! The single-particle model: conservation, accuracy of the default setting, order, start.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod support;

use support::{order, spm};
use surrogate_solve::{Options, Solver};

fn times() -> Vec<f64> {
    let early = [0.0, 0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 2.0, 3.0, 5.0, 8.0];
    early.into_iter().chain((1..=100).map(|k| 13.5 * f64::from(k))).collect()
}

fn solver(cells: usize, tolerance: f64) -> Solver {
    let options = Options { cells: Some(cells), tolerance: Some(tolerance) };
    Solver::prepare(&spm::problem(), options).unwrap()
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).fold(0.0, |worst, (a, b)| worst.max((a - b).abs()))
}

#[test]
fn lithium_is_conserved_over_the_whole_discharge() {
    let problem = spm::problem_with_means();
    let solver = Solver::prepare(&problem, Options::default()).unwrap();
    let (j_a, j_c) = spm::fluxes();
    for deg in [1.0, 10.0] {
        let s = solver.solve(&[0.5, deg], &times()).unwrap();
        for (k, t) in s.times.iter().enumerate() {
            let exact_a = 0.91 * spm::MAX_A - 3.0 * j_a * t / spm::R_A;
            let exact_c = 0.39 * spm::MAX_C - 3.0 * j_c * t / spm::R_C;
            assert!((s.outputs[1][k] / exact_a - 1.0).abs() < 1e-12, "anode at {t}");
            assert!((s.outputs[2][k] / exact_c - 1.0).abs() < 1e-12, "cathode at {t}");
        }
    }
}

#[test]
fn the_default_is_within_two_hundredths_of_a_millivolt_from_the_first_millisecond() {
    let times = times();
    let standard = Solver::prepare(&spm::problem(), Options::default()).unwrap();
    let quick = solver(24, 1e-5);
    let fine = solver(240, 1e-9);
    for deg in [1.0, 2.0, 5.0, 10.0] {
        let truth = fine.solve(&[0.5, deg], &times).unwrap().outputs.remove(0);
        let error = |solver: &Solver| {
            let v = solver.solve(&[0.5, deg], &times).unwrap().outputs.remove(0);
            1e3 * largest_difference(&v, &truth)
        };
        let (a, b) = (error(&standard), error(&quick));
        eprintln!("deg_ds_c {deg}: default {a:.5} mV, 24 cells 1e-5 {b:.5} mV");
        assert!(a < 2e-3 && b < 0.02);
    }
}

#[test]
fn the_voltage_converges_with_order_four() {
    let times = times();
    let truth = solver(160, 1e-10).solve(&[0.5, 1.0], &times).unwrap();
    let cells = [10, 20, 40];
    let errors = cells.map(|n| {
        let s = solver(n, 1e-10).solve(&[0.5, 1.0], &times).unwrap();
        largest_difference(&s.outputs[0][9..], &truth.outputs[0][9..])
    });
    let rate = order(&cells, &errors);
    eprintln!("errors {errors:?} V, order {rate:.2}");
    assert!(rate > 3.7);
}

#[test]
fn the_error_estimate_covers_the_error() {
    let times = times();
    let standard = Solver::prepare(&spm::problem(), Options::default()).unwrap();
    let estimate = standard.estimate_error(&[0.5, 1.0], &times).unwrap();
    let truth = solver(240, 1e-9).solve(&[0.5, 1.0], &times).unwrap();
    let s = standard.solve(&[0.5, 1.0], &times).unwrap();
    let error = largest_difference(&s.outputs[0], &truth.outputs[0]);
    eprintln!("error {error:.2e} V, estimate {:.2e} V", estimate.outputs[0]);
    assert!(error < estimate.outputs[0] && estimate.outputs[0] < 1e-4);
}

#[test]
fn the_voltage_agrees_with_an_independent_solver() {
    // converged values of another code (scipy LSODA, second-order finite volumes), (0.5, 1):
    // shared/reference/pinnstripes.md, section 1
    let solver = Solver::prepare(&spm::problem_with_means(), Options::default()).unwrap();
    let s = solver.solve(&[0.5, 1.0], &[0.0, 1350.0]).unwrap();
    eprintln!("{:?}", s.outputs[3]);
    assert!((s.outputs[3][0] - 4.086_062_6).abs() < 2e-7);
    assert!((s.outputs[3][1] - 3.570_133_6).abs() < 2e-6);
}

#[test]
fn a_solve_repeats_to_the_last_bit() {
    let standard = Solver::prepare(&spm::problem(), Options::default()).unwrap();
    let a = standard.solve(&[1.0, 2.0], &times()).unwrap();
    let b = standard.solve(&[1.0, 2.0], &times()).unwrap();
    assert_eq!(a.outputs, b.outputs);
    assert_eq!(a.statistics, b.statistics);
}
