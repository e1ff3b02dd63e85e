//! Whatever is asked of a cell: an answer that conserves lithium, or an error, never a panic.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use surrogate_battery::Cell;
use surrogate_battery::cell::sets::named;
use surrogate_battery::solve::{Control, Model, Multipliers, Options, ProtocolStep, simulate};

/// One of the built-in cells that have layers, at some state of charge and temperature.
fn any_cell() -> impl Strategy<Value = Cell> {
    let name = prop::sample::select(vec!["Marquis2019", "Chen2020", "Prada2013"]);
    (name, 0.0..=1.0_f64, 260.0..330.0_f64).prop_map(|(name, charge, temperature_k)| {
        let cell = named(name).unwrap().at_state_of_charge(charge).unwrap();
        cell.at_temperature(temperature_k)
    })
}

fn any_control() -> impl Strategy<Value = Control> {
    prop_oneof![
        (-30.0..30.0_f64).prop_map(Control::Current),
        (-100.0..100.0_f64).prop_map(Control::Power),
        (1.0..5.0_f64).prop_map(Control::Voltage),
        prop::collection::vec(-10.0..10.0_f64, 2..8).prop_map(|current_a| Control::Profile {
            time_s: (0..current_a.len()).map(|k| 20.0 * k as f64).collect(),
            current_a,
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn every_protocol_ends_in_an_answer_or_an_error(
        cell in any_cell(),
        model in prop::sample::select(vec![Model::Spm, Model::Spme, Model::P2d]),
        controls in prop::collection::vec(any_control(), 1..3),
        exponents in prop::array::uniform9(-2.0..2.0_f64),
        thermal in any::<bool>(),
    ) {
        let protocol: Vec<ProtocolStep> = controls
            .into_iter()
            .map(|control| ProtocolStep {
                duration_s: Some(600.0),
                lower_v: Some(cell.lower_cutoff_v),
                upper_v: Some(cell.upper_cutoff_v + 0.05),
                ..ProtocolStep::new(control)
            })
            .collect();
        let options = Options {
            multipliers: Multipliers(exponents.map(|e| 10.0_f64.powf(e))),
            thermal: thermal && cell.thermal.is_some(),
            max_steps: 2000,
            ..Options::default()
        };
        // eps multipliers change how much lithium a stoichiometry is
        let [.., eps_n, eps_p, _, _, _] = options.multipliers.0;
        let (n, p) = (eps_n * cell.negative.capacity_c_m2(), eps_p * cell.positive.capacity_c_m2());
        if let Ok(solution) = simulate(&cell, model, &protocol, &options) {
            let held = |x: &[f64; 2]| n * x[0] + p * x[1];
            let first = held(&solution.mean_stoichiometry[0]);
            for x in &solution.mean_stoichiometry {
                prop_assert!((held(x) / first - 1.0).abs() < 1e-10, "{:?}", solution.mean_stoichiometry);
                prop_assert!((-1e-9..=1.0 + 1e-9).contains(&x[0]) && (-1e-9..=1.0 + 1e-9).contains(&x[1]));
            }
            prop_assert!(solution.voltage_v.iter().all(|v| v.is_finite()));
            prop_assert!(solution.time_s.windows(2).all(|t| t[0] <= t[1]));
            prop_assert_eq!(solution.ended.len(), protocol.len());
        }
    }
}
