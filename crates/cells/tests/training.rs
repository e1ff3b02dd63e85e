//! Training of a small surrogate: it resumes to the same bits, and predicts what the solver says.
#![allow(clippy::unwrap_used)]

use surrogate_battery::cell::sets::chen2020;
use surrogate_battery::solve::{Model, Parameter};
use surrogate_cells::{
    Axis, CellProblem, CellSurrogate, CellsError, Quantity, Settings, Stage, Training,
};

fn problem(model: Model) -> CellProblem {
    let axis = |quantity, lower, upper| Axis { quantity, lower, upper, log: true };
    let axes = vec![
        axis(Quantity::CRate, 0.7, 1.4),
        axis(Quantity::Factor(Parameter::DiffusivityN), 0.5, 2.0),
        axis(Quantity::Factor(Parameter::ExchangeCurrentP), 0.5, 2.0),
    ];
    CellProblem::new(chen2020(), model, axes).unwrap()
}

fn settings() -> Settings {
    Settings { width: 8, iterations: 60, times: 16, ..Settings::for_solves(24, 5) }
}

fn finished(mut training: Training) -> CellSurrogate {
    while training.slice(7).unwrap().stage != Stage::Done {}
    training.surrogate().unwrap()
}

#[test]
fn training_goes_on_to_the_same_bits_from_any_stage() {
    let straight = finished(Training::new(problem(Model::P2d), settings()).unwrap());
    let mut training = Training::new(problem(Model::P2d), settings()).unwrap();
    while training.slice(7).unwrap().stage != Stage::Done {
        let state = training.state();
        training = Training::restore(problem(Model::P2d), settings(), &state).unwrap();
    }
    assert_eq!(straight.arrays(), training.surrogate().unwrap().arrays());
}

#[test]
fn a_saved_surrogate_predicts_the_same() {
    let surrogate = finished(Training::new(problem(Model::Spm), settings()).unwrap());
    let again = CellSurrogate::from_arrays(problem(Model::Spm), &surrogate.arrays()).unwrap();
    let (times, point) = ([0.0, 10.0, 1000.0, 9000.0], problem(Model::Spm).middle());
    let predict = |s: &CellSurrogate| {
        let mut out = [0.0; 4];
        s.voltages(&point, &times, &mut s.buffers(), &mut out);
        out
    };
    assert_eq!(predict(&surrogate), predict(&again));
}

#[test]
fn a_state_that_lacks_something_is_refused() {
    let mut training = Training::new(problem(Model::Spm), settings()).unwrap();
    training.slice(10).unwrap();
    let mut state = training.state();
    state.retain(|(name, _)| name != "curves");
    let error = Training::restore(problem(Model::Spm), settings(), &state).err().unwrap();
    assert_eq!(error, CellsError::State { name: "curves".to_string() });
}

#[test]
fn the_closed_form_is_the_single_particle_model() {
    // nothing is left to learn but the solver's own error
    let surrogate = finished(Training::new(problem(Model::Spm), settings()).unwrap());
    let point = [1.1, 0.7, 1.6];
    let solution = surrogate.problem().solve(&point, false, false).unwrap();
    let times: Vec<f64> = (1..100).map(|k| solution.end_time_s() * f64::from(k) / 100.0).collect();
    let mut out = vec![0.0; times.len()];
    surrogate.voltages(&point, &times, &mut surrogate.buffers(), &mut out);
    for (t, v) in times.iter().zip(&out) {
        let apart = (v - solution.voltage_at(*t)).abs();
        assert!(apart < 1e-3, "{t} s: {apart:e} V");
    }
    let end = surrogate.end_time_s(&point, &mut surrogate.buffers());
    assert!((end / solution.end_time_s() - 1.0).abs() < 1e-4);
}

#[test]
fn gradients_are_those_of_differences() {
    let surrogate = finished(Training::new(problem(Model::P2d), settings()).unwrap());
    let mut buffers = surrogate.buffers();
    let (point, times) = (vec![1.0, 1.3, 0.8], [5.0, 300.0, 1500.0, 3000.0]);
    let (mut out, mut by) = ([0.0; 4], [0.0; 12]);
    surrogate.gradients(&point, &times, &mut buffers, &mut out, &mut by);
    for axis in 0..3 {
        let h = 1e-5;
        let mut at = |step: f64| {
            let mut moved = point.clone();
            moved[axis] += step;
            let mut out = [0.0; 4];
            surrogate.voltages(&moved, &times, &mut buffers, &mut out);
            out
        };
        let (up, down) = (at(h), at(-h));
        for k in 0..4 {
            let quotient = (up[k] - down[k]) / (2.0 * h);
            let apart = (by[k * 3 + axis] - quotient).abs();
            assert!(apart < 1e-5 * (1.0 + quotient.abs()), "{axis} {k}: {apart:e} of {quotient:e}");
        }
    }
}

#[test]
fn boxes_that_cannot_be_are_refused() {
    let axis = |lower, upper| Axis { quantity: Quantity::CRate, lower, upper, log: false };
    for axes in [vec![axis(0.0, 1.0)], vec![axis(2.0, 1.0)], vec![axis(1.0, 2.0), axis(1.0, 3.0)]] {
        let error = CellProblem::new(chen2020(), Model::P2d, axes).err().unwrap();
        assert!(matches!(error, CellsError::Box { .. }), "{error}");
    }
    let few = Settings { solves: 3, ..settings() };
    let error = Training::new(problem(Model::Spm), few).err().unwrap();
    assert!(matches!(error, CellsError::TooFewSolves { .. }));
}
