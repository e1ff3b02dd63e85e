//! What is refused before anything is solved.

use super::protocol::{Control, ProtocolStep};
use super::{Model, Options, Parameter, SolveError};
use crate::Cell;

type Checked = Result<(), SolveError>;

/// Refuses what makes no sense.
pub(super) fn check(
    cell: &Cell,
    model: Model,
    protocol: &[ProtocolStep],
    options: &Options,
) -> Checked {
    if model != Model::Spm && cell.porous.is_none() {
        return Err(SolveError::NoLayers { cell: cell.name.clone(), model: model.name() });
    }
    if options.thermal && cell.thermal.is_none() {
        return Err(SolveError::NoThermal { cell: cell.name.clone() });
    }
    state(cell)?;
    resolution(options)?;
    if protocol.is_empty() {
        return Err(SolveError::Protocol { step: 1, reason: "there is none".into() });
    }
    for (number, step) in protocol.iter().enumerate() {
        let wrong = |reason: String| match &step.control {
            Control::Profile { .. } => SolveError::Profile { reason },
            _ => SolveError::Protocol { step: number + 1, reason },
        };
        self::step(step).map_err(wrong)?;
    }
    Ok(())
}

fn within(name: &str, value: f64, range: &'static str, holds: bool) -> Checked {
    if holds && value.is_finite() {
        return Ok(());
    }
    Err(SolveError::OutOfRange { name: name.to_string(), value, range })
}

fn state(cell: &Cell) -> Checked {
    let initial = &cell.initial;
    for (name, x) in [
        ("the initial stoichiometry of the negative electrode", initial.stoichiometry_n),
        ("the initial stoichiometry of the positive electrode", initial.stoichiometry_p),
    ] {
        within(name, x, "between 0 and 1", x > 0.0 && x < 1.0)?;
    }
    let temperature = initial.temperature_k;
    within("the initial temperature in K", temperature, "above 0", temperature > 0.0)?;
    within("the area in m2", cell.area_m2, "above 0", cell.area_m2 > 0.0)?;
    for (side, electrode) in [("negative", &cell.negative), ("positive", &cell.positive)] {
        for (name, value) in [
            ("thickness in m", electrode.thickness_m),
            ("particle radius in m", electrode.particle_radius_m),
            ("active fraction", electrode.active_fraction),
            ("maximum concentration in mol m-3", electrode.maximum_concentration_mol_m3),
            ("exchange current in A m-2", electrode.exchange_current.density_a_m2),
        ] {
            let name = format!("the {name} of the {side} electrode");
            within(&name, value, "above 0", value > 0.0)?;
        }
    }
    Ok(())
}

fn resolution(options: &Options) -> Checked {
    for (name, value, least, most) in [
        ("electrode_elements", options.electrode_elements, 1, 200),
        ("electrode_nodes", options.electrode_nodes, 2, 40),
        ("separator_nodes", options.separator_nodes, 3, 40),
        ("modes", options.modes, 3, 60),
        ("shells", options.shells, 5, 1000),
    ] {
        let range = match name {
            "electrode_elements" => "from 1 to 200",
            "electrode_nodes" => "from 2 to 40",
            "modes" => "from 3 to 60",
            "shells" => "from 5 to 1000",
            _ => "from 3 to 40",
        };
        within(name, value as f64, range, (least..=most).contains(&value))?;
    }
    for (name, value) in [
        ("voltage_tolerance_v", options.voltage_tolerance_v),
        ("reaction_tolerance", options.reaction_tolerance),
    ] {
        within(name, value, "above 0", value > 0.0)?;
    }
    for parameter in Parameter::ALL {
        let factor = options.multipliers.get(parameter);
        let name = format!("the multiplier of {}", parameter.symbol());
        within(&name, factor, "above 0", factor > 0.0)?;
    }
    Ok(())
}

/// What is wrong with a step of a protocol.
fn step(step: &ProtocolStep) -> Result<(), String> {
    let ends = [step.duration_s, step.lower_v, step.upper_v, step.current_below_a];
    if ends.iter().flatten().any(|end| !end.is_finite()) {
        return Err("an end is not a finite number".into());
    }
    if step.duration_s.is_some_and(|duration| duration <= 0.0) {
        return Err("the duration must be above 0 s".into());
    }
    if ends.iter().all(Option::is_none) && !matches!(step.control, Control::Profile { .. }) {
        return Err("it has no end: give a duration, a voltage limit or a current limit".into());
    }
    match &step.control {
        Control::Current(held) | Control::Power(held) | Control::Voltage(held)
            if !held.is_finite() =>
        {
            Err("what is held is not a finite number".into())
        }
        Control::Current(held) if *held == 0.0 && step.duration_s.is_none() => {
            Err("a rest needs a duration: its voltage may never reach a limit".into())
        }
        Control::Profile { time_s, current_a } => profile(time_s, current_a),
        _ => Ok(()),
    }
}

fn profile(time_s: &[f64], current_a: &[f64]) -> Result<(), String> {
    if time_s.len() != current_a.len() || time_s.len() < 2 {
        let (times, currents) = (time_s.len(), current_a.len());
        return Err(format!(
            "a profile needs as many currents as times, at least two: it has {times} times and {currents} currents"
        ));
    }
    if let Some(value) = current_a.iter().chain(time_s).find(|value| !value.is_finite()) {
        return Err(format!("a number of the profile is {value}"));
    }
    if time_s[0] != 0.0 || time_s.windows(2).any(|pair| pair[0] > pair[1]) {
        return Err("the times of a profile must start at 0 s and never fall".into());
    }
    if time_s.last() == time_s.first() {
        return Err("a profile must last for some time".into());
    }
    Ok(())
}
