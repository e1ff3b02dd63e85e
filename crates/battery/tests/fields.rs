//! Fields inside the cell obey the equations they come from, written down here a second time.
#![allow(clippy::unwrap_used)]

use surrogate_battery::cell::sets::chen2020;
use surrogate_battery::cell::{FARADAY, GAS_CONSTANT};
use surrogate_battery::solve::{Control, Model, Options, ProtocolStep, radii, simulate};
use surrogate_battery::{Expression, Function};

#[test]
fn kinetics_hold_between_the_fields() {
    let cell = chen2020();
    let porous = cell.porous.as_ref().unwrap();
    let options = Options { fields: true, voltage_tolerance_v: 1e-5, ..Options::default() };
    let step = ProtocolStep { duration_s: Some(1500.0), ..ProtocolStep::discharge(&cell, 1.0) };
    let solution = simulate(&cell, Model::P2d, &[step], &options).unwrap();
    let thermal = 2.0 * GAS_CONSTANT * 298.15 / FARADAY;
    for (row, fields) in solution.fields.iter().enumerate() {
        for (electrode, values) in
            [(&cell.negative, &fields.negative), (&cell.positive, &fields.positive)]
        {
            for k in 0..values.x_m.len() {
                let at = fields.electrolyte_x_m.iter().position(|x| *x == values.x_m[k]).unwrap();
                let y = fields.electrolyte_mol_m3[at] / porous.electrolyte.concentration_mol_m3;
                let x = values.surface_stoichiometry[k];
                let i0 = electrode.exchange_current.density_a_m2 * (y * x * (1.0 - x)).sqrt();
                let over = values.solid_potential_v[k]
                    - values.electrolyte_potential_v[k]
                    - electrode.open_circuit_potential.value(x);
                let j = 2.0 * i0 * (over / thermal).sinh();
                let apart = (j / values.reaction_current_a_m2[k] - 1.0).abs();
                assert!(apart < 1e-4, "row {row}, node {k}: {j} against {values:?}");
            }
        }
        let voltage = solution.voltage_v[row];
        let collector = *fields.positive.solid_potential_v.last().unwrap();
        assert!((collector - voltage).abs() < 1e-12, "{collector} V against {voltage} V");
        assert_eq!(fields.negative.solid_potential_v[0], 0.0);
    }
}

#[test]
fn in_the_electrolyte_potential_and_concentration_carry_the_whole_current_through_the_separator() {
    let cell = chen2020();
    let porous = cell.porous.as_ref().unwrap();
    let options = Options { fields: true, separator_nodes: 7, ..Options::fine() };
    let step = ProtocolStep { duration_s: Some(1500.0), ..ProtocolStep::discharge(&cell, 1.0) };
    let solution = simulate(&cell, Model::P2d, &[step], &options).unwrap();
    let fields = solution.fields.last().unwrap();
    // from one face of the separator to the other, by the trapezoidal rule in its thin layer
    let left = cell.negative.thickness_m;
    let right = left + porous.separator_thickness_m;
    let inside: Vec<(f64, f64)> = fields
        .electrolyte_x_m
        .iter()
        .zip(&fields.electrolyte_mol_m3)
        .filter(|(x, _)| (left - 1e-12..=right + 1e-12).contains(*x))
        .map(|(x, c)| (*x, *c))
        .collect();
    let kappa = |c: f64| {
        porous.electrolyte.conductivity.function.value(c) * porous.pores_s.transport_efficiency
    };
    let ohmic: f64 = inside
        .windows(2)
        .map(|p| 0.5 * (p[1].0 - p[0].0) * (1.0 / kappa(p[0].1) + 1.0 / kappa(p[1].1)))
        .sum::<f64>()
        * (5.0 / cell.area_m2);
    let ends = (inside[0].1, inside[inside.len() - 1].1);
    let diffusion = 2.0 * (1.0 - porous.electrolyte.transference_number) * GAS_CONSTANT * 298.15
        / FARADAY
        * (ends.1 / ends.0).ln();
    let before = fields.negative.electrolyte_potential_v.last().unwrap();
    let after = fields.positive.electrolyte_potential_v[0];
    let apart = (after - before) - (diffusion - ohmic);
    assert!(apart.abs() < 1e-6, "{apart:e} V of {} V", after - before);
    // the same potential, followed node by node
    let all = &fields.electrolyte_potential_v;
    assert_eq!(all.len(), fields.electrolyte_x_m.len());
    let at = |x: f64| fields.electrolyte_x_m.iter().position(|y| (y - x).abs() < 1e-15).unwrap();
    assert!((all[at(left)] - before).abs() < 1e-15);
    let followed = all[at(right)];
    assert!((followed - after).abs() < 1e-9, "{followed} V across, {after} V from the other side");
}

#[test]
fn particles_under_a_constant_current_settle_to_a_parabola() {
    // x(r) = mean - G (r^2 / 2 - 3 / 10), G = j R / (F D c_max), once R^2 / D is long past
    let plain = chen2020();
    let mut shells = chen2020();
    // the same diffusivity, written so that it seems to depend on stoichiometry
    let written = Expression::parse("3.3e-14 + 0 * x").unwrap();
    shells.negative.diffusivity.function = Function::Expression(written);
    let current_a = 0.1;
    for (cell, bound) in [(plain, 1e-9), (shells, 2e-6)] {
        let step = ProtocolStep {
            duration_s: Some(20_000.0),
            ..ProtocolStep::new(Control::Current(current_a))
        };
        let options = Options { fields: true, shells: 60, ..Options::default() };
        let solution = simulate(&cell, Model::Spm, &[step], &options).unwrap();
        let electrode = &cell.negative;
        let j =
            current_a / (cell.area_m2 * electrode.specific_surface_per_m() * electrode.thickness_m);
        let steep = j * electrode.particle_radius_m
            / (FARADAY * 3.3e-14 * electrode.maximum_concentration_mol_m3);
        let mean = solution.mean_stoichiometry.last().unwrap()[0];
        let fields = &solution.fields.last().unwrap().negative;
        for (r, x) in radii().iter().zip(fields.stoichiometry[0]) {
            let exact = mean - steep * (r * r / 2.0 - 0.3);
            assert!((x - exact).abs() < bound, "r {r}: {x} against {exact}");
        }
        let surface = fields.surface_stoichiometry[0];
        assert!((fields.stoichiometry[0][radii().len() - 1] - surface).abs() < 1e-12);
    }
}
