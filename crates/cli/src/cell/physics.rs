//! What a table `[cell]` makes of a problem: coordinates, fields and outputs.

use surrogate_battery::Cell;
use surrogate_battery::bpx;
use surrogate_battery::cell::sets;
use surrogate_battery::solve::{
    Model, Multipliers, Options, Parameter, ProtocolStep, SolveError, simulate,
};
use surrogate_cells::{Axis, CellProblem, Quantity as AxisQuantity};
use surrogate_problem::Problem;
use surrogate_problem::cell::{
    CellMistake, CellModel, CellPhysics, CellPlace, CellRange, CellSource, CellTable, unknown_name,
};

use super::summary::{model_names, models};
use crate::failure::Failure;

/// Parameter of the current.
const C_RATE: &str = "c_rate";
/// Time by which the slowest discharge is exceeded, as a share of it.
const BEYOND: f64 = 0.01;
/// Time at which the fastest discharge of the box must still be under way, s.
const UNDER_WAY_S: f64 = 1e-3;

/// Active material and pores together that a box may reach: published sets have 1, and a few percent more
/// are what calibration needs.
const FULLEST: f64 = 1.1;
/// Temperatures in K of cells that hold a liquid electrolyte.
const TEMPERATURES_K: std::ops::RangeInclusive<f64> = 200.0..=400.0;

type Mistakes = Vec<CellMistake>;

/// What a field of a cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Terminal voltage, V, of time.
    Voltage,
    /// Lithium in the electrolyte, mol m-3.
    Electrolyte,
    /// Potential of the electrolyte, V.
    ElectrolytePotential,
    /// Potential of the solid, V; none in the separator.
    SolidPotential,
    /// Reaction current density out of the particles, A m-2; none in the separator.
    Reaction,
    /// Lithium at the surface of the particles, mol m-3; none in the separator.
    Surface,
    /// Lithium in the particles at half their radius, mol m-3; none in the separator.
    HalfRadius,
    /// Lithium in the middle of the particles, mol m-3; none in the separator.
    Centre,
}

/// A field: quantity, name, unit, words for people.
type FieldWords = (Quantity, &'static str, &'static str, &'static str);

/// The fields by name.
const FIELDS: [FieldWords; 8] = [
    (Quantity::Voltage, "voltage", "V", "terminal voltage, down to the cut-off"),
    (Quantity::Electrolyte, "c_e", "mol/m^3", "lithium in the electrolyte"),
    (
        Quantity::ElectrolytePotential,
        "phi_e",
        "V",
        "potential of the electrolyte, over the solid at the negative collector",
    ),
    (
        Quantity::SolidPotential,
        "phi_s",
        "V",
        "potential of the solid, over that at the negative collector; none in the separator",
    ),
    (
        Quantity::Reaction,
        "j",
        "A/m^2",
        "reaction current density out of the particles; none in the separator",
    ),
    (
        Quantity::Surface,
        "c_surf",
        "mol/m^3",
        "lithium at the surface of the particles; none in the separator",
    ),
    (
        Quantity::HalfRadius,
        "c_half",
        "mol/m^3",
        "lithium in the particles at half their radius; none in the separator",
    ),
    (
        Quantity::Centre,
        "c_centre",
        "mol/m^3",
        "lithium in the middle of the particles; none in the separator",
    ),
];

/// The field of a name.
pub fn field(name: &str) -> Option<Quantity> {
    FIELDS.iter().find(|f| f.1 == name).map(|f| f.0)
}

/// What the parameter of a name varies; nothing if a model of a cell has no such parameter.
pub fn axis(name: &str, model: Model) -> Option<AxisQuantity> {
    const ELECTROLYTE: [AxisQuantity; 2] = [
        AxisQuantity::Factor(Parameter::ElectrolyteDiffusivity),
        AxisQuantity::Factor(Parameter::ElectrolyteConductivity),
    ];
    AxisQuantity::named(name).filter(|q| model != Model::Spm || !ELECTROLYTE.contains(q))
}

/// The cell of a problem over its box; nothing if it has none.
///
/// # Errors
/// What loading the file would have told.
pub fn cell_problem(problem: &Problem) -> Result<Option<CellProblem>, Failure> {
    let Some(table) = &problem.cell else { return Ok(None) };
    let told = |mistakes: Mistakes| {
        let words: Vec<String> = mistakes.into_iter().map(|m| m.message).collect();
        Failure::user(words.join("\n"))
    };
    let (cell, _) = cell(table).map_err(told)?;
    let model = model(table.model);
    let axis = |p: &surrogate_problem::model::Parameter| match axis(&p.name, model) {
        Some(quantity) => Ok(Axis { quantity, lower: p.lower, upper: p.upper, log: p.logarithmic }),
        None => Err(Failure::Internal(format!("a cell has no parameter {}", p.name))),
    };
    let axes = problem.parameters.iter().map(axis).collect::<Result<_, _>>()?;
    Ok(Some(CellProblem::new(cell, model, axes)?))
}

/// The model by the word of the file.
pub fn model(word: CellModel) -> Model {
    match word {
        CellModel::Spm => Model::Spm,
        CellModel::Spme => Model::Spme,
        CellModel::P2d => Model::P2d,
    }
}

fn mistake(key: &'static str, message: impl ToString, help: &str) -> CellMistake {
    let help = (!help.is_empty()).then(|| help.to_string());
    CellMistake { place: CellPlace::Key(key), message: message.to_string(), help }
}

/// The cell of a table at its initial state, and what was assumed of it.
///
/// # Errors
/// All that the table cannot mean.
pub fn cell(table: &CellTable) -> Result<(Cell, Vec<String>), Mistakes> {
    let (cell, warnings) = match &table.source {
        CellSource::Set(name) => {
            let cell = sets::named(name).map_err(|e| vec![mistake("set", e, "")])?;
            (cell, Vec::new())
        }
        CellSource::Bpx { file, text } => {
            let in_file = |e: bpx::BpxError| mistake("bpx", format!("{file}: {e}"), "");
            let read =
                bpx::import(text).map_err(|e| e.0.into_iter().map(in_file).collect::<Vec<_>>())?;
            let warnings = read.warnings.iter().map(|w| format!("{file}: {w}")).collect();
            (read.cell, warnings)
        }
    };
    let mut cell = match table.state_of_charge {
        Some(charge) => cell.at_state_of_charge(charge).map_err(|e| {
            vec![mistake(
                "state_of_charge",
                e,
                "1 is the full cell, which is where most discharges begin",
            )]
        })?,
        None => cell,
    };
    if let Some(kelvin) = table.temperature_k {
        if !TEMPERATURES_K.contains(&kelvin) {
            let (low, high) = (TEMPERATURES_K.start(), TEMPERATURES_K.end());
            let message = format!(
                "the temperature is {kelvin} K ({:.2} degC), but must be from {low} to {high} K",
                kelvin - 273.15
            );
            return Err(vec![mistake("temperature", message, "temperature = \"25 degC\"")]);
        }
        cell = cell.at_temperature(kelvin);
    }
    Ok((cell, warnings))
}

/// What a problem with such a table and such parameters is made of.
///
/// # Errors
/// All that the table and the parameters cannot mean.
pub fn physics(table: &CellTable, ranges: &[CellRange]) -> Result<CellPhysics, Mistakes> {
    let (cell, warnings) = cell(table)?;
    let model = model(table.model);
    if !models(&cell).contains(&model) {
        let message =
            format!("{} has no electrolyte and separator, which {} needs", cell.name, model.name());
        let help = format!("model = \"{}\", or another cell", model_names(&cell));
        return Err(vec![mistake("model", message, &help)]);
    }
    let mut mistakes: Mistakes = ranges.iter().filter_map(|range| wrong(range, model)).collect();
    mistakes.extend(ranges.iter().filter_map(|range| too_full(range, &cell)));
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    under_way(&cell, model, ranges)?;
    Ok(CellPhysics { base: base(&cell, model, ranges), warnings })
}

/// What is wrong with a parameter.
fn wrong((name, lower, _): &CellRange, model: Model) -> Option<CellMistake> {
    let place = CellPlace::Parameter(name.clone());
    if axis(name, model).is_none() {
        let mut known = vec![C_RATE];
        let moves = |p: &&Parameter| axis(p.symbol(), model).is_some();
        known.extend(Parameter::ALL.iter().filter(moves).map(|p| p.symbol()));
        let message = match axis(name, Model::P2d) {
            Some(_) => {
                format!("`{name}` changes nothing in {}: its electrolyte is frozen", model.name())
            }
            None => format!("a cell has no parameter `{name}`"),
        };
        let mut found = unknown_name(place, message, name, &known);
        found.help.get_or_insert_with(|| format!("known: {}", known.join(", ")));
        return Some(found);
    }
    (*lower <= 0.0).then(|| CellMistake {
        place,
        message: format!("`{name}` must be positive"),
        help: Some("it multiplies what the cell has".to_string()),
    })
}

/// Refuses active material that is far more than there is room for beside the pores.
fn too_full((name, _, upper): &CellRange, cell: &Cell) -> Option<CellMistake> {
    let porous = cell.porous.as_ref()?;
    let (side, electrode, pores) = match AxisQuantity::named(name)? {
        AxisQuantity::Factor(Parameter::ActiveFractionN) => {
            ("negative", &cell.negative, porous.pores_n)
        }
        AxisQuantity::Factor(Parameter::ActiveFractionP) => {
            ("positive", &cell.positive, porous.pores_p)
        }
        _ => return None,
    };
    let most = (FULLEST - pores.porosity) / electrode.active_fraction;
    (*upper > most).then(|| CellMistake {
        place: CellPlace::Parameter(name.clone()),
        message: format!(
            "at {upper} times its {} the active material of the {side} electrode and its pores ({}) fill \
             far more than all of it",
            electrode.active_fraction, pores.porosity
        ),
        help: Some(format!("`{name}` is at most {most:.4}")),
    })
}

/// Refuses boxes in which a discharge is over as it begins.
fn under_way(cell: &Cell, model: Model, ranges: &[CellRange]) -> Result<(), Mistakes> {
    // the greatest overpotentials
    let mut multipliers = Multipliers::default();
    let mut c_rate = 1.0;
    for (name, lower, upper) in ranges {
        match axis(name, model) {
            Some(AxisQuantity::CRate) => c_rate = *upper,
            Some(AxisQuantity::Factor(parameter)) => {
                multipliers = multipliers.with(parameter, *lower)
            }
            None => {}
        }
    }
    let options = Options { multipliers, ..Options::default() };
    let discharge = ProtocolStep::discharge(cell, c_rate);
    let step = ProtocolStep { duration_s: Some(UNDER_WAY_S), ..discharge };
    match simulate(cell, model, &[step], &options) {
        Err(
            error @ (SolveError::NothingToPutOut { .. } | SolveError::NoConsistentStart { .. }),
        ) => {
            let why = match error {
                SolveError::NothingToPutOut { .. } => error.to_string(),
                _ => "no voltage drives such a current".to_string(),
            };
            let message = format!(
                "at {c_rate} C and the least diffusivities and exchange currents of the box the discharge is \
                 over as it begins: {why}"
            );
            if ranges.iter().any(|(name, ..)| name == C_RATE) {
                let place = CellPlace::Parameter(C_RATE.to_string());
                let help = Some("lower the upper end of its range".to_string());
                return Err(vec![CellMistake { place, message, help }]);
            }
            Err(vec![mistake("state_of_charge", message, "")])
        }
        Err(error) => Err(vec![mistake("model", error, "")]),
        Ok(_) => Ok(()),
    }
}

/// Coordinates, fields and outputs, as a problem file.
fn base(cell: &Cell, model: Model, ranges: &[CellRange]) -> String {
    let names: Vec<String> = ranges.iter().map(|(name, ..)| format!("{name:?}")).collect();
    let mut text = format!("[coordinates]\nt = \"0 s .. {} s\"\n", longest_s(cell, ranges));
    let across = cell.porous.as_ref().filter(|_| model != Model::Spm);
    if let Some(porous) = across {
        let metres =
            cell.negative.thickness_m + porous.separator_thickness_m + cell.positive.thickness_m;
        let words = "distance from the negative collector";
        text.push_str(&format!(
            "x = {{ range = \"0 m .. {metres} m\", description = \"{words}\" }}\n"
        ));
    }
    for (quantity, name, unit, words) in FIELDS {
        let of = match quantity {
            Quantity::Voltage => "\"t\"",
            _ if across.is_none() => continue,
            _ => "\"t\", \"x\"",
        };
        text.push_str(&format!(
            "[fields.{name}]\nunit = \"{unit}\"\nof = [{of}]\nparameters = [{}]\ndescription = \"{words}\"\n",
            names.join(", ")
        ));
    }
    let (_, name, unit, words) = FIELDS[0];
    text.push_str(&format!(
        "[outputs.{name}]\nexpression = \"{name}\"\nunit = \"{unit}\"\nat_least = \"{} V\"\n\
         description = \"{words}\"\n",
        cell.lower_cutoff_v
    ));
    text
}

/// A time in s which no discharge of the box outlasts.
fn longest_s(cell: &Cell, ranges: &[CellRange]) -> f64 {
    let range = |wanted: &str| ranges.iter().find(|(name, ..)| name == wanted);
    let upper = |wanted: Parameter| range(wanted.symbol()).map_or(1.0, |r| r.2);
    let slowest = range(C_RATE).map_or(1.0, |r| r.1);
    let most = cell
        .charge_to_cutoff_a_h(upper(Parameter::ActiveFractionN), upper(Parameter::ActiveFractionP));
    let seconds = 3600.0 * most / (slowest * cell.nominal_capacity_a_h) * (1.0 + BEYOND);
    // two figures are enough
    let step = 10_f64.powf(seconds.log10().floor() - 1.0);
    (seconds / step).ceil() * step
}
