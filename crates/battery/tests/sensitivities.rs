//! Forward sensitivities against differences of whole simulations.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use surrogate_battery::Cell;
use surrogate_battery::cell::sets::{chen2020, ecker2015};
use surrogate_battery::solve::{
    Control, Model, Multipliers, Options, Parameter, ProtocolStep, Solution, SolveError, simulate,
};

/// Half the step of the logarithm in difference quotients; the end moves far with active material.
fn half_step(parameter: Parameter) -> f64 {
    match parameter {
        Parameter::ActiveFractionN | Parameter::ActiveFractionP | Parameter::Current => 1e-3,
        _ => 1e-2,
    }
}

fn solved(cell: &Cell, model: Model, multipliers: Multipliers, sensitivities: bool) -> Solution {
    let options = Options {
        voltage_tolerance_v: 2e-5,
        reaction_tolerance: 2e-3,
        shells: 30,
        multipliers,
        sensitivities,
        ..Options::default()
    };
    simulate(cell, model, &[ProtocolStep::discharge(cell, 1.0)], &options).unwrap()
}

#[test]
fn sensitivities_are_those_of_difference_quotients() {
    for (cell, model) in [
        (chen2020(), Model::P2d),
        (chen2020(), Model::Spme),
        (chen2020(), Model::Spm),
        (ecker2015(), Model::P2d),
    ] {
        let base = Multipliers::default().with(Parameter::DiffusivityP, 1.5);
        let exact = solved(&cell, model, base, true);
        for parameter in Parameter::ALL {
            let step = half_step(parameter);
            let moved = |h: f64| {
                let factor = base.get(parameter) * h.exp();
                solved(&cell, model, base.with(parameter, factor), false)
            };
            let (up, down) = (moved(step), moved(-step));
            let end = 0.97 * exact.end_time_s();
            let (mut worst, mut size): (f64, f64) = (0.0, 0.0);
            for k in 1..=60 {
                let t = end * f64::from(k) / 60.0;
                let quotient = (up.voltage_at(t) - down.voltage_at(t)) / (2.0 * step);
                let ours = exact.voltage_sensitivity_at(parameter, t).unwrap();
                worst = worst.max((ours - quotient).abs());
                size = size.max(quotient.abs());
                let negative = |s: &Solution| s.interpolated(&s.negative_potential_v, t);
                let quotient = (negative(&up) - negative(&down)) / (2.0 * step);
                let list = &exact.sensitivities.as_ref().unwrap().negative_potential_v;
                let ours = exact.interpolated(&list[parameter as usize], t);
                worst = worst.max((ours - quotient).abs());
            }
            let name = format!("{} {model:?} {}", cell.name, parameter.symbol());
            println!("{name}: {worst:.1e} of {size:.1e} V");
            assert!(worst < 1e-4 + 0.01 * size, "{name}: {worst:e} of {size:e} V");
            let quotient = (up.end_time_s() - down.end_time_s()) / (2.0 * step);
            let ours = exact.sensitivities.as_ref().unwrap().end_time_s.unwrap();
            println!("{name}: end {} of {quotient} s", ours[parameter as usize]);
            let apart = (ours[parameter as usize] - quotient).abs();
            assert!(apart < 0.05 + 0.01 * quotient.abs(), "{name}: end {apart} s of {quotient} s");
        }
    }
}

#[test]
fn sensitivities_change_no_voltage() {
    let cell = chen2020();
    let with = solved(&cell, Model::P2d, Multipliers::default(), true);
    let without = solved(&cell, Model::P2d, Multipliers::default(), false);
    assert_eq!(with.voltage_v, without.voltage_v);
}

#[test]
fn a_switch_that_depends_on_the_parameters_is_refused() {
    let cell = chen2020();
    let protocol = [ProtocolStep::discharge(&cell, 1.0), ProtocolStep::rest(60.0)];
    let options = Options { sensitivities: true, ..Options::default() };
    let error = simulate(&cell, Model::Spm, &protocol, &options).unwrap_err();
    assert_eq!(error, SolveError::SensitivityOfSwitch { step: 1 });
    // ends by duration are followed
    let pulse = ProtocolStep { duration_s: Some(60.0), ..ProtocolStep::new(Control::Current(5.0)) };
    let solution = simulate(&cell, Model::Spm, &[pulse, ProtocolStep::rest(60.0)], &options);
    assert_eq!(solution.unwrap().sensitivities.unwrap().end_time_s, None);
}
