//! Electrodes in a known electrolyte, and the electrolyte of known electrodes, against the whole model.
#![allow(clippy::unwrap_used)]

use surrogate_battery::Cell;
use surrogate_battery::cell::sets::{chen2020, ecker2015, marquis2019};
use surrogate_battery::solve::{
    ElectrodeRun, HalfCell, KnownElectrolyte, Model, Options, ProtocolStep, Solution, simulate,
};

fn options() -> Options {
    Options {
        fields: true,
        voltage_tolerance_v: 3e-4,
        reaction_tolerance: 1e-2,
        ..Options::default()
    }
}

fn discharge(cell: &Cell, c_rate: f64) -> Solution {
    simulate(cell, Model::P2d, &[ProtocolStep::discharge(cell, c_rate)], &options()).unwrap()
}

fn electrolyte_of(cell: &Cell, solution: &Solution) -> KnownElectrolyte {
    let rest = cell.porous.as_ref().unwrap().electrolyte.concentration_mol_m3;
    let part = |c: &Vec<f64>| c.iter().map(|c| c / rest).collect();
    // the entry before the current sets in stands at the same time as the one after it
    let mut known = KnownElectrolyte::default();
    for (time, fields) in solution.time_s.iter().zip(&solution.fields) {
        if known.time_s.last() != Some(time) {
            known.time_s.push(*time);
            known.part.push(part(&fields.electrolyte_mol_m3));
        }
    }
    known
}

fn both(cell: &Cell, c_rate: f64, known: &KnownElectrolyte, until: f64) -> [ElectrodeRun; 2] {
    let options = options();
    [false, true].map(|positive| {
        let half = HalfCell::new(cell, positive, c_rate, &options).unwrap();
        half.follow(known, until, if positive { 2.0 } else { 2.5 }, true)
    })
}

fn at(run: &ElectrodeRun, list: &[f64], time: f64) -> f64 {
    let (near, weights) = run.weights(time);
    near.zip(weights).map(|(k, weight)| weight * list[k]).sum()
}

#[test]
fn both_electrodes_in_its_electrolyte_are_the_cell() {
    // constant diffusivities, and one that depends on stoichiometry
    for (cell, c_rate) in [(chen2020(), 1.5), (marquis2019(), 1.0), (ecker2015(), 1.0)] {
        let solution = discharge(&cell, c_rate);
        let until = 0.9 * solution.end_time_s();
        let runs = both(&cell, c_rate, &electrolyte_of(&cell, &solution), until);
        for k in 1..=30 {
            let time = until * f64::from(k) / 30.0;
            let [n, p] = runs.each_ref().map(|run| at(run, &run.potential_v, time));
            let apart = p - n - solution.voltage_at(time);
            assert!(apart.abs() < 3e-4, "{} at {time} s: {apart:e} V", cell.name);
            let negative = solution.interpolated(&solution.negative_potential_v, time);
            assert!((n - negative).abs() < 3e-4, "{} at {time} s", cell.name);
        }
    }
}

#[test]
fn the_electrolyte_of_its_reaction_currents_is_that_of_the_cell() {
    let (cell, c_rate) = (chen2020(), 1.5);
    let solution = discharge(&cell, c_rate);
    let known = electrolyte_of(&cell, &solution);
    let until = 0.9 * solution.end_time_s();
    let [n, p] = both(&cell, c_rate, &known, until);
    // with the steps of the solver, which are of the same order
    let times: Vec<f64> = known.time_s.iter().copied().filter(|t| *t <= until).collect();
    let found = KnownElectrolyte::of(&cell, &options(), c_rate, [&n, &p], &times);
    let mut worst: f64 = 0.0;
    for (time, part) in found.time_s.iter().zip(&found.part) {
        let apart = part.iter().zip(known.at(*time)).map(|(a, b)| (a - b).abs());
        worst = worst.max(apart.fold(0.0, f64::max));
    }
    assert!(worst < 1e-3, "{worst:e}");
    assert_eq!(found.part[0].len(), HalfCell::electrolyte_nodes(&options()));
}

#[test]
fn all_reaction_is_the_current_and_potentials_meet_the_kinetics() {
    let (cell, c_rate) = (chen2020(), 1.0);
    let solution = discharge(&cell, c_rate);
    let runs = both(&cell, c_rate, &electrolyte_of(&cell, &solution), 1000.0);
    let density = c_rate * cell.nominal_capacity_a_h / cell.area_m2;
    let (_, weights) = surrogate_battery::solve::lobatto_rule(8);
    let electrodes = [(&cell.negative, 1.0), (&cell.positive, -1.0)];
    for (run, (electrode, sign)) in runs.iter().zip(electrodes) {
        let surface = electrode.specific_surface_per_m() * electrode.thickness_m;
        for (k, j) in run.reaction_current_a_m2.iter().enumerate() {
            let mean: f64 = j.iter().zip(&weights).map(|(j, w)| 0.5 * w * j).sum();
            assert!((mean * surface / (sign * density) - 1.0).abs() < 1e-6, "{k}: {mean}");
            // the surface stands at the end of the profile
            for (inside, x) in run.stoichiometry[k].iter().zip(&run.surface_stoichiometry[k]) {
                assert!((inside[inside.len() - 1] - x).abs() < 1e-9);
            }
        }
    }
}
