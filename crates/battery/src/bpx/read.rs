//! From the JSON of a BPX file to a cell.

use std::collections::BTreeMap;

use serde_json::Value;

use super::electrodes::{self, ReadElectrode};
use super::error::{BpxError, BpxErrors, BpxWarning};
use super::section::{
    ANY, Findings, NOT_NEGATIVE, POSITIVE, Range, Section, TEMPERATURE, UNIT, function, numbers,
};
use super::{Bpx, BpxModel, UserDefined, Validation};
use crate::Cell;
use crate::cell::{Electrode, Electrolyte, InitialState, Pores, Porous, Thermal};

/// Difference in V between cut-off and open-circuit voltage that is worth a word.
const VOLTAGE_TOLERANCE_V: f64 = 1e-3;

/// Factors between the stated capacity and those of the electrodes that are refused, and doubtful.
const IMPOSSIBLE: f64 = 2.0;
const DOUBTFUL: f64 = 1.15;
/// Factor between the capacities of both electrodes that is doubtful.
const UNEVEN: f64 = 1.02;

/// Reads a whole file.
pub(super) fn file(value: Value) -> Result<Bpx, BpxErrors> {
    let mut found = Findings { version: String::new(), major: 1, errors: vec![], warnings: vec![] };
    let bpx = read(value, &mut found);
    match bpx {
        Some(mut bpx) if found.errors.is_empty() => {
            bpx.warnings = found.warnings;
            Ok(bpx)
        }
        _ => Err(BpxErrors(found.errors)),
    }
}

/// Title, description, references, model.
struct Header {
    title: Option<String>,
    description: Option<String>,
    references: Option<String>,
    model: BpxModel,
}

fn read(value: Value, found: &mut Findings) -> Option<Bpx> {
    let mut root = Section::new("the file", value, found)?;
    root.path = String::new();
    let header = root.require("Header", found);
    let header = Section::new("Header", header?, found).and_then(|s| self::header(s, found))?;
    let parameters = root.require("Parameterisation", found);
    let mut parameters = Section::new("Parameterisation", parameters?, found)?;
    let state = state(root.inner("State", found), found);
    let user_defined = parameters.take("User-defined");
    let user_defined = user_defined.and_then(|v| user_section(v, found)).unwrap_or_default();
    let validation = root.take("Validation").map_or_else(Vec::new, |v| curves(v, found));
    let cell = cell(parameters, &header, state, found);
    root.close(found);
    Some(Bpx {
        version: found.version.clone(),
        title: header.title,
        description: header.description,
        references: header.references,
        model: header.model,
        cell: cell?,
        user_defined,
        validation,
        warnings: vec![],
    })
}

fn header(mut section: Section, found: &mut Findings) -> Option<Header> {
    let version = section.require("BPX", found)?;
    let text = match &version {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let major = text.split('.').next().and_then(|word| word.trim().parse::<u64>().ok());
    let Some(major @ (0 | 1)) = major else {
        found.errors.push(BpxError::Version { path: section.at("BPX"), found: text });
        return None;
    };
    (found.version, found.major) = (text, major);
    let title = section.text("Title", found);
    let description = section.text("Description", found);
    let references = section.text("References", found);
    let path = section.at("Model");
    let model = section.require("Model", found);
    let model = match model.as_ref().and_then(Value::as_str) {
        Some("SPM") => Some(BpxModel::Spm),
        Some("SPMe") => Some(BpxModel::Spme),
        Some("DFN") => Some(BpxModel::Dfn),
        Some("Partial") if major > 0 => Some(BpxModel::Partial),
        _ => {
            if let Some(model) = model {
                let expected = "\"SPM\", \"SPMe\", \"DFN\" or, from version 1, \"Partial\"";
                found.errors.push(BpxError::WrongKind { path, expected, found: model.to_string() });
            }
            None
        }
    };
    section.close(found);
    Some(Header { title, description, references, model: model? })
}

/// What the section `State` says; all of it may be absent.
#[derive(Default)]
struct State {
    state_of_charge: Option<f64>,
    initial_temperature_k: Option<f64>,
    electrolyte_concentration: Option<f64>,
    ambient_temperature_k: Option<f64>,
    heat_transfer: Option<f64>,
}

fn state(section: Option<Section>, found: &mut Findings) -> State {
    let mut state = State::default();
    let Some(mut section) = section else { return state };
    if let Some(mut initial) = section.inner("Initial conditions", found) {
        let s = &mut initial;
        state.state_of_charge = s.number("Initial state-of-charge", UNIT, found);
        state.initial_temperature_k = s.number("Initial temperature [K]", TEMPERATURE, found);
        state.electrolyte_concentration =
            s.number("Initial electrolyte concentration [mol.m-3]", POSITIVE, found);
        for name in [
            "Initial hysteresis state: Positive electrode",
            "Initial hysteresis state: Negative electrode",
        ] {
            refuse_state(s, name, "hysteresis of the open-circuit potential", found);
        }
        initial.close(found);
    }
    if let Some(mut thermal) = section.inner("Thermal environment", found) {
        let s = &mut thermal;
        state.ambient_temperature_k = s.number("Ambient temperature [K]", TEMPERATURE, found);
        state.heat_transfer =
            s.number("Heat transfer coefficient [W.m-2.K-1]", NOT_NEGATIVE, found);
        thermal.close(found);
    }
    if let Some(mut degradation) = section.inner("Degradation", found) {
        for name in ["LLI", "LAM: Positive electrode", "LAM: Negative electrode"] {
            refuse_state(&mut degradation, name, "degradation other than 0", found);
        }
        degradation.close(found);
    }
    section.close(found);
    state
}

/// Refuses a state that is there and not zero.
fn refuse_state(
    section: &mut Section,
    name: &'static str,
    what: &'static str,
    found: &mut Findings,
) {
    if section.take(name).is_some_and(|value| value.as_f64() != Some(0.0)) {
        let path = section.at(name);
        let way_out = "; leave it out to simulate without it";
        found.errors.push(BpxError::Unsupported { path, what, way_out });
    }
}

/// Fields of the section `Cell`.
struct CellFields {
    area_m2: Option<f64>,
    capacity_a_h: Option<f64>,
    cutoffs_v: Option<(f64, f64)>,
    reference_k: f64,
    /// Heat capacity in J K-1 and cooled surface in m2.
    heat: Option<(f64, f64)>,
}

fn cell_fields(mut s: Section, state: &mut State, found: &mut Findings) -> CellFields {
    let pair_area = s.needed("Electrode area [m2]", POSITIVE, found);
    let pairs =
        s.needed("Number of electrode pairs connected in parallel to make a cell", POSITIVE, found);
    let lower = s.needed("Lower voltage cut-off [V]", ANY, found);
    let upper = s.needed("Upper voltage cut-off [V]", ANY, found);
    let capacity_a_h = s.needed("Nominal cell capacity [A.h]", POSITIVE, found);
    let surface = s.number("External surface area [m2]", POSITIVE, found);
    let volume = s.number("Volume [m3]", POSITIVE, found);
    let density = s.number("Density [kg.m-3]", POSITIVE, found);
    let specific_heat = s.number("Specific heat capacity [J.K-1.kg-1]", POSITIVE, found);
    let reference = s.number("Reference temperature [K]", TEMPERATURE, found);
    if found.major == 0 {
        // a lumped cell has no use for it
        s.take("Thermal conductivity [W.m-1.K-1]");
        moved(
            &mut s,
            ("Ambient temperature [K]", TEMPERATURE),
            &mut state.ambient_temperature_k,
            found,
        );
        moved(
            &mut s,
            ("Initial temperature [K]", TEMPERATURE),
            &mut state.initial_temperature_k,
            found,
        );
    } else {
        refuse_moved(
            &mut s,
            "Ambient temperature [K]",
            "State/Thermal environment/Ambient temperature [K]",
            found,
        );
        refuse_moved(
            &mut s,
            "Initial temperature [K]",
            "State/Initial conditions/Initial temperature [K]",
            found,
        );
    }
    let reference_k = reference.unwrap_or_else(|| {
        let path = s.at("Reference temperature [K]");
        found.warnings.push(BpxWarning::Assumed { path, value: "298.15 K".into() });
        298.15
    });
    let cutoffs_v = lower.zip(upper);
    if let Some((low, high)) = cutoffs_v.filter(|(low, high)| low >= high) {
        found.errors.push(BpxError::Contradictory {
            path: s.at("Lower voltage cut-off [V]"),
            reason: format!("the lower cut-off {low} V is not below the upper one {high} V"),
        });
    }
    s.close(found);
    let mass = volume.zip(density).map(|(v, rho)| v * rho);
    let heat = mass.zip(specific_heat).map(|(m, c)| m * c).zip(surface);
    let area_m2 = pair_area.zip(pairs).map(|(a, n)| a * n);
    CellFields { area_m2, capacity_a_h, cutoffs_v, reference_k, heat }
}

/// A field that version 0 keeps here and version 1 in `State`.
fn moved(
    section: &mut Section,
    (name, range): (&'static str, Range),
    slot: &mut Option<f64>,
    found: &mut Findings,
) {
    let Some(value) = section.number(name, range, found) else { return };
    if slot.is_some_and(|other| other != value) {
        found.errors.push(BpxError::Contradictory {
            path: section.at(name),
            reason: "State gives another value for it; remove one of them".into(),
        });
    }
    *slot = Some(value);
}

/// A field that version 1 keeps elsewhere.
fn refuse_moved(section: &mut Section, name: &'static str, now: &str, found: &mut Findings) {
    if section.take(name).is_some() {
        found.errors.push(BpxError::Unknown {
            path: section.at(name),
            version: found.version.clone(),
            hint: format!("; it belongs into `{now}`"),
        });
    }
}

fn electrolyte(
    mut s: Section,
    reference_k: f64,
    state: &mut State,
    found: &mut Findings,
) -> Option<Electrolyte> {
    const OLD: &str = "Initial concentration [mol.m-3]";
    const NEW: &str = "State/Initial conditions/Initial electrolyte concentration [mol.m-3]";
    if found.major == 0 {
        moved(&mut s, (OLD, POSITIVE), &mut state.electrolyte_concentration, found);
        if state.electrolyte_concentration.is_none() {
            found.errors.push(BpxError::Missing { path: s.at(OLD), why: String::new() });
        }
    } else {
        refuse_moved(&mut s, OLD, NEW, found);
    }
    let concentration = state.electrolyte_concentration.unwrap_or_else(|| {
        let (path, value) = (NEW.to_string(), "1000 mol m-3".to_string());
        found.warnings.push(BpxWarning::Assumed { path, value });
        1000.0
    });
    let transference = s.needed("Cation transference number", UNIT, found);
    let diffusivity = ("Diffusivity [m2.s-1]", "Diffusivity activation energy [J.mol-1]");
    let conductivity = ("Conductivity [S.m-1]", "Conductivity activation energy [J.mol-1]");
    let diffusivity = electrodes::property(&mut s, diffusivity, reference_k, found);
    let conductivity = electrodes::property(&mut s, conductivity, reference_k, found);
    let around = (0.5 * concentration, 1.5 * concentration);
    for (name, property) in
        [("Diffusivity [m2.s-1]", &diffusivity), ("Conductivity [S.m-1]", &conductivity)]
    {
        if let Some(property) = property {
            electrodes::check(&s.at(name), &property.function, around, POSITIVE, found);
        }
    }
    s.close(found);
    Some(Electrolyte {
        concentration_mol_m3: concentration,
        transference_number: transference?,
        diffusivity: diffusivity?,
        conductivity: conductivity?,
    })
}

/// The separator: its pores and its thickness in m.
fn separator(mut s: Section, found: &mut Findings) -> Option<(Pores, f64)> {
    let thickness = s.needed("Thickness [m]", POSITIVE, found);
    let pores = electrodes::pores(&mut s, true, found);
    s.close(found);
    Some((pores?, thickness?))
}

fn cell(mut s: Section, header: &Header, mut state: State, found: &mut Findings) -> Option<Cell> {
    let whole = ["Electrolyte", "Separator"];
    let resolved = match header.model {
        BpxModel::Dfn | BpxModel::Spme => true,
        BpxModel::Spm => false,
        BpxModel::Partial => whole.iter().all(|name| s.has(name)),
    };
    let fields = s.require("Cell", found);
    let fields = fields.and_then(|v| Section::new("Parameterisation/Cell", v, found))?;
    let fields = cell_fields(fields, &mut state, found);
    let reference = fields.reference_k;
    let (electrolyte, separator) = if resolved {
        let read = s.require("Electrolyte", found);
        let read = read.and_then(|v| Section::new(&s.at("Electrolyte"), v, found));
        let electrolyte = read.and_then(|e| electrolyte(e, reference, &mut state, found));
        let read = s.require("Separator", found);
        let read = read.and_then(|v| Section::new(&s.at("Separator"), v, found));
        (electrolyte, read.and_then(|l| separator(l, found)))
    } else {
        leave_layers(&mut s, header.model, whole, found);
        (None, None)
    };
    let mut electrode = |name, positive| {
        let read = s.require(name, found);
        let read = read.and_then(|v| Section::new(&s.at(name), v, found))?;
        Some(electrodes::electrode(read, resolved, positive, reference, found))
    };
    let (negative, positive) =
        (electrode("Negative electrode", false), electrode("Positive electrode", true));
    s.close(found);
    let porous = layers(electrolyte, separator, negative.as_ref(), positive.as_ref());
    let temperature = temperature(&state, reference, found);
    let (lower_cutoff_v, upper_cutoff_v) = fields.cutoffs_v?;
    let cell = Cell {
        name: header.title.clone().unwrap_or_else(|| "BPX cell".into()),
        source: header.references.clone().or(header.description.clone()).unwrap_or_default(),
        area_m2: fields.area_m2?,
        nominal_capacity_a_h: fields.capacity_a_h?,
        lower_cutoff_v,
        upper_cutoff_v,
        reference_temperature_k: reference,
        negative: negative?.electrode?,
        positive: positive?.electrode?,
        porous,
        thermal: fields.heat.map(|(heat_capacity_j_k, cooling_area_m2)| Thermal {
            heat_capacity_j_k,
            cooling_area_m2,
            heat_transfer_w_m2_k: state.heat_transfer.unwrap_or(0.0),
            ambient_temperature_k: state.ambient_temperature_k.unwrap_or(temperature),
        }),
        initial: InitialState {
            stoichiometry_n: 0.0,
            stoichiometry_p: 0.0,
            temperature_k: temperature,
        },
    };
    compare_with_cutoffs(&cell, found);
    compare_capacities(&cell, found);
    found.warnings.extend(super::doubt::doubts(&cell));
    // the range was checked on reading
    cell.at_state_of_charge(state.state_of_charge.unwrap_or(1.0)).ok()
}

/// A file for single particles that describes the layers contradicts itself; one that is partial may have one of them.
fn leave_layers(
    section: &mut Section,
    model: BpxModel,
    names: [&'static str; 2],
    found: &mut Findings,
) {
    for (name, without) in [(names[0], names[1]), (names[1], names[0])] {
        if section.take(name).is_none() {
            continue;
        }
        let path = section.at(name);
        if model == BpxModel::Partial {
            found.warnings.push(BpxWarning::NotResolved { path, without });
        } else {
            found.errors.push(BpxError::Contradictory {
                path,
                reason:
                    "the header says that the model is SPM, which has no such layer; write DFN or \
                         SPMe there, or remove this"
                        .into(),
            });
        }
    }
}

fn layers(
    electrolyte: Option<Electrolyte>,
    separator: Option<(Pores, f64)>,
    negative: Option<&ReadElectrode>,
    positive: Option<&ReadElectrode>,
) -> Option<Porous> {
    let (pores_s, separator_thickness_m) = separator?;
    let (pores_n, conductivity_n_s_m) = negative?.porous?;
    let (pores_p, conductivity_p_s_m) = positive?.porous?;
    Some(Porous {
        electrolyte: electrolyte?,
        pores_n,
        pores_s,
        pores_p,
        separator_thickness_m,
        conductivity_n_s_m,
        conductivity_p_s_m,
    })
}

/// Temperature at the start in K: as given, else that around the cell, else the reference.
fn temperature(state: &State, reference_k: f64, found: &mut Findings) -> f64 {
    if let Some(given) = state.initial_temperature_k {
        return given;
    }
    let taken = state.ambient_temperature_k.unwrap_or(reference_k);
    let path = "State/Initial conditions/Initial temperature [K]".to_string();
    found.warnings.push(BpxWarning::Assumed { path, value: format!("{taken} K") });
    taken
}

/// A window that reaches beyond the cut-offs is worth a word, as in the standard.
fn compare_with_cutoffs(cell: &Cell, found: &mut Findings) {
    for (end, name, cutoff_v, sign) in [
        (1.0, "Upper voltage cut-off [V]", cell.upper_cutoff_v, 1.0),
        (0.0, "Lower voltage cut-off [V]", cell.lower_cutoff_v, -1.0),
    ] {
        let open_circuit_v = cell.open_circuit_voltage_at(end);
        if sign * (open_circuit_v - cutoff_v) > VOLTAGE_TOLERANCE_V {
            let path = format!("Parameterisation/Cell/{name}");
            found.warnings.push(BpxWarning::VoltageBeyondCutoff { path, open_circuit_v, cutoff_v });
        }
    }
}

/// The capacity as stated, and those of the windows of both electrodes, are of one cell.
fn compare_capacities(cell: &Cell, found: &mut Findings) {
    let path = "Parameterisation/Cell/Nominal cell capacity [A.h]";
    let of = |e: &Electrode| {
        let swing = (e.stoichiometry_full - e.stoichiometry_empty).abs();
        swing * e.capacity_c_m2() * cell.area_m2 / 3600.0
    };
    let (stated, n, p) = (cell.nominal_capacity_a_h, of(&cell.negative), of(&cell.positive));
    let apart = |a: f64, b: f64| (a / b).max(b / a);
    let worst = apart(stated, n).max(apart(stated, p));
    if worst > IMPOSSIBLE {
        found.errors.push(BpxError::Contradictory {
            path: path.into(),
            reason: format!(
                "{stated} A h are stated, but the stoichiometries of the negative electrode span {n:.4} A h \
                 and those of the positive one {p:.4} A h; check the area, the number of electrode pairs \
                 and the maximum concentrations"
            ),
        });
    } else if worst > DOUBTFUL || apart(n, p) > UNEVEN {
        found.warnings.push(BpxWarning::Capacity {
            path: path.into(),
            stated_a_h: stated,
            negative_a_h: n,
            positive_a_h: p,
        });
    }
}

/// The section `User-defined`.
fn user_section(value: Value, found: &mut Findings) -> Option<BTreeMap<String, UserDefined>> {
    match user_value("Parameterisation/User-defined", value) {
        Ok(UserDefined::Group(group)) => Some(group),
        Ok(_) => {
            found.errors.push(BpxError::WrongKind {
                path: "Parameterisation/User-defined".into(),
                expected: "an object in braces",
                found: "a single value".into(),
            });
            None
        }
        Err(error) => {
            found.errors.push(error);
            None
        }
    }
}

fn user_value(path: &str, value: Value) -> Result<UserDefined, BpxError> {
    match value {
        Value::Object(map) if !(map.contains_key("x") && map.contains_key("y")) => {
            let mut group = BTreeMap::new();
            for (name, value) in map {
                let value = match value {
                    Value::String(text) if name == "description" => UserDefined::Description(text),
                    value => user_value(&format!("{path}/{name}"), value)?,
                };
                group.insert(name, value);
            }
            Ok(UserDefined::Group(group))
        }
        value => function(path, value).map(UserDefined::Function),
    }
}

/// Measured curves; their current changes its sign on the way.
fn curves(value: Value, found: &mut Findings) -> Vec<Validation> {
    let Value::Object(map) = value else {
        let error = BpxError::WrongKind {
            path: "Validation".into(),
            expected: "an object of experiments",
            found: "something else".into(),
        };
        found.errors.push(error);
        return vec![];
    };
    map.into_iter().filter_map(|(name, value)| curve(name, value, found)).collect()
}

fn curve(name: String, value: Value, found: &mut Findings) -> Option<Validation> {
    let mut section = Section::new(&format!("Validation/{name}"), value, found)?;
    let mut list = |field, needed: bool| {
        let value = if needed { section.require(field, found) } else { section.take(field) }?;
        match numbers(&section.at(field), &value) {
            Ok(list) => Some(list),
            Err(error) => {
                found.errors.push(error);
                None
            }
        }
    };
    let (time_s, current) = (list("Time [s]", true), list("Current [A]", true));
    let (voltage_v, temperature_k) = (list("Voltage [V]", true), list("Temperature [K]", false));
    let path = section.at("Time [s]");
    section.close(found);
    let (time_s, current, voltage_v) = (time_s?, current?, voltage_v?);
    let temperatures = temperature_k.as_ref().map_or(time_s.len(), Vec::len);
    if [current.len(), voltage_v.len(), temperatures].iter().any(|n| *n != time_s.len()) {
        let reason = format!(
            "{} times, {} currents, {} voltages and {temperatures} temperatures do not belong together",
            time_s.len(),
            current.len(),
            voltage_v.len()
        );
        found.errors.push(BpxError::Contradictory { path, reason });
        return None;
    }
    let current_a = current.iter().map(|i| -i).collect();
    Some(Validation { name, time_s, current_a, voltage_v, temperature_k })
}
