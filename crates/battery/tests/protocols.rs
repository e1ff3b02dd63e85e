//! Protocols other than one discharge, ends and their labels, and what is refused.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use surrogate_battery::Cell;
use surrogate_battery::cell::sets::{chen2020, ecker2015, marquis2019, pinnstripes};
use surrogate_battery::solve::{
    Control, Depletion, Ended, Mechanism, Model, Multipliers, Options, Parameter, ProtocolStep,
    Resolution, SolveError, simulate,
};

const MODELS: [Model; 3] = [Model::Spm, Model::Spme, Model::P2d];

#[test]
fn at_rest_nothing_happens() {
    let cell = chen2020();
    for model in MODELS {
        let solution =
            simulate(&cell, model, &[ProtocolStep::rest(3600.0)], &Options::default()).unwrap();
        let open =
            cell.open_circuit_voltage(cell.initial.stoichiometry_n, cell.initial.stoichiometry_p);
        assert!(solution.voltage_v.iter().all(|v| (v - open).abs() < 1e-12), "{model:?}");
        assert_eq!(solution.end_time_s(), 3600.0);
        assert_eq!(solution.ended, vec![Ended::Duration]);
    }
}

#[test]
fn after_a_rest_the_voltage_is_the_open_circuit_voltage_of_the_charge_left() {
    let cell = chen2020();
    for model in MODELS {
        let pulse =
            ProtocolStep { duration_s: Some(900.0), ..ProtocolStep::new(Control::Current(5.0)) };
        let protocol = [pulse, ProtocolStep::rest(40_000.0)];
        let solution = simulate(&cell, model, &protocol, &Options::default()).unwrap();
        assert!((solution.charge_a_h() - 1.25).abs() < 1e-12);
        let [x, y] = *solution.mean_stoichiometry.last().unwrap();
        let rested = solution.voltage_v.last().unwrap() - cell.open_circuit_voltage(x, y);
        // the P2D model evens out differences along the electrode slowly where the OCP is flat
        assert!(rested.abs() < 2e-4, "{model:?}: {rested:e} V");
    }
}

#[test]
fn a_profile_of_straight_lines_is_the_same_as_the_currents_it_states() {
    let cell = marquis2019();
    for model in MODELS {
        let constant =
            ProtocolStep { duration_s: Some(1800.0), ..ProtocolStep::new(Control::Current(0.5)) };
        let profile = ProtocolStep::new(Control::Profile {
            time_s: vec![0.0, 600.0, 1800.0],
            current_a: vec![0.5, 0.5, 0.5],
        });
        let solve = |step| simulate(&cell, model, &[step], &Options::fine()).unwrap();
        let (a, b) = (solve(constant), solve(profile));
        let apart = (a.voltage_v.last().unwrap() - b.voltage_v.last().unwrap()).abs();
        assert!(apart < 1e-6, "{model:?}: {apart:e} V");
        assert!((a.charge_a_h() - b.charge_a_h()).abs() < 1e-12);
    }
}

#[test]
fn a_drive_cycle_keeps_its_charge_and_its_tolerance() {
    let cell = chen2020();
    let time_s: Vec<f64> = (0..600).map(f64::from).collect();
    let current_a: Vec<f64> =
        time_s.iter().map(|t| 3.0 + 4.0 * (t / 7.0).sin() + 2.0 * (t / 31.0).cos()).collect();
    let charge: f64 = current_a.windows(2).map(|i| 0.5 * (i[0] + i[1])).sum::<f64>() / 3600.0;
    let cycle = [ProtocolStep::new(Control::Profile { time_s, current_a })];
    for model in [Model::Spme, Model::P2d] {
        let solution = simulate(&cell, model, &cycle, &Options::default()).unwrap();
        let fine = simulate(&cell, model, &cycle, &Options::fine()).unwrap();
        assert!((solution.charge_a_h() - charge).abs() < 1e-10, "{}", solution.charge_a_h());
        let worst = (0..=599)
            .map(|t| (solution.voltage_at(f64::from(t)) - fine.voltage_at(f64::from(t))).abs())
            .fold(0.0, f64::max);
        println!("{model:?}: worst {:.3} mV, {:?}", 1e3 * worst, solution.work);
        assert!(worst < 2e-3, "{model:?}: {worst:e} V");
    }
}

#[test]
fn power_is_held() {
    let cell = chen2020();
    for model in MODELS {
        let step = ProtocolStep { lower_v: Some(2.5), ..ProtocolStep::new(Control::Power(15.0)) };
        let solution = simulate(&cell, model, &[step], &Options::default()).unwrap();
        for (v, i) in solution.voltage_v.iter().zip(&solution.current_a) {
            assert!((v * i / 15.0 - 1.0).abs() < 1e-5, "{model:?}: {} W", v * i);
        }
        assert!(matches!(solution.ended[..], [Ended::LowerVoltage(_)]));
    }
}

#[test]
fn a_charge_goes_over_to_constant_voltage_and_ends_by_current() {
    let cell = chen2020();
    for model in MODELS {
        let mut protocol = vec![ProtocolStep::discharge(&cell, 1.0), ProtocolStep::rest(1800.0)];
        protocol.extend(ProtocolStep::charge_cc_cv(&cell, 0.5, 0.05));
        let solution = simulate(&cell, model, &protocol, &Options::default()).unwrap();
        assert!(matches!(
            solution.ended[..],
            [Ended::LowerVoltage(_), Ended::Duration, Ended::UpperVoltage(_), Ended::Current]
        ));
        let held = &solution.voltage_v[solution.step_starts[3]..];
        assert!(held.iter().all(|v| (v - 4.2).abs() < 1e-9), "{model:?}");
        let last = solution.current_a.last().unwrap();
        assert!((last + 0.25).abs() < 1e-6, "{model:?}: ends at {last} A");
    }
}

#[test]
fn the_end_of_a_discharge_is_labelled_by_its_mechanism() {
    let cell = chen2020();
    let ended = |cell, c_rate, multipliers| {
        let options = Options { multipliers, ..Options::default() };
        let protocol = [ProtocolStep::discharge(cell, c_rate)];
        simulate(cell, Model::P2d, &protocol, &options).unwrap().ended[0]
    };
    let plain = Multipliers::default();
    let negative = Ended::LowerVoltage(Mechanism::NegativeElectrode);
    assert_eq!(ended(&cell, 1.0, plain), negative);
    // slow diffusion in the positive particles saturates their surface
    let slow = plain.with(Parameter::DiffusivityP, 0.2);
    let positive = ended(&cell, 1.0, slow);
    assert!(
        matches!(
            positive,
            Ended::LowerVoltage(Mechanism::PositiveElectrode)
                | Ended::Saturated(Mechanism::PositiveElectrode)
        ),
        "{positive:?}"
    );
}

#[test]
fn a_depleted_electrolyte_ends_the_discharge_where_pybamm_says() {
    let cell = chen2020();
    let multipliers = Multipliers::default().with(Parameter::ElectrolyteDiffusivity, 0.3);
    let protocol = [ProtocolStep::discharge(&cell, 2.0)];
    let solve = |options: Options| {
        simulate(&cell, Model::P2d, &protocol, &Options { multipliers, ..options })
    };
    let refusing = Options { depletion: Depletion::Refuse, ..Options::default() };
    let told = solve(refusing).unwrap_err();
    assert!(matches!(told, SolveError::Depleted { .. }), "{told}");
    assert!(told.to_string().contains("Options::depleting()"));
    let solution = solve(Options::depleting()).unwrap();
    assert_eq!(solution.resolution, Resolution::Asked);
    // the default says that it went over to it
    let followed = solve(Options::default()).unwrap();
    assert_eq!(followed.resolution, Resolution::Depleting);
    assert_eq!(followed.voltage_v, solution.voltage_v);
    assert_eq!(solution.ended[0], Ended::LowerVoltage(Mechanism::Electrolyte));
    // PyBaMM 26.10.1.1 with 100 points in each electrode ends at 91.28 s, with 40 at 90.81 s
    let late = solution.end_time_s() / 91.28 - 1.0;
    assert!(late.abs() < 0.01, "{late}");
}

#[test]
fn the_whole_box_of_the_surrogate_can_be_simulated() {
    // 40 points of a Kronecker sequence in the box C 0.4 to 2.2, multipliers 0.2 to 5
    let cell = chen2020();
    let steps = [0.754_877_7, 0.569_840_3, 0.430_159_7, 0.324_717_9, 0.245_122_3];
    for point in 1..=40 {
        let u = steps.map(|s| (f64::from(point) * s).fract());
        let factor = |u: f64| 0.2 * 25.0_f64.powf(u);
        let multipliers = Multipliers::default()
            .with(Parameter::DiffusivityN, factor(u[1]))
            .with(Parameter::DiffusivityP, factor(u[2]))
            .with(Parameter::ExchangeCurrentN, factor(u[3]))
            .with(Parameter::ExchangeCurrentP, factor(u[4]));
        let options = Options { multipliers, ..Options::default() };
        let protocol = [ProtocolStep::discharge(&cell, 0.4 + 1.8 * u[0])];
        let solution = simulate(&cell, Model::P2d, &protocol, &options);
        let solution = solution.unwrap_or_else(|error| panic!("{u:?}: {error}"));
        assert!(solution.work.steps < 400, "{u:?}: {:?}", solution.work);
    }
}

#[test]
fn a_curve_falls_on_beyond_its_end() {
    let cell = chen2020();
    let cutoff = cell.lower_cutoff_v;
    // saturated at some 2.54 V, where the voltage falls as a logarithm
    let slow = Multipliers::default().with(Parameter::DiffusivityP, 0.2);
    let mut ends = Vec::new();
    for (c_rate, multipliers) in [(1.0, Multipliers::default()), (1.0, slow), (2.0, slow)] {
        let options = Options { multipliers, ..Options::default() };
        let protocol = [ProtocolStep::discharge(&cell, c_rate)];
        let solution = simulate(&cell, Model::P2d, &protocol, &options).unwrap();
        let end = solution.end_time_s();
        let at = |after: f64| solution.continued_voltage_at(end + after, cutoff);
        assert_eq!(at(-1.0), solution.voltage_at(end - 1.0));
        assert_eq!(at(0.0), *solution.voltage_v.last().unwrap());
        assert!(at(1e-3) < cutoff, "{:e} {} V", at(0.0) - cutoff, at(1e-3));
        assert!(at(1.0) <= at(1e-3) && at(1e9) == cutoff - 1.0);
        ends.push(solution.ended[0]);
    }
    assert!(ends.contains(&Ended::Saturated(Mechanism::PositiveElectrode)), "{ends:?}");
}

#[test]
fn a_front_of_depletion_is_told_before_the_steps_creep() {
    // a point of the larger box of surrogates at which the default elements took 100 000 steps
    let factors = [0.621_69, 1.608_52, 1.320_88, 2.353_27, 1.018, 1.002, 0.334_73, 0.492_55, 1.0];
    let multipliers = Multipliers(factors);
    let cell = chen2020();
    let c_rate = 0.4 + 1.8 * (48.0_f64 * 0.754_877_7).fract();
    let protocol = [ProtocolStep::discharge(&cell, c_rate)];
    let depletion = Depletion::Refuse;
    let options = Options { multipliers, max_steps: 2000, depletion, ..Options::default() };
    let told = simulate(&cell, Model::P2d, &protocol, &options).unwrap_err();
    assert!(matches!(told, SolveError::Depleted { .. }), "{told}");
}

#[test]
fn a_front_of_depletion_is_followed_to_the_cut_off() {
    // points of the larger box of surrogates at which no step was possible while the front passed from node to
    // node, at 3.0 V
    let cell = chen2020();
    let points = [
        (1.046_585, [1.2973, 0.8572, 2.1652, 0.9543, 1.0387, 1.0449, 0.2784, 3.4366, 1.0]),
        (0.876_587, [1.4904, 2.7307, 1.9077, 1.4923, 0.8908, 0.8750, 0.2015, 4.1552, 1.0]),
    ];
    for (c_rate, factors) in points {
        let protocol = [ProtocolStep::discharge(&cell, c_rate)];
        let on = |electrode_elements: usize| {
            let multipliers = Multipliers(factors);
            let options = Options { electrode_elements, multipliers, ..Options::depleting() };
            simulate(&cell, Model::P2d, &protocol, &options).unwrap()
        };
        let (coarse, usual) = (on(20), on(40));
        assert_eq!(usual.ended[0], Ended::LowerVoltage(Mechanism::Electrolyte));
        // of second order: 80 elements are another four times closer
        let late = coarse.end_time_s() / usual.end_time_s() - 1.0;
        assert!(late > 0.0 && late < 0.02, "{late}");
        assert!(usual.work.steps < 200 && usual.work.rejected < 10, "{:?}", usual.work);
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_its_name() {
    let cell = chen2020();
    let error = |cell: &_, model, step: ProtocolStep, options: &Options| {
        simulate(cell, model, &[step], options).unwrap_err()
    };
    let default = Options::default();
    let plain = || ProtocolStep::discharge(&chen2020(), 1.0);

    let layers = error(&pinnstripes(), Model::P2d, plain(), &default);
    assert!(layers.to_string().contains("Pinnstripes") && layers.to_string().contains("SPM"));

    let empties = error(&cell, Model::P2d, ProtocolStep::discharge(&cell, 200.0), &default);
    assert!(
        matches!(
            empties,
            SolveError::NothingToPutOut { .. } | SolveError::NoConsistentStart { .. }
        ),
        "{empties}"
    );

    let mut outside = chen2020();
    outside.initial.stoichiometry_n = 1.2;
    let outside = error(&outside, Model::Spm, plain(), &default).to_string();
    assert!(
        outside.contains("initial stoichiometry of the negative electrode is 1.2"),
        "{outside}"
    );
    assert!(chen2020().at_state_of_charge(1.01).unwrap_err().to_string().contains("1.01"));

    let endless = error(&cell, Model::Spm, ProtocolStep::new(Control::Current(1.0)), &default);
    assert!(endless.to_string().contains("no end"), "{endless}");
    let backwards = ProtocolStep::new(Control::Profile {
        time_s: vec![0.0, 2.0, 1.0],
        current_a: vec![1.0; 3],
    });
    let backwards = error(&cell, Model::Spm, backwards, &default).to_string();
    assert!(backwards.contains("must start at 0 s and never fall"), "{backwards}");

    let tight = Options { voltage_tolerance_v: 1e-30, ..Options::default() };
    let tight = error(&cell, Model::P2d, plain(), &tight);
    assert!(matches!(tight, SolveError::StepTooSmall { .. }), "{tight}");

    let power = ProtocolStep { lower_v: Some(2.5), ..ProtocolStep::new(Control::Power(1e5)) };
    let power = error(&cell, Model::P2d, power, &default);
    assert!(matches!(power, SolveError::NoConsistentStart { .. }), "{power}");
}

#[test]
fn a_cell_whose_particles_are_used_up_goes_on_the_other_way() {
    let charge = |cell: &Cell, c_rate: f64| ProtocolStep {
        upper_v: Some(cell.upper_cutoff_v),
        ..ProtocolStep::new(Control::Current(-c_rate * cell.nominal_capacity_a_h))
    };
    let slow = Multipliers::default()
        .with(Parameter::DiffusivityP, 0.2)
        .with(Parameter::DiffusivityN, 5.0);
    for (cell, model, c_rate, multipliers) in [
        (ecker2015(), Model::P2d, 1.0, Multipliers::default()),
        (ecker2015(), Model::Spm, 1.0, Multipliers::default()),
        (pinnstripes(), Model::Spm, 1.0, Multipliers::default()),
        (chen2020(), Model::P2d, 1.0, slow),
        (chen2020(), Model::P2d, 2.0, slow),
    ] {
        let discharge = ProtocolStep::discharge(&cell, c_rate);
        let round = [discharge.clone(), charge(&cell, c_rate), discharge, charge(&cell, c_rate)];
        let options = Options { multipliers, ..Options::default() };
        let solution = simulate(&cell, model, &round, &options).unwrap();
        let starts: Vec<f64> = solution.step_starts.iter().map(|k| solution.time_s[*k]).collect();
        let ends = starts[1..].iter().copied().chain([solution.end_time_s()]);
        let lasted: Vec<f64> = starts.iter().zip(ends).map(|(start, end)| end - start).collect();
        println!("{} {model:?} {c_rate}C: {lasted:?} s, {:?}", cell.name, solution.ended);
        // slow particles reach the other cut-off early
        assert!(
            lasted[1..].iter().all(|s| *s > 0.1 * lasted[0]),
            "{} {model:?}: {lasted:?} s",
            cell.name
        );
    }
}

#[test]
fn a_step_whose_limit_holds_already_is_left_out() {
    let cell = chen2020().at_state_of_charge(0.95).unwrap();
    let cc_cv = ProtocolStep::charge_cc_cv(&cell, 1.0, 0.1);
    let rest = ProtocolStep::rest(60.0);
    let charged = [cc_cv.clone(), cc_cv.clone(), vec![rest]].concat();
    let options = Options { fields: true, ..Options::default() };
    let solution = simulate(&cell, Model::P2d, &charged, &options).unwrap();
    let ended = &solution.ended;
    assert_eq!(ended[0], Ended::Skipped);
    assert_eq!(ended[1..], [Ended::Current, Ended::Skipped, Ended::Skipped, Ended::Duration]);
    // no entry lies above the limit, and the lists are of one length
    assert!(solution.voltage_v.iter().all(|v| *v < cell.upper_cutoff_v + 1e-6));
    assert_eq!(solution.step_starts.len(), 2);
    let n = solution.time_s.len();
    assert!(solution.fields.len() == n && solution.mean_stoichiometry.len() == n);
    // alone it would be nothing
    let alone = simulate(&cell, Model::P2d, &cc_cv[..1], &Options::default());
    assert!(matches!(alone, Err(SolveError::NothingToPutOut { .. })), "{alone:?}");
    let hold = ProtocolStep { current_below_a: Some(5000.0), ..cc_cv[1].clone() };
    let alone = simulate(&cell, Model::P2d, &[hold], &Options::default());
    assert!(matches!(alone, Err(SolveError::NothingToHold { .. })), "{alone:?}");
}
