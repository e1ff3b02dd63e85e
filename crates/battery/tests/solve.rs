//! The reference solver against PyBaMM's fine meshes, itself, and what physics demands.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use surrogate_battery::Cell;
use surrogate_battery::cell::sets::{
    chen2020, ecker2015, marquis2019, named, pinnstripes, prada2013,
};
use surrogate_battery::solve::{
    Control, Model, Multipliers, Options, Parameter, ProtocolStep, Solution, simulate,
};

const RATES: [f64; 3] = [0.5, 1.0, 2.0];

fn discharge(cell: &Cell, model: Model, c_rate: f64, options: &Options) -> Solution {
    simulate(cell, model, &[ProtocolStep::discharge(cell, c_rate)], options).unwrap()
}

/// Times and voltages of a curve made by `benches/compare/battery.py`.
fn fixture(cell: &str, c_rate: f64) -> (Vec<f64>, Vec<f64>) {
    let path =
        format!("{}/tests/data/{}_{c_rate}c.csv", env!("CARGO_MANIFEST_DIR"), cell.to_lowercase());
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    rows.map(|row| {
        let (t, v) = row.split_once(',').unwrap();
        (t.parse::<f64>().unwrap(), v.parse::<f64>().unwrap())
    })
    .unzip()
}

/// Root mean square of the differences in mV over the times of a curve up to a part of its end,
/// weighted by the time between points.
fn rms_mv(times: &[f64], voltages: &[f64], part: f64, solution: &Solution) -> f64 {
    let end = part * times.last().unwrap();
    let (mut sum, mut weight) = (0.0, 0.0);
    for k in 1..times.len() {
        if times[k] <= end {
            let dt = times[k] - times[k - 1];
            sum += dt * (solution.voltage_at(times[k]) - voltages[k]).powi(2);
            weight += dt;
        }
    }
    1e3 * (sum / weight).sqrt()
}

#[test]
fn p2d_agrees_with_pybamm_on_its_finest_mesh() {
    for name in ["Chen2020", "Marquis2019"] {
        let cell = named(name).unwrap();
        for c_rate in RATES {
            let (t, v) = fixture(name, c_rate);
            for (setting, options) in [("default", Options::default()), ("fine", Options::fine())] {
                let solution = discharge(&cell, Model::P2d, c_rate, &options);
                let [first, whole] = [0.95, 1.0].map(|part| rms_mv(&t, &v, part, &solution));
                let charge = solution.end_time_s() / t.last().unwrap() - 1.0;
                println!("{name} {c_rate}C {setting}: {first:.3} {whole:.3} mV, {charge:.1e}");
                assert!(first < 0.5, "{name} {c_rate}C {setting}: {first} mV up to 95 %");
                assert!(whole < 0.5, "{name} {c_rate}C {setting}: {whole} mV");
                assert!(charge.abs() < 2e-4, "{name} {c_rate}C {setting}: ends {charge:e} apart");
            }
        }
    }
}

#[test]
fn the_default_is_within_its_bound_of_the_converged_curve() {
    for name in ["Chen2020", "Marquis2019"] {
        let cell = named(name).unwrap();
        for c_rate in RATES {
            let fine = discharge(&cell, Model::P2d, c_rate, &Options::fine());
            let default = discharge(&cell, Model::P2d, c_rate, &Options::default());
            let end = fine.end_time_s();
            let times: Vec<f64> = (0..=400).map(|k| end * f64::from(k) / 400.0).collect();
            let voltages: Vec<f64> = times.iter().map(|t| fine.voltage_at(*t)).collect();
            let rms = rms_mv(&times, &voltages, 0.95, &default);
            println!("{name} {c_rate}C: {rms:.3} mV, {:.1e}", default.end_time_s() / end - 1.0);
            assert!(rms < 0.3, "{name} {c_rate}C: {rms} mV");
        }
    }
}

#[test]
fn single_particles_agree_with_pybamm() {
    let cell = chen2020();
    let (t, v) = fixture("chen2020_spm", 1.0);
    let solution = discharge(&cell, Model::Spm, 1.0, &Options::fine());
    let (rms, end) = (rms_mv(&t, &v, 1.0, &solution), solution.end_time_s() / t[t.len() - 1] - 1.0);
    println!("SPM: {rms:.4} mV, {end:.1e}");
    assert!(rms < 0.1 && end.abs() < 1e-5, "{rms} mV, {end:e}");
    // the same model to first order; PyBaMM takes means of the electrolyte before its potentials
    let (t, v) = fixture("chen2020_spme", 1.0);
    let solution = discharge(&cell, Model::Spme, 1.0, &Options::fine());
    let (rms, end) =
        (rms_mv(&t, &v, 0.95, &solution), solution.end_time_s() / t[t.len() - 1] - 1.0);
    println!("SPMe: {rms:.4} mV, {end:.1e}");
    assert!(rms < 3.0 && end.abs() < 2e-3, "{rms} mV, {end:e}");
}

#[test]
fn shells_agree_with_pybamm_where_the_diffusivity_depends_on_stoichiometry() {
    let cell = ecker2015();
    let (t, v) = fixture("ecker2015", 1.0);
    for (name, options) in [("default", Options::default()), ("fine", Options::fine())] {
        let solution = discharge(&cell, Model::P2d, 1.0, &options);
        let rms = [0.95, 1.0].map(|part| rms_mv(&t, &v, part, &solution));
        let end = solution.end_time_s() / t[t.len() - 1] - 1.0;
        println!("Ecker2015 {name}: {rms:.4?} mV, {end:.1e} {:?}", solution.work);
        assert!(rms[0] < 0.5 && end.abs() < 2e-4, "{name}: {rms:?} mV, {end:e}");
    }
}

#[test]
fn the_iron_phosphate_cell_agrees_with_pybamm() {
    let cell = prada2013();
    let (t, v) = fixture("prada2013", 1.0);
    let solution = discharge(&cell, Model::P2d, 1.0, &Options::default());
    let rms = rms_mv(&t, &v, 0.95, &solution);
    let end = solution.end_time_s() / t[t.len() - 1] - 1.0;
    println!("Prada2013: {rms:.4} mV, {end:.1e} {:?} {:?}", solution.work, solution.ended);
    assert!(rms < 1.0 && end.abs() < 5e-4, "{rms} mV, {end:e}");
}

#[test]
fn lithium_is_conserved_in_every_model() {
    let mut frozen_n = chen2020();
    // a diffusivity that depends on stoichiometry on one side only: shells against modes
    let depends = surrogate_battery::Expression::parse("3.3e-14 * (1 + x)").unwrap();
    frozen_n.negative.diffusivity.function = surrogate_battery::Function::Expression(depends);
    for cell in [chen2020(), ecker2015(), frozen_n] {
        for model in [Model::Spm, Model::Spme, Model::P2d] {
            let solution = discharge(&cell, model, 1.0, &Options::default());
            let (n, p) = (cell.negative.capacity_c_m2(), cell.positive.capacity_c_m2());
            let held = |x: &[f64; 2]| n * x[0] + p * x[1];
            let first = held(&solution.mean_stoichiometry[0]);
            for x in &solution.mean_stoichiometry {
                assert!((held(x) / first - 1.0).abs() < 1e-12, "{} {model:?}", cell.name);
            }
            for lithium in &solution.electrolyte_lithium {
                assert!((lithium - 1.0).abs() < 1e-12, "{} {model:?}: {lithium}", cell.name);
            }
            // and what left the negative electrode is the charge that was counted
            let last = solution.mean_stoichiometry.last().unwrap();
            let left = n * cell.area_m2 * (solution.mean_stoichiometry[0][0] - last[0]) / 3600.0;
            assert!((left / solution.charge_a_h() - 1.0).abs() < 1e-11, "{} {model:?}", cell.name);
        }
    }
}

#[test]
fn the_cutoff_is_met_to_a_millionth_of_the_time() {
    for cell in [chen2020(), marquis2019()] {
        for model in [Model::Spm, Model::Spme, Model::P2d] {
            let solution = discharge(&cell, model, 1.0, &Options::default());
            let last = solution.time_s.len() - 1;
            let over = solution.voltage_v[last] - cell.lower_cutoff_v;
            let fall = (solution.voltage_v[last - 1] - solution.voltage_v[last])
                / (solution.time_s[last] - solution.time_s[last - 1]);
            let late = over.abs() / fall / solution.end_time_s();
            assert!(late < 1e-6, "{} {model:?}: {late:e}", cell.name);
        }
    }
}

#[test]
fn a_cell_that_warms_up_agrees_with_pybamm() {
    let cell = chen2020();
    let (t, v) = fixture("chen2020_thermal", 2.0);
    let options = Options { thermal: true, ..Options::default() };
    let solution = discharge(&cell, Model::P2d, 2.0, &options);
    let rms = rms_mv(&t, &v, 0.95, &solution);
    let end = solution.end_time_s() / t[t.len() - 1] - 1.0;
    let warmest = solution.temperature_k.iter().copied().fold(0.0, f64::max);
    println!("thermal: {rms:.4} mV, {end:.1e}, {warmest} K {:?}", solution.work);
    assert!(rms < 0.5 && end.abs() < 2e-4, "{rms} mV, {end:e}");
    assert!(warmest > 310.0, "{warmest} K");
}

#[test]
fn all_heat_is_in_the_temperature_or_gone() {
    // without cooling: what the open-circuit voltage promises and the terminals do not deliver. The
    // heat of mixing is left out of the model, so diffusion is made too fast for any
    let mut cell = chen2020();
    cell.thermal.as_mut().unwrap().heat_transfer_w_m2_k = 0.0;
    let capacity = cell.thermal.unwrap().heat_capacity_j_k;
    let multipliers = Multipliers::default()
        .with(Parameter::DiffusivityN, 1e5)
        .with(Parameter::DiffusivityP, 1e5);
    let options =
        Options { thermal: true, voltage_tolerance_v: 1e-4, multipliers, ..Options::default() };
    let pulse =
        ProtocolStep { duration_s: Some(600.0), ..ProtocolStep::new(Control::Current(10.0)) };
    let rest = ProtocolStep::rest(20_000.0);
    let solution = simulate(&cell, Model::Spm, &[pulse, rest], &options).unwrap();
    let warmed = capacity * (solution.temperature_k.last().unwrap() - 298.15);
    // entropic change is zero: the energy of the open circuit between both rests
    let rows = 20_000;
    let start = solution.mean_stoichiometry[0];
    let end = *solution.mean_stoichiometry.last().unwrap();
    let (mut stored, charge) = (0.0, solution.charge_a_h() * 3600.0);
    for k in 0..rows {
        let u = (f64::from(k) + 0.5) / f64::from(rows);
        let at = |i: usize| start[i] + u * (end[i] - start[i]);
        stored += cell.open_circuit_voltage(at(0), at(1)) * charge / f64::from(rows);
    }
    let pairs = solution.time_s.windows(2).zip(solution.voltage_v.windows(2));
    let delivered: f64 = pairs
        .zip(solution.current_a.windows(2))
        .map(|((t, v), i)| 0.5 * (t[1] - t[0]) * (v[0] * i[0] + v[1] * i[1]))
        .sum();
    let apart = warmed / (stored - delivered) - 1.0;
    assert!(apart.abs() < 2e-3, "{warmed} J against {} J", stored - delivered);
}

#[test]
fn the_pinnstripes_cell_agrees_with_the_other_solver_of_this_project() {
    // voltages of `surrogate predict` for problems/spm.toml at deg_i0_a = 1, deg_ds_c = 2, which are
    // within microvolts of the method of lines of crates/solve
    let known = [
        (0.0, 4.092_173_532),
        (450.0, 3.836_929_943),
        (900.0, 3.678_579_695),
        (1350.0, 3.580_429_404),
    ];
    let multipliers = Multipliers::default().with(Parameter::DiffusivityP, 2.0);
    let step =
        ProtocolStep { duration_s: Some(1350.0), ..ProtocolStep::new(Control::Current(0.0378)) };
    for (shells, tolerance_v, bound) in [(30, 1e-3, 3e-4), (200, 1e-5, 1e-5)] {
        let options = Options {
            shells,
            voltage_tolerance_v: tolerance_v,
            modes: 24,
            multipliers,
            ..Options::default()
        };
        let solution =
            simulate(&pinnstripes(), Model::Spm, std::slice::from_ref(&step), &options).unwrap();
        for (t, v) in known {
            let apart = solution.voltage_at(t) - v;
            println!("{shells} shells, {t} s: {:.4} mV", 1e3 * apart);
            assert!(apart.abs() < bound, "{shells} shells, {t} s: {apart:e} V");
        }
    }
}

#[test]
fn no_discharge_takes_out_more_than_the_slowest() {
    let cell = chen2020();
    for (active_n, active_p) in [(1.0, 1.0), (0.85, 1.05), (1.05, 0.85)] {
        let multipliers = Multipliers::default()
            .with(Parameter::ActiveFractionN, active_n)
            .with(Parameter::ActiveFractionP, active_p);
        let most = cell.charge_to_cutoff_a_h(active_n, active_p);
        let charge = |c_rate| {
            let options = Options { multipliers, ..Options::default() };
            let protocol = [ProtocolStep::discharge(&cell, c_rate)];
            simulate(&cell, Model::Spm, &protocol, &options).unwrap().charge_a_h()
        };
        let (fast, slow) = (charge(0.5), charge(1e-3));
        assert!(fast < most && slow < most, "{fast}, {slow} A h of {most} A h");
        assert!((slow / most - 1.0).abs() < 1e-3, "{slow} A h of {most} A h");
    }
}
