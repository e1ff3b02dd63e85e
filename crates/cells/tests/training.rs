//! Training of a small surrogate: it resumes to the same bits, and predicts what the solver says.
#![allow(clippy::unwrap_used)]

use surrogate_battery::cell::sets::{chen2020, ecker2015};
use surrogate_battery::solve::{Model, Parameter};
use surrogate_cells::{
    Axis, CellProblem, CellSurrogate, CellsError, DriveSurrogate, Field, Profile, Quantity,
    Settings, Stage, Training,
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
    Settings { width: 8, iterations: 80, times: 24, ..Settings::for_solves(24, 5) }
}

/// The same with sweeps of the equations.
fn swept() -> Settings {
    Settings { sweeps: 12, ..settings() }
}

fn finished(mut training: Training) -> CellSurrogate {
    while training.slice(7).unwrap().stage != Stage::Done {}
    training.surrogate().unwrap()
}

/// Checks derivatives of voltages by the axes, `[time][axis]`, against differences over twice `h`.
fn slopes_are_those_of_differences(
    surrogate: &CellSurrogate,
    point: &[f64],
    times: &[f64],
    by: &[f64],
    h: f64,
) {
    let mut buffers = surrogate.buffers();
    for axis in 0..point.len() {
        let mut at = |step: f64| {
            let mut moved = point.to_vec();
            moved[axis] += step;
            let mut out = vec![0.0; times.len()];
            surrogate.voltages(&moved, times, &mut buffers, &mut out);
            out
        };
        let (up, down) = (at(h), at(-h));
        for k in 0..times.len() {
            let quotient = (up[k] - down[k]) / (2.0 * h);
            let apart = (by[k * point.len() + axis] - quotient).abs();
            assert!(apart < 1e-5 * (1.0 + quotient.abs()), "{point:?} {axis} {k}: {apart:e}");
        }
    }
}

#[test]
fn training_goes_on_to_the_same_bits_from_any_stage() {
    let new = || Training::new(problem(Model::P2d), swept()).unwrap();
    let straight = finished(new());
    let (mut training, mut stages) = (new(), vec![]);
    while training.slice(7).unwrap().stage != Stage::Done {
        stages.push(training.progress().stage);
        let state = training.state();
        training = Training::restore(problem(Model::P2d), swept(), &state).unwrap();
    }
    assert!([Stage::Electrolyte, Stage::Swept, Stage::Fields].iter().all(|s| stages.contains(s)));
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
fn curves_at_once_are_those_one_by_one() {
    let surrogate = finished(Training::new(problem(Model::P2d), settings()).unwrap());
    let points = [[1.0, 1.3, 0.8], [0.9, 0.6, 1.9], [1.2, 1.0, 0.5]];
    let times: Vec<f64> = (0..31).map(|k| 90.0 * f64::from(k)).collect();
    let (rows, mut buffers) = (points.len() * times.len(), surrogate.buffers());
    let (mut all, mut by) = (vec![0.0; rows], vec![0.0; 3 * rows]);
    surrogate.curve_gradients(&points, &times, &mut buffers, &mut all, &mut by);
    let (mut one, mut slopes) = (vec![0.0; times.len()], vec![0.0; 3 * times.len()]);
    for (k, point) in points.iter().enumerate() {
        surrogate.gradients(point, &times, &mut buffers, &mut one, &mut slopes);
        assert_eq!(one, all[k * times.len()..][..times.len()], "{point:?}");
        assert_eq!(slopes, by[3 * k * times.len()..][..3 * times.len()], "{point:?}");
    }
    let mut values = vec![0.0; rows];
    surrogate.curves(&points, &times, &mut buffers, &mut values);
    assert_eq!(values, all);
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
    slopes_are_those_of_differences(&surrogate, &point, &times, &by, 1e-5);
}

/// A box in which about half of the discharges deplete the electrolyte.
fn depleting() -> CellProblem {
    let axis = |quantity, lower, upper| Axis { quantity, lower, upper, log: true };
    let axes = vec![
        axis(Quantity::CRate, 1.0, 2.0),
        axis(Quantity::Factor(Parameter::ElectrolyteDiffusivity), 0.25, 1.0),
    ];
    CellProblem::new(chen2020(), Model::P2d, axes).unwrap()
}

#[test]
fn discharges_that_deplete_the_electrolyte_are_told_and_followed() {
    let settings = Settings { width: 8, iterations: 150, sweeps: 4, ..settings() };
    let mut training = Training::new(depleting(), settings.clone()).unwrap();
    let mut stages = vec![];
    while training.slice(60).unwrap().stage != Stage::Done {
        stages.push(training.progress().stage);
        let state = training.state();
        training = Training::restore(depleting(), settings.clone(), &state).unwrap();
    }
    assert!([Stage::Ends, Stage::Depleted].iter().all(|s| stages.contains(s)));
    let surrogate = training.surrogate().unwrap();
    let again = CellSurrogate::from_arrays(depleting(), &surrogate.arrays()).unwrap();
    let (low, high) = ([1.8, 0.3], [1.1, 0.9]);
    assert!(again.depletes(&low) && !again.depletes(&high));
    // together as one by one, whichever networks answer
    let times = [1.0, 20.0, 60.0, 300.0];
    let (mut all, mut by) = ([0.0; 8], [0.0; 16]);
    let mut buffers = again.buffers();
    again.curve_gradients(&[high, low], &times, &mut buffers, &mut all, &mut by);
    for (k, point) in [high, low].iter().enumerate() {
        let (mut one, mut slopes) = ([0.0; 4], [0.0; 8]);
        surrogate.gradients(point, &times, &mut buffers, &mut one, &mut slopes);
        assert_eq!((&one[..], &slopes[..]), (&all[4 * k..][..4], &by[8 * k..][..8]));
        slopes_are_those_of_differences(&surrogate, point, &times, &slopes, 1e-6);
    }
    let end = depleting().solve(&low, false, false).unwrap().end_time_s();
    let found = surrogate.end_time_s(&low, &mut surrogate.buffers());
    assert!((found / end - 1.0).abs() < 0.1, "{found} s for {end} s");
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

/// A made-up current of an hour: waves, jumps, rests and some charge.
fn drive() -> Profile {
    let mut profile = Profile::default();
    for t in 0..=3600 {
        let time = f64::from(t);
        let waves = 4.0 * (0.8 + 0.9 * (time / 37.0).sin() * (time / 211.0).sin());
        let rest = t / 60 % 7 == 3;
        let charge = if t > 1800 && t / 45 % 9 == 4 { -5.0 } else { 0.0 };
        profile.time_s.push(time);
        profile.current_a.push(if rest { 0.0 } else { waves + charge });
    }
    profile
}

/// Mean size of the error against the solver, V.
fn mean_error(surrogate: &DriveSurrogate, point: &[f64]) -> f64 {
    let profile = drive();
    let solution = surrogate.solve(point, &profile, surrogate.initial()).unwrap();
    let times: Vec<f64> =
        profile.time_s.iter().copied().filter(|t| *t <= solution.end_time_s()).collect();
    assert!(times.len() > 3000, "the profile empties the cell after {} s", times.len());
    let voltages = surrogate.voltages(point, &profile, surrogate.initial(), &times).voltage_v;
    let apart = times.iter().zip(&voltages).map(|(t, v)| (v - solution.voltage_at(*t)).abs());
    apart.sum::<f64>() / times.len() as f64
}

#[test]
fn any_current_is_exact_for_single_particles() {
    let mut problem = problem(Model::Spm);
    problem.options.voltage_tolerance_v = 1e-4;
    let surrogate = DriveSurrogate::single_particles(problem);
    let error = mean_error(&surrogate, &[1.0, 0.8, 1.5]);
    assert!(error < 1e-4, "{error:e} V");
}

#[test]
fn any_current_of_the_full_model_is_learned_from_few_runs() {
    let settings = Settings { profiles: 24, iterations: 300, ..settings() };
    let mut training = Training::new(problem(Model::P2d), settings.clone()).unwrap();
    let mut straight = Training::new(problem(Model::P2d), settings.clone()).unwrap();
    while straight.slice(60).unwrap().stage != Stage::Done {}
    while training.slice(60).unwrap().stage != Stage::Done {
        let state = training.state();
        training = Training::restore(problem(Model::P2d), settings.clone(), &state).unwrap();
    }
    let learned = training.surrogate().unwrap();
    assert_eq!(straight.surrogate().unwrap().arrays(), learned.arrays());

    let surrogate = learned.drive().unwrap();
    let without = DriveSurrogate::single_particles(problem(Model::P2d));
    let point = [1.0, 0.8, 1.5];
    let (error, bare) = (mean_error(surrogate, &point), mean_error(&without, &point));
    assert!(error < 3e-3 && bare > 2.0 * error, "{error:e} V; particles alone {bare:e} V");
    // sustained currents too, to their end
    for c_rate in [0.4, 1.4] {
        let profile = Profile::constant(5.0 * c_rate, 4000.0 / c_rate);
        let found = surrogate.error(&point, &profile, surrogate.initial()).unwrap();
        assert!(found.mean_v < 3e-3, "{c_rate}C: {found:?}");
        assert!(found.end.unwrap().abs() < 2e-3, "{c_rate}C: {found:?}");
    }
    let again = DriveSurrogate::from_arrays(problem(Model::P2d), &surrogate.arrays()).unwrap();
    let (profile, start) = (drive(), surrogate.at_state_of_charge(0.9));
    let at = |s: &DriveSurrogate| s.voltages(&point, &profile, start, &[1.0, 700.0, 2000.0]);
    assert_eq!(at(surrogate), at(&again));
}

#[test]
fn a_charge_ends_at_the_upper_cut_off_and_a_full_cell_may_rest() {
    let surrogate = DriveSurrogate::single_particles(problem(Model::Spm));
    let (point, full) = ([1.0; 3], surrogate.initial());
    // a rest, a discharge, and a charge that goes on for too long
    let profile = Profile {
        time_s: vec![0.0, 600.0, 600.0, 1200.0, 1200.0, 9000.0],
        current_a: vec![0.0, 0.0, 5.0, 5.0, -5.0, -5.0],
    };
    let times = [0.0, 600.0, 600.0, 1200.0, 1200.0, 1300.0, 8000.0];
    let driven = surrogate.voltages(&point, &profile, full, &times);
    let end = driven.end.unwrap();
    let solution = surrogate.solve(&point, &profile, full).unwrap();
    assert!(end.upper && (end.time_s / solution.end_time_s() - 1.0).abs() < 1e-5, "{end:?}");
    assert!(driven.voltage_v[6].is_nan() && driven.voltage_v[5].is_finite());
    // the two sides of each jump
    assert!(driven.voltage_v[2] < driven.voltage_v[1] - 0.01);
    assert!(driven.voltage_v[4] > driven.voltage_v[3] + 0.01);
    for (k, time) in [(1, 599.999), (3, 1199.999)] {
        let apart = (driven.voltage_v[k] - solution.voltage_at(time)).abs();
        assert!(apart < 1e-3, "{time} s: {apart:e} V");
    }
}

#[test]
fn fields_keep_what_is_known_exactly() {
    let surrogate = finished(Training::new(problem(Model::P2d), settings()).unwrap());
    let cell = &surrogate.problem().cell;
    let porous = cell.porous.as_ref().unwrap();
    let (point, times) = ([1.0, 0.8, 1.5], [20.0, 900.0, 2500.0]);
    let mut buffers = surrogate.buffers();
    let mut voltages = [0.0; 3];
    surrogate.voltages(&point, &times, &mut buffers, &mut voltages);
    let all = surrogate.fields(&point, &times).unwrap();
    let layers =
        [cell.negative.thickness_m, porous.separator_thickness_m, cell.positive.thickness_m];
    let pores = [porous.pores_n, porous.pores_s, porous.pores_p].map(|p| p.porosity);
    let total: f64 = layers.iter().sum();
    for (fields, voltage) in all.iter().zip(voltages) {
        // midpoints: the integrals of polynomials to 1e-4
        let (mut current, mut lithium, mut start) = ([0.0; 2], 0.0, 0.0);
        for (layer, thickness) in layers.iter().enumerate() {
            for k in 0..400 {
                let (x, dx) = (start + (f64::from(k) + 0.5) / 400.0 * thickness, thickness / 400.0);
                lithium += fields.at(Field::Electrolyte, x) * pores[layer] * dx;
                if layer != 1 {
                    let e = [&cell.negative, &cell.positive][layer / 2];
                    current[layer / 2] +=
                        fields.at(Field::Reaction, x) * e.specific_surface_per_m() * dx;
                }
            }
            start += thickness;
        }
        let density = cell.nominal_capacity_a_h / cell.area_m2;
        assert!((current[0] / density - 1.0).abs() < 1e-4, "{current:?} of {density} A m-2");
        assert!((current[1] / density + 1.0).abs() < 1e-4, "{current:?} of {density} A m-2");
        let held: f64 = layers.iter().zip(pores).map(|(l, p)| l * p).sum();
        let rest = porous.electrolyte.concentration_mol_m3;
        assert!((lithium / (held * rest) - 1.0).abs() < 1e-4, "{lithium:e} mol m-2");
        // the first moment is known: the electrolyte at rest, the particles all alike
        let rests = surrogate.fields(&point, &[0.0]).unwrap();
        let begins = |x: f64| {
            let start = if x < 0.5 * total {
                cell.initial.stoichiometry_n
            } else {
                cell.initial.stoichiometry_p
            };
            (rests[0].at(Field::Electrolyte, x) / rest - 1.0).abs() < 1e-12
                && (rests[0].at(Field::Surface, x) - start).abs() < 1e-12
        };
        assert!(begins(0.3 * layers[0]) && begins(total - 0.3 * layers[2]));
        // the collectors differ by the voltage, up to what is learned of the solid
        let across =
            fields.at(Field::SolidPotential, total) - fields.at(Field::SolidPotential, 0.0);
        assert!((across - voltage).abs() < 2e-3, "{across} of {voltage} V");
        assert!(fields.at(Field::Reaction, layers[0] + 0.5 * layers[1]).is_nan());
    }
}

#[test]
fn fields_are_those_of_the_solver() {
    let surrogate = finished(Training::new(problem(Model::P2d), swept()).unwrap());
    let (problem, point) = (surrogate.problem(), [1.2, 0.6, 1.5]);
    let solution = problem.solve(&point, true, false).unwrap();
    let k = solution.time_s.partition_point(|t| *t < 0.6 * solution.end_time_s());
    let (time, truth) = (solution.time_s[k], &solution.fields[k]);
    let fields = surrogate.fields(&point, &[time]).unwrap();
    for (electrode, stoichiometries) in [(&truth.negative, 3e-3), (&truth.positive, 3e-3)] {
        for (node, x) in electrode.x_m.iter().enumerate() {
            let j = electrode.reaction_current_a_m2[node];
            let apart = fields[0].at(Field::Reaction, *x) / j - 1.0;
            assert!(apart.abs() < 0.05, "{x} m: {apart:e}");
            for (radius, at) in [(0.0, 0), (0.5, 10), (0.775, 15), (1.0, 20)] {
                // the radius between two entries lies between their values
                let known = if at == 15 {
                    0.5 * (electrode.stoichiometry[node][15] + electrode.stoichiometry[node][16])
                } else {
                    electrode.stoichiometry[node][at]
                };
                let apart = fields[0].at(Field::Inside(radius), *x) - known;
                assert!(apart.abs() < stoichiometries, "{x} m, {radius}: {apart:e}");
            }
        }
    }
}

#[test]
fn sweeps_teach_what_more_solver_runs_would() {
    let end = |settings: Settings| {
        let training = Training::new(problem(Model::P2d), settings).unwrap();
        let surrogate = finished(training);
        let (mut buffers, mut sum) = (surrogate.buffers(), 0.0);
        for point in [[0.8, 0.6, 0.7], [1.0, 1.4, 1.8], [1.3, 0.9, 0.6], [0.9, 1.9, 1.1]] {
            let solution = surrogate.problem().solve(&point, false, false).unwrap();
            let times: Vec<f64> =
                (1..50).map(|k| 0.019 * f64::from(k) * solution.end_time_s()).collect();
            let mut out = vec![0.0; times.len()];
            surrogate.voltages(&point, &times, &mut buffers, &mut out);
            let apart = |(t, v): (&f64, &f64)| (v - solution.voltage_at(*t)).powi(2);
            sum += times.iter().zip(&out).map(apart).sum::<f64>() / times.len() as f64;
        }
        (sum / 4.0_f64).sqrt()
    };
    let values = Settings { sensitivities: false, width: 14, iterations: 300, ..settings() };
    let (alone, taught) = (end(values.clone()), end(Settings { sweeps: 120, ..values }));
    assert!(taught < 0.7 * alone, "{taught:e} V with sweeps, {alone:e} V without");
}

#[test]
fn a_diffusivity_that_varies_a_hundredfold_is_learned_under_any_current() {
    let axis = |quantity, lower, upper| Axis { quantity, lower, upper, log: true };
    let axes = vec![
        axis(Quantity::CRate, 0.3, 2.0),
        axis(Quantity::Factor(Parameter::DiffusivityN), 0.7, 1.4),
    ];
    let problem = CellProblem::new(ecker2015(), Model::Spm, axes).unwrap();
    let settings = Settings { profiles: 12, ..settings() };
    let surrogate = finished(Training::new(problem.clone(), settings).unwrap());
    let mut buffers = surrogate.buffers();
    let point = [1.3, 0.9];
    let exact = problem.solve(&point, false, false).unwrap();
    let end = surrogate.end_time_s(&point, &mut buffers);
    assert!((end / exact.end_time_s() - 1.0).abs() < 1e-3, "{end} for {} s", exact.end_time_s());
    let times: Vec<f64> = (1..19).map(|k| 0.05 * f64::from(k) * end).collect();
    let mut voltages = vec![0.0; times.len()];
    surrogate.voltages(&point, &times, &mut buffers, &mut voltages);
    for (time, voltage) in times.iter().zip(&voltages) {
        let apart = (voltage - exact.voltage_at(*time)).abs();
        assert!(apart < 2e-3, "{time} s: {apart:e} V");
    }
    let mut by = vec![0.0; times.len() * point.len()];
    surrogate.gradients(&point, &times, &mut buffers, &mut voltages, &mut by);
    slopes_are_those_of_differences(&surrogate, &point, &times[..12], &by, 1e-5);
    // the same through random profiles, which networks of the present state follow
    let drive = surrogate.drive().unwrap();
    let judged = drive.judge(4, 6, 3);
    let worst = judged.constant.iter().chain(&judged.random).map(|e| e.mean_v).fold(0.0, f64::max);
    assert!(worst < 3e-3, "{worst:e} V");
}
